#include "planar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../../binomial.h"
#include "../../member_file.h"
#include "../../member_of.h"
#include "../../sampling.h"
#include "../invariant_poly/orthonormal_polynomials.h"

namespace eqnn::hard {
namespace {

double sign_of(Signs signs, Index j) { return signs == Signs::alternating && j % 2 != 0 ? -1 : 1; }

// cos(pi j / k), exactly zero and exactly antisymmetric where the angle says so.
double cosine(Index j, Index k) {
  j %= 2 * k;
  if (j > k) j = 2 * k - j;
  if (2 * j == k) return 0;
  const double angle = std::numbers::pi / static_cast<double>(k);
  return 2 * j < k ? std::cos(angle * static_cast<double>(j)) : -std::cos(angle * static_cast<double>(k - j));
}
double sine(Index j, Index k) { return cosine(2 * j + 3 * k, 2 * k); }  // cos(t - pi/2), t + 3 pi / 2

}  // namespace

void require_directions(Index k) {
  require(k >= 1, "k is ", k, "; it must be at least 1");
  require(k <= kMaxDirections, "k is ", k, "; at most ", kMaxDirections, " is supported");
  require(k == 1 || k % 2 == 0, "k is ", k, "; k must be even: for odd k>=3 the target is identically zero");
}

double planar_response(Index k, Signs signs, double z1, double z2) {
  double sum = 0;
  for (Index j = 1; j <= 2 * k; ++j) sum += sign_of(signs, j) * std::max(0.0, cosine(j, k) * z1 + sine(j, k) * z2);
  return sum;
}

double relu_kernel(double r) {
  r = std::clamp(r, -1.0, 1.0);
  return (std::sqrt((1 - r) * (1 + r)) + r * (std::numbers::pi - std::acos(r))) / (2 * std::numbers::pi);
}

double planar_kernel(Index k, Signs signs, const PlaneMap& m) {
  std::array<double, 2 * kMaxDirections> c, s;
  for (Index j = 1; j <= 2 * k; ++j) {
    c[j - 1] = cosine(j, k);
    s[j - 1] = sine(j, k);
  }
  // w_{i+k} = -w_i and a_{i+k} a_{j+k} = a_i a_j: half of the i are enough.
  double sum = 0;
  for (Index i = 0; i < k; ++i) {
    const double left = c[i] * m[0] + s[i] * m[2], right = c[i] * m[1] + s[i] * m[3];
    for (Index j = 0; j < 2 * k; ++j) sum += sign_of(signs, i + j) * relu_kernel(left * c[j] + right * s[j]);
  }
  return 2 * sum;
}

namespace {

// w_j, and the deviation of w_j . z for z of covariance s.
struct Directions {
  Directions(Index k, const PlaneMap& s) {
    for (Index j = 1; j <= 2 * k; ++j) {
      const double c = cosine(j, k), t = sine(j, k);
      w.push_back({c, t});
      deviation.push_back(std::sqrt(c * c * s[0] + c * t * (s[1] + s[2]) + t * t * s[3]));
    }
  }
  std::vector<PlaneVector> w;
  std::vector<double> deviation;
};

}  // namespace

double planar_kernel(Index k, Signs signs, const PlaneMap& m, const PlaneMap& s, const PlaneMap& other) {
  const Directions a(k, s), b(k, other);
  double sum = 0;
  for (std::size_t i = 0; i < a.w.size(); ++i) {
    const double left = a.w[i][0] * m[0] + a.w[i][1] * m[2], right = a.w[i][0] * m[1] + a.w[i][1] * m[3];
    for (std::size_t j = 0; j < b.w.size(); ++j) {
      const double scale = a.deviation[i] * b.deviation[j];
      sum += sign_of(signs, static_cast<Index>(i + j)) * scale *
             relu_kernel((left * b.w[j][0] + right * b.w[j][1]) / scale);
    }
  }
  return sum;
}

double planar_mean(Index k, Signs signs, const PlaneMap& s) {
  double sum = 0;
  Index j = 1;
  for (const double deviation : Directions(k, s).deviation) sum += sign_of(signs, j++) * deviation;
  return sum / std::sqrt(2 * std::numbers::pi);
}

double isotropic_kernel(Index k, Signs signs, double rho) {
  double sum = 0;
  for (Index t = 0; t < 2 * k; ++t) sum += sign_of(signs, t) * relu_kernel(rho * cosine(t, k));
  return 2 * static_cast<double>(k) * sum;
}

double planar_norm_sq(Index k) {
  if (k == 1) return 1;
  const double a = std::numbers::pi / (2 * static_cast<double>(k)), c = std::cos(a);
  return 1 / (c * c) - std::tan(a) / a;
}

double relu_kernel_slope(double r) {
  return (std::numbers::pi - std::acos(std::clamp(r, -1.0, 1.0))) / (2 * std::numbers::pi);
}

double isotropic_kernel_slope(Index k, Signs signs, double rho) {
  double sum = 0;
  for (Index t = 0; t < 2 * k; ++t) sum += sign_of(signs, t) * cosine(t, k) * relu_kernel_slope(rho * cosine(t, k));
  return 2 * static_cast<double>(k) * sum;
}

double harmonic_dimension(Index k, Index d) {
  return exact_binomial(d + k - 1, k) - exact_binomial(d + k - 3, k - 2);
}

// --- planes ----------------------------------------------------------------------------------------------

Matrix<double> haar_plane(Index m, std::uint64_t seed, std::uint64_t attempt) {
  Matrix<double> b(m, 2);
  Draws draws({seed, Stream::member, attempt, 0});
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < 2; ++j) b(i, j) = draws.normal();
  const auto inner = [&](Index p, Index q) {
    double sum = 0;
    for (Index i = 0; i < m; ++i) sum += b(i, p) * b(i, q);
    return sum;
  };
  const auto normalise = [&](Index j) {
    const double length = std::sqrt(inner(j, j));
    for (Index i = 0; i < m; ++i) b(i, j) /= length;
  };
  normalise(0);
  for (int pass = 0; pass < 2; ++pass) {  // the second takes away what rounding left of the first
    const double overlap = inner(0, 1);
    for (Index i = 0; i < m; ++i) b(i, 1) -= overlap * b(i, 0);
    normalise(1);
  }
  return b;
}

