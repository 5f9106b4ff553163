// Softmax, products of two values and attention: values, gradients, symmetry, shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/nn/attention.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/equivariance.h"
#include "support/operations.h"
#include "support/small_graphs.h"

namespace test_attention {

using namespace eqnn;
using reference::Dense;
using testing::check_gradients;
using testing::check_operation;
using testing::kWidths;

namespace {

// Rows of e^x / sum e^x over the entries where `allowed(i, j)`.
template <class Allowed>
Dense naive_softmax(const Dense& x, const Allowed& allowed) {
  Dense y(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    double sum = 0;
    for (Index j = 0; j < x.cols; ++j) sum += allowed(i, j) ? std::exp(x(i, j)) : 0;
    for (Index j = 0; j < x.cols; ++j) y(i, j) = allowed(i, j) ? std::exp(x(i, j)) / sum : 0;
  }
  return y;
}
Dense naive_softmax(const Dense& x) {
  return naive_softmax(x, [](Index, Index) { return true; });
}

}  // namespace

TEST_CASE_TEMPLATE("softmax, with a mask and without, and its logarithm compute their formulas", T, float, double) {
  using X = Tensor<T>;
  for (const Index c : kWidths) {
    const Shape s{.points = 3, .channels = c};
    check_operation<T>([](X x, X) { return softmax(x); }, [](auto& x, auto&) { return naive_softmax(x); }, s, s);
    check_operation<T>([](X x, X) { return log_softmax(x); },
                       [](auto& x, auto&) {
                         Dense y = naive_softmax(x);
                         for (double& v : y.data) v = std::log(v);
                         return y;
                       },
                       s, s);
    const auto masked = [](const Dense& x, const Dense& m) {
      return naive_softmax(x, [&](Index i, Index j) { return m(i, j) != 0; });
    };
    check_operation<T>([](X x, X m) { return softmax(x, m); }, masked, s, s, true);
    check_operation<T>([](X x, X) { return softmax(x, constant(x.program(), x.shape(), 0)); },
                       [](auto& x, auto&) { return Dense(x.rows, x.cols); }, s, s);
  }
}

TEST_CASE_TEMPLATE("softmax of large elements is that of their differences, and NaN passes", T, float, double) {
  Program<T> g(1, Mode::evaluate);
  const auto x = g.input("x", {.channels = 3});
  g.output("y", softmax(x));
  g.output("l", log_softmax(x));
  g.finish();
  Workspace<T> w(g);
  w.bind({1});
  const auto run = [&](double a, double b, double c) {
    const double v[] = {a, b, c};
    for (Index j = 0; j < 3; ++j) w.input("x")(0, 0, j) = static_cast<T>(v[j]);
    g.forward(w, nullptr);
    return std::vector<double>{static_cast<double>(w.output("y")(0, 0, 0)),
                               static_cast<double>(w.output("l")(0, 0, 2))};
  };
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(run(30000, 30000, -30000) == std::vector<double>{0.5, static_cast<double>(T(-60000) - std::log(T(2)))});
  CHECK(run(1, 1, -infinity)[0] == 0.5);
  CHECK(run(1, 1, -infinity)[1] == -infinity);
  CHECK(std::isnan(run(1, 2, std::nan(""))[0]));
  CHECK(std::isnan(run(std::nan(""), 2, 1)[1]));
}

TEST_CASE("gradients of softmax equal differences") {
  using X = Tensor<double>;
  for (const Index c : {2, 5, 8, 17}) {
    check_gradients([](X x, X y) { return mul(softmax(mul(x, y)), add(x, softmax(x))); }, c);
    check_gradients([](X x, X y) { return mul(log_softmax(mul(x, y)), add(y, log_softmax(x))); }, c);
    check_gradients([](X x, X y) { return mul(softmax(mul(x, y), relu(y)), add(x, softmax(y, relu(x)))); }, c);
  }
  Params<double> p;  // more channels than are taken at once
  const Param x = p.weight("x", 3, 70);
  testing::draw_off_zero(p, 33);
  testing::check_gradient(p, [&](auto& g) { return square(log_softmax(testing::parameter_as_input(g, x, 1))); });
}

TEST_CASE_TEMPLATE("products of two values compute their formulas", T, float, double) {
  using X = Tensor<T>;
  for (const Index c : kWidths)
    for (const Index n : {1, 3, 8}) {
      const Shape s{.points = n, .channels = c};
      for (const Index m : {1, 5, 17}) {
        check_operation<T>([](X x, X y) { return product(x, y); },
                           [](auto& x, auto& y) { return reference::product(x, y); }, s,
                           {.points = c, .channels = m});
        check_operation<T>([](X x, X y) { return product_transposed(x, y); },
                           [](auto& x, auto& y) { return reference::product(x, reference::transposed(y)); }, s,
                           {.points = m, .channels = c});
      }
      for (const Index h : {Index{1}, c}) {
        const auto dots = [=](const Dense& x, const Dense& y) {
          Dense z(n, h);
          for (Index i = 0; i < n; ++i)
            for (Index j = 0; j < c; ++j) z(i, j / (c / h)) += x(i, j) * y(i, j);
          return z;
        };
        check_operation<T>([=](X x, X y) { return dot_channels(x, y, h); }, dots, s, s);
        const auto weighted = [=](const Dense& x, const Dense& y) {
          Dense z(n, c);
          for (Index i = 0; i < n; ++i)
            for (Index j = 0; j < c; ++j) z(i, j) = x(i, j) * y(i, j / (c / h));
          return z;
        };
        check_operation<T>([](X x, X y) { return mul_channels(x, y); }, weighted, s, {.points = n, .channels = h});
      }
    }
}

TEST_CASE("gradients of products of two values equal differences") {
  using X = Tensor<double>;
  for (const Index c : {1, 4, 8, 20}) {
    check_gradients([](X x, X y) { return product_transposed(x, add(y, mul(x, y))); }, c);
    check_gradients([](X x, X y) { return product(product_transposed(x, y), x); }, c);
    check_gradients([](X x, X y) { return mul(product(transpose(x), y), product(transpose(y), square(x))); }, c);
    for (const Index h : {Index{1}, (c + 3) / 4}) {
      check_gradients([h](X x, X y) { return mul_channels(mul(x, y), dot_channels(x, y, h)); }, c);
      check_gradients([h](X x, X y) { return mul(mul_channels(y, dot_channels(x, x, h)), x); }, c);
    }
  }
  Params<double> p;
  const Param x = p.weight("x", 12, 6), a = p.weight("a", 6, 1);
  testing::draw_off_zero(p, 31);
  testing::check_gradient(p, [&](Program<double>& g) {
    const auto v = testing::parameter_as_input(g, x, 4);
    return mul(dot_channels(v, g.param(a), 3), dot_channels(square(v), g.param(a), 3));
  });
}

TEST_CASE("strict programs and others give the same products") {
  const auto run = [](bool strict) {
    Program<float> g(2, Mode::evaluate, strict);
    const auto x = g.input("x", {.points = 40, .channels = 48});
    g.output("y", product(product_transposed(x, x), x));
    g.finish();
    Workspace<float> w(g);
    w.bind({2});
    for (Index e = 0; e < 2; ++e)
      for (Index i = 0; i < 40; ++i)
        for (Index j = 0; j < 48; ++j) w.input("x")(e, i, j) = std::sin(static_cast<float>(48 * i + j + e));
    g.forward(w, nullptr);
    const Block<const float> y = w.output("y");
    return std::vector<float>(y.row(0), y.row(1, 39) + 48);
  };
  CHECK(run(true) == run(false));
}

TEST_CASE_TEMPLATE("attention is what its formula says", T, float, double) {
  for (const Index heads : {1, 3})
    for (const bool masked : {false, true}) {
      Params<T> p;
      const Attention<T> layer(p, "attention", 6, heads);
      testing::draw_off_zero(p, 41, 0.1, 0.5);
      REQUIRE(p.list()[0].name == "attention.query.weight");
      const auto affine = [&](const Dense& x, const Linear<T>& l) {
        return testing::plus_bias(reference::product(x, reference::dense(p.view(l.weight))),
                                  reference::dense(p.view(l.bias)));
      };
      const auto naive = [&](const testing::SmallGraph& g) {
        const Dense q = affine(g.x, layer.query), k = affine(g.x, layer.key), v = affine(g.x, layer.value);
        const Index d = 6 / heads;
        Dense y(q.rows, 6);
        for (Index h = 0; h < heads; ++h) {
          Dense scores(q.rows, q.rows);
          for (Index i = 0; i < q.rows; ++i)
            for (Index j = 0; j < q.rows; ++j)
              for (Index c = h * d; c < (h + 1) * d; ++c)
                scores(i, j) += q(i, c) * k(j, c) / std::sqrt(static_cast<double>(d));
          const Dense a = naive_softmax(scores, [&](Index i, Index j) { return !masked || g.a(i, j) != 0; });
          for (Index i = 0; i < q.rows; ++i)
            for (Index j = 0; j < q.rows; ++j)
              for (Index c = h * d; c < (h + 1) * d; ++c) y(i, c) += a(i, j) * v(j, c);
        }
        return affine(y, layer.output);
      };
      const auto model = [&](Tensor<T> x, Tensor<T> a) { return masked ? layer(x, a) : layer(x); };
      testing::check_layer(p, model, naive, testing::graphs(7, 6));
    }
}

TEST_CASE_TEMPLATE("attention is equivariant under permutations", T, float, double) {
  for (const Index points : {1, 2, 7}) {
    Params<T> p;
    const Attention<T> layer(p, "attention", 4, 2);
    p.initialize(kaiming_uniform, 1);
    testing::check_equivariance(p, [&](Tensor<T> x) { return layer(x); }, {.points = points, .channels = 4});
    testing::check_equivariance(p, [&](Tensor<T> x, Tensor<T> a) { return layer(x, a); },
                                {.points = points, .channels = 4});
  }
}

TEST_CASE("the gradient of attention equals differences") {
  Params<double> p;
  const Param x = p.weight("x", 12, 4);
  const Attention<double> layer(p, "attention", 4, 2);
  testing::draw_off_zero(p, 43, 0.1, 0.6);
  for (const bool masked : {false, true})
    testing::check_gradient(
        p,
        [&](Program<double>& g) {
          const auto v = testing::parameter_as_input(g, x, 4), a = g.input("a", {.points = 4, .channels = 4});
          return mul(masked ? layer(v, a) : layer(v), v);
        },
        [](Workspace<double>& w) {
          for (Index e = 0; e < 3; ++e)
            for (Index i = 0; i < 4; ++i)
              for (Index j = 0; j < 4; ++j) w.input("a")(e, i, j) = (i + j + e) % 3 == 0 ? 1 : 0;
        });
}

TEST_CASE("products, softmax and attention refuse shapes that do not fit") {
  Params<float> p;
  const Param w = p.weight("w", 4, 4);
  Program<float> g(2, Mode::train);
  const auto x = g.input("x", {.points = 3, .channels = 4}), y = g.input("y", {.points = 3, .channels = 5});
  CHECK_THROWS_WITH_AS(
      product(x, y), "product: x is [b, 3, 4] and y is [b, 3, 5]; y must have 4 points, as many as x has channels",
      ShapeError);
  CHECK_THROWS_WITH_AS(
      product_transposed(x, y),
      "product_transposed: x is [b, 3, 4] and y is [b, 3, 5]; y must have 4 channels, as many as x has channels",
      ShapeError);
  CHECK_THROWS_AS(product(x, g.param(w)), ShapeError);
  CHECK_THROWS_AS(product(g.param(w), g.param(w)), ShapeError);
  CHECK_THROWS_AS(softmax(x, y), ShapeError);
  CHECK_THROWS_AS(softmax(g.param(w)), ShapeError);
  CHECK_THROWS_AS(log_softmax(g.param(w)), ShapeError);
  CHECK_THROWS_AS(dot_channels(x, y), ShapeError);
  CHECK_THROWS_AS(dot_channels(x, x, 3), ShapeError);
  CHECK_THROWS_AS(dot_channels(x, g.param(w)), ShapeError);
  CHECK_THROWS_AS(mul_channels(x, y), ShapeError);
  CHECK_THROWS_AS(mul_channels(x, g.param(w)), ShapeError);
  CHECK_THROWS_WITH_AS(Attention<float>(p, "a", 4, 3),
                       "Attention 'a': 4 channels and 3 heads; the channels must be a multiple of the heads",
                       ValueError);
  CHECK_THROWS_AS(Attention<float>(p, "b", 4, 0), ValueError);
}

}  // namespace test_attention
