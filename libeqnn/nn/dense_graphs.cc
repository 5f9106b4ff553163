// Each operation and its gradient stand side by side, in one function.

#include "dense_graphs.h"

#include <algorithm>
#include <cmath>

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
void check_adjacency(const char* name, Tensor<T> x, Tensor<T> adjacency) {
  check_examples(name, x);
  const Shape& a = adjacency.shape();
  require<ShapeError>(a.points == a.channels && a.points == x.shape().points && a.examples == x.shape().examples,
                      name, ": adjacency is ", to_string(a), " and x is ", to_string(x.shape()),
                      "; the adjacency must be [b, n, n] for the n points of x");
}

// out rows of example e (+)= A_e x_e, or A_e^T x_e: one small product an example.
template <class T>
void adjacency_product(Index examples, Index n, MatrixView<const T> a, bool transposed, const T* x, Index x_row,
                       Index cols, T* out, Index out_row, bool accumulate) {
  kernels::product<T>({.m = n,
                       .n = cols,
                       .k = n,
                       .a = a.data,
                       .a_row = transposed ? 1 : a.stride,
                       .a_col = transposed ? a.stride : 1,
                       .b = x,
                       .b_row = x_row,
                       .c = out,
                       .c_row = out_row,
                       .accumulate = accumulate,
                       .count = examples,
                       .a_step = n * a.stride,
                       .b_step = n * x_row,
                       .c_step = n * out_row});
}

}  // namespace

template <class T>
Tensor<T> normalize_adjacency(Tensor<T> adjacency, Adjacency form) {
  const Shape& s = adjacency.shape();
  require<ShapeError>(s.points == s.channels, "normalize_adjacency: ", to_string(s), "; an adjacency is [b, n, n]");
  if (form == Adjacency::raw) return adjacency;
  const Index n = s.points;
  return adjacency.program().record({
      .name = "normalize_adjacency",
      .inputs = {adjacency},
      .shape = s,
      .forward =
          [form, n](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const MatrixView<T> out = call.out();
            const T unit = static_cast<T>(1 / std::sqrt(static_cast<double>(n)));
            for (Index i = 0; i < in.rows; ++i) {
              T factor = unit, shift = 0;
              if (form == Adjacency::mean) {
                T degree = 0;
                for (Index j = 0; j < n; ++j) degree += in(i, j);
                factor = 1 / std::max(T(1), degree);
              } else if (form == Adjacency::centred) {
                factor = 2 * unit;
                shift = T(0.5);
              }
              for (Index j = 0; j < n; ++j) out(i, j) = (in(i, j) - shift) * factor;
              if (form == Adjacency::centred) out(i, i % n) = 0;
            }
            clear_padding(out);
          },
      .backward = nullptr,
      .overwrites = true,
      .numbers = {static_cast<double>(form)},
  });
}

template <class T>
Tensor<T> neighbor_sum(Tensor<T> x, Tensor<T> adjacency) {
  check_adjacency("neighbor_sum", x, adjacency);
  const Index n = x.shape().points;
  return x.program().record({
      .name = "neighbor_sum",
      .inputs = {x, adjacency},
      .shape = x.shape(),
      .forward =
          [n](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            adjacency_product(call.examples(), n, call.in(1), false, in.data, in.stride, in.stride, call.out().data,
                              in.stride, false);
          },
      .backward =
          [n](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            adjacency_product(call.examples(), n, call.in(1), true, call.out_gradient().data, dx.stride, dx.stride,
                              dx.data, dx.stride, call.accumulate(0));
          },
      .backward_reads_output = false,
      .overwrites = true,
      .differentiable = 0b01,
      .multiply_adds = static_cast<double>(n * n * x.shape().channels),
  });
}

template <class T>
Tensor<T> with_neighbors(Tensor<T> x, Tensor<T> adjacency) {
  check_adjacency("with_neighbors", x, adjacency);
  const Index n = x.shape().points, c = x.shape().channels;
  return x.program().record({
      .name = "with_neighbors",
      .inputs = {x, adjacency},
      .shape = {x.shape().examples, n, 2 * c},
      .forward =
          [n, c](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const MatrixView<T> out = call.out();
            kernels::copy_columns(in.rows, c, in.data, in.stride, out.data, out.stride, false);
            adjacency_product(call.examples(), n, call.in(1), false, in.data, in.stride, c, out.data + c,
                              out.stride, false);
            clear_padding(out);
          },
      .backward =
          [n, c](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            kernels::copy_columns(dx.rows, c, dy.data, dy.stride, dx.data, dx.stride, call.accumulate(0));
            adjacency_product(call.examples(), n, call.in(1), true, dy.data + c, dy.stride, c, dx.data, dx.stride,
                              true);
            clear_padding(dx);
          },
      .backward_reads_output = false,
      .overwrites = true,
      .differentiable = 0b01,
      .multiply_adds = static_cast<double>(n * n * c),
  });
}

#define EQNN_INSTANTIATE(T)                                     \
  template Tensor<T> normalize_adjacency(Tensor<T>, Adjacency); \
  template Tensor<T> neighbor_sum(Tensor<T>, Tensor<T>);        \
  template Tensor<T> with_neighbors(Tensor<T>, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
