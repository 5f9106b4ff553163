// Sparse graphs, the operations and layers on them, and training over blocks of rows.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/dropout.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/norm.h>
#include <eqnn/nn/points.h>
#include <eqnn/nn/softmax.h>
#include <eqnn/nn/sparse_graphs.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/equivariance.h"
#include "support/gradcheck.h"
#include "support/reference.h"
#include "support/threads.h"
#include "support/weigh.h"

namespace test_sparse_graphs {

using namespace eqnn;
using reference::Dense;
using testing::check_gradient;
using testing::draw_off_zero;
using testing::EightThreads;
using testing::Permutation;

namespace {

using Edges = std::vector<std::pair<std::int32_t, std::int32_t>>;
constexpr Aggregation kAggregations[] = {Aggregation::sum, Aggregation::mean, Aggregation::max, Aggregation::gcn};

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Random directed edges: loops and repeats as they come, and node 1 (of more than two) is in none.
Edges random_edges(Index nodes, Index edges, std::uint64_t seed) {
  Edges list;
  Draws d({seed, Stream::user, 0, 0});
  const auto node = [&] {
    const auto v = static_cast<std::int32_t>(d.below(static_cast<std::uint32_t>(nodes)));
    return v == 1 && nodes > 2 ? 0 : v;
  };
  for (Index e = 0; e < edges; ++e) {
    const std::int32_t v = node();
    list.emplace_back(v, e % 5 == 0 ? v : node());
    if (e % 4 == 0) list.push_back(list.back());
  }
  return list;
}

struct Part {
  Index nodes;
  Edges edges;
};
// Sizes 6, 0, 1, 9: with an empty graph, one of a single node, and one without edges at the end.
std::vector<Part> parts() {
  return {{6, random_edges(6, 13, 1)}, {0, {}}, {1, {{0, 0}}}, {9, random_edges(9, 20, 2)}, {2, {}}};
}

SparseGraph batch_of(const std::vector<Part>& list) {
  SparseGraph batch(64, 128, 8);
  for (const Part& p : list) batch.append(SparseGraph::from_edges(p.nodes, p.edges));
  return batch;
}

template <class V>
std::vector<V> list_of(const V* data, Index size) {
  return {data, data + size};
}

// Everything of two graphs but where their parts begin.
bool same(const SparseGraph& a, const SparseGraph& b) {
  const Index n = a.nodes(), m = a.edges();
  if (n != b.nodes() || m != b.edges()) return false;
  const auto equal = [](auto* x, auto* y, Index size) { return std::equal(x, x + size, y); };
  return equal(a.offsets(), b.offsets(), n + 1) && equal(a.reverse_offsets(), b.reverse_offsets(), n + 1) &&
         equal(a.neighbors(), b.neighbors(), m) && equal(a.targets(), b.targets(), m) &&
         equal(a.reverse_targets(), b.reverse_targets(), m) && equal(a.reverse_edges(), b.reverse_edges(), m) &&
         equal(a.inverse_degree(), b.inverse_degree(), n) &&
         equal(a.inverse_sqrt_degree(), b.inverse_sqrt_degree(), n);
}

Dense random_matrix(Index rows, Index cols, std::uint64_t seed) {
  Dense m(rows, cols);
  Draws d({seed, Stream::user, 0, 0});
  for (double& v : m.data) v = d.below(17) / 8.0 - 1;  // exact in float, with repeats
  return m;
}

template <class T>
void set(Block<T> to, const Dense& from) {
  for (Index i = 0; i < from.rows; ++i)
    for (Index j = 0; j < from.cols; ++j) to.row(0, i)[j] = static_cast<T>(from(i, j));
}

// Runs model(x, e, graph) on a batch of graphs, on node values x and edge values e; the padding must come out zero.
template <class T, class Model>
Dense computed(const Params<T>& params, const SparseGraph& graph, const Dense& x, const Dense& e,
               const Model& model) {
  Program<T> g(graph.graphs() + 2, Mode::evaluate);
  const GraphInput input = g.graph("graph", graph.nodes() + 3, graph.edges() + 4);
  const auto nodes = g.input("x", input.nodes, x.cols), edges = g.input("e", input.edges, e.cols);
  g.output("y", model(nodes, edges, input));
  g.finish();
  Workspace<T> w(g);
  w.bind({graph.graphs()});
  w.bind_graph("graph", graph);
  set(w.input("x"), x);
  set(w.input("e"), e);
  g.forward(w, params.values().data());
  const Block<const T> y = w.output("y");
  Dense result(y.examples, y.channels);
  bool clean = true;
  for (Index i = 0; i < y.examples; ++i) {
    for (Index j = 0; j < y.channels; ++j) result(i, j) = static_cast<double>(y(i, 0, j));
    for (Index j = y.channels; j < y.stride; ++j) clean = clean && y.row(i)[j] == 0;
  }
  CHECK(clean);
  return result;
}

double difference(const Dense& got, const Dense& expected) {
  REQUIRE((got.rows == expected.rows && got.cols == expected.cols));
  double error = 0;
  for (std::size_t i = 0; i < got.data.size(); ++i)
    error = reference::worse(error,
                             std::abs(got.data[i] - expected.data[i]) / std::max(1.0, std::abs(expected.data[i])));
  return error;
}

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;

// --- plain versions ------------------------------------------------------------------------------------------

Dense naive_aggregate(const Dense& x, const Edges& edges, Aggregation how) {
  std::vector<double> degree(at(x.rows));
  for (const auto& [v, j] : edges) ++degree[at(v)];
  Dense y(x.rows, x.cols);
  for (Index c = 0; c < x.cols; ++c) {
    if (how == Aggregation::gcn)
      for (Index v = 0; v < x.rows; ++v) y(v, c) = x(v, c) / (degree[at(v)] + 1);
    std::vector<bool> any(at(x.rows));
    for (const auto& [v, j] : edges) {
      if (how == Aggregation::max)
        y(v, c) = any[at(v)] ? std::max(y(v, c), x(j, c)) : x(j, c);
      else if (how == Aggregation::gcn)
        y(v, c) += x(j, c) / std::sqrt((degree[at(v)] + 1) * (degree[at(j)] + 1));
      else
        y(v, c) += x(j, c) / (how == Aggregation::mean ? degree[at(v)] : 1);
      any[at(v)] = true;
    }
  }
  return y;
}

// How 0, 1, 2: sum, mean, max.
Dense naive_pool(const Dense& x, const std::vector<Part>& list, int how) {
  Dense y(static_cast<Index>(list.size()), x.cols);
  Index first = 0;
  for (Index g = 0; g < y.rows; first += list[at(g++)].nodes)
    for (Index i = first; i < first + list[at(g)].nodes; ++i)
      for (Index c = 0; c < x.cols; ++c) {
        if (how == 2) y(g, c) = i == first ? x(i, c) : std::max(y(g, c), x(i, c));
        if (how < 2) y(g, c) += x(i, c) / (how == 1 ? static_cast<double>(list[at(g)].nodes) : 1.0);
      }
  return y;
}

// Of the edges of every node, channel by channel.
Dense naive_softmax(const Dense& e, const Edges& edges) {
  Dense y(e.rows, e.cols);
  for (Index k = 0; k < e.rows; ++k)
    for (Index c = 0; c < e.cols; ++c) {
      double sum = 0;
      for (Index other = 0; other < e.rows; ++other)
        if (edges[at(other)].first == edges[at(k)].first) sum += std::exp(e(other, c));
      y(k, c) = std::exp(e(k, c)) / sum;
    }
  return y;
}

// The batch as one list of edges, in the order of the batch's rows.
Edges all_edges(const SparseGraph& g) {
  Edges list;
  for (Index e = 0; e < g.edges(); ++e) list.emplace_back(g.targets()[e], g.neighbors()[e]);
  return list;
}

// The value of loss 0: every entry of a value of any extent with its own weight. The other losses are zero.
Tensor<double> weigh(Tensor<double> x) {
  const auto weight = [](Index i, Index j) { return std::sin(static_cast<double>(3 * i + 7 * j + 1)); };
  return testing::weigh(x, weight);
}

// The rows of a parameter as the values of an extent.
Tensor<double> rows_of(Program<double>& g, Param p, Extent extent) {
  return g.record({
      .name = "rows_of",
      .inputs = {g.param(p)},
      .shape = {extent.id, 1, p.cols},
      .forward =
          [](const Call<double>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              std::copy_n(call.in(0).row(i), call.out().cols, call.out().row(i));
          },
      .backward =
          [](const Call<double>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              for (Index j = 0; j < call.out().cols; ++j) call.in_gradient(0)(i, j) += call.out_gradient()(i, j);
          },
  });
}

using GraphModel = std::function<Tensor<double>(Tensor<double>, Tensor<double>, GraphInput)>;

// Gradients of model(x, e, graph) to nodes' and edges' values and to whatever parameters `params` holds already.
void check_graph_gradient(Params<double>& params, const GraphModel& model, Index channels = 3) {
  const SparseGraph batch = batch_of(parts());
  const Param x = params.weight("x", batch.nodes(), channels), e = params.weight("e", batch.edges(), channels);
  draw_off_zero(params, 7);
  const auto record = [&](Program<double>& g) {
    const GraphInput graph = g.graph("graph", batch.nodes() + 2, batch.edges() + 3);
    const auto nodes = rows_of(g, x, graph.nodes), edges = rows_of(g, e, graph.edges);
    // Edge values and node values are read beside the model, so that its gradients are added, not written.
    return add(weigh(model(nodes, edges, graph)), add(weigh(square(nodes)), weigh(square(edges))));
  };
  check_gradient(
      params, record, [&](Workspace<double>& w) { w.bind_graph("graph", batch); },
      {.examples = batch.graphs(), .step = 1e-4}, 1e-8);
}

// --- node permutations -------------------------------------------------------------------------------------

Part moved(const Part& part, const Permutation& p) {
  Part result{part.nodes, {}};
  for (const auto& [v, j] : part.edges)
    result.edges.emplace_back(static_cast<std::int32_t>(p[at(v)]), static_cast<std::int32_t>(p[at(j)]));
  return result;
}

// f(g x) against g f(x), or f(x) where `pooled`, of model(x, e, graph) on one graph; edge features move with their
// edges.
template <class T, class Model>
double permutation_error(const Params<T>& params, const Model& model, bool pooled) {
  const Part part{9, random_edges(9, 20, 5)};
  const SparseGraph graph = SparseGraph::from_edges(part.nodes, part.edges);
  const Dense x = random_matrix(9, 3, 1);
  // An edge's features are a function of its place in `part.edges`.
  const auto features = [&](const SparseGraph& g, const Edges& edges) {
    Dense e(g.edges(), 3);
    std::vector<std::int32_t> next(g.offsets(), g.offsets() + g.nodes());
    for (std::size_t k = 0; k < edges.size(); ++k) {
      const Index row = next[at(edges[k].first)]++;
      for (Index j = 0; j < 3; ++j) e(row, j) = std::sin(static_cast<double>(k) + 10.0 * static_cast<double>(j));
    }
    return e;
  };
  const Dense plain = computed(params, graph, x, features(graph, part.edges), model);
  double error = 0, scale = 1;
  for (double v : plain.data) scale = std::max(scale, std::abs(v));
  for (const Permutation& p : testing::permutations(9, 6, 3)) {
    const Part other = moved(part, p);
    Dense moved_x(9, 3);
    for (Index i = 0; i < 9; ++i)
      for (Index j = 0; j < 3; ++j) moved_x(p[at(i)], j) = x(i, j);
    const SparseGraph moved_graph = SparseGraph::from_edges(9, other.edges);
    const Dense y = computed(params, moved_graph, moved_x, features(moved_graph, other.edges), model);
    for (Index i = 0; i < plain.rows; ++i)
      for (Index j = 0; j < plain.cols; ++j)
        error = reference::worse(error, std::abs(y(pooled ? i : p[at(i)], j) - plain(i, j)) / scale);
  }
  return error;
}

}  // namespace

TEST_CASE("a sparse graph keeps rows in order, with their transpose") {
  const Edges edges = {{2, 0}, {0, 2}, {2, 2}, {0, 1}, {2, 0}, {0, 0}};
  const SparseGraph g = SparseGraph::from_edges(4, edges);
  using List = std::vector<std::int32_t>;
  CHECK(g.nodes() == 4);
  CHECK(g.edges() == 6);
  CHECK(g.graphs() == 1);
  CHECK(list_of(g.offsets(), 5) == List{0, 3, 3, 6, 6});
  CHECK(list_of(g.neighbors(), 6) == List{2, 1, 0, 0, 2, 0});
  CHECK(list_of(g.targets(), 6) == List{0, 0, 0, 2, 2, 2});
  CHECK(list_of(g.reverse_offsets(), 5) == List{0, 3, 4, 6, 6});
  CHECK(list_of(g.reverse_targets(), 6) == List{0, 2, 2, 0, 0, 2});
  CHECK(list_of(g.reverse_edges(), 6) == List{2, 3, 5, 1, 0, 4});
  CHECK(list_of(g.starts(), 2) == List{0, 4});
  CHECK(list_of(g.inverse_degree(), 4) == std::vector<double>{1 / 3.0, 1, 1 / 3.0, 1});
  CHECK(list_of(g.inverse_sqrt_degree(), 4) == std::vector<double>{0.5, 1, 0.5, 1});
  const List offsets = {0, 3, 3, 6, 6}, neighbors = {2, 1, 0, 0, 2, 0};
  CHECK(same(g, SparseGraph(offsets, neighbors)));
  CHECK(SparseGraph().nodes() == 0);
  CHECK(SparseGraph::from_edges(0, {}).graphs() == 1);
}

TEST_CASE("a batch of graphs is the graph of their union") {
  const std::vector<Part> list = parts();
  Edges edges;
  std::vector<std::int32_t> starts = {0};
  for (const Part& p : list) {
    for (const auto& [v, j] : p.edges) edges.emplace_back(v + starts.back(), j + starts.back());
    starts.push_back(starts.back() + static_cast<std::int32_t>(p.nodes));
  }
  const SparseGraph whole = SparseGraph::from_edges(starts.back(), edges);
  SparseGraph batch = batch_of(list);
  CHECK(same(batch, whole));
  CHECK(batch.graphs() == 5);
  CHECK(list_of(batch.starts(), 6) == starts);
  // Emptied and filled again, it stays where it is in memory.
  const auto memory = [&] {
    return std::vector<const void*>{batch.offsets(),         batch.neighbors(),       batch.targets(),
                                    batch.reverse_offsets(), batch.reverse_targets(), batch.reverse_edges(),
                                    batch.starts(),          batch.inverse_degree(),  batch.inverse_sqrt_degree()};
  };
  const auto before = memory();
  for (int pass = 0; pass < 3; ++pass) {
    batch.clear();
    CHECK((batch.nodes() == 0 && batch.edges() == 0 && batch.graphs() == 0));
    for (const Part& p : list) batch.append(SparseGraph::from_edges(p.nodes, p.edges));
    CHECK(same(batch, whole));
  }
  CHECK(memory() == before);
  // Beyond its room it grows, and a batch may be added to itself.
  SparseGraph twice(0, 0, 0), again = batch;
  twice.append(batch);
  twice.append(batch);
  again.append(again);
  CHECK(same(twice, again));
  CHECK(again.graphs() == 10);
  CHECK(again.nodes() == 2 * whole.nodes());
  CHECK(again.neighbors()[whole.edges()] == whole.neighbors()[0] + whole.nodes());
}

TEST_CASE("a sparse graph that is built wrongly says how") {
  using List = std::vector<std::int32_t>;
  const auto rows = [](const List& offsets, const List& neighbors) { return SparseGraph(offsets, neighbors); };
  CHECK_THROWS_WITH_AS(rows({}, {}), "a graph has 0 row offsets and 0 edges; 1 to 2^31 - 1 offsets are allowed",
                       ValueError);
  CHECK_THROWS_WITH_AS(rows({1, 1}, {0}), "a graph's first row offset is 1; it must be 0", ValueError);
  CHECK_THROWS_WITH_AS(rows({0, 2, 1}, {0}), "row offset 2 of a graph is 1, less than the one before, 2",
                       ValueError);
  CHECK_THROWS_WITH_AS(rows({0, 1, 2}, {0}),
                       "a graph's last row offset is 2 and it has 1 edges; they must be equal", ValueError);
  CHECK_THROWS_WITH_AS(rows({0, 1, 2}, {0, 2}), "edge 1 of a graph leads to node 2; nodes are 0 to 1", ValueError);
  CHECK_THROWS_WITH_AS(rows({0, 1, 2}, {-1, 0}), "edge 0 of a graph leads to node -1; nodes are 0 to 1",
                       ValueError);
  CHECK_THROWS_WITH_AS(SparseGraph::from_edges(2, Edges{{2, 0}}), "an edge starts at node 2; nodes are 0 to 1",
                       ValueError);
  CHECK_THROWS_WITH_AS(SparseGraph::from_edges(2, Edges{{0, 2}}),
                       "edge 0 of a graph leads to node 2; nodes are 0 to 1", ValueError);
  CHECK_THROWS_AS(SparseGraph::from_edges(-1, Edges{}), ValueError);
  CHECK_THROWS_WITH_AS(SparseGraph(-1, 0, 0),
                       "a batch of graphs has room for -1 nodes, 0 edges and 0 graphs; none may be negative",
                       ValueError);
}

TEST_CASE_TEMPLATE("every operation on graphs is what its formula says", T, float, double) {
  const std::vector<Part> list = parts();
  const SparseGraph batch = batch_of(list);
  const Edges edges = all_edges(batch);
  const Params<T> none;
  using Tn = Tensor<T>;
  for (Index c : {1, 5, 16, 37}) {
    const Dense x = random_matrix(batch.nodes(), c, 3), e = random_matrix(batch.edges(), c, 4);
    const auto check = [&](const auto& model, const Dense& expected) {
      CHECK(difference(computed(none, batch, x, e, model), expected) <= kTolerance<T>);
    };
    for (Aggregation how : kAggregations)
      check([&](Tn v, Tn, GraphInput g) { return aggregate_neighbors(v, g, how); }, naive_aggregate(x, edges, how));
    Dense from(e.rows, c), to(e.rows, c), sum(x.rows, c);
    for (Index k = 0; k < e.rows; ++k)
      for (Index j = 0; j < c; ++j) {
        from(k, j) = x(edges[at(k)].second, j);
        to(k, j) = x(edges[at(k)].first, j);
        sum(edges[at(k)].first, j) += e(k, j);
      }
    check([](Tn v, Tn, GraphInput g) { return edge_from(v, g); }, from);
    check([](Tn v, Tn, GraphInput g) { return edge_to(v, g); }, to);
    check([](Tn, Tn m, GraphInput g) { return sum_edges(m, g); }, sum);
    check([](Tn, Tn m, GraphInput g) { return softmax_edges(m, g); }, naive_softmax(e, edges));
    check([](Tn v, Tn, GraphInput g) { return sum_nodes(v, g); }, naive_pool(x, list, 0));
    check([](Tn v, Tn, GraphInput g) { return mean_nodes(v, g); }, naive_pool(x, list, 1));
    check([](Tn v, Tn, GraphInput g) { return max_nodes(v, g); }, naive_pool(x, list, 2));
  }
}

TEST_CASE("gradients of operations on graphs equal differences") {
  const auto check = [](const GraphModel& model) {
    Params<double> params;
    check_graph_gradient(params, model);
  };
  using Td = Tensor<double>;
  for (Aggregation how : kAggregations) {
    CAPTURE(static_cast<int>(how));
    check([&](Td x, Td, GraphInput g) { return aggregate_neighbors(x, g, how); });
    check([&](Td x, Td, GraphInput g) {
      return mul(aggregate_neighbors(tanh(x), g, how), aggregate_neighbors(x, g, how));
    });
  }
  check([](Td x, Td e, GraphInput g) { return mul(edge_from(x, g), e); });
  check([](Td x, Td e, GraphInput g) { return mul(edge_to(x, g), tanh(add(edge_from(x, g), e))); });
  check([](Td x, Td e, GraphInput g) { return mul(sum_edges(e, g), sum_edges(mul(e, edge_to(x, g)), g)); });
  check([](Td, Td e, GraphInput g) { return mul(softmax_edges(square(e), g), add(e, softmax_edges(e, g))); });
  check([](Td x, Td, GraphInput g) { return mul(sum_nodes(x, g), mean_nodes(tanh(x), g)); });
  check([](Td x, Td, GraphInput g) { return mul(sum_nodes(gelu(x), g), mean_nodes(relu(x), g)); });
  check([](Td x, Td, GraphInput g) { return add(mean_nodes(square(x), g), sum_nodes(x, g)); });
  check([](Td x, Td, GraphInput g) { return mul(max_nodes(x, g), sum_nodes(x, g)); });
  check([](Td x, Td, GraphInput g) { return max_nodes(x, g); });
}

TEST_CASE("the gradient of a maximum goes to the first of equals, once") {
  Params<double> params;
  const Param x = params.weight("x", 4, 1);
  for (double& v : params.values()) v = 1;
  const SparseGraph graph = SparseGraph::from_edges(4, Edges{{0, 2}, {0, 1}, {0, 2}, {3, 3}, {3, 0}});
  for (const bool pooled : {false, true}) {
    Program<double> g(1, Mode::train);
    const GraphInput input = g.graph("graph", 4, 5);
    const auto rows = rows_of(g, x, input.nodes);
    g.finish(sum_nodes(
        pooled ? sum_edges(edge_to(rows, input), input) : aggregate_neighbors(rows, input, Aggregation::max),
        input));
    Workspace<double> w(g);
    w.bind({1});
    w.bind_graph("graph", graph);
    w.weights()[0] = 1;
    AlignedBuffer<double> gradient(params.size());
    g.forward(w, params.values().data());
    g.backward(w, gradient.data(), true);
    const auto entry = [&](Index i) { return gradient[x.offset + i * x.stride]; };
    const std::vector<double> got = {entry(0), entry(1), entry(2), entry(3)};
    CHECK(got == (pooled ? std::vector<double>{3, 0, 0, 2} : std::vector<double>{0, 0, 1, 1}));
  }
}

TEST_CASE("gradients of graph layers equal differences") {
  using Td = Tensor<double>;
  for (Index out : {2, 5})
    for (Aggregation how : kAggregations) {
      Params<double> params;
      const GraphConv<double> conv(params, "conv", 3, out, how);
      check_graph_gradient(params, [&](Td x, Td, GraphInput g) { return tanh(conv(x, g)); });
    }
  for (Index out : {2, 5}) {
    Params<double> params;
    const Gcn<double> gcn(params, "gcn", 3, out);
    check_graph_gradient(params, [&](Td x, Td, GraphInput g) { return tanh(gcn(x, g)); });
  }
  for (Index heads : {1, 2}) {
    Params<double> params;
    const Gat<double> gat(params, "gat", 3, 4, heads);
    check_graph_gradient(params, [&](Td x, Td, GraphInput g) { return tanh(gat(x, g)); });
  }
  for (double eps : {0.0, 0.3}) {
    Params<double> params;
    const Gin<double> gin(params, "gin", {3, 4, 3}, eps);
    const Gine<double> gine(params, "gine", {3, 4, 2}, eps);
    check_graph_gradient(params,
                         [&](Td x, Td e, GraphInput g) { return mean_nodes(gine(tanh(gin(x, g)), e, g), g); });
  }
}

TEST_CASE_TEMPLATE("graph layers are what their formulas say", T, float, double) {
  const SparseGraph batch = batch_of(parts());
  const Edges edges = all_edges(batch);
  const Dense x = random_matrix(batch.nodes(), 4, 3), e = random_matrix(batch.edges(), 4, 4);
  const auto affine = [](const Dense& v, const Dense& weight, const Dense& bias) {
    Dense y = reference::product(v, weight);
    for (Index i = 0; i < y.rows; ++i)
      for (Index j = 0; j < y.cols; ++j) y(i, j) += bias(0, j);
    return y;
  };
  for (Index out : {3, 6}) {
    for (Aggregation how : kAggregations) {
      Params<T> params;
      const GraphConv<T> conv(params, "c", 4, out, how);
      draw_off_zero(params, 5);
      REQUIRE((params.list()[0].name == "c.self.weight" && params.list()[1].name == "c.self.bias" &&
               params.list()[2].name == "c.neighbors.weight" && params.list().size() == 3));
      const auto value = [&](int k) { return reference::dense(params.view(params.list()[at(k)].slice)); };
      Dense expected = affine(x, value(0), value(1));
      const Dense taken = reference::product(naive_aggregate(x, edges, how), value(2));
      for (std::size_t i = 0; i < taken.data.size(); ++i) expected.data[i] += taken.data[i];
      CHECK(difference(
                computed(params, batch, x, e, [&](Tensor<T> v, Tensor<T>, GraphInput g) { return conv(v, g); }),
                expected) <= 2 * kTolerance<T>);
    }
    Params<T> params;
    const Gcn<T> gcn(params, "gcn", 4, out);
    const Gine<T> gine(params, "gine", {4, out}, 0.5);
    const Gin<T> gin(params, "gin", {4, out}, 0.25);
    draw_off_zero(params, 5);
    const auto value = [&](int k) { return reference::dense(params.view(params.list()[at(k)].slice)); };
    CHECK(difference(computed(params, batch, x, e, [&](Tensor<T> v, Tensor<T>, GraphInput g) { return gcn(v, g); }),
                     affine(naive_aggregate(x, edges, Aggregation::gcn), value(0), value(1))) <= 2 * kTolerance<T>);
    Dense messages = x, sums = naive_aggregate(x, edges, Aggregation::sum);
    for (double& v : messages.data) v *= 1.5;
    for (std::size_t k = 0; k < edges.size(); ++k)
      for (Index j = 0; j < 4; ++j)
        messages(edges[k].first, j) += std::max(0.0, x(edges[k].second, j) + e(static_cast<Index>(k), j));
    for (std::size_t i = 0; i < sums.data.size(); ++i) sums.data[i] += 1.25 * x.data[i];
    CHECK(difference(
              computed(params, batch, x, e, [&](Tensor<T> v, Tensor<T> f, GraphInput g) { return gine(v, f, g); }),
              affine(messages, value(2), value(3))) <= 2 * kTolerance<T>);
    CHECK(difference(computed(params, batch, x, e, [&](Tensor<T> v, Tensor<T>, GraphInput g) { return gin(v, g); }),
                     affine(sums, value(4), value(5))) <= 2 * kTolerance<T>);
  }
}

TEST_CASE_TEMPLATE("graph attention is what its formula says", T, float, double) {
  const SparseGraph batch = batch_of(parts());
  const Edges edges = all_edges(batch);
  const Dense x = random_matrix(batch.nodes(), 4, 3), none(batch.edges(), 1);
  for (Index heads : {1, 2, 3}) {
    Params<T> params;
    const Gat<T> gat(params, "gat", 4, 6, heads);
    draw_off_zero(params, 5);
    const auto value = [&](int k) { return reference::dense(params.view(params.list()[at(k)].slice)); };
    REQUIRE((params.list()[2].name == "gat.att_src" && params.list()[2].file_shape[1] == heads));
    const Dense z = reference::product(x, value(0)), bias = value(1), from = value(2), to = value(3);
    const Index d = 6 / heads;
    Dense scores(batch.edges(), heads);
    for (Index k = 0; k < scores.rows; ++k)
      for (Index h = 0; h < heads; ++h) {
        double sum = 0;
        for (Index j = h * d; j < (h + 1) * d; ++j)
          sum += to(j, 0) * z(edges[at(k)].first, j) + from(j, 0) * z(edges[at(k)].second, j);
        scores(k, h) = sum > 0 ? sum : 0.2 * sum;
      }
    const Dense a = naive_softmax(scores, edges);
    Dense expected(batch.nodes(), 6);
    for (Index v = 0; v < expected.rows; ++v)
      for (Index j = 0; j < 6; ++j) expected(v, j) = bias(0, j);
    for (Index k = 0; k < scores.rows; ++k)
      for (Index j = 0; j < 6; ++j) expected(edges[at(k)].first, j) += a(k, j / d) * z(edges[at(k)].second, j);
    const auto model = [&](Tensor<T> v, Tensor<T>, GraphInput g) { return gat(v, g); };
    CHECK(difference(computed(params, batch, x, none, model), expected) <= 4 * kTolerance<T>);
  }
  Params<T> params;
  CHECK_THROWS_AS(Gat<T>(params, "gat", 4, 6, 4), ValueError);
}

TEST_CASE_TEMPLATE("the cross entropy of nodes is a mean over each graph, by class and mask", T, float, double) {
  const std::vector<Part> list = parts();
  const SparseGraph batch = batch_of(list);
  const Dense x = random_matrix(batch.nodes(), 3, 3);
  const std::vector<double> classes = {0.5, 1, 2};
  Program<T> g(batch.graphs(), Mode::evaluate);
  const GraphInput graph = g.graph("graph", batch.nodes(), batch.edges());
  const IndexInput labels = g.index_input("labels", {graph.nodes.id}, 3);
  const auto f = g.input("f", graph.nodes, 3), mask = g.input("mask", graph.nodes, 1);
  g.output("loss", cross_entropy(f, labels, graph, {classes, mask}));
  g.finish();
  Workspace<T> w(g);
  w.bind({batch.graphs()});
  w.bind_graph("graph", batch);
  set(w.input("f"), x);
  Dense expected(batch.graphs(), 1);
  for (Index graph_number = 0, v = 0; graph_number < batch.graphs(); ++graph_number) {
    double sum = 0, total = 0;
    for (Index last = v + list[at(graph_number)].nodes; v < last; ++v) {
      const Index label = v % 3;
      w.index_input("labels")(v) = static_cast<std::int32_t>(label);
      w.input("mask")(v) = static_cast<T>(v % 4 != 0);
      const double weight = v % 4 != 0 ? classes[at(label)] : 0;
      sum += weight * (std::log(std::exp(x(v, 0)) + std::exp(x(v, 1)) + std::exp(x(v, 2))) - x(v, label));
      total += weight;
    }
    expected(graph_number, 0) = total > 0 ? sum / total : 0;
  }
  g.forward(w, nullptr);
  double error = 0;
  for (Index i = 0; i < batch.graphs(); ++i)
    error = reference::worse(error, std::abs(static_cast<double>(w.output("loss")(i)) - expected(i, 0)));
  CHECK(error <= 2 * kTolerance<T>);
}

TEST_CASE_TEMPLATE("graph layers commute with permutations of the nodes, and pools do not see them", T, float,
                   double) {
  using Tn = Tensor<T>;
  Params<T> params;
  std::vector<GraphConv<T>> convs;
  for (Aggregation how : kAggregations)
    convs.emplace_back(params, "conv" + std::to_string(convs.size()), 3, 4, how);
  const Gcn<T> gcn(params, "gcn", 3, 4);
  const Gin<T> gin(params, "gin", {3, 6, 4}, 0.1);
  const Gine<T> gine(params, "gine", {3, 6, 4}, 0.1);
  const GraphNorm<T> norm(params, "norm", 4);
  const Gat<T> gat(params, "gat", 3, 4, 2);
  params.initialize(kaiming_uniform, 8);
  CHECK(permutation_error(
            params, [&](Tn x, Tn, GraphInput g) { return gat(x, g); }, false) <=
        testing::equivariance_tolerance<T>());
  const double tolerance = testing::equivariance_tolerance<T>();
  for (const GraphConv<T>& conv : convs)
    CHECK(permutation_error(
              params, [&](Tn x, Tn, GraphInput g) { return conv(x, g); }, false) <= tolerance);
  CHECK(permutation_error(
            params, [&](Tn x, Tn, GraphInput g) { return gcn(x, g); }, false) <= tolerance);
  CHECK(permutation_error(
            params, [&](Tn x, Tn, GraphInput g) { return gin(x, g); }, false) <= tolerance);
  const auto with_edges = [&](Tn x, Tn e, GraphInput g) { return gine(x, e, g); };
  CHECK(permutation_error(params, with_edges, false) <= tolerance);
  const auto normed = [&](Tn x, Tn e, GraphInput g) { return norm(with_edges(x, e, g), g); };
  CHECK(permutation_error(params, normed, false) <= 10 * tolerance);
  CHECK(permutation_error(
            params, [&](Tn x, Tn e, GraphInput g) { return sum_nodes(with_edges(x, e, g), g); }, true) <=
        tolerance);
  CHECK(permutation_error(
            params, [&](Tn x, Tn e, GraphInput g) { return mean_nodes(with_edges(x, e, g), g); }, true) <=
        tolerance);
  CHECK(permutation_error(
            params, [&](Tn x, Tn e, GraphInput g) { return max_nodes(with_edges(x, e, g), g); }, true) <=
        tolerance);
  CHECK(permutation_error(
            params, [](Tn x, Tn, GraphInput) { return x; }, true) > 0.1);  // the check can fail
}

TEST_CASE("graphs that are recorded or bound wrongly say how") {
  Program<float> g(3, Mode::evaluate);
  const GraphInput batch = g.graph("batch", 10, 20), big = g.graph_of_examples("big", 4);
  const auto nodes = g.input("nodes", batch.nodes, 2), edges = g.input("edges", batch.edges, 2),
             rows = g.input("rows", {.channels = 2});
  CHECK_THROWS_WITH_AS(
      aggregate_neighbors(edges, batch),
      "aggregate_neighbors: x is [extent 2, 1, 2]; one row for each node of the graph is needed, [extent 1, 1, 2]",
      ShapeError);
  CHECK_THROWS_AS(edge_from(edges, batch), ShapeError);
  CHECK_THROWS_AS(edge_to(rows, batch), ShapeError);
  CHECK_THROWS_AS(sum_edges(nodes, batch), ShapeError);
  CHECK_THROWS_AS(softmax_edges(nodes, batch), ShapeError);
  CHECK_THROWS_AS(sum_nodes(edges, batch), ShapeError);
  CHECK_THROWS_AS(mean_nodes(rows, batch), ShapeError);
  CHECK_THROWS_AS(max_nodes(edges, batch), ShapeError);
  CHECK_THROWS_AS(aggregate_neighbors(g.input("points", {.points = 2, .channels = 2}), big), ShapeError);
  CHECK_THROWS_AS(add(nodes, edges), ShapeError);
  CHECK_THROWS_WITH_AS(g.graph("big", 3, 3), "graph 'big' exists already", ValueError);
  CHECK_THROWS_WITH_AS(g.graph("none", 0, 3), "graph 'none' has room for 0 nodes; at least 1 is needed",
                       ValueError);
  CHECK_THROWS_WITH_AS(g.graph("less", 1, -1), "graph 'less' has room for -1 edges; at least 0 is needed",
                       ValueError);
  g.output("y", add(sum_nodes(aggregate_neighbors(nodes, batch), batch), aggregate_neighbors(rows, big)));
  g.finish();
  Workspace<float> w(g);
  w.bind({2});
  const SparseGraph pair = batch_of({{2, {{0, 1}}}, {3, {}}}), two = SparseGraph::from_edges(2, Edges{{0, 1}});
  CHECK_THROWS_WITH_AS(w.bind_graph("other", two), "there is no graph 'other'; this program has: batch, big",
                       ValueError);
  CHECK_THROWS_WITH_AS(w.bind_graph("batch", two),
                       "graph 'batch' has 1 graphs and the replay 2 examples; they must be equal", ValueError);
  CHECK_THROWS_WITH_AS(w.bind_graph("big", SparseGraph::from_edges(3, Edges{})),
                       "graph 'big' has 3 nodes and the replay 2 examples; they must be equal", ValueError);
  CHECK_THROWS_WITH_AS(w.bind_graph("batch", batch_of({{9, {}}, {2, {}}})),
                       "graph 'batch' has 11 nodes and 0 edges; this program was recorded for at most 10 and 20",
                       ValueError);
  CHECK_THROWS_AS(w.bind_graph("big", SparseGraph::from_edges(2, random_edges(2, 5, 1))), ValueError);
  w.bind_graph("batch", pair);
  CHECK_THROWS_WITH_AS(g.forward(w, nullptr), "graph 'big' is not bound; call bind_graph", ValueError);
  w.bind_graph("big", two);
  CHECK(w.input("nodes").examples == 5);
  CHECK(w.input("edges").examples == 1);
  CHECK_NOTHROW(g.forward(w, nullptr));
  w.bind({2});
  CHECK_THROWS_WITH_AS(g.forward(w, nullptr), "graph 'batch' is not bound; call bind_graph", ValueError);
}

// --- one big graph over blocks of rows ---------------------------------------------------------------------

namespace {

// Every kind of operation on one big graph: products, aggregations, edges, norms, dropout, losses.
template <class T>
struct BigGraph {
  BigGraph(Index nodes, TrainerOptions o)
      : graph(SparseGraph::from_edges(nodes, random_edges(nodes, 3 * nodes, 4))),
        embed(params, "embed", 5, 12),
        conv(params, "conv", 12, 9, Aggregation::mean),
        most(params, "most", 9, 9, Aggregation::max),
        norm(params, "norm", 9),
        gine(params, "gine", {9, 10, 9}, 0.1),
        gat(params, "gat", 9, 9, 3),
        gcn(params, "gcn", 9, 4),
        features(params, "features", 2, 9),
        trainer((params.initialize(kaiming_uniform, 3), params), options(nodes, o),
                [this](Program<T>& g) { return model(g); }) {}
  static TrainerOptions options(Index nodes, TrainerOptions o) {
    o.batch = nodes;
    o.shard = nodes;
    o.seed = 21;
    return o;
  }
  Tensor<T> model(Program<T>& g) const {
    const GraphInput input = g.graph_of_examples("graph", graph.edges());
    auto x = tanh(embed(g.input("x", {.channels = 5})));
    x = dropout(norm(relu(conv(x, input))), 0.2);
    x = add(x, tanh(most(x, input)));
    x = gine(x, features(g.input("e", input.edges, 2)), input);
    x = tanh(gcn(scale(add(x, tanh(gat(x, input))), 0.5), input));
    const auto swapped = join_channels(slice_channels(x, 2, 2), slice_channels(x, 0, 2));
    x = sub(x, mul_channels(softmax(x), dot_channels(sigmoid(x), sigmoid(swapped))));
    g.output("logits", x);
    const IndexInput labels = g.index_input("labels", {}, 4);
    const auto by_class = add(label_losses(x, labels, {{1, 0.5, 0, 2}}), dot_channels(softmax(x), log_softmax(x)));
    return add(add(cross_entropy(x, labels), by_class), squared_error(x, g.input("y", {.channels = 4})));
  }
  static void fill(Batch<T>& b, const SparseGraph& graph) {
    b.bind_graph("graph", graph);
    Draws d({5, Stream::train, b.step, 0});
    for (Index v = 0; v < graph.nodes(); ++v) {
      for (Index j = 0; j < 5; ++j) b["x"](v, 0, j) = static_cast<T>(d.uniform());
      for (Index j = 0; j < 4; ++j) b["y"](v, 0, j) = static_cast<T>(d.uniform());
      b.indices("labels")(v) = static_cast<std::int32_t>(d.below(4));
    }
    for (Index e = 0; e < graph.edges(); ++e)
      for (Index j = 0; j < 2; ++j) b["e"](e, 0, j) = static_cast<T>(d.uniform());
  }
  // Losses, gradients, parameters and outputs of three steps and an evaluation.
  std::vector<T> run() {
    const auto data = [this](Batch<T>& b) { fill(b, graph); };
    std::vector<T> all;
    for (int i = 0; i < 3; ++i) {
      all.push_back(static_cast<T>(trainer.step(data)));
      all.insert(all.end(), trainer.last_gradient().begin(), trainer.last_gradient().end());
    }
    all.insert(all.end(), params.values().begin(), params.values().end());
    evaluate(graph, all);
    return all;
  }
  void evaluate(const SparseGraph& other, std::vector<T>& all) {
    const auto keep = [&](Batch<T>& b) {
      for (Index v = 0; v < other.nodes(); ++v)
        all.insert(all.end(), b.output("logits").row(v), b.output("logits").row(v) + 4);
    };
    all.push_back(static_cast<T>(trainer.evaluate(
        other.nodes(), [&](Batch<T>& b) { fill(b, other); }, keep)));
  }
  SparseGraph graph;
  Params<T> params;
  Linear<T> embed;
  GraphConv<T> conv, most;
  LayerNorm<T> norm;
  Gine<T> gine;
  Gat<T> gat;
  Gcn<T> gcn;
  Linear<T> features;
  Trainer<T> trainer;
};

template <class T>
double difference(const std::vector<T>& a, const std::vector<T>& b) {
  REQUIRE(a.size() == b.size());
  double error = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    error = reference::worse(error, std::abs(x - y) / std::max(1.0, std::abs(y)));
  }
  return error;
}

}  // namespace

