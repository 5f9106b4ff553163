// Checks of boolean-orbit: orbits and representatives against their definition, the law against its
// formulas, and the hash against fair bits. There is no realising network beyond a table of the orbits.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "../../checks.h"
#include "boolean_orbit.h"

namespace eqnn::hard {
namespace {

using BitVector = std::vector<double>;
using Representative = std::vector<std::uint64_t>;

constexpr Index kHashSeeds = 3000;
constexpr std::size_t kMostHashedOrbits = kMaxBits + 1;

// Half width of an interval for the mean of `count` squares of standardised sums of signs, relative to its
// expectation (Laurent and Massart's bound for chi-squared at 5 standard errors).
double squares_width(double count) {
  const double level = kErrors * kErrors / 2;
  return 2 * std::sqrt(level / count) + 2 * level / count;
}

Index words_of(const OrbitLaw& law) { return (law.n + 63) / 64; }

// Bit i of the string is bit i mod 64 of word i / 64.
Representative packed(const OrbitLaw& law, const BitVector& x) {
  Representative words(words_of(law));
  for (std::size_t i = 0; i < x.size(); ++i) words[i / 64] |= std::uint64_t{x[i] != 0} << i % 64;
  return words;
}

Representative representative(const OrbitLaw& law, const BitVector& x) {
  Representative words = packed(law, x);
  canonicalise(law, words);
  return words;
}

// The entries of an input, row after row, which stand one after the other; and a string as an input.
BitVector bits_of(MatrixView<const double> x) { return {x.data, x.data + x.rows * x.cols}; }
MatrixView<const double> as_input(const BitVector& x, const InputLayout& layout) {
  return {x.data(), layout.points, layout.channels, layout.channels};
}

// --- the group -------------------------------------------------------------------------------------------

// A permutation of points (bits, or the nodes of graphs) as one of bits.
Images on_bits(const OrbitLaw& law, const Images& p) {
  if (law.nodes == 0) return p;
  Images images(law.n);
  for (Index i = 0; i < law.nodes; ++i)
    for (Index j = 0; j < law.nodes; ++j) images[i * law.nodes + j] = p[i] * law.nodes + p[j];
  return images;
}

Images identity(const OrbitLaw& law) { return identity_images(law.nodes > 0 ? law.nodes : law.n); }
Images random_element(const OrbitLaw& law, Draws draws) {
  const Images one = identity(law);
  if (law.group == OrbitGroup::trivial) return one;
  return law.group == OrbitGroup::cyclic ? rotated(one, draws.below(static_cast<std::uint32_t>(law.n)))
                                         : shuffled(one, draws);
}

BitVector moved(const BitVector& x, const Images& images) {
  BitVector y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[images[i]] = x[i];
  return y;
}

// Number of inputs whose value the element number(k) of the group changes.
template <class Element>
Check check_invariance(const OrbitLaw& law, const CheckInputs& inputs, const std::string& title,
                       const Element& element) {
  const Member& f = inputs.member;
  const double changed = sum_of_errors(inputs, [&](Index k, MatrixView<const double> x) {
    const BitVector y = moved(bits_of(x), on_bits(law, element(k)));
    return f.value(x) != f.value(as_input(y, f.input())) ? 1 : 0;
  });
  return {"invariance under " + title, changed, 0, 0, inputs.how() + ", number of changes"};
}

void check_invariances(const BooleanOrbit& f, const CheckOptions& options, std::vector<Check>& checks) {
  const OrbitLaw& law = f.law();
  if (law.group == OrbitGroup::trivial) return;
  const Images one = identity(law), cycle = rotated(one, one.size() > 1 ? 1 : 0);
  const std::string what = law.nodes > 0 ? "nodes" : "bits";
  const CheckInputs random(f, options, 3);
  checks.push_back(
      check_invariance(law, {f, options, 1}, "the cycle of all " + what, [&](Index) { return cycle; }));
  if (law.group != OrbitGroup::cyclic && one.size() > 1)
    checks.push_back(check_invariance(law, {f, options, 2}, "the transposition (0 1) of " + what,
                                      [&](Index) { return transposition(static_cast<Index>(one.size())); }));
  checks.push_back(check_invariance(law, random, "a random element of the group an input",
                                    [&](Index k) { return random_element(law, draws_of(random, 4, k)); }));
}

// The least of all strings x goes to, one element of the group after the other.
BitVector least_of_orbit(const OrbitLaw& law, const BitVector& x) {
  BitVector least = x;
  if (law.group == OrbitGroup::trivial) return least;
  if (law.group == OrbitGroup::symmetric) {
    std::sort(least.begin(), least.end());
    return least;
  }
  Images p = identity(law);
  if (law.group == OrbitGroup::cyclic) {
    for (Index g = 0; g < law.n; ++g) least = std::min(least, moved(x, rotated(p, g)));
    return least;
  }
  do least = std::min(least, moved(x, on_bits(law, p)));
  while (std::next_permutation(p.begin(), p.end()));
  return least;
}

Check check_representatives(const BooleanOrbit& f, const CheckOptions& options) {
  const OrbitLaw& law = f.law();
  double elements = law.group == OrbitGroup::adjacency ? std::tgamma(static_cast<double>(law.nodes) + 1)
                    : law.group == OrbitGroup::cyclic  ? static_cast<double>(law.n)
                                                       : 1;
  elements *= static_cast<double>(law.n);
  CheckInputs inputs(f, options, 0);
  inputs.count = std::clamp<Index>(static_cast<Index>(0x1p23 / elements), 1, options.samples);
  const double wrong = sum_of_errors(inputs, [&](Index, MatrixView<const double> x) {
    const BitVector bits = bits_of(x);
    return representative(law, bits) != packed(law, least_of_orbit(law, bits)) ? 1 : 0;
  });
  return {"representative = least string of the orbit", wrong, 0, 0,
          inputs.how() + ", number of differences; no network beyond a table of the orbits realises the function"};
}

// --- the law -----------------------------------------------------------------------------------------------

void check_orbits(const OrbitLaw& law, std::vector<Check>& checks) {
  if (!enumerable(law)) return;
  double count = 0, mass = 0, squares = 0;
  for_each_orbit(law, [&](std::span<const std::uint64_t>, double p) {
    count += 1;
    mass += p;
    squares += p * p;
  });
  const double exact = squared_mass_bound(law);
  const std::string how = fmt::format("exhaustive, {} orbits", count);
  checks.push_back({"number of orbits", count, orbit_count(law), 0, how});
  checks.push_back({"probabilities of the orbits add up to 1", mass, 1, 1e-12, how});
  if (law.group != OrbitGroup::adjacency)
    checks.push_back({"sum of p_O^2", squares, exact, 1e-12 + 1e-9 * exact, how});
}

// sum of q_O^2 over the orbits of a sample, q_O their shares.
double sample_squares(std::vector<Representative> sample) {
  std::sort(sample.begin(), sample.end());
  const double total = static_cast<double>(sample.size());
  double sum = 0;
  for (std::size_t first = 0, i = 1; i <= sample.size(); ++i) {
    if (i < sample.size() && sample[i] == sample[first]) continue;
    sum += static_cast<double>(i - first) * static_cast<double>(i - first);
    first = i;
  }
  return sum / (total * total);
}

// Pairs of inputs in one orbit, as a share of all pairs, have mean sum p_O^2. Their variance is at most that
// of a U-statistic with sum p_O^3 <= max p_O sum p_O^2.
std::optional<Check> check_collisions(const OrbitLaw& law, const CheckInputs& inputs,
                                      const std::vector<Representative>& sample) {
  const double n = static_cast<double>(sample.size()), pairs = n * (n - 1) / 2;
  if (pairs == 0) return std::nullopt;
  const double share = (sample_squares(sample) * n * n - n) / (n * (n - 1));
  const double mass = squared_mass_bound(law), overlap = largest_mass(law) * mass - mass * mass;
  const double variance = mass / pairs + 4 * std::max(0.0, overlap) / n;
  const double tolerance = kErrors * std::sqrt(variance) + kErrors * kErrors / (3 * pairs);
  const std::string how = inputs.how() + ", pairs of one orbit; tolerance 5 s.e. and Bernstein's term";
  if (squared_mass(law)) return Check{"collision probability = sum of p_O^2", share, mass, tolerance, how};
  return Check{"collision probability above m! / 2^(m^2)", std::max(0.0, share - mass), 0, tolerance, how};
}

void check_statistics(const CheckInputs& inputs, double mean, std::vector<Check>& checks) {
  const Member& f = inputs.member;
  double largest = 0, wrong = 0;
  const auto add = [&](Index, MatrixView<const double> x, double, double c) {
    wrong += target_in_float(f, x) != 1 - 2 * f.value(x);
    largest = std::max(largest, std::abs(c));
  };
  const Statistics s = statistics_of(inputs, add);
  const double total = s.target.count;
  const std::string how = inputs.how(), mean_how = how + "; tolerance 5 s.e. and Bernstein's term";
  checks.push_back({"training target = 1 - 2 definition", wrong, 0, 0, how + ", number of differences"});
  checks.push_back({"norm of the target", s.target_squared.mean(), 1, 0, how});
  checks.push_back(
      {"mean of the target", s.target.mean(), mean, bernstein_width(f.target_variance(), 2, total), mean_how});
  checks.push_back({"mean of the control", s.control.mean(), 0, bernstein_width(1, largest, total), mean_how});
  // Two values a, b of mean 0 and variance 1: ab = -1, and the square has variance (a + b)^2.
  const double skew = largest - 1 / largest;
  checks.push_back({"variance of the control", s.control_squared.mean(), 1,
                    bernstein_width(skew * skew, largest * largest, total), mean_how});
}

// --- the hash ----------------------------------------------------------------------------------------------

// A law of the same group with few enough orbits to list them for thousands of seeds.
OrbitLaw hash_law(const OrbitLaw& law) {
  if (enumerable(law) && orbit_count(law) <= static_cast<double>(kMostHashedOrbits)) return law;
  return {law.group, law.group == OrbitGroup::cyclic ? 12 : 9};
}

void check_hash(const OrbitLaw& own, std::uint64_t seed, std::vector<Check>& checks) {
  const OrbitLaw law = hash_law(own);
  std::vector<double> mass;
  std::vector<Representative> orbits;
  for_each_orbit(law, [&](std::span<const std::uint64_t> words, double p) {
    mass.push_back(p);
    orbits.emplace_back(words.begin(), words.end());
  });
  std::vector<double> last(mass.size()), signs(mass.size());
  double biases = 0, pairs = 0;
  for (Index k = 0; k < kHashSeeds; ++k) {
    double bias = 0, product = 0;
    for (std::size_t i = 0; i < mass.size(); ++i) {
      signs[i] = 1 - 2 * orbit_bit(law, seed + static_cast<std::uint64_t>(k), orbits[i]);
      bias += mass[i] * signs[i];
      product += mass[i] * signs[i] * last[i];
    }
    biases += bias * bias;
    pairs += product * product;
    std::swap(last, signs);
  }
  const double expected = squared_mass_bound(law);
  const std::string how =
      fmt::format("{} consecutive seeds from {}, all {} orbits at n = {}", kHashSeeds, seed, mass.size(), law.n);
  checks.push_back({"hash balance: variance of the bias / sum of p_O^2",
                    biases / static_cast<double>(kHashSeeds) / expected, 1, 0.15, how});
  checks.push_back({"hash balance: variance of the correlation of neighbours / sum of p_O^2",
                    pairs / static_cast<double>(kHashSeeds - 1) / expected, 1, 0.15, how});
}

std::vector<Representative> representatives(const OrbitLaw& law, const CheckInputs& inputs) {
  std::vector<Representative> sample;
  for_each_input(inputs,
                 [&](Index, MatrixView<const double> x) { sample.push_back(representative(law, bits_of(x))); });
  return sample;
}

// A member of the law that is not constant, for its inputs.
BooleanOrbit any_member(const OrbitLaw& law, std::uint64_t seed) {
  constexpr int kAttempts = 100;
  for (int i = 0;; ++i) {
    try {
      return BooleanOrbit(law.group, law.n, seed + static_cast<std::uint64_t>(i));
    } catch (const ValueError&) {
      if (i == kAttempts) throw;
    }
  }
}

// The bits of every member on the sample of representatives, packed.
struct Labels {
  std::vector<std::vector<std::uint64_t>> bits;
  double bias_squares = 0;  // summed over members
};
Labels labels_of(const OrbitLaw& law, Index members, std::uint64_t seed,
                 const std::vector<Representative>& sample) {
  Labels labels;
  for (Index m = 0; m < members; ++m) {
    std::vector<std::uint64_t> bits((sample.size() + 63) / 64);
    Index ones = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const int bit = orbit_bit(law, seed + static_cast<std::uint64_t>(m), sample[i]);
      bits[i / 64] |= static_cast<std::uint64_t>(bit) << i % 64;
      ones += bit;
    }
    const double bias = 1 - 2 * static_cast<double>(ones) / static_cast<double>(sample.size());
    labels.bias_squares += bias * bias;
    labels.bits.push_back(std::move(bits));
  }
  return labels;
}

// `squares`: sum of p_O^2 of the sample, of size `total`.
void check_pairs(const Labels& labels, double total, double squares, const std::string& how,
                 std::vector<Check>& checks) {
  double correlation_squares = 0, largest = 0, pairs = 0;
  for (std::size_t i = 0; i < labels.bits.size(); ++i)
    for (std::size_t j = 0; j < i; ++j, ++pairs) {
      Index differ = 0;
      for (std::size_t w = 0; w < labels.bits[i].size(); ++w)
        differ += std::popcount(labels.bits[i][w] ^ labels.bits[j][w]);
      const double correlation = 1 - 2 * static_cast<double>(differ) / total;
      correlation_squares += correlation * correlation;
      largest = std::max(largest, std::abs(correlation));
    }
  if (pairs == 0) return;
  const std::string pair_how = fmt::format("{} pairs of {}", pairs, how);
  checks.push_back({"mean square correlation / sum of p_O^2 of the sample", correlation_squares / pairs / squares,
                    1, squares_width(pairs), pair_how + "; tolerance of chi-squared at 5 s.e."});
  // Of a few heavy orbits the largest can be anything.
  if (const double bound = errors_of_largest(pairs) * std::sqrt(squares); bound < 1)
    checks.push_back({"largest correlation of two members", largest, 0, bound,
                      pair_how + "; size 1/sqrt(N_eff) and sampling error, not 0"});
}

}  // namespace

