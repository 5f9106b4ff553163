// E(n)-equivariant message passing: values, symmetry under permutations and motions, gradients.
#include <doctest/doctest.h>
#include <eqnn/nn/clouds.h>
#include <eqnn/nn/sets.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/clouds.h"
#include "support/equivariance.h"
#include "support/evaluate.h"
#include "support/gradcheck.h"
#include "support/thrown.h"

namespace test_clouds {

using namespace eqnn;
using reference::Dense;
using testing::Motion;
using testing::Permutation;

namespace {

Dense random_points(Index n, Index c, std::uint64_t seed) { return testing::random_cloud(n, c, seed); }

template <class T>
double tolerance() {
  return sizeof(T) == 4 ? 2e-6 : 1e-14;
}

// A cloud with its features in one input [n, c + d]: what evaluate() feeds to models of both.
Dense joined(const Dense& h, const Dense& x) {
  Dense both(h.rows, h.cols + x.cols);
  for (Index i = 0; i < h.rows; ++i) {
    for (Index j = 0; j < h.cols; ++j) both(i, j) = h(i, j);
    for (Index j = 0; j < x.cols; ++j) both(i, h.cols + j) = x(i, j);
  }
  return both;
}
Dense columns(const Dense& m, Index first, Index count) {
  Dense part(m.rows, count);
  for (Index i = 0; i < m.rows; ++i)
    for (Index j = 0; j < count; ++j) part(i, j) = m(i, first + j);
  return part;
}
// Columns [first, first + count) of x, as a value of a program.
template <class T>
Tensor<T> columns(Tensor<T> x, Index first, Index count) {
  return x.program().record({
      .name = "columns",
      .inputs = {x},
      .shape = {x.shape().examples, x.shape().points, count},
      .forward =
          [=](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              for (Index j = 0; j < count; ++j) call.out()(i, j) = call.in(0)(i, first + j);
          },
      .backward = nullptr,
  });
}

// The Mlp in double, row by row.
template <class T>
Dense apply(const Params<T>& p, const Mlp<T>& mlp, Dense x, bool activate_last) {
  for (std::size_t l = 0; l < mlp.layers.size(); ++l) {
    x = reference::product(x, reference::dense(p.view(mlp.layers[l].weight)));
    const Dense bias = reference::dense(p.view(mlp.layers[l].bias));
    for (Index i = 0; i < x.rows; ++i)
      for (Index j = 0; j < x.cols; ++j) {
        x(i, j) += bias(0, j);
        if (l + 1 < mlp.layers.size() || activate_last) x(i, j) = reference::unary(kernels::Unary::gelu, x(i, j));
      }
  }
  return x;
}

// The formulas of Egnn: h' and x' in one matrix.
template <class T>
Dense naive_egnn(const Params<T>& p, const Egnn<T>& layer, const Dense& h, const Dense& x) {
  const Index n = h.rows, c = h.cols, d = x.cols;
  const Index width = layer.phi_e.layers.back().bias.cols;
  Dense sums(n, width), x_new = x;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      if (i == j) continue;
      Dense pair(1, 2 * c + 1);
      for (Index k = 0; k < c; ++k) {
        pair(0, k) = h(i, k);
        pair(0, c + k) = h(j, k);
      }
      for (Index k = 0; k < d; ++k) pair(0, 2 * c) += (x(i, k) - x(j, k)) * (x(i, k) - x(j, k));
      const Dense m = apply(p, layer.phi_e, pair, true);
      const double w = apply(p, layer.phi_x, m, false)(0, 0);
      for (Index k = 0; k < width; ++k) sums(i, k) += m(0, k);
      for (Index k = 0; k < d; ++k) x_new(i, k) += (x(i, k) - x(j, k)) * w / static_cast<double>(n - 1);
    }
  return joined(apply(p, layer.phi_h, joined(h, sums), false), x_new);
}

// Two layers of Egnn; the result is [h' | x'].
template <class T>
struct Net {
  Net(Params<T>& p, Index in, Index dimension)
      : first(p, "first", in, 8, 6), second(p, "second", 6, 8, 4), c(in), d(dimension) {
    testing::draw_off_zero(p, 41, 0.02, 0.3);
  }
  Tensor<T> operator()(Tensor<T> both) const {
    const Cloud<T> out = second(first(columns(both, 0, c), columns(both, c, d)));
    return join_channels(out.h, out.x);
  }
  Egnn<T> first, second;
  Index c, d;
};

}  // namespace

