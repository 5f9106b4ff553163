// Learners that find the member itself: elimination over GF(2), and GROWING-BASIS.

#include <cmath>

#include <eqnn/hard/learners/answered_queries.h>
#include <eqnn/hard/learners/gf2.h>
#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/learners/growing_basis.h>
#include <eqnn/hard/families/invariant_poly/invariant_poly.h>

#include "cli/json.h"
#include "learn/learner.h"
#include "learn/polynomial_sample.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::MatrixView;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

// --- gf2
// -----------------------------------------------------------------------------------------------------------

class Gf2 final : public Learner {
 public:
  explicit Gf2(const hard::DegreeParity& target) : target_(target), learner_(target.n(), target.self_loops()) {}

  void learn(const ExampleStream& examples) override {
    examples.training([this](Block<const double> x, std::span<const double> y) {
      for (Index e = 0; e < x.examples; ++e) learner_.add(graph(x, e), y[static_cast<std::size_t>(e)] < 0 ? 1 : 0);
    });
    found_ = learner_.result();
  }
  void predict(Block<const double> x, double* y) const override {
    for (Index e = 0; e < x.examples; ++e) y[e] = 1 - 2 * hard::parity_value(found_, graph(x, e));
  }
  Json recovered() const override { return parse_json(hard::parity_json(found_)); }
  bool exact() const override { return hard::same_parity(found_, target_.classes(), target_.b()); }
  Json details() const override {
    return {{"complement", parse_json(hard::parity_json(hard::complement(found_)))},
            {"rank", found_.rank},
            {"rank_limit", hard::degree_classes(found_.n, found_.self_loops)},
            {"free_directions", found_.free_directions},
            {"last_rise", found_.last_rise},
            {"exact_error", hard::parity_error(found_, target_.classes(), target_.b())},
            {"guaranteed_mean_error", found_.guarantee}};
  }

 private:
  static MatrixView<const double> graph(const Block<const double>& x, Index e) {
    return {x.row(e), x.points, x.channels, x.stride};
  }
  const hard::DegreeParity& target_;
  hard::DegreeParityLearner learner_;
  hard::LearnedParity found_;
};

// --- growing-basis
// ---------------------------------------------------------------------------------------------------

class GrowingBasis final : public Learner {
 public:
  GrowingBasis(const LearnConfig& c, const hard::InvariantPoly& target)
      : target_(target), terms_(c.base.control ? target.control() : target.terms()) {
    options_.terms = static_cast<Index>(terms_.size());
    options_.degree = 1;
    double least = 1;
    for (const hard::PolynomialTerm& t : terms_) {
      options_.degree = std::max(options_.degree, hard::total_degree(t.monomial));
      least = std::min(least, std::abs(t.coefficient));
    }
    options_.a_min = c.a_min.empty() ? least : c.a_min == "auto" ? 0 : parse_number("a-min", c.a_min);
    require(options_.a_min > 0 || c.a_min == "auto", "--a-min is ", c.a_min,
            "; allowed are numbers above 0, and auto");
    options_.noise_variance = c.base.noise * c.base.noise;
    damping_ = c.damping.empty() ? hard::default_damping(target.law()) : parse_number("damping", c.damping);
    require(damping_ >= 0, "--damping is ", c.damping,
            "; allowed are numbers from 0 on, 0 for the plain detectors");
    take_oracle(c);
  }

  void learn(const ExampleStream& examples) override {
    const PolynomialSample sample(target_, examples);
    if (!oracle_) {
      found_ = hard::learn_growing_basis(target_.law(), sample.z.view(), sample.y, options_, damping_);
      return;
    }
    // Least squares would look at the labels past the oracle: the coefficients stay as answered.
    hard::AnsweredQueries answers(*oracle_, target_.law(), sample.z.view(), sample.y, terms_, damping_);
    found_.search = hard::grow_basis(answers, options_, damping_);
    found_.terms = found_.search.terms;
  }
  void predict(Block<const double> x, double* y) const override { polynomial_values(target_, found_.terms, x, y); }
  std::optional<Index> queries() const override { return found_.search.queries(); }
  Json recovered() const override { return polynomial_json(target_, found_.terms); }
  bool exact() const override { return same_polynomial(found_.terms, terms_, 1e-9); }
  Json details() const override {
    const hard::GrowingBasisResult& s = found_.search;
    Json j;
    j["status"] = hard::status_name(s.status);
    if (!oracle_) {
      j["verified"] = found_.verified;
      j["residual"] = found_.residual;
    }
    j["terms_found"] = found_.terms.size();
    j["same_monomials"] = same_polynomial(found_.terms, terms_, INFINITY);
    j["a_min"] = s.a_min;
    j["attempts"] = s.attempts;
    j["damping"] = damping_;
    j["energy_queries"] = s.energy_queries;
    j["detection_queries"] = s.detection_queries;
    j["coefficient_queries"] = s.coefficient_queries;
    j["query_limit"] = s.query_limit;
    if (oracle_) j["oracle_log"] = oracle_log(*oracle_);
    return j;
  }

 private:
  void take_oracle(const LearnConfig& c) {
    oracle_ = make_oracle(c);
    if (!oracle_) return;
    require(c.a_min != "auto", "--a-min auto needs to look at the sample's labels; with --oracle give a number");
    require(c.base.noise == 0, "--oracle answers about the target without noise; leave out --noise");
  }

  std::optional<hard::Oracle> oracle_;
  const hard::InvariantPoly& target_;
  const std::vector<hard::PolynomialTerm> terms_;
  hard::GrowingBasisOptions options_;
  double damping_;
  hard::LearnedPolynomial found_;
};

}  // namespace

std::unique_ptr<Learner> make_gf2(const LearnConfig& c, const Member& member) {
  require(!c.base.control,
          "--algo gf2 learns parities, and the control is a count, a real number; take low-degree or kernel");
  return std::make_unique<Gf2>(dynamic_cast<const hard::DegreeParity&>(member));
}

std::unique_ptr<Learner> make_growing_basis(const LearnConfig& c, const Member& member) {
  return std::make_unique<GrowingBasis>(c, dynamic_cast<const hard::InvariantPoly&>(member));
}

}  // namespace tools
