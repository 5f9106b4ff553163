// Attention between the points of an example.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "dense.h"
#include "points.h"
#include "products.h"
#include "softmax.h"

namespace eqnn {

// Self-attention over points (Vaswani et al. 2017): with q = query(x), k = key(x), v = value(x), each cut into h
// heads of d = c / h channels,
//   y_i = output([ sum_j a_ij v_j of every head ]),  a_i = softmax over j of q_i . k_j / sqrt(d):
// [b, n, c] -> [b, n, c], equivariant under permutations of the points. With an adjacency [b, n, n] point i looks
// at the points j with A_ij != 0 alone, at none where there is none; no gradient flows to it. Memory and time grow
// as n^2. Parameters: NAME.query, NAME.key, NAME.value, NAME.output, each a Linear c-c; torch.nn.MultiheadAttention
// has the first three in one. Throws ValueError unless channels is a multiple of heads.
template <class T>
class Attention {
 public:
  Attention(Params<T>& p, const std::string& name, Index channels, Index heads = 1)
      : query(p, name + ".query", channels, channels),
        key(p, name + ".key", channels, channels),
        value(p, name + ".value", channels, channels),
        output(p, name + ".output", channels, channels),
        heads_(heads),
        width_(channels / (heads < 1 ? 1 : heads)) {
    require(heads >= 1 && channels % heads == 0, "Attention '", name, "': ", channels, " channels and ", heads,
            " heads; the channels must be a multiple of the heads");
  }
  Tensor<T> operator()(Tensor<T> x) const { return (*this)(x, Tensor<T>{}); }
  Tensor<T> operator()(Tensor<T> x, Tensor<T> adjacency) const {
    const Tensor<T> q = scale(query(x), 1 / std::sqrt(static_cast<double>(width_))), k = key(x), v = value(x);
    std::vector<Tensor<T>> joined;
    for (Index h = 0; h < heads_; ++h) {
      const auto head = [&](Tensor<T> of) { return slice_channels(of, h * width_, width_); };
      const Tensor<T> scores = product_transposed(head(q), head(k));
      joined.push_back(product(adjacency ? softmax(scores, adjacency) : softmax(scores), head(v)));
    }
    return output(join_channels(joined));
  }

  Linear<T> query, key, value, output;

 private:
  Index heads_, width_;
};

}  // namespace eqnn
