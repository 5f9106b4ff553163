#include "input_law.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../../member_file.h"

namespace eqnn::hard {
namespace {

void require_correlation(double rho) {
  if (!(rho >= 0 && rho < 1))
    throw ValueError(fmt::format("input-correlation is {}; it must be at least 0 and below 1", rho));
}

void require_dimension(Index s, Index m) {
  require(s >= 2 && s < m && s <= kMaxInputDim, "input-dim is ", s, "; with ", m,
          " entries along the plane's axis it must be 2 to ", std::min(m - 1, kMaxInputDim), ", or 0: all");
}

double column_product(const Matrix<double>& a, Index p, Index q) {
  double sum = 0;
  for (Index i = 0; i < a.rows(); ++i) sum += a(i, p) * a(i, q);
  return sum;
}

// Gram and Schmidt, each column twice: the second pass takes away what rounding left of the others.
void orthonormal_columns(Matrix<double>& a) {
  for (Index j = 0; j < a.cols(); ++j)
    for (int pass = 0; pass < 2; ++pass) {
      for (Index l = 0; l < j; ++l) {
        const double overlap = column_product(a, l, j);
        for (Index i = 0; i < a.rows(); ++i) a(i, j) -= overlap * a(i, l);
      }
      const double length = std::sqrt(column_product(a, j, j));
      for (Index i = 0; i < a.rows(); ++i) a(i, j) /= length;
    }
}

// Calls visit(entry) for every vector along the axis, entry(i) its entry i.
template <class T, class Visit>
void each_vector(PlaneAxis axis, const Block<T>& x, const Visit& visit) {
  const bool channels = axis == PlaneAxis::channels;
  const Index vectors = channels ? x.points : x.channels;
  for (Index e = 0; e < x.examples; ++e)
    for (Index v = 0; v < vectors; ++v)
      visit([&, e, v](Index i) -> T& { return channels ? x(e, v, i) : x(e, i, v); });
}

// x = spread (x - mean) + common mean.
template <class Entry>
void scale_vector(Index size, double spread, double common, const Entry& entry) {
  double sum = 0;
  for (Index i = 0; i < size; ++i) sum += static_cast<double>(entry(i));
  const double shift = (common - spread) * sum / static_cast<double>(size);
  using T = std::remove_reference_t<decltype(entry(0))>;
  for (Index i = 0; i < size; ++i) entry(i) = static_cast<T>(spread * static_cast<double>(entry(i)) + shift);
}

double common_deviation(double rho, Index size) { return std::sqrt(1 + static_cast<double>(size - 1) * rho); }

// U^T x.
template <class Entry>
void subspace_coordinates(const Matrix<double>& basis, const Entry& entry, double* z) {
  std::fill_n(z, basis.cols(), 0.0);
  for (Index i = 0; i < basis.rows(); ++i) {
    const double value = static_cast<double>(entry(i));
    for (Index j = 0; j < basis.cols(); ++j) z[j] += basis(i, j) * value;
  }
}

}  // namespace

PlaneMap plane_product(const Matrix<double>& b, const Matrix<double>& other) {
  PlaneMap m{};
  for (Index i = 0; i < b.rows(); ++i)
    for (std::size_t p = 0; p < 4; ++p)
      m[p] += b(i, static_cast<Index>(p / 2)) * other(i, static_cast<Index>(p % 2));
  return m;
}

PlaneVector plane_sums(const Matrix<double>& b) {
  PlaneVector v{};
  for (Index i = 0; i < b.rows(); ++i)
    for (std::size_t j = 0; j < 2; ++j) v[j] += b(i, static_cast<Index>(j));
  return v;
}

PlaneMap correlated_product(double rho, const PlaneMap& product, const PlaneVector& v, const PlaneVector& other) {
  PlaneMap m;
  for (std::size_t p = 0; p < 4; ++p) m[p] = (1 - rho) * product[p] + rho * v[p / 2] * other[p % 2];
  return m;
}

// --- the law -----------------------------------------------------------------------------------------------

InputLaw::InputLaw(double rho) : rho_(rho) { require_correlation(rho); }

InputLaw::InputLaw(Matrix<double> basis) {
  require_dimension(basis.cols(), basis.rows());
  double error = 0;
  for (Index p = 0; p < basis.cols(); ++p)
    for (Index q = 0; q <= p; ++q)
      error = std::max(error, std::abs(column_product(basis, p, q) - (p == q ? 1 : 0)));
  if (!(error <= 1e-8))
    throw ValueError(
        fmt::format("input_basis U is not orthonormal: |U^T U - I| is {:.3g}; at most 1e-8 is allowed: "
                    "orthonormalise its columns",
                    error));
  basis_ = std::make_shared<const Matrix<double>>(std::move(basis));
}

bool InputLaw::operator==(const InputLaw& other) const {
  if (rho_ != other.rho_ || dim() != other.dim()) return false;
  if (basis_ == other.basis_) return true;
  if (basis_->rows() != other.basis_->rows()) return false;
  for (Index i = 0; i < basis_->rows(); ++i)
    for (Index j = 0; j < dim(); ++j)
      if ((*basis_)(i, j) != (*other.basis_)(i, j)) return false;
  return true;
}

std::string InputLaw::text() const {
  return rho_ != 0   ? fmt::format("input-correlation is {}", rho_)
         : dim() > 0 ? fmt::format("input-dim is {}", dim())
                     : "";
}

PlaneMap InputLaw::product(const Matrix<double>& b, const Matrix<double>& other) const {
  if (basis_ == nullptr)
    return rho_ == 0 ? plane_product(b, other)
                     : correlated_product(rho_, plane_product(b, other), plane_sums(b), plane_sums(other));
  const double scale = static_cast<double>(basis_->rows()) / static_cast<double>(dim());
  PlaneMap m{};
  for (Index s = 0; s < dim(); ++s) {
    PlaneVector v{}, w{};  // U^T B, U^T B'
    for (Index i = 0; i < b.rows(); ++i)
      for (std::size_t j = 0; j < 2; ++j) {
        v[j] += (*basis_)(i, s) * b(i, static_cast<Index>(j));
        w[j] += (*basis_)(i, s) * other(i, static_cast<Index>(j));
      }
    for (std::size_t p = 0; p < 4; ++p) m[p] += scale * v[p / 2] * w[p % 2];
  }
  return m;
}

template <class T>
void InputLaw::apply(PlaneAxis axis, const Block<T>& x) const {
  const Index size = axis == PlaneAxis::channels ? x.channels : x.points;
  if (rho_ != 0) {
    const double spread = std::sqrt(1 - rho_), common = common_deviation(rho_, size);
    each_vector(axis, x, [&](const auto& entry) { scale_vector(size, spread, common, entry); });
  }
  if (basis_ == nullptr) return;
  const Matrix<double>& u = *basis_;
  const double scale = std::sqrt(static_cast<double>(size) / static_cast<double>(u.cols()));
  std::vector<double> z(static_cast<std::size_t>(u.cols()));
  each_vector(axis, x, [&](const auto& entry) {
    subspace_coordinates(u, entry, z.data());
    for (Index i = 0; i < size; ++i) {
      double sum = 0;
      for (Index s = 0; s < u.cols(); ++s) sum += u(i, s) * z[static_cast<std::size_t>(s)];
      entry(i) = static_cast<T>(scale * sum);
    }
  });
}
template void InputLaw::apply(PlaneAxis, const Block<float>&) const;
template void InputLaw::apply(PlaneAxis, const Block<double>&) const;

void InputLaw::normals(PlaneAxis axis, const Block<const double>& x, double* z) const {
  const bool channels = axis == PlaneAxis::channels;
  const Index size = channels ? x.channels : x.points, vectors = channels ? x.points : x.channels,
              kept = variables(size);
  std::vector<double> own(static_cast<std::size_t>(size));
  for (Index e = 0; e < x.examples; ++e, z += vectors * kept)
    for (Index v = 0; v < vectors; ++v) {
      const auto entry = [&](Index i) { return channels ? x(e, v, i) : x(e, i, v); };
      if (basis_ != nullptr) {
        subspace_coordinates(*basis_, entry, own.data());
        const double scale = std::sqrt(static_cast<double>(kept) / static_cast<double>(size));
        for (Index s = 0; s < kept; ++s) own[static_cast<std::size_t>(s)] *= scale;
      } else {
        for (Index i = 0; i < size; ++i) own[static_cast<std::size_t>(i)] = entry(i);
        if (rho_ != 0)
          scale_vector(size, 1 / std::sqrt(1 - rho_), 1 / common_deviation(rho_, size),
                       [&](Index i) -> double& { return own[static_cast<std::size_t>(i)]; });
      }
      for (Index s = 0; s < kept; ++s)
        z[channels ? v * kept + s : s * vectors + v] = own[static_cast<std::size_t>(s)];
    }
}

// --- parameters --------------------------------------------------------------------------------------------

void InputLawSettings::validate(Index m) const {
  require_correlation(correlation);
  if (dim != 0) require_dimension(dim, m);
  if (correlation != 0 && dim != 0)
    throw ValueError(fmt::format(
        "input-correlation is {} and input-dim is {}; they are two laws of the inputs: leave out one of both",
        correlation, dim));
}

void InputLawSettings::require_one_law() const {
  require(dim == 0,
          "--members compares correlations, and with --input-dim each member has inputs of its own; leave out "
          "one of both");
}

InputLaw InputLawSettings::draw(Index m, std::uint64_t seed) const {
  validate(m);
  if (dim == 0) return InputLaw(correlation);
  Matrix<double> basis(m, dim);
  Draws draws({seed, Stream::member, 0, 3});
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < dim; ++j) basis(i, j) = draws.normal();
  orthonormal_columns(basis);
  return InputLaw(std::move(basis));
}

