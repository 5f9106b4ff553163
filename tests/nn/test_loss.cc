// Losses: values, gradients, labels and shapes that are refused.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/loss.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/operations.h"
#include "support/rows.h"

namespace test_loss {

using namespace eqnn;
using reference::Dense;
using testing::check_gradient;
using testing::check_operation;
using testing::difference;
using testing::draw_off_zero;
using testing::kWidths;
using testing::parameter_as_input;
using testing::random_matrix;
using testing::set;

namespace {

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 5e-6 : 1e-13;

}  // namespace

TEST_CASE_TEMPLATE("the squared error computes its formula", T, float, double) {
  for (const Index c : kWidths)
    for (const Index n : {1, 4, 9}) {
      const Shape s{.points = n, .channels = c};
      check_operation<T>([](auto x, auto y) { return squared_error(x, y); },
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

TEST_CASE("gradients of the squared error equal differences") {
  for (const Index c : {1, 5, 8, 17}) {
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

TEST_CASE_TEMPLATE("absolute and Huber errors compute their formulas", T, float, double) {
  const auto mean_of = [](auto value) {
    return [=](const Dense& x, const Dense& y) {
      Dense loss(1, 1);
      for (std::size_t i = 0; i < x.data.size(); ++i)
        loss(0, 0) += value(std::abs(x.data[i] - y.data[i])) / static_cast<double>(x.data.size());
      return loss;
    };
  };
  for (const Index c : {1, 5, 8, 17})
    for (const Index n : {1, 4}) {
      const Shape s{.points = n, .channels = c};
      check_operation<T>([](auto x, auto y) { return absolute_error(x, y); }, mean_of([](double d) { return d; }),
                         s, s);
      for (const double delta : {0.5, 1.0, 100.0})
        check_operation<T>(
            [=](auto x, auto y) { return huber_error(x, y, delta); },
            mean_of([=](double d) { return d <= delta ? d * d / 2 : delta * d - delta * delta / 2; }), s, s);
    }
}

TEST_CASE("gradients of the absolute and the Huber error equal differences") {
  for (const Index c : {1, 5, 8, 17}) {
    Params<double> p;
    const Param a = p.weight("a", 12, c);
    testing::draw_off_zero(p, 29);
    // Off the kinks of all: parameters are 0.1 and more from 0, and targets multiples of 1/64 off.
    const auto fill = [](Workspace<double>& w) {
      for (Index e = 0; e < 3; ++e)
        for (Index i = 0; i < 4; ++i)
          for (Index j = 0; j < w.input("y").channels; ++j)
            w.input("y")(e, i, j) = static_cast<double>(i - j) / 4 + 0.0078125;
    };
    for (const double delta : {0.25, 1.0}) {
      const auto both = [&](Program<double>& g) {
        const auto x = parameter_as_input(g, a, 4), y = g.input("y", {.points = 4, .channels = c});
        return add(mul(absolute_error(x, y), huber_error(tanh(x), y, delta)), huber_error(x, y, delta));
      };
      check_gradient(p, both, fill, {.step = 1e-5});
    }
  }
  // The kink itself has the slope 0.
  Params<double> p;
  const Param a = p.weight("a", 2, 1);
  p.view(a)(1, 0) = 3;
  Trainer<double> trainer(p, {.batch = 2, .threads = 1}, [&](Program<double>& g) {
    return absolute_error(parameter_as_input(g, a, 1), g.input("y", {}));
  });
  trainer.gradient([](Batch<double>& b) { b["y"](0) = b["y"](1) = 0; });
  CHECK(trainer.last_gradient()[a.offset] == 0);
  CHECK(trainer.last_gradient()[a.offset + a.stride] == 0.5);
}

TEST_CASE_TEMPLATE("cross_entropy is what its formula says, for large logits too", T, float, double) {
  for (double size : {1.0, 1000.0}) {
    Program<T> g(5, Mode::evaluate);
    const auto logits = g.input("f", {.channels = 7});
    g.output("loss", cross_entropy(logits, g.index_input("labels", {}, 7)));
    g.finish();
    Workspace<T> w(g);
    w.bind({4});
    Dense f = random_matrix(4, 7, 8), expected(4, 1);
    for (double& v : f.data) v *= size;
    set(w.input("f"), f);
    for (Index e = 0; e < 4; ++e) {
      const Index label = (5 * e + 6) % 7;
      w.index_input("labels")(e) = static_cast<std::int32_t>(label);
      const double top = *std::max_element(f.data.begin() + e * 7, f.data.begin() + (e + 1) * 7);
      double sum = 0;
      for (Index j = 0; j < 7; ++j) sum += std::exp(f(e, j) - top);
      expected(e, 0) = top + std::log(sum) - f(e, label);
    }
    g.forward(w, nullptr);
    CHECK(difference(w.output("loss"), expected) <= kTolerance<T>);
  }
}

TEST_CASE("the gradient of cross_entropy equals differences") {
  Params<double> params;
  const Param x = params.weight("x", 3, 6);
  draw_off_zero(params, 3);
  const auto model = [&](Program<double>& g) {
    const auto f = parameter_as_input(g, x, 1);
    const auto labels = g.index_input("labels", {}, 6);
    return add(cross_entropy(f, labels), mul(cross_entropy(tanh(f), labels), cross_entropy(f, labels)));
  };
  check_gradient(params, model, [](Workspace<double>& w) {
    for (Index e = 0; e < 3; ++e) w.index_input("labels")(e) = static_cast<std::int32_t>(5 - 2 * e);
  });
}

TEST_CASE("labels out of range are refused") {
  Program<float> g(3, Mode::evaluate), h(3, Mode::evaluate);
  g.output("loss", cross_entropy(g.input("f", {.channels = 4}), g.index_input("labels", {}, 4)));
  g.finish();
  Workspace<float> w(g);
  w.bind({2, 6});
  const auto run = [&](std::int32_t label) {
    w.index_input("labels")(1) = label;
    g.forward(w, nullptr);
  };
  CHECK_NOTHROW(run(3));
  CHECK_THROWS_WITH_AS(run(4), "index input 'labels' holds 4 at position 1; allowed are 0 to 3", ValueError);
  CHECK_THROWS_WITH_AS(run(-1), "index input 'labels' holds -1 at position 1; allowed are 0 to 3", ValueError);
  CHECK_THROWS_WITH_AS(
      cross_entropy(h.input("f", {.channels = 4}), h.index_input("labels", {}, 9)),
      "cross_entropy: the labels have limit 9 and there are 4 classes; the limit must not be above "
      "the classes",
      ValueError);
}

TEST_CASE_TEMPLATE("the binary cross entropy computes its formula, for large logits too", T, float, double) {
  for (const Index c : {1, 5, 8, 17})
    for (const double size : {1.0, 100.0}) {
      const Shape s{.points = 3, .channels = c};
      const auto naive = [size](const Dense& f, const Dense& y) {
        Dense loss(1, 1);
        for (std::size_t i = 0; i < f.data.size(); ++i) {
          const double x = size * f.data[i];  // -log sigmoid(x) = log(1 + e^-x)
          const auto minus_log = [](double v) { return v < -30 ? -v : std::log(1 + std::exp(-v)); };
          loss(0, 0) += y.data[i] * minus_log(x) + (1 - y.data[i]) * minus_log(-x);
        }
        loss(0, 0) /= static_cast<double>(f.data.size());
        return loss;
      };
      check_operation<T>([size](auto f, auto y) { return binary_cross_entropy(scale(f, size), y); }, naive, s, s,
                         true);
    }
}

namespace {

// Labels, and a mask that leaves example 2 without a point.
template <class T>
void fill_labels(Workspace<T>& w, Index examples, Index points) {
  for (Index e = 0; e < examples; ++e)
    for (Index i = 0; i < points; ++i) {
      w.index_input("labels")(e, i) = static_cast<std::int32_t>((2 * e + 3 * i) % 5);
      w.input("mask")(e, i) = e != 2 && (e + i) % 3 != 0 ? T(1) : T(0);
    }
}
const std::vector<double> kClassWeights = {0.5, 2, 0, 1, 1.5};

}  // namespace

TEST_CASE_TEMPLATE("cross entropies of points count by class and mask", T, float, double) {
  for (const bool weighted : {false, true})
    for (const bool masked : {false, true}) {
      Program<T> g(5, Mode::evaluate);
      const auto f = g.input("f", {.points = 4, .channels = 5}), mask = g.input("mask", {.points = 4});
      const IndexInput labels = g.index_input("labels", {.points = 4}, 5);
      const LabelWeights<T> weights{weighted ? kClassWeights : std::vector<double>{}, masked ? mask : Tensor<T>{}};
      g.output("rows", label_losses(f, labels, weights));
      g.output("weights", label_weights(f, labels, weights));
      g.output("loss", cross_entropy(f, labels, weights));
      g.finish();
      Workspace<T> w(g);
      w.bind({3});
      const Dense x = random_matrix(12, 5, 9);
      set(w.input("f"), x);
      fill_labels(w, 3, 4);
      g.forward(w, nullptr);
      Dense rows(12, 1), row_weights(12, 1), loss(3, 1);
      for (Index e = 0; e < 3; ++e) {
        double sum = 0, total = 0;
        for (Index i = 4 * e; i < 4 * e + 4; ++i) {
          const Index label = (2 * e + 3 * (i - 4 * e)) % 5;
          double all = 0;
          for (Index j = 0; j < 5; ++j) all += std::exp(x(i, j));
          row_weights(i, 0) = weighted ? kClassWeights[static_cast<std::size_t>(label)] : 1;
          if (masked && (e == 2 || i % 4 % 3 == (3 - e) % 3)) row_weights(i, 0) = 0;
          rows(i, 0) = row_weights(i, 0) * (std::log(all) - x(i, label));
          sum += rows(i, 0);
          total += row_weights(i, 0);
        }
        loss(e, 0) = total > 0 ? sum / total : 0;
      }
      CHECK(difference(w.output("rows"), rows) <= kTolerance<T>);
      CHECK(difference(w.output("weights"), row_weights) == 0);
      CHECK(difference(w.output("loss"), loss) <= kTolerance<T>);
    }
}

TEST_CASE("gradients of the cross entropies of points, and of the binary one, equal differences") {
  Params<double> p;
  const Param x = p.weight("x", 12, 5);
  draw_off_zero(p, 3);
  const auto points = [&](Program<double>& g) {
    const auto f = parameter_as_input(g, x, 4), mask = g.input("mask", {.points = 4});
    const IndexInput labels = g.index_input("labels", {.points = 4}, 5);
    return add(cross_entropy(f, labels, {kClassWeights, mask}),
               mul(cross_entropy(tanh(f), labels, {kClassWeights}), cross_entropy(f, labels, {{}, mask})));
  };
  check_gradient(p, points, [](Workspace<double>& w) { fill_labels(w, 3, 4); });
  const auto binary = [&](Program<double>& g) {
    const auto f = parameter_as_input(g, x, 4), y = g.input("y", {.points = 4, .channels = 5});
    return add(binary_cross_entropy(f, y), mul(binary_cross_entropy(scale(f, 3), y), binary_cross_entropy(f, y)));
  };
  check_gradient(p, binary, [](Workspace<double>& w) {
    for (Index e = 0; e < 3; ++e)
      for (Index i = 0; i < 4; ++i)
        for (Index j = 0; j < 5; ++j) w.input("y")(e, i, j) = static_cast<double>((e + i + j) % 4) / 3;
  });
}

TEST_CASE("losses refuse shapes that do not fit") {
  Params<float> p;
  const Param w = p.weight("w", 4, 4);
  Program<float> g(2, Mode::train);
  const auto v = g.param(w);
  const auto x = g.input("x", {.points = 3, .channels = 4}), y = g.input("y", {.points = 3, .channels = 5});
  CHECK_THROWS_WITH_AS(squared_error(x, y),
                       "squared_error: shapes [b, 3, 4] and [b, 3, 5] differ; they must be equal", ShapeError);
  CHECK_THROWS_AS(squared_error(v, v), ShapeError);
  CHECK_THROWS_AS(absolute_error(x, y), ShapeError);
  CHECK_THROWS_AS(huber_error(x, y), ShapeError);
  CHECK_THROWS_AS(absolute_error(v, v), ShapeError);
  for (const double delta : {0.0, -1.0, std::nan(""), HUGE_VAL})
    CHECK_THROWS_AS(huber_error(x, x, delta), ValueError);
  const IndexInput one = g.index_input("labels", {}, 4), rows = g.index_input("rows", {.points = 3}, 4),
                   many = g.index_input("many", {.points = 3}, 5);
  CHECK_THROWS_AS(cross_entropy(x, one), ShapeError);
  CHECK_THROWS_AS(binary_cross_entropy(x, y), ShapeError);
  CHECK_THROWS_WITH_AS(label_losses(x, one),
                       "label_losses: the logits are [b, 3, 4] and the labels [b, 1, 1]; one label a row is needed",
                       ShapeError);
  CHECK_THROWS_WITH_AS(label_losses(x, many),
                       "label_losses: the labels have limit 5 and there are 4 classes; the limit must not be above "
                       "the classes",
                       ValueError);
  CHECK_THROWS_WITH_AS(cross_entropy(x, rows, {{}, y}), "label_losses: the mask is [b, 3, 5]; it must be [b, 3, 1]",
                       ShapeError);
  CHECK_THROWS_WITH_AS(label_weights(x, rows, {{1, 2}}), "label_weights: 2 class weights are given for 4 classes",
                       ValueError);
  CHECK_THROWS_AS(label_losses(x, rows, {{1, 2, -1, 1}}), ValueError);
  CHECK_THROWS_AS(label_losses(x, rows, {{1, 2, std::nan(""), 1}}), ValueError);
  CHECK_THROWS_AS(label_losses(v, rows), ShapeError);
}

}  // namespace test_loss
