// Operations on steerable features of points in space: values that turn with the points.
//
// A feature of degree l with c channels is [b, n (2l + 1), c]: component m of point i in row i (2l + 1) + l + m of
// its example, every channel a vector of 2l + 1 components that turns by wigner_d(l, R). Degree 0 does not turn,
// and is [b, n, c] as everywhere; what works by rows (linear without a bias, add, scale) works on every degree.
// Values on pairs of points are those of clouds.h: pair (i, j) in row i n + j.
#pragma once

#include "../core/program.h"
#include "irreps.h"
#include "rotations.h"

namespace eqnn {

// Row (i, j) is x_j - x_i, from point i to its neighbour j: [b, n, 3] -> [b, n n, 3]. Gradient: to x.
template <class T>
Tensor<T> pair_vectors(Tensor<T> x);

// The real spherical harmonics of degrees 0 .. L of u = v / sqrt(|v|^2 + s^2), s the softening: channel l^2 + l + m
// is Y_l^m(u) (rotations.h): [b, n, 3] -> [b, n, (L + 1)^2], any extent. With s = 0 these are those of the
// direction of v, and at v = 0 (|v| < 1e-150), where there is none, Y_0 alone is not 0, and the gradient is 0. With
// s > 0 they are smooth at 0 too, and smaller near it by (|v| / sqrt(|v|^2 + s^2))^l. Computed in double. Gradient:
// to v. Throws ShapeError unless v has 3 channels, ValueError unless 0 <= L <= kMaxDegree and s >= 0 is finite.
template <class T>
Tensor<T> spherical_harmonics(Tensor<T> v, Index degree, HarmonicScale scale = HarmonicScale::component,
                              double softening = 0);

// A smooth basis of functions of r = |v| that vanish, with two derivatives, from the cutoff on (Gasteiger, Gross
// and Günnemann 2020): with d = r / cutoff and k = 1 .. count
//   e_k = sqrt(2 / cutoff) sin(k pi d) / r * (1 - 28 d^6 + 48 d^7 - 21 d^8) where d < 1, else 0.
// [b, n, 3] -> [b, n, count], any extent. Smooth at v = 0. Computed in double. Gradient: to v.
// Throws ShapeError unless v has 3 channels, ValueError unless 1 <= count <= 121 and the cutoff is positive and
// finite.
template <class T>
Tensor<T> radial_basis(Tensor<T> v, Index count, double cutoff);

// The product of features and harmonics along one path, channel by channel:
//   z_c = w sum_ab <in a, filter b | out c> x_a y_b
// x [b, n (2 in + 1), c]; y [b, n, h] the harmonics of spherical_harmonics, degree `filter` among them; w [b, n,
// c], or a parameter [1, c], or empty for ones -> [b, n (2 out + 1), c]. Gradients to all. Throws ShapeError for
// shapes that do not fit, ValueError for degrees that clebsch_gordan refuses.
template <class T>
Tensor<T> tensor_product(Tensor<T> x, Tensor<T> y, Tensor<T> w, TensorPath path);

// Messages of tensor field networks (Thomas et al. 2018), summed over the neighbours of each point:
//   z_i = factor sum_{j != i} product of x_j and y_ij, weighted by w_ij
// x [b, n (2 in + 1), c], y [b, n n, h], w [b, n n, c] -> [b, n (2 out + 1), c]. What is on pairs of a point with
// itself is not read. Gradients to all. Time grows as n^2; products of pairs are not stored. Throws as
// tensor_product does.
template <class T>
Tensor<T> tensor_convolution(Tensor<T> x, Tensor<T> y, Tensor<T> w, TensorPath path, double factor = 1);

// Channel c (2l + 1) + m of a point, which is where e3nn has component m of channel c, to its row of a feature of
// degree l, and back: [b, n, c (2l + 1)] -> [b, n (2l + 1), c]; [b, n (2l + 1), c] -> [b, n, c (2l + 1)]. Positions
// and other vectors [b, n, 3] are of degree 1. Throw ShapeError for a size that is no multiple of 2l + 1, and for
// l < 0.
template <class T>
Tensor<T> to_components(Tensor<T> x, Index degree);
template <class T>
Tensor<T> from_components(Tensor<T> x, Index degree);

}  // namespace eqnn
