// Batches of data sets: what they hold, the same bits for any number of threads, no allocation; standardisation.
#include <doctest/doctest.h>
#include <eqnn/data/dataset.h>
#include <eqnn/data/readers.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>
#include <eqnn/nn/sparse_graphs.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "support/allocations.h"
#include "support/paths.h"
#include "support/threads.h"
#include "support/thrown.h"

namespace test_set_fills {

using namespace eqnn;

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Examples [4, 3] of normal numbers around 5 k, with a target or one of three classes.
LabelledExamples drawn_arrays(Index n, bool classes) {
  LabelledExamples e{.points = 4, .channels = 3};
  for (Index i = 0; i < n; ++i) {
    Draws draw({21, Stream::user, 0, static_cast<std::uint64_t>(i)});
    double sum = 0;
    for (Index k = 0; k < 12; ++k) {
      e.x.push_back(draw.normal() + 5 * static_cast<double>(k));
      sum += e.x.back();
    }
    if (classes)
      e.classes.push_back(static_cast<std::int32_t>(draw.below(3)));
    else
      e.y.push_back(sum / 12);
  }
  return e;
}

// Random directed graphs of 1 to 9 nodes with two labels and two attributes.
LabelledExamples drawn_graphs(Index n) {
  LabelledExamples e{.label_values = {4, 6}, .attributes = 2};
  for (Index i = 0; i < n; ++i) {
    Draws draw({22, Stream::user, 0, static_cast<std::uint64_t>(i)});
    const auto nodes = static_cast<std::int32_t>(1 + draw.below(9));
    std::vector<std::pair<std::int32_t, std::int32_t>> edges;
    for (std::int32_t v = 0; v < nodes; ++v) {
      for (std::int32_t j = 0; j < nodes; ++j)
        if (draw.below(3) == 0) edges.emplace_back(v, j);
      e.node_labels.push_back(static_cast<std::int32_t>(draw.below(2)));
      for (int a = 0; a < 2; ++a) e.node_attributes.push_back(1e6 * a + draw.normal());
    }
    e.graphs.push_back(SparseGraph::from_edges(nodes, edges));
    e.classes.push_back(static_cast<std::int32_t>(draw.below(2)));
  }
  return e;
}

template <class T>
struct ArrayNet {
  explicit ArrayNet(Params<T>& p) : point(p, "point", {3, 8}), head(p, "head", {8, 1}) {}
  Tensor<T> operator()(Program<T>& g) const {
    const auto f = head(mean_points(tanh(point(g.input("x", {.points = 4, .channels = 3})))));
    return squared_error(f, g.input("y", {}));
  }
  Mlp<T> point, head;
};

template <class T>
struct GraphNet {
  GraphNet(Params<T>& p, const GraphDataset& d)
      : data(d), gin(p, "gin", {d.channels(), 8, 8}), head(p, "head", {8, 2}) {}
  Tensor<T> operator()(Program<T>& g) const {
    const GraphRoom room = data.room(g.capacity());
    const GraphInput graph = g.graph("graph", room.nodes, room.edges);
    const auto f = head(sum_nodes(tanh(gin(g.input("nodes", graph.nodes, data.channels()), graph)), graph));
    g.output("logits", f);
    return cross_entropy(f, g.index_input("label", {}, 2));
  }
  const GraphDataset& data;
  Gin<T> gin;
  Mlp<T> head;
};

// Parameters after twelve steps, and the last loss and that of an evaluation behind them.
template <class T, class Net, class Step, class Look>
std::vector<T> trained(Params<T>& params, const Net& net, int threads, const Step& step, const Look& look) {
  params.initialize(kaiming_uniform, 3);
  Trainer<T> trainer(params, {.batch = 22, .shard = 4, .threads = threads, .seed = 5}, net);
  double loss = 0;
  for (int s = 0; s < 12; ++s) loss = step(trainer);
  std::vector<T> found(params.values().begin(), params.values().end());
  found.push_back(static_cast<T>(loss));
  found.push_back(static_cast<T>(look(trainer)));
  return found;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T>
std::vector<T> trained_on_arrays(const Dataset& data, int threads) {
  Params<T> params;
  const ArrayNet<T> net(params);
  return trained(
      params, net, threads, [&](Trainer<T>& t) { return t.step(data.batches("x", "y", t.options())); },
      [&](Trainer<T>& t) { return t.evaluate(data.size(), data.in_order("x", "y")); });
}

template <class T>
std::vector<T> trained_on_graphs(const GraphDataset& data, int threads) {
  Params<T> params;
  const GraphNet<T> net(params, data);
  return trained(
      params, net, threads,
      [&](Trainer<T>& t) { return t.step(data.batches("graph", "nodes", "label", t.options())); },
      [&](Trainer<T>& t) { return t.evaluate(data.size(), data.in_order("graph", "nodes", "label")); });
}

// A workspace of a program without a network, filled with some examples.
struct Filled {
  template <class Record, class Fill>
  Filled(const Record& record, Index examples, const Fill& fill) : program(8, Mode::evaluate) {
    record(program);
    program.finish();
    workspace.emplace(program);
    workspace->bind({.examples = examples, .first = 1, .step = 3});
    Batch<double> batch(*workspace);
    fill(batch);
  }
  Program<double> program;
  std::optional<Workspace<double>> workspace;
};

}  // namespace

TEST_CASE_TEMPLATE("arrays train to the bits of a callback by hand, on 1, 2 and 8 threads", T, float, double) {
  const testing::EightThreads more;
  const Dataset data = drawn_arrays(67, false);
  const std::vector<T> one = trained_on_arrays<T>(data, 1);
  for (const int threads : {2, 8}) CHECK(same_bits(trained_on_arrays<T>(data, threads), one));
  Params<T> params;
  const ArrayNet<T> net(params);
  const auto put = [&](Batch<T>& b, Index i, Index e) {
    for (Index k = 0; k < 12; ++k) b["x"](i - b.first, k / 3, k % 3) = static_cast<T>(data.all().x[at(12 * e + k)]);
    b["y"](i - b.first) = static_cast<T>(data.all().y[at(e)]);
  };
  const Shuffle shuffle(5, 67);
  const auto step = [&](Batch<T>& b) {
    for (Index i = b.first; i < b.last; ++i)
      put(b, i, shuffle(b.step / 3, static_cast<Index>(b.step % 3) * 22 + i));
  };
  const auto look = [&](Batch<T>& b) {
    for (Index i = b.first; i < b.last; ++i) put(b, i, i);
  };
  const std::vector<T> by_hand = trained(
      params, net, 2, [&](Trainer<T>& t) { return t.step(step); },
      [&](Trainer<T>& t) { return t.evaluate(67, look); });
  CHECK(same_bits(by_hand, one));
}

TEST_CASE_TEMPLATE("graphs train to the same bits on 1, 2 and 8 threads, many times", T, float, double) {
  const testing::EightThreads more;
  const GraphDataset data = drawn_graphs(90);
  const std::vector<T> one = trained_on_graphs<T>(data, 1);
  for (const int threads : {2, 8, 8, 8, 2, 8}) CHECK(same_bits(trained_on_graphs<T>(data, threads), one));
}

TEST_CASE("a batch of arrays holds the examples of its step, in any shape of as many entries") {
  const Dataset all = drawn_arrays(40, true), data = all.split({0.5, 0, 0.5}, 1).test;
  const Epochs epochs(9, data.size(), 6);
  for (const Shape& shape : {Shape{.points = 4, .channels = 3}, {.channels = 12}, {.points = 12}}) {
    const auto record = [&](Program<double>& g) {
      g.input("x", shape);
      g.index_input("label", {}, 3);
    };
    const auto check = [&](const auto& fill, const auto& which) {
      Filled f(record, 4, fill);
      for (Index i = 0; i < 4; ++i) {
        const Index e = which(i + 1);
        CHECK(f.workspace->index_input("label")(i) == data.label(e));
        for (Index k = 0; k < 12; ++k)
          CHECK(f.workspace->input("x")(i, k / shape.channels, k % shape.channels) == data.x(e)(k / 3, k % 3));
      }
    };
    check(data.batches("x", "label", {.batch = 6, .seed = 9}), [&](Index i) { return epochs(3, i); });
    check(data.in_order("x", "label"), [](Index i) { return i; });
  }
}

TEST_CASE("a batch of graphs holds the graphs and features of its examples; two inputs may be of one set") {
  const GraphDataset data = drawn_graphs(20);
  const std::vector<Index> some = {3, 1, 4, 1, 5, 9, 2, 6};
  const GraphDataset part = data.part(some);
  const auto record = [&](Program<double>& g) {
    for (const std::string name : {"a", "b"}) {
      const GraphInput graph = g.graph(name, 80, 400);
      g.input(name + " nodes", graph.nodes, data.channels());
    }
    g.index_input("label", {}, 2);
  };
  const Filled f(record, 5, [&](Batch<double>& batch) {
    part.in_order("a", "a nodes", "label")(batch);
    data.in_order("b", "b nodes", "label")(batch);
  });
  auto& w = const_cast<Workspace<double>&>(*f.workspace);
  const auto check = [&](const GraphDataset& set, const std::string& name) {
    Index row = 0;
    for (Index i = 1; i <= 5; ++i) {
      const Index e = set.number(i), first = data.all().node_starts[at(e)];
      for (Index v = first; v < data.all().node_starts[at(e) + 1]; ++v, ++row) {
        const Block<double> x = w.input(name + " nodes");
        for (std::int32_t l = 0; l < 2; ++l) CHECK(x(row, 0, l) == (data.all().node_labels[at(v)] == l ? 1 : 0));
        for (Index a = 0; a < 2; ++a) CHECK(x(row, 0, 2 + a) == data.all().node_attributes[at(2 * v + a)]);
      }
    }
    CHECK(w.input(name + " nodes").examples == row);
  };
  check(part, "a");
  check(data, "b");
}

TEST_CASE("fills say what does not fit") {
  const Dataset data = drawn_arrays(10, true);
  const GraphDataset graphs = drawn_graphs(10);
  const auto error = [](const auto& record, Index examples, const auto& fill) {
    return message([&] { Filled(record, examples, fill); });
  };
  const auto good = [](Program<double>& g) {
    g.input("x", {.channels = 12});
    g.index_input("label", {}, 3);
  };
  CHECK(error(good, 8, data.in_order("x", "label")) == "no error");
  CHECK(contains(error(good, 1, data.in_order("z", "label")), "there is no input 'z'; this program has: x"));
  CHECK(contains(error(good, 1, data.in_order("x", "y")), "there is no index input 'y'"));
  CHECK(contains(error(good, 8, data.part(std::vector<Index>{1, 2}).in_order("x", "label")),
                 "there is no example 2 in a set of 2"));
  const auto small = [](Program<double>& g) {
    g.input("x", {.points = 4, .channels = 2});
    g.index_input("label", {.points = 2}, 3);
  };
  CHECK(contains(error(small, 1, data.in_order("x", "label")),
                 "input 'x' is [b, 4, 2] and an example has 4 points of 3 channels; as many entries are needed"));
  const auto two = [](Program<double>& g) {
    g.input("x", {.channels = 12});
    g.index_input("label", {.points = 2}, 3);
  };
  CHECK(contains(error(two, 1, data.in_order("x", "label")), "index input 'label' has 2 points and 1 channels"));
  CHECK(contains(message([&] { data.batches("x", "label", {.batch = 11}); }), "a batch is 11 of 10 examples"));
  const auto narrow = [](Program<double>& g) {
    const GraphInput graph = g.graph("graph", 80, 400);
    g.input("nodes", graph.nodes, 3);
    g.index_input("label", {}, 2);
  };
  CHECK(contains(error(narrow, 2, graphs.in_order("graph", "nodes", "label")),
                 "input 'nodes' has 1 points and 3 channels; the nodes of the data set have 4 features"));
}

#ifdef EQNN_TEST_COUNTS_ALLOCATIONS
TEST_CASE("steps on data sets allocate nothing once every shard has been of full size") {
  const Dataset arrays = drawn_arrays(70, false);
  const GraphDataset graphs = drawn_graphs(70);
  const Split<GraphDataset> parts = graphs.split({0.6, 0, 0.4}, 0);
  Params<float> p, q;
  const ArrayNet<float> array_net(p);
  const GraphNet<float> graph_net(q, graphs);
  p.initialize(kaiming_uniform, 0);
  q.initialize(kaiming_uniform, 0);
  Trainer<float> on_arrays(p, {.batch = 32, .threads = 1}, array_net),
      on_graphs(q, {.batch = 32, .threads = 1}, graph_net);
  const auto once = [&] {
    on_arrays.step(arrays.batches("x", "y", on_arrays.options()));
    on_graphs.step(parts.train.batches("graph", "nodes", "label", on_graphs.options()));
    on_graphs.evaluate(parts.test.size(), parts.test.in_order("graph", "nodes", "label"));
  };
  once();
  const std::int64_t before = testing::allocations;
  for (int step = 0; step < 200; ++step) once();
  const std::int64_t after = testing::allocations;
  CHECK(after == before);
  const std::vector<Index> counted(3);
  CHECK(testing::allocations > after);
}
#endif

TEST_CASE("standardised: mean 0 and deviation 1 on the part that it was fitted on, by entries and by channels") {
  LabelledExamples examples = drawn_arrays(50, true);
  for (Index i = 0; i < 50; ++i) examples.x[at(12 * i + 7)] = 0.1;  // an entry that does not vary
  const Dataset data = examples;
  const Split<Dataset> parts = data.split({}, 2);
  for (const auto columns : {Dataset::Columns::entries, Dataset::Columns::channels}) {
    const Split<Dataset> scaled = standardised(parts, columns);
    const auto values = [&](const Dataset& set, Index i) {
      Filled f([](Program<double>& g) { g.input("x", {.channels = 12}), g.index_input("label", {}, 3); }, 1,
               set.part(std::vector<Index>{0, i}).in_order("x", "label"));
      const double* row = f.workspace->input("x").row(0);
      return std::vector<double>(row, row + 12);
    };
    const bool each = columns == Dataset::Columns::entries;
    const Index fitted = each ? 12 : 3;
    std::vector<double> sum(at(fitted)), squares(at(fitted));
    for (Index i = 0; i < parts.train.size(); ++i)
      for (Index k = 0; k < 12; ++k) {
        const double v = values(scaled.train, i)[at(k)];
        sum[at(k % fitted)] += v;
        squares[at(k % fitted)] += v * v;
      }
    const double count = static_cast<double>(parts.train.size() * 12 / fitted);
    for (Index k = 0; k < fitted; ++k) {
      CHECK(std::abs(sum[at(k)] / count) < 1e-12);
      CHECK(std::abs(squares[at(k)] / count - (each && k == 7 ? 0 : 1)) < 1e-12);
    }
    // The same map on the other parts: what it does to two raw values of a column fixes it.
    const std::vector<double> a = values(scaled.train, 0), b = values(scaled.train, 1), c = values(scaled.test, 0);
    const auto raw = [](const Dataset& set, Index i, Index k) { return set.x(i)(k / 3, k % 3); };
    for (const Index k : {0, 5, 11}) {
      const double slope = (b[at(k)] - a[at(k)]) / (raw(parts.train, 1, k) - raw(parts.train, 0, k));
      CHECK(std::abs(a[at(k)] + slope * (raw(parts.test, 0, k) - raw(parts.train, 0, k)) - c[at(k)]) < 1e-10);
    }
    CHECK(values(scaled.train.standardised(parts.train, columns), 3) == values(scaled.train, 3));
  }
  const Dataset other = LabelledExamples{.points = 2, .channels = 1, .x = {1, 2}, .y = {1}};
  CHECK(contains(message([&] { data.standardised(other, Dataset::Columns::entries); }), "they must be alike"));
  CHECK(contains(message([&] { data.standardised(data.part({}), Dataset::Columns::entries); }),
                 "a set without examples has no mean"));
}

TEST_CASE("standardised: an entry that does not vary is 0 however many rows it has, one that hardly does is not") {
  LabelledExamples e{.points = 1, .channels = 2};
  for (int i = 0; i < 1000; ++i) {
    e.x.insert(e.x.end(), {0.1, 1e6 + i % 2});
    e.y.push_back(0);
  }
  const Dataset data(std::move(e));
  Filled f([](Program<double>& g) { g.input("x", {.channels = 2}), g.input("y", {}); }, 2,
           data.standardised(data, Dataset::Columns::entries).in_order("x", "y"));
  const Block<double> x = f.workspace->input("x");
  CHECK(x(0, 0, 0) == 0);
  CHECK(x(0, 0, 1) == doctest::Approx(1));  // examples 1 and 2
  CHECK(x(1, 0, 1) == doctest::Approx(-1));
}

TEST_CASE("standardised graphs: attributes alone, exact in float beside large means") {
  const Split<GraphDataset> parts = standardised(GraphDataset(drawn_graphs(60)).split({}, 4));
  const GraphDataset& train = parts.train;
  Program<float> g(train.size(), Mode::evaluate);
  const GraphRoom room = train.room(train.size());
  const GraphInput graph = g.graph("graph", room.nodes, room.edges);
  g.input("nodes", graph.nodes, 4);
  g.index_input("label", {}, 2);
  g.finish();
  Workspace<float> w(g);
  w.bind({.examples = train.size()});
  Batch<float> batch(w);
  train.in_order("graph", "nodes", "label")(batch);
  const Block<float> x = w.input("nodes");
  for (Index c = 0; c < 4; ++c) {
    double sum = 0, squares = 0;
    for (Index v = 0; v < x.examples; ++v)
      sum += x(v, 0, c), squares += static_cast<double>(x(v, 0, c)) * x(v, 0, c);
    const double count = static_cast<double>(x.examples);
    if (c < 2) CHECK(sum == squares);  // one-hot
    if (c >= 2) CHECK(std::abs(sum / count) < 1e-6);
    if (c >= 2) CHECK(std::abs(squares / count - 1) < 1e-6);
  }
}

TEST_CASE("accuracy counts the first largest channel") {
  const GraphDataset data = drawn_graphs(30);
  Params<double> p;
  const GraphNet<double> net(p, data);
  p.initialize(kaiming_uniform, 1);
  Trainer<double> trainer(p, {.batch = 8, .threads = 2}, net);
  std::vector<char> right(30);
  trainer.evaluate(30, data.in_order("graph", "nodes", "label"), [&](Batch<double>& b) {
    for (Index i = b.first; i < b.last; ++i) {
      const auto f = b.output("logits");
      right[at(i)] = (f(i - b.first, 0, 1) > f(i - b.first, 0, 0) ? 1 : 0) == data.label(i);
    }
  });
  const double expected = static_cast<double>(std::count(right.begin(), right.end(), 1)) / 30;
  CHECK((expected > 0 && expected < 1));
  CHECK(accuracy(trainer, data.in_order("graph", "nodes", "label"), "logits") == expected);
  const GraphDataset none = data.part({});
  CHECK(contains(message([&] { accuracy(trainer, none.in_order("graph", "nodes", "label"), "logits"); }),
                 "without examples"));
}

}  // namespace test_set_fills
