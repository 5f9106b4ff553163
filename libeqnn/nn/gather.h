// Rows that integers choose: points by number, and rows of a table of parameters.
#pragma once

#include <string>

#include "../core/params.h"
#include "../core/program.h"

namespace eqnn {

// y_i = x_{index_i}, among the points of the same example: x [b, n, c], index [b, m, 1] -> [b, m, c]. The gradients
// of points that are chosen more than once add up, in the order of i. Throws ShapeError for an index of another
// shape, ValueError for one whose limit is above n.
template <class T>
Tensor<T> gather_points(Tensor<T> x, IndexInput index);

// y_i = row index_i of the parameter `table`: index [b, n, 1], or one for each node or edge, and table [rows, c] ->
// [b, n, c]. Throws ShapeError for an index of more than one channel or a table that is no parameter, ValueError
// for an index whose limit is above the rows.
template <class T>
Tensor<T> embedding(IndexInput index, Tensor<T> table);

// An embedding with its table NAME.weight, `count` x `channels`; in files [channels, count], the transpose of what
// torch.nn.Embedding has.
template <class T>
class Embedding {
 public:
  Embedding(Params<T>& p, const std::string& name, Index count, Index channels)
      : weight(p.weight(name + ".weight", count, channels)) {}
  Tensor<T> operator()(Program<T>& g, IndexInput index) const { return embedding(index, g.param(weight)); }

  Param weight;
};

}  // namespace eqnn
