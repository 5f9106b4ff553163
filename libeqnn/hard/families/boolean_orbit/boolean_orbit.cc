#include "boolean_orbit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "../../../kernels/kernels.h"
#include "../../member_of.h"

namespace eqnn::hard {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15u;
constexpr std::size_t kMostWords = kMaxBits / 64;
using Words = std::array<std::uint64_t, kMostWords>;

std::uint64_t hash_prefix(const OrbitLaw& law, std::uint64_t seed) {
  const std::uint64_t tagged = absorb(mix64(seed + kGolden), static_cast<std::uint64_t>(law.group));
  return absorb(tagged, static_cast<std::uint64_t>(law.n));
}
int top_bit(std::uint64_t h, std::span<const std::uint64_t> words) {
  for (const std::uint64_t w : words) h = absorb(h, w);
  return static_cast<int>(h >> 63);
}

template <class T>
void sample_bits(Index n, Counter at, const Block<T>& x) {
  const Index blocks = (n + 127) / 128;
  std::array<std::uint32_t, kMaxBits / 32> words;
  for (Index e = 0; e < x.examples; ++e, ++at.example) {
    kernels::philox_words(at, 0, blocks, words.data());
    Index bit = 0;
    for (Index p = 0; p < x.points; ++p) {
      T* row = x.row(e, p);
      for (Index c = 0; c < x.channels; ++c, ++bit) row[c] = static_cast<T>(words[bit / 32] >> bit % 32 & 1);
    }
  }
}

template <class T>
void list_strings(Index first, const Block<T>& x) {
  for (Index e = 0; e < x.examples; ++e) {
    Index bits = first + e;
    for (Index p = 0; p < x.points; ++p)
      for (Index c = 0; c < x.channels; ++c, bits >>= 1) x(e, p, c) = static_cast<T>(bits & 1);
  }
}

// Bit i of the string, point after point, is bit i mod 64 of word i / 64.
template <class T>
void read_bits(const Block<const T>& x, Index example, std::span<std::uint64_t> words) {
  std::fill(words.begin(), words.end(), std::uint64_t{0});
  Index bit = 0;
  for (Index p = 0; p < x.points; ++p) {
    const T* row = x.row(example, p);
    for (Index c = 0; c < x.channels; ++c, ++bit) words[bit / 64] |= std::uint64_t{row[c] != T(0)} << bit % 64;
  }
}

// P(weight > n/2) = 1/2, less half the probability of n/2 for even n.
double heavy_share(Index n) {
  if (n % 2 == 1) return 0.5;
  long double middle = 1;
  for (Index i = 1; i <= n / 2; ++i)
    middle *= static_cast<long double>(2 * i - 1) / static_cast<long double>(2 * i);
  return static_cast<double>((1 - middle) / 2);
}

// The mean over all orbits; throws ValueError where it is 1 or -1.
std::optional<double> exact_mean(const OrbitLaw& law, std::uint64_t prefix) {
  if (!enumerable(law)) return std::nullopt;
  double zeros = 0, ones = 0;
  for_each_orbit(law, [&](std::span<const std::uint64_t> words, double mass) {
    (top_bit(prefix, words) == 0 ? zeros : ones) += mass;
  });
  require(zeros > 0 && ones > 0, "every orbit of ", name(law.group), " at n = ", law.n, " has the label ",
          ones > 0 ? 1 : 0, ": the label is constant; take another seed or a larger n");
  return zeros - ones;
}

}  // namespace

std::uint64_t mix64(std::uint64_t v) {
  v = (v ^ v >> 30) * 0xBF58476D1CE4E5B9u;
  v = (v ^ v >> 27) * 0x94D049BB133111EBu;
  return v ^ v >> 31;
}

std::uint64_t absorb(std::uint64_t h, std::uint64_t w) { return mix64((h ^ w) + kGolden); }

int orbit_bit(const OrbitLaw& law, std::uint64_t seed, std::span<const std::uint64_t> representative) {
  return top_bit(hash_prefix(law, seed), representative);
}

// --- the member ------------------------------------------------------------------------------------------

BooleanOrbit::BooleanOrbit(OrbitGroup group, Index n, std::uint64_t seed)
    : law_(group, n),
      seed_(seed),
      prefix_(hash_prefix(law_, seed)),
      mean_(exact_mean(law_, prefix_)),
      share_(heavy_share(n)) {
  const Index nodes = law_.nodes;
  layout_ = {"x", nodes > 0 ? nodes : n, nodes > 0 ? nodes : 1, true, {n}};
}

std::optional<PermutationGroup> BooleanOrbit::group() const {
  if (law_.group == OrbitGroup::cyclic) return PermutationGroup::cyclic(law_.n);
  if (law_.group == OrbitGroup::symmetric) return PermutationGroup::symmetric(law_.n);
  if (law_.group == OrbitGroup::trivial) return PermutationGroup::trivial(law_.n);
  return {};
}

std::optional<InputAction> BooleanOrbit::action() const {
  if (law_.group != OrbitGroup::adjacency) return Member::action();
  return InputAction::permutations(PermutationGroup::symmetric(law_.nodes), InputAction::Moves::pairs);
}

