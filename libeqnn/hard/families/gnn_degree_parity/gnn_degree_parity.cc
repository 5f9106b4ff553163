#include "gnn_degree_parity.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "../../member_of.h"
#include "law.h"
#include "random_graphs.h"

namespace eqnn::hard {
namespace {

constexpr Index kSubsetDraws = 10000;
constexpr Index kMostEnumerated = 24;  // classes whose 2^L sets are all visited for the acceptance

}  // namespace

// --- drawing members -----------------------------------------------------------------------------------

void DegreeParitySampler::validate() const {
  require_nodes(n);
  require_edge_probability(edge_probability);
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
  const auto flags = class_flags(classes, degree_classes(n, self_loops));
  const double share = class_split(long_probabilities(n, self_loops, edge_probability), flags).share();
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
  a.flags.resize(levels);
  std::uint32_t word = 0;
  for (Index i = 0; i <= levels; ++i, word >>= 1) {
    if (i % 32 == 0) word = draws.word();
    if (i < levels)
      a.flags[i] = word & 1;
    else
      a.b = static_cast<int>(word & 1);
  }
  return a;
}

}  // namespace

namespace {

// Of every subset of these classes; 2^size of them.
std::vector<ClassSplit> subset_splits(std::span<const long double> p) {
  std::vector<ClassSplit> splits(std::size_t{1} << p.size());
  for (std::size_t set = 0; set < splits.size(); ++set)
    for (std::size_t i = 0; i < p.size(); ++i)
      ((set >> i & 1) != 0 ? splits[set].inside : splits[set].outside) += p[i];
  return splits;
}

// The class of the most likely degree.
Index likeliest_class(Index levels, double q) {
  return std::min(levels, 1 + static_cast<Index>(static_cast<double>(levels) * q));
}

}  // namespace

Estimate DegreeParitySampler::acceptance() const {
  validate();
  const auto p = long_probabilities(n, self_loops, edge_probability);
  const Index levels = degree_classes(n, self_loops);
  const double least = least_share();
  const auto accepted = [&](double share) { return share >= least && !constant_label(share, n); };
  Index count = 0;
  if (levels <= kMostEnumerated) {
    // Sums over the lower and the upper half of the classes: 2^12 of each, not 2^24.
    const Index low = levels / 2;
    const auto lower = subset_splits({p.data(), static_cast<std::size_t>(low)});
    const auto upper = subset_splits({p.data() + low, static_cast<std::size_t>(levels - low)});
    for (const ClassSplit& u : upper)
      for (const ClassSplit& l : lower)
        count += accepted(ClassSplit{l.inside + u.inside, l.outside + u.outside}.share());
    return {static_cast<double>(count) / (static_cast<double>(lower.size()) * static_cast<double>(upper.size())),
            0};
  }
  for (Index step = 0; step < kSubsetDraws; ++step)
    count += accepted(class_split(p, attempt(levels, 0, step).flags).share());
  const double mean = static_cast<double>(count) / kSubsetDraws;
  return {mean, std::sqrt(mean * (1 - mean) / kSubsetDraws)};
}

namespace {

// Why no S was accepted, and what helps: where one degree is nearly all there is, neither of the sampler's limits
// does.
std::string nothing_accepted(const DegreeParitySampler& s, const std::vector<long double>& p) {
  const auto likeliest = std::max_element(p.begin(), p.end());
  const double most = static_cast<double>(*likeliest), nodes = static_cast<double>(s.n);
  if (s.edge_probability != 0.5 && 1 - most < s.least_share())
    return fmt::format(
        "no S can be accepted at n = {} and edge-probability {}: {:.3g} % of the nodes have degree {}, and each "
        "kind of node must be at least {:.3g} %; take edge-probability nearer to 0.5",
        s.n, s.edge_probability, 100 * most, likeliest - p.begin(), 100 * s.least_share());
  const double count = std::min(s.min_count, nodes / 3);
  const std::string limit = s.least_share() * nodes > count
                                ? fmt::format("the bias is to be at most {}; raise bias-max", s.bias_max)
                                : fmt::format(
                                      "{:g} nodes of the scarcer kind are to be expected; take a min-count "
                                      "below that",
                                      count);
  return fmt::format("no S accepted after {} draws at n = {} and edge-probability {}: {}", kSubsetDraws, s.n,
                     s.edge_probability, limit);
}

}  // namespace

