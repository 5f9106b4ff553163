// Normalisation, dropout, cross entropy: values, gradients, masks, errors.
#include <doctest/doctest.h>
#include <eqnn/nn/graph_ops.h>
#include <eqnn/nn/layers.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/training_ops.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/gradcheck.h"
#include "support/reference.h"

using namespace eqnn;
using reference::Dense;
using testing::check_gradient;
using testing::draw_off_zero;
using testing::parameter_as_input;

namespace {

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 5e-6 : 1e-13;

Dense random_matrix(Index rows, Index cols, std::uint64_t seed) {
  Dense m(rows, cols);
  Draws d({seed, Stream::user, 0, 0});
  for (double& v : m.data) v = d.below(33) / 8.0 - 2;  // exact in float
  return m;
}

template <class T>
void set(Block<T> to, const Dense& from) {
  for (Index i = 0; i < from.rows; ++i)
    for (Index j = 0; j < from.cols; ++j) to.row(0, i)[j] = static_cast<T>(from(i, j));
}

template <class T>
double difference(Block<const T> got, const Dense& expected) {
  REQUIRE((got.examples * got.points == expected.rows && got.channels == expected.cols));
  double error = 0;
  for (Index i = 0; i < expected.rows; ++i)
    for (Index j = 0; j < expected.cols; ++j)
      error = reference::worse(error, std::abs(static_cast<double>(got.row(0, i)[j]) - expected(i, j)) /
                                          std::max(1.0, std::abs(expected(i, j))));
  return error;
}

template <class T>
bool clean(Block<const T> b) {
  for (Index i = 0; i < b.examples * b.points; ++i)
    for (Index j = b.channels; j < b.stride; ++j)
      if (b.row(0, i)[j] != 0) return false;
  return true;
}

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

struct EightThreads {
  tbb::global_control control{tbb::global_control::max_allowed_parallelism, 8};
};

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

TEST_CASE_TEMPLATE("cross_entropy is what its formula says, for large logits too", T, float, double) {
  for (double size : {1.0, 1000.0}) {
    Program<T> g(5, Mode::evaluate);
    const auto logits = g.input("f", {.channels = 7});
    g.output("loss", cross_entropy(logits, g.index_input("labels", {}, 7)));
    g.finish();
    Workspace<T> w(g);
    w.bind({4});
    Dense f = random_matrix(4, 7, 8), expected(4, 1);
    for (double& v : f.data) v *= size;
    set(w.input("f"), f);
    for (Index e = 0; e < 4; ++e) {
      const Index label = (5 * e + 6) % 7;
      w.index_input("labels")(e) = static_cast<std::int32_t>(label);
      const double top = *std::max_element(f.data.begin() + e * 7, f.data.begin() + (e + 1) * 7);
      double sum = 0;
      for (Index j = 0; j < 7; ++j) sum += std::exp(f(e, j) - top);
      expected(e, 0) = top + std::log(sum) - f(e, label);
    }
    g.forward(w, nullptr);
    CHECK(difference(w.output("loss"), expected) <= kTolerance<T>);
  }
}

TEST_CASE("the gradient of cross_entropy equals differences") {
  Params<double> params;
  const Param x = params.weight("x", 3, 6);
  draw_off_zero(params, 3);
  const auto model = [&](Program<double>& g) {
    const auto f = parameter_as_input(g, x, 1);
    const auto labels = g.index_input("labels", {}, 6);
    return add(cross_entropy(f, labels), mul(cross_entropy(tanh(f), labels), cross_entropy(f, labels)));
  };
  check_gradient(params, model, [](Workspace<double>& w) {
    for (Index e = 0; e < 3; ++e) w.index_input("labels")(e) = static_cast<std::int32_t>(5 - 2 * e);
  });
}

TEST_CASE("labels out of range are refused") {
  Program<float> g(3, Mode::evaluate);
  g.output("loss", cross_entropy(g.input("f", {.channels = 4}), g.index_input("labels", {}, 9)));
  g.finish();
  Workspace<float> w(g);
  w.bind({2, 6});
  const auto run = [&](std::int32_t label) {
    w.index_input("labels")(1) = label;
    g.forward(w, nullptr);
  };
  CHECK_NOTHROW(run(3));
  CHECK_THROWS_WITH_AS(run(4), "cross_entropy: label 4 of example 7 is given for 4 classes; labels are 0 to 3",
                       ValueError);
  CHECK_THROWS_WITH_AS(run(9), "index input 'labels' holds 9 at position 1; allowed are 0 to 8", ValueError);
  CHECK_THROWS_WITH_AS(run(-1), "index input 'labels' holds -1 at position 1; allowed are 0 to 8", ValueError);
}

TEST_CASE("training operations that are recorded wrongly say how") {
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
  CHECK_THROWS_AS(cross_entropy(x, g.index_input("labels", {}, 4)), ShapeError);
  CHECK_THROWS_WITH_AS(dropout(x, 1.0), "dropout: the rate is 1.000000; allowed are 0 up to, but not, 1",
                       ValueError);
  CHECK_THROWS_AS(dropout(x, -0.1), ValueError);
  CHECK_THROWS_AS(dropout(x, std::numeric_limits<double>::quiet_NaN()), ValueError);
  CHECK_THROWS_AS(dropout(a, 0.5), ShapeError);
  CHECK(dropout(x, 0.0).id() == x.id());
}

// --- dropout ---------------------------------------------------------------------------------------------

namespace {

// Two dropouts of the same ones, [b, 20, 30], and the gradient of the sum of the first.
template <class T>
struct Masks {
  explicit Masks(double rate, Mode mode = Mode::train) : program(8, mode), x((params.weight("x", 160, 30))) {
    for (T& v : params.values()) v = 1;
    const auto ones = parameter_as_input(program, x, 20);
    const auto first = dropout(ones, rate);
    program.output("first", first);
    program.output("second", dropout(ones, rate));
    const Index points = 20;
    program.finish(program.record({.name = "sum",
                                   .inputs = {first},
                                   .shape = {},
                                   .forward =
                                       [](const Call<T>& call) {
                                         for (Index e = 0; e < call.examples(); ++e) call.out()(e, 0) = 0;
                                       },
                                   .backward =
                                       [=](const Call<T>& call) {
                                         const MatrixView<T> dx = call.in_gradient(0);
                                         for (Index i = 0; i < dx.rows; ++i)
                                           for (Index j = 0; j < dx.cols; ++j)
                                             dx(i, j) += call.out_gradient()(i / points, 0);
                                       }}));
  }
  std::vector<T> mask(const Span& span, const char* output = "first") {
    Workspace<T> w(program);
    w.bind(span);
    program.forward(w, params.values().data());
    if (program.training()) {
      std::fill(w.weights().begin(), w.weights().end(), T(1));
      gradient = AlignedBuffer<T>(params.size());
      program.backward(w, gradient.data(), true);
    }
    const Block<const T> y = w.output(output);
    std::vector<T> v;
    for (Index i = 0; i < y.examples * y.points; ++i) v.insert(v.end(), y.row(0, i), y.row(0, i) + y.channels);
    return v;
  }
  Params<T> params;
  Program<T> program;
  Param x;
  AlignedBuffer<T> gradient;
};

}  // namespace

TEST_CASE_TEMPLATE("dropout drops its share, scales the rest, and sends the gradient through the same mask", T,
                   float, double) {
  for (double rate : {0.1, 0.5, 0.8}) {
    Masks<T> m(rate);
    const std::vector<T> mask = m.mask({.examples = 8, .seed = 3});
    std::size_t kept = 0;
    bool scaled = true, same = true;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      kept += mask[i] != 0;
      scaled = scaled && (mask[i] == 0 || mask[i] == static_cast<T>(1 / (1 - rate)));
      const auto row = static_cast<Index>(i) / 30, column = static_cast<Index>(i) % 30;
      same = same && m.gradient[m.x.offset + row * m.x.stride + column] == mask[i];
    }
    CHECK(scaled);
    CHECK(same);
    const double n = static_cast<double>(mask.size()), share = static_cast<double>(kept) / n;
    CHECK(std::abs(share - (1 - rate)) <= 5 * std::sqrt(rate * (1 - rate) / n));
  }
}

