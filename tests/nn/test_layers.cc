// Layers: names and shapes of their parameters, values, symmetry, and gradients of whole networks.
#include <doctest/doctest.h>
#include <eqnn/nn/layers.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/equivariance.h"
#include "support/gradcheck.h"
#include "support/reference.h"

using namespace eqnn;
using reference::Dense;

namespace {

constexpr Adjacency kForms[] = {Adjacency::raw, Adjacency::mean, Adjacency::sqrt, Adjacency::centred};
constexpr Activation kActivations[] = {Activation::none, Activation::relu, Activation::tanh, Activation::gelu,
                                       Activation::square};

double activate(double x, Activation f) {
  switch (f) {
    case Activation::none:
      return x;
    case Activation::relu:
      return reference::unary(kernels::Unary::relu, x);
    case Activation::tanh:
      return reference::unary(kernels::Unary::tanh, x);
    case Activation::gelu:
      return reference::unary(kernels::Unary::gelu, x);
    case Activation::square:
      return reference::unary(kernels::Unary::square, x);
  }
  return x;
}

// One graph, random points [n, c] and a random symmetric adjacency.
struct Graph {
  Graph(Index n, Index c, std::uint64_t seed) : x(n, c), a(n, n) {
    Draws d({seed, Stream::user, 0, 0});
    for (double& v : x.data) v = d.below(17) / 8.0 - 1;  // exact in float
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < i; ++j) a(i, j) = a(j, i) = d.below(2);
  }
  Dense x, a;
};

Dense plus_bias(Dense y, const Dense& bias) {
  for (Index i = 0; i < y.rows; ++i)
    for (Index j = 0; j < y.cols; ++j) y(i, j) += bias(0, j);
  return y;
}

// Runs `model(x, adjacency)` on the graphs, and compares each result with `naive(graph)`.
template <class T, class Model, class Naive>
void check_values(const Params<T>& params, const Model& model, const Naive& naive,
                  const std::vector<Graph>& graphs) {
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
      const Graph& graph = graphs[static_cast<std::size_t>(e)];
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

std::vector<Graph> graphs(Index n, Index c) { return {Graph(n, c, 1), Graph(n, c, 2), Graph(n, c, 3)}; }

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
    x = eqnn::activate(l2(eqnn::activate(l1(x, a), activation), a), activation);
    return head(mean_points(x));
  }
  MessagePassing<T> l1, l2;
  Mlp<T> head;
  Adjacency form;
  Activation activation;
};

}  // namespace

TEST_CASE("layers name their parameters as PyTorch modules do") {
  Params<float> p;
  const Linear<float> linear(p, "a", 3, 5), bare(p, "b", 3, 5, false);
  const Mlp<float> mlp(p, "mlp", {2, 7, 4, 1});
  const MessagePassing<float> mp(p, "layers.0", 6, 8);
  std::vector<std::string> names;
  for (const ParamInfo& info : p.list())
    names.push_back(concat(info.name, " ", info.slice.rows, "x", info.slice.cols));
  CHECK(names == std::vector<std::string>{"a.weight 3x5", "a.bias 1x5", "b.weight 3x5", "mlp.0.weight 2x7",
                                          "mlp.0.bias 1x7", "mlp.1.weight 7x4", "mlp.1.bias 1x4",
                                          "mlp.2.weight 4x1", "mlp.2.bias 1x1", "layers.0.weight 12x8",
                                          "layers.0.bias 1x8"});
  CHECK(!bare.bias);
  CHECK(mlp.layers.size() == 3);
  CHECK(mp.weight().rows == 12);
  CHECK(mp.bias().cols == 8);
}

TEST_CASE_TEMPLATE("Linear and Mlp compute their formulas", T, float, double) {
  for (const Activation f : kActivations) {
    Params<T> p;
    const Linear<T> linear(p, "a", 3, 5), bare(p, "b", 3, 17, false);
    const Mlp<T> mlp(p, "mlp", {3, 9, 4, 2}, f);
    testing::draw_off_zero(p, 5, 0.05, 0.5);
    const auto layer = [&](const Dense& x, const Linear<T>& l) {
      const Dense y = reference::product(x, reference::dense(p.view(l.weight)));
      return l.bias ? plus_bias(y, reference::dense(p.view(l.bias))) : y;
    };
    check_values(
        p, [&](auto x, auto) { return linear(x); }, [&](const Graph& g) { return layer(g.x, linear); },
        graphs(4, 3));
    check_values(
        p, [&](auto x, auto) { return bare(x); }, [&](const Graph& g) { return layer(g.x, bare); }, graphs(4, 3));
    const auto naive = [&](const Graph& g) {
      Dense x = g.x;
      for (std::size_t i = 0; i < 3; ++i) {
        x = layer(x, mlp.layers[i]);
        if (i < 2)
          for (double& v : x.data) v = activate(v, f);
      }
      return x;
    };
    check_values(
        p, [&](auto x, auto) { return mlp(x); }, naive, graphs(4, 3));
  }
}

