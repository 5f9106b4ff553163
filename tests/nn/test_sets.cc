// DeepSets and SetReadout: names, values, symmetry, gradients.
#include <doctest/doctest.h>
#include <eqnn/nn/sets.h>

#include <string>
#include <vector>

#include "support/clouds.h"
#include "support/equivariance.h"
#include "support/evaluate.h"
#include "support/gradcheck.h"
#include "support/thrown.h"

namespace test_sets {

using namespace eqnn;
using reference::Dense;

namespace {

Dense random_points(Index n, Index c, std::uint64_t seed) { return testing::random_cloud(n, c, seed); }

template <class T>
double tolerance() {
  return sizeof(T) == 4 ? 2e-6 : 1e-14;
}

}  // namespace

TEST_CASE_TEMPLATE("DeepSets is x W_self + mean(x) W_mean + b", T, float, double) {
  for (const Index n : {1, 2, 7})
    for (const Index in : {1, 3, 16, 17}) {
      Params<T> p;
      const DeepSets<T> layer(p, "set", in, 5);
      testing::draw_off_zero(p, 42, 0.02, 0.3);
      const Dense w = reference::dense(p.view(layer.weight())), b = reference::dense(p.view(layer.bias()));
      const std::vector<Dense> inputs = {random_points(n, in, 1), random_points(n, in, 2)};
      const auto outputs = testing::evaluate(p, layer, inputs);
      for (std::size_t e = 0; e < inputs.size(); ++e) {
        Dense y(n, 5);
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < 5; ++j) {
            y(i, j) = b(0, j);
            for (Index k = 0; k < in; ++k) {
              double mean = 0;
              for (Index r = 0; r < n; ++r) mean += inputs[e](r, k) / static_cast<double>(n);
              y(i, j) += inputs[e](i, k) * w(k, j) + mean * w(in + k, j);
            }
          }
        CHECK(testing::relative_error(outputs[e], y) <= tolerance<T>());
      }
    }
}

TEST_CASE("DeepSets and SetReadout name their parameters") {
  Params<float> p;
  const DeepSets<float> set(p, "set", 3, 5);
  const SetReadout<float> readout(p, "out", 3, 4, 2);
  std::vector<std::string> names;
  for (const ParamInfo& info : p.list())
    if (!info.is_bias) names.push_back(concat(info.name, " ", info.slice.rows, "x", info.slice.cols));
  CHECK(names == std::vector<std::string>{"set.weight 6x5", "out.phi.0.weight 3x4", "out.phi.1.weight 4x4",
                                          "out.rho.0.weight 4x4", "out.rho.1.weight 4x2"});
}

TEST_CASE_TEMPLATE("DeepSets is equivariant and its readout invariant", T, float, double) {
  for (const Index points : {1, 2, 9}) {
    Params<T> p;
    const DeepSets<T> first(p, "first", 3, 8), second(p, "second", 8, 5);
    const SetReadout<T> readout(p, "out", 5, 6, 2);
    testing::draw_off_zero(p, 44, 0.02, 0.5);
    const testing::EquivarianceOptions o{.points = points};
    testing::check_equivariance(
        p, [&](Tensor<T> x) { return second(relu(first(x))); }, o);
    testing::check_equivariance(
        p, [&](Tensor<T> x) { return readout(relu(second(relu(first(x))))); }, o);
  }
  Params<T> p;
  const DeepSets<T> layer(p, "set", 3, 4);
  testing::draw_off_zero(p, 45);
  CHECK(testing::equivariance_error(p, [&](Tensor<T> x) { return layer(testing::mix_points(x)); }) > 0.01);
}

TEST_CASE("gradients of with_mean equal differences") {
  Params<double> p;
  const Param h = p.weight("h", 3 * 4, 3);
  testing::draw_off_zero(p, 51);
  const auto value = [](Program<double>& g, Param q, Index points) {
    return testing::parameter_as_input(g, q, points);
  };
  testing::check_gradient(p, [&](auto& g) { return square(with_mean(value(g, h, 4))); });
  testing::check_gradient(p, [&](auto& g) {
    const auto a = value(g, h, 4);
    return add(with_mean(a), join_channels(a, a));
  });
}

TEST_CASE("with_mean refuses parameters, which have no examples") {
  Params<double> p;
  const Param weight = p.weight("w", 4, 2);
  Program<double> g(2, Mode::evaluate);
  CHECK(contains(message<ShapeError>([&] { with_mean(g.param(weight)); }), "shared"));
}

}  // namespace test_sets
