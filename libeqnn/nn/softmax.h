// Softmax over channels.
#pragma once

#include "../core/program.h"

namespace eqnn {

// y_j = e^{x_j} / sum_k e^{x_k} over the channels of each row: any shape with rows, [b, n, c] -> [b, n, c]. Terms
// are taken against the largest of the row, so that large elements do no harm.
template <class T>
Tensor<T> softmax(Tensor<T> x);
// The same over the channels j with mask_j != 0 alone; y_j = 0 for the others, and everywhere where none is left:
// mask [b, n, c], through which no gradient flows (an adjacency, for attention). Throws ShapeError for shapes that
// differ.
template <class T>
Tensor<T> softmax(Tensor<T> x, Tensor<T> mask);

// y_j = x_j - log sum_k e^{x_k}: [b, n, c] -> [b, n, c]; the logarithm of softmax, exact also where that is 0.
template <class T>
Tensor<T> log_softmax(Tensor<T> x);

}  // namespace eqnn
