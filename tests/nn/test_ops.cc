// Operations: values against the reference, gradients against differences, shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/nn/ops.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "support/gradcheck.h"
#include "support/reference.h"

using namespace eqnn;
using kernels::Unary;
using reference::Dense;

namespace {

constexpr Adjacency kForms[] = {Adjacency::raw, Adjacency::mean, Adjacency::sqrt, Adjacency::centred};
// Channels below, at and above whole lines, for float and double.
constexpr Index kWidths[] = {1, 3, 5, 7, 8, 9, 13, 15, 16, 17, 24, 33};
constexpr Index kExamples = 3;

template <class T>
using Binary = std::function<Tensor<T>(Tensor<T>, Tensor<T>)>;
// The result for one example, from the two inputs of that example.
using Naive = std::function<Dense(const Dense&, const Dense&)>;

// Evaluates `record` on two random inputs (the second 0/1 if `binary`), and compares every example with
// `naive`. The program has a larger capacity than the examples it is given, and its padding must be zero.
template <class T>
void check_values(const Binary<T>& record, const Naive& naive, Shape xs, Shape ys, bool binary = false) {
  Program<T> g(kExamples + 2, Mode::evaluate);
  const auto x = g.input("x", xs), y = g.input("y", ys);
  g.output("z", record(x, y));
  g.finish();
  Workspace<T> w(g);
  w.bind({kExamples});
  std::vector<Dense> a, b;
  Draws d({3, Stream::user, 0, 0});
  const auto fill = [&](Block<T> block, std::vector<Dense>& copies, bool zero_one) {
    for (Index e = 0; e < kExamples; ++e) {
      copies.emplace_back(block.points, block.channels);
      for (Index i = 0; i < block.points; ++i)
        for (Index j = 0; j < block.channels; ++j) {
          copies.back()(i, j) = zero_one ? d.below(2) : d.below(33) / 8.0 - 2;
          block(e, i, j) = static_cast<T>(copies.back()(i, j));
        }
    }
  };
  fill(w.input("x"), a, false);
  fill(w.input("y"), b, binary);
  g.forward(w, nullptr);
  const Block<const T> z = w.output("z");
  double error = 0;
  bool clean = true;
  for (Index e = 0; e < kExamples; ++e) {
    const Dense expected = naive(a[static_cast<std::size_t>(e)], b[static_cast<std::size_t>(e)]);
    REQUIRE((expected.rows == z.points && expected.cols == z.channels));
    for (Index i = 0; i < z.points; ++i) {
      for (Index j = 0; j < z.channels; ++j)
        error = reference::worse(error, std::abs(static_cast<double>(z(e, i, j)) - expected(i, j)) /
                                            std::max(1.0, std::abs(expected(i, j))));
      for (Index j = z.channels; j < z.stride; ++j) clean = clean && z.row(e, i)[j] == T(0);
    }
  }
  CHECK(error <= 20 * static_cast<double>(std::numeric_limits<T>::epsilon()));
  CHECK(clean);
}

Dense map(const Dense& x, const std::function<double(double)>& f) {
  Dense y = x;
  for (double& v : y.data) v = f(v);
  return y;
}

Dense zip(const Dense& x, const Dense& y, const std::function<double(double, double)>& f) {
  Dense z = x;
  for (std::size_t i = 0; i < z.data.size(); ++i) z.data[i] = f(x.data[i], y.data[i]);
  return z;
}

// Checks the gradient of `record` with respect to both inputs, [3, 4, channels] each.
void check_input_gradients(const Binary<double>& record, Index channels) {
  Params<double> p;
  const Param a = p.weight("a", 12, channels), b = p.weight("b", 12, channels);
  testing::draw_off_zero(p, 21);
  testing::check_gradient(p, [&](Program<double>& g) {
    return record(testing::parameter_as_input(g, a, 4), testing::parameter_as_input(g, b, 4));
  });
}

// Fills the input "a" with random 0/1 entries, which need not be symmetric.
void fill_adjacency(Workspace<double>& w) {
  Draws d({22, Stream::user, 0, 0});
  const Block<double> a = w.input("a");
  for (Index e = 0; e < a.examples; ++e)
    for (Index i = 0; i < a.points; ++i)
      for (Index j = 0; j < a.channels; ++j) a(e, i, j) = d.below(2);
}

template <class T>
Tensor<T> unary(Unary f, Tensor<T> x) {
  switch (f) {
    case Unary::relu:
      return relu(x);
    case Unary::tanh:
      return tanh(x);
    case Unary::gelu:
      return gelu(x);
    case Unary::square:
      return square(x);
  }
  return x;
}

constexpr Unary kUnaries[] = {Unary::relu, Unary::tanh, Unary::gelu, Unary::square};

}  // namespace

