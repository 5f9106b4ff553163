// Functions of a plane, which three families share: gnn-feature, cnn-cyclic and rotation-invariant.
//
// With w_j = (cos(pi j / k), sin(pi j / k)) and signs a_j = (-1)^j, j = 1..2k,
//   h(z) = sum_j a_j relu(w_j . z),  z in R^2.
// For even k, h is antiperiodic in the angle of z, h(R_{pi/k} z) = -h(z), so no polynomial of degree below k
// correlates with it (Gaussian z); for odd k >= 3 it is zero, for k = 1 it is z_1. The control takes a_j = 1 for
// every j. (Kiani et al., ICLR 2024; the hidden plane is B in R^{m x 2}, B^T B = I.)
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../family.h"
#include "input_law.h"

namespace eqnn::hard {

inline constexpr Index kMaxDirections = 128;  // of k
// The signs of the k terms of h: alternating for the target, all equal for the control.
enum class Signs : std::uint8_t { alternating, equal };

// Throws ValueError unless k is 1 or even, and 1 <= k <= kMaxDirections.
void require_directions(Index k);

// h(z) by its definition, or the control's sum.
double planar_response(Index k, Signs signs, double z1, double z2);
// E relu(a) relu(b) of standard normals of correlation r, (sqrt(1 - r^2) + r (pi - arccos r)) / (2 pi); r is
// clipped to [-1, 1].
double relu_kernel(double r);
// K_M = E h(z) h(z') for standard normal z, z' with E z z'^T = M: sum_ij a_i a_j relu_kernel(w_i^T M w_j).
// Absolute rounding error about 1e-15 k^2.
double planar_kernel(Index k, Signs signs, const PlaneMap& m);
// E h(z) h(z') for z of covariance s and z' of covariance s', E z z'^T = M; and E h(z). REQUIRES: s, s' positive
// definite.
double planar_kernel(Index k, Signs signs, const PlaneMap& m, const PlaneMap& s, const PlaneMap& other);
double planar_mean(Index k, Signs signs, const PlaneMap& s);
// K(rho) = K_M of M = rho I, in 2k terms.
double isotropic_kernel(Index k, Signs signs, double rho);
// E h^2 = sec^2 a - tan(a) / a, a = pi / 2k; 1 for k = 1.
double planar_norm_sq(Index k);
// Dimension of the spherical harmonics of degree k on R^d, C(d+k-1, k) - C(d+k-3, k-2); exact below 2^53.
double harmonic_dimension(Index k, Index d);

// d relu_kernel / dr = (pi - arccos r) / (2 pi), r clipped; and d isotropic_kernel / d rho.
double relu_kernel_slope(double r);
double isotropic_kernel_slope(Index k, Signs signs, double rho);

// How the plane of a member enters: f_B = scale sum_r h(B^T z_r) over `rows` vectors z_r of R^m, m the rows of B,
// or, with `squares`, scale h(sum_r (B^T z_r)^2), the square that of a complex number. The z_r do not depend on B.
struct PlaneForm {
  Index k = 2, rows = 1;
  bool squares = false;
  double scale = 1;
};

// A uniformly random plane in R^m: the Q of a Gaussian m x 2 matrix whose R has a positive diagonal, from the words
// of Counter{seed, Stream::member, attempt, 0}. REQUIRES: m >= 2.
Matrix<double> haar_plane(Index m, std::uint64_t seed, std::uint64_t attempt = 0);
// The rows B^T, and each of them in every one of `copies` interleaved copies: [2 copies, m copies].
PlantedDirections plane_directions(const Matrix<double>& b, Index copies = 1);
// Throws ValueError unless B is m x 2, m >= 2, with |B^T B - I| <= 1e-8 in every entry.
void require_plane(const Matrix<double>& b);
// Of B^T B' (plane_product).
double largest_singular_value(const PlaneMap& m);

// h, or the control's sum, of many z at once. For even k: with a = pi / 2k and z in the first quadrant (both are
// even in z_1 and z_2), the function is linear on sectors of angle 2a,
//   +-(z_1 sin a - z_2 cos a) / cos a   or   (z_1 cos a + z_2 sin a) / sin a   on the first,
// and its slope jumps by +-2 at the lines between: k/2 - 1 ReLUs in place of 2k.
template <class T>
class FoldedResponse {
 public:
  FoldedResponse(Index k, Signs signs);
  // y_i = h(z1_i, z2_i).
  void operator()(Index count, const T* z1, const T* z2, T* y) const;

 private:
  struct Kink {
    T cosine, sine, weight;
  };
  bool linear_ = false;
  T first_ = 0, second_ = 0;
  std::vector<Kink> kinks_;
};

// y_e = sum of values[e size] ... values[e size + size - 1], in eight interleaved partial sums.
template <class T>
void sum_groups(Index groups, Index size, const T* values, T* y);

// A member made from h and a plane. Its target is (raw - target_mean) / sqrt(norm_sq), its control (raw+ -
// control_mean) / sqrt(control_variance), raw+ being raw with a_j = 1. Inputs are standard normal, [n, d], and
// independent unless told (law); target_mean is 0 where they are.
class PlanarMember : public MemberOf<PlanarMember> {
 public:
  Index k() const { return k_; }
  Index n() const { return layout_.points; }
  Index d() const { return layout_.channels; }
  const Matrix<double>& plane() const { return b_; }                                    // B
  const std::vector<std::array<double, 2>>& directions() const { return directions_; }  // w_1, ..., w_2k
  double norm_sq() const { return norm_sq_; }                                           // variance of raw
  double target_mean() const { return target_mean_; }
  const InputLaw& law() const { return law_; }  // of the vectors along the plane's axis
  double control_mean() const { return control_mean_; }
  double control_variance() const { return control_variance_; }