DegreeParity DegreeParity::draw(const DegreeParitySampler& sampler, std::uint64_t seed) {
  sampler.validate();
  const auto p = long_probabilities(sampler.n, sampler.self_loops, sampler.edge_probability);
  const double least = sampler.least_share();
  for (Index step = 0; step < kSubsetDraws; ++step) {
    const Attempt a = attempt(degree_classes(sampler.n, sampler.self_loops), seed, step);
    const double share = class_split(p, a.flags).share();
    if (share < least || constant_label(share, sampler.n)) continue;
    std::vector<Index> classes;
    for (std::size_t i = 0; i < a.flags.size(); ++i)
      if (a.flags[i] != 0) classes.push_back(static_cast<Index>(i) + 1);
    return DegreeParity(sampler.n, sampler.self_loops, std::move(classes), a.b, sampler);
  }
  throw ValueError(nothing_accepted(sampler, p));
}

// --- the member ----------------------------------------------------------------------------------------

DegreeParity::DegreeParity(Index n, bool self_loops, std::vector<Index> classes, int b, DegreeParitySampler sampler)
    : n_(n), self_loops_(self_loops), classes_(std::move(classes)), b_(b), sampler_(sampler) {
  const Index levels = degree_classes(n, self_loops);
  require(b == 0 || b == 1, "b is ", b, "; it must be 0 or 1");
  in_set_ = class_flags(classes_, levels);
  std::sort(classes_.begin(), classes_.end());
  const Index size = static_cast<Index>(classes_.size());
  require(size > 0, "S is empty: the label is constant; name at least one of the degree classes 1 to ", levels);
  require(size < levels, "S is all classes: the label is constant; leave out at least one of 1 to ", levels);
  const ClassSplit s = class_split(long_probabilities(n, self_loops, edge_probability()), in_set_);
  if (constant_label(s.share(), n))
    throw ValueError(
        fmt::format("|1 - 2 p_S|^n is 1 up to rounding (min(p_S, 1 - p_S) = {:.3g}): the label is "
                    "constant; choose classes nearer {}",
                    s.share(), likeliest_class(levels, edge_probability())));
  p_ = static_cast<double>(s.inside);
  mean_sign_ = static_cast<double>(b == 0 ? signed_power(s, n) : -signed_power(s, n));
  in_set_.push_back(0);
  sampler_.n = n;
  sampler_.self_loops = self_loops;
  layout_ = {"adjacency", n, n, true};
}

double DegreeParity::least_expected_count() const {
  return static_cast<double>(n_) *
         class_split(long_probabilities(n_, self_loops_, edge_probability()), in_set_).share();
}

double correlation(const DegreeParity& f, const DegreeParity& g) {
  const auto law = [](const DegreeParity& m) {
    return fmt::format("n {}, self_loops {}, edge probability {}", m.n(), m.self_loops(), m.edge_probability());
  };
  if (law(f) != law(g))
    throw ValueError(
        fmt::format("the members have no common input law ({}; {}); compare members of one law", law(f), law(g)));
  return sign_correlation(f.n(), f.self_loops(), f.classes(), f.b(), g.classes(), g.b(), f.edge_probability());
}

template <class T>
void DegreeParity::inputs_of(const Counter& at, const Block<T>& x) const {
  if (edge_probability() == 0.5) return sample_graphs(n_, self_loops_, at, x);
  sample_sparse_graphs(n_, self_loops_, edge_probability(), at, x);
}

