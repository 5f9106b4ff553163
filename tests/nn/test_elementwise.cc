// Elementwise operations: values against the reference, gradients against differences, shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/nn/elementwise.h>

#include <cmath>
#include <functional>
#include <limits>

#include "support/operations.h"

namespace test_elementwise {

using namespace eqnn;
using kernels::Unary;
using reference::Dense;
using testing::check_gradients;
using testing::check_operation;
using testing::kWidths;

namespace {

Dense map(const Dense& x, const std::function<double(double)>& f) {
  Dense y = x;
  for (double& v : y.data) v = f(v);
  return y;
}

Dense zip(const Dense& x, const Dense& y, const std::function<double(double, double)>& f) {
  Dense z = x;
  for (std::size_t i = 0; i < z.data.size(); ++i) z.data[i] = f(x.data[i], y.data[i]);
  return z;
}

template <class T>
Tensor<T> unary(Unary f, Tensor<T> x) {
  switch (f) {
    case Unary::relu:
      return relu(x);
    case Unary::tanh:
      return tanh(x);
    case Unary::gelu:
      return gelu(x);
    case Unary::square:
      return square(x);
  }
  return x;
}

constexpr Unary kUnaries[] = {Unary::relu, Unary::tanh, Unary::gelu, Unary::square};

}  // namespace

TEST_CASE_TEMPLATE("elementwise operations compute their formulas", T, float, double) {
  for (const Index c : kWidths) {
    const Shape s{.points = 3, .channels = c};
    for (const Unary f : kUnaries)
      check_operation<T>([f](auto x, auto) { return unary(f, x); },
                         [f](auto& x, auto&) { return map(x, [f](double v) { return reference::unary(f, v); }); },
                         s, s);
    check_operation<T>([](auto x, auto) { return scale(x, -1.5); },
                       [](auto& x, auto&) { return map(x, [](double v) { return -1.5 * v; }); }, s, s);
    check_operation<T>([](auto x, auto y) { return add(x, y); },
                       [](auto& x, auto& y) { return zip(x, y, std::plus<>()); }, s, s);
    check_operation<T>([](auto x, auto y) { return mul(x, y); },
                       [](auto& x, auto& y) { return zip(x, y, std::multiplies<>()); }, s, s);
    check_operation<T>([](auto x, auto) { return add(x, x); },
                       [](auto& x, auto&) { return map(x, [](double v) { return 2 * v; }); }, s, s);
    check_operation<T>([](auto x, auto) { return mul(x, x); },
                       [](auto& x, auto&) { return map(x, [](double v) { return v * v; }); }, s, s);
  }
}

TEST_CASE_TEMPLATE("constants fill their shape and leave the padding at zero", T, float, double) {
  for (const Index c : kWidths) {
    const Shape s{.points = 3, .channels = c};
    check_operation<T>([s](auto x, auto) { return constant(x.program(), s, 0.75); },
                       [](auto& x, auto&) { return map(x, [](double) { return 0.75; }); }, s, s);
  }
}

TEST_CASE("gradients of elementwise operations equal differences") {
  for (const Index c : {1, 5, 8, 17}) {
    for (const Unary f : kUnaries) {
      INFO("function ", static_cast<int>(f));
      check_gradients([f](auto x, auto y) { return add(unary(f, x), y); }, c);
      check_gradients([f](auto x, auto y) { return mul(unary(f, mul(x, y)), x); }, c);  // accumulates
    }
    check_gradients([](auto x, auto y) { return scale(add(scale(x, 3), y), -0.5); }, c);
    check_gradients([](auto x, auto y) { return add(add(x, x), mul(y, y)); }, c);
    check_gradients([](auto x, auto y) { return mul(x, add(x, y)); }, c);
    check_gradients([](auto x, auto y) { return add(mul(x, constant(x.program(), x.shape(), 0.7)), y); }, c);
  }
}

TEST_CASE("elementwise operations refuse shapes that differ, and numbers that are not finite") {
  Program<float> g(2, Mode::train);
  const auto x = g.input("x", {.points = 3, .channels = 4}), y = g.input("y", {.points = 3, .channels = 5});
  CHECK_THROWS_WITH_AS(add(x, y), "add: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_WITH_AS(mul(x, y), "mul: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_WITH_AS(scale(x, std::numeric_limits<double>::infinity()),
                       "scale: the factor is inf; it must be finite", ValueError);
  CHECK_THROWS_AS(constant(g, {.points = 1, .channels = 1}, std::nan("")), ValueError);
}

}  // namespace test_elementwise