double largest_singular_value(const PlaneMap& m) {
  // The two singular values are half the sum and half the difference of these lengths.
  return (std::hypot(m[0] + m[3], m[2] - m[1]) + std::hypot(m[0] - m[3], m[1] + m[2])) / 2;
}

PlantedDirections plane_directions(const Matrix<double>& b, Index copies) {
  PlantedDirections planted{Matrix<double>(2 * copies, b.rows() * copies)};
  for (Index r = 0; r < 2; ++r)
    for (Index c = 0; c < copies; ++c)
      for (Index i = 0; i < b.rows(); ++i) planted.basis(r * copies + c, i * copies + c) = b(i, r);
  return planted;
}

void require_plane(const Matrix<double>& b) {
  require(b.cols() == 2 && b.rows() >= 2, "B is ", b.rows(), " x ", b.cols(),
          "; it must have 2 columns and at least 2 rows");
  const PlaneMap m = plane_product(b, b);
  const double error = std::max({std::abs(m[0] - 1), std::abs(m[3] - 1), std::abs(m[1])});
  if (!(error <= 1e-8))
    throw ValueError(fmt::format(
        "B is not orthonormal: |B^T B - I| is {:.3g}; at most 1e-8 is allowed: orthonormalise its two columns",
        error));
}

// --- many at once ----------------------------------------------------------------------------------------

template <class T>
FoldedResponse<T>::FoldedResponse(Index k, Signs signs) {
  if (k == 1) {
    linear_ = signs == Signs::alternating;
    first_ = 1;
    return;
  }
  const double a = std::numbers::pi / (2 * static_cast<double>(k));
  const bool alternating = signs == Signs::alternating;
  const double sign = (k / 2) % 2 == 0 ? -1 : 1;
  first_ = static_cast<T>(alternating ? sign * std::tan(a) : 1 / std::tan(a));
  second_ = static_cast<T>(alternating ? -sign : 1);
  for (Index s = 1; s < k / 2; ++s) {
    const double weight = alternating ? (s % 2 == 0 ? -2 : 2) * sign : 2;
    kinks_.push_back({static_cast<T>(cosine(s, k)), static_cast<T>(sine(s, k)), static_cast<T>(weight)});
  }
}

template <class T>
void FoldedResponse<T>::operator()(Index count, const T* z1, const T* z2, T* y) const {
  if (linear_) {
    std::copy(z1, z1 + count, y);
    return;
  }
  for (Index i = 0; i < count; ++i) y[i] = first_ * std::abs(z1[i]) + second_ * std::abs(z2[i]);
  for (const Kink kink : kinks_)
    for (Index i = 0; i < count; ++i) {
      const T side = kink.cosine * std::abs(z2[i]) - kink.sine * std::abs(z1[i]);
      y[i] += kink.weight * (side > T(0) ? side : T(0));
    }
}

template class FoldedResponse<float>;
template class FoldedResponse<double>;

