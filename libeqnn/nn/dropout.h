// Dropout.
#pragma once

#include "../core/program.h"

namespace eqnn {

// Training: each element is 0 with probability `rate`, else x / (1 - rate); evaluation: x. The mask is a function
// of (seed, operation, step, first example of the shard, row, channel). Throws ValueError unless 0 <= rate < 1.
template <class T>
Tensor<T> dropout(Tensor<T> x, double rate);

}  // namespace eqnn
