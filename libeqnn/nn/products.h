// Products of two values: matrices of each example, and runs of channels.
#pragma once

#include "../core/program.h"

namespace eqnn {

// A matrix product in each example: x [b, n, k], y [b, k, m] -> [b, n, m]; transposed x y^T, y [b, m, k] -> [b, n,
// m]. Gradients to both. Throws ShapeError for sizes that do not fit, and for values of other rows than examples.
template <class T>
Tensor<T> product(Tensor<T> x, Tensor<T> y);
template <class T>
Tensor<T> product_transposed(Tensor<T> x, Tensor<T> y);

// Inner products of runs of channels, row by row: the c channels are h runs of c / h, and y_k = sum_{j in run k}
// x_j z_j: x [b, n, c], z [b, n, c] -> [b, n, h]; or z a parameter [c, 1], the same in every row. Any extent;
// gradients to both. Throws ShapeError for a z of another shape, or c not a multiple of h.
template <class T>
Tensor<T> dot_channels(Tensor<T> x, Tensor<T> z, Index h = 1);

// Runs of channels times one number each, row by row: y_j = w_k x_j for j in run k: x [b, n, c], w [b, n, h] ->
// [b, n, c], runs of c / h channels. Any extent; gradients to both. Throws ShapeError for other rows, or c not a
// multiple of h.
template <class T>
Tensor<T> mul_channels(Tensor<T> x, Tensor<T> w);

}  // namespace eqnn
