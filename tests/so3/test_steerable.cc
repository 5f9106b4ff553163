// Operations on steerable features: values against plain loops, gradients against differences.
#include <doctest/doctest.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/points.h>
#include <eqnn/so3/steerable.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "support/clouds.h"
#include "support/evaluate.h"
#include "support/gradcheck.h"
#include "support/thrown.h"

namespace test_steerable {

using namespace eqnn;
using reference::Dense;

namespace {

constexpr Index kExamples = 2, kPoints = 4;

// An operation on inputs of kExamples examples each; their rows and those of the result are of all examples.
template <class T>
Dense run(const std::vector<Dense>& inputs, const std::function<Tensor<T>(const std::vector<Tensor<T>>&)>& record) {
  Program<T> g(kExamples + 1, Mode::evaluate);
  std::vector<Tensor<T>> x;
  for (std::size_t k = 0; k < inputs.size(); ++k)
    x.push_back(g.input(std::to_string(k), {.points = inputs[k].rows / kExamples, .channels = inputs[k].cols}));
  g.output("y", record(x));
  g.finish();
  Workspace<T> w(g);
  w.bind({kExamples});
  for (std::size_t k = 0; k < inputs.size(); ++k)
    for (Index i = 0; i < inputs[k].rows; ++i)
      for (Index j = 0; j < inputs[k].cols; ++j)
        w.input(std::to_string(k))(0, i, j) = static_cast<T>(inputs[k](i, j));
  g.forward(w, nullptr);
  const Block<const T> y = w.output("y");
  Dense result(y.examples * y.points, y.channels);
  for (Index i = 0; i < result.rows; ++i)
    for (Index j = 0; j < y.stride; ++j)
      if (j < result.cols)
        result(i, j) = static_cast<double>(y.row(0, i)[j]);
      else
        CHECK(y.row(0, i)[j] == 0);
  return result;
}

// The sum over neighbours j of the products of x_j, y_ij and w_ij; without `pairs` of each row alone.
Dense naive(const Dense& x, const Dense& y, const Dense& w, TensorPath path, double factor, bool pairs) {
  const Index in = 2 * path.in + 1, filter = 2 * path.filter + 1, out = 2 * path.out + 1;
  const Index n = pairs ? kPoints : 1, groups = x.rows / in;
  const auto c = clebsch_gordan(path.in, path.filter, path.out);
  Dense z(groups * out, x.cols);
  for (Index i = 0; i < groups; ++i)
    for (Index j = 0; j < n; ++j) {
      if (pairs && j == i % n) continue;
      const Index source = pairs ? i / n * n + j : i, pair = i * n + j;
      for (Index a = 0; a < in; ++a)
        for (Index b = 0; b < filter; ++b)
          for (Index k = 0; k < out; ++k)
            for (Index u = 0; u < x.cols; ++u)
              z(i * out + k, u) += factor * c[static_cast<std::size_t>((a * filter + b) * out + k)] *
                                   x(source * in + a, u) * y(pair, path.filter * path.filter + b) * w(pair, u);
    }
  return z;
}

const std::vector<TensorPath> kPaths = {{0, 0, 0}, {0, 2, 2}, {1, 0, 1}, {1, 1, 0},
                                        {1, 1, 1}, {1, 2, 1}, {2, 2, 2}, {3, 2, 4}};

double tolerance(std::size_t size) { return size == 4 ? 2e-6 : 1e-13; }

}  // namespace

TEST_CASE_TEMPLATE("products along paths equal their sums, for widths around whole lines", T, float, double) {
  for (const TensorPath& path : kPaths)
    for (const Index channels : {1, 8, 17}) {
      const Index in = 2 * path.in + 1;
      const auto x = testing::random_cloud(kExamples * kPoints * in, channels, 1);
      for (const bool pairs : {false, true}) {
        const Index rows = kExamples * kPoints * (pairs ? kPoints : 1);
        const auto y = testing::random_cloud(rows, 9, 2), w = testing::random_cloud(rows, channels, 3);
        const Dense found = run<T>({x, y, w}, [&](const std::vector<Tensor<T>>& t) {
          return pairs ? tensor_convolution(t[0], t[1], t[2], path, 0.5) : tensor_product(t[0], t[1], t[2], path);
        });
        INFO(path.in, " ", path.filter, " ", path.out, " channels ", channels);
        CHECK(testing::relative_error(found, naive(x, y, w, path, pairs ? 0.5 : 1, pairs)) <= tolerance(sizeof(T)));
        if (pairs) continue;
        Dense ones = w;
        std::fill(ones.data.begin(), ones.data.end(), 1.0);
        const Dense plain =
            run<T>({x, y}, [&](const std::vector<Tensor<T>>& t) { return tensor_product(t[0], t[1], {}, path); });
        CHECK(testing::relative_error(plain, naive(x, y, ones, path, 1, false)) <= tolerance(sizeof(T)));
      }
    }
}

TEST_CASE("the gradients of products equal differences, for features, harmonics and weights") {
  for (const TensorPath& path : kPaths) {
    if (path.in == 3) continue;
    const Index in = 2 * path.in + 1;
    for (const bool pairs : {false, true}) {
      Params<double> p;
      const Index m = pairs ? 9 : 3;
      const Param x = p.weight("x", 2 * 3 * in, 3), y = p.weight("y", 2 * m, 9), w = p.weight("w", 2 * m, 3),
                  shared = p.weight("shared", 1, 3);
      testing::draw_off_zero(p, 5);
      INFO(path.in, " ", path.filter, " ", path.out);
      testing::check_gradient(
          p,
          [&](Program<double>& g) {
            const auto a = testing::parameter_as_input(g, x, 3 * in), b = testing::parameter_as_input(g, y, m),
                       c = testing::parameter_as_input(g, w, m);
            const auto z = pairs ? tensor_convolution(a, b, c, path, 0.7) : tensor_product(a, b, c, path);
            // Once more with values that others read as well.
            const auto again =
                pairs ? tensor_convolution(a, square(b), c, path)
                      : add(tensor_product(tanh(a), b, g.param(shared), path), tensor_product(a, b, {}, path));
            return add(square(z), again);
          },
          [](Workspace<double>&) {}, {.examples = 2, .step = 1e-3}, 1e-8);
    }
  }
}

TEST_CASE("harmonics of directions: softened and not, along the axes and at 0") {
  Dense v(kExamples * 3, 3);
  v.data = {0, 0, 0, 0, -2, 0, 1e-200, 0, 0, 3, 0, 4, 0, 1e-40, 0, 1e30, 0, 0};
  for (const double softening : {0.0, 0.5}) {
    const Dense y = run<double>(
        {v}, [&](const auto& t) { return spherical_harmonics(t[0], 3, HarmonicScale::component, softening); });
    for (Index i = 0; i < v.rows; ++i) {
      const double square = v(i, 0) * v(i, 0) + v(i, 1) * v(i, 1) + v(i, 2) * v(i, 2) + softening * softening;
      double u[3] = {}, expected[16];
      for (Index k = 0; square > 1e-300 && k < 3; ++k) u[k] = v(i, k) / std::sqrt(square);
      solid_harmonics(3, HarmonicScale::component, u, expected);
      for (Index k = 0; k < 16; ++k) CHECK(y(i, k) == doctest::Approx(expected[k]).epsilon(1e-14));
    }
    for (Index k = 1; k < 16; ++k) CHECK(y(0, k) == 0);
  }
}

TEST_CASE("the gradients of harmonics, of the radial basis and of components equal differences") {
  Params<double> p;
  const Param x = p.weight("x", 3 * 3, 3);
  testing::draw_off_zero(p, 6);
  p.view(x)(0, 0) = p.view(x)(0, 2) = 0;  // at the pole
  const auto no_inputs = [](Workspace<double>&) {};
  for (const double softening : {0.0, 0.3})
    for (const HarmonicScale scale : {HarmonicScale::component, HarmonicScale::integral})
      testing::check_gradient(
          p,
          [&](Program<double>& g) {
            return spherical_harmonics(testing::parameter_as_input(g, x, 3), 6, scale, softening);
          },
          no_inputs, {.step = 2e-4}, 1e-7);
  testing::check_gradient(
      p, [&](Program<double>& g) { return radial_basis(testing::parameter_as_input(g, x, 3), 5, 1.6); }, no_inputs,
      {.step = 1e-4}, 1e-8);
  testing::check_gradient(p, [&](Program<double>& g) {
    const auto v = pair_vectors(testing::parameter_as_input(g, x, 3));
    return add(square(v), pair_vectors(tanh(testing::parameter_as_input(g, x, 3))));
  });
  testing::check_gradient(p, [&](Program<double>& g) {
    const auto v = testing::parameter_as_input(g, x, 3);  // a vector a point
    const auto parts = to_components(v, 1);
    return mul(from_components(square(parts), 1), from_components(tanh(parts), 1));
  });
}

TEST_CASE("at 0 gradients are finite: 0 without softening, and differences with it") {
  for (const double softening : {0.0, 0.3}) {
    Params<double> p;
    const Param x = p.weight("x", 2, 3), other = p.weight("other", 2, 3);
    testing::draw_off_zero(p, 7);
    std::fill(p.view(x).data, p.view(x).data + p.view(x).size(), 0.0);
    const auto model = [&](Program<double>& g) {
      const auto v = testing::parameter_as_input(g, x, 1);
      const auto y = spherical_harmonics(v, 2, HarmonicScale::component, softening);
      return add(slice_channels(y, 0, 3), add(radial_basis(v, 3, 2), testing::parameter_as_input(g, other, 1)));
    };
    if (softening > 0) {
      testing::check_gradient(
          p, model, [](Workspace<double>&) {}, {.examples = 2, .step = 1e-4}, 1e-7);
      continue;
    }
    Program<double> g(2, Mode::train);
    g.finish(testing::weighted_sum(model(g), 1));
    Workspace<double> w(g);
    w.bind({2});
    std::fill(w.weights().begin(), w.weights().end(), 1.0);
    AlignedBuffer<double> gradient(p.size());
    g.forward(w, p.values().data());
    g.backward(w, gradient.data(), true);
    for (Index i = 0; i < 2; ++i)
      for (Index j = 0; j < 3; ++j) CHECK(gradient[x.offset + i * x.stride + j] == 0);
  }
}

TEST_CASE_TEMPLATE("the radial basis: its formula, its limit at 0, and zeros from the cutoff on", T, float,
                   double) {
  constexpr double cutoff = 2.5;
  Dense v(kExamples * 3, 3);
  v.data = {0, 0, 0, 1, 0.5, -1, 2.5, 0, 0, 0, 3, 0, 1e-20, 0, 0, 0, 0, 2.25};
  const Dense e = run<T>({v}, [&](const auto& t) { return radial_basis(t[0], 4, cutoff); });
  for (Index i = 0; i < v.rows; ++i)
    for (Index k = 1; k <= 4; ++k) {
      const double r = std::sqrt(v(i, 0) * v(i, 0) + v(i, 1) * v(i, 1) + v(i, 2) * v(i, 2)), d = r / cutoff;
      const double wave = static_cast<double>(k) * std::numbers::pi / cutoff;
      const double envelope = d < 1 ? 1 - 28 * std::pow(d, 6) + 48 * std::pow(d, 7) - 21 * std::pow(d, 8) : 0;
      const double expected = std::sqrt(2 / cutoff) * envelope * (r > 0 ? std::sin(wave * r) / r : wave);
      CHECK(e(i, k - 1) == doctest::Approx(expected).epsilon(sizeof(T) == 4 ? 1e-6 : 1e-12));
      if (d >= 1) CHECK(e(i, k - 1) == 0);
    }
}

TEST_CASE("components go to rows and back, and pairs have the vectors between points") {
  const Dense x = testing::random_cloud(kExamples * 2, 10, 8);
  const Dense y = run<double>({x}, [](const auto& t) { return to_components(t[0], 2); });
  REQUIRE((y.rows == kExamples * 10 && y.cols == 2));
  for (Index i = 0; i < x.rows; ++i)
    for (Index c = 0; c < 2; ++c)
      for (Index m = 0; m < 5; ++m) CHECK(y(i * 5 + m, c) == x(i, c * 5 + m));
  CHECK(run<double>({y}, [](const auto& t) { return from_components(t[0], 2); }).data == x.data);
  const Dense v =
      run<double>({testing::random_cloud(kExamples * 3, 3, 8)}, [](const auto& t) { return pair_vectors(t[0]); });
  const Dense points = testing::random_cloud(kExamples * 3, 3, 8);
  for (Index i = 0; i < points.rows; ++i)
    for (Index j = 0; j < 3; ++j)
      for (Index k = 0; k < 3; ++k) CHECK(v(i * 3 + j, k) == points(i / 3 * 3 + j, k) - points(i, k));
}

TEST_CASE("shapes and numbers that do not fit are refused") {
  Program<double> g(2, Mode::evaluate);
  const auto flat = g.input("flat", {.points = 4, .channels = 2}), v = g.input("v", {.points = 4, .channels = 3});
  const auto x = g.input("x", {.points = 12, .channels = 5}), y = g.input("y", {.points = 16, .channels = 4}),
             w = g.input("w", {.points = 16, .channels = 5});
  using Shapes = std::vector<std::function<void()>>;
  for (const auto& wrong : Shapes{[&] { pair_vectors(flat); }, [&] { spherical_harmonics(flat, 1); },
                                  [&] { radial_basis(flat, 3, 1.0); },
                                  [&] {
                                    tensor_convolution(x, y, w, {2, 1, 2});
                                  },
                                  [&] {
                                    tensor_convolution(x, y, w, {1, 2, 1});
                                  },
                                  [&] {
                                    tensor_convolution(x, v, w, {1, 1, 1});
                                  },
                                  [&] {
                                    tensor_convolution(x, y, y, {1, 1, 1});
                                  },
                                  [&] {
                                    tensor_product(x, y, w, {1, 1, 1});
                                  },
                                  [&] { to_components(x, 1); }, [&] { from_components(x, 2); }})
    CHECK(message<ShapeError>(wrong) != "no error");
  CHECK_NOTHROW(tensor_convolution(x, y, w, {1, 1, 1}));
  constexpr double infinite = std::numeric_limits<double>::infinity();
  CHECK(contains(message([&] { spherical_harmonics(v, 11); }), "the degree is 11; it must be between 0 and 10"));
  CHECK(contains(message([&] { spherical_harmonics(v, 1, HarmonicScale::norm, -1); }), "the softening is -1"));
  CHECK(contains(message([&] { radial_basis(v, 0, 1); }), "there are 0 functions; there must be 1 to 121"));
  CHECK(contains(message([&] { radial_basis(v, 1, infinite); }), "the cutoff is inf"));
  CHECK(contains(message([&] { tensor_convolution(x, y, w, {1, 1, 3}); }), "degrees 1 and 1 do not give 3"));
  CHECK(contains(message([&] { tensor_convolution(x, y, {}, {1, 1, 1}); }), "the weights are an empty Tensor"));
}

}  // namespace test_steerable
