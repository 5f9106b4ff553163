#include "gnn_degree_parity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "../../../kernels/kernels.h"

namespace eqnn::hard {
namespace {

constexpr Index kAttempts = 10000;
constexpr Index kMostEnumerated = 24;  // classes whose 2^L sets are all visited for the acceptance

void require_nodes(Index n) {
  require(n >= 2, "n is ", n, "; need n >= 2 nodes");
  require(n <= kMaxNodes, "n is ", n, "; at most ", kMaxNodes, " nodes are supported");
}

// S as one flag a class. Throws ValueError for entries outside 1..L or repeated.
std::vector<std::uint8_t> flags_of(std::span<const Index> classes, Index levels) {
  std::vector<std::uint8_t> flags(static_cast<std::size_t>(levels));
  for (const Index i : classes) {
    require(i >= 1 && i <= levels, "S contains ", i, "; its entries are degree classes, 1 to ", levels);
    auto& flag = flags[static_cast<std::size_t>(i - 1)];
    require(flag == 0, "S contains ", i, " twice; name each degree class once");
    flag = 1;
  }
  return flags;
}

// p_i by p_{i+1} = p_i (N - i + 1) / i: exact up to N = 63, and long double holds 2^-1024.
std::vector<long double> long_probabilities(Index n, bool self_loops) {
  const Index levels = degree_classes(n, self_loops), top = levels - 1;
  std::vector<long double> p(static_cast<std::size_t>(levels));
  p[0] = std::ldexp(1.0L, -static_cast<int>(top));
  for (Index i = 1; i < levels; ++i)
    p[static_cast<std::size_t>(i)] =
        p[static_cast<std::size_t>(i - 1)] * static_cast<long double>(top - i + 1) / static_cast<long double>(i);
  return p;
}

// p_S and 1 - p_S, each summed from its own classes so that the smaller one keeps its digits.
struct Split {
  long double inside = 0, outside = 0;
  double share() const { return static_cast<double>(std::min(inside, outside)); }
};
Split split(const std::vector<long double>& p, const std::vector<std::uint8_t>& flags) {
  Split s;
  for (std::size_t i = 0; i < p.size(); ++i) (flags[i] != 0 ? s.inside : s.outside) += p[i];
  return s;
}

long double signed_power(const Split& s, Index n) {
  return std::pow(s.outside - s.inside, static_cast<long double>(n));
}

// (1 - 2 share)^n rounds to 1.
bool constant_label(double share, Index n) { return share <= 0x1p-55 / static_cast<double>(n); }

// The bits of one example in order, refilled by whole Philox blocks.
class BitStream {
 public:
  BitStream(const Counter& at, Index bits) : at_(at), blocks_left_((bits + 127) / 128) {}

  // The next `count` <= 32 bits, the first of them lowest.
  std::uint32_t take(Index count) {
    if (held_ < count) {
      if (next_ == end_) refill();
      bits_ |= std::uint64_t{words_[static_cast<std::size_t>(next_++)]} << held_;
      held_ += 32;
    }
    const auto taken = static_cast<std::uint32_t>(bits_ & ((std::uint64_t{1} << count) - 1));
    bits_ >>= count;
    held_ -= count;
    return taken;
  }

 private:
  static constexpr Index kBlocks = 16;

  void refill() {
    const Index blocks = std::min(kBlocks, blocks_left_);
    kernels::philox_words(at_, first_, blocks, words_.data());
    first_ += static_cast<std::uint32_t>(blocks);
    blocks_left_ -= blocks;
    next_ = 0;
    end_ = 4 * blocks;
  }