TEST_CASE_TEMPLATE("Egnn computes its formulas", T, float, double) {
  for (const Index d : {2, 3})
    for (const Index n : {1, 2, 5})
      for (const Index c : {1, 4}) {
        Params<T> p;
        const Egnn<T> layer(p, "egnn", c, 6, 3);
        testing::draw_off_zero(p, 43, 0.02, 0.3);
        const auto model = [&](Tensor<T> both) {
          const Cloud<T> out = layer(columns(both, 0, c), columns(both, c, d));
          return join_channels(out.h, out.x);
        };
        const std::vector<Dense> h = {random_points(n, c, 3), random_points(n, c, 4)};
        const std::vector<Dense> x = {random_points(n, d, 5), random_points(n, d, 6)};
        const auto outputs = testing::evaluate(p, model, {joined(h[0], x[0]), joined(h[1], x[1])});
        for (std::size_t e = 0; e < 2; ++e)
          CHECK(testing::relative_error(outputs[e], naive_egnn(p, layer, h[e], x[e])) <= tolerance<T>());
      }
}

TEST_CASE("Egnn names its parameters") {
  Params<float> p;
  const Egnn<float> egnn(p, "egnn", 3, 4, 5);
  std::vector<std::string> names;
  for (const ParamInfo& info : p.list())
    if (!info.is_bias) names.push_back(concat(info.name, " ", info.slice.rows, "x", info.slice.cols));
  CHECK(names == std::vector<std::string>{"egnn.phi_e.0.weight 7x4", "egnn.phi_e.1.weight 4x4",
                                          "egnn.phi_x.0.weight 4x4", "egnn.phi_x.1.weight 4x1",
                                          "egnn.phi_h.0.weight 7x4", "egnn.phi_h.1.weight 4x5"});
}

TEST_CASE_TEMPLATE("Egnn is equivariant under permutations, rotations, reflections and translations", T, float,
                   double) {
  for (const Index d : {2, 3})
    for (const Index n : {1, 2, 7}) {
      Params<T> p;
      const Net<T> net(p, 3, d);
      const Dense h = random_points(n, 3, 7), x = random_points(n, d, 8);
      const auto motions = testing::motions(d, true, true, 8, 9);
      const auto orders = testing::permutations(n, 4, 10);
      std::vector<Dense> inputs;
      for (const Motion& m : motions)
        for (const Permutation& order : orders) {
          const Dense both = joined(h, testing::moved(x, m, true));
          Dense placed = both;
          for (Index i = 0; i < n; ++i)
            for (Index j = 0; j < both.cols; ++j) placed(order[static_cast<std::size_t>(i)], j) = both(i, j);
          inputs.push_back(placed);
        }
      const auto outputs = testing::evaluate(p, net, inputs);
      double error = 0;
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        const Permutation& order = orders[k % orders.size()];
        Dense back = outputs[k];
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < back.cols; ++j) back(i, j) = outputs[k](order[static_cast<std::size_t>(i)], j);
        const Dense x_moved = testing::moved(columns(outputs[0], 4, d), motions[k / orders.size()], true);
        error = reference::worse(error, testing::relative_error(back, joined(columns(outputs[0], 0, 4), x_moved)));
      }
      CHECK(error <= testing::equivariance_tolerance<T>());
    }
}

TEST_CASE("labelled points: unit vectors, and mean squares of coordinates") {
  Params<double> p;
  const Param value = p.weight("x", 3 * 4, 3);
  testing::draw_off_zero(p, 61);
  Dense x(2, 2);
  x.data = {1, 2, -3, 0};
  const auto labels = testing::evaluate(p, [](Tensor<double> t) { return label_points(t); }, {x})[0];
  CHECK(labels.data == std::vector<double>{1, 0, 2.5, 0, 1, 4.5});
  testing::check_gradient(p,
                          [&](auto& g) { return square(label_points(testing::parameter_as_input(g, value, 4))); });
}

