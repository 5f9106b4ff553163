// Orbits of strings of bits: representatives, and exact counts and probabilities.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

#include "boolean_orbit.h"

namespace eqnn::hard {
namespace {

constexpr Index kMostEnumeratedBits = 20;  // cyclic: 52,488 orbits
constexpr Index kMostEnumeratedNodes = 4;  // adjacency: 3,044 orbits

std::uint64_t low_bits(Index n) { return ~std::uint64_t{0} >> (64 - n); }

// The n bits of a word in the opposite order, so that lexicographic order of strings is order of numbers.
std::uint64_t reversed(std::uint64_t v, Index n) {
  v = (v >> 1 & 0x5555555555555555u) | (v & 0x5555555555555555u) << 1;
  v = (v >> 2 & 0x3333333333333333u) | (v & 0x3333333333333333u) << 2;
  v = (v >> 4 & 0x0F0F0F0F0F0F0F0Fu) | (v & 0x0F0F0F0F0F0F0F0Fu) << 4;
  v = (v >> 8 & 0x00FF00FF00FF00FFu) | (v & 0x00FF00FF00FF00FFu) << 8;
  v = (v >> 16 & 0x0000FFFF0000FFFFu) | (v & 0x0000FFFF0000FFFFu) << 16;
  return (v >> 32 | v << 32) >> (64 - n);
}

// --- representatives -------------------------------------------------------------------------------------

// First bit of the string highest.
std::uint64_t least_rotation(std::uint64_t v, Index n) {
  std::uint64_t least = v;
  for (Index i = 1; i < n; ++i) {
    v = (v << 1 & low_bits(n)) | v >> (n - 1);
    least = std::min(least, v);
  }
  return least;
}

// Start of the least rotation. Two candidates race; the loser and all starts that it covers are out.
Index least_start(std::span<const std::uint8_t> s) {
  const Index n = static_cast<Index>(s.size());
  const auto at = [&](Index i) { return s[i < n ? i : i - n]; };
  Index i = 0, j = 1, k = 0;
  while (i < n && j < n && k < n) {
    if (at(i + k) == at(j + k)) {
      ++k;
      continue;
    }
    (at(i + k) > at(j + k) ? i : j) += k + 1;
    if (i == j) ++j;
    k = 0;
  }
  return std::min(i, j);
}

void rotate_to_least(Index n, std::span<std::uint64_t> words) {
  std::array<std::uint8_t, kMaxBits> bits;
  for (Index i = 0; i < n; ++i) bits[i] = words[i / 64] >> i % 64 & 1;
  const Index start = least_start({bits.data(), static_cast<std::size_t>(n)});
  std::fill(words.begin(), words.end(), std::uint64_t{0});
  for (Index i = 0; i < n; ++i) {
    const Index from = start + i < n ? start + i : start + i - n;
    words[i / 64] |= std::uint64_t{bits[from]} << i % 64;
  }
}

// Ones last.
void sort_bits(Index n, std::span<std::uint64_t> words) {
  Index zeros = n;
  for (const std::uint64_t w : words) zeros -= std::popcount(w);
  for (Index first = 0; first < n; first += 64) {
    const Index size = std::min<Index>(64, n - first), skip = std::clamp<Index>(zeros - first, 0, size);
    words[first / 64] = skip == size ? 0 : low_bits(size) >> skip << skip;
  }
}

// The least relabelling of a graph, row by row. Once the first nodes are chosen, the others stand in an ordered
// partition: every order within its cells gives the same rows so far. The next node comes from the first cell;
// its least row is had by putting in each cell those without an edge from it first, and that splits the cells.
class LeastRelabelling {
 public:
  // Entry (i, j) is bit i m + j of `graph`.
  LeastRelabelling(Index m, std::uint64_t graph) : m_(static_cast<int>(m)) {
    for (int i = 0; i < m_; ++i) edges_[i] = static_cast<std::uint32_t>(graph >> i * m_ & low_bits(m));
    least_.fill(kWorst);
    Cells all;
    all.count = 1;
    all.nodes[0] = static_cast<std::uint32_t>(low_bits(m));
    search(0, all);
  }
  std::uint64_t graph() const {
    std::uint64_t v = 0;
    for (int i = 0; i < m_; ++i) v |= reversed(least_[i], m_) << i * m_;
    return v;
  }

 private:
  static constexpr std::uint32_t kWorst = ~std::uint32_t{0};
  struct Cells {
    std::array<std::uint32_t, kMaxRelabelNodes> nodes{};
    int count = 0;
  };

  std::uint32_t& edges(int i) { return edges_[i]; }

