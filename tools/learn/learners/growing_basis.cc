// GROWING-BASIS: finds a sparse polynomial from queries on the squared label, of a sample or through an oracle.

#include <eqnn/hard/learners/answered_queries.h>
#include <eqnn/hard/learners/growing_basis.h>

#include <cmath>

#include "learn/learners/polynomial_learner.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

// That of --damping is of all detectors alike, and the default with an oracle too: its values have no tails.
hard::Damping damping(const LearnConfig& c, const hard::InvariantPoly& target) {
  if (c.damping.empty() && c.oracle == "none") return hard::default_damping(target.law(), target.inputs().r);
  if (c.damping.empty()) return hard::default_damping(target.law());
  const double all = parse_number("damping", c.damping);
  require(all >= 0, "--damping is ", c.damping, "; allowed are numbers from 0 on, 0 for the plain detectors");
  return all;
}

class GrowingBasis final : public PolynomialLearner {
 public:
  GrowingBasis(const LearnConfig& c, const hard::InvariantPoly& target) : PolynomialLearner(c, target) {
    options_.terms = static_cast<Index>(terms_.size());
    options_.degree = degree_;
    double least = 1;
    for (const hard::PolynomialTerm& t : terms_) least = std::min(least, std::abs(t.coefficient));
    options_.a_min = c.a_min.empty() ? least : c.a_min == "auto" ? 0 : parse_number("a-min", c.a_min);
    require(options_.a_min > 0 || c.a_min == "auto", "--a-min is ", c.a_min,
            "; allowed are numbers above 0, and auto");
    options_.noise_variance = c.base.noise * c.base.noise;
    oracle_ = make_oracle(c);
    damping_ = damping(c, target);
    if (!oracle_) return;
    require(c.a_min != "auto", "--a-min auto needs to look at the sample's labels; with --oracle give a number");
  }

  void learn(const ExampleStream& examples) override {
    const PolynomialSample sample(target_, examples);
    if (!oracle_) {
      hard::GrownPolynomial grown =
          hard::learn_growing_basis(target_.law(), sample.z.view(), sample.y, options_, damping_);
      search_ = std::move(grown.search);
      fit_ = std::move(grown);
      return;
    }
    // Least squares would look at the labels past the oracle: the coefficients stay as answered.
    hard::AnsweredQueries answers(*oracle_, target_.law(), sample.z.view(), sample.y, terms_, damping_.tested);
    search_ = hard::grow_basis(answers, options_, damping_.tested);
    fit_.terms = search_.terms;
  }
  std::optional<Index> queries() const override { return search_.queries(); }
  Json details() const override {
    Json j;
    j["status"] = hard::status_name(search_.status);
    if (!oracle_) {
      j["verified"] = fit_.verified;
      j["residual"] = fit_.residual;
    }
    j["terms_found"] = fit_.terms.size();
    j["same_monomials"] = finds_terms(INFINITY);
    j["a_min"] = search_.a_min;
    j["attempts"] = search_.attempts;
    j["damping"] = {{"tested", damping_.tested}, {"chosen", damping_.chosen}, {"rest", damping_.rest}};
    j["energy_queries"] = search_.energy_queries;
    j["detection_queries"] = search_.detection_queries;
    j["coefficient_queries"] = search_.coefficient_queries;
    j["query_limit"] = search_.query_limit;
    if (oracle_) j["oracle_log"] = oracle_log(*oracle_);
    return j;
  }

 private:
  std::optional<hard::Oracle> oracle_;
  hard::GrowingBasisOptions options_;
  hard::Damping damping_;
  hard::GrowingBasisResult search_;
};

// As measured for D = 2, 3, 4 and T = 1, 3, 5 (docs/learners.md): under the heavier tails of the other laws a few
// terms take as many as more do. Throws ValueError where that is more than a sample is meant to be.
Index default_samples(const hard::InvariantPoly& f) {
  constexpr double kMost = 1e6;
  const double terms = std::pow(static_cast<double>(f.terms().size()), 1.5);
  const double degree = std::pow(3.4, static_cast<double>(f.degree()));
  const double rule = f.law() == hard::Law::gauss ? 100 * degree * terms : 300 * degree * (terms + 2);
  require(rule <= kMost, "growing-basis takes about ", static_cast<Index>(std::min(rule, 9e15)),
          " samples for degree ", f.degree(), " and ", f.terms().size(), " terms; more than ",
          static_cast<Index>(kMost), " must be asked for: give --samples");
  return static_cast<Index>(rule);
}

}  // namespace

LearnerKind growing_basis_learner() {
  LearnerKind kind;
  kind.name = "growing-basis";
  kind.families = {"invariant-poly", "staircase"};
  kind.flags = {"a-min", "damping", "oracle", "tau", "answer"};
  kind.results_version = 2;  // since it confirms every monomial, and damps the rest
  kind.default_samples = [](const LearnConfig& c, const Member& member) {
    return default_samples(target_of<hard::InvariantPoly>(c, member));
  };
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    return std::make_unique<GrowingBasis>(c, target_of<hard::InvariantPoly>(c, member));
  };
  return kind;
}

}  // namespace tools
