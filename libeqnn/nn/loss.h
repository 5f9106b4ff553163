// Losses: one number for each example, [b, 1, 1].
#pragma once

#include "../core/program.h"

namespace eqnn {

// loss_i = mean over points and channels of (f - y)^2: [b, n, c] -> [b, 1, 1]. No gradient flows to y.
template <class T>
Tensor<T> squared_error(Tensor<T> f, Tensor<T> y);

// loss_i = mean over points and channels of |f - y|: [b, n, c] -> [b, 1, 1]. Its gradient is that of the sign of
// f - y, 0 where they are equal. No gradient flows to y.
template <class T>
Tensor<T> absolute_error(Tensor<T> f, Tensor<T> y);

// loss_i = mean over points and channels of h(f - y), h(d) = d^2 / 2 where |d| <= delta, else
// delta (|d| - delta / 2): [b, n, c] -> [b, 1, 1]. No gradient flows to y. Huber 1964; torch.nn.HuberLoss.
// Throws ValueError unless delta is finite and above 0.
template <class T>
Tensor<T> huber_error(Tensor<T> f, Tensor<T> y, double delta = 1);

// loss = log sum_k exp(f_k) - f_label: [b, 1, k] and labels [b, 1, 1] in 0..k-1 -> [b, 1, 1]. A replay throws
// ValueError for a label of k or more.
template <class T>
Tensor<T> cross_entropy(Tensor<T> logits, IndexInput labels);

}  // namespace eqnn