std::vector<GroupElement> BooleanOrbit::symmetries(Index random, std::uint64_t seed) const {
  if (law_.group != OrbitGroup::adjacency) return Member::symmetries(random, seed);
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(PermutationGroup::symmetric(law_.nodes), 100, random, seed))
    elements.push_back({to_string(p), [p](const Sample& x) { return Sample{{"x", permute_pairs(x.at("x"), p)}}; }});
  return elements;
}

template <class T>
void BooleanOrbit::inputs_of(const Counter& at, const Block<T>& x) const {
  sample_bits(law_.n, at, x);
}

void BooleanOrbit::list_inputs(Index first, Block<float> x) const { list_strings(first, x); }
void BooleanOrbit::list_inputs(Index first, Block<double> x) const { list_strings(first, x); }

double BooleanOrbit::value(MatrixView<const double> x) const {
  require(x.rows == layout_.points && x.cols == layout_.channels, "the input is ", x.rows, " x ", x.cols,
          "; this member takes ", layout_.points, " x ", layout_.channels);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j)
      if (x(i, j) != 0 && x(i, j) != 1)
        throw ValueError(fmt::format("x entry ({}, {}) is {}; entries must be 0 or 1", i, j, x(i, j)));
  double target = 0;
  targets({x.data, 1, x.rows, x.cols, x.stride}, &target);
  return target < 0 ? 1 : 0;
}

template <class T>
void BooleanOrbit::targets_of(const Block<const T>& x, T* y) const {
  Words memory;
  const std::span<std::uint64_t> words(memory.data(), (law_.n + 63) / 64);
  for (Index e = 0; e < x.examples; ++e) {
    read_bits(x, e, words);
    canonicalise(law_, words);
    y[e] = static_cast<T>(1 - 2 * top_bit(prefix_, words));
  }
}

template <class T>
void BooleanOrbit::controls_of(const Block<const T>& x, T* y) const {
  const double deviation = std::sqrt(share_ * (1 - share_));
  const T heavy = static_cast<T>((1 - share_) / deviation), light = static_cast<T>(-share_ / deviation);
  for (Index e = 0; e < x.examples; ++e) {
    Index weight = 0;
    for (Index p = 0; p < x.points; ++p)
      for (Index c = 0; c < x.channels; ++c) weight += x(e, p, c) != T(0);
    y[e] = 2 * weight > law_.n ? heavy : light;
  }
}

template class MemberOf<BooleanOrbit>;

double BooleanOrbit::target_variance() const { return 1 - (mean_ ? *mean_ * *mean_ : squared_mass_bound(law_)); }

std::vector<Fact> BooleanOrbit::facts() const {
  const double mass = squared_mass_bound(law_), orbits = orbit_count(law_), spread = std::sqrt(mass);
  const bool exact = squared_mass(law_).has_value();
  std::vector<Fact> facts = {{"n", static_cast<double>(law_.n), 0, "bits of an input"}};
  if (law_.nodes > 0) facts.push_back({"nodes", static_cast<double>(law_.nodes), 0, "m, n = m^2"});
  const std::string unlisted = " (not exact: too many orbits; 0 +- its size over seeds)";
  facts.insert(
      facts.end(),
      {
          {"orbits", orbits, 0, "orbits of the 2^n inputs, one fair bit each"},
          {"sum_p_squared", mass, 0,
           exact ? "sum over orbits of p_O^2 = max over |h| <= 1 of E_f <f, h>^2" : "at most this: m! / 2^(m^2)"},
          {"n_eff", 1 / mass, 0, exact ? "1 / sum_p_squared, the effective number of orbits" : "at least this"},
          {"max_p", largest_mass(law_), 0, "probability of the most frequent orbit"},
          {"correlation_size", spread, 0, "sqrt(sum_p_squared): two members correlate by about this, not 0"},
          {"mean_sign", mean_.value_or(0), mean_ ? 0 : spread, "E (1 - 2g)" + (mean_ ? "" : unlisted)},
          {"bias", std::abs(mean_.value_or(0)), mean_ ? 0 : spread,
           "|E (1 - 2g)|: what the best constant reaches" + (mean_ ? "" : unlisted)},
          {"norm_sq", 1, 0, "E (1 - 2g)^2"},
          {"target_variance", target_variance(), mean_ ? 0 : mass, mean_ ? "1 - mean_sign^2" : "1 - sum_p_squared"},
          {"control_mean", share_, 0, "P(weight > n/2), subtracted by the control"},
          {"control_variance", share_ * (1 - share_), 0, "its variance, divided out by the control"},
          {"table_entries", orbits, 0,
           "realising network: a table, one bit an orbit; nothing shorter holds all members"},
      });
  return facts;
}

std::vector<std::string> BooleanOrbit::warnings() const {
  std::vector<std::string> lines;
  if (law_.group == OrbitGroup::symmetric)
    lines.push_back(fmt::format("only n+1 orbits, effective number sqrt(pi n)={:.3g}: not a hard family",
                                1 / squared_mass_bound(law_)));
  if (mean_ && std::abs(*mean_) > 0.1)
    lines.push_back(fmt::format("the label is biased: |E (1 - 2g)| = {:.3g}, above 0.1: a constant does well",
                                std::abs(*mean_)));
  return lines;
}

}  // namespace eqnn::hard
