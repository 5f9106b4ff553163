// Points and rows of tables that integers choose: values, gradients, indices that are refused.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/gather.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "support/gradcheck.h"
#include "support/rows.h"
#include "support/threads.h"

namespace test_gather {

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

// Index i of example e: with repeats, and points that are not chosen.
std::int32_t chosen(Index e, Index i, Index limit) {
  return static_cast<std::int32_t>((3 * e + i * i + 1) % limit);
}

template <class T>
void fill_index(Workspace<T>& w, Index limit) {
  const Block<std::int32_t> index = w.index_input("index");
  for (Index e = 0; e < index.examples; ++e)
    for (Index i = 0; i < index.points; ++i) index(e, i) = chosen(e, i, limit);
}

}  // namespace

TEST_CASE_TEMPLATE("gathered points and embeddings are the rows that are asked for", T, float, double) {
  for (const Index c : {1, 7, 8, 16, 17})
    for (const Index m : {1, 3, 11}) {
      Params<T> p;
      const Embedding<T> table(p, "table", 5, c);
      draw_off_zero(p, 3);
      Program<T> g(5, Mode::evaluate);
      const IndexInput index = g.index_input("index", {.points = m}, 5);
      g.output("points", gather_points(g.input("x", {.points = 5, .channels = c}), index));
      g.output("rows", table(g, index));
      g.finish();
      Workspace<T> w(g);
      w.bind({3});
      const Dense x = random_matrix(15, c, 4);
      set(w.input("x"), x);
      fill_index(w, 5);
      g.forward(w, p.values().data());
      Dense points(3 * m, c), rows(3 * m, c);
      for (Index e = 0; e < 3; ++e)
        for (Index i = 0; i < m; ++i)
          for (Index j = 0; j < c; ++j) {
            points(e * m + i, j) = x(e * 5 + chosen(e, i, 5), j);
            rows(e * m + i, j) = static_cast<double>(p.view(table.weight)(chosen(e, i, 5), j));
          }
      CHECK(difference(w.output("points"), points) == 0);
      CHECK(difference(w.output("rows"), rows) == 0);
      CHECK((clean(w.output("points")) && clean(w.output("rows"))));
    }
}

TEST_CASE("gradients of gathered points and embeddings equal differences") {
  for (const Index c : {1, 5, 17}) {
    Params<double> p;
    const Param x = p.weight("x", 12, c);
    const Embedding<double> table(p, "table", 4, c);
    draw_off_zero(p, 5);
    const auto model = [&](Program<double>& g) {
      const auto v = parameter_as_input(g, x, 4);
      const IndexInput index = g.index_input("index", {.points = 3}, 4);
      const auto rows = table(g, index);
      return add(mul(gather_points(v, index), rows), mul(gather_points(square(v), index), slice_points(v, 0, 3)));
    };
    check_gradient(p, model, [](Workspace<double>& w) { fill_index(w, 4); });
  }
}

TEST_CASE_TEMPLATE("an embedding trains over blocks of rows to the same bits for any number of threads", T, float,
                   double) {
  const testing::EightThreads eight;
  const auto run = [](Index block, int threads) {
    Params<T> p;
    const Embedding<T> table(p, "table", 6, 4);
    p.initialize(kaiming_uniform, 3);
    Trainer<T> trainer(
        p, {.batch = 50, .shard = 50, .row_block = block, .threads = threads, .optimizer = Sgd{.rate = 0.5}},
        [&](Program<T>& g) {
          const GraphInput graph = g.graph_of_examples("graph", 1);
          (void)graph;
          return cross_entropy(table(g, g.index_input("index", {}, 6)), g.index_input("labels", {}, 4));
        });
    const SparseGraph none = SparseGraph::from_edges(50, {});
    for (int step = 0; step < 3; ++step)
      trainer.step([&](Batch<T>& b) {
        b.bind_graph("graph", none);
        for (Index i = 0; i < 50; ++i) {
          b.indices("index")(i) = chosen(i, 2, 6);
          b.indices("labels")(i) = chosen(i, 1, 4);
        }
      });
    return std::vector<T>(p.values().begin(), p.values().end());
  };
  const std::vector<T> one = run(8, 1), whole = run(0, 1);
  CHECK(run(8, 3) == one);
  double error = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    error = reference::worse(error, std::abs(static_cast<double>(one[i]) - static_cast<double>(whole[i])));
  CHECK(error <= (sizeof(T) == 4 ? 1e-6 : 1e-14));
}

TEST_CASE("indices that do not fit are refused") {
  Params<float> p;
  const Param table = p.weight("table", 4, 3);
  Program<float> g(2, Mode::evaluate);
  const auto x = g.input("x", {.points = 3, .channels = 3});
  const IndexInput four = g.index_input("four", {.points = 2}, 4), five = g.index_input("five", {}, 5),
                   wide = g.index_input("wide", {.points = 2, .channels = 2}, 3);
  CHECK_THROWS_WITH_AS(
      gather_points(x, four),
      "gather_points: the index has limit 4 and x has 3 points; the limit must not be above the points",
      ValueError);
  CHECK_THROWS_WITH_AS(gather_points(x, wide),
                       "gather_points: x is [b, 3, 3] and the index [b, 2, 2]; the index must be [b, m, 1]",
                       ShapeError);
  CHECK_THROWS_WITH_AS(
      embedding(five, g.param(table)),
      "embedding: the index has limit 5 and the table 4 rows; the limit must not be above the rows", ValueError);
  CHECK_THROWS_AS(embedding(wide, g.param(table)), ShapeError);
  CHECK_THROWS_AS(embedding(four, x), ShapeError);
  CHECK_THROWS_AS(gather_points(g.param(table), four), ShapeError);
}

}  // namespace test_gather