template <class T>
void sum_groups(Index groups, Index size, const T* values, T* y) {
  constexpr Index kWays = 8;
  for (Index e = 0; e < groups; ++e, values += size) {
    T sums[kWays] = {};
    Index i = 0;
    for (; i + kWays <= size; i += kWays)
      for (Index j = 0; j < kWays; ++j) sums[j] += values[i + j];
    for (; i < size; ++i) sums[i % kWays] += values[i];
    y[e] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  }
}
template void sum_groups(Index, Index, const float*, float*);
template void sum_groups(Index, Index, const double*, double*);

// --- the member --------------------------------------------------------------------------------------------

namespace {
// The definition's k is checked before anything is made of it.
Index checked(Index k) {
  require_directions(k);
  return k;
}
}  // namespace

PlanarMember::PlanarMember(Index k, Matrix<double>&& b, Index n, Index d, PlaneAxis axis, InputLaw law)
    : k_(checked(k)),
      b_(std::move(b)),
      layout_{"x", n, d, false},
      axis_(axis),
      law_(std::move(law)),
      single_{{k, Signs::alternating}, {k, Signs::equal}},
      double_{{k, Signs::alternating}, {k, Signs::equal}} {
  require(n >= 1, "n is ", n, "; it must be at least 1");
  require(d >= 1, "d is ", d, "; it must be at least 1");
  require_plane(b_);
  require(law_.basis() == nullptr || law_.basis()->rows() == b_.rows(), "input_basis has ",
          law_.basis() == nullptr ? 0 : law_.basis()->rows(), " rows and B has ", b_.rows(), "; they must agree");
  for (Index j = 1; j <= 2 * k; ++j) directions_.push_back({cosine(j, k), sine(j, k)});
}

double PlanarMember::response(Signs signs, double z1, double z2) const {
  double sum = 0;
  for (std::size_t j = 0; j < directions_.size(); ++j)
    sum +=
        sign_of(signs, static_cast<Index>(j) + 1) * std::max(0.0, directions_[j][0] * z1 + directions_[j][1] * z2);
  return sum;
}

Matrix<double> PlanarMember::plane_moment(double gap) const {
  require(k_ > 1, "k is 1: f is linear in one direction of the plane; take k = 2 or more");
  require_isotropic("the second moment under f^2");
  Matrix<double> m(b_.rows(), b_.rows());
  for (Index i = 0; i < b_.rows(); ++i)
    for (Index j = 0; j < b_.rows(); ++j) m(i, j) = gap * (b_(i, 0) * b_(j, 0) + b_(i, 1) * b_(j, 1));
  return m;
}

void PlanarMember::require_isotropic(const char* what) const {
  if (!law_.isotropic())
    throw ValueError(fmt::format("{} is known for independent inputs, and {}; leave it out", what, law_.text()));
}

void PlanarMember::set_moments(double norm_sq, double control_mean, double control_variance, double target_mean) {
  // Along one direction, which is all that is left near rho = 1, h may be nearly even.
  if (!law_.isotropic() && !(norm_sq > 1e-9 * (control_variance + target_mean * target_mean)))
    throw ValueError(
        fmt::format("the target hardly varies where {}: its variance is {:.3g}; take inputs that are "
                    "nearer to independent ones",
                    law_.text(), norm_sq));
  target_mean_ = target_mean;
  norm_sq_ = norm_sq;
  control_mean_ = control_mean;
  control_variance_ = control_variance;
}

template <class T>
void PlanarMember::inputs_of(const Counter& at, const Block<T>& x) const {
  sample_normals(at, x);
  law_.apply(axis_, x);
}

IndependentVariables PlanarMember::variables() const {
  const Index size = b_.rows();
  return {Law::gauss, n() * d() / size * law_.variables(size)};
}
void PlanarMember::variables(Block<const double> x, MatrixView<double> z) const {
  for (Index e = 0; e < x.examples; ++e)
    law_.normals(axis_, Block<const double>{x.row(e), 1, x.points, x.channels, x.stride}, z.row(e));
}

void PlanarMember::check_input(MatrixView<const double> x) const {
  require(x.rows == n() && x.cols == d(), "the input is ", x.rows, " x ", x.cols, "; this member takes ", n(),
          " x ", d());
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j)
      require(std::isfinite(x(i, j)), "input entry (", i, ", ", j, ") is not a finite number; give numbers");
}

double PlanarMember::value(MatrixView<const double> x) const {
  check_input(x);
  return (raw(x, Signs::alternating) - target_mean_) / std::sqrt(norm_sq_);
}
double PlanarMember::control_value(MatrixView<const double> x) const {
  check_input(x);
  return (raw(x, Signs::equal) - control_mean_) / std::sqrt(control_variance_);
}

