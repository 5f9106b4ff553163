// The low-degree algorithm: the target's projection onto products of low degree. On the calling thread, with
// sums in a fixed order.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "product_basis.h"

namespace eqnn::hard {

// Estimates every coefficient E[y phi] of degree at most D from the sample, and takes their sum for the target
// (Linial, Mansour and Nisan 1993; Hermite instead of Walsh functions for Gaussian inputs). Its expected squared
// error is the target's mass above degree D plus about `products` E y^2 / m.
class LowDegreeLearner {
 public:
  // Throws ValueError as ProductBasis does.
  LowDegreeLearner(std::optional<Law> law, Index variables, Index degree) : basis_(law, variables, degree) {
    sums_.resize(static_cast<std::size_t>(basis_.size()));
  }
  void add(MatrixView<const double> x, std::span<const double> y);
  // y_e = sum of coefficients times products.
  void values(MatrixView<const double> x, double* y) const;
  const ProductBasis& basis() const { return basis_; }
  Index samples() const { return samples_; }
  // Sum of the squares of the coefficients, and how much of it the estimation puts there on average.
  double mass() const;
  double estimation_mass() const;

 private:
  ProductBasis basis_;
  std::vector<double> sums_;
  double squares_ = 0;
  Index samples_ = 0;
};

}  // namespace eqnn::hard