Index DegreeParity::input_count() const {
  const Index bits = n_ * (self_loops_ ? n_ : n_ - 1);
  return bits <= 24 && edge_probability() == 0.5 ? Index{1} << bits : 0;
}
void DegreeParity::list_inputs(Index first, Block<float> x) const { list_graphs(n_, self_loops_, first, x); }
void DegreeParity::list_inputs(Index first, Block<double> x) const { list_graphs(n_, self_loops_, first, x); }

double DegreeParity::value(MatrixView<const double> adjacency) const {
  require(adjacency.rows == n_ && adjacency.cols == n_, "the adjacency matrix is ", adjacency.rows, " x ",
          adjacency.cols, "; this member takes ", n_, " x ", n_);
  const auto counts = degree_counts(adjacency, self_loops_);
  Index sum = b_;
  for (const Index i : classes_) sum += counts[i - 1];
  return static_cast<double>(sum % 2);
}

IndependentVariables DegreeParity::variables() const { return {{}, self_loops_ ? n_ * n_ : n_ * (n_ - 1)}; }
void DegreeParity::variables(Block<const double> x, MatrixView<double> z) const {
  const double q = edge_probability(), deviation = std::sqrt(q * (1 - q));
  for (Index e = 0; e < x.examples; ++e)
    for (Index i = 0, next = 0; i < n_; ++i)
      for (Index j = 0; j < n_; ++j)
        if (self_loops_ || i != j) z(e, next++) = (q - x(e, i, j)) / deviation;
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
void DegreeParity::targets_of(const Block<const T>& x, T* y) const {
  for (Index e = 0; e < x.examples; ++e) y[e] = static_cast<T>(1 - 2 * ((nodes_in_set(x, e) + b_) % 2));
}

template <class T>
void DegreeParity::controls_of(const Block<const T>& x, T* y) const {
  const double nodes = static_cast<double>(n_), share = least_expected_count() / nodes;
  const double mean = nodes * p_, deviation = std::sqrt(nodes * share * (1 - share));
  for (Index e = 0; e < x.examples; ++e)
    y[e] = static_cast<T>((static_cast<double>(nodes_in_set(x, e)) - mean) / deviation);
}

template class MemberOf<DegreeParity>;

std::optional<InputAction> DegreeParity::action() const {
  return InputAction::permutations(PermutationGroup::symmetric(n_), InputAction::Moves::pairs);
}

std::vector<GroupElement> DegreeParity::symmetries(Index random, std::uint64_t seed) const {
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(PermutationGroup::symmetric(n_), 100, random, seed))
    elements.push_back({to_string(p), [p](const Sample& x) {
                          return Sample{{"adjacency", permute_pairs(x.at("adjacency"), p)}};
                        }});
  return elements;
}

std::vector<Fact> DegreeParity::facts() const {
  const double nodes = static_cast<double>(n_), q = edge_probability(),
               collision = collision_probability(n_, self_loops_, q);
  const double levels = static_cast<double>(degree_classes(n_, self_loops_));
  const Estimate acceptance = sampler_.acceptance();
  std::vector<Fact> facts = {
      {"n", nodes, 0, "nodes"},
      {"edge_probability", q, 0, "q, of each edge by itself"},
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
      {"log2_n_eff_over_sqrt_n", std::log2(1 / collision) / std::sqrt(nodes), 0,
       q == 0.5 ? "1.7 at n = 8, 2.7 at n = 128" : "log2 n_eff / sqrt(n); its growth is known for fair edges"},
  };
  if (const auto cell = largest_cell(n_, self_loops_, q))
    facts.push_back({"n_eff_unit_norm", 1 / *cell, 0, "1 / max_v P(c = v mod 2), the same for E h^2 <= 1"});
  facts.insert(
      facts.end(),
      {
          {"R_0.5", static_cast<double>(spread_classes(n_, self_loops_, 0.5, q)), 0,
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
