// Normalisation: values, gradients, errors.
#include <doctest/doctest.h>
#include <eqnn/nn/norm.h>
#include <eqnn/nn/sparse_graphs.h>

#include <cmath>
#include <utility>
#include <vector>

#include "support/gradcheck.h"
#include "support/rows.h"

namespace test_norm {

using namespace eqnn;
using reference::Dense;
using testing::check_gradient;
using testing::clean;
using testing::difference;
using testing::draw_off_zero;
using testing::parameter_as_input;
using testing::random_matrix;
using testing::set;

namespace {

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 5e-6 : 1e-13;

Dense naive_layer_norm(const Dense& x, const Dense& gain, const Dense& bias, double epsilon) {
  Dense y(x.rows, x.cols);
  const double c = static_cast<double>(x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    double mean = 0, variance = 0;
    for (Index j = 0; j < x.cols; ++j) mean += x(i, j) / c;
    for (Index j = 0; j < x.cols; ++j) variance += (x(i, j) - mean) * (x(i, j) - mean) / c;
    for (Index j = 0; j < x.cols; ++j)
      y(i, j) = (x(i, j) - mean) / std::sqrt(variance + epsilon) * gain(0, j) + bias(0, j);
  }
  return y;
}

// Rows starts[k] .. starts[k + 1] together.
Dense naive_graph_norm(const Dense& x, const std::vector<Index>& starts, const Dense& gain, const Dense& bias,
                       const Dense& shift, double epsilon) {
  Dense y(x.rows, x.cols);
  for (std::size_t k = 0; k + 1 < starts.size(); ++k)
    for (Index j = 0; j < x.cols; ++j) {
      const double n = static_cast<double>(starts[k + 1] - starts[k]);
      double mean = 0, square = 0;
      for (Index i = starts[k]; i < starts[k + 1]; ++i) mean += x(i, j) / n;
      for (Index i = starts[k]; i < starts[k + 1]; ++i) square += std::pow(x(i, j) - shift(0, j) * mean, 2) / n;
      for (Index i = starts[k]; i < starts[k + 1]; ++i)
        y(i, j) = (x(i, j) - shift(0, j) * mean) / std::sqrt(square + epsilon) * gain(0, j) + bias(0, j);
    }
  return y;
}

// A path on n nodes, both directions.
SparseGraph path(Index n) {
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  for (std::int32_t v = 0; v + 1 < n; ++v) edges.insert(edges.end(), {{v, v + 1}, {v + 1, v}});
  return SparseGraph::from_edges(n, edges);
}

SparseGraph paths(const std::vector<Index>& sizes) {
  SparseGraph batch(100, 200, 10);
  for (Index n : sizes) batch.append(path(n));
  return batch;
}

}  // namespace

TEST_CASE_TEMPLATE("layer_norm is what its formula says", T, float, double) {
  for (Index channels : {1, 2, 7, 16, 33})
    for (double epsilon : {1e-5, 0.5}) {
      Params<T> params;
      const Param gain = params.weight("gain", 1, channels), bias = params.weight("bias", 1, channels);
      draw_off_zero(params, 2);
      Program<T> g(4, Mode::evaluate);
      const auto x = g.input("x", {.points = 3, .channels = channels});
      g.output("y", layer_norm(x, g.param(gain), g.param(bias), epsilon));
      g.finish();
      Workspace<T> w(g);
      w.bind({3});
      const Dense in = random_matrix(9, channels, 4);
      set(w.input("x"), in);
      g.forward(w, params.values().data());
      const Dense expected =
          naive_layer_norm(in, reference::dense(params.view(gain)), reference::dense(params.view(bias)), epsilon);
      CHECK(difference(w.output("y"), expected) <= kTolerance<T>);
      CHECK(clean(w.output("y")));
    }
}

TEST_CASE_TEMPLATE("graph_norm is what its formula says, dense and sparse", T, float, double) {
  for (Index channels : {1, 5, 17}) {
    Params<T> params;
    const Param gain = params.weight("gain", 1, channels), bias = params.weight("bias", 1, channels),
                shift = params.weight("shift", 1, channels);
    draw_off_zero(params, 2);
    const auto vector = [&](Param p) { return reference::dense(params.view(p)); };
    Program<T> g(5, Mode::evaluate);
    const GraphInput graph = g.graph("graph", 30, 60);
    const auto x = g.input("x", {.points = 4, .channels = channels}),
               nodes = g.input("nodes", graph.nodes, channels);
    g.output("dense", graph_norm(x, g.param(gain), g.param(bias), g.param(shift), 1e-2));
    g.output("sparse", graph_norm(nodes, graph, g.param(gain), g.param(bias), g.param(shift), 1e-2));
    g.finish();
    Workspace<T> w(g);
    w.bind({4});
    const SparseGraph batch = paths({5, 0, 1, 9});
    w.bind_graph("graph", batch);
    const Dense in = random_matrix(16, channels, 4), of_nodes = random_matrix(15, channels, 5);
    set(w.input("x"), in);
    set(w.input("nodes"), of_nodes);
    g.forward(w, params.values().data());
    CHECK(difference(w.output("dense"), naive_graph_norm(in, {0, 4, 8, 12, 16}, vector(gain), vector(bias),
                                                         vector(shift), 1e-2)) <= kTolerance<T>);
    CHECK(difference(w.output("sparse"), naive_graph_norm(of_nodes, {0, 5, 6, 15}, vector(gain), vector(bias),
                                                          vector(shift), 1e-2)) <= kTolerance<T>);
    CHECK(clean(w.output("dense")));
    CHECK(clean(w.output("sparse")));
  }
}

TEST_CASE("gradients of norms equal differences") {
  Params<double> params;
  const Param x = params.weight("x", 3 * 4, 5);
  const LayerNorm<double> layer(params, "layer", 5);
  const GraphNorm<double> graph(params, "graph", 5);
  draw_off_zero(params, 3);
  const auto input = [&](Program<double>& g) { return parameter_as_input(g, x, 4); };
  SUBCASE("layer_norm") {
    check_gradient(params, [&](Program<double>& g) { return layer(input(g)); });
  }
  SUBCASE("graph_norm") {
    check_gradient(params, [&](Program<double>& g) { return graph(input(g)); });
  }
  SUBCASE("a norm beside another reader of its input, and the same parameters twice") {
    check_gradient(
        params,
        [&](Program<double>& g) {
          const auto v = input(g);
          return add(add(mul(v, layer(v)), graph(v)), mul(graph(layer(v)), v));
        },
        [](Workspace<double>&) {}, {.step = 3e-4});
  }
}

TEST_CASE("gradients of graph_norm over graphs of different sizes equal differences") {
  Params<double> params;
  const Linear<double> embed(params, "embed", 3, 5);
  const GraphNorm<double> norm(params, "norm", 5), again(params, "again", 5);
  draw_off_zero(params, 3);
  const SparseGraph batch = paths({4, 0, 7});
  const auto model = [&](Program<double>& g) {
    const GraphInput graph = g.graph("graph", 20, 40);
    const auto x = tanh(embed(g.input("x", graph.nodes, 3)));
    return sum_nodes(mul(tanh(again(norm(x, graph), graph)), x), graph);
  };
  check_gradient(params, model, [&](Workspace<double>& w) {
    w.bind_graph("graph", batch);
    set(w.input("x"), random_matrix(11, 3, 6));
  });
}

TEST_CASE("norms that are recorded wrongly say how") {
  Params<float> params;
  const Param four = params.vector("four", 4, 1), five = params.vector("five", 5, 1);
  params.freeze();
  Program<float> g(3, Mode::train);
  const GraphInput graph = g.graph("graph", 10, 10);
  const auto x = g.input("x", {.points = 2, .channels = 4}), nodes = g.input("nodes", graph.nodes, 4);
  const auto a = g.param(four), b = g.param(five);
  CHECK_THROWS_WITH_AS(
      layer_norm(x, a, b),
      "layer_norm: x is [b, 2, 4] and a parameter is [shared, 1, 5]; it must have one entry a channel", ShapeError);
  CHECK_THROWS_WITH_AS(layer_norm(x, a, a, 0.0), "layer_norm: epsilon is 0.000000; it must be positive and finite",
                       ValueError);
  CHECK_THROWS_AS(layer_norm(a, a, a), ShapeError);
  CHECK_THROWS_AS(graph_norm(x, a, a, b), ShapeError);
  CHECK_THROWS_AS(graph_norm(nodes, a, a, a), ShapeError);
  CHECK_THROWS_AS(graph_norm(x, graph, a, a, a), ShapeError);
}

}  // namespace test_norm
