// Program and Workspace: recording, planned memory, replay.
#include <doctest/doctest.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/gradcheck.h"
#include "support/random_graph.h"

namespace test_program {

using namespace eqnn;
using namespace eqnn::testing;

namespace {

// Replays one random graph on batches of several sizes, and compares everything with the naive run.
// False if its values are too large for the comparison to say much.
template <class T>
bool check_graph(std::uint64_t seed) {
  const Graph graph = random_graph(seed, false);
  const GraphParams<T> p(graph, seed);
  std::vector<Dense> weights, biases;
  for (Param w : p.weights) weights.push_back(reference::dense(p.params.view(w)));
  for (Param b : p.biases) biases.push_back(reference::dense(p.params.view(b)));
  Program<T> train(4, Mode::train), evaluate(4, Mode::evaluate);
  train.finish(record(train, graph, p, true));
  evaluate.finish(record(evaluate, graph, p, true));
  Workspace<T> w(train), e(evaluate);
  AlignedBuffer<T> gradient(p.params.size());
  const double tolerance = sizeof(T) == 4 ? 3e-5 : 1e-13;
  Draws d({seed, Stream::user, 1, 0});
  const T* values = p.params.values().data();
  for (const Index examples : {4, 2, 1, 3, 4}) {
    w.bind({examples, 0, 0, seed});
    e.bind({examples, 0, 0, seed});
    std::vector<NaiveExample> naive;
    for (Index i = 0; i < examples; ++i) {
      NaiveExample n{graph, weights, biases, {}, random_dense(graph.points, graph.points, d, true)};
      fill(w.input("adjacency"), i, n.adjacency);
      fill(e.input("adjacency"), i, n.adjacency);
      for (int k = 0; k < graph.inputs; ++k) {
        n.inputs.push_back(random_dense(graph.points, graph.steps[0].channels, d, false));
        fill(w.input(concat("x", k)), i, n.inputs.back());
        fill(e.input(concat("x", k)), i, n.inputs.back());
      }
      n.forward();
      if (!(n.largest < 100)) return false;
      w.weights()[i] = static_cast<T>(0.25 * static_cast<double>(i + 1));
      n.backward(0.25 * static_cast<double>(i + 1));
      naive.push_back(std::move(n));
    }
    INFO("graph ", seed, " with ", examples, " examples");
    evaluate.forward(e, values);
    CHECK(output_error(e, naive) <= tolerance);
    for (const bool fresh : {true, false}) {
      train.forward(w, values);
      CHECK(output_error(w, naive) <= tolerance);
      train.backward(w, gradient.data(), fresh);
      CHECK(output_error(w, naive) <= tolerance);  // outputs outlive backward
      CHECK(gradient_error(p, gradient, naive, fresh ? 1 : 2) <= tolerance);
    }
  }
  return true;
}

}  // namespace

TEST_CASE_TEMPLATE("random graphs in planned memory equal graphs with memory to spare", T, float, double) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) compared += check_graph<T>(seed);
  CHECK(compared >= 300);
}

TEST_CASE("gradients of random graphs equal differences") {
  for (std::uint64_t seed = 1000; seed < 1060; ++seed) {
    const Graph graph = random_graph(seed, true);
    GraphParams<double> p(graph, seed);
    const auto fill_inputs = [&](Workspace<double>& w) {
      Draws d({seed, Stream::user, 2, 0});
      for (Index e = 0; e < 3; ++e) {
        fill(w.input("adjacency"), e, random_dense(graph.points, graph.points, d, true));
        for (int k = 0; k < graph.inputs; ++k)
          fill(w.input(concat("x", k)), e, random_dense(graph.points, graph.steps[0].channels, d, false));
      }
    };
    const auto model = [&](Program<double>& g) { return record(g, graph, p, false); };
    INFO("graph ", seed);
    const auto r = gradcheck(p.params, model, fill_inputs, {.step = 1e-4});
    INFO("worst entry: ", r.where);
    CHECK(r.error <= 1e-7 * std::max(1.0, r.largest));
  }
}

TEST_CASE("elementwise operations share memory, and evaluation needs less than training") {
  const auto memory = [](Mode mode, int depth) {
    Program<float> g(8, mode);
    Params<float> p;
    const Param w = p.weight("w", 16, 16);
    auto x = linear(g.input("x", {.points = 10, .channels = 16}), g.param(w));
    for (int i = 0; i < depth; ++i) x = scale(x, 0.5);
    g.finish(squared_error(x, constant(g, x.shape(), 0)));
    return g.memory_bytes();
  };
  CHECK(memory(Mode::train, 20) == memory(Mode::train, 1));
  CHECK(memory(Mode::evaluate, 20) == memory(Mode::evaluate, 1));
  CHECK(memory(Mode::evaluate, 1) < memory(Mode::train, 1));
}

