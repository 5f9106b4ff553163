// Frames of point clouds under rotations, reflections and translations: principal axes, on raw arrays and
// inside a network. frames.h says what a frame is; docs/frames.md where this one is undefined.
//
// Threads: everything here is a pure function of its arguments. Nothing allocates outside of recording.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "../core/program.h"

namespace eqnn {

// What acts on a cloud of n >= d points in d = 2 or 3 dimensions, x [n, d]: rotations SO(d); rotations and
// reflections O(d); and both with translations, SE(d), E(d).
enum class PointGroup : std::uint8_t { so, o, se, e };
constexpr bool has_translations(PointGroup g) { return g == PointGroup::se || g == PointGroup::e; }
constexpr bool has_reflections(PointGroup g) { return g == PointGroup::o || g == PointGroup::e; }

// The smallest relative gap of eigenvalues at which a PCA frame counts as defined.
inline constexpr double kMinEigenvalueGap = 1e-3;

// Principal axes of a point cloud: eigenvectors u_k, with eigenvalues descending, of
// C = (1/n) sum_i (x_i - t)(x_i - t)^T, where t is the mean of the points with translations and 0 without.
// Sums and eigenvectors are computed in double.
//   gap      min_k (l_k - l_{k+1}) / l_0; 0 when the points all coincide (with translations: differ from
//            their mean by less than 64 rounding units of T of their size) or are not finite
//   defined  gap >= min_gap. Otherwise the axes are orthonormal but arbitrary: an average over them is
//            NOT symmetric. No finite frame is continuous where eigenvalues meet
//   axes     axes[3 i + k] is coordinate i of u_k; determinant 1
struct Pca {
  bool defined = false;
  double gap = 0;
  std::array<double, 3> eigenvalues{}, centre{};
  std::array<double, 9> axes{};
};
// Throws ShapeError unless x is [n, d] with d = 2 or 3 and n >= d, ValueError unless 0 < min_gap < 1.
template <class T>
Pca pca(MatrixView<const T> x, PointGroup group, double min_gap = kMinEigenvalueGap);

// Elements of a PCA frame: 2^d with reflections, 2^(d-1) without.
constexpr Index pca_elements(PointGroup group, Index d) { return Index{1} << (has_reflections(group) ? d : d - 1); }
// Element k takes the axes with these signs: axis i is reversed when bit i of k is set; without reflections the
// last axis makes the determinant 1. REQUIRES: 0 <= k < pca_elements(group, d).
std::array<double, 3> pca_signs(PointGroup group, Index d, Index k);
// y_i = (x_i - t) U S_k, the cloud as element k sees it: y [n, d] may be x.
template <class T>
void pca_form(const Pca& frame, PointGroup group, Index k, MatrixView<const T> x, MatrixView<T> y);

// The PCA frames of all examples, recorded. `value` is [b, d + 2, d]: d rows of U, whose columns are the
// axes; a row t; a row (1 if defined else 0, gap, 0). Name it an output and count what is undefined:
//   g.output("frame", frame.value);  ..  undefined_frames(workspace.output("frame"))
template <class T>
struct PcaFrame {
  Tensor<T> value;
  PointGroup group = PointGroup::e;

  Index dimension() const { return value.shape().channels; }
  Index size() const { return pca_elements(group, dimension()); }
};
// x [b, n, d]. Gradient: exact, through t and through the eigenvectors (whose derivative has the factors
// 1 / (l_i - l_k)); where the frame is undefined the axes count as constant, and through t alone.
// Throws ShapeError and ValueError as pca() does, while recording.
template <class T>
PcaFrame<T> pca_frame(Tensor<T> x, PointGroup group, double min_gap = kMinEigenvalueGap);
// One element of the frame of each example instead, its signs in the axes: every axis has the entry of largest |z|
// positive, z = (x - t) U; without reflections the last axis has determinant 1 instead. z = to_axes(x, frame) is
// the canonical form of a cloud, and inner(z) invariant. It is undefined too where that rule is in doubt: where the
// largest entries of both signs along an axis differ by less than min_gap of the larger. Gradient and errors as
// pca_frame.
template <class T>
PcaFrame<T> canonical_frame(Tensor<T> x, PointGroup group, double min_gap = kMinEigenvalueGap);
// Examples whose frame is undefined, in the value of a PcaFrame.
template <class T>
Index undefined_frames(Block<const T> frame);

// z_i = (x_i - t) U: [b, n, d] -> [b, n, d]. Gradient: to x and the frame.
template <class T>
Tensor<T> to_axes(Tensor<T> x, const PcaFrame<T>& frame);
// Element k of the frame: z_i S_k, [b, n, d] -> [b, n, d].
template <class T>
Tensor<T> frame_element(Tensor<T> z, const PcaFrame<T>& frame, Index k);
// All elements as points, [b, n, d] -> [b, frame.size(), n d]: row k is flatten(frame_element(z, frame, k)).
// A model phi of vectors runs once on all: f = mean_points(phi(frame_points(to_axes(x, frame), frame))).
template <class T>
Tensor<T> frame_points(Tensor<T> z, const PcaFrame<T>& frame);
// (1/m) sum_k y_k of m values of one shape.
template <class T>
Tensor<T> average(const std::vector<Tensor<T>>& values);
// (1/m) sum_k y_k S_k of the results y_k [b, p, d] for the m elements of the frame.
template <class T>
Tensor<T> average_elements(const std::vector<Tensor<T>>& values, const PcaFrame<T>& frame);

// What the rows of an equivariant result are: a vector turns with the cloud, a position is also moved.
enum class Equivariant : std::uint8_t { vectors, positions };
// v_i = w_i U^T, and + t for positions: [b, p, d] -> [b, p, d]. Gradient: to w and the frame.
template <class T>
Tensor<T> from_axes(Tensor<T> w, const PcaFrame<T>& frame, Equivariant kind);

// Averages of any model: `inner` is a callable from Tensor to Tensor.

// f(g x) = f(x) for g in the group of the frame, wherever the frame is defined. Records `inner` once an
// element; what else it reads (features of the points) it captures.
template <class T, class Inner>
Tensor<T> invariant_average(Tensor<T> x, const PcaFrame<T>& frame, const Inner& inner) {
  const Tensor<T> z = to_axes(x, frame);
  std::vector<Tensor<T>> values;
  for (Index k = 0; k < frame.size(); ++k) values.push_back(inner(frame_element(z, frame, k)));
  return average(values);
}
// f(g x) = g f(x) wherever the frame is defined; `inner` gives [b, p, d], p vectors or positions.
template <class T, class Inner>
Tensor<T> equivariant_average(Tensor<T> x, const PcaFrame<T>& frame, Equivariant kind, const Inner& inner) {
  const Tensor<T> z = to_axes(x, frame);
  std::vector<Tensor<T>> values;
  for (Index k = 0; k < frame.size(); ++k) values.push_back(inner(frame_element(z, frame, k)));
  return from_axes(average_elements(values, frame), frame, kind);
}

}  // namespace eqnn
