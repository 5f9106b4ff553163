// Adjacency matrices, neighbour sums and MessagePassing: values, symmetry, gradients, shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/points.h>

#include <string>
#include <vector>

#include "support/equivariance.h"
#include "support/gradcheck.h"
#include "support/operations.h"
#include "support/small_graphs.h"

namespace test_dense_graphs {

using namespace eqnn;
using reference::Dense;
using testing::check_layer;
using testing::check_operation;
using testing::graphs;
using testing::kWidths;
using testing::plus_bias;
using testing::SmallGraph;

namespace {

constexpr Adjacency kForms[] = {Adjacency::raw, Adjacency::mean, Adjacency::sqrt, Adjacency::centred};
constexpr Activation kActivations[] = {Activation::none, Activation::relu, Activation::tanh, Activation::gelu,
                                       Activation::square};

// Fills the input "a" with random 0/1 entries, which need not be symmetric.
void fill_adjacency(Workspace<double>& w) {
  Draws d({22, Stream::user, 0, 0});
  const Block<double> a = w.input("a");
  for (Index e = 0; e < a.examples; ++e)
    for (Index i = 0; i < a.points; ++i)
      for (Index j = 0; j < a.channels; ++j) a(e, i, j) = d.below(2);
}

// Two message-passing layers, a readout and a head: the network of the quickstart, small.
template <class T>
struct Net {
  Net(Params<T>& p, Index in, Index width, Adjacency f, Activation a)
      : l1(p, "layers.0", in, width),
        l2(p, "layers.1", width, width),
        head(p, "head", {width, width, 1}, a),
        form(f),
        activation(a) {}
  Tensor<T> operator()(Tensor<T> x, Tensor<T> adjacency) const {
    const Tensor<T> a = normalize_adjacency(adjacency, form);
    x = activate(l2(activate(l1(x, a), activation), a), activation);
    return head(mean_points(x));
  }
  MessagePassing<T> l1, l2;
  Mlp<T> head;
  Adjacency form;
  Activation activation;
};

}  // namespace

TEST_CASE_TEMPLATE("adjacency forms are those of their definition", T, float, double) {
  for (const Adjacency form : kForms)
    for (const Index n : {1, 2, 5, 8, 15, 17})
      check_operation<T>([form](auto, auto a) { return normalize_adjacency(a, form); },
                         [form](auto&, auto& a) { return reference::normalize_adjacency(a, form); },
                         {.points = n, .channels = 1}, {.points = n, .channels = n}, true);
}

TEST_CASE_TEMPLATE("neighbour sums multiply by the adjacency", T, float, double) {
  for (const Index c : kWidths)
    for (const Index n : {1, 4, 9}) {
      const Shape xs{.points = n, .channels = c}, as{.points = n, .channels = n};
      check_operation<T>([](auto x, auto a) { return neighbor_sum(x, a); },
                         [](auto& x, auto& a) { return reference::product(a, x); }, xs, as, true);
      const auto both = [](const Dense& x, const Dense& a) {
        const Dense sums = reference::product(a, x);
        Dense y(x.rows, 2 * x.cols);
        for (Index i = 0; i < x.rows; ++i)
          for (Index j = 0; j < x.cols; ++j) {
            y(i, j) = x(i, j);
            y(i, x.cols + j) = sums(i, j);
          }
        return y;
      };
      check_operation<T>([](auto x, auto a) { return with_neighbors(x, a); }, both, xs, as, true);
    }
}

TEST_CASE_TEMPLATE("a raw adjacency is the adjacency itself", T, float, double) {
  Program<T> g(1, Mode::evaluate);
  const auto a = g.input("a", {.points = 3, .channels = 3});
  CHECK(normalize_adjacency(a, Adjacency::raw).id() == a.id());
}

TEST_CASE("gradients of neighbour sums equal differences for every adjacency form") {
  for (const Adjacency form : kForms)
    for (const Index c : {1, 5, 8, 17}) {
      Params<double> p;
      const Param x = p.weight("x", 12, c);
      testing::draw_off_zero(p, 25);
      const auto model = [&](auto combine) {
        return [&, combine](Program<double>& g) {
          const auto a = normalize_adjacency(g.input("a", {.points = 4, .channels = 4}), form);
          return combine(testing::parameter_as_input(g, x, 4), a);
        };
      };
      testing::check_gradient(p, model([](auto v, auto a) { return neighbor_sum(v, a); }), fill_adjacency);
      testing::check_gradient(p, model([](auto v, auto a) { return with_neighbors(v, a); }), fill_adjacency);
      testing::check_gradient(p, model([](auto v, auto a) { return add(neighbor_sum(tanh(v), a), v); }),
                              fill_adjacency);
      testing::check_gradient(
          p, model([](auto v, auto a) { return with_neighbors(mul(v, neighbor_sum(v, a)), a); }), fill_adjacency);
    }
}

TEST_CASE("MessagePassing names its parameters as a PyTorch module does") {
  Params<float> p;
  const MessagePassing<float> mp(p, "layers.0", 6, 8);
  std::vector<std::string> names;
  for (const ParamInfo& info : p.list())
    names.push_back(concat(info.name, " ", info.slice.rows, "x", info.slice.cols));
  CHECK(names == std::vector<std::string>{"layers.0.weight 12x8", "layers.0.bias 1x8"});
  CHECK(mp.weight().rows == 12);
  CHECK(mp.bias().cols == 8);
}

TEST_CASE_TEMPLATE("MessagePassing is x W_self + A' x W_nbr + b for every adjacency form", T, float, double) {
  for (const Adjacency form : kForms)
    for (const Index in : {1, 3, 16, 19}) {
      Params<T> p;
      const MessagePassing<T> mp(p, "l", in, 6);
      testing::draw_off_zero(p, 6, 0.05, 0.5);
      const auto naive = [&](const SmallGraph& g) {
        const Dense w = reference::dense(p.view(mp.weight()));
        Dense self(in, 6), neighbor(in, 6);
        for (Index i = 0; i < in; ++i)
          for (Index j = 0; j < 6; ++j) {
            self(i, j) = w(i, j);
            neighbor(i, j) = w(in + i, j);
          }
        Dense y = reference::product(g.x, self);
        const Dense sums = reference::product(reference::normalize_adjacency(g.a, form), g.x);
        const Dense from_neighbors = reference::product(sums, neighbor);
        for (std::size_t i = 0; i < y.data.size(); ++i) y.data[i] += from_neighbors.data[i];
        return plus_bias(y, reference::dense(p.view(mp.bias())));
      };
      check_layer(
          p, [&](auto x, auto a) { return mp(x, normalize_adjacency(a, form)); }, naive, graphs(7, in));
    }
}

TEST_CASE_TEMPLATE("neighbour sums and message passing are equivariant for every adjacency form", T, float,
                   double) {
  for (const Adjacency form : kForms)
    for (const Index points : {1, 2, 7, 15}) {
      Params<T> p;
      const MessagePassing<T> mp(p, "l", 3, 20);
      const Net<T> net(p, 3, 8, form, Activation::relu);
      p.initialize(kaiming_uniform, 8);
      const testing::EquivarianceOptions o{.points = points};
      testing::check_equivariance(
          p, [&](Tensor<T> x, Tensor<T> a) { return neighbor_sum(x, normalize_adjacency(a, form)); }, o);
      testing::check_equivariance(
          p, [&](Tensor<T> x, Tensor<T> a) { return with_neighbors(x, normalize_adjacency(a, form)); }, o);
      testing::check_equivariance(
          p, [&](Tensor<T> x, Tensor<T> a) { return mp(x, normalize_adjacency(a, form)); }, o);
      testing::check_equivariance(p, net, o);
    }
}

TEST_CASE("gradients of message-passing networks equal differences") {
  for (const Adjacency form : kForms)
    for (const Activation f : kActivations) {
      Params<double> p;
      const Net<double> net(p, 2, 9, form, f);
      testing::draw_off_zero(p, 9, 0.05, 0.4);
      const auto model = [&](Program<double>& g) {
        return net(g.input("x", {.points = 5, .channels = 2}), g.input("adjacency", {.points = 5, .channels = 5}));
      };
      const auto fill = [](Workspace<double>& w) {
        for (Index e = 0; e < 3; ++e) {
          const SmallGraph graph(5, 2, static_cast<std::uint64_t>(10 + e));
          for (Index i = 0; i < 5; ++i) {
            for (Index j = 0; j < 2; ++j) w.input("x")(e, i, j) = graph.x(i, j);
            for (Index j = 0; j < 5; ++j) w.input("adjacency")(e, i, j) = graph.a(i, j);
          }
        }
      };
      INFO("form ", static_cast<int>(form), " activation ", static_cast<int>(f));
      testing::check_gradient(p, model, fill, {.step = 1e-5});
    }
}

TEST_CASE("adjacency matrices of other points are refused") {
  Params<float> p;
  const Param w = p.weight("w", 4, 4);
  Program<float> g(2, Mode::train);
  const auto v = g.param(w);
  const auto x = g.input("x", {.points = 3, .channels = 4}), y = g.input("y", {.points = 3, .channels = 5});
  const auto a = g.input("a", {.points = 4, .channels = 4});
  CHECK_THROWS_WITH_AS(
      neighbor_sum(x, a),
      "neighbor_sum: adjacency is [b, 4, 4] and x is [b, 3, 4]; the adjacency must be [b, n, n] for "
      "the n points of x",
      ShapeError);
  CHECK_THROWS_AS(with_neighbors(x, y), ShapeError);
  CHECK_THROWS_WITH_AS(normalize_adjacency(x, Adjacency::mean),
                       "normalize_adjacency: [b, 3, 4]; an adjacency is [b, n, n]", ShapeError);
  CHECK_THROWS_AS(normalize_adjacency(x, Adjacency::raw), ShapeError);
  CHECK_THROWS_AS(neighbor_sum(v, v), ShapeError);
  CHECK_THROWS_AS(with_neighbors(v, v), ShapeError);
}

}  // namespace test_dense_graphs
