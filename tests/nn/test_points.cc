// Pools, flatten and join_channels: values, gradients, symmetry, shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/points.h>

#include "support/equivariance.h"
#include "support/operations.h"

namespace test_points {

using namespace eqnn;
using reference::Dense;
using testing::check_gradients;
using testing::check_operation;
using testing::kWidths;

TEST_CASE_TEMPLATE("pools compute their formulas", T, float, double) {
  for (const Index c : kWidths)
    for (const Index n : {1, 4, 9}) {
      const Shape s{.points = n, .channels = c};
      const auto sums = [](const Dense& x, double factor) {
        Dense y(1, x.cols);
        for (Index i = 0; i < x.rows; ++i)
          for (Index j = 0; j < x.cols; ++j) y(0, j) += factor * x(i, j);
        return y;
      };
      check_operation<T>([](auto x, auto) { return sum_points(x); }, [&](auto& x, auto&) { return sums(x, 1); }, s,
                         s);
      check_operation<T>([](auto x, auto) { return mean_points(x); },
                         [&](auto& x, auto&) { return sums(x, 1.0 / static_cast<double>(n)); }, s, s);
    }
}

TEST_CASE_TEMPLATE("flatten puts point after point", T, float, double) {
  for (const Index c : kWidths)
    for (const Index points : {1, 2, 3, 5})
      check_operation<T>([](auto x, auto) { return flatten(x); },
                         [](auto& x, auto&) {
                           Dense y(1, x.rows * x.cols);
                           y.data = x.data;
                           return y;
                         },
                         {.points = points, .channels = c}, {});
}

TEST_CASE("gradients of pools, flatten and join_channels equal differences") {
  for (const Index c : {1, 5, 8, 17}) {
    check_gradients([](auto x, auto y) { return mul(sum_points(x), mean_points(y)); }, c);
    check_gradients([](auto x, auto y) { return add(mul(sum_points(x), sum_points(y)), mean_points(x)); }, c);
    check_gradients([](auto x, auto y) { return mul(flatten(x), flatten(add(x, y))); }, c);
  }
  Params<double> p;
  const Param h = p.weight("h", 3 * 4, 3), x2 = p.weight("x2", 3 * 4, 2);
  testing::draw_off_zero(p, 51);
  const auto value = [](Program<double>& g, Param q) { return testing::parameter_as_input(g, q, 4); };
  testing::check_gradient(p, [&](auto& g) { return square(join_channels(value(g, h), value(g, x2))); });
}

TEST_CASE_TEMPLATE("pools are invariant", T, float, double) {
  Params<T> p;
  p.freeze();
  testing::check_equivariance(p, [](Tensor<T> x) { return sum_points(x); });
  testing::check_equivariance(p, [](Tensor<T> x) { return mean_points(x); });
}

TEST_CASE("operations on points refuse parameters, which have no examples, and points that differ") {
  Params<float> p;
  const Param w = p.weight("w", 4, 4);
  Program<float> g(2, Mode::train);
  const auto v = g.param(w);
  const auto x = g.input("x", {.points = 3, .channels = 4}), few = g.input("few", {.points = 4, .channels = 2});
  CHECK_THROWS_WITH_AS(
      join_channels(x, few),
      "join_channels: shapes [b, 3, 4] and [b, 4, 2] differ in their points; they must have the same", ShapeError);
  CHECK_THROWS_AS(sum_points(v), ShapeError);
  CHECK_THROWS_AS(mean_points(v), ShapeError);
  CHECK_THROWS_AS(flatten(v), ShapeError);
}

}  // namespace test_points
