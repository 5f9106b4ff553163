// Steps and replays allocate nothing.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/attention.h>
#include <eqnn/nn/gather.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>
#include <eqnn/nn/sparse_graphs.h>
#include <eqnn/so3/tensor_field.h>
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "support/allocations.h"
#include "support/trained_models.h"

namespace test_trainer_allocations {

using namespace eqnn;
using namespace trained;

#ifdef EQNN_TEST_COUNTS_ALLOCATIONS
using testing::allocations;

TEST_CASE("the counter sees allocations of the program and of the library") {
  const std::int64_t start = allocations;
  const auto owned = std::make_unique<int>(3);
  CHECK(allocations > start);
  Params<float> p;
  p.weight("w", 100, 100);
  const std::int64_t before = allocations;
  p.freeze();
  CHECK(allocations > before);
}

// What other tests do not replay, all in one: values of points, products, softmax, labels, sparse graphs.
template <class T>
Tensor<T> many_operations(Program<T>& g, const Attention<T>& attention, const Gat<T>& gat,
                          const Embedding<T>& table) {
  const IndexInput index = g.index_input("index", {.points = kPoints}, kPoints);
  const auto rows = table(g, index), mask = g.input("mask", {.points = kPoints, .channels = kPoints});
  auto x = add(g.input("x", {.points = kPoints, .channels = 4}), gather_points(rows, index));
  x = attention(attention(x), softmax(product_transposed(x, rows), mask));
  x = add(sub(sigmoid(x), sin(x)), div(cos(x), exp(abs(x))));
  x = add(clamp(leaky_relu(x), -1, 1), log(sqrt(exp(x))));
  x = join_channels(std::vector<Tensor<T>>{slice_channels(x, 1, 3), dot_channels(x, rows, 1)});
  x = add(mul_channels(x, log_softmax(slice_channels(x, 0, 2))), product(transpose(transpose(mask)), x));
  const LabelWeights<T> weights{{1, 2, 3, 4, 5, 6}, slice_channels(mask, 0, 1)};
  const auto loss = add(cross_entropy(join_channels(x, slice_channels(x, 0, 2)), index, weights),
                        binary_cross_entropy(max_points(join_points(x, slice_points(x, 1, 2))),
                                             slice_channels(slice_points(mask, 0, 1), 0, 4)));
  const GraphInput graph = g.graph("graph", 20, 20);
  return add(loss, squared_error(sum_nodes(gat(g.input("nodes", graph.nodes, 4), graph), graph),
                                 constant(g, {.channels = 4}, 1)));
}

TEST_CASE_TEMPLATE("replays of all kinds of operations allocate nothing", T, float, double) {
  Params<T> p;
  const Attention<T> attention(p, "attention", 4, 2);
  const Gat<T> gat(p, "gat", 4, 4, 2);
  const Embedding<T> table(p, "table", kPoints, 4);
  p.initialize(kaiming_uniform, 1);
  Program<T> g(3, Mode::train);
  g.finish(many_operations(g, attention, gat, table));
  Workspace<T> w(g);
  AlignedBuffer<T> gradient(p.size());
  SparseGraph graph(20, 20, 3);
  const std::vector<std::pair<std::int32_t, std::int32_t>> edges = {{0, 1}, {0, 2}, {1, 1}};
  for (int k = 0; k < 2; ++k) graph.append(SparseGraph::from_edges(3, edges));
  std::fill(w.weights().begin(), w.weights().end(), T(1));
  std::int64_t before = 0;
  for (int replay = 0; replay < 2; ++replay) {
    before = allocations;
    w.bind({2});
    w.bind_graph("graph", graph);
    for (Index e = 0; e < 2; ++e)
      for (Index i = 0; i < kPoints; ++i) {
        w.index_input("index")(e, i) = static_cast<std::int32_t>((i * i + e) % kPoints);
        for (Index j = 0; j < 4; ++j) w.input("x")(e, i, j) = static_cast<T>(0.1 * static_cast<double>(i - j + e));
        for (Index j = 0; j < kPoints; ++j) w.input("mask")(e, i, j) = static_cast<T>((i + j) % 3 == 0);
      }
    g.forward(w, p.values().data());
    g.backward(w, gradient.data(), true);
  }
  CHECK(allocations == before);
  for (Index e = 0; e < 2; ++e) CHECK(std::isfinite(w.losses()(e, 0)));
  CHECK(std::all_of(gradient.begin(), gradient.end(), [](T v) { return std::isfinite(v); }));
  CHECK(std::any_of(gradient.begin(), gradient.end(), [](T v) { return v != 0; }));
}

TEST_CASE_TEMPLATE("replays of tensor field layers allocate nothing", T, float, double) {
  Params<T> p;
  const TensorFieldLayer<T> first(p, "first", {1, 1}, {4, 3, 2}, {}), last(p, "last", {4, 3, 2}, {2}, {});
  const TensorProduct<T> product(p, "product", {4, 3, 2}, 2, {1, 1});
  p.initialize(kaiming_uniform, 1);
  Program<T> g(2, Mode::train);
  const auto x = g.input("x", {.points = kPoints, .channels = 3});
  const auto pairs = pair_geometry(x);
  const auto h = first({slice_channels(x, 0, 1), to_components(x, 1)}, pairs);
  const auto y = product(h, spherical_harmonics(x, 2));
  const auto all = join_channels(std::vector<Tensor<T>>{last(h, pairs)[0], y[0], from_components(y[1], 1)});
  g.finish(squared_error(sum_points(all), constant(g, {.channels = 6}, 1)));
  Workspace<T> w(g);
  AlignedBuffer<T> gradient(p.size());
  std::fill(w.weights().begin(), w.weights().end(), T(1));
  std::int64_t before = 0;
  for (int replay = 0; replay < 2; ++replay) {
    before = allocations;
    w.bind({2});
    for (Index i = 0; i < 2 * kPoints; ++i)
      for (Index k = 0; k < 3; ++k) w.input("x")(0, i, k) = static_cast<T>((i * i + 3 * k) % 7) - 3;
    g.forward(w, p.values().data());
    g.backward(w, gradient.data(), true);
  }
  CHECK(allocations == before);
  CHECK(std::all_of(gradient.begin(), gradient.end(), [](T v) { return std::isfinite(v); }));
  CHECK(std::any_of(gradient.begin(), gradient.end(), [](T v) { return v != 0; }));
}

TEST_CASE_TEMPLATE("a step allocates nothing", T, float, double) {
  const Optimizer optimizers[] = {Sgd{}, Sgd{.momentum = 0.9}, Adam{}, AdamW{}, SignSgd{}};
  for (const Optimizer& o : optimizers)
    for (const double clip : {0.0, 0.1}) {
      Run<T> run({.batch = 21,
                  .shard = 4,
                  .threads = 1,
                  .optimizer = o,
                  .schedule = {.kind = Schedule::Kind::cosine, .steps = 100, .warmup = 3},
                  .clip_norm = clip});
      run.steps(2);
      const std::int64_t before = allocations;
      run.steps(10);
      GradientNoise noise;
      run.trainer.gradient([](Batch<T>& b) { draw_graphs(b); }, &noise);
      run.trainer.evaluate(21, [](Batch<T>& b) { draw_graphs(b); });
      const std::int64_t after = allocations;
      CHECK(after == before);
    }
}

TEST_CASE_TEMPLATE("groups, accumulation, reports and rates that are set allocate nothing", T, float, double) {
  std::int64_t reports = 0;
  Run<T> run({.batch = 21,
              .shard = 4,
              .threads = 1,
              .schedule = {.custom = [](std::uint64_t step) { return 1 / (1 + static_cast<double>(step)); }},
              .groups = {{"*.bias", 1, 0}, {"head.*", 0.5}, {"layers.0.*", 0}},
              .clip_norm = 0.1,
              .on_step = [&reports](const StepReport&) { ++reports; }});
  const auto step = [&run] {
    for (int i = 0; i < 3; ++i) run.trainer.accumulate([](Batch<T>& b) { draw_graphs(b); });
    run.trainer.set_rate(0.9 * run.trainer.rate());
    run.trainer.apply();
    run.trainer.step([](Batch<T>& b) { draw_graphs(b); });
    CHECK(run.trainer.gradient_of(run.net.l2.weight()).data != nullptr);
  };
  step();
  const std::int64_t before = allocations;
  for (int i = 0; i < 5; ++i) step();
  const std::int64_t after = allocations;
  CHECK(after == before);
  CHECK(reports == 12);
}
#endif

}  // namespace test_trainer_allocations