// --- values ------------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("elementwise operations compute their formulas", T, float, double) {
  for (const Index c : kWidths) {
    const Shape s{.points = 3, .channels = c};
    for (const Unary f : kUnaries)
      check_values<T>([f](auto x, auto) { return unary(f, x); },
                      [f](auto& x, auto&) { return map(x, [f](double v) { return reference::unary(f, v); }); }, s,
                      s);
    check_values<T>([](auto x, auto) { return scale(x, -1.5); },
                    [](auto& x, auto&) { return map(x, [](double v) { return -1.5 * v; }); }, s, s);
    check_values<T>([](auto x, auto y) { return add(x, y); },
                    [](auto& x, auto& y) { return zip(x, y, std::plus<>()); }, s, s);
    check_values<T>([](auto x, auto y) { return mul(x, y); },
                    [](auto& x, auto& y) { return zip(x, y, std::multiplies<>()); }, s, s);
    check_values<T>([](auto x, auto) { return add(x, x); },
                    [](auto& x, auto&) { return map(x, [](double v) { return 2 * v; }); }, s, s);
    check_values<T>([](auto x, auto) { return mul(x, x); },
                    [](auto& x, auto&) { return map(x, [](double v) { return v * v; }); }, s, s);
  }
}

TEST_CASE_TEMPLATE("constants fill their shape and leave the padding at zero", T, float, double) {
  for (const Index c : kWidths) {
    const Shape s{.points = 3, .channels = c};
    check_values<T>([s](auto x, auto) { return constant(x.program(), s, 0.75); },
                    [](auto& x, auto&) { return map(x, [](double) { return 0.75; }); }, s, s);
  }
}

TEST_CASE_TEMPLATE("flatten puts point after point", T, float, double) {
  for (const Index c : kWidths)
    for (const Index points : {1, 2, 3, 5})
      check_values<T>([](auto x, auto) { return flatten(x); },
                      [](auto& x, auto&) {
                        Dense y(1, x.rows * x.cols);
                        y.data = x.data;
                        return y;
                      },
                      {.points = points, .channels = c}, {});
}

TEST_CASE_TEMPLATE("adjacency forms are those of their definition", T, float, double) {
  for (const Adjacency form : kForms)
    for (const Index n : {1, 2, 5, 8, 15, 17})
      check_values<T>([form](auto, auto a) { return normalize_adjacency(a, form); },
                      [form](auto&, auto& a) { return reference::normalize_adjacency(a, form); },
                      {.points = n, .channels = 1}, {.points = n, .channels = n}, true);
}

