// Exhaustive search: every product of independent generators, or every parity of degree counts, is correlated with
// the labels. On the calling thread, with sums in a fixed order.
#pragma once

#include <span>
#include <vector>

#include "gf2.h"
#include "growing_basis.h"

namespace eqnn::hard {

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

}  // namespace eqnn::hard
