// Points into one value; points and channels side by side, cut out, exchanged.
#pragma once

#include <vector>

#include "../core/program.h"

namespace eqnn {

// Pooling over points: [b, n, c] -> [b, 1, c]. Where nothing else reads a relu, the pool of it is one operation and
// the relu is not written (Operation::of_relu): the same bits, in one pass each way.
template <class T>
Tensor<T> sum_points(Tensor<T> x);
template <class T>
Tensor<T> mean_points(Tensor<T> x);

// The largest over points, channel by channel: [b, n, c] -> [b, 1, c]. The gradient goes to the first of equals; a
// NaN counts as the largest.
template <class T>
Tensor<T> max_points(Tensor<T> x);

// [b, n, c] -> [b, 1, n c], point after point.
template <class T>
Tensor<T> flatten(Tensor<T> x);

// [x | y]: [b, n, c], [b, n, k] -> [b, n, c + k].
template <class T>
Tensor<T> join_channels(Tensor<T> x, Tensor<T> y);
// [x_1 | x_2 | ..]: one value or more with the same points, in order. Throws ShapeError for none, or other points.
template <class T>
Tensor<T> join_channels(const std::vector<Tensor<T>>& list);

// The points of x, and after them those of y: [b, n, c], [b, m, c] -> [b, n + m, c]. Throws ShapeError for channels
// that differ, and (n-ary) for no value.
template <class T>
Tensor<T> join_points(Tensor<T> x, Tensor<T> y);
template <class T>
Tensor<T> join_points(const std::vector<Tensor<T>>& list);

// Channels, or points, first .. first + count - 1: [b, n, c] -> [b, n, count], or [b, count, c]. Throws ShapeError
// unless there are these, and at least one.
template <class T>
Tensor<T> slice_channels(Tensor<T> x, Index first, Index count);
template <class T>
Tensor<T> slice_points(Tensor<T> x, Index first, Index count);

// Points for channels, y_ij = x_ji: [b, n, c] -> [b, c, n].
template <class T>
Tensor<T> transpose(Tensor<T> x);

}  // namespace eqnn