  Counter at_;
  Index blocks_left_;
  std::uint64_t bits_ = 0;
  Index held_ = 0, next_ = 0, end_ = 0;
  std::uint32_t first_ = 0;
  std::array<std::uint32_t, 4 * kBlocks> words_;
};

template <class T>
constexpr auto kNibbles = [] {
  std::array<std::array<T, 4>, 16> table{};
  for (std::size_t bits = 0; bits < 16; ++bits)
    for (std::size_t j = 0; j < 4; ++j) table[bits][j] = static_cast<T>(bits >> j & 1);
  return table;
}();

// Writes `count` <= 32 bits as 0 or 1, four at a time. With `room` the last group may reach past `count`,
// where it writes the zeros that padding holds anyway.
template <class T>
void expand(std::uint32_t bits, Index count, bool room, T* out) {
  Index j = 0;
  for (const Index whole = room ? count : count - 3; j < whole; j += 4, bits >>= 4)
    std::memcpy(out + j, kNibbles<T>[bits & 15].data(), 4 * sizeof(T));
  for (; j < count; ++j, bits >>= 1) out[j] = static_cast<T>(bits & 1);
}

template <class T>
void sample_graphs(Index n, bool self_loops, Counter at, const Block<T>& x) {
  const Index bits = n * (self_loops ? n : n - 1);
  const bool room = x.stride >= (n + 3) / 4 * 4;
  for (Index e = 0; e < x.examples; ++e, ++at.example) {
    BitStream stream(at, bits);
    for (Index i = 0; i < n; ++i)
      for (Index start = 0; start < n; start += 32) {
        const Index count = std::min<Index>(32, n - start), diagonal = i - start;
        const bool gap = !self_loops && diagonal >= 0 && diagonal < count;
        std::uint64_t row = stream.take(count - (gap ? 1 : 0));
        if (gap) {
          const std::uint64_t below = row & ((std::uint64_t{1} << diagonal) - 1);
          row = below | (row ^ below) << 1;
        }
        expand(static_cast<std::uint32_t>(row), count, room, x.row(e, i) + start);
      }
  }
}

template <class T>
void list_graphs(Index n, bool self_loops, Index first, const Block<T>& x) {
  for (Index e = 0; e < x.examples; ++e) {
    auto graph = static_cast<std::uint64_t>(first + e);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        const bool fixed = i == j && !self_loops;
        x(e, i, j) = fixed ? T(0) : static_cast<T>(graph & 1);
        graph >>= fixed ? 0 : 1;
      }
  }
}

// Four partial sums: 0/1 entries add up exactly in any order.
template <class T>
T row_sum(const T* row, Index n) {
  T sums[4] = {};
  Index j = 0;
  for (; j + 4 <= n; j += 4)
    for (Index k = 0; k < 4; ++k) sums[k] += row[j + k];
  for (; j < n; ++j) sums[0] += row[j];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

// --- the law -------------------------------------------------------------------------------------------

Index degree_classes(Index n, bool self_loops) {
  require_nodes(n);
  return self_loops ? n + 1 : n;
}

std::vector<double> class_probabilities(Index n, bool self_loops) {
  const auto p = long_probabilities(n, self_loops);
  std::vector<double> rounded;
  for (const long double v : p) rounded.push_back(static_cast<double>(v));
  return rounded;
}

double set_probability(Index n, bool self_loops, std::span<const Index> classes) {
  const auto p = long_probabilities(n, self_loops);
  return static_cast<double>(split(p, flags_of(classes, degree_classes(n, self_loops))).inside);
}

double mean_sign(Index n, bool self_loops, std::span<const Index> classes, int b) {
  const auto p = long_probabilities(n, self_loops);
  const auto mean = signed_power(split(p, flags_of(classes, degree_classes(n, self_loops))), n);
  return static_cast<double>(b % 2 == 0 ? mean : -mean);
}

double sign_correlation(Index n, bool self_loops, std::span<const Index> s, int b, std::span<const Index> t,
                        int b_t) {
  const Index levels = degree_classes(n, self_loops);
  auto flags = flags_of(s, levels);
  const auto others = flags_of(t, levels);
  for (std::size_t i = 0; i < flags.size(); ++i) flags[i] ^= others[i];
  const auto mean = signed_power(split(long_probabilities(n, self_loops), flags), n);
  return static_cast<double>((b + b_t) % 2 == 0 ? mean : -mean);
}

double collision_probability(Index n, bool self_loops) {
  // Put t = 2n u and divide by e^{2n}: the factor of class i becomes the even part of a Poisson law of
  // mean 2n p_i, and the coefficient is divided by P(Poisson(2n) = 2n). So nothing over- or underflows.
  const auto p = long_probabilities(n, self_loops);
  const double total = 2 * static_cast<double>(n);
  const std::size_t size = static_cast<std::size_t>(n) + 1;
  std::vector<double> product(size), next(size);
  product[0] = 1;
  for (const long double p_i : p) {
    const double mean = total * static_cast<double>(p_i);
    double even = std::exp(-mean);
    std::fill(next.begin(), next.end(), 0.0);
    for (std::size_t j = 0; j < size && even > 0; ++j) {
      for (std::size_t k = 0; k + j < size; ++k) next[k + j] += even * product[k];
      const double two_j = 2 * static_cast<double>(j);
      even *= mean * mean / ((two_j + 1) * (two_j + 2));
    }
    product.swap(next);
  }
  long double at_total = 1;
  for (Index k = 1; k <= 2 * n; ++k)
    at_total *= static_cast<long double>(total) / static_cast<long double>(k) * std::exp(-1.0L);
  return static_cast<double>(static_cast<long double>(product.back()) / at_total);
}

std::optional<double> largest_cell(Index n, bool self_loops) {
  const auto p = long_probabilities(n, self_loops);
  if (p.size() > 20) return std::nullopt;
  const std::size_t sets = std::size_t{1} << p.size();
  // P(c = v) = 2^-L sum_U (-1)^{|U and v|} (1 - 2 p_U)^n: subset sums, powers, Walsh-Hadamard transform.
  std::vector<double> cell(sets);
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t u = std::size_t{1} << i, end = 2 * u, v = 0; u < end; ++u, ++v)
      cell[u] = cell[v] + static_cast<double>(p[i]);
  for (double& v : cell) v = std::pow(1 - 2 * v, static_cast<double>(n));
  for (std::size_t half = 1; half < sets; half *= 2)
    for (std::size_t u = 0; u < sets; ++u)
      if ((u & half) == 0) {
        const double a = cell[u], b = cell[u + half];
        cell[u] = a + b;
        cell[u + half] = a - b;
      }
  return *std::max_element(cell.begin(), cell.end()) / static_cast<double>(sets);
}

Index spread_classes(Index n, bool self_loops, double gamma) {
  const auto p = class_probabilities(n, self_loops);
  return std::count_if(p.begin(), p.end(), [&](double p_i) {
    return std::pow(std::abs(1 - 2 * p_i), static_cast<double>(n)) <= gamma;
  });
}

std::vector<Index> degree_counts(MatrixView<const double> adjacency, bool self_loops) {
  const Index n = adjacency.rows;
  require(adjacency.cols == n, "the adjacency matrix is ", n, " x ", adjacency.cols, "; it must be square");
  std::vector<Index> counts(static_cast<std::size_t>(degree_classes(n, self_loops)));
  for (Index i = 0; i < n; ++i) {
    const double* row = adjacency.row(i);
    // Without branches on random bits, which no machine predicts.
    bool allowed = true;
    for (Index j = 0; j < n; ++j) allowed &= (row[j] == 0) | (row[j] == 1);
    if (!allowed) {
      const double* bad = std::find_if(row, row + n, [](double a) { return a != 0 && a != 1; });
      throw ValueError(fmt::format("adjacency entry ({}, {}) is {}; entries must be 0 or 1", i, bad - row, *bad));
    }
    ++counts[static_cast<std::size_t>(row_sum(row, n) - (self_loops ? 0 : row[i]))];
  }
  return counts;
}

// --- drawing members -----------------------------------------------------------------------------------

void DegreeParitySampler::validate() const {
  require_nodes(n);
  if (!(bias_max >= 0 && bias_max <= 1))
    throw ValueError(fmt::format("bias-max is {}; it must be in [0, 1]", bias_max));
  if (!(min_count >= 0 && std::isfinite(min_count)))
    throw ValueError(fmt::format("min-count is {}; it must be finite and not negative", min_count));
}

double DegreeParitySampler::least_share() const {
  const double nodes = static_cast<double>(n);
  const double by_bias = (1 - std::pow(bias_max, 1 / nodes)) / 2;
  return std::max(by_bias, std::min(min_count, nodes / 3) / nodes);
}

bool DegreeParitySampler::accepts(std::span<const Index> classes) const {
  const auto flags = flags_of(classes, degree_classes(n, self_loops));
  const double share = split(long_probabilities(n, self_loops), flags).share();
  return share >= least_share() && !constant_label(share, n);
}

namespace {

// The set of attempt `step`, and its b.
struct Attempt {
  std::vector<std::uint8_t> flags;
  int b = 0;
};
Attempt attempt(Index levels, std::uint64_t seed, Index step) {
  Draws draws({seed, Stream::member, static_cast<std::uint64_t>(step), 0});
  Attempt a;
  a.flags.resize(static_cast<std::size_t>(levels));
  std::uint32_t word = 0;
  for (Index i = 0; i <= levels; ++i, word >>= 1) {
    if (i % 32 == 0) word = draws.word();
    if (i < levels)
      a.flags[static_cast<std::size_t>(i)] = word & 1;
    else
      a.b = static_cast<int>(word & 1);
  }
  return a;
}

}  // namespace

Estimate DegreeParitySampler::acceptance() const {
  validate();
  const auto p = long_probabilities(n, self_loops);
  const Index levels = degree_classes(n, self_loops);
  const double least = least_share();
  const auto accepted = [&](double share) { return share >= least && !constant_label(share, n); };
  Index count = 0;
  if (levels <= kMostEnumerated) {
    // Gray code: one class enters or leaves a step, and these sums are exact.
    const std::uint64_t sets = std::uint64_t{1} << levels;
    Split s{0, 1};
    for (std::uint64_t u = 0;;) {
      count += accepted(s.share());
      if (++u == sets) return {static_cast<double>(count) / static_cast<double>(sets), 0};
      const int changed = std::countr_zero(u);
      const bool enters = ((u ^ u >> 1) >> changed & 1) != 0;
      const long double moved =
          enters ? p[static_cast<std::size_t>(changed)] : -p[static_cast<std::size_t>(changed)];
      s.inside += moved;
      s.outside -= moved;
    }
  }
  for (Index step = 0; step < kAttempts; ++step)
    count += accepted(split(p, attempt(levels, 0, step).flags).share());
  const double mean = static_cast<double>(count) / kAttempts;
  return {mean, std::sqrt(mean * (1 - mean) / kAttempts)};
}

DegreeParity DegreeParity::draw(const DegreeParitySampler& sampler, std::uint64_t seed) {
  sampler.validate();
  const auto p = long_probabilities(sampler.n, sampler.self_loops);
  const double least = sampler.least_share();
  for (Index step = 0; step < kAttempts; ++step) {
    const Attempt a = attempt(degree_classes(sampler.n, sampler.self_loops), seed, step);
    const double share = split(p, a.flags).share();
    if (share < least || constant_label(share, sampler.n)) continue;
    std::vector<Index> classes;
    for (std::size_t i = 0; i < a.flags.size(); ++i)
      if (a.flags[i] != 0) classes.push_back(static_cast<Index>(i) + 1);
    return DegreeParity(sampler.n, sampler.self_loops, std::move(classes), a.b, sampler);
  }
  throw ValueError(
      fmt::format("no S accepted after {} draws at n = {} with bias-max {} and min-count {}; raise bias-max or "
                  "lower min-count",
                  kAttempts, sampler.n, sampler.bias_max, sampler.min_count));
}

// --- the member ----------------------------------------------------------------------------------------

DegreeParity::DegreeParity(Index n, bool self_loops, std::vector<Index> classes, int b, DegreeParitySampler sampler)
    : n_(n), self_loops_(self_loops), classes_(std::move(classes)), b_(b), sampler_(sampler) {
  const Index levels = degree_classes(n, self_loops);
  require(b == 0 || b == 1, "b is ", b, "; it must be 0 or 1");
  in_set_ = flags_of(classes_, levels);
  std::sort(classes_.begin(), classes_.end());
  const Index size = static_cast<Index>(classes_.size());
  require(size > 0, "S is empty: the label is constant; name at least one of the degree classes 1 to ", levels);
  require(size < levels, "S is all classes: the label is constant; leave out at least one of 1 to ", levels);
  const Split s = split(long_probabilities(n, self_loops), in_set_);
  if (constant_label(s.share(), n))
    throw ValueError(
        fmt::format("|1 - 2 p_S|^n is 1 up to rounding (min(p_S, 1 - p_S) = {:.3g}): the label is "
                    "constant; choose classes nearer {}",
                    s.share(), (levels + 1) / 2));
  p_ = static_cast<double>(s.inside);
  mean_sign_ = static_cast<double>(b == 0 ? signed_power(s, n) : -signed_power(s, n));
  in_set_.push_back(0);
  sampler_.n = n;
  sampler_.self_loops = self_loops;
  layout_ = {"adjacency", n, n, true};
}

double DegreeParity::least_expected_count() const {
  return static_cast<double>(n_) * split(long_probabilities(n_, self_loops_), in_set_).share();
}

double correlation(const DegreeParity& f, const DegreeParity& g) {
  const auto law = [](const DegreeParity& m) { return fmt::format("n {}, self_loops {}", m.n(), m.self_loops()); };
  if (law(f) != law(g))
    throw ValueError(
        fmt::format("the members have no common input law ({}; {}); compare members of one law", law(f), law(g)));
  return sign_correlation(f.n(), f.self_loops(), f.classes(), f.b(), g.classes(), g.b());
}

void DegreeParity::sample(const Counter& at, Block<float> x) const { sample_graphs(n_, self_loops_, at, x); }
void DegreeParity::sample(const Counter& at, Block<double> x) const { sample_graphs(n_, self_loops_, at, x); }

Index DegreeParity::input_count() const {
  const Index bits = n_ * (self_loops_ ? n_ : n_ - 1);
  return bits <= 24 ? Index{1} << bits : 0;
}
void DegreeParity::list_inputs(Index first, Block<float> x) const { list_graphs(n_, self_loops_, first, x); }
void DegreeParity::list_inputs(Index first, Block<double> x) const { list_graphs(n_, self_loops_, first, x); }

double DegreeParity::value(MatrixView<const double> adjacency) const {
  require(adjacency.rows == n_ && adjacency.cols == n_, "the adjacency matrix is ", adjacency.rows, " x ",
          adjacency.cols, "; this member takes ", n_, " x ", n_);
  const auto counts = degree_counts(adjacency, self_loops_);
  Index sum = b_;
  for (const Index i : classes_) sum += counts[static_cast<std::size_t>(i - 1)];
  return static_cast<double>(sum % 2);
}

template <class T>
Index DegreeParity::nodes_in_set(const Block<const T>& x, Index example) const {
  const std::size_t none = in_set_.size() - 1;
  Index count = 0;
  for (Index i = 0; i < n_; ++i) {
    const T* row = x.row(example, i);
    const T degree = row_sum(row, n_) - (self_loops_ ? T(0) : row[i]);
    count += in_set_[std::min(static_cast<std::size_t>(static_cast<std::int64_t>(degree)), none)];
  }
  return count;
}

template <class T>
void DegreeParity::all_targets(const Block<const T>& x, T* y) const {
  for (Index e = 0; e < x.examples; ++e) y[e] = static_cast<T>(1 - 2 * ((nodes_in_set(x, e) + b_) % 2));
}

template <class T>
void DegreeParity::all_controls(const Block<const T>& x, T* y) const {
  const double nodes = static_cast<double>(n_), share = least_expected_count() / nodes;
  const double mean = nodes * p_, deviation = std::sqrt(nodes * share * (1 - share));
  for (Index e = 0; e < x.examples; ++e)
    y[e] = static_cast<T>((static_cast<double>(nodes_in_set(x, e)) - mean) / deviation);
}

void DegreeParity::targets(Block<const float> x, float* y) const { all_targets(x, y); }
void DegreeParity::targets(Block<const double> x, double* y) const { all_targets(x, y); }
void DegreeParity::controls(Block<const float> x, float* y) const { all_controls(x, y); }
void DegreeParity::controls(Block<const double> x, double* y) const { all_controls(x, y); }

std::vector<GroupElement> DegreeParity::symmetries(Index random, std::uint64_t seed) const {
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(PermutationGroup::symmetric(n_), 100, random, seed))
    elements.push_back({to_string(p), [p](const Sample& x) {
                          return Sample{{"adjacency", permute_pairs(x.at("adjacency"), p)}};
                        }});
  return elements;
}

