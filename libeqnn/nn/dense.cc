// Each operation and its gradient stand side by side, in one function.

#include "dense.h"

#include <algorithm>
#include <limits>

#include "../kernels/blas.h"
#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
MatrixView<T> rows_of(MatrixView<T> m, Index first, Index rows) {
  return {m.row(first), rows, m.cols, m.stride};
}

// Of inputs k, x, and k + 1, its matrix w, over `rows` rows from the first: dw (+)= x^T dy.
template <class T>
void weight_gradient(const Call<T>& call, int k, Index first, Index rows) {
  if (const MatrixView<T> dw = call.in_gradient(k + 1))
    matrix_product(kernels::Product<T>::left_transposed(rows_of(call.in(k), first, rows),
                                                        rows_of(call.out_gradient(), first, rows), dw,
                                                        first > 0 || call.accumulate(k + 1)),
                   call.strict());
}

// ... and dx (+)= dy w^T.
template <class T>
void input_gradient(const Call<T>& call, int k, Index first, Index rows) {
  const MatrixView<T> all = call.in_gradient(k);
  if (!all) return;
  const MatrixView<T> dx = rows_of(all, first, rows);
  matrix_product(kernels::Product<T>::right_transposed(rows_of(call.out_gradient(), first, rows), call.in(k + 1),
                                                       dx, call.accumulate(k)),
                 call.strict());
  clear_padding(dx);
}

// Rows of which so many bytes each, beside weights of so many bytes, fill some of a second-level cache: what one
// product reads or writes there the next one finds. All rows where the weights alone fill it.
Index rows_at_once(Index row_bytes, Index weight_bytes) {
  constexpr Index kRows = 512 * 1024, kWeights = 128 * 1024;
  return weight_bytes > kWeights ? std::numeric_limits<Index>::max() : std::max(kRows / row_bytes, Index{1});
}

// visit(first, count) for blocks of at most `most` rows. No rows are one block, so that gradients are written.
template <class Visit>
void each_row_block(Index rows, Index most, const Visit& visit) {
  Index first = 0;
  do {
    const Index count = std::min(most, rows - first);
    visit(first, count);
    first += count;
  } while (first < rows);
}

}  // namespace

template <class T>
void detail::bias_gradient(const Call<T>& call, int k) {
  const MatrixView<const T> dy = call.out_gradient();
  if (const MatrixView<T> db = call.in_gradient(k))
    kernels::column_sums(dy.rows, dy.stride, dy.data, dy.stride, db.data, call.accumulate(k));
}

template <class T>
Tensor<T> linear(Tensor<T> x, Tensor<T> weight, Tensor<T> bias) {
  const Shape &s = x.shape(), &w = weight.shape();
  require<ShapeError>(w.examples == Shape::kShared && w.points == s.channels, "linear: x is ", to_string(s),
                      " and the weight is ", to_string(weight),
                      "; the weight must be a parameter with one row a channel of x");
  if (bias)
    require<ShapeError>(bias.shape() == Shape{Shape::kShared, 1, w.channels}, "linear: the weight is ",
                        to_string(weight), " and the bias is ", to_string(bias),
                        "; the bias must have one entry an output channel");
  std::vector<Tensor<T>> inputs = {x, weight};
  if (bias) inputs.push_back(bias);
  const bool has_bias = static_cast<bool>(bias);
  return x.program().record({
      .name = "linear",
      .inputs = std::move(inputs),
      .shape = {s.examples, s.points, w.channels},
      .forward =
          [has_bias](const Call<T>& call) {
            auto p = kernels::Product<T>::plain(call.in(0), call.in(1), call.out());
            if (has_bias) p.bias = call.in(2).data;
            matrix_product(p, call.strict());
          },
      .backward =
          [has_bias](const Call<T>& call) {
            const Index rows = call.out_gradient().rows;
            weight_gradient(call, 0, 0, rows);
            if (has_bias) detail::bias_gradient(call, 2);
            input_gradient(call, 0, 0, rows);
          },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
      .multiply_adds = static_cast<double>(s.points * s.channels * w.channels),
  });
}

