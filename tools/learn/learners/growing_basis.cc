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
    damping_ = c.damping.empty() ? hard::default_damping(target.law()) : parse_number("damping", c.damping);
    require(damping_ >= 0, "--damping is ", c.damping,
            "; allowed are numbers from 0 on, 0 for the plain detectors");
    oracle_ = make_oracle(c);
    if (!oracle_) return;
    require(c.a_min != "auto", "--a-min auto needs to look at the sample's labels; with --oracle give a number");
    require(c.base.noise == 0, "--oracle answers about the target without noise; leave out --noise");
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
    hard::AnsweredQueries answers(*oracle_, target_.law(), sample.z.view(), sample.y, terms_, damping_);
    search_ = hard::grow_basis(answers, options_, damping_);
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
    j["damping"] = damping_;
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
  double damping_;
  hard::GrowingBasisResult search_;
};

}  // namespace

LearnerKind growing_basis_learner() {
  LearnerKind kind;
  kind.name = "growing-basis";
  kind.families = {"invariant-poly"};
  kind.flags = {"a-min", "damping", "oracle", "tau", "answer"};
  // As measured: 100 * 3.4^D T^1.5 Gaussian samples, three times as many under the heavier tails of the other laws.
  kind.default_samples = [](const LearnConfig& c, const Member& member) {
    const auto& f = target_of<hard::InvariantPoly>(c, member);
    const double terms = static_cast<double>(f.terms().size()), degree = static_cast<double>(f.degree());
    const double rule = 100 * std::pow(3.4, degree) * std::pow(terms, 1.5);
    return static_cast<Index>(std::min(1e6, f.law() == hard::Law::gauss ? rule : 3 * rule));
  };
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    return std::make_unique<GrowingBasis>(c, target_of<hard::InvariantPoly>(c, member));
  };
  return kind;
}

}  // namespace tools
