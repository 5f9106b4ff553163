// gnn-degree-parity: member files, parameters, what bounds are made of, and the registry's entry.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../../member_file.h"
#include "gnn_degree_parity.h"

namespace eqnn::hard {

std::string DegreeParity::json() const {
  MemberWriter file;
  file.add("n", n_).add("self_loops", self_loops_).add("S", classes_).add("b", b_);
  if (edge_probability() != 0.5) file.add("edge_probability", edge_probability());
  return file.text();
}

namespace {

std::unique_ptr<Member> parse_gnn_degree_parity(std::string_view text) {
  const MemberValue file(text, {"n", "S"}, {"self_loops", "b", "edge_probability"});
  const bool loops = file.has("self_loops") && file.truth("self_loops");
  const Index b = file.has("b") ? file.whole_number("b") : 0;
  require(b == 0 || b == 1, "b is ", b, "; it must be 0 or 1");
  DegreeParitySampler sampler;
  if (file.has("edge_probability")) sampler.edge_probability = file.real_number("edge_probability");
  return std::make_unique<DegreeParity>(file.whole_number("n"), loops, file.whole_numbers("S"), static_cast<int>(b),
                                        sampler);
}

const std::vector<Parameter>& gnn_degree_parity_parameters() {
  static const std::vector<Parameter> all = {
      {"n", "15", "nodes, 2 to 1024"},
      {"self-loops", "false", "the diagonal as the other entries, and n + 1 degree classes"},
      {"bias-max", "0.01", "S is drawn again while |1 - 2 p_S|^n is above this"},
      {"min-count", "5", "... or while n min(p_S, 1 - p_S) is below this, or below n / 3 if that is less"},
      {"edge-probability", "0.5", "probability of an edge, above 0 and below 1: graphs are G(n, q), directed",
       true},
  };
  return all;
}

DegreeParitySampler degree_parity_sampler(const ParameterValues& values) {
  const ParameterReader read(gnn_degree_parity_parameters(), values);
  DegreeParitySampler sampler{read.integer("n"), read.flag("self-loops"), read.number("bias-max"),
                              read.number("min-count"), read.number("edge-probability")};
  sampler.validate();
  return sampler;
}

std::vector<SecondMoment> gnn_degree_parity_second_moments(const ParameterValues& values) {
  const DegreeParitySampler sampler = degree_parity_sampler(values);
  SecondMoment m;
  m.two_valued = true;
  m.bounded = collision_probability(sampler.n, sampler.self_loops, sampler.edge_probability);
  const auto cell = largest_cell(sampler.n, sampler.self_loops, sampler.edge_probability);
  m.unit = cell ? *cell : std::min(1.0, std::sqrt(m.bounded));
  m.prior = "uniform over all sets S of degree classes, b a fair bit";
  m.formula = fmt::format("lambda = P(c(A) = c(A') mod 2) = 1 / {:.8g}", 1 / m.bounded);
  m.source = fmt::format(
      "E_S <f_S, h>^2 = sum over v of (E h 1[c = v mod 2])^2, as uniform S makes (-1)^(S.(c+c')) average to 1[c = "
      "c' mod 2]: at most P(c = c' mod 2) for |h| <= 1, at most max_v P(c = v mod 2) for E h^2 <= 1{}",
      cell ? "" : " (here by its bound, the root of P(c = c' mod 2))");
  const Estimate alpha = sampler.acceptance();
  m.rejects = alpha.value <= 0;
  if (m.rejects) return {m};
  return {m, accepted_share(m, alpha.value, alpha.error,
                            fmt::format("S uniform, again until the bias is at most {:g} and the scarcer kind of "
                                        "node is expected {:g} times, or n/3",
                                        sampler.bias_max, sampler.min_count))};
}

// R = {i : |1 - 2 p_i|^n <= gamma}, an anchor of R left out, S any subset of the rest.
std::vector<Packing> packings(const ParameterValues& values) {
  const DegreeParitySampler sampler = degree_parity_sampler(values);
  std::vector<double> gammas;
  for (const double p : class_probabilities(sampler.n, sampler.self_loops, sampler.edge_probability))
    gammas.push_back(std::pow(std::abs(1 - 2 * p), static_cast<double>(sampler.n)));
  std::sort(gammas.begin(), gammas.end());
  std::vector<Packing> all;
  for (std::size_t i = 1; i < gammas.size(); ++i)
    all.push_back(
        {std::ldexp(1.0, static_cast<int>(std::min<std::size_t>(i, 1000))), gammas[i], "spread classes",
         fmt::format("uniform over the subsets S of {} of the {} classes i with |1 - 2 p_i|^n <= gamma", i, i + 1),
         "corr(f_S, f_T) = (1 - 2 p_(S xor T))^n, and S xor T holds a class of R and leaves one out, so that "
         "p_(S xor T) lies between the p_i of two classes and their complements"});
  return all;
}

// Of S and its complement, one function up to sign, the one without the first class.
PairCorrelations all_correlations(const ParameterValues& values) {
  const DegreeParitySampler sampler = degree_parity_sampler(values);
  const std::vector<double> p = class_probabilities(sampler.n, sampler.self_loops, sampler.edge_probability);
  const std::size_t sets = std::size_t{1} << std::min<std::size_t>(p.size() - 1, 60);
  if (sets > static_cast<std::size_t>(kMaxListedMembers)) return {};
  std::vector<std::size_t> accepted;
  for (std::size_t set = 0; set < sets; ++set) {
    std::vector<Index> classes;
    for (std::size_t i = 1; i < p.size(); ++i)
      if ((set >> (i - 1) & 1) != 0) classes.push_back(static_cast<Index>(i) + 1);
    if (sampler.accepts(classes)) accepted.push_back(set);
  }
  const auto probability = [&](std::size_t set) {
    double sum = 0;
    for (std::size_t i = 1; i < p.size(); ++i) sum += (set >> (i - 1) & 1) != 0 ? p[i] : 0;
    return sum;
  };
  return {symmetric_matrix(static_cast<Index>(accepted.size()),
                           [&](Index i, Index j) {
                             return std::pow(1 - 2 * probability(accepted[i] ^ accepted[j]),
                                             static_cast<double>(sampler.n));
                           }),
          true, "the Gram matrix of all functions that are drawn, (1 - 2 p_(S xor T))^n"};
}

}  // namespace

Family gnn_degree_parity_family() {
  Family f;
  f.id = "gnn-degree-parity";
  f.title = "Parities of degree counts of random directed graphs";
  f.theorem =
      "for fair bits (--edge-probability 0.5): statistical queries of tolerance tau need tau^2 exp(n^Omega(1)) of "
      "them (Kiani et al., ICLR 2024, H_ER,n)";
  f.group = "S_n, permuting the nodes";
  f.definition = "g(A) = b + sum over i in S of #{v : outdeg(v) = i - 1}, mod 2; trained as 1 - 2g";
  f.input_law =
      "A in {0,1}^(n x n), off-diagonal entries iid, 1 with --edge-probability (0.5: fair bits), diagonal 0 (as "
      "the others with self-loops)";
  f.control = "the count sum over i in S of #{v : outdeg(v) = i - 1}, standardised";
  f.parameters = gnn_degree_parity_parameters();
  // The centred adjacency has no diagonal, and would not show loops; what it subtracts is the mean of fair bits.
  f.training = [](const ParameterValues& values) -> ParameterValues {
    const ParameterReader read(gnn_degree_parity_parameters(), values);
    const bool centred = !read.flag("self-loops") && read.number("edge-probability") == 0.5;
    return {{"model", "gnn"},
            {"depth", "3"},
            {"width", "64"},
            {"head-width", "64"},
            {"adjacency", centred ? "centred" : "sqrt"},
            {"pool", "mean"},
            {"lr", "2e-3"},
            {"batch", "32"},
            {"steps", "12000"}};
  };
  f.draw = [](const ParameterValues& values, std::uint64_t seed) -> std::unique_ptr<Member> {
    return std::make_unique<DegreeParity>(DegreeParity::draw(degree_parity_sampler(values), seed));
  };
  f.parse = parse_gnn_degree_parity;
  f.second_moments = gnn_degree_parity_second_moments;
  f.packings = packings;
  f.correlations = [](const ParameterValues& values, Index members, std::uint64_t seed) {
    const DegreeParitySampler sampler = degree_parity_sampler(values);
    return exact_correlations(members, seed, [&](std::uint64_t s) { return DegreeParity::draw(sampler, s); });
  };
  f.all_correlations = all_correlations;
  f.check_members = [](const ParameterValues& values, Index members, const CheckOptions& options) {
    return check_degree_parities(degree_parity_sampler(values), members, options);
  };
  return f;
}

}  // namespace eqnn::hard
