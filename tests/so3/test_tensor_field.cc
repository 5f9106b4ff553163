// Layers on steerable features: symmetry under the motions of space, gradients, what they refuse.
#include <doctest/doctest.h>
#include <eqnn/so3/tensor_field.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/clouds.h"
#include "support/equivariance.h"
#include "support/evaluate.h"
#include "support/gradcheck.h"
#include "support/sanitized.h"
#include "support/thrown.h"

namespace test_tensor_field {

using namespace eqnn;
using reference::Dense;
using testing::Motion;

namespace {

constexpr TensorFieldOptions kOptions{.filter = 2, .basis = 4, .radial = 6, .cutoff = 4};

// Three layers on clouds whose points have a scalar and a vector: inputs are rows [s | v | x]. The value of a point
// is 2 scalars, 2 vectors and 2 features of degree 2, one after the other, components together.
template <class T>
struct Net {
  explicit Net(Params<T>& p)
      : first(p, "first", {1, 1}, {3, 2, 2}, kOptions),
        second(p, "second", {3, 2, 2}, {3, 3, 2}, kOptions),
        last(p, "last", {3, 3, 2}, {2, 2, 2}, kOptions) {
    testing::draw_off_zero(p, 51, 0.1, 0.5);
  }
  Tensor<T> operator()(Tensor<T> rows) const {
    const auto pairs = pair_geometry(slice_channels(rows, 4, 3), kOptions);
    const Steerable<T> h = {slice_channels(rows, 0, 1), to_components(slice_channels(rows, 1, 3), 1)};
    const auto y = last(second(first(h, pairs), pairs), pairs);
    return join_channels(std::vector<Tensor<T>>{y[0], from_components(y[1], 1), from_components(y[2], 2)});
  }
  TensorFieldLayer<T> first, second, last;
};

Dense cloud(Index n, std::uint64_t seed) {
  Dense rows = testing::random_cloud(n, 7, seed);
  return rows;
}
// Vectors turned, positions moved.
Dense moved(const Dense& rows, const Motion& m) {
  Dense result = rows;
  for (const Index first : {1, 4}) {
    Dense part(rows.rows, 3);
    for (Index i = 0; i < rows.rows; ++i)
      for (Index k = 0; k < 3; ++k) part(i, k) = rows(i, first + k);
    part = testing::moved(part, m, first == 4);
    for (Index i = 0; i < rows.rows; ++i)
      for (Index k = 0; k < 3; ++k) result(i, first + k) = part(i, k);
  }
  return result;
}
// The value of Net, turned: [2 x 0 | 2 x 1 | 2 x 2].
Dense turned(const Dense& y, const Dense& turn) {
  Dense result = y;
  Index start = 0;
  for (Index l = 0; l <= 2; ++l) {
    const auto d = wigner_d(l, turn.data);
    const Index size = 2 * l + 1;
    for (Index i = 0; i < y.rows; ++i)
      for (Index c = 0; c < 2; ++c)
        for (Index a = 0; a < size; ++a) {
          double sum = 0;
          for (Index b = 0; b < size; ++b)
            sum += d[static_cast<std::size_t>(a * size + b)] * y(i, start + c * size + b);
          result(i, start + c * size + a) = sum;
        }
    start += 2 * size;
  }
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("tensor field layers turn degrees 0, 1 and 2 as Wigner matrices do, under 1,000 rotations", T,
                   float, double) {
  Params<T> p;
  const Net<T> net(p);
  const int rotations = kSanitized ? 20 : 1000, at_once = kSanitized ? 20 : 100;
  const Dense x = cloud(5, 1);
  const Dense y = testing::evaluate(p, net, {x})[0];
  double error = 0, size = 0;
  for (const double v : y.data) size = std::max(size, std::abs(v));
  CHECK(size > 0.1);
  for (int start = 0; start < rotations; start += at_once) {
    auto motions = start == 0 ? testing::motions(3, false, true, at_once - 10, 3) : std::vector<Motion>{};
    while (static_cast<int>(motions.size()) < at_once)
      motions.push_back(
          testing::random_motion(3, false, true, 1000 + static_cast<std::uint64_t>(start) + motions.size()));
    std::vector<Dense> inputs;
    for (const Motion& m : motions) inputs.push_back(moved(x, m));
    const auto outputs = testing::evaluate(p, net, inputs);
    for (std::size_t k = 0; k < outputs.size(); ++k)
      error = reference::worse(error, testing::relative_error(outputs[k], turned(y, motions[k].turn)));
  }
  CHECK(error <= testing::equivariance_tolerance<T>());
}

TEST_CASE_TEMPLATE("tensor field layers move with permutations of the points, for 1 point and more", T, float,
                   double) {
  for (const Index n : {1, 2, 6}) {
    Params<T> p;
    const Net<T> net(p);
    const auto orders = testing::permutations(n, 5, 4);
    std::vector<Dense> inputs;
    for (const auto& order : orders) {
      Dense x = cloud(n, 2);
      for (Index i = 0; i < n; ++i)
        for (Index k = 0; k < x.cols; ++k) x(order[static_cast<std::size_t>(i)], k) = cloud(n, 2)(i, k);
      inputs.push_back(x);
    }
    const auto outputs = testing::evaluate(p, net, inputs);
    for (std::size_t e = 0; e < outputs.size(); ++e) {
      Dense back = outputs[e];
      for (Index i = 0; i < n; ++i)
        for (Index k = 0; k < back.cols; ++k) back(i, k) = outputs[e](orders[e][static_cast<std::size_t>(i)], k);
      CHECK(testing::relative_error(back, outputs[0]) <= testing::equivariance_tolerance<T>());
    }
  }
}

TEST_CASE("tensor field layers are not equivariant under reflections") {
  Params<double> p;
  const Net<double> net(p);
  const Motion mirror = testing::random_motion(3, true, false, 2);
  Dense back = mirror.turn;  // the rotation with the inversion left out
  for (double& v : back.data) v = -v;
  const Dense x = cloud(5, 1);
  const auto y = testing::evaluate(p, net, {x, moved(x, mirror)});
  double scalars = 0;
  for (Index i = 0; i < 5; ++i)
    for (Index c = 0; c < 2; ++c) scalars = std::max(scalars, std::abs(y[0](i, c) - y[1](i, c)));
  CHECK(scalars > 1e-4);
  CHECK(testing::relative_error(y[1], turned(y[0], back)) > 1e-3);
}

TEST_CASE("messages vanish at the cutoff, and nothing jumps there or where points meet") {
  Params<double> p;
  const TensorFieldLayer<double> layer(p, "layer", {1}, {2, 2, 1}, kOptions);
  testing::draw_off_zero(p, 52, 0.1, 0.5);
  const auto model = [&](Tensor<double> x) {
    const auto y = layer({constant(x.program(), {.points = 2}, 1.0)}, pair_geometry(x, kOptions));
    return join_channels(std::vector<Tensor<double>>{y[0], from_components(y[1], 1), from_components(y[2], 2)});
  };
  const auto at = [&](double distance) {
    Dense x(2, 3);
    x(1, 0) = 0.6 * distance;
    x(1, 1) = -0.8 * distance;
    return testing::evaluate(p, model, {x})[0];
  };
  CHECK(at(4).data == at(5).data);
  CHECK(testing::relative_error(at(4 - 1e-4), at(4)) < 1e-9);
  CHECK(testing::relative_error(at(3), at(4)) > 1e-4);
  CHECK(testing::relative_error(at(1e-6), at(0)) < 1e-4);
  CHECK(testing::relative_error(at(1e-6), at(-1e-6)) < 1e-4);
  CHECK(testing::relative_error(at(0.5), at(-0.5)) > 1e-3);
}

TEST_CASE("the gradient of tensor field layers equals differences, for positions, features and weights") {
  Params<double> p;
  const Param rows = p.weight("rows", 2 * 3, 7);
  const TensorFieldOptions small{.filter = 1, .basis = 2, .radial = 3, .cutoff = 4};
  const TensorFieldLayer<double> first(p, "first", {1, 1}, {2, 1, 1}, small),
      last(p, "last", {2, 1, 1}, {1, 1}, small);
  testing::draw_off_zero(p, 53, 0.2, 0.9);
  testing::check_gradient(
      p,
      [&](Program<double>& g) {
        const auto all = testing::parameter_as_input(g, rows, 3);
        const auto pairs = pair_geometry(slice_channels(all, 4, 3), small);
        const auto y =
            last(first({slice_channels(all, 0, 1), to_components(slice_channels(all, 1, 3), 1)}, pairs), pairs);
        return join_channels(y[0], from_components(y[1], 1));
      },
      [](Workspace<double>&) {}, {.examples = 2, .step = 1e-3}, 1e-8);
}

TEST_CASE("layers name their parameters, and refuse types that they cannot have") {
  Params<float> p;
  const TensorFieldLayer<float> layer(p, "layer", {3, 2}, {4, 0, 1}, {.filter = 1, .basis = 5, .radial = 6});
  std::vector<std::string> names;
  for (const ParamInfo& info : p.list())
    names.push_back(concat(info.name, " ", info.slice.rows, "x", info.slice.cols));
  CHECK(names == std::vector<std::string>{"layer.radial.weight 5x6", "layer.mix.0.weight 5x5",
                                          "layer.mix.0.bias 1x5", "layer.mix.2.weight 2x1",
                                          "layer.self.0.weight 3x5", "layer.paths.0-0-0.weight 6x3",
                                          "layer.paths.1-1-0.weight 6x2", "layer.paths.1-1-2.weight 6x2"});
  CHECK(contains(message([&] {
                   TensorFieldLayer<float>(p, "a", {1}, {0, 2}, {});
                 }),
                 "there are no scalars in 2x1"));
  CHECK(contains(message([&] {
                   TensorFieldLayer<float>(p, "b", {1}, {1, 0, 0, 2}, {});
                 }),
                 "no product of 1x0 with harmonics up to degree 2 has degree 3"));
  CHECK(contains(message([&] { TensorProduct<float>(p, "c", {1}, 11, {1}); }),
                 "highest degree of the harmonics is 11"));
  CHECK(contains(message([&] { SteerableLinear<float>(p, "d", {}, {1}); }), "d: the numbers of channels"));
}

}  // namespace test_tensor_field
