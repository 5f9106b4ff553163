// Checks of gnn-degree-parity: every formula of the header against graphs.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "../../checks.h"
#include "gnn_degree_parity.h"

namespace eqnn::hard {
namespace {

// Random graphs.
CheckInputs graphs_of(const DegreeParity& f, const CheckOptions& options, std::uint64_t step) {
  CheckInputs graphs(f, options, step);
  graphs.plural = "graphs";
  return graphs;
}
// All of them, where they are few.
CheckInputs all_graphs_of(const DegreeParity& f, const CheckOptions& options, std::uint64_t step) {
  CheckInputs graphs = graphs_of(f, options, step);
  graphs.all = f.n() <= 4 && f.input_count() > 0;
  if (graphs.all) graphs.count = f.input_count();
  return graphs;
}

// Parities of degree counts of `graphs`, packed: row g holds c mod 2.
class Parities {
 public:
  Parities(Index levels, Index graphs) : words_((levels + 63) / 64), bits_(graphs * words_) {}

  void set(Index graph, const std::vector<Index>& counts) {
    for (std::size_t i = 0; i < counts.size(); ++i)
      bits_[graph * words_ + i / 64] |= static_cast<std::uint64_t>(counts[i] % 2) << i % 64;
  }
  // sum_{i in S} c_i mod 2 of every graph, one bit a graph.
  std::vector<std::uint64_t> of(const std::vector<Index>& classes) const {
    std::vector<std::uint64_t> mask(words_);
    for (const Index i : classes) mask[(i - 1) / 64] |= std::uint64_t{1} << (i - 1) % 64;
    const std::size_t graphs = bits_.size() / mask.size();
    std::vector<std::uint64_t> result((graphs + 63) / 64);
    for (std::size_t g = 0; g < graphs; ++g) {
      std::uint64_t sum = 0;
      for (std::size_t w = 0; w < mask.size(); ++w) sum ^= bits_[g * mask.size() + w] & mask[w];
      result[g / 64] |= static_cast<std::uint64_t>(std::popcount(sum) % 2) << g % 64;
    }
    return result;
  }

 private:
  Index words_;
  std::vector<std::uint64_t> bits_;
};

// The mean of (-1)^(x + y).
double mean_sign_product(const std::vector<std::uint64_t>& x, const std::vector<std::uint64_t>& y, Index graphs) {
  Index differ = 0;
  for (std::size_t w = 0; w < x.size(); ++w) differ += std::popcount(x[w] ^ y[w]);
  return 1 - 2 * static_cast<double>(differ) / static_cast<double>(graphs);
}

// Of many comparisons of a measured mean of signs with its formula, the one furthest beyond its tolerance.
class WorstMean {
 public:
  WorstMean(Index samples, Index count)
      : samples_(static_cast<double>(samples)), errors_(errors_of_largest(static_cast<double>(count))) {}

  void compare(double measured, double exact) {
    worst_.compare(measured, exact, bernstein_width(std::max(0.0, 1 - exact * exact), 2, samples_, errors_));
  }
  Check check(const std::string& name, const std::string& how) const {
    return worst_.check(name, fmt::format("{}; tolerance {:.2f} s.e. and Bernstein's term", how, errors_));
  }

