// Message passing on graphs that are given as adjacency matrices, [b, n, n].
#pragma once

#include <cstdint>
#include <string>

#include "dense.h"

namespace eqnn {

// A' of a 0/1 adjacency matrix A [b, n, n]; the diagonal counts as given for raw, mean and sqrt.
//   raw      A' = A
//   mean     A'_ij = A_ij / max(1, sum_j A_ij)
//   sqrt     A' = A / sqrt(n)
//   centred  A'_ij = (A_ij - 1/2) 2 / sqrt(n) for i != j, 0 on the diagonal
enum class Adjacency : std::uint8_t { raw, mean, sqrt, centred };
// No gradient flows to A.
template <class T>
Tensor<T> normalize_adjacency(Tensor<T> adjacency, Adjacency form);

// y_i = sum_j A_ij x_j: adjacency [b, n, n], x [b, n, c] -> [b, n, c]. No gradient flows to A.
template <class T>
Tensor<T> neighbor_sum(Tensor<T> x, Tensor<T> adjacency);
// [x | A x]: [b, n, c] -> [b, n, 2c]; the input of a message-passing layer, whose two products are one.
template <class T>
Tensor<T> with_neighbors(Tensor<T> x, Tensor<T> adjacency);

// Message passing on dense graphs, x' = x W_self + A' x W_nbr + b: [b, n, in], [b, n, n] -> [b, n, out].
// Equivariant under permutations of the nodes. One weight [W_self ; W_nbr]: in a file NAME.weight is
// [out, 2 in], what torch.nn.Linear(2 in, out) takes for cat([x, A' x], -1).
template <class T>
class MessagePassing {
 public:
  MessagePassing(Params<T>& p, const std::string& name, Index in, Index out) : linear_(p, name, 2 * in, out) {}
  Tensor<T> operator()(Tensor<T> x, Tensor<T> adjacency) const { return linear_(with_neighbors(x, adjacency)); }

  Param weight() const { return linear_.weight; }
  Param bias() const { return linear_.bias; }

 private:
  Linear<T> linear_;
};

}  // namespace eqnn
