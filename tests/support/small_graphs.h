// Layers on small random graphs, against formulas in double.
#pragma once

#include <doctest/doctest.h>
#include <eqnn/core/params.h>
#include <eqnn/core/program.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/reference.h"

namespace eqnn::testing {

using reference::Dense;

// One graph, random points [n, c] and a random symmetric adjacency.
struct SmallGraph {
  SmallGraph(Index n, Index c, std::uint64_t seed) : x(n, c), a(n, n) {
    Draws d({seed, Stream::user, 0, 0});
    for (double& v : x.data) v = d.below(17) / 8.0 - 1;  // exact in float
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < i; ++j) a(i, j) = a(j, i) = d.below(2);
  }
  Dense x, a;
};

inline std::vector<SmallGraph> graphs(Index n, Index c) {
  return {SmallGraph(n, c, 1), SmallGraph(n, c, 2), SmallGraph(n, c, 3)};
}

inline Dense plus_bias(Dense y, const Dense& bias) {
  for (Index i = 0; i < y.rows; ++i)
    for (Index j = 0; j < y.cols; ++j) y(i, j) += bias(0, j);
  return y;
}

// Runs `model(x, adjacency)` on the graphs, and compares each result with `naive(graph)`.
template <class T, class Model, class Naive>
void check_layer(const Params<T>& params, const Model& model, const Naive& naive,
                 const std::vector<SmallGraph>& graphs) {
  const Index count = static_cast<Index>(graphs.size()), n = graphs[0].x.rows;
  Program<T> g(count, Mode::evaluate);
  const auto x = g.input("x", {.points = n, .channels = graphs[0].x.cols});
  const auto a = g.input("adjacency", {.points = n, .channels = n});
  g.output("y", model(x, a));
  g.finish();
  Workspace<T> w(g);
  w.bind({count});
  for (Index e = 0; e < count; ++e)
    for (Index i = 0; i < n; ++i) {
      const SmallGraph& graph = graphs[static_cast<std::size_t>(e)];
      for (Index j = 0; j < graph.x.cols; ++j) w.input("x")(e, i, j) = static_cast<T>(graph.x(i, j));
      for (Index j = 0; j < n; ++j) w.input("adjacency")(e, i, j) = static_cast<T>(graph.a(i, j));
    }
  g.forward(w, params.values().data());
  const Block<const T> y = w.output("y");
  double error = 0;
  for (Index e = 0; e < count; ++e) {
    const Dense expected = naive(graphs[static_cast<std::size_t>(e)]);
    REQUIRE((expected.rows == y.points && expected.cols == y.channels));
    for (Index i = 0; i < y.points; ++i)
      for (Index j = 0; j < y.channels; ++j)
        error = reference::worse(error, std::abs(static_cast<double>(y(e, i, j)) - expected(i, j)) /
                                            std::max(1.0, std::abs(expected(i, j))));
  }
  CHECK(error <= (sizeof(T) == 4 ? 2e-6 : 1e-14));
}

}  // namespace eqnn::testing
