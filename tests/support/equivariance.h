// Symmetry of layers and models: f(g x) = g f(x) for permutations g of the points, or f(g x) = f(x) where
// the result has one point.
#pragma once

#include <doctest/doctest.h>
#include <eqnn/core/params.h>
#include <eqnn/core/program.h>
#include <eqnn/core/rng.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/reference.h"

namespace eqnn::testing {

using Permutation = std::vector<Index>;  // point i goes to place p[i]

// The extreme elements of S_n (identity, two transpositions, the n-cycle, reversal), and `random` others.
inline std::vector<Permutation> permutations(Index n, int random, std::uint64_t seed) {
  Permutation identity(static_cast<std::size_t>(n));
  std::iota(identity.begin(), identity.end(), Index{0});
  Permutation neighbors = identity, ends = identity, cycle = identity, reversal = identity;
  if (n >= 2) std::swap(neighbors[0], neighbors[1]);
  std::swap(ends.front(), ends.back());
  std::rotate(cycle.begin(), cycle.begin() + 1, cycle.end());
  std::reverse(reversal.begin(), reversal.end());
  std::vector<Permutation> list = {identity, neighbors, ends, cycle, reversal};
  Draws d({seed, Stream::user, 3, 0});
  for (int i = 0; i < random; ++i) {
    Permutation p = identity;
    for (std::size_t k = p.size(); k > 1; --k) std::swap(p[k - 1], p[d.below(static_cast<std::uint32_t>(k))]);
    list.push_back(std::move(p));
  }
  return list;
}

// Allowed |f(g x) - g f(x)| / max(1, max|f(x)|).
template <class T>
constexpr double equivariance_tolerance() {
  return sizeof(T) == 4 ? 1e-5 : 1e-12;
}

struct EquivarianceOptions {
  Index points = 7, channels = 3, examples = 3;
  std::uint64_t seed = 1;
  int random = 6;
  std::vector<Permutation> elements = {};  // empty: permutations(points, random, seed)
};

// What a layer is fed: random points, and random symmetric 0/1 adjacencies without loops.
template <class T>
struct GraphBatch {
  GraphBatch(const EquivarianceOptions& o, const Permutation& p) {
    Draws d({o.seed, Stream::user, 4, 0});
    const auto place = [&](Index i) { return p[static_cast<std::size_t>(i)]; };
    x.resize(static_cast<std::size_t>(o.examples * o.points * o.channels));
    adjacency.resize(static_cast<std::size_t>(o.examples * o.points * o.points));
    const auto edge = [&](Index e, Index i, Index j) -> T& {
      return adjacency[static_cast<std::size_t>((e * o.points + place(i)) * o.points + place(j))];
    };
    for (Index e = 0; e < o.examples; ++e)
      for (Index i = 0; i < o.points; ++i) {
        for (Index c = 0; c < o.channels; ++c)
          x[static_cast<std::size_t>((e * o.points + place(i)) * o.channels + c)] =
              static_cast<T>(2 * d.uniform() - 1);
        for (Index j = 0; j < i; ++j) edge(e, i, j) = edge(e, j, i) = static_cast<T>(d.below(2));
      }
  }
  std::vector<T> x, adjacency;
};

// The largest relative violation by `layer`, a callable (x) or (x, adjacency) that records a value with the
// points of x (then it should be equivariant) or one point (invariant). Infinite for NaN.
template <class T, class Layer>
double equivariance_error(const Params<T>& params, const Layer& layer, const EquivarianceOptions& o = {}) {
  Program<T> program(o.examples, Mode::evaluate);
  const Tensor<T> x = program.input("x", {.points = o.points, .channels = o.channels});
  const Tensor<T> adjacency = program.input("adjacency", {.points = o.points, .channels = o.points});
  Tensor<T> y;
  if constexpr (std::is_invocable_v<Layer, Tensor<T>>)
    y = layer(x);
  else
    y = layer(x, adjacency);
  REQUIRE((y.shape().points == o.points || y.shape().points == 1));
  const bool invariant = y.shape().points == 1;
  program.output("y", y);
  program.finish();
  Workspace<T> w(program);
  w.bind({o.examples, 0, 0, o.seed});
  const auto run = [&](const Permutation& p) {
    const GraphBatch<T> batch(o, p);
    const auto copy = [](const std::vector<T>& from, Block<T> to) {
      for (Index r = 0; r < to.examples * to.points; ++r)
        std::copy_n(from.begin() + r * to.channels, to.channels, to.row(0, r));
    };
    copy(batch.x, w.input("x"));
    copy(batch.adjacency, w.input("adjacency"));
    program.forward(w, params.values().data());
    return w.output("y");
  };
  const auto list = o.elements.empty() ? permutations(o.points, o.random, o.seed) : o.elements;
  Permutation identity(static_cast<std::size_t>(o.points));
  std::iota(identity.begin(), identity.end(), Index{0});
  std::vector<double> plain;
  double scale = 1, worst = 0;
  const Block<const T> first = run(identity);
  for (Index r = 0; r < first.examples * first.points; ++r)
    for (Index c = 0; c < first.channels; ++c) {
      plain.push_back(static_cast<double>(first(0, r, c)));
      scale = std::max(scale, std::abs(plain.back()));
    }
  for (const Permutation& p : list) {
    const Block<const T> moved = run(p);
    std::size_t k = 0;
    for (Index e = 0; e < moved.examples; ++e)
      for (Index i = 0; i < moved.points; ++i)
        for (Index c = 0; c < moved.channels; ++c, ++k) {
          const Index place = invariant ? 0 : p[static_cast<std::size_t>(i)];
          const double error = std::abs(static_cast<double>(moved(e, place, c)) - plain[k]) / scale;
          worst = reference::worse(worst, error);
        }
  }
  return worst;
}

template <class T, class Layer>
void check_equivariance(const Params<T>& params, const Layer& layer, const EquivarianceOptions& o = {}) {
  CHECK(equivariance_error(params, layer, o) <= equivariance_tolerance<T>());
}

}  // namespace eqnn::testing
