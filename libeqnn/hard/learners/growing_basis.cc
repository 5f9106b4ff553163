#include "growing_basis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace eqnn::hard {
namespace {

constexpr Index kMaxDegree = 12, kMostTerms = 10000;

void check_options(const GrowingBasisOptions& o) {
  require(o.degree >= 1, "degree is ", o.degree, "; it must be at least 1");
  require(o.degree <= kMaxDegree, "degree is ", o.degree, "; at most ", kMaxDegree,
          " is allowed (double-precision cancellation not checked beyond)");
  require(o.terms >= 1 && o.terms <= kMostTerms, "terms is ", o.terms, "; allowed are 1 to ", kMostTerms);
  if (!(o.noise_variance >= 0 && std::isfinite(o.noise_variance)))
    throw ValueError(fmt::format("the noise variance is {}; it must be finite and not negative", o.noise_variance));
}

// Step (2): a monomial of the residual, empty when there is none.
Monomial grow_monomial(SquaredLabelOracle& oracle, Index degree, double theta, const std::vector<double>& scales,
                       Index& queries) {
  Monomial monomial;
  double scale = 1;
  Index left = degree;
  for (Index i = 0; i < oracle.generators() && left > 0; ++i)
    for (Index t = left; t >= 1; --t) {
      ++queries;
      const double c = scales[t];
      if (!(oracle.detection(monomial, i, t) >= theta * scale * c)) continue;
      monomial.push_back({i, t});
      left -= t;
      scale *= c;
      break;
    }
  return monomial;
}

void record(std::vector<PolynomialTerm>& terms, double c, const Monomial& monomial) {
  for (PolynomialTerm& t : terms)
    if (t.monomial == monomial) {
      t.coefficient += c;
      return;
    }
  terms.push_back({c, monomial});
}

// One attempt, from the oracle's present residual. Coefficients below `least` end it: stuck.
void attempt(SquaredLabelOracle& oracle, const GrowingBasisOptions& options, double damping, double least,
             GrowingBasisResult& result) {
  std::vector<double> scales;
  for (Index t = 0; t <= options.degree; ++t) scales.push_back(detector_scale(oracle.law(), t, damping));
  const double theta = options.a_min * options.a_min / 2;
  result.status = GrowingBasisResult::Status::stuck;
  result.terms.clear();
  result.a_min = options.a_min;
  ++result.attempts;
  for (Index round = 0;; ++round) {
    ++result.energy_queries;
    if (oracle.energy() - options.noise_variance < theta) {
      result.status = GrowingBasisResult::Status::converged;
      return;
    }
    if (round == options.terms) {
      result.status = GrowingBasisResult::Status::out_of_terms;
      return;
    }
    const Monomial monomial = grow_monomial(oracle, options.degree, theta, scales, result.detection_queries);
    if (monomial.empty()) return;
    ++result.coefficient_queries;
    const double c = oracle.coefficient(monomial);
    if (std::abs(c) < least) return;
    record(result.terms, c, monomial);
    oracle.subtract({c, monomial});
  }
}

// Smaller is better.
double information(const LearnedPolynomial& l) {
  const double samples = static_cast<double>(l.samples);
  return samples * std::log(std::max(l.residual, std::numeric_limits<double>::min())) +
         static_cast<double>(l.terms.size()) * std::log(samples);
}

GrownPolynomial fitted(const SampleOracle& sample, GrowingBasisResult search) {
  LearnedPolynomial fit = fit_terms(sample, search.terms);
  return {std::move(fit), std::move(search)};
}

}  // namespace

const char* status_name(GrowingBasisResult::Status status) {
  switch (status) {
    case GrowingBasisResult::Status::converged:
      return "converged";
    case GrowingBasisResult::Status::stuck:
      return "stuck";
    case GrowingBasisResult::Status::out_of_terms:
      break;
  }
  return "out-of-terms";
}

GrowingBasisResult grow_basis(SquaredLabelOracle& oracle, const GrowingBasisOptions& options, double damping) {
  check_options(options);
  check_damping(damping);
  if (!(options.a_min > 0 && std::isfinite(options.a_min)))
    throw ValueError(fmt::format("a_min is {}; it must be finite and above zero", options.a_min));
  GrowingBasisResult result;
  result.query_limit = options.terms * (oracle.generators() * options.degree + 2) + 1;
  attempt(oracle, options, damping, 0, result);
  return result;
}

GrownPolynomial learn_growing_basis(Law law, MatrixView<const double> z, std::span<const double> y,
                                    const GrowingBasisOptions& options, double damping) {
  SampleOracle oracle(law, z, y, damping);
  if (options.a_min != 0) return fitted(oracle, grow_basis(oracle, options, damping));

  check_options(options);
  GrownPolynomial learned;
  learned.samples = oracle.samples();
  GrowingBasisResult search;
  search.query_limit = options.terms * (oracle.generators() * options.degree + 2) + 1;
  ++search.energy_queries;
  const double energy = std::max(0.0, oracle.energy() - options.noise_variance);
  bool first = true;
  for (double k = 1; k <= 16 * static_cast<double>(options.terms) && energy > 0;
       k = k < static_cast<double>(options.terms) ? k + 1 : 1.5 * k) {
    GrowingBasisOptions guess = options;
    guess.a_min = std::sqrt(energy / k);
    oracle.restart();
    attempt(oracle, guess, damping, guess.a_min / 2, search);
    GrownPolynomial candidate = fitted(oracle, search);
    if (first || information(candidate) < information(learned)) learned = std::move(candidate);
    first = false;
    if (learned.verified) break;
  }
  // The queries of every attempt count, not those up to the best one.
  learned.search.energy_queries = search.energy_queries;
  learned.search.detection_queries = search.detection_queries;
  learned.search.coefficient_queries = search.coefficient_queries;
  learned.search.attempts = search.attempts;
  learned.search.query_limit = search.query_limit;
  return learned;
}

}  // namespace eqnn::hard
