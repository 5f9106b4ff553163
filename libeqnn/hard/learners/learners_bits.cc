// Learners of functions of bits: all parities, a table of orbits; and estimates of every low coefficient.
#include <cmath>

#include "../families/gnn_degree_parity/gnn_degree_parity.h"
#include "learners.h"

namespace eqnn::hard {

// --- all parities
// --------------------------------------------------------------------------------------------------

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

// --- orbits
// ----------------------------------------------------------------------------------------------------------

std::size_t OrbitTable::Hash::operator()(const Words& words) const {
  std::uint64_t h = 0;
  for (const std::uint64_t w : words) h = absorb(h, w);
  return static_cast<std::size_t>(h);
}

OrbitTable::Words OrbitTable::representative(const Block<const double>& x, Index e) const {
  Words words(static_cast<std::size_t>((law_.n + 63) / 64));
  require(x.points * x.channels == law_.n, "an input has ", x.points * x.channels, " bits; it must have ", law_.n);
  for (Index p = 0, i = 0; p < x.points; ++p)
    for (Index c = 0; c < x.channels; ++c, ++i) {
      const double v = x(e, p, c);
      require(v == 0 || v == 1, "an input has an entry ", v, "; it must be 0 or 1");
      if (v == 1) words[static_cast<std::size_t>(i / 64)] |= std::uint64_t{1} << (i % 64);
    }
  canonicalise(law_, words);
  return words;
}

void OrbitTable::add(Block<const double> x, std::span<const double> y) {
  for (Index e = 0; e < x.examples; ++e) {
    Cell& cell = orbits_[representative(x, e)];
    cell.sum += y[static_cast<std::size_t>(e)];
    ++cell.count;
    sum_ += y[static_cast<std::size_t>(e)];
    ++samples_;
  }
}

void OrbitTable::values(Block<const double> x, double* y) const {
  const double mean = samples_ > 0 ? sum_ / static_cast<double>(samples_) : 0;
  for (Index e = 0; e < x.examples; ++e) {
    const auto found = orbits_.find(representative(x, e));
    y[e] = mean;
    if (found == orbits_.end()) continue;
    const Cell& cell = found->second;
    if (!majority_)
      y[e] = cell.sum / static_cast<double>(cell.count);
    else if (cell.sum != 0)
      y[e] = cell.sum > 0 ? 1 : -1;
  }
}

double OrbitTable::unseen_mass() const {
  Index once = 0;
  for (const auto& orbit : orbits_) once += orbit.second.count == 1;
  return samples_ > 0 ? static_cast<double>(once) / static_cast<double>(samples_) : 1;
}

// --- low degree
// ------------------------------------------------------------------------------------------------------

void LowDegreeLearner::add(MatrixView<const double> x, std::span<const double> y) {
  require(x.cols == basis_.variables() && x.rows == static_cast<Index>(y.size()), "a sample of ", x.rows, " x ",
          x.cols, " inputs and ", y.size(), " labels; it must have ", basis_.variables(),
          " variables and one label each");
  basis_.correlate(x, y.data(), sums_.data());
  for (const double v : y) squares_ += v * v;
  samples_ += x.rows;
}

void LowDegreeLearner::values(MatrixView<const double> x, double* y) const {
  require(samples_ >= 1, "no samples; at least 1 is needed");
  basis_.evaluate(x, sums_.data(), y);
  for (Index e = 0; e < x.rows; ++e) y[e] /= static_cast<double>(samples_);
}

double LowDegreeLearner::mass() const {
  double sum = 0;
  for (const double s : sums_) sum += s * s;
  const double m = static_cast<double>(samples_);
  return samples_ > 0 ? sum / (m * m) : 0;
}

double LowDegreeLearner::estimation_mass() const {
  const double m = static_cast<double>(samples_);
  return samples_ > 0 ? static_cast<double>(basis_.size()) * (squares_ / m) / m : 0;
}

}  // namespace eqnn::hard
