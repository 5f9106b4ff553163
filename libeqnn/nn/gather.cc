// Each operation and its gradient stand side by side, in one function.

#include "gather.h"

#include <algorithm>

namespace eqnn {

template <class T>
Tensor<T> gather_points(Tensor<T> x, IndexInput index) {
  check_examples("gather_points", x);
  const Shape &s = x.shape(), &chosen = x.program().shape(index);
  require<ShapeError>(chosen.examples == s.examples && chosen.channels == 1, "gather_points: x is ", to_string(s),
                      " and the index ", to_string(chosen), "; the index must be [b, m, 1]");
  require(x.program().limit(index) <= s.points, "gather_points: the index has limit ", x.program().limit(index),
          " and x has ", s.points, " points; the limit must not be above the points");
  const Index n = s.points, m = chosen.points;
  const auto source = [=](const Call<T>& call, Index row) {
    return row / m * n + static_cast<Index>(call.indices(index)(row, 0));
  };
  return x.program().record({
      .name = "gather_points",
      .inputs = {x},
      .shape = {s.examples, m, s.channels},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<T> out = call.out();
            for (Index i = 0; i < out.rows; ++i)
              std::copy_n(call.in(0).row(source(call, i)), out.stride, out.row(i));
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index i = 0; i < dy.rows; ++i) {
              T* to = dx.row(source(call, i));
              for (Index j = 0; j < dy.cols; ++j) to[j] += dy(i, j);
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
}

template <class T>
Tensor<T> embedding(IndexInput index, Tensor<T> table) {
  Program<T>& g = table.program();
  const Shape &s = table.shape(), &chosen = g.shape(index);
  require<ShapeError>(s.examples == Shape::kShared, "embedding: the table is ", to_string(s),
                      "; it must be a parameter, [rows, channels]");
  require<ShapeError>(chosen.channels == 1, "embedding: the index is ", to_string(chosen),
                      "; it must have one channel");
  require(g.limit(index) <= s.points, "embedding: the index has limit ", g.limit(index), " and the table ",
          s.points, " rows; the limit must not be above the rows");
  return g.record({
      .name = "embedding",
      .inputs = {table},
      .shape = {chosen.examples, chosen.points, s.channels},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<T> out = call.out();
            const MatrixView<const std::int32_t> rows = call.indices(index);
            for (Index i = 0; i < out.rows; ++i)
              std::copy_n(call.in(0).row(rows(call.first_row() + i, 0)), out.stride, out.row(i));
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<const std::int32_t> rows = call.indices(index);
            const MatrixView<T> dw = call.in_gradient(0);
            if (!dw) return;
            for (Index i = 0; i < dy.rows; ++i) {
              T* to = dw.row(rows(call.first_row() + i, 0));
              for (Index j = 0; j < dy.cols; ++j) to[j] += dy(i, j);
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .by_rows = true,
  });
}

#define EQNN_INSTANTIATE(T)                                \
  template Tensor<T> gather_points(Tensor<T>, IndexInput); \
  template Tensor<T> embedding(IndexInput, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