  void search(int level, const Cells& cells) {
    if (level == m_) return;
    for (std::uint32_t left = cells.nodes[0]; left != 0; left &= left - 1) {
      const int node = std::countr_zero(left);
      Cells next;
      const std::uint32_t row = place(level, node, cells, next);
      std::uint32_t& least = least_[level];
      if (row > least) continue;
      if (row < least) {
        least = row;
        std::fill(least_.begin() + level + 1, least_.end(), kWorst);
      }
      placed_[level] = node;
      search(level + 1, next);
    }
  }
  // The least row of `node` at place `level`, its first entry highest, and the cells after it.
  std::uint32_t place(int level, int node, const Cells& cells, Cells& next) {
    const std::uint32_t out = edges(node);
    std::uint32_t row = 0;
    for (int j = 0; j < level; ++j) row = row << 1 | (out >> placed_[j] & 1);
    row = row << 1 | (out >> node & 1);
    for (int c = 0; c < cells.count; ++c) {
      const std::uint32_t cell = cells.nodes[c] & ~(1u << node);
      const std::uint32_t with = cell & out, without = cell & ~out;
      const int ones = std::popcount(with);
      row = row << std::popcount(cell) | ((1u << ones) - 1);
      if (without != 0) next.nodes[next.count++] = without;
      if (with != 0) next.nodes[next.count++] = with;
    }
    return row;
  }

  int m_;
  std::array<std::uint32_t, kMaxRelabelNodes> edges_{}, least_{};
  std::array<int, kMaxRelabelNodes> placed_{};
};

// --- exact sums --------------------------------------------------------------------------------------------

// sum of weight 2^exponent / divisor in whole numbers, where the terms are too large and the sum is not.
class PowerSum {
 public:
  explicit PowerSum(std::uint64_t divisor) : divisor_(divisor) {}

  void add(std::uint64_t weight, Index exponent) {
    std::uint64_t whole = 0, rest = 1;  // of 2^exponent / divisor
    for (Index i = 0; i < exponent; ++i) {
      rest *= 2;
      whole = 2 * whole + rest / divisor_;
      rest %= divisor_;
    }
    rest_ += weight * rest;
    whole_ += weight * whole + rest_ / divisor_;
    rest_ %= divisor_;
  }
  std::uint64_t value() const { return whole_; }