TEST_CASE("an operation in place of its input leaves the inputs of the program alone") {
  Program<double> g(2, Mode::evaluate);
  const auto x = g.input("x", {.points = 2, .channels = 3});
  g.output("y", shift(square(shift(x))));
  g.finish();
  Workspace<double> w(g);
  w.bind({2});
  for (Index e = 0; e < 2; ++e)
    for (Index i = 0; i < 2; ++i)
      for (Index j = 0; j < 3; ++j) w.input("x")(e, i, j) = static_cast<double>(j);
  for (int replay = 0; replay < 2; ++replay) {
    g.forward(w, nullptr);
    CHECK(w.output("y")(1, 1, 2) == 6.75);
    CHECK(w.input("x")(1, 1, 2) == 2);
    CHECK(w.output("y").row(1, 1)[3] == 0);
  }
}

TEST_CASE_TEMPLATE("a custom operation adds to gradients that others write too", T, float, double) {
  Params<T> p;
  const Param v = p.weight("v", 2, 3);
  for (Index j = 0; j < 3; ++j) p.view(v)(0, j) = p.view(v)(1, j) = T(2);
  Program<T> g(2, Mode::train);
  const auto x = parameter_as_input(g, v, 1);
  const auto y = add(add(cube_plus_one(x), square(x)), cube_plus_one(x));
  g.output("y", y);
  g.finish(squared_error(y, constant(g, y.shape(), 0)));
  Workspace<T> w(g);
  w.bind({2});
  w.weights()[0] = 1;
  w.weights()[1] = T(0.5);
  AlignedBuffer<T> gradient(p.size());
  g.forward(w, p.values().data());
  g.backward(w, gradient.data(), true);
  CHECK(w.output("y")(0, 0, 1) == T(22));  // (8 + 1) + 4 + (8 + 1)
  CHECK(w.output("y").row(0)[3] == T(0));  // f(0) = 1 reached no padding
  const T slope = 12 + 4 + 12, dloss = T(2 * 22) / 3;
  CHECK(static_cast<double>(gradient[0]) == doctest::Approx(static_cast<double>(slope * dloss)));
  CHECK(static_cast<double>(gradient[padded<T>(3)]) == doctest::Approx(static_cast<double>(slope * dloss / 2)));
  CHECK(gradient[3] == T(0));
}

TEST_CASE("examples do not depend on how many stand beside them") {
  const Graph graph = random_graph(7, false);
  const GraphParams<float> p(graph, 7);
  Program<float> g(8, Mode::train);
  g.finish(record(g, graph, p, false));
  Workspace<float> w(g);
  const auto losses = [&](Index examples, Index first) {
    w.bind({examples, first, 0, 0});
    for (Index e = 0; e < examples; ++e) {
      Draws d({9, Stream::user, 0, static_cast<std::uint64_t>(first + e)});
      fill(w.input("adjacency"), e, random_dense(graph.points, graph.points, d, true));
      for (int k = 0; k < graph.inputs; ++k)
        fill(w.input(concat("x", k)), e, random_dense(graph.points, graph.steps[0].channels, d, false));
    }
    g.forward(w, p.params.values().data());
    std::vector<float> result;
    for (Index e = 0; e < examples; ++e) result.push_back(w.losses()(e, 0));
    return result;
  };
  const std::vector<float> all = losses(8, 0);
  for (Index first = 0; first < 8; ++first)
    for (Index examples = 1; first + examples <= 8; ++examples) {
      const std::vector<float> some = losses(examples, first);
      CHECK(std::equal(some.begin(), some.end(), all.begin() + first));
    }
  CHECK(losses(0, 0).empty());
}

TEST_CASE("a frame knows its examples, step, seed and operation") {
  Program<double> g(4, Mode::evaluate);
  std::vector<Span> spans;
  std::vector<int> ids;
  const auto probe = [&](Tensor<double> x) {
    return g.record({.name = "probe",
                     .inputs = {x},
                     .shape = x.shape(),
                     .forward =
                         [&](const Call<double>& call) {
                           spans.push_back(call.span());
                           ids.push_back(call.operation());
                           for (Index i = 0; i < call.out().rows; ++i) call.out()(i, 0) = call.in(0)(i, 0);
                         },
                     .backward = nullptr});
  };
  const auto x = g.input("x", {});
  const auto a = probe(x), b = probe(a);
  g.finish();
  Workspace<double> w(g);
  w.bind({3, 16, 5, 99});
  g.forward(w, nullptr);
  REQUIRE(spans.size() == 2);
  CHECK((spans[0].examples == 3 && spans[0].first == 16 && spans[0].step == 5 && spans[0].seed == 99));
  CHECK(ids == std::vector<int>{a.id(), b.id()});
}