 private:
  double samples_, errors_;
  Worst worst_;
};

Check check_network(const DegreeParity& f, const CheckOptions& options) {
  const Index n = f.n(), levels = degree_classes(n, f.self_loops());
  Params<double> params;
  const DegreeParityNetwork<double> network(params, f);
  network.set_weights(params);
  CheckInputs graphs = all_graphs_of(f, options, 0);
  graphs.at_once = std::clamp<Index>((Index{1} << 22) / (3 * levels * n), 1, 64);
  const auto record = [&](Program<double>& program) {
    const auto ones = program.input("ones", {Shape::kCapacity, n, 1});
    return network(ones, program.input("adjacency", {Shape::kCapacity, n, n}));
  };
  const auto fill = [&](Workspace<double>& workspace, const Block<double>& x) {
    const auto ones = workspace.input("ones");
    for (Index e = 0; e < x.examples; ++e)
      for (Index i = 0; i < n; ++i) ones(e, i) = 1;
    fill_input(workspace, "adjacency", x);
  };
  const auto definition = [&](MatrixView<const double> x) { return f.value(x); };
  return {"realising network = definition", network_error(graphs, {params, record, fill}, definition), 0, 0,
          graphs.how() + ", largest difference"};
}

// Largest |f(P A P^T) - f(A)|, P = permutation(number of the graph).
template <class Permutation>
Check check_invariance(const CheckInputs& graphs, const std::string& name, const Permutation& permutation) {
  const Index n = graphs.member.input().points;
  Matrix<double> moved(n, n);
  const double largest = largest_error(graphs, [&](Index number, MatrixView<const double> x) {
    const Images p = permutation(number);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) moved(p[i], p[j]) = x(i, j);
    return std::abs(graphs.member.value(moved.view()) - graphs.member.value(x));
  });
  return {"invariance under " + name, largest, 0, 0, graphs.how() + ", largest difference"};
}

void check_invariances(const DegreeParity& f, const CheckOptions& options, std::vector<Check>& checks) {
  const Images one = identity_images(f.n());
  const CheckInputs random = all_graphs_of(f, options, 3);
  checks.push_back(check_invariance(all_graphs_of(f, options, 1), "the transposition (0 1)",
                                    [&](Index) { return transposition(f.n()); }));
  checks.push_back(
      check_invariance(all_graphs_of(f, options, 2), "the n-cycle", [&](Index) { return rotated(one, 1); }));
  checks.push_back(check_invariance(random, "a random permutation a graph",
                                    [&](Index number) { return shuffled(one, draws_of(random, 4, number)); }));
}

DegreeParitySampler law_of(const DegreeParity& f) {
  DegreeParitySampler law;
  law.edge_probability = f.edge_probability();
  return law;
}

// Sums over random graphs that the statistical checks need.
struct GraphSums {
  Parities parities;
  Statistics moments = {};
  double edges = 0, largest_miscount = 0;
  Index wrong_targets = 0, wrong_complements = 0;
};
GraphSums sum_over(const DegreeParity& f, const CheckInputs& graphs) {
  const Index n = f.n(), levels = degree_classes(n, f.self_loops());
  std::vector<Index> rest;
  for (Index i = 1; i <= levels; ++i)
    if (!std::binary_search(f.classes().begin(), f.classes().end(), i)) rest.push_back(i);
  const DegreeParity complement(n, f.self_loops(), rest, f.b(), law_of(f));
  GraphSums sums{Parities(levels, graphs.count)};
  const auto add = [&](Index number, MatrixView<const double> x, double y, double) {
    const double g = f.value(x);
    const auto counts = degree_counts(x, f.self_loops());
    Index nodes = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      nodes += counts[i];
      sums.edges += static_cast<double>(counts[i] * static_cast<Index>(i));
    }
    sums.parities.set(number, counts);
    sums.largest_miscount = std::max(sums.largest_miscount, std::abs(static_cast<double>(nodes - n)));
    sums.wrong_targets += y != 1 - 2 * g;
    sums.wrong_complements += complement.value(x) != std::fmod(g + static_cast<double>(n % 2), 2);
  };
  sums.moments = statistics_of(graphs, add);
  return sums;
}

void check_statistics(const DegreeParity& f, const CheckInputs& graphs, const GraphSums& sums,
                      std::vector<Check>& checks) {
  const double nodes = static_cast<double>(f.n()), total = static_cast<double>(graphs.count);
  const double q = f.edge_probability();
  const double bits = static_cast<double>(f.n() * (f.self_loops() ? f.n() : f.n() - 1));
  const std::string how = graphs.how(), mean_how = how + "; tolerance 5 s.e. and Bernstein's term";
  checks.push_back({"training target = 1 - 2 definition", static_cast<double>(sums.wrong_targets), 0, 0,
                    how + ", number of differences"});
  checks.push_back({"sum of degree counts = n", sums.largest_miscount, 0, 0, how + ", largest difference"});
  checks.push_back({"complement: g_{S^c,b} = g_{S,b} + n mod 2", static_cast<double>(sums.wrong_complements), 0, 0,
                    how + ", number of differences"});
  checks.push_back({"mean number of edges", sums.edges / total, bits * q,
                    bernstein_width(bits * q * (1 - q), bits * std::max(q, 1 - q), total), mean_how});
  checks.push_back({"norm of the target", sums.moments.target_squared.mean(), 1, 0, how});
  checks.push_back({"mean of the target = (-1)^b (1 - 2 p_S)^n", sums.moments.target.mean(), f.mean_sign(),
                    bernstein_width(f.target_variance(), 2, total), mean_how});

  // A binomial count of variance v, standardised: fourth moment 3 + (1 - 6 p q) / v, values within `range`.
  const double share = f.least_expected_count() / nodes, variance = nodes * share * (1 - share);
  const double range = nodes * (1 - share) / std::sqrt(variance);
  const double fourth = 3 + (1 - 6 * share * (1 - share)) / variance;
  checks.push_back(
      {"mean of the control", sums.moments.control.mean(), 0, bernstein_width(1, range, total), mean_how});
  checks.push_back({"variance of the control", sums.moments.control_squared.mean(), 1,
                    bernstein_width(std::max(0.0, fourth - 1), std::max(1.0, range * range - 1), total), mean_how});
}