 private:
  std::uint64_t divisor_, whole_ = 0, rest_ = 0;
};

Index totient(Index d) {
  Index count = 0;
  for (Index i = 1; i <= d; ++i) count += std::gcd(i, d) == 1;
  return count;
}

int moebius(Index d) {
  int sign = 1;
  for (Index p = 2; p <= d; ++p) {
    if (d % p != 0) continue;
    d /= p;
    if (d % p == 0) return 0;
    sign = -sign;
  }
  return sign;
}

// Aperiodic necklaces of d bits, divided by 2^scale.
long double lyndon(Index d, Index scale) {
  long double sum = 0;
  for (Index e = 1; e <= d; ++e)
    if (d % e == 0) sum += moebius(d / e) * std::ldexp(1.0L, static_cast<int>(e - scale));
  return sum / static_cast<long double>(d);
}

std::uint64_t factorial(Index m) {
  std::uint64_t f = 1;
  for (Index i = 2; i <= m; ++i) f *= static_cast<std::uint64_t>(i);
  return f;
}

// Calls visit(cycle lengths, number of permutations of m points with them) for every partition of m.
template <class Visit>
void for_cycle_types(Index left, Index largest, std::vector<Index>& cycles, const Visit& visit) {
  if (left > 0) {
    for (Index c = std::min(left, largest); c >= 1; --c) {
      cycles.push_back(c);
      for_cycle_types(left - c, c, cycles, visit);
      cycles.pop_back();
    }
    return;
  }
  std::uint64_t centraliser = 1, run = 0;
  for (std::size_t i = 0; i < cycles.size(); ++i) {
    run = i > 0 && cycles[i] == cycles[i - 1] ? run + 1 : 1;
    centraliser *= static_cast<std::uint64_t>(cycles[i]) * run;
  }
  visit(factorial(std::accumulate(cycles.begin(), cycles.end(), Index{0})) / centraliser);
}

// --- lists of orbits ---------------------------------------------------------------------------------------

using Visit = std::function<void(std::span<const std::uint64_t>, double)>;

// Weight w has C(n, w) / 2^n.
void for_weights(Index n, const Visit& visit) {
  std::vector<std::uint64_t> words((n + 63) / 64);
  long double mass = std::ldexp(1.0L, static_cast<int>(-n));
  for (Index w = 0;; ++w) {
    visit(words, static_cast<double>(mass));
    if (w == n) return;
    mass *= static_cast<long double>(n - w) / static_cast<long double>(w + 1);
    const Index bit = n - 1 - w;
    words[bit / 64] |= std::uint64_t{1} << bit % 64;
  }
}

// Duval's algorithm goes through the Lyndon words of at most n bits; one of d bits, d a divisor of n, repeated to
// n bits is a least rotation, and its orbit has d strings.
void for_necklaces(Index n, const Visit& visit) {
  std::vector<std::uint8_t> w = {0};
  for (;;) {
    const std::size_t d = w.size();
    for (std::size_t i = d; i < static_cast<std::size_t>(n); ++i) w.push_back(w[i - d]);
    if (static_cast<std::size_t>(n) % d == 0) {
      std::uint64_t word = 0;
      for (std::size_t i = 0; i < w.size(); ++i) word |= std::uint64_t{w[i]} << i;
      visit({&word, 1}, std::ldexp(static_cast<double>(d), static_cast<int>(-n)));
    }
    while (!w.empty() && w.back() == 1) w.pop_back();
    if (w.empty()) return;
    w.back() = 1;
  }
}

void for_strings(Index n, const Visit& visit) {
  for (std::uint64_t word = 0; word < std::uint64_t{1} << n; ++word)
    visit({&word, 1}, std::ldexp(1.0, static_cast<int>(-n)));
}

std::uint64_t relabelled(std::uint64_t graph, Index m, const std::vector<Index>& p) {
  std::uint64_t moved = 0;
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < m; ++j) moved |= (graph >> (i * m + j) & 1) << (p[i] * m + p[j]);
  return moved;
}

void for_graphs(const OrbitLaw& law, const Visit& visit) {
  const std::uint64_t graphs = std::uint64_t{1} << law.n;
  std::vector<bool> seen(graphs);
  std::vector<Index> p(law.nodes);
  for (std::uint64_t graph = 0; graph < graphs; ++graph) {
    if (seen[graph]) continue;
    std::iota(p.begin(), p.end(), Index{0});
    Index size = 0;
    do {
      const std::uint64_t moved = relabelled(graph, law.nodes, p);
      size += !seen[moved];
      seen[moved] = true;
    } while (std::next_permutation(p.begin(), p.end()));
    std::uint64_t word = graph;
    canonicalise(law, {&word, 1});
    visit({&word, 1}, std::ldexp(static_cast<double>(size), static_cast<int>(-law.n)));
  }
}

}  // namespace

std::string_view name(OrbitGroup group) {
  switch (group) {
    case OrbitGroup::cyclic:
      return "cyclic";
    case OrbitGroup::symmetric:
      return "symmetric";
    case OrbitGroup::adjacency:
      return "adjacency";
    case OrbitGroup::trivial:
      return "trivial";
  }
  throw Error("not a group of strings");
}

OrbitGroup orbit_group(std::string_view text) {
  for (const OrbitGroup g : {OrbitGroup::cyclic, OrbitGroup::symmetric, OrbitGroup::adjacency, OrbitGroup::trivial})
    if (name(g) == text) return g;
  throw ValueError(concat("unknown group '", text, "'; allowed are cyclic, symmetric, adjacency, trivial"));
}

OrbitLaw::OrbitLaw(OrbitGroup g, Index bits) : group(g), n(bits), nodes(0) {
  require(n >= 1, "n is ", n, "; need n >= 1 bits");
  require(n <= kMaxBits, "n is ", n, "; at most ", kMaxBits, " bits are supported");
  require(group != OrbitGroup::trivial || n <= kMostTrivialBits, "n is ", n, "; at most ", kMostTrivialBits,
          " bits are supported without a group");
  if (group != OrbitGroup::adjacency) return;
  while ((nodes + 1) * (nodes + 1) <= n) ++nodes;
  require(nodes * nodes == n, "adjacency length not a square: n is ", n,
          "; a graph on m nodes has n = m^2 bits, say ",
          std::min(nodes * nodes, kMaxRelabelNodes * kMaxRelabelNodes));
  require(nodes <= kMaxRelabelNodes, "n is ", n, ", m is ", nodes,
          "; m! canonicalisation: m must be <= ", kMaxRelabelNodes);
}

void canonicalise(const OrbitLaw& law, std::span<std::uint64_t> words) {
  if (law.group == OrbitGroup::trivial) return;
  if (law.group == OrbitGroup::symmetric) return sort_bits(law.n, words);
  if (law.group == OrbitGroup::adjacency)
    words[0] = LeastRelabelling(law.nodes, words[0]).graph();
  else if (law.n <= 64)
    words[0] = reversed(least_rotation(reversed(words[0], law.n), law.n), law.n);
  else
    rotate_to_least(law.n, words);
}