  const InputLayout& input() const override { return layout_; }
  bool two_valued() const override { return false; }
  double target_variance() const override { return 1; }
  // The entries, with the correlation taken out of them, or the coordinates in the subspace.
  IndependentVariables variables() const override;
  void variables(Block<const double> x, MatrixView<double> z) const override;
  // By the definition, in double. Throws ValueError for another shape, and for entries that are not finite.
  double value(MatrixView<const double> x) const override;
  double control_value(MatrixView<const double> x) const;
  virtual PlaneForm form() const = 0;
  // The z_r of every example, [b, rows, m].
  virtual void rows(const Block<const double>& x, const Block<double>& z) const = 0;
  // E[(f_B^2 - 1) sum_r z_r z_r^T], [m, m], exact: what a query about f^2 sees of B. Throws ValueError for k = 1,
  // and for inputs that are not isotropic. With Q = sum_r z_r^T C z_r, e^(tQ) tilts the covariance of normal
  // inputs, so that E[(f^2 - 1) Q] = 2 d/de E f^2 under the covariance I + e C (C as a form of the inputs), and E
  // f^2 of correlated pairs is known.
  virtual Matrix<double> squared_moment() const = 0;
  // The member of the same family with this plane and all else as here. Throws ValueError for what is no plane.
  virtual std::unique_ptr<PlanarMember> with_plane(Matrix<double> b) const = 0;
  // Multiply-adds of one value(), about.
  virtual Index work() const = 0;
  // {"k": 4, "d": 1, "B": [[...], ...]}, and what write_input_law adds. A file that leaves out d has d = 1.
  std::string json() const override;
  std::vector<std::string> warnings() const override;

 protected:
  // Throws ValueError for k or B that are not allowed, a law of other vectors, and points or channels below 1.
  PlanarMember(Index k, Matrix<double>&& b, Index n, Index d, PlaneAxis axis, InputLaw law);
  // Throws ValueError for a target that hardly varies.
  void set_moments(double norm_sq, double control_mean, double control_variance, double target_mean = 0);
  // What is withdrawn, where inputs are not isotropic; else nothing.
  std::vector<std::string> law_warnings() const;
  void require_isotropic(const char* what) const;  // throws ValueError where inputs are not
  // E B^T x (B^T x)^T.
  PlaneMap plane_covariance() const { return law_.product(b_, b_); }
  // planar_response, from a table of the w_j.
  double response(Signs signs, double z1, double z2) const;
  // gap B B^T, [m, m]. Throws ValueError for k = 1, where f^2 does not see the plane alike in its directions.
  Matrix<double> plane_moment(double gap) const;
  // Facts that the three have in common.
  std::vector<Fact> planar_facts() const;

  virtual double raw(MatrixView<const double> x, Signs signs) const = 0;
  virtual void raw(const FoldedResponse<float>& h, const Block<const float>& x, float* y) const = 0;
  virtual void raw(const FoldedResponse<double>& h, const Block<const double>& x, double* y) const = 0;

 private:
  friend class MemberOf<PlanarMember>;
  template <class T>
  void inputs_of(const Counter& at, const Block<T>& x) const;
  template <class T>
  void targets_of(const Block<const T>& x, T* y) const;
  template <class T>
  void controls_of(const Block<const T>& x, T* y) const;
  void check_input(MatrixView<const double> x) const;
  template <class T>
  struct Folded {
    FoldedResponse<T> target, control;
  };
  template <class T>
  const Folded<T>& folded() const {
    if constexpr (std::is_same_v<T, float>)
      return single_;
    else
      return double_;
  }

  Index k_;
  std::vector<std::array<double, 2>> directions_;  // w_1, ..., w_2k
  Matrix<double> b_;
  InputLayout layout_;
  PlaneAxis axis_;
  InputLaw law_;
  double norm_sq_ = 1, control_mean_ = 0, control_variance_ = 1, target_mean_ = 0;
  Folded<float> single_;
  Folded<double> double_;
};

extern template class MemberOf<PlanarMember>;

// k, B, d and law of PlanarMember::json. Throws as Family::parse.
struct PlanarFile {
  explicit PlanarFile(std::string_view json);
  Index k = 0;
  Matrix<double> b;
  Index d = 1;
  InputLaw law;
};
template <class M>
std::unique_ptr<Member> parse_planar_member(std::string_view json) {
  PlanarFile file(json);
  return M::of_file(std::move(file));
}

// Planted weights: column j - 1 of `weight` [m, 2k] becomes B w_j.
template <class T>
void set_plane_weights(MatrixView<T> weight, const PlanarMember& f);
// And of the read-out: factor a_j / sqrt(norm_sq), bias 0; or factor / sqrt(control_variance), bias
// -control_mean / sqrt(control_variance). Rows 2k r + j - 1 of `weight` [2k copies, 1] for r = 0..copies-1.
template <class T>
void set_read_out(MatrixView<T> weight, MatrixView<T> bias, const PlanarMember& f, Signs signs, double factor);

}  // namespace eqnn::hard