TEST_CASE("a layer that reads coordinates is found not to be equivariant") {
  Params<double> p;
  const Egnn<double> layer(p, "egnn", 2, 6, 4);
  testing::draw_off_zero(p, 46, 0.02, 0.3);
  const auto cheat = [&](Tensor<double> x) { return layer(x, x).h; };  // positions as features
  const Dense x = random_points(5, 2, 11);
  const auto y =
      testing::evaluate(p, cheat, {x, testing::moved(x, testing::random_motion(2, false, false, 12), true)});
  CHECK(testing::relative_error(y[1], y[0]) > 1e-3);
}

TEST_CASE("gradients of the operations on pairs equal differences") {
  Params<double> p;
  const Param h = p.weight("h", 3 * 4, 3), x2 = p.weight("x2", 3 * 4, 2), x3 = p.weight("x3", 3 * 4, 3);
  const Param m = p.weight("m", 3 * 16, 5), w = p.weight("w", 3 * 16, 1);
  testing::draw_off_zero(p, 51);
  const auto value = [](Program<double>& g, Param q, Index points) {
    return testing::parameter_as_input(g, q, points);
  };
  testing::check_gradient(p, [&](auto& g) { return square(sum_pairs(value(g, m, 16))); });
  for (const Param& x : {x2, x3}) {
    testing::check_gradient(p, [&](auto& g) { return square(pair_features(value(g, h, 4), value(g, x, 4))); });
    testing::check_gradient(p, [&](auto& g) { return square(move_points(value(g, x, 4), value(g, w, 16))); });
  }
  // An input that two operations read, and one that is both arguments of one: gradients add up.
  testing::check_gradient(p, [&](auto& g) {
    const auto x = value(g, x2, 4);
    return join_channels(pair_features(x, x), pair_features(square(x), x));
  });
  testing::check_gradient(p, [&](auto& g) {
    const auto pairs = value(g, m, 16);
    return add(sum_pairs(square(pairs)), sum_pairs(pairs));
  });
}

TEST_CASE("gradients of DeepSets and Egnn networks equal differences") {
  for (const Index d : {2, 3}) {
    Params<double> p;
    const Param h = p.weight("h", 3 * 4, 2), x = p.weight("x", 3 * 4, d);
    const Egnn<double> first(p, "first", 2, 5, 3), second(p, "second", 3, 5, 2);
    const DeepSets<double> set(p, "set", 2, 4);
    const SetReadout<double> readout(p, "out", 4, 5, 1, Activation::tanh);
    testing::draw_off_zero(p, 52, 0.05, 0.5);
    const auto model = [&](Program<double>& g) {
      const Cloud<double> out =
          second(first(testing::parameter_as_input(g, h, 4), testing::parameter_as_input(g, x, 4)));
      return join_channels(readout(gelu(set(out.h))), mean_points(square(out.x)));
    };
    testing::check_gradient(p, model);
  }
}

TEST_CASE("layers on clouds refuse shapes that do not fit") {
  Params<double> p;
  const Egnn<double> layer(p, "egnn", 3, 4, 4);
  Program<double> g(2, Mode::evaluate);
  const auto h = g.input("h", {.points = 5, .channels = 3}), x = g.input("x", {.points = 5, .channels = 2});
  const auto few = g.input("few", {.points = 4, .channels = 2});
  const auto line = g.input("line", {.points = 5, .channels = 1});
  const auto space = g.input("space", {.points = 5, .channels = 4});
  const auto refused = [](const auto& f, const std::string& part) {
    return contains(message<ShapeError>(f), part);
  };
  CHECK(refused([&] { layer(h, few); }, "[b, 4, 2]"));
  CHECK(refused([&] { layer(h, line); }, "[b, 5, 1]"));
  CHECK(refused([&] { layer(h, space); }, "[b, 5, 4]"));
  CHECK(refused([&] { layer(x, x); }, "weight"));
  CHECK(refused([&] { sum_pairs(h); }, "5 pairs"));
  CHECK(refused([&] { move_points(x, x); }, "[b, n n, 1]"));
  CHECK(refused([&] { join_channels(h, few); }, "join_channels"));
}

}  // namespace test_clouds
