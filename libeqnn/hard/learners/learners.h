// Learners that are not gradient descent, beside elimination over GF(2) (gf2.h) and GROWING-BASIS
// (growing_basis.h). Each reads a labelled sample; docs/learners.md says what each proves. All run on the calling
// thread, with sums in a fixed order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "../families/boolean_orbit/boolean_orbit.h"
#include "gf2.h"
#include "growing_basis.h"
#include "product_basis.h"

namespace eqnn::hard {

// --- sparse polynomials of independent generators: z [samples, r], one y a sample
// ----------------------------------

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

// The reference: the correlations E[y phi] of all products of degree 1 to `degree`, of which the `terms` largest
// are kept, then least squares. C(r + D, D) - 1 correlational queries: what the bound on such queries says that is
// needed.
inline constexpr double kMaxExhaustiveWork = 3e10;  // samples times products
struct ExhaustiveResult {
  LearnedPolynomial fit;
  Index queries = 0;
};
// Throws ValueError as ProductBasis and SampleOracle do, for terms < 1, and beyond kMaxExhaustiveWork.
ExhaustiveResult learn_exhaustively(Law law, MatrixView<const double> z, std::span<const double> y, Index degree,
                                    Index terms);

// --- parities of degree counts: all S
// --------------------------------------------------------------------------------

// The correlations of the labels with all 2^L parities of the counts at once, by the fast Walsh-Hadamard transform
// of the labels summed by c mod 2; the largest one is taken. Label noise is no obstacle, 2^L is.
inline constexpr Index kMaxParityClasses = 22;
class ParityCorrelations {
 public:
  // Throws ValueError unless 2 <= n, and for more than kMaxParityClasses classes.
  ParityCorrelations(Index n, bool self_loops);
  // A graph and its training target, 1 - 2g or any real number. Throws ValueError as degree_counts does.
  void add(MatrixView<const double> adjacency, double y);
  Index queries() const { return static_cast<Index>(sums_.size()); }
  // The parity of the largest |correlation|, the first of equals. Throws ValueError without samples.
  LearnedParity best(double* correlation = nullptr) const;

 private:
  Index n_, classes_, samples_ = 0;
  bool self_loops_;
  std::vector<double> sums_;  // of the targets, by c mod 2
};

// --- random functions of orbits: a table
// -----------------------------------------------------------------------------

// Remembers every orbit that it has seen, and answers with the majority of its labels (two values) or their mean;
// for orbits not seen with the best constant, the mean of all labels. Nothing learns these functions better: the
// labels of different orbits are independent.
class OrbitTable {
 public:
  OrbitTable(const OrbitLaw& law, bool majority) : law_(law), majority_(majority) {}
  // Inputs [b, n, 1] (adjacency: [b, m, m]) of 0 and 1, one target each. Throws ValueError for other entries.
  void add(Block<const double> x, std::span<const double> y);
  void values(Block<const double> x, double* y) const;
  Index seen() const { return static_cast<Index>(orbits_.size()); }
  // Good and Turing's estimate of the mass of the orbits not seen: those seen once, over the samples.
  double unseen_mass() const;

 private:
  using Words = std::vector<std::uint64_t>;
  struct Hash {
    std::size_t operator()(const Words& words) const;
  };
  struct Cell {
    double sum = 0;
    Index count = 0;
  };
  Words representative(const Block<const double>& x, Index e) const;

  OrbitLaw law_;
  bool majority_;
  std::unordered_map<Words, Cell, Hash> orbits_;
  double sum_ = 0;
  Index samples_ = 0;
};

// --- low degree
// -----------------------------------------------------------------------------------------------------

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

// --- kernel ridge regression
// ------------------------------------------------------------------------------------------

// f(x) = phi(x) . w on given features phi: with K = Phi Phi^T and s its mean diagonal, (K + lambda s I) a = y,
// w = Phi^T a. With the gradients of a network's output at initialisation as features it is regression with the
// network's tangent kernel (Jacot, Gabriel and Hongler 2018), with its last hidden values a random-features one
// (Rahimi and Recht 2008): what gradient descent does as long as it does not change its features.
inline constexpr Index kMaxKernelSamples = 4096;
struct RidgeResult {
  std::vector<double> weights;
  double lambda = 0;
  double validation_loss = 0;  // mean square on the last fifth at this lambda; 0 where lambda was given
};
// Features [samples, p], one y a sample. Without lambda the best of 1e-6, 1e-5, ..., 10 on the last fifth of the
// sample. Throws ValueError for more than kMaxKernelSamples samples, fewer than 5, numbers that are not finite, and
// lambda <= 0.
RidgeResult kernel_ridge(MatrixView<const double> features, std::span<const double> y,
                         std::optional<double> lambda = {});

}  // namespace eqnn::hard