TEST_CASE("a dropout mask is a function of seed, step, example and operation") {
  Masks<float> m(0.5);
  const Span here{.examples = 8, .first = 16, .step = 5, .seed = 3};
  const auto mask = m.mask(here);
  CHECK(mask == m.mask(here));
  CHECK(mask == Masks<float>(0.5).mask(here));
  CHECK(mask != m.mask(here, "second"));
  CHECK(mask != m.mask({8, 16, 5, 4}));
  CHECK(mask != m.mask({8, 16, 6, 3}));
  CHECK(mask != m.mask({8, 24, 5, 3}));
  const auto fewer = m.mask({3, 16, 5, 3});
  CHECK(std::equal(fewer.begin(), fewer.end(), mask.begin()));
  bool different = false;  // rows of one mask
  for (std::size_t j = 0; j < 30; ++j) different = different || mask[j] != mask[30 + j];
  CHECK(different);
}

TEST_CASE("dropout is the identity in evaluation") {
  Params<float> params;
  Program<float> g(2, Mode::evaluate);
  const auto x = g.input("x", {.points = 3, .channels = 4});
  CHECK(dropout(x, 0.7).id() == x.id());
}

namespace {

// Ten features of each example through dropout to one value.
struct DropoutRun {
  explicit DropoutRun(int threads)
      : mlp(params, "mlp", {10, 24, 24, 1}),
        trainer((params.initialize(kaiming_uniform, 3), params),
                {.batch = 37, .shard = 4, .threads = threads, .seed = 11}, [this](Program<float>& g) {
                  auto x = g.input("x", {.channels = 10});
                  x = dropout(relu(mlp.layers[0](x)), 0.3);
                  x = dropout(relu(mlp.layers[1](x)), 0.3);
                  return squared_error(mlp.layers[2](x), g.input("y", {}));
                }) {}
  void steps(int count) {
    for (int i = 0; i < count; ++i)
      trainer.step([](Batch<float>& b) {
        for (Index e = 0; e < b.last - b.first; ++e) {
          Draws d({5, Stream::train, b.step, static_cast<std::uint64_t>(b.first + e)});
          b["y"](e) = 0;
          for (Index j = 0; j < 10; ++j) b["y"](e) += b["x"](e, 0, j) = static_cast<float>(d.uniform());
        }
      });
  }
  std::vector<float> values() { return {params.values().begin(), params.values().end()}; }
  Params<float> params;
  Mlp<float> mlp;
  Trainer<float> trainer;
};

}  // namespace

TEST_CASE("training with dropout gives the same bits for any number of threads, and after a resume") {
  const EightThreads eight;
  DropoutRun one(1);
  one.steps(6);
  for (int threads : {2, 3, 8}) {
    DropoutRun many(threads);
    many.steps(6);
    CHECK(many.values() == one.values());
  }
  DropoutRun before(2), after(1);
  before.steps(4);
  std::copy(before.params.values().begin(), before.params.values().end(), after.params.values().begin());
  for (std::size_t k = 0; k < 2; ++k)
    std::copy(before.trainer.moments()[k].values.begin(), before.trainer.moments()[k].values.end(),
              after.trainer.moments()[k].values.begin());
  after.trainer.set_steps_done(4);
  after.steps(2);
  CHECK(after.values() == one.values());
}
