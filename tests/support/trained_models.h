// Small networks with Trainers of their own, which the tests of the Trainer train.
#pragma once

#include <eqnn/core/trainer.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "support/reference.h"

namespace trained {

using namespace eqnn;

// TBB gives a machine of two cores no third thread unless it is told to.
struct EightThreads {
  tbb::global_control control{tbb::global_control::max_allowed_parallelism, 8};
};

// A graph network on drawn data, as small as it can be.
constexpr Index kPoints = 6;

template <class T>
struct GraphNet {
  explicit GraphNet(Params<T>& p, Index width = 9)
      : l1(p, "layers.0", 1, width), l2(p, "layers.1", width, width), head(p, "head", {width, width, 1}) {}
  Tensor<T> operator()(Program<T>& g) const {
    auto x = g.input("x", {.points = kPoints, .channels = 1});
    const auto a =
        normalize_adjacency(g.input("adjacency", {.points = kPoints, .channels = kPoints}), Adjacency::centred);
    x = relu(l2(tanh(l1(x, a)), a));
    const auto f = head(mean_points(x));
    g.output("f", f);
    return squared_error(f, g.input("y", {}));
  }
  MessagePassing<T> l1, l2;
  Mlp<T> head;
};

// Example i of step s depends on (s, i) alone.
template <class T>
void draw_graphs(Batch<T>& b, std::uint64_t later = 0) {
  const Block<T> x = b["x"], a = b["adjacency"], y = b["y"];
  for (Index e = 0; e < b.last - b.first; ++e) {
    Draws d({77, Stream::train, b.step + later, static_cast<std::uint64_t>(b.first + e)});
    int edges = 0;
    for (Index i = 0; i < kPoints; ++i) {
      x(e, i) = static_cast<T>(d.uniform());
      a(e, i, i) = 0;
      for (Index j = 0; j < i; ++j) {
        const bool edge = d.below(2) == 1;
        a(e, i, j) = a(e, j, i) = static_cast<T>(edge);
        edges += edge;
      }
    }
    y(e) = static_cast<T>(edges - 7.5) / 4;
  }
}

// FNV-1a over the bytes of the parameters.
template <class T>
std::uint64_t hash(const Params<T>& p) {
  std::uint64_t h = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(p.values().data());
  for (std::size_t i = 0; i < p.values().size() * sizeof(T); ++i) h = (h ^ bytes[i]) * 0x100000001b3;
  return h;
}

template <class T>
struct Run {
  explicit Run(const TrainerOptions& o, Index width = 9)
      : net((void(0), params), width),
        trainer((params.initialize(kaiming_uniform, 3), params), o, [this](Program<T>& g) { return net(g); }) {}
  double steps(int count) {
    double loss = 0;
    for (int i = 0; i < count; ++i) loss = trainer.step([](Batch<T>& b) { draw_graphs(b); });
    return loss;
  }
  Params<T> params;
  GraphNet<T> net;
  Trainer<T> trainer;
};

// Linear regression, of which every number is known.
// f = w x + b on one example a row; x and y are functions of (step, example).
template <class T>
struct Regression {
  Regression(const TrainerOptions& o, Index features = 3)
      : linear(params, "l", features, 1), trainer((start(), params), o, [this, features](Program<T>& g) {
          const auto f = linear(g.input("x", {.channels = features}));
          g.output("f", f);
          return squared_error(f, g.input("y", {}));
        }) {}
  static double x(std::uint64_t step, Index example, Index feature) {
    return static_cast<double>((7 * example + 4 * feature + 5 * static_cast<Index>(step)) % 13 - 6) / 8;
  }
  static double y(std::uint64_t step, Index example) {
    return static_cast<double>((5 * example + 3 * static_cast<Index>(step)) % 9 - 4) / 4;
  }
  static constexpr auto fill = [](Batch<T>& b) {
    for (Index e = 0; e < b.last - b.first; ++e) {
      for (Index j = 0; j < b["x"].channels; ++j) b["x"](e, 0, j) = static_cast<T>(x(b.step, b.first + e, j));
      b["y"](e) = static_cast<T>(y(b.step, b.first + e));
    }
  };
  double output(std::uint64_t step, Index example) {
    double f = static_cast<double>(params.view(linear.bias)(0, 0));
    for (Index j = 0; j < linear.weight.rows; ++j)
      f += static_cast<double>(params.view(linear.weight)(j, 0)) * x(step, example, j);
    return f;
  }
  // L over examples 0 .. count-1 of a step, and its gradient: weights, then the bias.
  double naive(std::uint64_t step, Index count, std::vector<double>& gradient) {
    gradient.assign(static_cast<std::size_t>(linear.weight.rows) + 1, 0);
    double loss = 0;
    for (Index e = 0; e < count; ++e) {
      const double d = output(step, e) - y(step, e), unit = 1 / static_cast<double>(count);
      loss += d * d * unit;
      for (Index j = 0; j < linear.weight.rows; ++j) gradient[j] += 2 * d * x(step, e, j) * unit;
      gradient.back() += 2 * d * unit;
    }
    return loss;
  }
  std::vector<double> logical(std::span<const T> flat) const {
    std::vector<double> v;
    for (Index j = 0; j < linear.weight.rows; ++j)
      v.push_back(static_cast<double>(flat[linear.weight.offset + j * linear.weight.stride]));
    v.push_back(static_cast<double>(flat[linear.bias.offset]));
    return v;
  }
  void start() {
    for (Index j = 0; j < linear.weight.rows; ++j)
      params.view(linear.weight)(j, 0) = static_cast<T>(0.5 * static_cast<double>(j) - 0.25);
    params.view(linear.bias)(0, 0) = T(0.125);
  }
  Params<T> params;
  Linear<T> linear;
  Trainer<T> trainer;
};

inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b, double unit) {
  double result = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    result = reference::worse(result, std::abs(a[i] - b[i]) / std::max(unit, std::abs(b[i])));
  return result;
}

template <class T>
constexpr double kRounding = sizeof(T) == 4 ? 2e-6 : 4e-15;

}  // namespace trained
