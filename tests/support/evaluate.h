// A model on given inputs, one example each.
#pragma once

#include <eqnn/core/params.h>
#include <eqnn/core/program.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/reference.h"

namespace eqnn::testing {

using reference::Dense;

// Rows and columns of all inputs are those of the first; `model` is a callable from Tensor to Tensor. Results are
// the T values as doubles, without rounding.
template <class T, class Model>
std::vector<Dense> evaluate(const Params<T>& params, const Model& model, const std::vector<Dense>& inputs) {
  const Index count = static_cast<Index>(inputs.size());
  Program<T> program(count, Mode::evaluate);
  program.output("y", model(program.input("x", {.points = inputs[0].rows, .channels = inputs[0].cols})));
  program.finish();
  Workspace<T> w(program);
  w.bind({count});
  const Block<T> x = w.input("x");
  for (Index e = 0; e < count; ++e)
    for (Index i = 0; i < x.points; ++i)
      for (Index j = 0; j < x.channels; ++j) x(e, i, j) = static_cast<T>(inputs[static_cast<std::size_t>(e)](i, j));
  program.forward(w, params.values().data());
  const Block<const T> y = w.output("y");
  std::vector<Dense> results;
  for (Index e = 0; e < count; ++e) {
    Dense r(y.points, y.channels);
    for (Index i = 0; i < y.points; ++i)
      for (Index j = 0; j < y.channels; ++j) r(i, j) = static_cast<double>(y(e, i, j));
    results.push_back(std::move(r));
  }
  return results;
}

// max |a - b| / max(1, max |b|); infinite for NaN.
inline double relative_error(const Dense& a, const Dense& b) {
  double scale = 1, error = 0;
  for (const double v : b.data) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < b.data.size(); ++i) error = reference::worse(error, std::abs(a.data[i] - b.data[i]));
  return error / scale;
}

// out_i = sum_j cos(3 i + j + 1) x_j over the points: what has no symmetry at all.
template <class T>
Tensor<T> mix_points(Tensor<T> x) {
  const Index n = x.shape().points;
  const auto weight = [](Index i, Index j) { return static_cast<T>(std::cos(static_cast<double>(3 * i + j + 1))); };
  return x.program().record({
      .name = "mix_points",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [=](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              for (Index c = 0; c < call.out().cols; ++c) {
                T sum = 0;
                for (Index j = 0; j < n; ++j) sum += weight(i % n, j) * call.in(0)(i / n * n + j, c);
                call.out()(i, c) = sum;
              }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index i = 0; dx && i < dx.rows; ++i)
              for (Index j = 0; j < n; ++j)
                for (Index c = 0; c < dx.cols; ++c) dx(i / n * n + j, c) += weight(i % n, j) * dy(i, c);
          },
  });
}

}  // namespace eqnn::testing
