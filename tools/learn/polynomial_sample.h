// Samples, hypotheses and comparisons that the learners of invariant-poly share.
#pragma once

#include <vector>

#include <eqnn/hard/families/invariant_poly/invariant_poly.h>

#include "learn/learner.h"

namespace tools {

// z_0, ..., z_{r-1} of every example, [b, r].
eqnn::Matrix<double> generators(const eqnn::hard::InvariantPoly& target, const eqnn::Block<const double>& x);

// The generators of every training example, [samples, r], and its label. Throws ValueError where they would take
// more than 2 GB.
struct PolynomialSample {
  PolynomialSample(const eqnn::hard::InvariantPoly& target, const ExampleStream& examples);
  eqnn::Matrix<double> z;
  std::vector<double> y;
};

// sum of terms, in the generators of `target`, on inputs.
void polynomial_values(const eqnn::hard::InvariantPoly& target,
                       const std::vector<eqnn::hard::PolynomialTerm>& terms, eqnn::Block<const double> x,
                       double* y);

// The same monomials, and coefficients within `tolerance`; the order does not matter.
bool same_polynomial(std::vector<eqnn::hard::PolynomialTerm> a, std::vector<eqnn::hard::PolynomialTerm> b,
                     double tolerance);

// A member file with the generators of `target` and these terms; null without terms.
Json polynomial_json(const eqnn::hard::InvariantPoly& target,
                              const std::vector<eqnn::hard::PolynomialTerm>& terms);

}  // namespace tools
