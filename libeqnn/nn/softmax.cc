// Each operation and its gradient stand side by side, in one function.

#include "softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

// out = e^{x - largest x} over the entries where `mask` (null: everywhere) is not 0, 0 elsewhere; returns their
// sum.
template <class T>
T shifted_exponentials(Index size, const T* x, const T* mask, T* out) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  T top = lowest, sum = 0;
  for (Index j = 0; j < size; ++j)
    if (!mask || mask[j] != 0) top = std::max(top, x[j]);
  for (Index j = 0; j < size; ++j) out[j] = !mask || mask[j] != 0 ? x[j] - top : lowest;
  kernels::exp(size, out, out);
  for (Index j = 0; j < size; ++j) sum += out[j];
  return sum;
}

template <class T>
Tensor<T> record_softmax(std::vector<Tensor<T>> inputs) {
  const bool masked = inputs.size() > 1;
  return inputs[0].program().record({
      .name = "softmax",
      .inputs = inputs,
      .shape = inputs[0].shape(),
      .forward =
          [masked](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            for (Index i = 0; i < in.rows; ++i) {
              T* y = call.out().row(i);
              const T sum = shifted_exponentials(in.cols, in.row(i), masked ? call.in(1).row(i) : nullptr, y);
              if (sum != 0)
                for (Index j = 0; j < in.cols; ++j) y[j] /= sum;
            }
          },
      .backward =
          [](const Call<T>& call) {
            const MatrixView<const T> y = call.out(), dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index i = 0; i < dx.rows; ++i) {
              T sum = 0;
              for (Index j = 0; j < dx.cols; ++j) sum += dy(i, j) * y(i, j);
              for (Index j = 0; j < dx.cols; ++j) dx(i, j) += y(i, j) * (dy(i, j) - sum);
            }
          },
      .backward_reads_inputs = false,
      .by_rows = true,
      .differentiable = 0b01,
  });
}

}  // namespace

template <class T>
Tensor<T> softmax(Tensor<T> x) {
  check_examples("softmax", x);
  return record_softmax<T>({x});
}
template <class T>
Tensor<T> softmax(Tensor<T> x, Tensor<T> mask) {
  check_examples("softmax", x);
  check_same_shape("softmax", x, mask);
  return record_softmax<T>({x, mask});
}

template <class T>
Tensor<T> log_softmax(Tensor<T> x) {
  check_examples("log_softmax", x);
  return x.program().record({
      .name = "log_softmax",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            for (Index i = 0; i < in.rows; ++i) {
              T* y = call.out().row(i);
              const T rest = std::log(shifted_exponentials<T>(in.cols, in.row(i), nullptr, y));
              const T top = *std::max_element(in.row(i), in.row(i) + in.cols);
              for (Index j = 0; j < in.cols; ++j) y[j] = in(i, j) - top - rest;
            }
          },
      .backward =
          [](const Call<T>& call) {
            const MatrixView<const T> y = call.out(), dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            constexpr Index kAtOnce = 64;
            T e[kAtOnce];
            for (Index i = 0; i < dx.rows; ++i) {
              T sum = 0;
              for (Index j = 0; j < dx.cols; ++j) sum += dy(i, j);
              for (Index first = 0; first < dx.cols; first += kAtOnce) {
                const Index count = std::min(kAtOnce, dx.cols - first);
                kernels::exp(count, y.row(i) + first, e);
                for (Index j = 0; j < count; ++j) dx(i, first + j) += dy(i, first + j) - e[j] * sum;
              }
            }
          },
      .backward_reads_inputs = false,
      .by_rows = true,
  });
}

#define EQNN_INSTANTIATE(T)                         \
  template Tensor<T> softmax(Tensor<T>);            \
  template Tensor<T> softmax(Tensor<T>, Tensor<T>); \
  template Tensor<T> log_softmax(Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