TEST_CASE_TEMPLATE("MessagePassing is x W_self + A' x W_nbr + b for every adjacency form", T, float, double) {
  for (const Adjacency form : kForms)
    for (const Index in : {1, 3, 16, 19}) {
      Params<T> p;
      const MessagePassing<T> mp(p, "l", in, 6);
      testing::draw_off_zero(p, 6, 0.05, 0.5);
      const auto naive = [&](const Graph& g) {
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
      check_values(
          p, [&](auto x, auto a) { return mp(x, normalize_adjacency(a, form)); }, naive, graphs(7, in));
    }
}

// --- symmetry ----------------------------------------------------------------------------------------------

TEST_CASE("the permutations of the symmetry check are permutations, extreme ones among them") {
  for (const Index n : {1, 2, 5}) {
    const auto list = testing::permutations(n, 4, 1);
    CHECK(list.size() == 9);
    for (testing::Permutation p : list) {
      std::sort(p.begin(), p.end());
      CHECK(p == list[0]);
    }
  }
  const auto list = testing::permutations(4, 0, 1);
  CHECK(list[1] == testing::Permutation{1, 0, 2, 3});
  CHECK(list[2] == testing::Permutation{3, 1, 2, 0});
  CHECK(list[3] == testing::Permutation{1, 2, 3, 0});
  CHECK(list[4] == testing::Permutation{3, 2, 1, 0});
}

TEST_CASE_TEMPLATE("Linear, Mlp and elementwise functions are equivariant", T, float, double) {
  for (const Activation f : kActivations) {
    Params<T> p;
    const Linear<T> linear(p, "a", 3, 5);
    const Mlp<T> mlp(p, "mlp", {3, 9, 4}, f);
    p.initialize(kaiming_uniform, 7);
    testing::check_equivariance(p, linear);
    testing::check_equivariance(p, mlp);
    testing::check_equivariance(p, [&](Tensor<T> x) { return eqnn::activate(x, f); });
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

TEST_CASE_TEMPLATE("pools are invariant", T, float, double) {
  Params<T> p;
  p.freeze();
  testing::check_equivariance(p, [](Tensor<T> x) { return sum_points(x); });
  testing::check_equivariance(p, [](Tensor<T> x) { return mean_points(x); });
}

TEST_CASE_TEMPLATE("a layer that looks at positions fails the symmetry check", T, float, double) {
  Params<T> p;
  p.freeze();
  const auto scaled_by_position = [](Tensor<T> x) {
    return x.program().record({
        .name = "scaled_by_position",
        .inputs = {x},
        .shape = x.shape(),
        .forward =
            [n = x.shape().points](const Call<T>& call) {
              for (Index i = 0; i < call.out().rows; ++i)
                for (Index j = 0; j < call.out().cols; ++j)
                  call.out()(i, j) = call.in(0)(i, j) * static_cast<T>(i % n);
            },
        .backward = nullptr,
    });
  };
  CHECK(testing::equivariance_error(p, scaled_by_position) > 0.01);
  CHECK(testing::equivariance_error(p, [&](Tensor<T> x) { return sum_points(scaled_by_position(x)); }) > 0.01);
  CHECK(testing::equivariance_error(p, [](Tensor<T> x) { return flatten(x); }) > 0.01);
  // Only the group that is asked about counts: this layer is symmetric under the identity.
  testing::EquivarianceOptions trivial;
  trivial.elements = {testing::permutations(trivial.points, 0, 1)[0]};
  CHECK(testing::equivariance_error(p, scaled_by_position, trivial) == 0);
}

// --- gradients of whole networks -----------------------------------------------------------------------------

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
          const Graph graph(5, 2, static_cast<std::uint64_t>(10 + e));
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

TEST_CASE("gradients of a deep Mlp with a layer used twice equal differences") {
  Params<double> p;
  const Mlp<double> first(p, "first", {3, 8, 3}, Activation::gelu),
      second(p, "second", {3, 5, 2}, Activation::tanh);
  testing::draw_off_zero(p, 11, 0.05, 0.5);
  const auto model = [&](Program<double>& g) {
    const auto x = g.input("x", {.points = 2, .channels = 3});
    return second(add(first(x), first(first(x))));
  };
  const auto fill = [](Workspace<double>& w) {
    Draws d({12, Stream::user, 0, 0});
    for (Index e = 0; e < 3; ++e)
      for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 3; ++j) w.input("x")(e, i, j) = d.normal();
  };
  testing::check_gradient(p, model, fill);
}

TEST_CASE("the gradient check finds a wrong gradient") {
  Params<double> p;
  const Param value = p.weight("x", 6, 3);
  testing::draw_off_zero(p, 13);
  const auto cube = [](Tensor<double> x, double factor) {
    return x.program().record({
        .name = "cube",
        .inputs = {x},
        .shape = x.shape(),
        .forward =
            [](const Call<double>& call) {
              for (Index i = 0; i < call.out().rows; ++i)
                for (Index j = 0; j < call.out().cols; ++j) call.out()(i, j) = std::pow(call.in(0)(i, j), 3);
            },
        .backward =
            [factor](const Call<double>& call) {
              for (Index i = 0; i < call.out().rows; ++i)
                for (Index j = 0; j < call.out().cols; ++j)
                  call.in_gradient(0)(i, j) +=
                      factor * call.in(0)(i, j) * call.in(0)(i, j) * call.out_gradient()(i, j);
            },
    });
  };
  const auto error = [&](double factor) {
    const auto model = [&](Program<double>& g) { return cube(testing::parameter_as_input(g, value, 2), factor); };
    return testing::gradcheck(p, model, [](Workspace<double>&) {}).error;
  };
  CHECK(error(3) <= 1e-9);
  CHECK(error(3.0001) > 1e-6);
}
