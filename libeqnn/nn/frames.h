// Frames (Puny et al. 2022). A frame sends an input x to a few elements F(x) of a group, with F(g x) = g F(x);
// averaging any model phi over them makes it symmetric, exactly and at the price of |F(x)| calls:
//   invariant    f(x) = (1/|F(x)|) sum_{g in F(x)} phi(g^-1 x)
//   equivariant  f(x) = (1/|F(x)|) sum_{g in F(x)} g phi(g^-1 x)
// Each frame here is there twice: on raw arrays, for data callbacks, and as operations of a network, which
// compute the frame of every example anew while replaying and keep what their backward pass needs.
// Here are the frames of permutations and of signs, which make every input symmetric, ties or not; the rules
// are in docs/frames.md. Those of rotations, reflections and translations are in point_frames.h.
//
// Threads: everything here is a pure function of its arguments. Nothing allocates outside of recording.
#pragma once

#include <cstdint>
#include <span>

#include "../core/program.h"

namespace eqnn {

// Which order of the rows of x [n, c] is the canonical one. |x| is taken element by element, rows compare
// lexicographically, and a NaN counts as less than every number.
//   sort               S_n: rows descending
//   sort_absolute      S_n: rows of |x| descending, ties by rows of x descending; signs are carried
//   rotate_to_maximum  C_n: the rotation r whose |r| is lexicographically largest, ties by r; so the
//                      largest |x| comes first. O(n c) time
// For c = 1 the last two are the frames `sort` and `cyclic` of frame-averaged parity. What remains tied
// are equal rows, or rotations that leave x as it is: the canonical form is the same for every input of
// an orbit, ties or not.
enum class PermutationFrame : std::uint8_t { sort, sort_absolute, rotate_to_maximum };

// order[i] = number of the row of x that stands at place i of its canonical form. A vector of n numbers is
// MatrixView<const T>{data, n, 1, 1}. REQUIRES: order.size() == x.rows < 2^31.
template <class T>
void canonical_order(PermutationFrame frame, MatrixView<const T> x, std::span<std::int32_t> order);
// y_i = x_order[i], after canonical_order(frame, x, order). REQUIRES: y has the size of x and does not overlap it.
template <class T>
void canonical_form(PermutationFrame frame, MatrixView<const T> x, std::span<std::int32_t> order, MatrixView<T> y);

// The canonical form of every example: [b, n, c] -> [b, n, c]. Gradient: through the rows that are moved,
// the order being constant; exact wherever a small change of x leaves the order as it is.
template <class T>
Tensor<T> canonical_form(Tensor<T> x, PermutationFrame frame);
// Undoes the order: row i of y [b, n, k] goes to where row i of the canonical form of x [b, n, c] came from.
// Rows that a stabiliser of x permutes (equal rows; positions a period of x apart) each get the mean of
// theirs, which is the average over all orders that lead to the canonical form: equivariant for every x.
// Gradient: to y, exact; none to x, on which the result depends by the order alone.
template <class T>
Tensor<T> restore_order(Tensor<T> y, Tensor<T> x, PermutationFrame frame);

// The group {-1, 1}^c flips channels of [n, c], each by itself. The canonical form of a channel has its entry
// of largest |x| positive, the first of them when several tie. For a group that flips every coordinate give
// flatten(x), whose channels the coordinates are.
struct SignFrame {};

// 1 or -1: what makes channel j of x canonical; 0 for a channel of zeros, which both signs leave as it is.
template <class T>
T channel_sign(MatrixView<const T> x, Index j);

// Every channel times its sign: [b, n, c] -> [b, n, c]. Gradient: through x, the signs being constant.
template <class T>
Tensor<T> canonical_signs(Tensor<T> x);
// Channel j of y [b, m, c] times the sign of channel j of x [b, n, c]; 0 where that is 0, the average over
// both signs. Gradient: to y, exact; none to x.
template <class T>
Tensor<T> restore_signs(Tensor<T> y, Tensor<T> x);

// Averages of any model: `inner` is a callable from Tensor to Tensor, of any output shape.

// f(g x) = f(x) for every permutation (rotate_to_maximum: rotation) g of the points, exactly, for every x.
template <class T, class Inner>
Tensor<T> invariant_average(Tensor<T> x, PermutationFrame frame, const Inner& inner) {
  return inner(canonical_form(x, frame));
}
// f(g x) = g f(x), exactly, for every x. `inner` must keep the n points.
template <class T, class Inner>
Tensor<T> equivariant_average(Tensor<T> x, PermutationFrame frame, const Inner& inner) {
  return restore_order(inner(canonical_form(x, frame)), x, frame);
}

// f(x s) = f(x) for every choice s of signs of the channels, exactly, for every x.
template <class T, class Inner>
Tensor<T> invariant_average(Tensor<T> x, SignFrame, const Inner& inner) {
  return inner(canonical_signs(x));
}
// f(x s) = f(x) s, exactly, for every x. `inner` must keep the number of channels.
template <class T, class Inner>
Tensor<T> equivariant_average(Tensor<T> x, SignFrame, const Inner& inner) {
  return restore_signs(inner(canonical_signs(x)), x);
}

}  // namespace eqnn
