#include "growing_basis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace eqnn::hard {
namespace {

constexpr Index kMaxDegree = 12, kMostTerms = 10000;
// Detections of an attempt, in query limits: what false ones may cost.
constexpr Index kMostSearched = 8;
constexpr Index kRoundsPerTerm = 4;

void check_options(const GrowingBasisOptions& o) {
  require(o.degree >= 1, "degree is ", o.degree, "; it must be at least 1");
  require(o.degree <= kMaxDegree, "degree is ", o.degree, "; at most ", kMaxDegree,
          " is allowed (double-precision cancellation not checked beyond)");
  require(o.terms >= 1 && o.terms <= kMostTerms, "terms is ", o.terms, "; allowed are 1 to ", kMostTerms);
  if (!(o.noise_variance >= 0 && std::isfinite(o.noise_variance)))
    throw ValueError(fmt::format("the noise variance is {}; it must be finite and not negative", o.noise_variance));
}

// c_t of a tested and of a chosen generator, and what the rest of a monomial leaves of its square, kappa^degree.
struct Scales {
  std::vector<double> tested, chosen, rest;
};

// Steps (2) and (3): the search of one monomial, depth first.
class Search {
 public:
  Search(SquaredLabelOracle& oracle, const GrowingBasisOptions& options, Damping damping,
         GrowingBasisResult& result)
      : oracle_(oracle), options_(options), theta_(options.a_min * options.a_min / 2), result_(result) {
    const double kappa = rest_moment(oracle.law(), 1, 1, damping.rest);
    for (Index t = 0; t <= options.degree; ++t) {
      scales_.tested.push_back(detector_scale(oracle.law(), t, damping.tested));
      scales_.chosen.push_back(detector_scale(oracle.law(), t, damping.chosen));
      scales_.rest.push_back(std::pow(kappa, static_cast<double>(t)));
    }
    most_ = result.detection_queries + kMostSearched * result.query_limit;
  }
  double theta() const { return theta_; }

  // A term of the residual, with its coefficient; nothing where there is none, or too many were tried.
  std::optional<PolynomialTerm> next() {
    Monomial monomial;
    return extend(monomial, 0, options_.degree, 1);
  }

 private:
  // The same with this beginning: longer ones first, then the beginning itself.
  std::optional<PolynomialTerm> extend(Monomial& monomial, Index from, Index left, double scale) {
    for (Index i = from; i < oracle_.generators() && left > 0; ++i)
      for (Index t = left; t >= 1; --t) {
        if (result_.detection_queries == most_) return {};
        ++result_.detection_queries;
        const double least = theta_ * scale * scales_.tested[t] * scales_.rest[left - t];
        if (!(oracle_.detection(monomial, i, t) >= least)) continue;
        monomial.push_back({i, t});
        if (auto found = extend(monomial, i + 1, left - t, scale * scales_.chosen[t])) return found;
        monomial.pop_back();
      }
    if (monomial.empty()) return {};
    ++result_.coefficient_queries;
    const double c = oracle_.coefficient(monomial);
    if (std::abs(c) < options_.a_min / 2) return {};
    return PolynomialTerm{c, monomial};
  }

  SquaredLabelOracle& oracle_;
  const GrowingBasisOptions& options_;
  double theta_;
  GrowingBasisResult& result_;
  Scales scales_;
  Index most_;
};

void record(std::vector<PolynomialTerm>& terms, double c, const Monomial& monomial) {
  for (PolynomialTerm& t : terms)
    if (t.monomial == monomial) {
      t.coefficient += c;
      return;
    }
  terms.push_back({c, monomial});
}

// One attempt, from the oracle's present residual.
void attempt(SquaredLabelOracle& oracle, const GrowingBasisOptions& options, Damping damping,
             GrowingBasisResult& result) {
  Search search(oracle, options, damping, result);
  result.status = GrowingBasisResult::Status::stuck;
  result.terms.clear();
  result.a_min = options.a_min;
  ++result.attempts;
  for (Index round = 0;; ++round) {
    ++result.energy_queries;
    if (oracle.energy() - options.noise_variance < search.theta()) {
      result.status = GrowingBasisResult::Status::converged;
      return;
    }
    // A coefficient that was far off leaves a term to be found again.
    if (static_cast<Index>(result.terms.size()) == options.terms || round == kRoundsPerTerm * options.terms) {
      result.status = GrowingBasisResult::Status::out_of_terms;
      return;
    }
    const auto term = search.next();
    if (!term) return;
    record(result.terms, term->coefficient, term->monomial);
    oracle.subtract(*term);
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

GrowingBasisResult grow_basis(SquaredLabelOracle& oracle, const GrowingBasisOptions& options, Damping damping) {
  check_options(options);
  check_damping(damping);
  if (!(options.a_min > 0 && std::isfinite(options.a_min)))
    throw ValueError(fmt::format("a_min is {}; it must be finite and above zero", options.a_min));
  GrowingBasisResult result;
  result.query_limit = options.terms * (oracle.generators() * options.degree + 2) + 1;
  attempt(oracle, options, damping, result);
  return result;
}

GrownPolynomial learn_growing_basis(Law law, MatrixView<const double> z, std::span<const double> y,
                                    const GrowingBasisOptions& options, Damping damping) {
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
    attempt(oracle, guess, damping, search);
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
