// Points into one value, and channels side by side.
#pragma once

#include "../core/program.h"

namespace eqnn {

// Pooling over points: [b, n, c] -> [b, 1, c]. Where nothing else reads a relu, the pool of it is one operation and
// the relu is not written (Operation::of_relu): the same bits, in one pass each way.
template <class T>
Tensor<T> sum_points(Tensor<T> x);
template <class T>
Tensor<T> mean_points(Tensor<T> x);

// [b, n, c] -> [b, 1, n c], point after point.
template <class T>
Tensor<T> flatten(Tensor<T> x);

// [x | y]: [b, n, c], [b, n, k] -> [b, n, c + k].
template <class T>
Tensor<T> join_channels(Tensor<T> x, Tensor<T> y);

}  // namespace eqnn
