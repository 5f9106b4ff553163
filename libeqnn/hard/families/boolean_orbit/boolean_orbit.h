// Random Boolean functions of orbits (Kiani et al., ICLR 2024): one fair bit an orbit of a group that permutes
// the bits of its input. A network can only memorise such a function: no computational gap, since the bits of
// different orbits say nothing about each other and about N_eff of them have to be seen.
//
// Inputs are n iid fair bits. The orbit O of x has probability p_O = |O| / 2^n and as its canonical
// representative its lexicographically least string. The groups, and that representative:
//   cyclic     C_n, the n rotations                       the least rotation
//   symmetric  S_n, all permutations of the bits          0^(n-w) 1^w, w the Hamming weight
//   adjacency  S_m on the m^2 bits of a directed graph with loops, row by row, both its rows and columns
//              relabelled                                 the least of the m! relabelled strings
// The bit of an orbit is a hash of (seed, group, n, representative), so that a member is its seed.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../../family.h"

namespace eqnn::hard {

// The value is the group's tag in the hash.
enum class OrbitGroup : std::uint8_t { cyclic = 1, symmetric = 2, adjacency = 3, trivial = 4 };
std::string_view name(OrbitGroup group);
// Throws ValueError for an unknown name.
OrbitGroup orbit_group(std::string_view name);

inline constexpr Index kMaxBits = 1024;          // of an input
inline constexpr Index kMostTrivialBits = 1000;  // without a group: 2^n orbits are a double
inline constexpr Index kMaxRelabelNodes = 8;     // of a graph: its representative is one of m! strings

// The group and the length of its strings. Throws ValueError for n < 1 or n > kMaxBits; for adjacency also for n
// that is no square m^2, or m > kMaxRelabelNodes.
struct OrbitLaw {
  OrbitLaw(OrbitGroup group, Index n);
  OrbitGroup group;
  Index n;      // bits
  Index nodes;  // m for adjacency, else 0
};

// Replaces a string by the lexicographically least of its orbit. Bit i of the string is bit i mod 64 of word
// i / 64; bits from n on are 0. REQUIRES: words.size() == (n + 63) / 64. O(n) time, but for adjacency, where it
// grows with the number of relabellings that agree on the first rows (m! for a graph without edges).
void canonicalise(const OrbitLaw& law, std::span<std::uint64_t> words);

// The finaliser of splitmix64, and one step of the hash: mix64((h xor w) + 0x9E3779B97F4A7C15).
std::uint64_t mix64(std::uint64_t v);
std::uint64_t absorb(std::uint64_t h, std::uint64_t w);
// The bit of an orbit under `seed`: the top bit of absorb over tag, n and the words of the representative (bit i
// of the string is bit i mod 64 of word i / 64), from mix64(seed + 0x9E3779B97F4A7C15) on.
int orbit_bit(const OrbitLaw& law, std::uint64_t seed, std::span<const std::uint64_t> representative);

// --- Exact facts of the law.

// The number of orbits; the first is empty from 2^64 on, and is always there for n <= 64.
std::optional<std::uint64_t> exact_orbit_count(const OrbitLaw& law);
double orbit_count(const OrbitLaw& law);
// Directed graphs on `nodes` <= 8 nodes up to isomorphism, by Burnside's lemma.
std::uint64_t adjacency_orbit_count(Index nodes, bool loops);
// sum_O p_O^2 = E_f <f, h>^2 at most, for |h| <= 1. Empty for adjacency with m > 4.
std::optional<double> squared_mass(const OrbitLaw& law);
// The same, or an upper bound where it is empty: m! / 2^(m^2).
double squared_mass_bound(const OrbitLaw& law);
// max_O p_O.
double largest_mass(const OrbitLaw& law);
// Whether for_each_orbit can list the orbits: symmetric, cyclic and trivial with n <= 20, adjacency with m <= 4.
bool enumerable(const OrbitLaw& law);
// Calls visit(words of the representative, p_O) for every orbit. REQUIRES: enumerable(law).
void for_each_orbit(const OrbitLaw& law, const std::function<void(std::span<const std::uint64_t>, double)>& visit);

// The function of a seed. Immutable; any number of threads may use it at the same time.
class BooleanOrbit final : public MemberOf<BooleanOrbit> {
 public:
  // Throws ValueError for a law that is not allowed, and where every orbit has the same bit (tiny n).
  BooleanOrbit(OrbitGroup group, Index n, std::uint64_t seed);

  const OrbitLaw& law() const { return law_; }
  std::uint64_t seed() const { return seed_; }
  // E (1 - 2g) = sum_O p_O (1 - 2g_O), over all orbits; empty where they cannot be listed.
  std::optional<double> mean_sign() const { return mean_; }

  // "x": [b, n, 1], in files [count, n]; adjacency: [b, m, m], in files [count, n] too, row by row.
  const InputLayout& input() const override { return layout_; }
  bool two_valued() const override { return true; }
  // Bit i of input number e is bit i of e.
  Index input_count() const override { return law_.n <= 24 ? Index{1} << law_.n : 0; }
  void list_inputs(Index first, Block<float> x) const override;
  void list_inputs(Index first, Block<double> x) const override;
  // C_n or S_n; S_m acts on the pairs of points, not on the points.
  std::optional<PermutationGroup> group() const override;
  std::optional<InputAction> action() const override;
  std::vector<GroupElement> symmetries(Index random, std::uint64_t seed) const override;
  double value(MatrixView<const double> x) const override;
  // 1 - mean_sign^2; where the orbits cannot be listed 1 - squared_mass_bound, which is right on average over
  // seeds (and at most 1e-5 from 1).
  double target_variance() const override;

  // {"group": "cyclic", "n": 20, "seed": "7"}
  std::string json() const override;
  std::vector<Fact> facts() const override;
  std::vector<std::string> warnings() const override;
  std::vector<Check> check(const CheckOptions& options) const override;

 private:
  friend class MemberOf<BooleanOrbit>;
  // Bit i of an example is bit i of its words, from the lowest on.
  template <class T>
  void inputs_of(const Counter& at, const Block<T>& x) const;
  // REQUIRES: entries 0 or 1.
  template <class T>
  void targets_of(const Block<const T>& x, T* y) const;
  // 1[weight > n/2], centred and scaled by its exact mean and variance.
  template <class T>
  void controls_of(const Block<const T>& x, T* y) const;

  OrbitLaw law_;
  std::uint64_t seed_, prefix_;  // prefix_: the hash before the words
  std::optional<double> mean_;
  double share_;  // P(weight > n/2)
  InputLayout layout_;
};

extern template class MemberOf<BooleanOrbit>;

// Family::check_members of this family.
std::vector<Check> check_boolean_orbits(const OrbitLaw& law, Index members, const CheckOptions& options);

// The family boolean-orbit, for the list of all.
Family boolean_orbit_family();

}  // namespace eqnn::hard