TEST_CASE_TEMPLATE("training over blocks of rows gives the same bits for any number of threads", T, float, double) {
  const EightThreads eight;
  for (const auto& sizes : {std::pair<Index, Index>{150, 16}, {150, 1}, {97, 500}, {3, 1}}) {
    const Index nodes = sizes.first, block = sizes.second;
    CAPTURE(nodes);
    const auto run = [&](int threads) {
      return BigGraph<T>(nodes, {.row_block = block, .threads = threads}).run();
    };
    const std::vector<T> one = run(1);
    for (int threads : {2, 3, 8}) {
      const std::vector<T> many = run(threads);
      REQUIRE(many.size() == one.size());
      CHECK(std::memcmp(many.data(), one.data(), one.size() * sizeof(T)) == 0);
    }
  }
}

TEST_CASE("training over blocks of rows is training on the whole") {
  for (const auto& sizes : {std::pair<Index, Index>{150, 16}, {150, 1}, {150, 50}, {97, 500}, {3, 1}, {1, 1}}) {
    const Index nodes = sizes.first, block = sizes.second;
    CAPTURE(nodes);
    CAPTURE(block);
    const auto run = [&](Index rows) {
      return BigGraph<double>(nodes, {.row_block = rows, .threads = 2, .optimizer = Sgd{.rate = 0.1}}).run();
    };
    const std::vector<double> whole = run(0);
    CHECK(difference(run(block), whole) <= 1e-12);
    CHECK(*std::max_element(whole.begin(), whole.end()) > 0.1);
  }
}