std::vector<Check> BooleanOrbit::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks = {check_representatives(*this, options)};
  check_invariances(*this, options, checks);
  check_orbits(law_, checks);
  const CheckInputs inputs(*this, options, 5);
  if (auto check = check_collisions(law_, inputs, representatives(law_, inputs))) checks.push_back(*check);
  // An unknown mean has the size of the sum of squared masses, far below a standard error.
  check_statistics(inputs, mean_.value_or(0), checks);
  check_hash(law_, options.seed, checks);
  return checks;
}

std::vector<Check> check_boolean_orbits(const OrbitLaw& law, Index members, const CheckOptions& options) {
  require_members(members);
  require_samples(options);
  const BooleanOrbit any = any_member(law, options.seed);
  const CheckInputs inputs(any, options, 7);
  const auto sample = representatives(law, inputs);
  const double total = static_cast<double>(sample.size()), squares = sample_squares(sample);
  const Labels labels = labels_of(law, members, options.seed, sample);
  std::vector<Check> checks;
  const std::string how = fmt::format("{} members, {}", members, inputs.how());
  const double count = static_cast<double>(members);
  checks.push_back({"mean square bias / sum of p_O^2 of the sample", labels.bias_squares / count / squares, 1,
                    squares_width(count), how + "; tolerance of chi-squared at 5 s.e."});
  check_pairs(labels, total, squares, how, checks);
  if (auto check = check_collisions(law, inputs, sample)) checks.push_back(*check);
  return checks;
}

}  // namespace eqnn::hard
