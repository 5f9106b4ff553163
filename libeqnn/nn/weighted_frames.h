// Weighted frames of point clouds: averages over rotations that are continuous everywhere (Dym, Lawrence and Siegel
// 2024, "Equivariant frames and the impossibility of continuous canonicalization").
//
// A frame of principal axes jumps where eigenvalues meet, whatever chooses among its elements. A weighted frame has
// an element for each way to build axes from the points themselves, and the weight of an element goes to 0 where
// its axes would jump. For the axes of element (i, j) in three dimensions, and of element (i) in two:
//   u_1 = x_i / |x_i|, u_2 = v_ij / |v_ij|, v_ij = x_j - (u_1 . x_j) u_1, and u_3 = u_1 x u_2; determinant 1
//   weight |x_i|^2 / sum_k |x_k|^2   times, in three dimensions,   |v_ij|^2 / sum_k |v_ik|^2
// Where a sum is 0 its weights are equal: the elements then give one cloud, up to the turn of the axes that it has
// no part in. With reflections there is a second element for each, whose last axis is reversed; with translations
// x_i is taken from the mean of the points. Axes and weights are computed in double.
#pragma once

#include "point_frames.h"

namespace eqnn {

// n or n (n - 1) elements in two or three dimensions, twice as many with reflections.
constexpr Index weighted_elements(PointGroup group, Index n, Index d) {
  return (d == 2 ? n : n * (n - 1)) * (has_reflections(group) ? 2 : 1);
}

// Of every example: the cloud as each element sees it, [b, elements, n d], point after point, and the weights of
// the elements, [b, elements, 1], which sum to 1. Pairs are in the order (0, 1), (0, 2), .., (1, 0), ...; the
// reflection of an element follows it.
template <class T>
struct WeightedFrame {
  Tensor<T> forms, weights;
};
// x [b, n, d], d = 2 or 3, n >= 2. Throws ShapeError, while recording, for other shapes, and for an x that depends
// on parameters: no gradient flows to x.
template <class T>
WeightedFrame<T> weighted_frame(Tensor<T> x, PointGroup group);

// sum_e w_e y_e: y [b, m, c], w [b, m, 1] -> [b, 1, c]. Gradient: to y and w. Throws ShapeError for other shapes.
//   f = weighted_sum(phi(frame.forms), frame.weights)
// is invariant under the group, and continuous in x wherever phi is, every cloud included.
template <class T>
Tensor<T> weighted_sum(Tensor<T> y, Tensor<T> w);

}  // namespace eqnn
