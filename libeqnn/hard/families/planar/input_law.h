// Laws of normal inputs in which the vectors that the plane is a plane of are not isotropic. These vectors have m
// entries along one axis: features of a node, positions of a channel, or points of a coordinate; all of an input
// are independent and of one law.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "../../../core/matrix.h"
#include "../../family.h"

namespace eqnn::hard {

// A 2 x 2 matrix, rows of two.
using PlaneMap = std::array<double, 4>;
using PlaneVector = std::array<double, 2>;
// B^T B'. REQUIRES: equal rows.
PlaneMap plane_product(const Matrix<double>& b, const Matrix<double>& other);
// B^T 1.
PlaneVector plane_sums(const Matrix<double>& b);
// (1 - rho) product + rho v v'^T: E B^T x (B'^T x)^T of correlated entries, v and v' the sums of B and B', where
// `product` is that of rho = 0.
PlaneMap correlated_product(double rho, const PlaneMap& product, const PlaneVector& v, const PlaneVector& other);

// Along which axis of an input its vectors lie: of its columns (a channel at all points) or of its rows.
enum class PlaneAxis : std::uint8_t { points, channels };
// The largest s.
inline constexpr Index kMaxInputDim = 256;

// The covariance of such a vector: I; or (1 - rho) I + rho 1 1^T, one correlation for every two entries, invariant
// under all permutations of them; or (m / s) U U^T, U [m, s] orthonormal: a subspace of s dimensions, scaled so
// that E |x|^2 = m.
class InputLaw {
 public:
  // Throws ValueError unless 0 <= rho < 1.
  InputLaw(double rho = 0);
  // On the span of U. Throws ValueError unless 2 <= s < m, s <= kMaxInputDim and |U^T U - I| <= 1e-8.
  explicit InputLaw(Matrix<double> basis);

  bool isotropic() const { return rho_ == 0 && basis_ == nullptr; }
  double correlation() const { return rho_; }
  Index dim() const { return basis_ == nullptr ? 0 : basis_->cols(); }  // s; 0: all
  const Matrix<double>* basis() const { return basis_.get(); }          // U; null: all
  bool operator==(const InputLaw& other) const;
  // "input-correlation is 0.5", "input-dim is 4"; "" for I.
  std::string text() const;

  // E B^T x (B'^T x)^T.
  PlaneMap product(const Matrix<double>& b, const Matrix<double>& other) const;
  // Entries of a vector of m that are independent.
  Index variables(Index m) const { return basis_ == nullptr ? m : basis_->cols(); }
  // Makes vectors of this law of iid standard normal entries, in place: along the common mean and across it, or
  // projected.
  template <class T>
  void apply(PlaneAxis axis, const Block<T>& x) const;
  // The independent standard normals behind an input: z [variables] for each vector, in the order of the entries of
  // x with the subspace's coordinates in the place of the axis.
  void normals(PlaneAxis axis, const Block<const double>& x, double* z) const;

 private:
  double rho_ = 0;
  std::shared_ptr<const Matrix<double>> basis_;
};

// --input-correlation and --input-dim, of which one may be given.
struct InputLawSettings {
  double correlation = 0;
  Index dim = 0;
  InputLawSettings(double rho = 0, Index input_dim = 0) : correlation(rho), dim(input_dim) {}

  bool isotropic() const { return correlation == 0 && dim == 0; }
  // Throws ValueError for values that are not allowed for vectors of m entries.
  void validate(Index m) const;
  // Throws ValueError where each member has a law of its own, and correlations of members mean nothing.
  void require_one_law() const;
  // The law of a member: a subspace is the Q of a Gaussian m x dim matrix, from the words of Counter{seed,
  // Stream::member, 0, 3}.
  InputLaw draw(Index m, std::uint64_t seed) const;
};
// These two as parameters of a family, and their values read.
Parameter input_correlation_parameter();
Parameter input_dim_parameter();
InputLawSettings read_input_law(const ParameterReader& read);

// In member files: "input_correlation" where it is not 0; "input_dim" and "input_basis", U as a list of rows.
class MemberWriter;
class MemberValue;
void write_input_law(const InputLaw& law, MemberWriter& file);
InputLaw parse_input_law(const MemberValue& file);

}  // namespace eqnn::hard