namespace {
// y = (y - mean) / sqrt(variance)
template <class T>
void standardise(Index count, double mean, double variance, T* y) {
  const T scale = static_cast<T>(1 / std::sqrt(variance)), shift = static_cast<T>(mean);
  for (Index e = 0; e < count; ++e) y[e] = (y[e] - shift) * scale;
}
}  // namespace

template <class T>
void PlanarMember::targets_of(const Block<const T>& x, T* y) const {
  raw(folded<T>().target, x, y);
  standardise(x.examples, target_mean_, norm_sq_, y);
}
template <class T>
void PlanarMember::controls_of(const Block<const T>& x, T* y) const {
  raw(folded<T>().control, x, y);
  standardise(x.examples, control_mean_, control_variance_, y);
}
template class MemberOf<PlanarMember>;

std::vector<std::string> PlanarMember::law_warnings() const {
  if (law_.isotropic()) return {};
  return {law_.text() + ": bounds and facts that are proved for independent inputs are withdrawn"};
}

std::vector<std::string> PlanarMember::warnings() const {
  std::vector<std::string> lines = law_warnings();
  if (k_ == 1) lines.push_back("k is 1: h(z) = z_1 is linear, an easy target; use k >= 4 for a hard one");
  if (k_ == 2)
    lines.push_back("k is 2: h(z) = |z_1| - |z_2| has information of degree 2, an easy target; use k >= 4");
  return lines;
}

std::vector<Fact> PlanarMember::planar_facts() const {
  std::vector<Fact> facts = {
      {"n", static_cast<double>(n()), 0, "points"},
      {"d", static_cast<double>(d()), 0, "channels of a point"},
      {"k", static_cast<double>(k_), 0, "half the number of directions w_j"},
      {"h_norm_sq", planar_norm_sq(k_), 0, "E h^2 = sec^2(a) - tan(a)/a, a = pi/2k (k = 1: 1)"},
      {"norm_sq", norm_sq_, 0,
       law_.isotropic() ? "E of the raw target's square, divided out" : "variance of the raw target, divided out"},
      {"target_variance", 1, 0, "after normalisation; the mean is 0"},
      {"control_mean", control_mean_, 0, "of the raw control, subtracted"},
      {"control_variance", control_variance_, 0, "of the raw control, divided out"},
  };
  if (law_.correlation() != 0)
    facts.push_back({"input_correlation", law_.correlation(), 0,
                     "of every two entries along the plane's axis; bounds for independent ones are void"});
  if (law_.dim() != 0)
    facts.push_back(
        {"input_dim", static_cast<double>(law_.dim()), 0,
         "of the subspace of the entries along the plane's axis; bounds for independent ones are void"});
  if (!law_.isotropic()) facts.push_back({"target_mean", target_mean_, 0, "of the raw target, subtracted"});
  return facts;
}

// --- member files ------------------------------------------------------------------------------------------

std::string PlanarMember::json() const {
  MemberWriter file;
  file.add("k", k_).add("d", d()).add("B", b_);
  write_input_law(law_, file);
  return file.text();
}

PlanarFile::PlanarFile(std::string_view json) {
  const MemberValue file(json, {"k", "B"}, {"d", "input_correlation", "input_dim", "input_basis"});
  law = parse_input_law(file);
  if (file.has("d")) d = file.whole_number("d");
  k = file.whole_number("k");
  b = file.number_matrix("B");
}

// --- planted weights ---------------------------------------------------------------------------------------

template <class T>
void set_plane_weights(MatrixView<T> weight, const PlanarMember& f) {
  const auto& w = f.directions();
  for (Index i = 0; i < weight.rows; ++i)
    for (Index j = 0; j < weight.cols; ++j) {
      const auto& direction = w[j];
      weight(i, j) = static_cast<T>(f.plane()(i, 0) * direction[0] + f.plane()(i, 1) * direction[1]);
    }
}

template <class T>
void set_read_out(MatrixView<T> weight, MatrixView<T> bias, const PlanarMember& f, Signs signs, double factor) {
  const bool target = signs == Signs::alternating;
  const double scale = 1 / std::sqrt(target ? f.norm_sq() : f.control_variance());
  for (Index i = 0; i < weight.rows; ++i)
    weight(i, 0) = static_cast<T>(factor * scale * sign_of(signs, i % (2 * f.k()) + 1));
  bias(0, 0) = static_cast<T>(-scale * (target ? f.target_mean() : f.control_mean()));
}

template void set_plane_weights(MatrixView<float>, const PlanarMember&);
template void set_plane_weights(MatrixView<double>, const PlanarMember&);
template void set_read_out(MatrixView<float>, MatrixView<float>, const PlanarMember&, Signs, double);
template void set_read_out(MatrixView<double>, MatrixView<double>, const PlanarMember&, Signs, double);

}  // namespace eqnn::hard
