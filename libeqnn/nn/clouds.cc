// Each operation and its gradient stand side by side, in one function.

#include "clouds.h"

#include <algorithm>

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
void check_cloud(const char* name, Tensor<T> x) {
  check_examples(name, x);
  require<ShapeError>(x.shape().channels == 2 || x.shape().channels == 3, name, ": positions are ",
                      to_string(x.shape()), "; they must be [b, n, 2] or [b, n, 3]");
}

// dh and dx from the gradient of pair_features; pair (i, j) is row (e n + i) n + j.
template <class T>
void pair_features_backward(const Call<T>& call, Index n, Index c, Index d) {
  const MatrixView<const T> x = call.in(1), dy = call.out_gradient();
  const MatrixView<T> dh = call.in_gradient(0), dx = call.in_gradient(1);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = i / n * n; j < (i / n + 1) * n; ++j) {
      const T* row = dy.row(i * n + j % n);
      if (dh) {
        T *first = dh.row(i), *second = dh.row(j);
        for (Index k = 0; k < c; ++k) first[k] += row[k];
        for (Index k = 0; k < c; ++k) second[k] += row[c + k];
      }
      for (Index k = 0; dx && k < d; ++k) {
        const T step = 2 * row[2 * c] * (x(i, k) - x(j, k));
        dx(i, k) += step;
        dx(j, k) -= step;
      }
    }
}

}  // namespace

template <class T>
Tensor<T> pair_features(Tensor<T> h, Tensor<T> x) {
  check_same_points("pair_features", h, x);
  check_cloud("pair_features", x);
  const Index n = h.shape().points, c = h.shape().channels, d = x.shape().channels;
  return h.program().record({
      .name = "pair_features",
      .inputs = {h, x},
      .shape = {h.shape().examples, n * n, 2 * c + 1},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> features = call.in(0), place = call.in(1);
            for (Index i = 0; i < place.rows; ++i)
              for (Index j = i / n * n; j < (i / n + 1) * n; ++j) {
                T* row = call.out().row(i * n + j % n);
                std::copy_n(features.row(i), c, row);
                std::copy_n(features.row(j), c, row + c);
                T sum = 0;
                for (Index k = 0; k < d; ++k) sum += (place(i, k) - place(j, k)) * (place(i, k) - place(j, k));
                row[2 * c] = sum;
              }
          },
      .backward = [=](const Call<T>& call) { pair_features_backward(call, n, c, d); },
      .backward_reads_output = false,
  });
}

template <class T>
Tensor<T> sum_pairs(Tensor<T> m) {
  check_examples("sum_pairs", m);
  Index n = 1;
  while (n * n < m.shape().points) ++n;
  require<ShapeError>(n * n == m.shape().points, "sum_pairs: ", to_string(m.shape()), " has ", m.shape().points,
                      " pairs; pairs of n points are [b, n n, c]");
  return m.program().record({
      .name = "sum_pairs",
      .inputs = {m},
      .shape = {m.shape().examples, n, m.shape().channels},
      .forward =
          [n](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const MatrixView<T> out = call.out();
            for (Index i = 0; i < out.rows; ++i) {
              std::fill(out.row(i), out.row(i) + out.stride, T(0));
              for (Index j = 0; j < n; ++j)
                if (j != i % n) kernels::axpy(out.stride, T(1), in.row(i * n + j), out.row(i), true);
            }
          },
      .backward =
          [n](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dm = call.in_gradient(0);
            if (!dm) return;
            for (Index i = 0; i < dy.rows; ++i)
              for (Index j = 0; j < n; ++j) {
                T* row = dm.row(i * n + j);
                if (j != i % n)
                  kernels::axpy(dy.stride, T(1), dy.row(i), row, call.accumulate(0));
                else if (!call.accumulate(0))
                  std::fill(row, row + dm.stride, T(0));
              }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

template <class T>
Tensor<T> move_points(Tensor<T> x, Tensor<T> w) {
  check_cloud("move_points", x);
  const Index n = x.shape().points, d = x.shape().channels;
  require<ShapeError>(w.shape() == Shape{x.shape().examples, n * n, 1}, "move_points: positions are ",
                      to_string(x.shape()), " and weights ", to_string(w.shape()),
                      "; the weights must be [b, n n, 1]");
  const T unit = static_cast<T>(1.0 / static_cast<double>(std::max<Index>(1, n - 1)));
  return x.program().record({
      .name = "move_points",
      .inputs = {x, w},
      .shape = x.shape(),
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0), weight = call.in(1);
            for (Index i = 0; i < in.rows; ++i)
              for (Index k = 0; k < d; ++k) {
                T sum = 0;
                for (Index j = 0; j < n; ++j) sum += (in(i, k) - in(i / n * n + j, k)) * weight(i * n + j, 0);
                call.out()(i, k) = in(i, k) + unit * sum;
              }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0), weight = call.in(1), dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0), dw = call.in_gradient(1);
            for (Index i = 0; i < in.rows; ++i) {
              for (Index k = 0; dx && k < d; ++k) dx(i, k) += dy(i, k);
              for (Index j = 0; j < n; ++j) {
                const Index other = i / n * n + j;
                T inner = 0;
                for (Index k = 0; k < d; ++k) {
                  const T step = unit * weight(i * n + j, 0) * dy(i, k);
                  if (dx) dx(i, k) += step;
                  if (dx) dx(other, k) -= step;
                  inner += (in(i, k) - in(other, k)) * dy(i, k);
                }
                if (dw) dw(i * n + j, 0) += unit * inner;
              }
            }
          },
      .backward_reads_output = false,
  });
}

// Recording is cold: it runs once, and its code is kept small.
template <class T>
[[gnu::cold]] Tensor<T> label_points(Tensor<T> x) {
  check_examples("label_points", x);
  const Index n = x.shape().points, d = x.shape().channels;
  const T unit = static_cast<T>(1.0 / static_cast<double>(d));
  return x.program().record({
      .name = "label_points",
      .inputs = {x},
      .shape = {x.shape().examples, n, n + 1},
      .forward =
          [=](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i) {
              T* row = call.out().row(i);
              std::fill(row, row + n, T(0));
              row[i % n] = 1;
              T sum = 0;
              for (Index k = 0; k < d; ++k) sum += call.in(0)(i, k) * call.in(0)(i, k);
              row[n] = unit * sum;
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index i = 0; dx && i < dx.rows; ++i)
              for (Index k = 0; k < d; ++k) dx(i, k) += 2 * unit * call.in(0)(i, k) * call.out_gradient()(i, n);
          },
      .backward_reads_output = false,
  });
}

#define EQNN_INSTANTIATE(T)                               \
  template Tensor<T> label_points(Tensor<T>);             \
  template Tensor<T> pair_features(Tensor<T>, Tensor<T>); \
  template Tensor<T> sum_pairs(Tensor<T>);                \
  template Tensor<T> move_points(Tensor<T>, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
