// Gaussian elimination over GF(2), and what it learns: parities of degree counts (gnn_degree_parity.h), which
// statistical queries and gradient descent do not.
//
//   g_{S,b}(A) = b + sum_{i in S} c_i mod 2 is linear in (S, b): a graph is the equation (c mod 2, 1) . (S, b) = g.
//
// What it proves: the functions (S, b) that agree with m noiseless graphs are found, and a fresh graph whose row is
// in the span of theirs is labelled right. Rows have rank at most L, since sum_i c_i = n makes (1, ..., 1, n mod 2)
// orthogonal to all of them: of m + 1 exchangeable rows at most L are outside the span of the others, so the chance
// that the last one is, and the mean error with it, is at most L / (m + 1), whatever the law of the graphs.
// What it does not: with a single wrong label nothing is left of it.
// Source: Fischer and Simon 1992, "On learning ring-sum expansions"; Helmbold, Sloan and Warmuth 1992, "Learning
// integer lattices" (parities by linear algebra); Haussler, Littlestone and Warmuth 1994 (leaving one of m + 1
// out).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../../core/matrix.h"

namespace eqnn::hard {

// The most unknowns of a system.
inline constexpr Index kMaxUnknowns = 65536;

// Linear equations over GF(2), taken in one at a time: a row echelon form of what is independent, packed 64
// unknowns a word. A row costs rank / 2 sums of half a row on average: 4,096 unknowns and ten times as many
// equations are a few seconds. Unknown j is bit j mod 64 of word j / 64; bits from `unknowns` on do not count.
// Threads: any number may read; whoever adds does so alone.
class Gf2System {
 public:
  enum class Kind : std::uint8_t { independent, dependent, contradiction };

  // Throws ValueError unless 1 <= unknowns <= kMaxUnknowns.
  explicit Gf2System(Index unknowns);

  // Takes in sum_j row_j x_j = right. A contradiction, an equation whose left side the others imply with the other
  // right side, is counted and left out. Throws ValueError for a row of another size than words().
  Kind add(std::span<const std::uint64_t> row, bool right);

  Index unknowns() const { return unknowns_; }
  Index words() const { return (unknowns_ + 63) / 64; }  // of a row
  Index equations() const { return equations_; }         // taken in, contradictions among them
  Index contradictions() const { return contradictions_; }
  Index rank() const { return static_cast<Index>(pivots_.size()); }
  Index last_rise() const { return last_rise_; }  // the number of equations at which the rank last rose

  // The right side that the equations imply for a row; nothing for a row outside of their span.
  std::optional<bool> implied(std::span<const std::uint64_t> row) const;
  // The solution in which unknowns that no equation decides (those without a pivot) are 0.
  std::vector<std::uint64_t> solution() const;
  // A basis of the solutions of the homogeneous equations, unknowns() - rank() vectors: what may be added to a
  // solution.
  std::vector<std::vector<std::uint64_t>> free_directions() const;

 private:
  void load(std::span<const std::uint64_t> row, bool right, std::uint64_t* v) const;
  void reduce(std::uint64_t* v) const;
  bool left_is_zero(const std::uint64_t* v) const;
  void substitute_back(std::vector<std::uint64_t>& x) const;
  const std::uint64_t* row(Index k) const { return rows_.data() + k * width_; }

  Index unknowns_, width_;  // width_: words of an equation; the right side is bit `unknowns_`
  Index equations_ = 0, contradictions_ = 0, last_rise_ = 0;
  std::vector<std::uint64_t> rows_;       // independent equations; the lowest bit of each is its pivot
  std::vector<Index> pivots_;             // of row k
  std::vector<std::uint64_t> has_pivot_;  // by unknown, as bits
  std::vector<Index> row_of_;             // by unknown; -1: no pivot
  std::vector<std::uint64_t> work_;
};

// What was learned of g_{S,b} from graphs.
struct LearnedParity {
  Index n = 0;
  bool self_loops = false;
  // S and b of the smaller one of S and its complement, which with b + n mod 2 is the same function; of two of
  // equal size the one that has class 1.
  std::vector<Index> classes = {};
  int b = 0;
  Index samples = 0, rank = 0;
  Index last_rise = 0;        // the sample at which the rank last rose
  Index free_directions = 0;  // L - rank: 2^free_directions functions agree with the sample
  double guarantee = 1;       // L / (samples + 1), the bound on the mean error above
};

// Learns from graphs, one after the other.
class DegreeParityLearner {
 public:
  // Throws ValueError unless 2 <= n <= kMaxNodes.
  DegreeParityLearner(Index n, bool self_loops);

  // A graph as a 0/1 matrix [n, n] and its label g; or its degree counts c_1, ..., c_L. Throws ValueError for other
  // shapes or entries, and for a label other than 0 and 1.
  void add(MatrixView<const double> adjacency, int g);
  void add(std::span<const Index> counts, int g);

  const Gf2System& system() const { return system_; }
  // Throws ValueError when no (S, b) has the labels of the sample.
  LearnedParity result() const;
  // g of a graph with these counts, where the sample decides it.
  std::optional<int> decided(std::span<const Index> counts) const;

 private:
  std::vector<std::uint64_t> row_of(std::span<const Index> counts) const;

  Index n_, classes_;
  bool self_loops_;
  Gf2System system_;  // unknowns: class i is i - 1, b is L
};

// g_{S,b} of an adjacency matrix, S possibly empty or full. Throws ValueError as degree_counts does.
int parity_value(const LearnedParity& f, MatrixView<const double> adjacency);
// The other name of the same function: the complement of S, and b + n mod 2.
LearnedParity complement(const LearnedParity& f);
// P(g_{S,b} != g_{T,b'}) = (1 - E (-1)^(g + g')) / 2 of two parities, exact.
double parity_error(const LearnedParity& f, std::span<const Index> t, int b_t, double edge_probability = 0.5);
// Whether they are the same function: S = T and b = b', or S the complement of T and b = b' + n mod 2.
bool same_parity(const LearnedParity& f, std::span<const Index> t, int b_t);
// The member file's form, {"n": 4, "self_loops": false, "S": [1, 3], "b": 0}.
std::string parity_json(const LearnedParity& f);

}  // namespace eqnn::hard
