// Each operation and its gradient stand side by side, in one function.

#include "points.h"

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
Operation<T> pool(const char* name, Tensor<T> x, double factor, bool relu = false) {
  const Shape& s = x.shape();
  const T scale = static_cast<T>(factor);
  const Index points = s.points;
  return {
      .name = concat(name, relu ? " of relu" : ""),
      .inputs = {x},
      .shape = {s.examples, 1, s.channels},
      .forward =
          [=](const Call<T>& call) {
            kernels::pool(relu, call.examples(), points, call.in(0).stride, scale, call.in(0).data,
                          call.out().data);
          },
      .backward =
          [=](const Call<T>& call) {
            kernels::pool_gradient(relu, call.examples(), points, call.in(0).stride, scale, call.in(0).data,
                                   call.out_gradient().data, call.in_gradient(0).data, call.accumulate(0));
          },
      .backward_reads_inputs = relu,
      .backward_reads_output = false,
      .overwrites = true,
      .of_relu = [=](Tensor<T> y) { return pool(name, y, factor, true); },
  };
}

}  // namespace

template <class T>
Tensor<T> sum_points(Tensor<T> x) {
  check_examples("sum_points", x);
  return x.program().record(pool("sum_points", x, 1.0));
}
template <class T>
Tensor<T> mean_points(Tensor<T> x) {
  check_examples("mean_points", x);
  return x.program().record(pool("mean_points", x, 1.0 / static_cast<double>(x.shape().points)));
}

template <class T>
Tensor<T> flatten(Tensor<T> x) {
  check_examples("flatten", x);
  const Shape& s = x.shape();
  const Index points = s.points, channels = s.channels;
  return x.program().record({
      .name = "flatten",
      .inputs = {x},
      .shape = {s.examples, 1, points * channels},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            for (Index e = 0; e < call.examples(); ++e)
              kernels::copy_columns(points, channels, in.row(e * points), in.stride, call.out().row(e), channels,
                                    false);
            clear_padding(call.out());
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index e = 0; e < call.examples(); ++e)
              kernels::copy_columns(points, channels, call.out_gradient().row(e), channels, dx.row(e * points),
                                    dx.stride, call.accumulate(0));
            clear_padding(dx);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

template <class T>
Tensor<T> join_channels(Tensor<T> x, Tensor<T> y) {
  check_same_points("join_channels", x, y);
  const Index c = x.shape().channels;
  return x.program().record({
      .name = "join_channels",
      .inputs = {x, y},
      .shape = {x.shape().examples, x.shape().points, c + y.shape().channels},
      .forward =
          [c](const Call<T>& call) {
            const MatrixView<T> out = call.out();
            for (int k = 0; k < 2; ++k) {
              const MatrixView<const T> in = call.in(k);
              kernels::copy_columns(in.rows, in.cols, in.data, in.stride, out.data + k * c, out.stride, false);
            }
            clear_padding(out);
          },
      .backward =
          [c](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            for (int k = 0; k < 2; ++k) {
              const MatrixView<T> dx = call.in_gradient(k);
              if (!dx) continue;
              kernels::copy_columns(dx.rows, dx.cols, dy.data + k * c, dy.stride, dx.data, dx.stride,
                                    call.accumulate(k));
              clear_padding(dx);
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

#define EQNN_INSTANTIATE(T)                  \
  template Tensor<T> sum_points(Tensor<T>);  \
  template Tensor<T> mean_points(Tensor<T>); \
  template Tensor<T> flatten(Tensor<T>);     \
  template Tensor<T> join_channels(Tensor<T>, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