std::vector<Fact> DegreeParity::facts() const {
  const double nodes = static_cast<double>(n_), collision = collision_probability(n_, self_loops_);
  const double levels = static_cast<double>(degree_classes(n_, self_loops_));
  const Estimate acceptance = sampler_.acceptance();
  std::vector<Fact> facts = {
      {"n", nodes, 0, "nodes"},
      {"classes", levels, 0, "L, the number of degree classes"},
      {"set_size", static_cast<double>(classes_.size()), 0, "|S|, the classes counted"},
      {"p_S", p_, 0, "probability that a node is in a class of S"},
      {"expected_min_count", least_expected_count(), 0, "n min(p_S, 1 - p_S), the scarcer kind of node"},
      {"mean_sign", mean_sign_, 0, "E (-1)^g = (-1)^b (1 - 2 p_S)^n"},
      {"bias", bias(), 0, "|1 - 2 p_S|^n: what the best constant reaches"},
      {"norm_sq", 1, 0, "E (1 - 2g)^2"},
      {"target_variance", target_variance(), 0, "1 - mean_sign^2"},
      {"control_mean", nodes * p_, 0, "n p_S, subtracted from the count by the control"},
      {"control_variance", nodes * p_ * (1 - p_), 0, "n p_S (1 - p_S), divided out by the control"},
      {"collision_probability", collision, 0, "P(c = c' mod 2) = max over |h| <= 1 of E_S <f_S, h>^2, S uniform"},
      {"n_eff", 1 / collision, 0, "1 / collision_probability, the effective number of functions"},
      {"log2_n_eff_over_sqrt_n", std::log2(1 / collision) / std::sqrt(nodes), 0, "1.7 at n = 8, 2.7 at n = 128"},
  };
  if (const auto cell = largest_cell(n_, self_loops_))
    facts.push_back({"n_eff_unit_norm", 1 / *cell, 0, "1 / max_v P(c = v mod 2), the same for E h^2 <= 1"});
  facts.insert(
      facts.end(),
      {
          {"R_0.5", static_cast<double>(spread_classes(n_, self_loops_, 0.5)), 0,
           "classes i with |1 - 2 p_i|^n <= 0.5: not nearly always even"},
          {"acceptance", acceptance.value, acceptance.error, "share of the 2^L sets that the sampler accepts"},
          {"network_message_units", 3 * levels, 0, "realising network: message-passing layer"},
          {"network_head_units", nodes, 0, "realising network: hidden layer after the sum over nodes"},
          {"network_parameters", 9 * levels + 3 * levels * nodes + 2 * nodes + 1, 0,
           "realising network: weights and biases"},
      });
  return facts;
}

std::vector<std::string> DegreeParity::warnings() const {
  std::vector<std::string> lines;
  if (bias() > 0.01)
    lines.push_back(
        fmt::format("the label is biased: |1 - 2 p_S|^n = {:.3g}, above 0.01: a constant does well", bias()));
  if (const double count = least_expected_count(); count < std::min(5.0, static_cast<double>(n_) / 3))
    lines.push_back(
        fmt::format("n min(p_S, 1 - p_S) = {:.3g}, below 5: gradient descent can learn the parity of so "
                    "few expected nodes",
                    count));
  return lines;
}

}  // namespace eqnn::hard
