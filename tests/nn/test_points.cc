// Pools, flatten, joins, slices, transpose: values, gradients, symmetry, shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

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

// The loss mean(f(a)) w of three of five examples, f in the pool or, where something else reads it, before it.
template <class T>
struct Pooled {
  std::vector<T> losses, gradient;
  std::vector<std::string> operations;
};
template <class T>
Pooled<T> pooled(Activation f, Index points, Index channels, bool mean, bool twice, bool written) {
  Params<T> p;
  const Param a = p.weight("a", 5 * points, channels), w = p.weight("w", channels, 1);
  testing::draw_off_zero(p, 61);
  Program<T> g(5, Mode::train, true);
  const auto x =
      add(testing::parameter_as_input(g, a, points), g.input("x", {.points = points, .channels = channels}));
  const auto h = activate(x, f);
  if (written) g.output("h", h);
  auto y = mean ? mean_points(h) : sum_points(h);
  if (twice) y = add(y, sum_points(x));  // another gradient to x
  g.finish(linear(y, g.param(w)));
  Workspace<T> space(g);
  space.bind({3});
  Draws d({5, Stream::user, 0, 0});
  const Block<T> in = space.input("x");
  for (Index e = 0; e < 3; ++e)
    for (Index i = 0; i < points; ++i)
      for (Index j = 0; j < channels; ++j) in(e, i, j) = static_cast<T>(d.uniform() - 0.5);
  std::fill(space.weights().begin(), space.weights().end(), T(0.7));
  AlignedBuffer<T> gradient(p.size());
  g.forward(space, p.values().data());
  g.backward(space, gradient.data(), true);
  Pooled<T> result{{}, {gradient.begin(), gradient.end()}, {}};
  for (Index e = 0; e < 3; ++e) result.losses.push_back(space.losses()(e, 0));
  for (int id = 0; id < g.operations(); ++id) result.operations.emplace_back(g.operation_name(id));
  return result;
}

TEST_CASE_TEMPLATE("a pool takes in the relu before it, and no bit changes", T, float, double) {
  const auto has = [](const Pooled<T>& r, const std::string& name) {
    return std::find(r.operations.begin(), r.operations.end(), name) != r.operations.end();
  };
  for (const Activation f : {Activation::relu, Activation::gelu, Activation::square, Activation::tanh})
    for (const Index channels : {1, 17, 100})
      for (const Index points : {1, 9, 70})
        for (const bool mean : {false, true})
          for (const bool twice : {false, true}) {
            const Pooled<T> one = pooled<T>(f, points, channels, mean, twice, false);
            const Pooled<T> two = pooled<T>(f, points, channels, mean, twice, true);
            CHECK(one.losses == two.losses);
            CHECK(one.gradient == two.gradient);
            if (f != Activation::relu) continue;
            const std::string pool = mean ? "mean_points" : "sum_points";
            CHECK((has(one, pool + " of relu") && !has(one, "relu")));
            CHECK((has(two, "relu") && has(two, pool)));
          }
}

TEST_CASE("gradients of pools of activations equal differences") {
  for (const Index c : {1, 5, 17}) {
    check_gradients([](auto x, auto y) { return mul(sum_points(relu(x)), mean_points(gelu(y))); }, c);
    check_gradients([](auto x, auto y) { return mul(mean_points(square(x)), sum_points(tanh(y))); }, c);
    check_gradients([](auto x, auto y) { return add(mean_points(relu(add(x, y))), mean_points(mul(x, y))); }, c);
  }
}

TEST_CASE_TEMPLATE("joins, slices, transpose and the largest of points are what they say", T, float, double) {
  using X = Tensor<T>;
  for (const Index c : kWidths)
    for (const Index n : {1, 4, 9}) {
      const Shape s{.points = n, .channels = c};
      const auto picked = [](Index rows, Index cols, const auto& entry) {
        Dense y(rows, cols);
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < cols; ++j) y(i, j) = entry(i, j);
        return y;
      };
      const auto largest = [&](const Dense& x, const Dense&) {
        Dense y = picked(1, c, [&](Index, Index j) { return x(0, j); });
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < c; ++j) y(0, j) = std::max(y(0, j), x(i, j));
        return y;
      };
      check_operation<T>([](X x, X) { return max_points(x); }, largest, s, s);
      check_operation<T>([](X x, X) { return transpose(x); },
                         [](auto& x, auto&) { return reference::transposed(x); }, s, s);
      check_operation<T>([](X x, X y) { return join_points(x, y); },
                         [&](auto& x, auto& y) {
                           return picked(2 * n, c, [&](Index i, Index j) { return i < n ? x(i, j) : y(i - n, j); });
                         },
                         s, s);
      check_operation<T>(
          [](X x, X y) {
            return join_channels(std::vector<X>{y, x, y});
          },
          [&](auto& x, auto& y) {
            return picked(n, 3 * c, [&](Index i, Index j) { return (j / c == 1 ? x : y)(i, j % c); });
          },
          s, s);
      const Index first = c / 3, count = c - first - c / 4, point = n / 3, points = n - point;
      check_operation<T>(
          [&](X x, X) { return slice_channels(x, first, count); },
          [&](auto& x, auto&) { return picked(n, count, [&](Index i, Index j) { return x(i, first + j); }); }, s,
          s);
      check_operation<T>(
          [&](X x, X) { return slice_points(x, point, points); },
          [&](auto& x, auto&) { return picked(points, c, [&](Index i, Index j) { return x(point + i, j); }); }, s,
          s);
    }
}

