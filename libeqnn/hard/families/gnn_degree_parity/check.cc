// Checks of gnn-degree-parity: every formula of the header against graphs.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "gnn_degree_parity.h"

namespace eqnn::hard {
namespace {

// Which graphs a check looks at: all of them, or random ones. Each check has a step of its own, so that no
// two share randomness.
struct Graphs {
  const DegreeParity& f;
  CheckOptions options;
  std::uint64_t step = 0;
  bool all = false;

  Index bits() const { return f.n() * (f.self_loops() ? f.n() : f.n() - 1); }
  Index count() const { return all ? Index{1} << bits() : options.samples; }
  std::string how() const {
    return all ? fmt::format("exhaustive, {} graphs", count())
               : fmt::format("{} random graphs, seed {}", count(), options.seed);
  }
  void fill(Index first, Block<double> x) const {
    if (all) return f.list_inputs(first, x);
    f.sample({options.seed, Stream::check, step, static_cast<std::uint64_t>(first)}, x);
  }
  // Calls visit(first, block) over all graphs, some at a time.
  template <class Visit>
  void visit(const Visit& visit_block) const {
    const Index n = f.n(), at_once = std::clamp<Index>((Index{1} << 20) / (n * n), 1, 256);
    Matrix<double> memory(at_once * n, n);
    for (Index first = 0; first < count(); first += at_once) {
      const Block<double> x{memory.data(), std::min(at_once, count() - first), n, n, memory.stride()};
      fill(first, x);
      visit_block(first, x);
    }
  }
};

MatrixView<const double> graph(const Block<double>& x, Index e) {
  return {x.row(e), x.points, x.channels, x.stride};
}

// Half width of an interval for the mean of `samples` values of this variance, none further than `range`
// from their mean: z standard errors and Bernstein's term, which rare values need.
double half_width(double variance, double range, Index samples, double z) {
  const double count = static_cast<double>(samples);
  return z * std::sqrt(variance / count) + range * z * z / (3 * count);
}
constexpr double kErrors = 5;
// The same certainty for the largest of `count` deviations.
double errors_of_largest(Index count) { return kErrors + std::sqrt(2 * std::log(static_cast<double>(count))); }

// Parities of degree counts of `graphs`, packed: row g holds c mod 2.
class Parities {
 public:
  Parities(Index levels, Index graphs)
      : words_((levels + 63) / 64), bits_(static_cast<std::size_t>(graphs * words_)) {}