// Correlations with the functions that differ from f in one class, which take every size from 0 to 1, and
// with random ones.
Check check_correlations(const DegreeParity& f, const CheckInputs& graphs, const Parities& parities) {
  const Index n = f.n(), levels = degree_classes(n, f.self_loops());
  constexpr Index kRandom = 8;
  const auto own = parities.of(f.classes());
  WorstMean worst(graphs.count, levels + kRandom);
  const auto compare = [&](const std::vector<Index>& other) {
    worst.compare(mean_sign_product(own, parities.of(other), graphs.count),
                  sign_correlation(n, f.self_loops(), f.classes(), 0, other, 0, f.edge_probability()));
  };
  for (Index i = 1; i <= levels; ++i) {
    std::vector<Index> other, only = {i};
    std::set_symmetric_difference(f.classes().begin(), f.classes().end(), only.begin(), only.end(),
                                  std::back_inserter(other));
    compare(other);
  }
  for (Index k = 0; k < kRandom; ++k) {
    Draws draws = draws_of(graphs, graphs.step + 1, k);
    std::vector<Index> other;
    for (Index i = 1; i <= levels; ++i)
      if ((draws.word() & 1) != 0) other.push_back(i);
    compare(other);
  }
  return worst.check("correlations with other members = (1 - 2 p_{S xor T})^n",
                     fmt::format("worst of {} other S, {}", levels + kRandom, graphs.how()));
}

std::optional<Check> check_collision(const DegreeParity& f) {
  const auto p = class_probabilities(f.n(), f.self_loops(), f.edge_probability());
  if (p.size() > 16) return std::nullopt;
  const std::size_t sets = std::size_t{1} << p.size();
  double sum = 0;
  for (std::size_t u = 0; u < sets; ++u) {
    double p_u = 0;
    for (std::size_t i = 0; i < p.size(); ++i)
      if ((u >> i & 1) != 0) p_u += p[i];
    sum += std::pow(1 - 2 * p_u, static_cast<double>(2 * f.n()));
  }
  const double direct = sum / static_cast<double>(sets);
  return Check{"collision probability = 2^-L sum_U (1 - 2 p_U)^2n",
               collision_probability(f.n(), f.self_loops(), f.edge_probability()), direct, 1e-12 + 1e-9 * direct,
               fmt::format("exhaustive, {} sets", sets)};
}

}  // namespace

std::vector<Check> DegreeParity::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks = {check_network(*this, options)};
  check_invariances(*this, options, checks);
  const CheckInputs graphs = graphs_of(*this, options, 5);
  const GraphSums sums = sum_over(*this, graphs);
  check_statistics(*this, graphs, sums, checks);
  checks.push_back(check_correlations(*this, graphs, sums.parities));
  if (auto collision = check_collision(*this)) checks.push_back(*collision);
  return checks;
}

std::vector<Check> check_degree_parities(const DegreeParitySampler& sampler, Index members,
                                         const CheckOptions& options) {
  require_members(members);
  require_samples(options);
  const auto drawn =
      draw_members(members, options.seed, [&](std::uint64_t seed) { return DegreeParity::draw(sampler, seed); });
  const CheckInputs graphs = graphs_of(drawn.front(), options, 7);
  const Index count = graphs.count, entries = members * (members + 1) / 2;
  Parities parities(degree_classes(sampler.n, sampler.self_loops), count);
  for_each_input(graphs, [&](Index number, MatrixView<const double> x) {
    parities.set(number, degree_counts(x, sampler.self_loops));
  });

  WorstMean means(count, members), gram(count, entries);
  std::vector<std::vector<std::uint64_t>> signs;
  for (const DegreeParity& f : drawn) {
    signs.push_back(parities.of(f.classes()));
    if (f.b() == 1)
      for (std::uint64_t& word : signs.back()) word = ~word;
  }
  // The flip also set the bits of the last word that belong to no graph.
  const std::size_t last = signs.front().size() - 1;
  const std::uint64_t used = ~std::uint64_t{0} >> (63 - (count - 1) % 64);
  for (auto& s : signs) s[last] &= used;
  const std::vector<std::uint64_t> zero(last + 1);
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    means.compare(mean_sign_product(signs[i], zero, count), drawn[i].mean_sign());
    for (std::size_t j = 0; j <= i; ++j)
      gram.compare(mean_sign_product(signs[i], signs[j], count), correlation(drawn[i], drawn[j]));
  }
  return {means.check("means of the members = (-1)^b (1 - 2 p_S)^n",
                      fmt::format("worst of {} members, {}", members, graphs.how())),
          gram.check("Gram matrix of the members = +-(1 - 2 p_{S xor T})^n",
                     fmt::format("worst of {} entries, {}", entries, graphs.how()))};
}

}  // namespace eqnn::hard
