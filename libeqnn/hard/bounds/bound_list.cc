// Every bound of an instance, with its words.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "bounds.h"

namespace eqnn::hard {
namespace {

constexpr const char* kMarkov =
    "proof: by Markov a query hits a share of at most lambda / tau^2 of the prior, the output too "
    "(docs/bounds.md, B1); ";
constexpr const char* kBalance =
    "proof: m hit functions, with signs, have m tau < ||sum s_i f_i|| <= sqrt(m + m (m - 1) gamma) "
    "(docs/bounds.md, B2); ";
constexpr const char* kAverage =
    "proof: the functions that a query hits have an average correlation above tau^2 (docs/bounds.md, B3); Feldman, "
    "Grigorescu, Reyzin, Vempala, Xiao, J. ACM 2017; ";
constexpr const char* kTail =
    "proof: two members that a query hits, a share s, have tau^2 < E |<f, f'>| <= gamma + E (|<f, f'>| - gamma)_+ "
    "/ s "
    "(docs/bounds.md, B5); ";
constexpr const char* kSzorenyi =
    "Szorenyi, Characterizing statistical query learning, ALT 2009; quoted, not re-proved (B2 with N = d, "
    "gamma = 1/d implies it where d tau^2 >= 3); ";

// What all bounds of one instance share.
struct Asked {
  double tau, prob;