template <class T>
Tensor<T> linear_pair(Tensor<T> x, Tensor<T> w, Tensor<T> z, Tensor<T> v, Tensor<T> bias) {
  const Shape &a = x.shape(), &b = z.shape();
  const Index out = w.shape().channels;
  require<ShapeError>(a.examples == b.examples && a.points == b.points && a.examples != Shape::kShared,
                      "linear_pair: x is ", to_string(a), " and z is ", to_string(b),
                      "; they must have the same rows");
  require<ShapeError>(w.shape() == Shape{Shape::kShared, a.channels, out} &&
                          v.shape() == Shape{Shape::kShared, b.channels, out} &&
                          bias.shape() == Shape{Shape::kShared, 1, out},
                      "linear_pair: x is ", to_string(a), ", z is ", to_string(b), ", and the parameters are ",
                      to_string(w.shape()), ", ", to_string(v.shape()), " and ", to_string(bias.shape()),
                      "; weights have one row a channel, and the bias one entry an output channel");
  constexpr auto bytes = static_cast<Index>(sizeof(T));
  const Index ins = padded<T>(a.channels) + padded<T>(b.channels),
              most = rows_at_once((2 * ins + padded<T>(out)) * bytes, ins * padded<T>(out) * bytes);
  return x.program().record({
      .name = "linear_pair",
      .inputs = {x, w, z, v, bias},
      .shape = {a.examples, a.points, out},
      .forward =
          [most](const Call<T>& call) {
            each_row_block(call.out().rows, most, [&](Index first, Index rows) {
              const MatrixView<T> y = rows_of(call.out(), first, rows);
              auto p = kernels::Product<T>::plain(rows_of(call.in(0), first, rows), call.in(1), y);
              p.bias = call.in(4).data;
              matrix_product(p, call.strict());
              matrix_product(kernels::Product<T>::plain(rows_of(call.in(2), first, rows), call.in(3), y, true),
                             call.strict());
            });
          },
      .backward =
          [most](const Call<T>& call) {
            detail::bias_gradient(call, 4);
            each_row_block(call.out().rows, most, [&](Index first, Index rows) {
              for (const int k : {0, 2}) {
                weight_gradient(call, k, first, rows);
                input_gradient(call, k, first, rows);
              }
            });
          },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
      .multiply_adds = static_cast<double>(a.points * (a.channels + b.channels) * out),
  });
}

template <class T>
Tensor<T> add_bias(Tensor<T> x, Tensor<T> bias) {
  require<ShapeError>(bias.shape() == Shape{Shape::kShared, 1, x.shape().channels}, "add_bias: x is ",
                      to_string(x.shape()), " and the bias is ", to_string(bias),
                      "; the bias must have one entry a channel");
  return x.program().record({
      .name = "add_bias",
      .inputs = {x, bias},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            for (Index i = 0; i < in.rows; ++i) {
              kernels::axpy(in.stride, T(1), in.row(i), call.out().row(i), false);
              kernels::axpy(in.stride, T(1), call.in(1).data, call.out().row(i), true);
            }
          },
      .backward =
          [](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            if (const MatrixView<T> dx = call.in_gradient(0))
              kernels::axpy(dx.size(), T(1), dy.data, dx.data, call.accumulate(0));
            detail::bias_gradient(call, 1);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .elementwise = true,
      .overwrites = true,
      .by_rows = true,
  });
}

#define EQNN_INSTANTIATE(T)                                                              \
  template void detail::bias_gradient(const Call<T>&, int);                              \
  template Tensor<T> linear(Tensor<T>, Tensor<T>, Tensor<T>);                            \
  template Tensor<T> linear_pair(Tensor<T>, Tensor<T>, Tensor<T>, Tensor<T>, Tensor<T>); \
  template Tensor<T> add_bias(Tensor<T>, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