TEST_CASE("an evaluation over blocks of rows takes a smaller graph, and blocks without rows") {
  BigGraph<double> blocks(150, {.row_block = 4, .threads = 2}), whole(150, {.threads = 1});
  for (Index nodes : {1, 5, 149}) {
    const SparseGraph other = SparseGraph::from_edges(nodes, random_edges(nodes, nodes == 1 ? 0 : nodes, 6));
    std::vector<double> a, b;
    blocks.evaluate(other, a);
    whole.evaluate(other, b);
    CHECK(a.size() == at(4 * nodes + 1));
    CHECK(difference(a, b) <= 1e-13);
  }
  std::vector<double> none;
  CHECK_THROWS_AS(blocks.evaluate(SparseGraph::from_edges(151, Edges{}), none), ValueError);
}

TEST_CASE("batches of graphs train to the same bits for any number of threads") {
  const EightThreads eight;
  const auto run = [](int threads) {
    Params<float> params;
    const Gin<float> gin(params, "gin", {3, 8, 8});
    const Linear<float> head(params, "head", 8, 1);
    params.initialize(kaiming_uniform, 3);
    Trainer<float> trainer(params, {.batch = 21, .shard = 4, .threads = threads}, [&](Program<float>& g) {
      const GraphInput graph = g.graph("graph", 40, 80);
      return squared_error(head(mean_nodes(relu(gin(g.input("x", graph.nodes, 3), graph)), graph)),
                           g.input("y", {}));
    });
    std::vector<float> all;
    std::vector<SparseGraph> shards(6);
    for (int step = 0; step < 4; ++step)
      all.push_back(static_cast<float>(trainer.step([&](Batch<float>& b) {
        SparseGraph& graph = shards[at(b.first / 4)];  // a shard has one worker
        graph.clear();
        for (Index i = b.first; i < b.last; ++i) {
          const Index nodes = 1 + (3 * i + 5 * static_cast<Index>(b.step)) % 10;
          graph.append(SparseGraph::from_edges(
              nodes, random_edges(nodes, nodes, static_cast<std::uint64_t>(i) + 100 * b.step)));
          b["y"](i - b.first) = static_cast<float>(nodes) / 10;
        }
        b.bind_graph("graph", graph);
        for (Index v = 0; v < graph.nodes(); ++v)
          for (Index j = 0; j < 3; ++j)
            b["x"](v, 0, j) = static_cast<float>(std::cos(static_cast<double>(v + 2 * j + b.first)));
      })));
    all.insert(all.end(), params.values().begin(), params.values().end());
    return all;
  };
  const std::vector<float> one = run(1);
  for (int threads : {2, 3, 8}) CHECK(run(threads) == one);
}

}  // namespace test_sparse_graphs
