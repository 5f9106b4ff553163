#include "brute_force.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../families/gnn_degree_parity/gnn_degree_parity.h"
#include "product_basis.h"

namespace eqnn::hard {

ExhaustiveResult learn_exhaustively(Law law, MatrixView<const double> z, std::span<const double> y, Index degree,
                                    Index terms) {
  check_labels(z, y);
  require(z.rows >= 1, "no samples; at least 1 is needed");
  require(terms >= 1, "terms is ", terms, "; it must be at least 1");
  const double work = product_count(false, z.cols, degree) * static_cast<double>(z.rows);
  require(work <= kMaxExhaustiveWork, "all products of ", z.cols, " generators up to degree ", degree, " times ",
          z.rows, " samples are ", static_cast<std::int64_t>(std::min(work, 9e18)), " products; at most ",
          static_cast<std::int64_t>(kMaxExhaustiveWork),
          " are allowed: take fewer generators, samples, or a smaller degree, or growing-basis");
  const ProductBasis basis(law, z.cols, degree);
  std::vector<double> sums(basis.size());
  basis.correlate(z, y.data(), sums.data());
  std::vector<Index> order(sums.size() - 1);
  std::iota(order.begin(), order.end(), Index{1});
  const auto size = [&](Index k) { return std::abs(sums[k]); };
  const auto count = std::min<std::size_t>(order.size(), terms);
  const auto larger = [&](Index a, Index b) { return size(a) > size(b) || (size(a) == size(b) && a < b); };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), larger);
  std::vector<PolynomialTerm> found;
  for (std::size_t i = 0; i < count; ++i)
    found.push_back({sums[order[i]] / static_cast<double>(z.rows), basis.monomial(order[i])});
  return {fit_terms(law, z, y, found), basis.size() - 1};
}

ParityCorrelations::ParityCorrelations(Index n, bool self_loops)
    : n_(n), classes_(degree_classes(n, self_loops)), self_loops_(self_loops) {
  require(classes_ <= kMaxParityClasses, "all parities of ", classes_, " degree classes are 2^", classes_,
          "; at most ", kMaxParityClasses, " classes are allowed: take a smaller n, or gf2");
  sums_.resize(std::size_t{1} << classes_);
}

void ParityCorrelations::add(MatrixView<const double> adjacency, double y) {
  require(adjacency.rows == n_, "a graph has ", adjacency.rows, " nodes; it must have ", n_);
  const std::vector<Index> counts = degree_counts(adjacency, self_loops_);
  std::size_t cell = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) cell |= static_cast<std::size_t>(counts[i] % 2) << i;
  sums_[cell] += y;
  ++samples_;
}

LearnedParity ParityCorrelations::best(double* correlation) const {
  require(samples_ >= 1, "no samples; at least 1 is needed");
  std::vector<double> w = sums_;
  for (std::size_t half = 1; half < w.size(); half *= 2)
    for (std::size_t first = 0; first < w.size(); first += 2 * half)
      for (std::size_t i = first; i < first + half; ++i) {
        const double a = w[i], b = w[i + half];
        w[i] = a + b;
        w[i + half] = a - b;
      }
  std::size_t set = 0;
  for (std::size_t s = 1; s < w.size(); ++s)
    if (std::abs(w[s]) > std::abs(w[set])) set = s;
  if (correlation) *correlation = w[set] / static_cast<double>(samples_);
  LearnedParity f{.n = n_, .self_loops = self_loops_};
  for (Index i = 0; i < classes_; ++i)
    if ((set >> i & 1) != 0) f.classes.push_back(i + 1);
  f.b = w[set] < 0 ? 1 : 0;
  f.samples = samples_;
  const LearnedParity other = complement(f);
  const auto size = f.classes.size(), other_size = other.classes.size();
  const bool flip = size > other_size || (size == other_size && f.classes.front() != 1);
  return flip ? other : f;
}

}  // namespace eqnn::hard
