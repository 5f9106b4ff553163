// Linear maps and Mlps: names, values, symmetry, gradients, shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "support/equivariance.h"
#include "support/gradcheck.h"
#include "support/small_graphs.h"

namespace test_dense {

using namespace eqnn;
using reference::Dense;
using testing::check_layer;
using testing::graphs;
using testing::plus_bias;
using testing::SmallGraph;

namespace {

constexpr Activation kActivations[] = {Activation::none, Activation::relu, Activation::tanh, Activation::gelu,
                                       Activation::square};

double activate(double x, Activation f) {
  switch (f) {
    case Activation::none:
      return x;
    case Activation::relu:
      return reference::unary(kernels::Unary::relu, x);
    case Activation::tanh:
      return reference::unary(kernels::Unary::tanh, x);
    case Activation::gelu:
      return reference::unary(kernels::Unary::gelu, x);
    case Activation::square:
      return reference::unary(kernels::Unary::square, x);
  }
  return x;
}

}  // namespace

TEST_CASE("Linear and Mlp name their parameters as PyTorch modules do") {
  Params<float> p;
  const Linear<float> linear(p, "a", 3, 5), bare(p, "b", 3, 5, false);
  const Mlp<float> mlp(p, "mlp", {2, 7, 4, 1});
  std::vector<std::string> names;
  for (const ParamInfo& info : p.list())
    names.push_back(concat(info.name, " ", info.slice.rows, "x", info.slice.cols));
  CHECK(names == std::vector<std::string>{"a.weight 3x5", "a.bias 1x5", "b.weight 3x5", "mlp.0.weight 2x7",
                                          "mlp.0.bias 1x7", "mlp.1.weight 7x4", "mlp.1.bias 1x4",
                                          "mlp.2.weight 4x1", "mlp.2.bias 1x1"});
  CHECK(!bare.bias);
  CHECK(mlp.layers.size() == 3);
}

TEST_CASE_TEMPLATE("Linear and Mlp compute their formulas", T, float, double) {
  for (const Activation f : kActivations) {
    Params<T> p;
    const Linear<T> linear(p, "a", 3, 5), bare(p, "b", 3, 17, false);
    const Mlp<T> mlp(p, "mlp", {3, 9, 4, 2}, f);
    testing::draw_off_zero(p, 5, 0.05, 0.5);
    const auto layer = [&](const Dense& x, const Linear<T>& l) {
      const Dense y = reference::product(x, reference::dense(p.view(l.weight)));
      return l.bias ? plus_bias(y, reference::dense(p.view(l.bias))) : y;
    };
    check_layer(
        p, [&](auto x, auto) { return linear(x); }, [&](const SmallGraph& g) { return layer(g.x, linear); },
        graphs(4, 3));
    check_layer(
        p, [&](auto x, auto) { return bare(x); }, [&](const SmallGraph& g) { return layer(g.x, bare); },
        graphs(4, 3));
    const auto naive = [&](const SmallGraph& g) {
      Dense x = g.x;
      for (std::size_t i = 0; i < 3; ++i) {
        x = layer(x, mlp.layers[i]);
        if (i < 2)
          for (double& v : x.data) v = activate(v, f);
      }
      return x;
    };
    check_layer(
        p, [&](auto x, auto) { return mlp(x); }, naive, graphs(4, 3));
  }
}

TEST_CASE_TEMPLATE("Linear, Mlp and elementwise functions are equivariant", T, float, double) {
  for (const Activation f : kActivations) {
    Params<T> p;
    const Linear<T> linear(p, "a", 3, 5);
    const Mlp<T> mlp(p, "mlp", {3, 9, 4}, f);
    p.initialize(kaiming_uniform, 7);
    testing::check_equivariance(p, linear);
    testing::check_equivariance(p, mlp);
    testing::check_equivariance(p, [&](Tensor<T> x) { return eqnn::activate(x, f); });
  }
}

TEST_CASE("gradients of linear equal differences") {
  for (const Index in : {1, 5, 8, 17})
    for (const Index out : {1, 3, 16, 19}) {
      Params<double> p;
      const Param x = p.weight("x", 12, in), w = p.weight("w", in, out), b = p.bias("b", out);
      const Param w2 = p.weight("w2", in, out);
      testing::draw_off_zero(p, 24);
      testing::check_gradient(p, [&](Program<double>& g) {
        const auto v = testing::parameter_as_input(g, x, 4);
        return add(linear(v, g.param(w), g.param(b)), linear(v, g.param(w2)));
      });
      // The same weight and bias twice, and a weight that is computed.
      testing::check_gradient(p, [&](Program<double>& g) {
        const auto v = testing::parameter_as_input(g, x, 4);
        const auto y = add(linear(v, g.param(w), g.param(b)), linear(tanh(v), g.param(w), g.param(b)));
        return add(y, linear(v, tanh(g.param(w2)), scale(g.param(b), 2)));
      });
    }
}

TEST_CASE("linear_pair is the sum of two linear maps, with its gradients; other shapes are refused") {
  Params<double> params;
  const Param x = params.weight("x", 3 * 2, 5), z = params.weight("z", 3 * 2, 3);
  const Param w = params.weight("w", 5, 7), v = params.weight("v", 3, 7), b = params.bias("b", 7);
  testing::draw_off_zero(params, 4);
  const auto value = [&](Program<double>& g) {
    const auto p = testing::parameter_as_input(g, x, 2), q = testing::parameter_as_input(g, z, 2);
    return linear_pair(p, g.param(w), q, g.param(v), g.param(b));
  };
  const auto other = [&](Program<double>& g) {
    const auto p = testing::parameter_as_input(g, x, 2), q = testing::parameter_as_input(g, z, 2);
    return add(linear(p, g.param(w), g.param(b)), linear(q, g.param(v)));
  };
  testing::check_gradient(params, [&](Program<double>& g) { return add(tanh(value(g)), scale(other(g), -0.3)); });
  Program<double> g(3, Mode::evaluate);
  g.output("difference", add(value(g), scale(other(g), -1.0)));
  const auto p = g.input("p", {.points = 2, .channels = 5}), q = g.input("q", {.points = 1, .channels = 3});
  CHECK_THROWS_AS(linear_pair(p, g.param(w), q, g.param(v), g.param(b)), ShapeError);
  CHECK_THROWS_AS(linear_pair(p, g.param(v), p, g.param(w), g.param(b)), ShapeError);
  CHECK_THROWS_AS(linear_pair(p, g.param(w), p, g.param(w), g.param(w)), ShapeError);
  g.finish();
  Workspace<double> space(g);
  space.bind({3});
  g.forward(space, params.values().data());
  const Block<const double> y = space.output("difference");
  for (Index i = 0; i < 6; ++i)
    for (Index j = 0; j < 7; ++j) CHECK(std::abs(y.row(0, i)[j]) <= 1e-14);
}

TEST_CASE("linear_pair over many rows, a block at a time, or none, is the sum of two linear maps") {
  for (const Index points : {1, 1500}) {
    Params<double> params;
    const Param x = params.weight("x", 4 * points, 5), z = params.weight("z", 4 * points, 3);
    const Param w = params.weight("w", 5, 7), v = params.weight("v", 3, 7), b = params.bias("b", 7);
    const Param head = params.weight("head", 7, 1);
    testing::draw_off_zero(params, 4);
    const auto gradient = [&](bool pair, Index examples) {
      Program<double> g(4, Mode::train);
      const auto p = testing::parameter_as_input(g, x, points), q = testing::parameter_as_input(g, z, points);
      const auto y = pair ? linear_pair(p, g.param(w), q, g.param(v), g.param(b))
                          : add(linear(p, g.param(w), g.param(b)), linear(q, g.param(v)));
      g.finish(linear(mean_points(tanh(y)), g.param(head)));
      Workspace<double> space(g);
      space.bind({examples});
      std::fill(space.weights().begin(), space.weights().end(), 1.0);
      AlignedBuffer<double> result(params.size());
      std::fill(result.begin(), result.end(), 7.0);
      g.forward(space, params.values().data());
      g.backward(space, result.data(), true);
      return std::vector<double>(result.begin(), result.end());
    };
    for (const Index examples : {0, 4}) {
      const std::vector<double> pair = gradient(true, examples), sum = gradient(false, examples);
      double worst = 0;
      for (std::size_t i = 0; i < pair.size(); ++i)
        worst = std::max(worst, std::abs(pair[i] - sum[i]) / (1 + std::abs(sum[i])));
      CHECK(worst <= 1e-12);
    }
  }
}

TEST_CASE("gradients of a deep Mlp with a layer used twice equal differences") {
  Params<double> p;
  const Mlp<double> first(p, "first", {3, 8, 3}, Activation::gelu),
      second(p, "second", {3, 5, 2}, Activation::tanh);
  testing::draw_off_zero(p, 11, 0.05, 0.5);
  const auto model = [&](Program<double>& g) {
    const auto x = g.input("x", {.points = 2, .channels = 3});
    return second(add(first(x), first(first(x))));
  };
  const auto fill = [](Workspace<double>& w) {
    Draws d({12, Stream::user, 0, 0});
    for (Index e = 0; e < 3; ++e)
      for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 3; ++j) w.input("x")(e, i, j) = d.normal();
  };
  testing::check_gradient(p, model, fill);
}

TEST_CASE("linear refuses weights and biases that do not fit") {
  Params<float> p;
  const Param w = p.weight("w", 4, 5), b = p.bias("b", 6);
  Program<float> g(2, Mode::train);
  const auto x = g.input("x", {.points = 3, .channels = 4}), y = g.input("y", {.points = 3, .channels = 5});
  CHECK_THROWS_WITH_AS(
      linear(y, g.param(w)),
      "linear: x is [b, 3, 5] and the weight is parameter 'w' [shared, 4, 5]; the weight must be a parameter with "
      "one row a channel of x",
      ShapeError);
  CHECK_THROWS_WITH_AS(linear(x, g.param(w), g.param(b)),
                       "linear: the weight is parameter 'w' [shared, 4, 5] and the bias is parameter 'b' [shared, "
                       "1, 6]; the bias must have one "
                       "entry an output channel",
                       ShapeError);
  CHECK_THROWS_AS(linear(x, y), ShapeError);
}

}  // namespace test_dense
