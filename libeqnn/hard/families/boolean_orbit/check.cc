// Checks of boolean-orbit: orbits and representatives against their definition, the law against its
// formulas, and the hash against fair bits. There is no realising network beyond a table of the orbits.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "boolean_orbit.h"

namespace eqnn::hard {
namespace {

using Bits = std::vector<double>;
using Images = std::vector<Index>;  // a permutation of bits: bit i goes to images[i]
using Representative = std::vector<std::uint64_t>;

constexpr double kErrors = 5;
constexpr Index kHashSeeds = 3000;
constexpr std::size_t kMostHashedOrbits = kMaxBits + 1;

// Half width of an interval for the mean of `samples` values of this variance, none further than `range` from
// their mean: 5 standard errors and Bernstein's term, which rare values need.
double half_width(double variance, double range, double samples) {
  return kErrors * std::sqrt(variance / samples) + range * kErrors * kErrors / (3 * samples);
}
// The same for the mean of `count` squares of standardised sums of signs, relative to its expectation (Laurent
// and Massart's bound for chi-squared at 5 standard errors).
double squares_width(double count) {
  const double level = kErrors * kErrors / 2;
  return 2 * std::sqrt(level / count) + 2 * level / count;
}

std::size_t words_of(const OrbitLaw& law) { return static_cast<std::size_t>((law.n + 63) / 64); }

Representative representative(const OrbitLaw& law, const Bits& x) {
  Representative words(words_of(law));
  for (std::size_t i = 0; i < x.size(); ++i) words[i / 64] |= std::uint64_t{x[i] != 0} << i % 64;
  canonicalise(law, words);
  return words;
}

// Random inputs; each check has a step of its own, so that no two share randomness.
struct Inputs {
  OrbitLaw law;
  CheckOptions options;
  const Member& f;
  std::uint64_t step = 0;