  void set(Index graph, const std::vector<Index>& counts) {
    for (std::size_t i = 0; i < counts.size(); ++i)
      bits_[static_cast<std::size_t>(graph * words_) + i / 64] |= static_cast<std::uint64_t>(counts[i] % 2)
                                                                  << i % 64;
  }
  // sum_{i in S} c_i mod 2 of every graph, one bit a graph.
  std::vector<std::uint64_t> of(const std::vector<Index>& classes) const {
    std::vector<std::uint64_t> mask(static_cast<std::size_t>(words_));
    for (const Index i : classes) mask[static_cast<std::size_t>((i - 1) / 64)] |= std::uint64_t{1} << (i - 1) % 64;
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
double mean_product(const std::vector<std::uint64_t>& x, const std::vector<std::uint64_t>& y, Index graphs) {
  Index differ = 0;
  for (std::size_t w = 0; w < x.size(); ++w) differ += std::popcount(x[w] ^ y[w]);
  return 1 - 2 * static_cast<double>(differ) / static_cast<double>(graphs);
}

// Of many comparisons of a measured mean of signs with its formula, the one furthest beyond its tolerance.
class Worst {
 public:
  Worst(Index samples, Index count) : samples_(samples), errors_(errors_of_largest(count)) {}

  void compare(double measured, double exact) {
    const double tolerance = half_width(std::max(0.0, 1 - exact * exact), 2, samples_, errors_);
    const double ratio = std::abs(measured - exact) / tolerance;
    if (ratio < ratio_) return;
    ratio_ = ratio;
    value_ = measured;
    expected_ = exact;
    tolerance_ = tolerance;
  }
  Check check(const std::string& name, const std::string& how) const {
    return {name, value_, expected_, tolerance_,
            fmt::format("{}; tolerance {:.2f} s.e. and Bernstein's term", how, errors_)};
  }

 private:
  Index samples_;
  double errors_, ratio_ = -1, value_ = 0, expected_ = 0, tolerance_ = 0;
};

Check check_network(const Graphs& graphs) {
  const DegreeParity& f = graphs.f;
  const Index n = f.n(), levels = degree_classes(n, f.self_loops());
  Params<double> params;
  const DegreeParityNetwork<double> network(params, f);
  network.set_weights(params);
  Program<double> program(std::clamp<Index>((Index{1} << 22) / (3 * levels * n), 1, 64), Mode::evaluate);
  const auto ones = program.input("ones", {Shape::kCapacity, n, 1});
  const auto adjacency = program.input("adjacency", {Shape::kCapacity, n, n});
  program.output("g", network(ones, adjacency));
  program.finish();
  Workspace<double> workspace(program);

  double largest = 0;
  for (Index first = 0; first < graphs.count(); first += program.capacity()) {
    const Index examples = std::min(program.capacity(), graphs.count() - first);
    workspace.bind({examples, first, 0, 0});
    const auto constant = workspace.input("ones"), x = workspace.input("adjacency");
    for (Index e = 0; e < examples; ++e)
      for (Index i = 0; i < n; ++i) constant(e, i) = 1;
    graphs.fill(first, x);
    program.forward(workspace, params.values().data());
    const auto g = workspace.output("g");
    for (Index e = 0; e < examples; ++e) largest = std::max(largest, std::abs(g(e) - f.value(graph(x, e))));
  }
  return {"realising network = definition", largest, 0, 0, graphs.how() + ", largest difference"};
}

// Largest |f(P A P^T) - f(A)|, P = permutation(number of the graph).
template <class Permutation>
Check check_invariance(const Graphs& graphs, const std::string& name, const Permutation& permutation) {
  const DegreeParity& f = graphs.f;
  const Index n = f.n();
  Matrix<double> moved(n, n);
  double largest = 0;
  graphs.visit([&](Index first, const Block<double>& x) {
    for (Index e = 0; e < x.examples; ++e) {
      const std::vector<Index> p = permutation(first + e);
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j)
          moved(p[static_cast<std::size_t>(i)], p[static_cast<std::size_t>(j)]) = x(e, i, j);
      largest = std::max(largest, std::abs(f.value(moved.view()) - f.value(graph(x, e))));
    }
  });
  return {"invariance under " + name, largest, 0, 0, graphs.how() + ", largest difference"};
}

void check_invariances(Graphs graphs, std::vector<Check>& checks) {
  const Index n = graphs.f.n();
  std::vector<Index> swap(static_cast<std::size_t>(n)), cycle(static_cast<std::size_t>(n));
  std::iota(swap.begin(), swap.end(), Index{0});
  const auto identity = swap;
  std::rotate_copy(identity.begin(), identity.begin() + 1, identity.end(), cycle.begin());
  std::swap(swap[0], swap[1]);
  checks.push_back(check_invariance(graphs, "the transposition (0 1)", [&](Index) { return swap; }));
  graphs.step += 1;
  checks.push_back(check_invariance(graphs, "the n-cycle", [&](Index) { return cycle; }));
  graphs.step += 1;
  checks.push_back(check_invariance(graphs, "a random permutation a graph", [&](Index number) {
    Draws draws({graphs.options.seed, Stream::check, graphs.step + 1, static_cast<std::uint64_t>(number)});
    auto p = identity;
    for (std::size_t i = p.size() - 1; i > 0; --i)
      std::swap(p[i], p[draws.below(static_cast<std::uint32_t>(i + 1))]);
    return p;
  }));
}

// Sums over random graphs that the statistical checks need.
struct Sums {
  Parities parities;
  double label = 0, label_squared = 0, control = 0, control_squared = 0, edges = 0;
  double largest_miscount = 0;
  Index wrong_targets = 0, wrong_complements = 0;
};
Sums sum_over(const Graphs& graphs) {
  const DegreeParity& f = graphs.f;
  const Index n = f.n(), levels = degree_classes(n, f.self_loops());
  std::vector<Index> rest;
  for (Index i = 1; i <= levels; ++i)
    if (!std::binary_search(f.classes().begin(), f.classes().end(), i)) rest.push_back(i);
  const DegreeParity complement(n, f.self_loops(), rest, f.b());
  Sums sums{Parities(levels, graphs.count())};
  std::vector<double> label(256), control(256);
  graphs.visit([&](Index first, const Block<double>& x) {
    const Block<const double> inputs{x.data, x.examples, x.points, x.channels, x.stride};
    f.targets(inputs, label.data());
    f.controls(inputs, control.data());
    for (Index e = 0; e < x.examples; ++e) {
      const double y = label[static_cast<std::size_t>(e)], c = control[static_cast<std::size_t>(e)];
      const double g = f.value(graph(x, e));
      const auto counts = degree_counts(graph(x, e), f.self_loops());
      Index nodes = 0;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        nodes += counts[i];
        sums.edges += static_cast<double>(counts[i] * static_cast<Index>(i));
      }
      sums.parities.set(first + e, counts);
      sums.label += y;
      sums.label_squared += y * y;
      sums.control += c;
      sums.control_squared += c * c;
      sums.largest_miscount = std::max(sums.largest_miscount, std::abs(static_cast<double>(nodes - n)));
      sums.wrong_targets += y != 1 - 2 * g;
      sums.wrong_complements += complement.value(graph(x, e)) != std::fmod(g + static_cast<double>(n % 2), 2);
    }
  });
  return sums;
}

void check_statistics(const Graphs& graphs, const Sums& sums, std::vector<Check>& checks) {
  const DegreeParity& f = graphs.f;
  const Index n = f.n(), count = graphs.count();
  const double nodes = static_cast<double>(n), total = static_cast<double>(count);
  const std::string how = graphs.how(), mean_how = how + "; tolerance 5 s.e. and Bernstein's term";
  checks.push_back({"training target = 1 - 2 definition", static_cast<double>(sums.wrong_targets), 0, 0,
                    how + ", number of differences"});
  checks.push_back({"sum of degree counts = n", sums.largest_miscount, 0, 0, how + ", largest difference"});
  checks.push_back({"complement: g_{S^c,b} = g_{S,b} + n mod 2", static_cast<double>(sums.wrong_complements), 0, 0,
                    how + ", number of differences"});
  checks.push_back(
      {"mean number of edges", sums.edges / total, static_cast<double>(graphs.bits()) / 2,
       half_width(static_cast<double>(graphs.bits()) / 4, static_cast<double>(graphs.bits()) / 2, count, kErrors),
       mean_how});
  checks.push_back({"norm of the target", sums.label_squared / total, 1, 0, how});
  checks.push_back({"mean of the target = (-1)^b (1 - 2 p_S)^n", sums.label / total, f.mean_sign(),
                    half_width(f.target_variance(), 2, count, kErrors), mean_how});

  // A binomial count of variance v, standardised: fourth moment 3 + (1 - 6 p q) / v, values within `range`.
  const double share = f.least_expected_count() / nodes, variance = nodes * share * (1 - share);
  const double range = nodes * (1 - share) / std::sqrt(variance);
  const double fourth = 3 + (1 - 6 * share * (1 - share)) / variance;
  checks.push_back(
      {"mean of the control", sums.control / total, 0, half_width(1, range, count, kErrors), mean_how});
  checks.push_back({"variance of the control", sums.control_squared / total, 1,
                    half_width(std::max(0.0, fourth - 1), std::max(1.0, range * range - 1), count, kErrors),
                    mean_how});
}

// Correlations with the functions that differ from f in one class, which take every size from 0 to 1, and
// with random ones.
Check check_correlations(const Graphs& graphs, const Parities& parities) {
  const DegreeParity& f = graphs.f;
  const Index n = f.n(), levels = degree_classes(n, f.self_loops());
  constexpr Index kRandom = 8;
  const auto own = parities.of(f.classes());
  Worst worst(graphs.count(), levels + kRandom);
  const auto compare = [&](const std::vector<Index>& other) {
    worst.compare(mean_product(own, parities.of(other), graphs.count()),
                  sign_correlation(n, f.self_loops(), f.classes(), 0, other, 0));
  };
  for (Index i = 1; i <= levels; ++i) {
    std::vector<Index> other, only = {i};
    std::set_symmetric_difference(f.classes().begin(), f.classes().end(), only.begin(), only.end(),
                                  std::back_inserter(other));
    compare(other);
  }
  for (Index k = 0; k < kRandom; ++k) {
    Draws draws({graphs.options.seed, Stream::check, graphs.step + 1, static_cast<std::uint64_t>(k)});
    std::vector<Index> other;
    for (Index i = 1; i <= levels; ++i)
      if ((draws.word() & 1) != 0) other.push_back(i);
    compare(other);
  }
  return worst.check("correlations with other members = (1 - 2 p_{S xor T})^n",
                     fmt::format("worst of {} other S, {}", levels + kRandom, graphs.how()));
}

std::optional<Check> check_collision(const DegreeParity& f) {
  const auto p = class_probabilities(f.n(), f.self_loops());
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
  return Check{"collision probability = 2^-L sum_U (1 - 2 p_U)^2n", collision_probability(f.n(), f.self_loops()),
               direct, 1e-12 + 1e-9 * direct, fmt::format("exhaustive, {} sets", sets)};
}

void require_samples(const CheckOptions& options) {
  require(options.samples >= 1, "samples is ", options.samples, "; at least 1 random input is needed");
}

}  // namespace

std::vector<Check> DegreeParity::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks;
  checks.push_back(check_network({*this, options, 0, n_ <= 4}));
  check_invariances({*this, options, 1, n_ <= 4}, checks);
  const Graphs random{*this, options, 5, false};
  const Sums sums = sum_over(random);
  check_statistics(random, sums, checks);
  checks.push_back(check_correlations(random, sums.parities));
  if (auto collision = check_collision(*this)) checks.push_back(*collision);
  return checks;
}

