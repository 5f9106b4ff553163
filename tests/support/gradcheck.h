// Gradients against central differences, in double. A model is any callable that records a value [b, n, c];
// the check adds up that value with random weights, so that every entry of it counts differently.
#pragma once

#include <doctest/doctest.h>
#include <eqnn/core/params.h>
#include <eqnn/core/program.h>
#include <eqnn/core/rng.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "support/reference.h"

namespace eqnn::testing {

// loss_i = sum over points p and channels c of w_ipc x_ipc, w uniform in [-1, 1]: [b, n, c] -> [b, 1, 1].
inline Tensor<double> weighted_sum(Tensor<double> x, std::uint64_t seed) {
  const Shape shape = x.shape();
  const auto weight = [=](Index row, Index channel) {
    const Counter at{seed, Stream::user, static_cast<std::uint64_t>(channel), static_cast<std::uint64_t>(row)};
    return 2 * Draws(at).uniform() - 1;
  };
  return x.program().record({
      .name = "weighted_sum",
      .inputs = {x},
      .shape = {},
      .forward =
          [=](const Call<double>& call) {
            for (Index e = 0; e < call.examples(); ++e) {
              call.out()(e, 0) = 0;
              for (Index i = e * shape.points; i < (e + 1) * shape.points; ++i)
                for (Index j = 0; j < shape.channels; ++j) call.out()(e, 0) += weight(i, j) * call.in(0)(i, j);
            }
          },
      .backward =
          [=](const Call<double>& call) {
            const MatrixView<double> dx = call.in_gradient(0);
            for (Index i = 0; dx && i < dx.rows; ++i)
              for (Index j = 0; j < dx.cols; ++j)
                dx(i, j) += weight(i, j) * call.out_gradient()(i / shape.points, 0);
          },
  });
}

// A value [b, points, c] whose entries are those of the parameter p, [capacity * points, c]: what stands
// for the input of an operation whose gradient is checked.
template <class T>
Tensor<T> parameter_as_input(Program<T>& g, Param p, Index points) {
  return g.record({
      .name = "parameter_as_input",
      .inputs = {g.param(p)},
      .shape = {Shape::kCapacity, points, p.cols},
      .forward =
          [](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              std::copy_n(call.in(0).row(i), call.out().cols, call.out().row(i));
          },
      .backward =
          [](const Call<T>& call) {
            const MatrixView<T> dp = call.in_gradient(0);
            for (Index i = 0; dp && i < call.out().rows; ++i)
              for (Index j = 0; j < dp.cols; ++j) dp(i, j) += call.out_gradient()(i, j);
          },
  });
}

// Draws every parameter, biases too, of a size in [low, high] and either sign: away from zero, where relu
// has its kink.
template <class T>
void draw_off_zero(Params<T>& params, std::uint64_t seed, double low = 0.2, double high = 1.2) {
  Draws d({seed, Stream::user, 1, 0});
  for (const ParamInfo& info : params.list()) {
    const MatrixView<T> v = params.view(info.slice);
    for (Index i = 0; i < v.rows; ++i)
      for (Index j = 0; j < v.cols; ++j)
        v(i, j) = static_cast<T>((d.below(2) == 0 ? -1 : 1) * (low + (high - low) * d.uniform()));
  }
}

struct GradcheckOptions {
  Index examples = 3;
  // Differences are f(-2h), f(-h), f(h), f(2h): exact to the fourth power of `step`. For networks with
  // relu inside take a small step, so that no kink lies within it.
  double step = 1e-3;
  std::uint64_t seed = 1;
};

struct GradcheckResult {
  double error = 0;    // largest |difference - gradient| / max(1, |gradient|)
  double largest = 0;  // largest |gradient|: a check of zeros checks nothing
  bool clean = true;   // padding of the gradient is zero
  std::string where;   // the worst entry
};

// Compares the gradient of sum_i weight_i loss_i, weights random, with central differences, for every
// parameter at its present value. `fill(workspace)` fills the inputs, once.
template <class Model, class Fill>
GradcheckResult gradcheck(Params<double>& params, const Model& model, const Fill& fill, GradcheckOptions o = {}) {
  Program<double> program(o.examples, Mode::train);
  program.finish(weighted_sum(model(program), o.seed));
  Workspace<double> w(program);
  w.bind({o.examples, 0, 0, o.seed});
  fill(w);
  Draws d({o.seed, Stream::user, 2, 0});
  for (double& weight : w.weights()) weight = 0.5 + d.uniform();
  const auto root = [&] {
    program.forward(w, params.values().data());
    double sum = 0;
    for (Index i = 0; i < o.examples; ++i) sum += w.weights()[static_cast<std::size_t>(i)] * w.losses()(i, 0);
    return sum;
  };
  AlignedBuffer<double> gradient(params.size());
  for (int pass = 0; pass < 2; ++pass) {  // the second replaces what the first left
    root();
    program.backward(w, gradient.data(), true);
  }
  GradcheckResult result;
  for (const ParamInfo& info : params.list()) {
    const MatrixView<double> v = params.view(info.slice);
    for (Index i = 0; i < v.rows; ++i) {
      const double* row = gradient.data() + info.slice.offset + i * info.slice.stride;
      for (Index j = v.cols; j < v.stride; ++j) result.clean = result.clean && row[j] == 0;
      for (Index j = 0; j < v.cols; ++j) {
        const double value = v(i, j);
        const auto moved = [&](double steps) {
          v(i, j) = value + steps * o.step;
          return root();
        };
        const double near = moved(1) - moved(-1), far = moved(2) - moved(-2);
        v(i, j) = value;
        const double difference = (8 * near - far) / (12 * o.step);
        const double error = std::abs(difference - row[j]) / std::max(1.0, std::abs(row[j]));
        result.largest = std::max(result.largest, std::abs(row[j]));
        if (error <= result.error) continue;
        result.error = reference::worse(result.error, error);
        result.where = concat(info.name, "(", i, ", ", j, "): difference ", difference, ", gradient ", row[j]);
      }
    }
  }
  return result;
}

template <class Model, class Fill>
void check_gradient(Params<double>& params, const Model& model, const Fill& fill, GradcheckOptions o = {},
                    double tolerance = 1e-9) {
  const GradcheckResult r = gradcheck(params, model, fill, o);
  INFO("worst entry: ", r.where);
  CHECK(r.error <= tolerance);
  CHECK(r.largest > 0);
  CHECK(r.clean);
}
// For models without inputs.
template <class Model>
void check_gradient(Params<double>& params, const Model& model) {
  check_gradient(params, model, [](Workspace<double>&) {});
}

}  // namespace eqnn::testing