TEST_CASE("gradients of joins, slices, transpose and the largest of points equal differences") {
  using X = Tensor<double>;
  for (const Index c : {2, 5, 8, 17}) {
    check_gradients([](X x, X y) { return mul(max_points(x), add(max_points(mul(x, y)), sum_points(y))); }, c);
    check_gradients([](X x, X y) { return mul(transpose(x), add(transpose(y), transpose(square(x)))); }, c);
    check_gradients([](X x, X y) { return mul(join_points(x, y), join_points(mul(x, y), x)); }, c);
    check_gradients([](X x, X y) { return square(join_channels(std::vector<X>{x, y, mul(x, y), x})); }, c);
    check_gradients([](X x, X y) { return mul(slice_channels(x, 1, 1), slice_channels(mul(x, y), 0, 1)); }, c);
    check_gradients([](X x, X y) { return mul(slice_points(x, 1, 2), slice_points(mul(x, y), 2, 2)); }, c);
  }
  // Of equals the first has it.
  Params<double> p;
  const Param a = p.weight("a", 3, 1);
  for (double& v : p.values()) v = 1;
  Program<double> g(1, Mode::train);
  g.finish(max_points(testing::parameter_as_input(g, a, 3)));
  Workspace<double> w(g);
  w.bind({1});
  w.weights()[0] = 1;
  AlignedBuffer<double> gradient(p.size());
  g.forward(w, p.values().data());
  g.backward(w, gradient.data(), true);
  CHECK((gradient[0] == 1 && gradient[a.stride] == 0 && gradient[2 * a.stride] == 0));
}

TEST_CASE("a NaN among the points is the largest") {
  for (const Index place : {0, 1, 2}) {
    Program<float> g(1, Mode::evaluate);
    g.output("y", max_points(g.input("x", {.points = 3})));
    g.finish();
    Workspace<float> w(g);
    w.bind({1});
    for (Index i = 0; i < 3; ++i) w.input("x")(0, i) = i == place ? std::nanf("") : static_cast<float>(i);
    g.forward(w, nullptr);
    CHECK(std::isnan(w.output("y")(0)));
  }
}

TEST_CASE_TEMPLATE("pools are invariant", T, float, double) {
  Params<T> p;
  p.freeze();
  testing::check_equivariance(p, [](Tensor<T> x) { return max_points(x); });
  testing::check_equivariance(p, [](Tensor<T> x) { return slice_channels(join_channels(x, square(x)), 2, 3); });
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
  const auto wide = g.input("wide", {.points = 3, .channels = 5});
  CHECK_THROWS_WITH_AS(
      join_points(x, wide),
      "join_points: shapes [b, 3, 4] and [b, 3, 5] differ in their channels; they must have the same", ShapeError);
  CHECK_THROWS_AS(join_points(std::vector<Tensor<float>>{}), ShapeError);
  CHECK_THROWS_AS(join_channels(std::vector<Tensor<float>>{}), ShapeError);
  CHECK_THROWS_AS(join_channels(std::vector<Tensor<float>>{x, few}), ShapeError);
  CHECK_THROWS_WITH_AS(slice_channels(x, 2, 3),
                       "slice_channels: 3 channels from 2 on are asked for of [b, 3, 4], which has 4", ShapeError);
  CHECK_THROWS_WITH_AS(slice_points(x, -1, 2),
                       "slice_points: 2 points from -1 on are asked for of [b, 3, 4], which has 3", ShapeError);
  CHECK_THROWS_AS(slice_points(x, 0, 0), ShapeError);
  CHECK_THROWS_AS(transpose(v), ShapeError);
  CHECK_THROWS_AS(max_points(v), ShapeError);
  CHECK_THROWS_AS(sum_points(v), ShapeError);
  CHECK_THROWS_AS(mean_points(v), ShapeError);
  CHECK_THROWS_AS(flatten(v), ShapeError);
}

}  // namespace test_points