Parameter input_correlation_parameter() {
  return {"input-correlation", "0",
          "correlation of every two entries along the plane's axis: features, positions or points; 0 to below 1",
          true};
}

Parameter input_dim_parameter() {
  return {
      "input-dim", "0",
      "dimension of a random subspace on which the entries along the plane's axis lie, from 2 on; 0: all of them",
      true};
}

InputLawSettings read_input_law(const ParameterReader& read) {
  return {read.number("input-correlation"), read.integer("input-dim")};
}

// --- member files ------------------------------------------------------------------------------------------

void write_input_law(const InputLaw& law, MemberWriter& file) {
  if (law.correlation() != 0) file.add("input_correlation", law.correlation());
  if (law.basis() != nullptr) file.add("input_dim", law.dim()).add("input_basis", *law.basis());
}

InputLaw parse_input_law(const MemberValue& file) {
  const double rho = file.has("input_correlation") ? file.real_number("input_correlation") : 0;
  const Index dim = file.has("input_dim") ? file.whole_number("input_dim") : 0;
  require(file.has("input_basis") == (dim != 0), "input_dim is ", dim, " and input_basis is ",
          file.has("input_basis") ? "" : "not ", "there; give both, or none");
  if (dim == 0) return InputLaw(rho);
  require(rho == 0, "input_correlation and input_dim are both given; leave one of both out");
  Matrix<double> basis = file.number_matrix("input_basis");
  require(basis.cols() == dim, "input_dim is ", dim, " and input_basis has ", basis.cols(),
          " columns; they must agree");
  return InputLaw(std::move(basis));
}

}  // namespace eqnn::hard