  std::string how() const { return fmt::format("{} random inputs, seed {}", options.samples, options.seed); }
  Bits operator()(Index number) const {
    Bits x(static_cast<std::size_t>(law.n));
    const Index points = f.input().points, channels = f.input().channels;
    f.sample({options.seed, Stream::check, step, static_cast<std::uint64_t>(number)},
             Block<double>{x.data(), 1, points, channels, channels});
    return x;
  }
  double value(const Bits& x) const {
    const Index points = f.input().points, channels = f.input().channels;
    return f.value({x.data(), points, channels, channels});
  }
};

// --- the group -------------------------------------------------------------------------------------------

// A permutation of points (bits, or the nodes of graphs) as one of bits.
Images on_bits(const OrbitLaw& law, const Images& p) {
  if (law.nodes == 0) return p;
  Images images(static_cast<std::size_t>(law.n));
  for (Index i = 0; i < law.nodes; ++i)
    for (Index j = 0; j < law.nodes; ++j)
      images[static_cast<std::size_t>(i * law.nodes + j)] =
          p[static_cast<std::size_t>(i)] * law.nodes + p[static_cast<std::size_t>(j)];
  return images;
}

Images identity(const OrbitLaw& law) {
  Images p(static_cast<std::size_t>(law.nodes > 0 ? law.nodes : law.n));
  std::iota(p.begin(), p.end(), Index{0});
  return p;
}
Images shift(Images p, Index by) {
  std::rotate(p.begin(), p.begin() + by, p.end());
  return p;
}
Images random_element(const OrbitLaw& law, Draws draws) {
  Images p = identity(law);
  if (law.group == OrbitGroup::cyclic) return shift(p, draws.below(static_cast<std::uint32_t>(law.n)));
  for (std::size_t i = p.size() - 1; i > 0; --i) std::swap(p[i], p[draws.below(static_cast<std::uint32_t>(i + 1))]);
  return p;
}

Bits moved(const Bits& x, const Images& images) {
  Bits y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[static_cast<std::size_t>(images[i])] = x[i];
  return y;
}

// Number of inputs whose value the element number(k) of the group changes.
template <class Element>
Check check_invariance(const Inputs& inputs, const std::string& title, const Element& element) {
  double changed = 0;
  for (Index k = 0; k < inputs.options.samples; ++k) {
    const Bits x = inputs(k);
    changed += inputs.value(x) != inputs.value(moved(x, on_bits(inputs.law, element(k))));
  }
  return {"invariance under " + title, changed, 0, 0, inputs.how() + ", number of changes"};
}

void check_invariances(Inputs inputs, std::vector<Check>& checks) {
  const OrbitLaw& law = inputs.law;
  const Images one = identity(law), cycle = shift(one, law.n > 1 && one.size() > 1 ? 1 : 0);
  const std::string what = law.nodes > 0 ? "nodes" : "bits";
  checks.push_back(check_invariance(inputs, "the cycle of all " + what, [&](Index) { return cycle; }));
  inputs.step += 1;
  if (law.group != OrbitGroup::cyclic && one.size() > 1) {
    Images swap = one;
    std::swap(swap[0], swap[1]);
    checks.push_back(check_invariance(inputs, "the transposition (0 1) of " + what, [&](Index) { return swap; }));
  }
  inputs.step += 1;
  checks.push_back(check_invariance(inputs, "a random element of the group an input", [&](Index k) {
    return random_element(law, Draws({inputs.options.seed, Stream::check, inputs.step + 1, std::uint64_t(k)}));
  }));
}

// The least of all strings x goes to, one element of the group after the other.
Bits least_of_orbit(const OrbitLaw& law, const Bits& x) {
  Bits least = x;
  if (law.group == OrbitGroup::symmetric) {
    std::sort(least.begin(), least.end());
    return least;
  }
  Images p = identity(law);
  if (law.group == OrbitGroup::cyclic) {
    for (Index g = 0; g < law.n; ++g) least = std::min(least, moved(x, shift(p, g)));
    return least;
  }
  do least = std::min(least, moved(x, on_bits(law, p)));
  while (std::next_permutation(p.begin(), p.end()));
  return least;
}

Check check_representatives(const Inputs& inputs) {
  const OrbitLaw& law = inputs.law;
  double elements = law.group == OrbitGroup::adjacency ? std::tgamma(static_cast<double>(law.nodes) + 1)
                    : law.group == OrbitGroup::cyclic  ? static_cast<double>(law.n)
                                                       : 1;
  elements *= static_cast<double>(law.n);
  const Index count = std::clamp<Index>(static_cast<Index>(0x1p23 / elements), 1, inputs.options.samples);
  double wrong = 0;
  for (Index k = 0; k < count; ++k) {
    const Bits x = inputs(k), least = least_of_orbit(law, x);
    Representative expected(words_of(law));
    for (std::size_t i = 0; i < least.size(); ++i) expected[i / 64] |= std::uint64_t{least[i] != 0} << i % 64;
    wrong += representative(law, x) != expected;
  }
  return {"representative = least string of the orbit", wrong, 0, 0,
          fmt::format("{} random inputs, seed {}, number of differences", count, inputs.options.seed)};
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
std::optional<Check> check_collisions(const Inputs& inputs, const std::vector<Representative>& sample) {
  const double n = static_cast<double>(sample.size()), pairs = n * (n - 1) / 2;
  if (pairs == 0) return std::nullopt;
  const double share = (sample_squares(sample) * n * n - n) / (n * (n - 1));
  const double mass = squared_mass_bound(inputs.law), overlap = largest_mass(inputs.law) * mass - mass * mass;
  const double variance = mass / pairs + 4 * std::max(0.0, overlap) / n;
  const double tolerance = kErrors * std::sqrt(variance) + kErrors * kErrors / (3 * pairs);
  const std::string how = inputs.how() + ", pairs of one orbit; tolerance 5 s.e. and Bernstein's term";
  if (squared_mass(inputs.law)) return Check{"collision probability = sum of p_O^2", share, mass, tolerance, how};
  return Check{"collision probability above m! / 2^(m^2)", std::max(0.0, share - mass), 0, tolerance, how};
}

void check_statistics(const Inputs& inputs, double mean, std::vector<Check>& checks) {
  const Index count = inputs.options.samples;
  const Index points = inputs.f.input().points, channels = inputs.f.input().channels;
  const double total = static_cast<double>(count), variance = inputs.f.target_variance();
  double label = 0, norm = 0, control = 0, squares = 0, largest = 0, wrong = 0;
  for (Index k = 0; k < count; ++k) {
    const Bits x = inputs(k);
    const std::vector<float> single(x.begin(), x.end());
    float y = 0;
    double c = 0;
    inputs.f.targets(Block<const float>{single.data(), 1, points, channels, channels}, &y);
    inputs.f.controls(Block<const double>{x.data(), 1, points, channels, channels}, &c);
    wrong += static_cast<double>(y) != 1 - 2 * inputs.value(x);
    label += static_cast<double>(y);
    norm += static_cast<double>(y * y);
    control += c;
    squares += c * c;
    largest = std::max(largest, std::abs(c));
  }
  const std::string how = inputs.how(), mean_how = how + "; tolerance 5 s.e. and Bernstein's term";
  checks.push_back({"training target = 1 - 2 definition", wrong, 0, 0, how + ", number of differences"});
  checks.push_back({"norm of the target", norm / total, 1, 0, how});
  checks.push_back({"mean of the target", label / total, mean, half_width(variance, 2, total), mean_how});
  checks.push_back({"mean of the control", control / total, 0, half_width(1, largest, total), mean_how});
  // Two values a, b of mean 0 and variance 1: ab = -1, and the square has variance (a + b)^2.
  const double skew = largest - 1 / largest;
  checks.push_back(
      {"variance of the control", squares / total, 1, half_width(skew * skew, largest * largest, total), mean_how});
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

std::vector<Representative> representatives(const Inputs& inputs) {
  std::vector<Representative> sample;
  for (Index k = 0; k < inputs.options.samples; ++k) sample.push_back(representative(inputs.law, inputs(k)));
  return sample;
}

void require_samples(const CheckOptions& options) {
  require(options.samples >= 1, "samples is ", options.samples, "; at least 1 random input is needed");
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

}  // namespace

std::vector<Check> BooleanOrbit::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks;
  checks.push_back(check_representatives({law_, options, *this, 0}));
  checks.back().how += "; no network beyond a table of the orbits realises the function";
  check_invariances({law_, options, *this, 1}, checks);
  check_orbits(law_, checks);
  const Inputs inputs{law_, options, *this, 5};
  if (auto check = check_collisions(inputs, representatives(inputs))) checks.push_back(*check);
  // An unknown mean has the size of the sum of squared masses, far below a standard error.
  check_statistics(inputs, mean_.value_or(0), checks);
  check_hash(law_, options.seed, checks);
  return checks;
}

std::vector<Check> check_boolean_orbits(const OrbitLaw& law, Index members, const CheckOptions& options) {
  require(members >= 1, "members is ", members, "; at least 1 member is needed");
  require_samples(options);
  const BooleanOrbit any = any_member(law, options.seed);
  const Inputs inputs{law, options, any, 7};
  const auto sample = representatives(inputs);
  const double total = static_cast<double>(sample.size()), squares = sample_squares(sample);
  const double count = static_cast<double>(members), pairs = count * (count - 1) / 2;

  std::vector<std::vector<std::uint64_t>> labels;
  double bias_squares = 0;
  for (Index m = 0; m < members; ++m) {
    std::vector<std::uint64_t> packed((sample.size() + 63) / 64);
    Index ones = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const int bit = orbit_bit(law, options.seed + static_cast<std::uint64_t>(m), sample[i]);
      packed[i / 64] |= static_cast<std::uint64_t>(bit) << i % 64;
      ones += bit;
    }
    const double bias = 1 - 2 * static_cast<double>(ones) / total;
    bias_squares += bias * bias;
    labels.push_back(std::move(packed));
  }
  double correlation_squares = 0, largest = 0;
  for (std::size_t i = 0; i < labels.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      Index differ = 0;
      for (std::size_t w = 0; w < labels[i].size(); ++w) differ += std::popcount(labels[i][w] ^ labels[j][w]);
      const double correlation = 1 - 2 * static_cast<double>(differ) / total;
      correlation_squares += correlation * correlation;
      largest = std::max(largest, std::abs(correlation));
    }
  std::vector<Check> checks;
  const std::string how = fmt::format("{} members, {}", members, inputs.how());
  checks.push_back({"mean square bias / sum of p_O^2 of the sample", bias_squares / count / squares, 1,
                    squares_width(count), how + "; tolerance of chi-squared at 5 s.e."});
  if (pairs > 0) {
    const std::string pair_how = fmt::format("{} pairs of {}", pairs, how);
    checks.push_back({"mean square correlation / sum of p_O^2 of the sample", correlation_squares / pairs / squares,
                      1, squares_width(pairs), pair_how + "; tolerance of chi-squared at 5 s.e."});
    // Of a few heavy orbits the largest can be anything.
    if (const double bound = (kErrors + std::sqrt(2 * std::log(pairs))) * std::sqrt(squares); bound < 1)
      checks.push_back({"largest correlation of two members", largest, 0, bound,
                        pair_how + "; size 1/sqrt(N_eff) and sampling error, not 0"});
  }
  if (auto check = check_collisions(inputs, sample)) checks.push_back(*check);
  return checks;
}

}  // namespace eqnn::hard