std::uint64_t adjacency_orbit_count(Index nodes, bool loops) {
  require(nodes >= 1 && nodes <= kMaxRelabelNodes, "nodes is ", nodes, "; it must be 1 to ", kMaxRelabelNodes);
  PowerSum sum(factorial(nodes));
  std::vector<Index> cycles;
  for_cycle_types(nodes, nodes, cycles, [&](std::uint64_t permutations) {
    Index exponent = loops ? 0 : -static_cast<Index>(cycles.size());
    for (const Index a : cycles)
      for (const Index b : cycles) exponent += std::gcd(a, b);
    sum.add(permutations, exponent);
  });
  return sum.value();
}

std::optional<std::uint64_t> exact_orbit_count(const OrbitLaw& law) {
  if (law.group == OrbitGroup::symmetric) return static_cast<std::uint64_t>(law.n + 1);
  if (law.group == OrbitGroup::adjacency) return adjacency_orbit_count(law.nodes, true);
  if (law.n > 64 || (law.group == OrbitGroup::trivial && law.n == 64)) return std::nullopt;
  if (law.group == OrbitGroup::trivial) return std::uint64_t{1} << law.n;
  PowerSum sum(static_cast<std::uint64_t>(law.n));
  for (Index d = 1; d <= law.n; ++d)
    if (law.n % d == 0) sum.add(static_cast<std::uint64_t>(totient(d)), law.n / d);
  return sum.value();
}

double orbit_count(const OrbitLaw& law) {
  if (const auto exact = exact_orbit_count(law)) return static_cast<double>(*exact);
  if (law.group == OrbitGroup::trivial) return std::ldexp(1.0, static_cast<int>(law.n));
  long double sum = 0;
  for (Index d = 1; d <= law.n; ++d)
    if (law.n % d == 0) sum += lyndon(d, 0);
  return static_cast<double>(sum);
}

bool enumerable(const OrbitLaw& law) {
  return law.group == OrbitGroup::symmetric ||
         (law.group == OrbitGroup::adjacency ? law.nodes <= kMostEnumeratedNodes : law.n <= kMostEnumeratedBits);
}

void for_each_orbit(const OrbitLaw& law, const Visit& visit) {
  require(enumerable(law), "n is ", law.n, "; orbits of ", name(law.group), " are listed up to n = ",
          law.group == OrbitGroup::adjacency ? kMostEnumeratedNodes * kMostEnumeratedNodes : kMostEnumeratedBits);
  if (law.group == OrbitGroup::symmetric) return for_weights(law.n, visit);
  if (law.group == OrbitGroup::cyclic) return for_necklaces(law.n, visit);
  if (law.group == OrbitGroup::trivial) return for_strings(law.n, visit);
  for_graphs(law, visit);
}

std::optional<double> squared_mass(const OrbitLaw& law) {
  if (law.group == OrbitGroup::adjacency) {
    if (!enumerable(law)) return std::nullopt;
    double sum = 0;
    for_each_orbit(law, [&](std::span<const std::uint64_t>, double mass) { sum += mass * mass; });
    return sum;
  }
  if (law.group == OrbitGroup::trivial) return largest_mass(law);
  long double sum = law.group == OrbitGroup::symmetric ? 1 : 0;
  for (Index i = 1; i <= law.n; ++i) {
    if (law.group == OrbitGroup::symmetric)  // C(2n, n) / 4^n
      sum *= static_cast<long double>(2 * i - 1) / static_cast<long double>(2 * i);
    else if (law.n % i == 0)
      sum += lyndon(i, 2 * law.n) * static_cast<long double>(i * i);
  }
  return static_cast<double>(sum);
}

double squared_mass_bound(const OrbitLaw& law) {
  if (const auto exact = squared_mass(law)) return *exact;
  return largest_mass(law);
}

double largest_mass(const OrbitLaw& law) {
  if (law.group == OrbitGroup::trivial) return std::ldexp(1.0, static_cast<int>(-law.n));
  if (law.group == OrbitGroup::cyclic)  // 0..01 has n rotations
    return std::ldexp(static_cast<double>(law.n), static_cast<int>(-law.n));
  if (law.group == OrbitGroup::adjacency)  // a transitive tournament has no symmetry
    return std::ldexp(static_cast<double>(factorial(law.nodes)), static_cast<int>(-law.n));
  double largest = 0;
  for_each_orbit(law, [&](std::span<const std::uint64_t>, double mass) { largest = std::max(largest, mass); });
  return largest;
}

}  // namespace eqnn::hard
