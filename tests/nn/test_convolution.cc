// Cyclic convolution: both ways against the plain double sum, gradients, symmetry, files, errors.
#include <doctest/doctest.h>
#include <eqnn/io/safetensors.h>
#include <eqnn/nn/convolution.h>
#include <eqnn/nn/elementwise.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "support/equivariance.h"
#include "support/gradcheck.h"
#include "support/reference.h"

namespace test_convolution {

using namespace eqnn;
using testing::check_gradient;
using testing::draw_off_zero;
using testing::parameter_as_input;
using testing::Permutation;

namespace {

constexpr ConvolutionMethod kWays[] = {ConvolutionMethod::direct, ConvolutionMethod::spectral};

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// loss = sum over rows and channels of r x, so that r is the gradient of x: what a reference can start from.
template <class T>
Tensor<T> dot_product(Tensor<T> x, Tensor<T> r) {
  const Index points = x.shape().points;
  return x.program().record({
      .name = "dot_product",
      .inputs = {x, r},
      .shape = {},
      .forward =
          [=](const Call<T>& call) {
            for (Index e = 0; e < call.examples(); ++e) {
              call.out()(e, 0) = 0;
              for (Index i = e * points; i < (e + 1) * points; ++i)
                for (Index j = 0; j < call.in(0).cols; ++j) call.out()(e, 0) += call.in(0)(i, j) * call.in(1)(i, j);
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index i = 0; i < dx.rows; ++i)
              for (Index j = 0; j < dx.cols; ++j) dx(i, j) += call.in(1)(i, j) * call.out_gradient()(i / points, 0);
          },
      .differentiable = 1,
  });
}

struct Case {
  Torus torus;
  Index in = 3, out = 5, examples = 2, capacity = 2;
  bool bias = true;
  bool data = false;  // x is an input, without a gradient
};

// What a case computes: outputs and gradients, without padding.
struct Values {
  std::vector<double> y, dx, dw, db;
};

template <class T>
struct Operands {
  explicit Operands(const Case& c) {
    const Index filter = c.torus.filter_points();
    x = params.weight("x", c.capacity * c.torus.points(), c.in);
    weight = params.weight("w", c.in * filter, c.out);
    if (c.bias) bias = params.bias("b", c.out);
    draw_off_zero(params, 5, 0.1, 1.0);
  }
  Params<T> params;
  Param x, weight, bias;
};

double seed_value(Index row, Index channel) { return static_cast<double>((7 * row + 5 * channel) % 17 - 8) / 8; }

template <class T>
std::vector<double> logical(MatrixView<const T> m) {
  std::vector<double> v;
  for (Index i = 0; i < m.rows; ++i)
    for (Index j = 0; j < m.cols; ++j) v.push_back(static_cast<double>(m(i, j)));
  return v;
}

template <class T>
Values computed(const Operands<T>& o, const Case& c, ConvolutionMethod way) {
  Program<T> g(c.capacity, Mode::train);
  const auto x = c.data ? g.input("x", {.points = c.torus.points(), .channels = c.in})
                        : parameter_as_input(g, o.x, c.torus.points());
  const auto y = cyclic_convolution(x, g.param(o.weight), c.bias ? g.param(o.bias) : Tensor<T>{}, c.torus, way);
  g.output("y", y);
  g.finish(dot_product(y, g.input("r", {.points = c.torus.points(), .channels = c.out})));
  Workspace<T> w(g);
  w.bind({c.examples});
  const Block<T> r = w.input("r");
  for (Index e = 0; e < c.examples; ++e)
    for (Index i = 0; i < r.points; ++i)
      for (Index j = 0; j < c.out; ++j) r(e, i, j) = static_cast<T>(seed_value(e * r.points + i, j));
  for (Index i = 0; c.data && i < c.examples * r.points; ++i)
    std::copy_n(o.params.view(o.x).row(i), c.in, w.input("x").row(0, i));
  std::fill(w.weights().begin(), w.weights().end(), T(1));
  AlignedBuffer<T> gradient(o.params.size());
  for (int pass = 0; pass < 2; ++pass) {  // the second replaces what the first left
    g.forward(w, o.params.values().data());
    g.backward(w, gradient.data(), true);
  }
  const auto slice = [&](const Param& p, Index rows) {
    return logical(MatrixView<const T>{gradient.data() + p.offset, rows, p.cols, p.stride});
  };
  const Block<const T> out = w.output("y");
  return {logical(MatrixView<const T>{out.data, out.examples * out.points, out.channels, out.stride}),
          slice(o.x, c.examples * c.torus.points()), slice(o.weight, o.weight.rows),
          c.bias ? slice(o.bias, 1) : std::vector<double>{}};
}

template <class T>
Values naive(const Operands<T>& o, const Case& c) {
  const Torus& t = c.torus;
  const Index n = t.points(), filter = t.filter_points();
  const auto x = logical(o.params.view(o.x)), w = logical(o.params.view(o.weight));
  const auto b = c.bias ? logical(o.params.view(o.bias)) : std::vector<double>(at(c.out));
  Values v{std::vector<double>(at(c.examples * n * c.out)), std::vector<double>(at(c.examples * n * c.in)),
           std::vector<double>(w.size()), std::vector<double>(c.bias ? at(c.out) : 0)};
  for (Index e = 0; e < c.examples; ++e)
    for (Index p = 0; p < n; ++p)
      for (Index k = 0; k < c.out; ++k) {
        double& y = v.y[at((e * n + p) * c.out + k)];
        y = b[at(k)];
        const double dy = seed_value(e * n + p, k);
        if (c.bias) v.db[at(k)] += dy;
        for (Index s = 0; s < filter; ++s) {
          const Index row = (p / t.width + s / t.filter_width) % t.height;
          const Index column = (p % t.width + s % t.filter_width) % t.width;
          const Index from = (e * n + row * t.width + column) * c.in;
          for (Index i = 0; i < c.in; ++i) {
            const Index place = (i * filter + s) * c.out + k;
            y += w[at(place)] * x[at(from + i)];
            v.dw[at(place)] += dy * x[at(from + i)];
            v.dx[at(from + i)] += dy * w[at(place)];
          }
        }
      }
  return v;
}

// The largest difference, relative to max(1, max|expected|).
double difference(const std::vector<double>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  double scale = 1, error = 0;
  for (double e : expected) scale = std::max(scale, std::abs(e));
  for (std::size_t i = 0; i < got.size(); ++i) error = reference::worse(error, std::abs(got[i] - expected[i]));
  return error / scale;
}
double difference(const Values& a, const Values& b) {
  return std::max({difference(a.y, b.y), difference(a.dx, b.dx), difference(a.dw, b.dw), difference(a.db, b.db)});
}

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 1e-5 : 1e-12;

template <class T>
void check_case(const Case& c) {
  INFO("torus ", c.torus.height, " x ", c.torus.width, ", filter ", c.torus.filter_height, " x ",
       c.torus.filter_width, ", channels ", c.in, " to ", c.out);
  const Operands<T> o(c);
  const Values expected = naive(o, c), direct = computed(o, c, ConvolutionMethod::direct),
               spectral = computed(o, c, ConvolutionMethod::spectral);
  CHECK(difference(direct, expected) <= kTolerance<T>);
  CHECK(difference(spectral, expected) <= kTolerance<T>);
  CHECK(difference(spectral, direct) <= kTolerance<T>);
}

Permutation shift(const Torus& t, Index dy, Index dx) {
  Permutation p(at(t.points()));
  for (Index y = 0; y < t.height; ++y)
    for (Index x = 0; x < t.width; ++x) p[at(y * t.width + x)] = (y + dy) % t.height * t.width + (x + dx) % t.width;
  return p;
}

}  // namespace

TEST_CASE_TEMPLATE("convolution over small cycles is the plain sum, both ways", T, float, double) {
  for (Index n = 1; n <= 20; ++n)
    for (Index length = 1; length <= n; ++length) check_case<T>({Torus::cycle(n, length)});
}

TEST_CASE_TEMPLATE("convolution over long cycles is the plain sum, both ways", T, float, double) {
  for (Index n : {31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 200, 255, 256, 257})
    for (Index length : {Index{1}, Index{7}, n / 2 + 1, n}) check_case<T>({Torus::cycle(n, length), 2, 3});
}

TEST_CASE_TEMPLATE("convolution over tori is the plain sum, both ways", T, float, double) {
  for (const Torus& t : {Torus{2, 2, 2, 2}, Torus{2, 3, 1, 2}, Torus{3, 1, 2, 1}, Torus{3, 3, 3, 3},
                         Torus{4, 4, 3, 3}, Torus{4, 6, 4, 6}, Torus{5, 4, 2, 4}, Torus{5, 7, 5, 1},
                         Torus{6, 5, 1, 5}, Torus{8, 8, 3, 3}, Torus{9, 16, 5, 4}})
    check_case<T>({t});
}

TEST_CASE_TEMPLATE("convolution with many channels is the plain sum, both ways", T, float, double) {
  check_case<T>({Torus::cycle(40), 64, 48});
  check_case<T>({Torus::cycle(200, 1), 64, 64});
  check_case<T>({{20, 20, 1, 1}, 64, 64});
  check_case<T>({{6, 20, 3, 5}, 40, 70});
  for (Index channels : {1, 7, 8, 9, 15, 16, 17, 33}) check_case<T>({Torus::cycle(11, 4), channels, 34 - channels});
}

// From kBlasWork multiply-adds on, products whose rows do not overlap in memory are OpenBLAS's; these overlap.
TEST_CASE_TEMPLATE("both ways agree on the largest products", T, float, double) {
  const Case c{.torus = Torus::cycle(128), .in = 96, .out = 208, .examples = 1, .capacity = 1};
  const Operands<T> o(c);
  CHECK(difference(computed(o, c, ConvolutionMethod::spectral), computed(o, c, ConvolutionMethod::direct)) <=
        kTolerance<T>);
}

TEST_CASE_TEMPLATE("convolution takes fewer examples than its capacity, and no bias", T, float, double) {
  for (Index examples : {1, 3, 5}) {
    check_case<T>({.torus = Torus::cycle(9, 4), .examples = examples, .capacity = 5});
    check_case<T>({.torus = {3, 4, 2, 3}, .examples = examples, .capacity = 5, .bias = false});
  }
}

TEST_CASE_TEMPLATE("convolution of data works on strips of channels, and no bit changes", T, float, double) {
  for (Case c : {Case{Torus::cycle(64), 2, 100, 19, 20}, Case{{6, 8, 3, 3}, 1, 130, 20, 20, false}}) {
    const Operands<T> o(c);
    const Values whole = computed(o, c, ConvolutionMethod::spectral);
    c.data = true;
    const Values strips = computed(o, c, ConvolutionMethod::spectral);
    CHECK(whole.y == strips.y);
    CHECK(whole.dw == strips.dw);
    CHECK(whole.db == strips.db);
  }
}

TEST_CASE("automatic convolution is the way of fewer multiply-adds") {
  const Torus small = Torus::cycle(64, 3), large = Torus::cycle(64);
  CHECK(convolution_work(large, 8, 64, 64, ConvolutionMethod::direct) == 3.0 * 8 * 64 * 64 * 64 * 64);
  for (const auto& [torus, way] :
       {std::pair(small, ConvolutionMethod::direct), std::pair(large, ConvolutionMethod::spectral)}) {
    const Case c{.torus = torus, .in = 16, .out = 16, .examples = 8, .capacity = 8};
    CHECK(convolution_work(torus, 8, 16, 16, way) ==
          convolution_work(torus, 8, 16, 16, ConvolutionMethod::automatic));
    const Operands<float> o(c);
    CHECK(computed(o, c, ConvolutionMethod::automatic).y == computed(o, c, way).y);
    const ConvolutionMethod other =
        way == ConvolutionMethod::direct ? ConvolutionMethod::spectral : ConvolutionMethod::direct;
    CHECK(computed(o, c, ConvolutionMethod::automatic).y != computed(o, c, other).y);
  }
}

TEST_CASE("convolution of data counts no gradient to it, and chooses its way alike in training and evaluation") {
  const Torus t = Torus::cycle(48);
  CHECK(convolution_work(t, 8, 4, 6, ConvolutionMethod::direct, false) == 2.0 * 8 * 48 * 48 * 4 * 6);
  CHECK(convolution_work(t, 8, 4, 6, ConvolutionMethod::spectral, false) <
        convolution_work(t, 8, 4, 6, ConvolutionMethod::spectral));
  // One input channel: the transforms are all there is, and pay for many points alone.
  for (const auto& [n, way] : {std::pair(12, ConvolutionMethod::direct), {48, ConvolutionMethod::spectral}})
    CHECK(convolution_work(Torus::cycle(n), 32, 1, 64, ConvolutionMethod::automatic, false) ==
          convolution_work(Torus::cycle(n), 32, 1, 64, way, false));
  Params<double> params;
  const CyclicConvolution<double> first(params, "first", 1, 6, t), second(params, "second", 6, 6, t);
  for (Mode mode : {Mode::train, Mode::evaluate}) {
    Program<double> g(8, mode);
    const auto x = g.input("x", {.points = 48, .channels = 1}), y = first(x);
    CHECK_FALSE(g.needs_gradient(x));
    CHECK(g.needs_gradient(y));
    const auto z = second(y);
    CHECK(g.needs_gradient(z));
  }
}

TEST_CASE("gradients of convolutions equal differences, where x and weights are used twice too") {
  for (ConvolutionMethod way : kWays)
    for (const Torus& t : {Torus::cycle(6), Torus::cycle(7, 3), Torus{3, 4, 2, 3}}) {
      Params<double> params;
      const Param x = params.weight("x", 3 * t.points(), 3);
      const CyclicConvolution<double> first(params, "first", 3, 3, t, way), second(params, "second", 3, 3, t, way);
      draw_off_zero(params, 4);
      check_gradient(params, [&](Program<double>& g) {
        const auto v = parameter_as_input(g, x, t.points());
        return add(tanh(first(tanh(first(v)))), mul(second(v), first(v)));
      });
    }
}

TEST_CASE_TEMPLATE("convolutions commute with every shift", T, float, double) {
  for (ConvolutionMethod way : kWays)
    for (const Torus& t : {Torus::cycle(1), Torus::cycle(2), Torus::cycle(7), Torus::cycle(16, 5),
                           Torus::cycle(257, 9), Torus{4, 5, 3, 2}, Torus{3, 6, 3, 6}}) {
      Params<T> params;
      const CyclicConvolution<T> conv(params, "c", 3, 5, t, way), next(params, "d", 5, 4, t, way);
      params.initialize(kaiming_uniform, 9);
      testing::EquivarianceOptions o;
      o.points = t.points();
      for (Index dy : {Index{0}, Index{1} % t.height, t.height - 1})
        for (Index dx : {Index{0}, Index{1} % t.width, t.width / 2, t.width - 1})
          o.elements.push_back(shift(t, dy, dx));
      testing::check_equivariance(
          params, [&](Tensor<T> x) { return next(relu(conv(x))); }, o);
    }
}

TEST_CASE("a reversal of the points is not a symmetry of a convolution") {
  Params<double> params;
  const CyclicConvolution<double> conv(params, "c", 3, 5, Torus::cycle(7, 3));
  params.initialize(kaiming_uniform, 9);
  testing::EquivarianceOptions o;
  o.elements = {{6, 5, 4, 3, 2, 1, 0}};
  CHECK(testing::equivariance_error(params, conv, o) > 1e-2);
}

TEST_CASE("a convolution's weight is [out, in, positions] in files") {
  Params<double> params;
  const CyclicConvolution<double> line(params, "line", 2, 3, Torus::cycle(6, 4)),
      plane(params, "plane", 2, 3, {4, 5, 2, 3});
  params.initialize(kaiming_uniform, 2);
  const auto arrays = parameter_arrays<double>(params, params.values(), "");
  REQUIRE(arrays.size() == 4);
  CHECK(arrays[0].name == "line.weight");
  CHECK(arrays[0].shape == std::vector<Index>{3, 2, 4});
  CHECK(arrays[1].shape == std::vector<Index>{3});
  CHECK(arrays[2].name == "plane.weight");
  CHECK(arrays[2].shape == std::vector<Index>{3, 2, 2, 3});
  for (const auto& [array, param, length] :
       {std::tuple(0, line.weight, Index{4}), std::tuple(2, plane.weight, Index{6})}) {
    std::vector<double> file(at(3 * 2 * length));
    REQUIRE(arrays[at(array)].bytes.size() == file.size() * sizeof(double));
    std::memcpy(file.data(), arrays[at(array)].bytes.data(), arrays[at(array)].bytes.size());
    std::size_t k = 0;
    for (Index o = 0; o < 3; ++o)
      for (Index i = 0; i < 2; ++i)
        for (Index s = 0; s < length; ++s, ++k) CHECK(file[k] == params.view(param)(i * length + s, o));
  }
}

TEST_CASE("a convolution that is recorded wrongly says how") {
  Params<float> params;
  const Param w = params.weight("w", 12, 5), bias = params.bias("b", 4);
  params.freeze();
  Program<float> g(2, Mode::evaluate);
  const auto x = g.input("x", {.points = 6, .channels = 3});
  const auto conv = [&](Param b, const Torus& t) {
    return cyclic_convolution(x, g.param(w), b ? g.param(b) : Tensor<float>{}, t);
  };
  CHECK_THROWS_WITH_AS(conv({}, Torus::cycle(6, 7)),
                       "cyclic_convolution: the filter is 1 x 7 on a torus of 1 x 6; it must have at least one "
                       "position and fit the torus",
                       ShapeError);
  CHECK_THROWS_AS(conv({}, {1, 6, 1, 0}), ShapeError);
  CHECK_THROWS_AS(conv({}, {2, 3, 3, 1}), ShapeError);
  CHECK_THROWS_WITH_AS(conv({}, {0, 6, 1, 1}), "cyclic_convolution: the torus is 0 x 6; sizes start at 1",
                       ValueError);
  CHECK_THROWS_WITH_AS(conv({}, Torus::cycle(7, 4)),
                       "cyclic_convolution: x is [b, 6, 3] and the torus has 7 points; they must agree",
                       ShapeError);
  CHECK_THROWS_WITH_AS(
      conv({}, Torus::cycle(6, 3)),
      "cyclic_convolution: x is [b, 6, 3] and the weight is parameter 'w' [shared, 12, 5]; the weight must have "
      "channels * filter "
      "positions = 9 rows",
      ShapeError);
  CHECK_THROWS_WITH_AS(conv(bias, Torus::cycle(6, 4)),
                       "cyclic_convolution: the weight is parameter 'w' [shared, 12, 5] and the bias is parameter "
                       "'b' [shared, 1, 4]; the bias "
                       "must have one entry an "
                       "output channel",
                       ShapeError);
  CHECK_THROWS_AS(cyclic_convolution(x, x, Tensor<float>{}, Torus::cycle(6, 2)), ShapeError);
  CHECK(conv({}, {2, 3, 2, 2}).shape() == Shape{Shape::kCapacity, 6, 5});
}

}  // namespace test_convolution
