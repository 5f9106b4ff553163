// A loss that sees every entry of a value, for tests of gradients.
#pragma once

#include <eqnn/core/program.h>

namespace eqnn::testing {

// The sum of weight(i, j) x_ij over all rows of x, of whatever extent, as the loss of the first example; the
// others' are zero.
template <class Weight>
Tensor<double> weigh(Tensor<double> x, Weight weight) {
  return x.program().record({
      .name = "weigh",
      .inputs = {x},
      .shape = {},
      .forward =
          [=](const Call<double>& call) {
            for (Index e = 0; e < call.examples(); ++e) call.out()(e, 0) = 0;
            for (Index i = 0; i < call.in(0).rows; ++i)
              for (Index j = 0; j < call.in(0).cols; ++j) call.out()(0, 0) += weight(i, j) * call.in(0)(i, j);
          },
      .backward =
          [=](const Call<double>& call) {
            const MatrixView<double> dx = call.in_gradient(0);
            for (Index i = 0; i < dx.rows; ++i)
              for (Index j = 0; j < dx.cols; ++j) dx(i, j) += weight(i, j) * call.out_gradient()(0, 0);
          },
  });
}

}  // namespace eqnn::testing
