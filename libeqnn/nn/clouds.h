// E(n)-equivariant message passing on point clouds, with the operations on pairs of points that it is made of.
//
// Pairs are points: a value on pairs of n points is [b, n n, c], pair (i, j) at row i n + j of its example.
#pragma once

#include <string>

#include "dense.h"
#include "points.h"

namespace eqnn {

// Row (i, j) is [h_i | h_j | |x_i - x_j|^2]: h [b, n, c], x [b, n, d] -> [b, n n, 2c + 1].
template <class T>
Tensor<T> pair_features(Tensor<T> h, Tensor<T> x);
// y_i = sum_{j != i} m_ij: [b, n n, c] -> [b, n, c].
template <class T>
Tensor<T> sum_pairs(Tensor<T> m);
// x_i' = x_i + (1 / max(1, n - 1)) sum_j (x_i - x_j) w_ij: x [b, n, d], w [b, n n, 1] -> [b, n, d].
template <class T>
Tensor<T> move_points(Tensor<T> x, Tensor<T> w);

// What tells labelled points apart, and where they are seen from the origin: row i is [e_i | |x_i|^2 / d], e_i the
// i-th unit vector of R^n: [b, n, d] -> [b, n, n + 1]. Gradient: to x.
template <class T>
Tensor<T> label_points(Tensor<T> x);

// Features h [b, n, c] and positions x [b, n, d] of n points.
template <class T>
struct Cloud {
  Tensor<T> h, x;
};

// E(n)-equivariant message passing between all pairs (Satorras, Hoogeboom and Welling 2021), d = 2 or 3:
//   m_ij = phi_e(h_i, h_j, |x_i - x_j|^2)
//   x_i' = x_i + (1 / (n - 1)) sum_{j != i} (x_i - x_j) phi_x(m_ij)
//   h_i' = phi_h(h_i, sum_{j != i} m_ij)
// h' is invariant under rotations, reflections and translations of x, and x' moves with x; both are
// equivariant under permutations of the points. Memory and time grow as n^2.
// phi_e is an Mlp (2 in + 1)-width-width with the activation after its last layer too, phi_x width-width-1 and
// phi_h (in + width)-width-out. Parameters: NAME.phi_e, NAME.phi_x, NAME.phi_h. Smooth activations make x'
// smooth. A layer whose x' is not used leaves phi_x without a gradient.
// Throws ShapeError, while recording, unless x is [b, n, 2] or [b, n, 3] for h [b, n, in].
template <class T>
class Egnn {
 public:
  Egnn(Params<T>& p, const std::string& name, Index in, Index width, Index out, Activation f = Activation::gelu)
      : phi_e(p, name + ".phi_e", {2 * in + 1, width, width}, f),
        phi_x(p, name + ".phi_x", {width, width, 1}, f),
        phi_h(p, name + ".phi_h", {in + width, width, out}, f) {}
  Cloud<T> operator()(Tensor<T> h, Tensor<T> x) const {
    const Tensor<T> m = activate(phi_e(pair_features(h, x)), phi_e.activation);
    return {phi_h(join_channels(h, sum_pairs(m))), move_points(x, phi_x(m))};
  }
  Cloud<T> operator()(const Cloud<T>& c) const { return (*this)(c.h, c.x); }

  Mlp<T> phi_e, phi_x, phi_h;
};

}  // namespace eqnn
