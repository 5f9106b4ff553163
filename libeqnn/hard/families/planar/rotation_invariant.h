// A hidden plane in the Gram matrix of a point cloud: a hard family for a continuous group, O(d).
//
// X in R^{n x d} has iid standard normal entries, n labelled points; O(d) acts as X -> X Q^T. B in R^{n x 2} is
// orthonormal, Y = B^T X has rows y1, y2, s = (|y1|^2 - |y2|^2, 2 y1 . y2), and with h of planar.h
//   f_B(X) = h(s(B^T X)) / sqrt(norm_sq),  norm_sq = 4 d E h^2 for every B.
// f_B has weights +-2k, +-6k, ... under rotations of the plane: no polynomial of degree below 2k correlates with
// it, and |E f_B f_B'| <= ||B^T B'||^{2k}.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "../../../nn/dense.h"
#include "../../../nn/points.h"
#include "planar.h"

namespace eqnn::hard {

// The largest n and d.
inline constexpr Index kMaxPoints = 1024;
inline constexpr Index kMaxDimension = 256;

// The function f_B. Immutable; any number of threads may use it at the same time.
class RotationInvariant final : public PlanarMember {
 public:
  // Throws ValueError for k or B that planar.h refuses, n (the rows of B) outside 2..kMaxPoints, and d outside
  // 1..kMaxDimension.
  // Points are of this law, coordinate by coordinate, which leaves it invariant under O(d); moments are, where it
  // is not isotropic, integrals over two angles (midpoints, 400 x 400), off by about 1e-5 of them.
  RotationInvariant(Index k, Matrix<double> b, Index d, InputLaw law = {});
  // B by haar_plane.
  static RotationInvariant draw(Index n, Index d, Index k, std::uint64_t seed, const InputLawSettings& law = {});
  static std::unique_ptr<RotationInvariant> of_file(PlanarFile file) {
    return std::make_unique<RotationInvariant>(file.k, std::move(file.b), file.d, std::move(file.law));
  }

  // The upper triangle of X X^T, row by row, standardised for independent inputs: [1, n (n + 1) / 2] numbers (x_i .
  // x_j - d [i = j]) / sqrt(d (1 + [i = j])).
  const InputLayout* features() const override { return &features_; }
  void features(Block<const float> x, Block<float> z) const override;
  void features(Block<const double> x, Block<double> z) const override;

  // Of the features: s_1 and s_2, which are linear in X X^T. Of the input: B^T X, 2 d of its n d entries.
  PlantedDirections planted(bool of_features) const override;
  // O(d): quarter turns of all pairs of axes, a mirror, and `random` others of Haar's measure, by turns in SO(d)
  // and in O(d).
  std::optional<InputAction> action() const override;
  std::vector<GroupElement> symmetries(Index random, std::uint64_t seed) const override;
  // The columns of X. f is of degree 2 in them: E[(f^2 - 1) |B^T X|^2] = 2 times 2, shared by two directions.
  PlaneForm form() const override { return {k(), d(), true, 1 / std::sqrt(norm_sq())}; }
  void rows(const Block<const double>& x, const Block<double>& z) const override;
  Matrix<double> squared_moment() const override { return plane_moment(2); }
  std::unique_ptr<PlanarMember> with_plane(Matrix<double> b) const override;
  Index work() const override { return 2 * n() * d() + 4 * k(); }

  std::vector<Fact> facts() const override;
  std::vector<std::string> warnings() const override;
  std::vector<Check> check(const CheckOptions& options) const override;

 private:
  double raw(MatrixView<const double> x, Signs signs) const override;
  void raw(const FoldedResponse<float>& h, const Block<const float>& x, float* y) const override;
  void raw(const FoldedResponse<double>& h, const Block<const double>& x, double* y) const override;
  template <class T>
  void all_raw(const FoldedResponse<T>& h, const Matrix<T>& b, const Block<const T>& x, T* y) const;
  template <class T>
  void all_features(const Block<const T>& x, const Block<T>& z) const;

  Matrix<float> b_single_;
  InputLayout features_;
};

// E h(s) and E h(s)^2 of s = (|y1|^2 - |y2|^2, 2 y1 . y2), the d columns of (y1, y2) iid of this covariance. With
// R^2 = |g|^2 of the standard normals behind them s / R^2 depends on direction alone: the split of R^2 (Beta) and
// the angle of the two vectors, `steps` midpoints each.
struct SquaresMoments {
  double mean = 0, square = 0;
};
SquaresMoments squares_moments(Index k, Signs signs, Index d, const PlaneMap& covariance, Index steps = 400);

// ||B^T B'||^{2k} >= |E f_B f_B'|. Throws ValueError unless both have the same n, d and k, and for inputs that
// are not isotropic.
double correlation_bound(const RotationInvariant& f, const RotationInvariant& g);

// Draws `members` members from the seeds options.seed, options.seed + 1, ... and compares their whole Gram matrix
// on options.samples inputs with the bound, and the mean square of its entries with 1 / dim H_2k. Throws ValueError
// for members < 1 or samples < 1.
std::vector<Check> check_rotation_invariants(Index n, Index d, Index k, Index members, const CheckOptions& options);

// The registry's entry (family.h).
Family rotation_invariant_family();

// f_B, or its control, as a network: B^T X (linear over the points), the invariants |y1|^2, |y2|^2, |y1 + y2|^2 of
// O(d), 2k ReLU units, a signed sum. It takes X^T, so that its points are the coordinates.
// Parameters: NAME.plane.weight, NAME.units.{weight,bias}, NAME.out.{weight,bias}.
template <class T>
struct RotationInvariantNetwork {
  RotationInvariantNetwork(Params<T>& p, const RotationInvariant& f, const std::string& name = "realising")
      : plane(p, name + ".plane", f.n(), 3, false),
        units(p, name + ".units", 3, 2 * f.k()),
        out(p, name + ".out", 2 * f.k(), 1) {}

  // X^T [b, d, n] -> [b, 1, 1].
  Tensor<T> operator()(Tensor<T> x) const { return out(relu(units(sum_points(square(plane(x)))))); }
  // Writes all of the network's weights.
  void set_weights(Params<T>& p, const RotationInvariant& f, Signs signs) const {
    const MatrixView<T> b = p.view(plane.weight), w = p.view(units.weight), bias = p.view(units.bias);
    for (Index i = 0; i < f.n(); ++i) {
      b(i, 0) = static_cast<T>(f.plane()(i, 0));
      b(i, 1) = static_cast<T>(f.plane()(i, 1));
      b(i, 2) = static_cast<T>(f.plane()(i, 0) + f.plane()(i, 1));
    }
    // w_j . s with s = (q_1 - q_2, q_3 - q_1 - q_2).
    for (Index j = 0; j < 2 * f.k(); ++j) {
      const auto& direction = f.directions()[static_cast<std::size_t>(j)];
      w(0, j) = static_cast<T>(direction[0] - direction[1]);
      w(1, j) = static_cast<T>(-direction[0] - direction[1]);
      w(2, j) = static_cast<T>(direction[1]);
      bias(0, j) = T(0);
    }
    set_read_out(p.view(out.weight), p.view(out.bias), f, signs, 1.0);
  }

  Linear<T> plane, units, out;
};

}  // namespace eqnn::hard
