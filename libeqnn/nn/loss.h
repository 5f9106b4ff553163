// Losses: one number for each example, [b, 1, 1].
#pragma once

#include <vector>

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

// loss = log sum_k exp(f_k) - f_label: [b, 1, k] and labels [b, 1, 1] in 0..k-1 -> [b, 1, 1]. Throws
// ValueError for an index input whose limit is above k; a replay throws it for a label at the limit or above.
template <class T>
Tensor<T> cross_entropy(Tensor<T> logits, IndexInput labels);

// loss_i = mean over points and channels of -y log s(f) - (1 - y) log(1 - s(f)), s the sigmoid of the logits f and
// y the targets, in [0, 1]: [b, n, c] -> [b, 1, 1], exact for large f too. No gradient flows to y.
// torch.nn.BCEWithLogitsLoss.
template <class T>
Tensor<T> binary_cross_entropy(Tensor<T> logits, Tensor<T> y);

// What a row of logits with label l counts: classes[l] (1 where `classes` is empty) times its entry of `mask` [..,
// n, 1] (1 without a mask), through which no gradient flows. A row of weight 0 may have any label.
template <class T>
struct LabelWeights {
  std::vector<double> classes = {};
  Tensor<T> mask = {};
};

// The cross entropy of every row times its weight, w (log sum_k exp(f_k) - f_label): logits [b, n, k], or one row
// for each node or edge, and labels with one entry a row -> [b, n, 1]. Throws ShapeError for labels or a mask of
// other rows, ValueError for labels with a limit above k, and for class weights that are not k finite numbers from
// 0 on.
template <class T>
Tensor<T> label_losses(Tensor<T> logits, IndexInput labels, const LabelWeights<T>& weights = {});
// The weights themselves, [b, n, 1], by which a mean of label_losses is divided. Throws likewise.
template <class T>
Tensor<T> label_weights(Tensor<T> logits, IndexInput labels, const LabelWeights<T>& weights = {});

// loss_i = sum of label_losses / sum of label_weights over the points of an example, 0 where no weight is left:
// [b, n, k] -> [b, 1, 1]; with a graph over the nodes of each graph of a batch, [nodes, 1, k] -> [b, 1, 1].
// torch.nn.CrossEntropyLoss(weight), example by example. Throws as label_losses does.
template <class T>
Tensor<T> cross_entropy(Tensor<T> logits, IndexInput labels, const LabelWeights<T>& weights);
template <class T>
Tensor<T> cross_entropy(Tensor<T> logits, IndexInput labels, GraphInput graph, const LabelWeights<T>& weights = {});

}  // namespace eqnn