TEST_CASE_TEMPLATE("neighbour sums multiply by the adjacency", T, float, double) {
  for (const Index c : kWidths)
    for (const Index n : {1, 4, 9}) {
      const Shape xs{.points = n, .channels = c}, as{.points = n, .channels = n};
      check_values<T>([](auto x, auto a) { return neighbor_sum(x, a); },
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
      check_values<T>([](auto x, auto a) { return with_neighbors(x, a); }, both, xs, as, true);
    }
}

TEST_CASE_TEMPLATE("pools and the squared error compute their formulas", T, float, double) {
  for (const Index c : kWidths)
    for (const Index n : {1, 4, 9}) {
      const Shape s{.points = n, .channels = c};
      const auto sums = [](const Dense& x, double factor) {
        Dense y(1, x.cols);
        for (Index i = 0; i < x.rows; ++i)
          for (Index j = 0; j < x.cols; ++j) y(0, j) += factor * x(i, j);
        return y;
      };
      check_values<T>([](auto x, auto) { return sum_points(x); }, [&](auto& x, auto&) { return sums(x, 1); }, s, s);
      check_values<T>([](auto x, auto) { return mean_points(x); },
                      [&](auto& x, auto&) { return sums(x, 1.0 / static_cast<double>(n)); }, s, s);
      check_values<T>([](auto x, auto y) { return squared_error(x, y); },
                      [](auto& x, auto& y) {
                        Dense loss(1, 1);
                        for (std::size_t i = 0; i < x.data.size(); ++i)
                          loss(0, 0) += (x.data[i] - y.data[i]) * (x.data[i] - y.data[i]);
                        loss(0, 0) /= static_cast<double>(x.data.size());
                        return loss;
                      },
                      s, s);
    }
}

TEST_CASE_TEMPLATE("a raw adjacency is the adjacency itself", T, float, double) {
  Program<T> g(1, Mode::evaluate);
  const auto a = g.input("a", {.points = 3, .channels = 3});
  CHECK(normalize_adjacency(a, Adjacency::raw).id() == a.id());
}

// --- gradients -----------------------------------------------------------------------------------------------

TEST_CASE("gradients of elementwise operations equal differences") {
  for (const Index c : {1, 5, 8, 17}) {
    for (const Unary f : kUnaries) {
      INFO("function ", static_cast<int>(f));
      check_input_gradients([f](auto x, auto y) { return add(unary(f, x), y); }, c);
      check_input_gradients([f](auto x, auto y) { return mul(unary(f, mul(x, y)), x); }, c);  // accumulates
    }
    check_input_gradients([](auto x, auto y) { return scale(add(scale(x, 3), y), -0.5); }, c);
    check_input_gradients([](auto x, auto y) { return add(add(x, x), mul(y, y)); }, c);
    check_input_gradients([](auto x, auto y) { return mul(x, add(x, y)); }, c);
    check_input_gradients([](auto x, auto y) { return add(mul(x, constant(x.program(), x.shape(), 0.7)), y); }, c);
  }
}

TEST_CASE("gradients of pools, flatten and the squared error equal differences") {
  for (const Index c : {1, 5, 8, 17}) {
    check_input_gradients([](auto x, auto y) { return mul(sum_points(x), mean_points(y)); }, c);
    check_input_gradients([](auto x, auto y) { return add(mul(sum_points(x), sum_points(y)), mean_points(x)); }, c);
    check_input_gradients([](auto x, auto y) { return mul(flatten(x), flatten(add(x, y))); }, c);
    // The target of a squared error gets no gradient: it is an input here.
    Params<double> p;
    const Param a = p.weight("a", 12, c);
    testing::draw_off_zero(p, 23);
    const auto fill = [](Workspace<double>& w) {
      for (Index e = 0; e < 3; ++e)
        for (Index i = 0; i < 4; ++i)
          for (Index j = 0; j < w.input("y").channels; ++j) w.input("y")(e, i, j) = static_cast<double>(i - j) / 4;
    };
    const auto twice = [&](Program<double>& g) {
      const auto x = testing::parameter_as_input(g, a, 4), y = g.input("y", {.points = 4, .channels = c});
      return add(squared_error(x, y), squared_error(tanh(x), y));
    };
    testing::check_gradient(p, twice, fill);
  }
}

TEST_CASE("gradients of linear equal differences") {
  for (const Index in : {1, 5, 8, 17})
    for (const Index out : {1, 3, 16, 19}) {
      Params<double> p;
      const Param x = p.weight("x", 12, in), w = p.weight("w", in, out), b = p.bias("b", out);
      const Param w2 = p.weight("w2", in, out);
      testing::draw_off_zero(p, 24);
      testing::check_gradient(p, [&](Program<double>& g) {
        const auto v = testing::parameter_as_input(g, x, 4);
        return add(linear(v, g.param(w), g.param(b)), linear(v, g.param(w2)));
      });
      // The same weight and bias twice, and a weight that is computed.
      testing::check_gradient(p, [&](Program<double>& g) {
        const auto v = testing::parameter_as_input(g, x, 4);
        const auto y = add(linear(v, g.param(w), g.param(b)), linear(tanh(v), g.param(w), g.param(b)));
        return add(y, linear(v, tanh(g.param(w2)), scale(g.param(b), 2)));
      });
    }
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

// --- shapes ------------------------------------------------------------------------------------------------

TEST_CASE("shape errors name the operation and both shapes") {
  Params<float> p;
  const Param w = p.weight("w", 4, 5), b = p.bias("b", 6);
  Program<float> g(2, Mode::train);
  const auto x = g.input("x", {.points = 3, .channels = 4}), y = g.input("y", {.points = 3, .channels = 5});
  const auto a = g.input("a", {.points = 4, .channels = 4});
  CHECK_THROWS_WITH_AS(add(x, y), "add: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_WITH_AS(mul(x, y), "mul: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_WITH_AS(squared_error(x, y),
                       "squared_error: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_WITH_AS(
      linear(y, g.param(w)),
      "linear: x is [b, 3, 5] and the weight is [shared, 4, 5]; the weight must be a parameter with "
      "one row a channel of x",
      ShapeError);
  CHECK_THROWS_WITH_AS(
      linear(x, g.param(w), g.param(b)),
      "linear: the weight is [shared, 4, 5] and the bias is [shared, 1, 6]; the bias must have one "
      "entry an output channel",
      ShapeError);
  CHECK_THROWS_AS(linear(x, y), ShapeError);
  CHECK_THROWS_WITH_AS(
      neighbor_sum(x, a),
      "neighbor_sum: adjacency is [b, 4, 4] and x is [b, 3, 4]; the adjacency must be [b, n, n] for "
      "the n points of x",
      ShapeError);
  CHECK_THROWS_AS(with_neighbors(x, y), ShapeError);
  CHECK_THROWS_WITH_AS(normalize_adjacency(x, Adjacency::mean),
                       "normalize_adjacency: [b, 3, 4]; an adjacency is [b, n, n]", ShapeError);
  CHECK_THROWS_AS(normalize_adjacency(x, Adjacency::raw), ShapeError);
  CHECK_THROWS_WITH_AS(scale(x, std::numeric_limits<double>::infinity()),
                       "scale: the factor is inf; it must be finite", ValueError);
  CHECK_THROWS_AS(constant(g, {.points = 1, .channels = 1}, std::nan("")), ValueError);
}

TEST_CASE("operations over examples refuse parameters, which have none") {
  Params<float> p;
  const Param w = p.weight("w", 4, 4);
  Program<float> g(2, Mode::train);
  const auto v = g.param(w);
  CHECK_THROWS_AS(sum_points(v), ShapeError);
  CHECK_THROWS_AS(mean_points(v), ShapeError);
  CHECK_THROWS_AS(flatten(v), ShapeError);
  CHECK_THROWS_AS(squared_error(v, v), ShapeError);
  CHECK_THROWS_AS(neighbor_sum(v, v), ShapeError);
  CHECK_THROWS_AS(with_neighbors(v, v), ShapeError);
}