  std::string learner() const {
    return fmt::format(
        "a learner, deterministic or randomised, that succeeds with probability {:g} over prior and coins", prob);
  }
  std::string square_loss() const {
    return fmt::format("success: square loss below 1 - tau^2 = {:g}", 1 - tau * tau);
  }
  // Queries of unit norm, and an output of any norm.
  std::string unit(const std::string& prior) const {
    return fmt::format("prior: {}; {}; queries with E q^2 <= 1, answered 0 while |E f q| <= tau = {:g}; {}", prior,
                       learner(), tau, square_loss());
  }
};

// A factor prob, left out where it is 1.
std::string times_prob(const Asked& a) { return a.prob == 1 ? "" : fmt::format("{:g} ", a.prob); }
std::string p_tau_squared(const Asked& a) { return times_prob(a) + "tau^2"; }

// An error of lambda as one of the queries.
Bound with_error(Bound b, double last, double relative) {
  b.error = b.queries > 0 ? (b.queries + last) * relative : 0;
  return b;
}

// --- from a second moment

void add_unit_moment(const SecondMoment& m, const std::string& suffix, const Asked& a, std::vector<Bound>& all) {
  const Bound b{.kind = "B1",
                .name = "B1 second moment" + suffix,
                .queries = second_moment_queries(m.unit, a.tau, a.prob),
                .statement = fmt::format("queries >= {} / lambda - 1, {}", p_tau_squared(a), m.formula),
                .assumes = a.unit(m.prior),
                .source = kMarkov + m.source};
  all.push_back(with_error(b, 1, m.error));
}

void add_bounded_moment(const SecondMoment& m, const std::string& suffix, const Asked& a, std::vector<Bound>& all) {
  const std::string shape = fmt::format("prior: {}; {}; ", m.prior, a.learner());
  const std::string output =
      fmt::format("an output |h| <= 1 with E f h > tau (error below (1 - tau) / 2 = {:g})", (1 - a.tau) / 2);
  Bound b{.kind = "B1",
          .name = "B1 second moment" + suffix,
          .queries = second_moment_queries(m.bounded, a.tau, a.prob),
          .statement = fmt::format("queries >= {} / lambda - 1, {}", p_tau_squared(a), m.formula),
          .assumes = fmt::format("{}queries |q| <= 1, answered 0 while |E f q| <= tau = {:g}; success: {}", shape,
                                 a.tau, output),
          .source = kMarkov + m.source,
          .unit_queries = false};
  all.push_back(with_error(b, 1, m.error));

  const double last = m.unit / m.bounded;
  b.name = "B1 second moment, square loss" + suffix;
  b.queries = second_moment_queries(m.bounded, a.tau, a.prob, last);
  b.statement = fmt::format(
      "queries >= {} / lambda - {:.6g}, {}; the last term is lambda of E h^2 <= 1, {:.6g}, over "
      "this lambda",
      p_tau_squared(a), last, m.formula, m.unit);
  b.assumes =
      fmt::format("{}queries |q| <= 1, answered 0 while |E f q| <= tau = {:g}; {}", shape, a.tau, a.square_loss());
  all.push_back(with_error(b, last, m.error));

  b.kind = "B4";
  b.name = "B4 statistical queries" + suffix;
  b.queries = second_moment_queries(m.bounded, a.tau, a.prob);
  b.statement = fmt::format(
      "queries >= {} / lambda - 1, {}; for any statistical queries E psi(x, y), not only "
      "correlational ones",
      p_tau_squared(a), m.formula);
  b.assumes = fmt::format(
      "{}labels y = +-1 and a known input law; queries psi(x, y) in [-1, 1] of tolerance tau = {:g}; "
      "success: {}",
      shape, a.tau, output);
  b.source =
      "proof: E psi(x, f) = E (psi(x, 1) + psi(x, -1)) / 2 + E f (psi(x, 1) - psi(x, -1)) / 2, a known number "
      "and a correlational query (docs/bounds.md, B4); " +
      m.source;
  all.push_back(with_error(b, 1, m.error));

  SecondMoment unit = m;
  unit.formula = fmt::format("lambda = {:.6g}, that of E h^2 <= 1", m.unit);
  add_unit_moment(unit, ", unit queries" + suffix, a, all);
}

// --- from pairwise correlations

void add_near_orthonormal(const Packing& p, const std::string& suffix, const Asked& a, std::vector<Bound>& all) {
  all.push_back({.kind = "B2",
                 .name = "B2 near-orthonormal" + suffix,
                 .queries = near_orthonormal_queries(p.members, p.gamma, a.tau, a.prob),
                 .statement = fmt::format("queries >= {}N (tau^2 - gamma) / (1 - gamma) - 1, N = {:.10g}, gamma = "
                                          "{:.4g}{}",
                                          times_prob(a), p.members, p.gamma,
                                          a.tau * a.tau <= p.gamma ? "; 0, as tau^2 <= gamma" : ""),
                 .assumes = a.unit(p.prior),
                 .source = kBalance + p.source});
}

void add_szorenyi(const Packing& p, const std::string& suffix, const Asked& a, std::vector<Bound>& all) {
  const double d = p.gamma > 0 ? std::min(p.members, std::max(1.0, 1 / p.gamma)) : p.members;
  all.push_back(
      {.kind = "Szorenyi",
       .name = "Szorenyi" + suffix,
       .queries = szorenyi_queries(d, a.tau),
       .statement = fmt::format("queries >= (d tau^2 - 1) / 2, d = {:.10g} functions with correlations of at "
                                "most 1/d",
                                d),
       .assumes = fmt::format("functions: {}; a learner that succeeds on each of them (whatever --prob); "
                              "queries with E q^2 <= 1 of tolerance tau = {:g}; {}",
                              p.prior, a.tau, a.square_loss()),
       .source = kSzorenyi + p.source});
}

void add_sda(double dimension, const Packing& p, const std::string& how, const std::string& suffix, const Asked& a,
             std::vector<Bound>& all) {
  all.push_back({.kind = "B3",
                 .name = "B3 SDA" + suffix,
                 .queries = sda_queries(dimension, a.prob),
                 .statement = fmt::format("queries >= {}d - 1, d = SDA(C, tau^2) >= {:.6g}, {}", times_prob(a),
                                          dimension, how),
                 .assumes = a.unit(p.prior),
                 .source = kAverage + p.source});
}

void add_orthonormal(const SecondMoment& m, const Asked& a, std::vector<Bound>& all) {
  const Packing p{m.orthonormal, 0, "", m.prior, m.source};
  add_near_orthonormal(p, "", a, all);
  add_sda(near_orthonormal_sda(p.members, 0, a.tau * a.tau), p, "N tau^2 for N orthonormal functions", "", a, all);
  add_szorenyi(p, "", a, all);
}

// Of the packings of a family, the one whose bound is largest.
void add_best_packing(const std::vector<Packing>& packings, const Asked& a, std::vector<Bound>& all) {
  const Packing* best = nullptr;
  double most = -1;
  for (const Packing& p : packings) {
    if (p.gamma >= a.tau * a.tau) continue;
    const double queries = near_orthonormal_queries(p.members, p.gamma, a.tau, a.prob);
    if (queries <= most) continue;
    most = queries;
    best = &p;
  }
  if (best == nullptr) return;
  add_near_orthonormal(*best, ", " + best->name, a, all);
  add_szorenyi(*best, ", " + best->name, a, all);
}

void add_tail(const CorrelationTail& t, const Asked& a, std::vector<Bound>& all) {
  const auto add = [&](const char* name, const TailQueries& q, const char* share) {
    const Bound b{.kind = "B5",
                  .name = name,
                  .queries = q.queries,
                  .statement = fmt::format("queries >= {}(tau^2 - gamma) / {} - 1 at gamma = {:.6g}, {}",
                                           times_prob(a), share, q.gamma, t.formula),
                  .assumes = a.unit(t.prior),
                  .source = kTail + t.source,
                  .as_drawn = true};
    all.push_back(with_error(b, 1, t.error));
  };
  add("B5 tail of the correlations", tail_queries(t.log_tail, a.tau, a.prob), "eps(gamma)");
  add("B5 mean excess of the correlations", mean_excess_queries(t.log_tail, a.tau, a.prob),
      "(integral of eps from gamma to 1)");
}

void add_gram(const SampledGram& g, const Asked& a, const BoundOptions& options, std::vector<Bound>& all) {
  const double size = static_cast<double>(g.limits.rows());
  const std::string suffix = g.all ? fmt::format(", all {} members", g.limits.rows())
                                   : fmt::format(", {} sampled members", g.limits.rows());
  const std::string prior =
      g.all ? fmt::format("uniform over the {} functions that are drawn, up to sign", g.limits.rows())
            : fmt::format("uniform over {} members drawn from the seeds {} on", g.limits.rows(), options.seed);
  const std::string& formula = g.formula;
  const Packing p{size, std::min(1.0, largest_correlation(g.limits.view())), "", prior, formula};
  const auto add_eigenvalue = [&](const std::string& name, const std::string& what, double eigenvalue, double error,
                                  const std::string& source) {
    const Bound b{.kind = "B1",
                  .name = name,
                  .queries = second_moment_queries(eigenvalue / size, a.tau, a.prob),
                  .statement = fmt::format(
                      "queries >= {} N / lam - 1, N = {}, lam = {:.6g}, {}; average correlation "
                      "{:.4g}",
                      p_tau_squared(a), g.limits.rows(), eigenvalue, what, average_correlation(g.limits.view())),
                  .assumes = a.unit(prior),
                  .source = kMarkov + source};
    all.push_back(with_error(b, 1, error / eigenvalue));
  };
  if (g.inputs > 0) {
    add_eigenvalue("B1 Gram, estimated" + suffix,
                   fmt::format("the largest eigenvalue of the Gram matrix, estimated from {} inputs (too large on "
                               "average, so that the bound is too low)",
                               g.inputs),
                   g.largest, g.error, "lambda = lam / N of finitely many functions; the matrix by Monte Carlo");
    add_eigenvalue("B1 Gram, limits" + suffix,
                   "the largest eigenvalue of the matrix of limits, at least that of the Gram matrix",
                   largest_eigenvalue(g.limits.view()), 0,
                   "lambda = lam / N of finitely many functions, and Perron and Frobenius; " + formula);
  } else {
    add_eigenvalue("B1 Gram" + suffix, "the largest eigenvalue of the Gram matrix", g.largest, 0,
                   "lambda = lam / N of finitely many functions; " + formula);
  }
  add_near_orthonormal(p, suffix, a, all);
  add_sda(sda_lower_bound(g.limits.view(), a.tau * a.tau), p,
          "from the largest eigenvalue and the heaviest rows of the matrix of |correlations|", suffix, a, all);
  add_szorenyi(p, suffix, a, all);
}

LambdaRange lambda_range(const std::vector<SecondMoment>& moments, const SampledGram& gram) {
  LambdaRange range;
  if (!moments.empty()) {
    const SecondMoment& drawn = moments.back();
    range.upper = drawn.two_valued ? drawn.bounded : drawn.unit;
    range.upper_error = range.upper * drawn.error;
    // Of N orthonormal functions E <f, f'>^2 is 1 / N, which is lambda.
    if (drawn.orthonormal > 0) range = {range.upper, range.upper_error, range.upper, range.upper_error};
  }
  if (gram.limits.rows() > 0) {
    range.lower = gram.mean_square;
    range.lower_error = gram.mean_square_error;
  }
  return range;
}

// Before any facts are looked for: those may take seconds.
Asked checked(double tau, double prob) {
  require(tau > 0 && tau <= 1, "tau is ", tau, "; a tolerance above 0 and at most 1 is needed");
  require(prob > 0 && prob <= 1, "prob is ", prob, "; a probability above 0 and at most 1 is needed");
  return {tau, prob};
}

// What the bounds of an instance are made from at any tolerance.
struct Facts {
  std::vector<SecondMoment> moments;
  std::vector<Packing> packings;
  CorrelationTail tail;
  SampledGram gram;
};

Facts facts_of(std::string_view id, const ParameterValues& values, const BoundOptions& options) {
  const Family& f = family(id);
  Facts facts{.moments = second_moments(id, values), .packings = {}, .tail = {}, .gram = {}};
  if (f.packings != nullptr) facts.packings = f.packings(values);
  if (f.correlation_tail != nullptr) facts.tail = f.correlation_tail(values);
  if (options.members == BoundOptions::kAll) {
    facts.gram = whole_gram(id, values);
    require(facts.gram.all, "members is all; ", id,
            " lists no members at these parameters (gnn-degree-parity lists 2 to ", kMaxListedMembers,
            ", with up to 13 degree classes); give a number of members");
  } else if (options.members > 0) {
    facts.gram = sampled_gram(id, values, options.members, options.seed, options.inputs);
  }
  return facts;
}

std::vector<Bound> bounds_at(const Facts& facts, const Asked& asked, const BoundOptions& options) {
  std::vector<Bound> all;
  const std::vector<SecondMoment>& moments = facts.moments;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const std::string suffix = i > 0 ? ", as drawn" : "";
    const std::size_t before = all.size();
    if (moments[i].two_valued)
      add_bounded_moment(moments[i], suffix, asked, all);
    else
      add_unit_moment(moments[i], suffix, asked, all);
    for (std::size_t b = before; b < all.size(); ++b)
      all[b].as_drawn = i + 1 == moments.size() && !moments[i].rejects;
  }
  if (!moments.empty() && moments[0].orthonormal > 0) add_orthonormal(moments[0], asked, all);
  add_best_packing(facts.packings, asked, all);
  if (facts.tail.log_tail) add_tail(facts.tail, asked, all);
  if (facts.gram.limits.rows() > 0) add_gram(facts.gram, asked, options, all);
  return all;
}

}  // namespace

InstanceBounds instance_bounds(std::string_view id, const ParameterValues& values, double tau, double prob,
                               const BoundOptions& options) {
  const Asked asked = checked(tau, prob);
  const Facts facts = facts_of(id, values, options);
  return {bounds_at(facts, asked, options), lambda_range(facts.moments, facts.gram)};
}

std::vector<Bound> bounds_of(std::string_view id, const ParameterValues& values, double tau, double prob,
                             const BoundOptions& options) {
  return instance_bounds(id, values, tau, prob, options).bounds;
}

std::vector<Bound> strongest_bounds(std::string_view id, const ParameterValues& values,
                                    const std::vector<double>& taus) {
  const BoundOptions options{.members = 0};
  std::vector<Asked> asked;
  for (const double tau : taus) asked.push_back(checked(tau, 1));
  const Facts facts = facts_of(id, values, options);
  std::vector<Bound> best(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i)
    for (Bound& b : bounds_at(facts, asked[i], options))
      if (b.as_drawn && b.unit_queries && (best[i].name.empty() || b.queries > best[i].queries))
        best[i] = std::move(b);
  return best;
}

}  // namespace eqnn::hard
