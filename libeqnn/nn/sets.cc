// Each operation and its gradient stand side by side, in one function.

#include "sets.h"

#include <algorithm>

#include "../kernels/kernels.h"

namespace eqnn {

template <class T>
Tensor<T> with_mean(Tensor<T> x) {
  check_examples("with_mean", x);
  const Index n = x.shape().points, c = x.shape().channels;
  const T unit = static_cast<T>(1.0 / static_cast<double>(n));
  return x.program().record({
      .name = "with_mean",
      .inputs = {x},
      .shape = {x.shape().examples, n, 2 * c},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const MatrixView<T> out = call.out();
            T* mean = call.scratch().data();
            kernels::copy_columns(in.rows, c, in.data, in.stride, out.data, out.stride, false);
            for (Index e = 0; e < call.examples(); ++e) {
              kernels::pool(false, 1, n, in.stride, unit, in.row(e * n), mean);
              for (Index i = e * n; i < (e + 1) * n; ++i) std::copy_n(mean, c, out.row(i) + c);
            }
            clear_padding(out);
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            T* mean = call.scratch().data();
            kernels::copy_columns(dx.rows, c, dy.data, dy.stride, dx.data, dx.stride, call.accumulate(0));
            for (Index e = 0; e < call.examples(); ++e) {
              std::fill(mean, mean + c, T(0));
              for (Index i = e * n; i < (e + 1) * n; ++i)
                for (Index k = 0; k < c; ++k) mean[k] += dy(i, c + k);
              for (Index i = e * n; i < (e + 1) * n; ++i)
                for (Index k = 0; k < c; ++k) dx(i, k) += unit * mean[k];
            }
            clear_padding(dx);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .scratch = padded<T>(c),
  });
}

#define EQNN_INSTANTIATE(T) template Tensor<T> with_mean(Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