TEST_CASE_TEMPLATE("replays in different workspaces run at the same time", T, float, double) {
  const Graph graph = random_graph(21, false);
  const GraphParams<T> p(graph, 21);
  Program<T> g(4, Mode::train);
  g.finish(record(g, graph, p, false));
  const auto run = [&](std::uint64_t seed) {
    Workspace<T> w(g);
    w.bind({4});
    Draws d({seed, Stream::user, 0, 0});
    for (T& weight : w.weights()) weight = 1;
    for (Index e = 0; e < 4; ++e) {
      fill(w.input("adjacency"), e, random_dense(graph.points, graph.points, d, true));
      for (int k = 0; k < graph.inputs; ++k)
        fill(w.input(concat("x", k)), e, random_dense(graph.points, graph.steps[0].channels, d, false));
    }
    AlignedBuffer<T> gradient(p.params.size());
    for (int i = 0; i < 50; ++i) {
      g.forward(w, p.params.values().data());
      g.backward(w, gradient.data(), i == 0);
    }
    return std::vector<T>(gradient.begin(), gradient.end());
  };
  const std::vector<std::vector<T>> alone = {run(1), run(2), run(3)};
  std::vector<std::vector<T>> together(3);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 3; ++i) threads.emplace_back([&, i] { together[i] = run(i + 1); });
  for (std::thread& t : threads) t.join();
  CHECK(together == alone);
}

namespace {

// y = row `label` of the identity matrix: a one-hot code of an index input.
Tensor<double> one_hot(Program<double>& g, IndexInput labels, Index classes) {
  return g.record({.name = "one_hot",
                   .inputs = {},
                   .shape = {.channels = classes},
                   .forward =
                       [=](const Call<double>& call) {
                         for (Index i = 0; i < call.out().rows; ++i)
                           for (Index j = 0; j < classes; ++j) call.out()(i, j) = call.indices(labels)(i, 0) == j;
                       },
                   .backward = nullptr});
}

}  // namespace

TEST_CASE("index inputs reach operations, and are checked when a replay starts") {
  Program<double> g(3, Mode::evaluate);
  const IndexInput edges = g.index_input("edges", {.points = 2, .channels = 2}, 9);
  const IndexInput labels = g.index_input("labels", {}, 4);
  CHECK(edges.id != labels.id);
  g.output("y", one_hot(g, labels, 4));
  g.finish();
  Workspace<double> w(g);
  w.bind({2});
  CHECK(w.index_input("edges").points == 2);
  w.index_input("labels")(0) = 3;
  w.index_input("labels")(1) = 0;
  w.index_input("edges")(1, 1, 1) = 8;
  g.forward(w, nullptr);
  CHECK(w.output("y")(0, 0, 3) == 1);
  CHECK(w.output("y")(1, 0, 0) == 1);
  CHECK(w.output("y")(1, 0, 3) == 0);
  w.index_input("labels")(1) = 4;
  CHECK_THROWS_WITH_AS(g.forward(w, nullptr), "index input 'labels' holds 4 at position 1; allowed are 0 to 3",
                       ValueError);
  w.index_input("labels")(1) = -1;
  CHECK_THROWS_AS(g.forward(w, nullptr), ValueError);
  w.bind({1});  // the wrong one is not asked for
  g.forward(w, nullptr);
  CHECK(w.output("y")(0, 0, 3) == 1);
}

