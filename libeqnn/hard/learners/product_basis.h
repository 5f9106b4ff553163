// All products of orthonormal functions of independent variables up to a total degree: what low-degree learners,
// the lasso and exhaustive search expand a target in.
//
// phi_s(x) = prod_i P_{s_i}(x_i), with P_s of orthonormal_polynomials.h; for bits P_1(x) = x, x in {-1, 1}, and no
// higher degree (Walsh functions). Products of different s are orthonormal. Their number, with the constant, is
// sum_{k <= D} C(N, k) for bits and C(N + D, D) otherwise.
#pragma once

#include <optional>
#include <vector>

#include "../../core/matrix.h"
#include "../families/invariant_poly/orthonormal_polynomials.h"

namespace eqnn::hard {

// The most products of a basis.
inline constexpr Index kMaxProducts = Index{1} << 28;

// The number of products; exact up to 2^53.
double product_count(bool bits, Index variables, Index degree);

// Immutable; any number of threads may use it at the same time. Sums are over blocks of fixed size in order.
class ProductBasis {
 public:
  // No law: bits. Throws ValueError for variables < 1, degree outside 1..12, and more than kMaxProducts products.
  ProductBasis(std::optional<Law> law, Index variables, Index degree);

  Index size() const { return size_; }  // number 0 is the constant 1
  Index variables() const { return variables_; }
  Index degree() const { return degree_; }
  // The factors of product k, generators ascending. Products are numbered depth first: a product comes before its
  // multiples by later variables. REQUIRES: 0 <= k < size().
  Monomial monomial(Index k) const;

  // All for examples x [b, variables].
  // sums_k += sum_e weight_e phi_k(x_e).
  void correlate(MatrixView<const double> x, const double* weight, double* sums) const;
  // y_e = sum_k c_k phi_k(x_e).
  void evaluate(MatrixView<const double> x, const double* c, double* y) const;
  // columns(k, first + e) = phi_k(x_e).
  void expand(MatrixView<const double> x, Index first, MatrixView<double> columns) const;

 private:
  struct Tables;
  Index count(Index variables, Index degree) const {
    return counts_[static_cast<std::size_t>(variables * (degree_ + 1) + degree)];
  }
  template <class Visit>
  void descend(const Tables& t, const double* product, Index first, Index left, Index& next,
               const Visit& visit) const;
  void horner(const Tables& t, Index first, Index left, Index& next, const double* c, double* y) const;

  std::optional<Law> law_;
  Index variables_, degree_, powers_;  // powers_: the highest degree of one factor
  Index size_ = 0;
  std::vector<RecurrenceStep> steps_;
  std::vector<Index> counts_;  // of products of n variables and degree d, by n (degree_ + 1) + d
};

}  // namespace eqnn::hard
