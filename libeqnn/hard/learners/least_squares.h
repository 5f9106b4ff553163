// Least squares on given monomials of independent generators: the last step of every learner of sparse polynomials.
#pragma once

#include <span>
#include <vector>

#include "squared_label_oracle.h"

namespace eqnn::hard {

// A polynomial that was fitted to a sample.
struct LearnedPolynomial {
  // Coefficients by least squares; as they were given where that is not possible: more monomials than samples, or
  // columns that depend on each other.
  std::vector<PolynomialTerm> terms;
  double residual = 0;    // mean square after least squares / mean square of the labels
  bool verified = false;  // residual < 1e-20: a certificate where labels have no noise
  Index samples = 0;
};

// On the labels of the sample, whatever was subtracted from them.
LearnedPolynomial fit_terms(const SampleOracle& sample, std::vector<PolynomialTerm> terms);
// The same for z [samples, r] and one y a sample. Throws ValueError as SampleOracle does.
LearnedPolynomial fit_terms(Law law, MatrixView<const double> z, std::span<const double> y,
                            std::vector<PolynomialTerm> terms);

}  // namespace eqnn::hard
