// The lasso on products of independent generators. On the calling thread, with sums in a fixed order.
#pragma once

#include <cstdint>
#include <span>

#include "growing_basis.h"

namespace eqnn::hard {

// The lasso on all products of degree 1 to `degree`: the coefficients b that minimise
//   sum_e (y_e - sum_k b_k phi_k(z_e))^2 / (2 m) + lambda sum_k |b_k|
// by coordinate descent with soft thresholds (Tibshirani 1996; Friedman, Hastie and Tibshirani 2010, with their
// active sets and warm starts), then least squares on the monomials found. Correlational: it has to look at all C(r
// + D, D) products, which is what limits it.
struct LassoOptions {
  enum class Choice : std::uint8_t {
    validation,  // of 30 values from the largest useful one down to 1/100 of it, by the last fifth of the sample
    theory,      // sd(y) sqrt(2 log(p) / m), p products (after Bickel, Ritov and Tsybakov 2009)
    given
  };
  Index degree = 4;
  Choice choice = Choice::validation;
  double lambda = 0;  // given
};
struct LassoResult {
  LearnedPolynomial fit;  // after least squares
  double lambda = 0;
  Index products = 0;  // p, columns of the regression
  Index nonzero = 0;   // of the lasso itself
  Index sweeps = 0;    // over all columns
};
// The most numbers that the lasso holds: samples times products.
inline constexpr Index kMaxLassoEntries = 60'000'000;
// Throws ValueError as ProductBasis and SampleOracle do, for a sample with more than kMaxLassoEntries entries, for
// fewer than 5 samples, and for lambda <= 0 or not finite.
LassoResult learn_lasso(Law law, MatrixView<const double> z, std::span<const double> y,
                        const LassoOptions& options);

}  // namespace eqnn::hard