TEST_CASE("a program that is recorded wrongly says how") {
  Params<float> p;
  const Param weight = p.weight("w", 1, 1);
  Program<float> g(4, Mode::train), other(4, Mode::train);
  CHECK_THROWS_WITH_AS((Program<float>(0, Mode::train)),
                       "a program's capacity is 0 examples; it must be at least 1", ValueError);
  const auto x = g.input("x", {.points = 2, .channels = 3});
  const auto foreign = other.input("x", {.points = 2, .channels = 3});
  CHECK_THROWS_WITH_AS(g.input("x", {}), "input 'x' exists already", ValueError);
  CHECK_THROWS_AS(g.input("bad", {.points = 0}), ShapeError);
  CHECK_THROWS_AS(g.input("bad", {.examples = Shape::kShared}), ShapeError);
  CHECK_THROWS_AS(g.index_input("i", {}, 0), ValueError);
  CHECK_THROWS_AS(g.index_input("i", {.channels = 0}, 3), ShapeError);
  CHECK_THROWS_WITH_AS(add(x, foreign), "add: an input belongs to another program", ShapeError);
  CHECK_THROWS_AS(g.param(Param{}), ValueError);
  CHECK_THROWS_AS(g.output("y", foreign), ShapeError);
  CHECK_THROWS_AS(g.output("y", Tensor<float>{}), ShapeError);
  CHECK_THROWS_AS(
      g.record({.name = "empty", .inputs = {x}, .shape = {.channels = 0}, .forward = nullptr, .backward = nullptr}),
      ShapeError);
  CHECK_THROWS_WITH_AS(g.finish(x), "the loss has shape [b, 2, 3]; it must be [b, 1, 1]: one value an example",
                       ShapeError);
  CHECK_THROWS_AS(g.finish(Tensor<float>{}), ShapeError);
  CHECK_THROWS_WITH_AS(g.finish(), "a training program needs a loss: call finish(loss)", ValueError);
  CHECK_THROWS_AS(Workspace<float>{g}, ValueError);
  const auto loss = squared_error(scale(sum_points(x), 1), constant(g, {.channels = 3}, 1));
  g.finish(loss);
  CHECK_THROWS_WITH_AS(relu(x), "relu: recorded into a finished program", ValueError);
  CHECK_THROWS_AS(g.input("late", {}), ValueError);
  CHECK_THROWS_AS(g.index_input("late", {}, 2), ValueError);
  CHECK_THROWS_AS(g.param(weight), ValueError);
  CHECK_THROWS_AS(g.output("late", x), ValueError);
  CHECK_THROWS_AS(g.finish(loss), ValueError);
}

TEST_CASE("a workspace that is used wrongly says how") {
  Program<float> g(4, Mode::evaluate);
  const auto x = g.input("x", {.points = 2, .channels = 3});
  g.input("adjacency", {.points = 2, .channels = 2});
  g.output("y", relu(x));
  g.finish();
  Workspace<float> w(g);
  CHECK_THROWS_WITH_AS(w.bind({5}), "a replay of 5 examples is asked for; this program was recorded for at most 4",
                       ValueError);
  CHECK_THROWS_AS(w.bind({-1}), ValueError);
  CHECK_THROWS_WITH_AS(w.input("z"), "there is no input 'z'; this program has: x, adjacency", ValueError);
  CHECK_THROWS_WITH_AS(w.index_input("z"), "there is no index input 'z'; this program has: none", ValueError);
  CHECK_THROWS_WITH_AS(w.output("z"), "there is no output 'z'; this program has: y", ValueError);
  CHECK_THROWS_AS(w.losses(), ValueError);
  float gradient = 0;
  CHECK_THROWS_AS(g.backward(w, &gradient, true), ValueError);
}

TEST_CASE("shapes print as they are written") {
  CHECK(to_string(Shape{.points = 15, .channels = 64}) == "[b, 15, 64]");
  CHECK(to_string(Shape{Shape::kShared, 3, 4}) == "[shared, 3, 4]");
  CHECK(to_string(Shape{7, 3, 4}) == "[extent 7, 3, 4]");
}

TEST_CASE("a parameter that is asked for twice is one value") {
  Params<float> p;
  const Param a = p.weight("a", 2, 2), b = p.weight("b", 2, 2);
  Program<float> g(1, Mode::train);
  CHECK(g.param(a).id() == g.param(a).id());
  CHECK(g.param(a).id() != g.param(b).id());
}

TEST_CASE("multiply-adds count the products of forward and backward") {
  const auto count = [](Mode mode) {
    Params<float> p;
    const Param a = p.weight("a", 3, 5), b = p.weight("b", 5, 1);
    Program<float> g(2, mode);
    const auto x = relu(linear(g.input("x", {.points = 4, .channels = 3}), g.param(a)));
    g.finish(squared_error(linear(sum_points(x), g.param(b)), g.input("y", {})));
    return g.multiply_adds();
  };
  CHECK(count(Mode::evaluate) == 4 * 3 * 5 + 5);
  CHECK(count(Mode::train) == 2 * 4 * 3 * 5 + 3 * 5);  // nobody needs the gradient of the input
}

}  // namespace test_program
