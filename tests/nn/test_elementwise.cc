// Elementwise operations: values against the reference, gradients against differences, shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/nn/elementwise.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

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

// A function with its name, plain version, and where to take arguments: positive ones alone, or anything.
template <class T>
struct Function {
  const char* name;
  Tensor<T> (*record)(Tensor<T>);
  double (*plain)(double);
  bool positive = false;
};
template <class T>
const std::vector<Function<T>>& functions() {
  using X = Tensor<T>;
  static const std::vector<Function<T>> list = {
      {"sigmoid", [](X x) { return sigmoid(x); }, [](double v) { return 1 / (1 + std::exp(-v)); }},
      {"exp", [](X x) { return exp(x); }, [](double v) { return std::exp(v); }},
      {"log", [](X x) { return log(x); }, [](double v) { return std::log(v); }, true},
      {"sqrt", [](X x) { return sqrt(x); }, [](double v) { return std::sqrt(v); }, true},
      {"abs", [](X x) { return abs(x); }, [](double v) { return v < 0 ? -v : v; }},
      {"sin", [](X x) { return sin(x); }, [](double v) { return std::sin(v); }},
      {"cos", [](X x) { return cos(x); }, [](double v) { return std::cos(v); }},
      {"leaky_relu", [](X x) { return leaky_relu(x, 0.25); }, [](double v) { return v > 0 ? v : v / 4; }},
      {"clamp", [](X x) { return clamp(x, 0.15, 0.7); },
       [](double v) { return std::min(std::max(v, static_cast<double>(T(0.15))), static_cast<double>(T(0.7))); }},
  };
  return list;
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

TEST_CASE_TEMPLATE("functions of single elements compute their formulas, and leave the padding at zero", T, float,
                   double) {
  for (const Index c : kWidths) {
    const Shape s{.points = 3, .channels = c};
    for (const Function<T>& f : functions<T>()) {
      INFO(f.name);
      const auto argument = [&](Tensor<T> x) {
        return f.positive ? add(square(x), constant(x.program(), x.shape(), 0.5)) : x;
      };
      check_operation<T>(
          [&](auto x, auto) { return f.record(argument(x)); },
          [&](auto& x, auto&) { return map(x, [&](double v) { return f.plain(f.positive ? v * v + 0.5 : v); }); },
          s, s);
    }
    check_operation<T>([](auto x, auto y) { return sub(x, y); },
                       [](auto& x, auto& y) { return zip(x, y, std::minus<>()); }, s, s);
    const auto off_zero = [](Tensor<T> y) { return add(y, constant(y.program(), y.shape(), 0.0625)); };
    check_operation<T>(
        [&](auto x, auto y) { return div(x, off_zero(y)); },
        [](auto& x, auto& y) { return zip(x, y, [](double a, double b) { return a / (b + 0.0625); }); }, s, s);
  }
}

TEST_CASE_TEMPLATE("functions of single elements at the ends of their ranges", T, float, double) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto at = [](Tensor<T> (*f)(Tensor<T>), double v) {
    Program<T> g(1, Mode::evaluate);
    g.output("y", f(g.input("x", {})));
    g.finish();
    Workspace<T> w(g);
    w.bind({1});
    w.input("x")(0) = static_cast<T>(v);
    g.forward(w, nullptr);
    return static_cast<double>(w.output("y")(0));
  };
  for (const Function<T>& f : functions<T>()) {
    INFO(f.name);
    CHECK(std::isnan(at(f.record, std::nan(""))));
    for (const double v : {0.0, infinity, -infinity}) {
      const double got = at(f.record, v), expected = f.plain(v);
      CHECK((got == expected || (std::isnan(got) && std::isnan(expected))));
    }
  }
  // Small values of sigmoid are not lost, and large arguments of sine are reduced.
  CHECK(std::abs(at([](auto x) { return sigmoid(x); }, -60) / std::exp(-60.0) - 1) <= 1e-6);
  CHECK(std::abs(at([](auto x) { return sin(x); }, 1 << 20) - std::sin(1 << 20)) <= 1e-7);
}

TEST_CASE("gradients of functions of single elements equal differences") {
  for (const Index c : {1, 5, 8, 17}) {
    for (const Function<double>& f : functions<double>()) {
      INFO(f.name);
      const auto of = [&](Tensor<double> x) {
        return f.record(f.positive ? add(square(x), constant(x.program(), x.shape(), 0.5)) : x);
      };
      // Off the kinks: parameters are at least 0.2 from 0, and those of clamp are at 0.15 and 0.7.
      Params<double> p;
      const Param a = p.weight("a", 12, c);
      testing::draw_off_zero(p, 37);
      const auto model = [&](Program<double>& g) {
        const auto x = testing::parameter_as_input(g, a, 4);
        return add(mul(of(x), x), of(scale(x, 1.0625)));  // accumulates
      };
      testing::check_gradient(
          p, model, [](Workspace<double>&) {}, {.step = 1e-5}, 1e-8);
    }
    check_gradients([](auto x, auto y) { return sub(mul(x, y), sub(y, scale(x, 3))); }, c);
    const auto off_zero = [](Tensor<double> v) { return add(square(v), constant(v.program(), v.shape(), 2)); };
    check_gradients([&](auto x, auto y) { return add(div(x, off_zero(y)), mul(y, div(y, off_zero(x)))); }, c);
  }
}

TEST_CASE("elementwise operations refuse shapes that differ, and numbers that are not finite") {
  Program<float> g(2, Mode::train);
  const auto x = g.input("x", {.points = 3, .channels = 4}), y = g.input("y", {.points = 3, .channels = 5});
  CHECK_THROWS_WITH_AS(add(x, y), "add: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_WITH_AS(mul(x, y), "mul: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_WITH_AS(sub(x, y), "sub: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_WITH_AS(div(x, y), "div: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_AS(leaky_relu(x, std::nan("")), ValueError);
  CHECK_THROWS_AS(clamp(x, 1, 0.5), ValueError);
  CHECK_THROWS_AS(clamp(x, std::nan(""), 0.5), ValueError);
  CHECK_THROWS_WITH_AS(scale(x, std::numeric_limits<double>::infinity()),
                       "scale: the factor is inf; it must be finite", ValueError);
  CHECK_THROWS_AS(constant(g, {.points = 1, .channels = 1}, std::nan("")), ValueError);
}

}  // namespace test_elementwise