std::vector<Check> check_degree_parities(const DegreeParitySampler& sampler, Index members,
                                           const CheckOptions& options) {
  require(members >= 1, "members is ", members, "; at least 1 member is needed");
  require_samples(options);
  std::vector<DegreeParity> drawn;
  for (Index k = 0; k < members; ++k)
    drawn.push_back(DegreeParity::draw(sampler, options.seed + static_cast<std::uint64_t>(k)));
  const Graphs graphs{drawn.front(), options, 7, false};
  const Index count = graphs.count(), entries = members * (members + 1) / 2;
  Parities parities(degree_classes(sampler.n, sampler.self_loops), count);
  graphs.visit([&](Index first, const Block<double>& x) {
    for (Index e = 0; e < x.examples; ++e) parities.set(first + e, degree_counts(graph(x, e), sampler.self_loops));
  });

  Worst means(count, members), gram(count, entries);
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
    means.compare(mean_product(signs[i], zero, count), drawn[i].mean_sign());
    for (std::size_t j = 0; j <= i; ++j)
      gram.compare(mean_product(signs[i], signs[j], count), correlation(drawn[i], drawn[j]));
  }
  return {means.check("means of the members = (-1)^b (1 - 2 p_S)^n",
                      fmt::format("worst of {} members, {}", members, graphs.how())),
          gram.check("Gram matrix of the members = +-(1 - 2 p_{S xor T})^n",
                     fmt::format("worst of {} entries, {}", entries, graphs.how()))};
}

}  // namespace eqnn::hard
