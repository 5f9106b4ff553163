#include "gf2.h"

#include <algorithm>
#include <bit>

#include "../families/gnn_degree_parity/gnn_degree_parity.h"

namespace eqnn::hard {
namespace {

std::uint64_t bit(Index j) { return std::uint64_t{1} << (j % 64); }

// The parity of the bits that x and y have in common.
bool odd_overlap(const std::uint64_t* x, const std::uint64_t* y, Index words) {
  std::uint64_t all = 0;
  for (Index w = 0; w < words; ++w) all ^= x[w] & y[w];
  return std::popcount(all) % 2 != 0;
}

}  // namespace

// --- equations

Gf2System::Gf2System(Index unknowns) : unknowns_(unknowns), width_(unknowns / 64 + 1) {
  require(unknowns >= 1 && unknowns <= kMaxUnknowns, "a system of ", unknowns, " unknowns; allowed are 1 to ",
          kMaxUnknowns);
  has_pivot_.assign(width_, 0);
  row_of_.assign(unknowns, -1);
  work_.assign(width_, 0);
}

void Gf2System::load(std::span<const std::uint64_t> row, bool right, std::uint64_t* v) const {
  require(static_cast<Index>(row.size()) == words(), "a row of ", row.size(), " words; ", unknowns_,
          " unknowns take ", words());
  std::copy(row.begin(), row.end(), v);
  if (width_ > words()) v[words()] = 0;
  v[unknowns_ / 64] &= bit(unknowns_) - 1;
  if (right) v[unknowns_ / 64] |= bit(unknowns_);
}

// Clears every unknown that has a pivot, from the lowest on: a row of the echelon form changes none before its
// pivot.
void Gf2System::reduce(std::uint64_t* v) const {
  for (Index w = 0; w < words(); ++w)
    while (const std::uint64_t pivots = v[w] & has_pivot_[w]) {
      const Index unknown = 64 * w + std::countr_zero(pivots);
      const std::uint64_t* r = row(row_of_[unknown]);
      for (Index k = w; k < width_; ++k) v[k] ^= r[k];
    }
}

bool Gf2System::left_is_zero(const std::uint64_t* v) const {
  std::uint64_t any = v[unknowns_ / 64] & (bit(unknowns_) - 1);
  for (Index w = 0; w < unknowns_ / 64; ++w) any |= v[w];
  return any == 0;
}

Gf2System::Kind Gf2System::add(std::span<const std::uint64_t> row, bool right) {
  load(row, right, work_.data());
  ++equations_;
  reduce(work_.data());
  if (left_is_zero(work_.data())) {
    const bool wrong = (work_[unknowns_ / 64] & bit(unknowns_)) != 0;
    contradictions_ += wrong;
    return wrong ? Kind::contradiction : Kind::dependent;
  }
  std::size_t w = 0;
  while (work_[w] == 0) ++w;
  const Index pivot = static_cast<Index>(64 * w) + std::countr_zero(work_[w]);
  has_pivot_[w] |= bit(pivot);
  row_of_[pivot] = rank();
  pivots_.push_back(pivot);
  rows_.insert(rows_.end(), work_.begin(), work_.end());
  last_rise_ = equations_;
  return Kind::independent;
}

std::optional<bool> Gf2System::implied(std::span<const std::uint64_t> row) const {
  std::vector<std::uint64_t> v(width_);
  load(row, false, v.data());
  reduce(v.data());
  if (!left_is_zero(v.data())) return {};
  return (v[unknowns_ / 64] & bit(unknowns_)) != 0;
}

// x holds the unknowns without a pivot, and bit `unknowns_`: 1 for the equations, 0 for the homogeneous ones.
void Gf2System::substitute_back(std::vector<std::uint64_t>& x) const {
  for (Index unknown = unknowns_ - 1; unknown >= 0; --unknown) {
    const Index k = row_of_[unknown];
    if (k < 0) continue;
    const Index w = unknown / 64;
    if (odd_overlap(row(k) + w, x.data() + w, width_ - w)) x[w] |= bit(unknown);
  }
  x[unknowns_ / 64] &= bit(unknowns_) - 1;
  x.resize(words());
}

std::vector<std::uint64_t> Gf2System::solution() const {
  std::vector<std::uint64_t> x(width_);
  x[unknowns_ / 64] = bit(unknowns_);
  substitute_back(x);
  return x;
}

std::vector<std::vector<std::uint64_t>> Gf2System::free_directions() const {
  std::vector<std::vector<std::uint64_t>> basis;
  for (Index unknown = 0; unknown < unknowns_; ++unknown) {
    if (row_of_[unknown] >= 0) continue;
    basis.emplace_back(width_);
    basis.back()[unknown / 64] = bit(unknown);
    substitute_back(basis.back());
  }
  return basis;
}

// --- parities of degree counts

DegreeParityLearner::DegreeParityLearner(Index n, bool self_loops)
    : n_(n), classes_(degree_classes(n, self_loops)), self_loops_(self_loops), system_(classes_ + 1) {}

std::vector<std::uint64_t> DegreeParityLearner::row_of(std::span<const Index> counts) const {
  require(static_cast<Index>(counts.size()) == classes_, "a graph has ", counts.size(), " degree counts; ", n_,
          " nodes have ", classes_);
  std::vector<std::uint64_t> row(system_.words());
  Index nodes = 0;
  for (Index i = 0; i < classes_; ++i) {
    const Index c = counts[i];
    require(c >= 0, "degree count ", i + 1, " is ", c, "; it must not be negative");
    nodes += c;
    if (c % 2 != 0) row[i / 64] |= bit(i);
  }
  require(nodes == n_, "the degree counts of a graph have sum ", nodes, "; it must be n = ", n_);
  row[classes_ / 64] |= bit(classes_);
  return row;
}

void DegreeParityLearner::add(MatrixView<const double> adjacency, int g) {
  require(adjacency.rows == n_, "a graph has ", adjacency.rows, " nodes; it must have ", n_);
  add(degree_counts(adjacency, self_loops_), g);
}

void DegreeParityLearner::add(std::span<const Index> counts, int g) {
  require(g == 0 || g == 1, "a label is ", g, "; it must be 0 or 1");
  system_.add(row_of(counts), g == 1);
}

std::optional<int> DegreeParityLearner::decided(std::span<const Index> counts) const {
  const auto g = system_.implied(row_of(counts));
  return g ? std::optional<int>(*g ? 1 : 0) : std::nullopt;
}

LearnedParity DegreeParityLearner::result() const {
  require(system_.contradictions() == 0, "inconsistent labels: the sample is not realisable by any (S,b); ",
          system_.contradictions(), " of ", system_.equations(),
          " labels contradict the others: leave out label noise, or take a learner that bears it");
  LearnedParity f{.n = n_, .self_loops = self_loops_};
  const std::vector<std::uint64_t> x = system_.solution();
  const auto holds = [&](Index j) { return (x[j / 64] & bit(j)) != 0; };
  Index size = 0;
  for (Index i = 0; i < classes_; ++i) size += holds(i);
  const bool flip = 2 * size > classes_ || (2 * size == classes_ && !holds(0));
  for (Index i = 0; i < classes_; ++i)
    if (holds(i) != flip) f.classes.push_back(i + 1);
  f.b = static_cast<int>((holds(classes_) + (flip ? n_ : 0)) % 2);
  f.samples = system_.equations();
  f.rank = system_.rank();
  f.last_rise = system_.last_rise();
  f.free_directions = classes_ - f.rank;
  f.guarantee = std::min(1.0, static_cast<double>(classes_) / static_cast<double>(f.samples + 1));
  return f;
}

int parity_value(const LearnedParity& f, MatrixView<const double> adjacency) {
  const std::vector<Index> counts = degree_counts(adjacency, f.self_loops);
  Index g = f.b;
  for (const Index i : f.classes) g += counts[i - 1];
  return static_cast<int>(g % 2);
}

LearnedParity complement(const LearnedParity& f) {
  LearnedParity other = f;
  other.b = static_cast<int>((f.b + f.n) % 2);
  other.classes.clear();
  for (Index i = 1; i <= degree_classes(f.n, f.self_loops); ++i)
    if (std::find(f.classes.begin(), f.classes.end(), i) == f.classes.end()) other.classes.push_back(i);
  return other;
}

double parity_error(const LearnedParity& f, std::span<const Index> t, int b_t, double edge_probability) {
  return (1 - sign_correlation(f.n, f.self_loops, f.classes, f.b, t, b_t, edge_probability)) / 2;
}

bool same_parity(const LearnedParity& f, std::span<const Index> t, int b_t) {
  const Index classes = degree_classes(f.n, f.self_loops);
  std::vector<std::uint8_t> differ(classes);
  for (const Index i : f.classes) differ[i - 1] ^= 1;
  for (const Index i : t) differ[i - 1] ^= 1;
  const Index different = std::count(differ.begin(), differ.end(), 1);
  if (different == 0) return f.b == b_t;
  return different == classes && (f.b + b_t + f.n) % 2 == 0;
}

std::string parity_json(const LearnedParity& f) {
  std::string list;
  for (const Index i : f.classes) list += concat(list.empty() ? "" : ", ", i);
  return concat(R"({"n": )", f.n, R"(, "self_loops": )", f.self_loops ? "true" : "false", R"(, "S": [)", list,
                R"(], "b": )", f.b, "}");
}

}  // namespace eqnn::hard
