// Learners that look at every product, or at every parity: the lasso, and exhaustive search.

#include <algorithm>
#include <cmath>
#include <numeric>

#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/learners/learners.h>

#include "cli/json.h"
#include "learn/learner.h"
#include "learn/polynomial_sample.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

Index degree_of(const std::vector<hard::PolynomialTerm>& terms) {
  Index degree = 1;
  for (const hard::PolynomialTerm& t : terms) degree = std::max(degree, hard::total_degree(t.monomial));
  return degree;
}

// What the learners of sparse polynomials share: the target, and a polynomial for it.
class PolynomialLearner : public Learner {
 public:
  PolynomialLearner(const LearnConfig& c, const hard::InvariantPoly& target)
      : target_(target),
        terms_(c.base.control ? target.control() : target.terms()),
        degree_(c.max_degree > 0 ? c.max_degree : degree_of(terms_)) {}
  void predict(Block<const double> x, double* y) const override { polynomial_values(target_, fit_.terms, x, y); }
  Json recovered() const override { return polynomial_json(target_, fit_.terms); }
  bool exact() const override { return same_polynomial(fit_.terms, terms_, 1e-9); }

 protected:
  Json fit_details() const {
    return {{"max_degree", degree_},
            {"verified", fit_.verified},
            {"residual", fit_.residual},
            {"terms_found", fit_.terms.size()},
            {"same_monomials", same_polynomial(fit_.terms, terms_, INFINITY)}};
  }
  const hard::InvariantPoly& target_;
  const std::vector<hard::PolynomialTerm> terms_;
  const Index degree_;
  hard::LearnedPolynomial fit_;
};

class Lasso final : public PolynomialLearner {
 public:
  Lasso(const LearnConfig& c, const hard::InvariantPoly& target) : PolynomialLearner(c, target) {
    using Choice = hard::LassoOptions::Choice;
    options_.degree = degree_;
    options_.choice = c.lambda == "auto"     ? Choice::validation
                      : c.lambda == "theory" ? Choice::theory
                                             : Choice::given;
    if (options_.choice == Choice::given) options_.lambda = parse_number("lambda", c.lambda);
  }
  void learn(const ExampleStream& examples) override {
    const PolynomialSample sample(target_, examples);
    result_ = hard::learn_lasso(target_.law(), sample.z.view(), sample.y, options_);
    fit_ = result_.fit;
  }
  Json details() const override {
    Json j = fit_details();
    j["products"] = result_.products;
    j["lambda"] = result_.lambda;
    j["nonzero"] = result_.nonzero;
    j["sweeps"] = result_.sweeps;
    return j;
  }

 private:
  hard::LassoOptions options_;
  hard::LassoResult result_;
};

class AllProducts final : public PolynomialLearner {
 public:
  AllProducts(const LearnConfig& c, const hard::InvariantPoly& target)
      : PolynomialLearner(c, target), oracle_(make_oracle(c)) {
    require(!oracle_ || c.base.noise == 0, "--oracle answers about the target without noise; leave out --noise");
  }
  void learn(const ExampleStream& examples) override {
    if (oracle_) return ask();
    const PolynomialSample sample(target_, examples);
    const auto terms = static_cast<Index>(terms_.size());
    hard::ExhaustiveResult r = hard::learn_exhaustively(target_.law(), sample.z.view(), sample.y, degree_, terms);
    fit_ = std::move(r.fit);
    queries_ = r.queries;
  }
  std::optional<Index> queries() const override { return queries_; }
  Json details() const override {
    Json j = fit_details();
    if (oracle_) {
      j.erase("verified");
      j.erase("residual");
      j["oracle_log"] = oracle_log(*oracle_);
    }
    return j;
  }

 private:
  // The exact correlation of every product, as the oracle answers it; the largest answers are kept.
  void ask() {
    require(oracle_->mode() != hard::Oracle::Answer::sampled,
            "--answer sampled is brute-force without --oracle: leave out --oracle");
    const hard::ProductBasis basis(target_.law(), target_.inputs().r, degree_);
    require(basis.size() <= 10'000'000, "all products are ", basis.size(),
            "; through an oracle at most 10000000 are asked for: take a smaller --r or --max-degree");
    hard::PopulationOracle exact(target_.law(), target_.inputs().r, terms_, 0);
    std::vector<double> answers(static_cast<std::size_t>(basis.size()));
    for (Index k = 1; k < basis.size(); ++k)
      answers[static_cast<std::size_t>(k)] = oracle_->answer(exact.coefficient(basis.monomial(k)), 1);
    queries_ = basis.size() - 1;
    std::vector<Index> order(answers.size() - 1);
    std::iota(order.begin(), order.end(), Index{1});
    const auto size = [&](Index k) { return std::abs(answers[static_cast<std::size_t>(k)]); };
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return size(a) > size(b); });
    for (std::size_t i = 0; i < std::min(order.size(), terms_.size()) && size(order[i]) > 0; ++i)
      fit_.terms.push_back({answers[static_cast<std::size_t>(order[i])], basis.monomial(order[i])});
  }

  std::optional<hard::Oracle> oracle_;
  Index queries_ = 0;
};

class AllParities final : public Learner {
 public:
  AllParities(const LearnConfig& c, const hard::DegreeParity& target)
      : target_(target), all_(target.n(), target.self_loops()) {
    require(c.oracle == "none" && c.tau == 0 && c.answer.empty(),
            "--oracle is for invariant-poly here; gnn-degree-parity is searched on its sample: leave it out");
    require(c.max_degree == 0, "--max-degree is for products; all parities have every degree: leave it out");
  }
  void learn(const ExampleStream& examples) override {
    examples.training([this](Block<const double> x, std::span<const double> y) {
      for (Index e = 0; e < x.examples; ++e) all_.add(graph(x, e), y[static_cast<std::size_t>(e)]);
    });
    found_ = all_.best(&correlation_);
  }
  void predict(Block<const double> x, double* y) const override {
    for (Index e = 0; e < x.examples; ++e) y[e] = 1 - 2 * hard::parity_value(found_, graph(x, e));
  }
  std::optional<Index> queries() const override { return all_.queries(); }
  Json recovered() const override { return parse_json(hard::parity_json(found_)); }
  bool exact() const override { return hard::same_parity(found_, target_.classes(), target_.b()); }
  Json details() const override {
    return {{"complement", parse_json(hard::parity_json(hard::complement(found_)))},
            {"largest_correlation", std::abs(correlation_)},
            {"exact_error", hard::parity_error(found_, target_.classes(), target_.b())}};
  }

 private:
  static eqnn::MatrixView<const double> graph(const Block<const double>& x, Index e) {
    return {x.row(e), x.points, x.channels, x.stride};
  }
  const hard::DegreeParity& target_;
  hard::ParityCorrelations all_;
  hard::LearnedParity found_;
  double correlation_ = 0;
};

}  // namespace

std::unique_ptr<Learner> make_lasso(const LearnConfig& c, const Member& member) {
  return std::make_unique<Lasso>(c, dynamic_cast<const hard::InvariantPoly&>(member));
}

std::unique_ptr<Learner> make_brute_force(const LearnConfig& c, const Member& member) {
  if (const auto* f = dynamic_cast<const hard::InvariantPoly*>(&member))
    return std::make_unique<AllProducts>(c, *f);
  require(
      !c.base.control,
      "--algo brute-force searches parities, and the control is a count, a real number; take low-degree or kernel");
  return std::make_unique<AllParities>(c, dynamic_cast<const hard::DegreeParity&>(member));
}

}  // namespace tools
