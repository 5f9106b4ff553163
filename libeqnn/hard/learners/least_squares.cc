#include "least_squares.h"

#include <cmath>

namespace eqnn::hard {
namespace {

constexpr double kVerified = 1e-20;

// L L^T = A in the lower triangle; false unless every pivot is well above rounding.
bool cholesky(Matrix<double>& a) {
  for (Index j = 0; j < a.rows(); ++j) {
    const double diagonal = a(j, j);
    for (Index k = 0; k < j; ++k) a(j, j) -= a(j, k) * a(j, k);
    if (!(a(j, j) > 1e-12 * diagonal)) return false;
    a(j, j) = std::sqrt(a(j, j));
    for (Index i = j + 1; i < a.rows(); ++i) {
      for (Index k = 0; k < j; ++k) a(i, j) -= a(i, k) * a(j, k);
      a(i, j) /= a(j, j);
    }
  }
  return true;
}

void solve(const Matrix<double>& l, std::vector<double>& x) {
  const Index n = l.rows();
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < i; ++k) x[i] -= l(i, k) * x[k];
    x[i] /= l(i, i);
  }
  for (Index i = n - 1; i >= 0; --i) {
    for (Index k = i + 1; k < n; ++k) x[i] -= l(k, i) * x[k];
    x[i] /= l(i, i);
  }
}

// Coefficients by least squares, and the residual mean square over that of the labels. Normal equations, solved
// three times for what is left: as exact as an orthogonal factorisation on such nearly orthonormal columns.
void least_squares(const SampleOracle& oracle, LearnedPolynomial& learned) {
  std::vector<std::vector<double>> columns;
  for (const PolynomialTerm& t : learned.terms) columns.push_back(oracle.column(t.monomial));
  const std::vector<double>& y = oracle.labels();
  std::vector<double> left = y;
  const auto subtract = [&](std::size_t k, double c) {
    for (std::size_t e = 0; e < left.size(); ++e) left[e] -= c * columns[k][e];
  };
  Matrix<double> gram(static_cast<Index>(columns.size()), static_cast<Index>(columns.size()));
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j)
      gram(static_cast<Index>(i), static_cast<Index>(j)) = mean_product(columns[i], columns[j]);
  const bool solvable = columns.size() <= y.size() && cholesky(gram);
  if (solvable)
    for (PolynomialTerm& t : learned.terms) t.coefficient = 0;
  for (std::size_t k = 0; k < columns.size() && !solvable; ++k) subtract(k, learned.terms[k].coefficient);
  for (int pass = 0; pass < 3 && solvable; ++pass) {
    std::vector<double> c;
    for (const auto& column : columns) c.push_back(mean_product(left, column));
    solve(gram, c);
    for (std::size_t k = 0; k < columns.size(); ++k) {
      learned.terms[k].coefficient += c[k];
      subtract(k, c[k]);
    }
  }
  // From the coefficients afresh: without the rounding of the passes.
  left = y;
  for (std::size_t k = 0; k < columns.size(); ++k) subtract(k, learned.terms[k].coefficient);
  const double size = mean_product(y, y);
  learned.residual = size > 0 ? mean_product(left, left) / size : 0;
  learned.verified = learned.residual < kVerified;
}

}  // namespace

LearnedPolynomial fit_terms(const SampleOracle& sample, std::vector<PolynomialTerm> terms) {
  LearnedPolynomial fit;
  fit.samples = sample.samples();
  fit.terms = std::move(terms);
  least_squares(sample, fit);
  return fit;
}

LearnedPolynomial fit_terms(Law law, MatrixView<const double> z, std::span<const double> y,
                            std::vector<PolynomialTerm> terms) {
  return fit_terms(SampleOracle(law, z, y, 0), std::move(terms));
}

}  // namespace eqnn::hard
