// What the learners of invariant-poly share: samples of its generators, the target, and a polynomial for it.
#pragma once

#include <eqnn/hard/families/invariant_poly/invariant_poly.h>
#include <eqnn/hard/learners/least_squares.h>

#include <vector>

#include "learn/learner.h"

namespace tools {

// The generators of every training example, [samples, r], and its label. Throws ValueError where they would take
// more than 2 GB.
struct PolynomialSample {
  PolynomialSample(const eqnn::hard::InvariantPoly& target, const ExampleStream& examples);
  eqnn::Matrix<double> z;
  std::vector<double> y;
};

class PolynomialLearner : public Learner {
 public:
  void predict(eqnn::Block<const double> x, double* y) const override;
  // A member file with the generators of the target and the terms found; null without terms.
  Json recovered() const override;
  bool exact() const override { return finds_terms(1e-9); }

 protected:
  PolynomialLearner(const LearnConfig& c, const eqnn::hard::InvariantPoly& target);

  // Whether the monomials found are the target's, and their coefficients within `tolerance`.
  bool finds_terms(double tolerance) const;
  // {"max_degree", "verified", "residual", "terms_found", "same_monomials"}
  Json fit_details() const;

  const eqnn::hard::InvariantPoly& target_;
  const std::vector<eqnn::hard::PolynomialTerm> terms_;  // what is to be found: of the target, or of its control
  const Index degree_;                                   // --max-degree, or the degree of those terms
  eqnn::hard::LearnedPolynomial fit_;
};

}  // namespace tools
