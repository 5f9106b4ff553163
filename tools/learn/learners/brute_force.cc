// Exhaustive search: all products of the generators, or all parities of degree counts.

#include <eqnn/hard/learners/brute_force.h>
#include <eqnn/hard/learners/product_basis.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "learn/learners/parity_learner.h"
#include "learn/learners/polynomial_learner.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

class AllProducts final : public PolynomialLearner {
 public:
  AllProducts(const LearnConfig& c, const hard::InvariantPoly& target)
      : PolynomialLearner(c, target), oracle_(make_oracle(c)) {}
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
    std::vector<double> answers(basis.size());
    for (Index k = 1; k < basis.size(); ++k) answers[k] = oracle_->answer(exact.coefficient(basis.monomial(k)), 1);
    queries_ = basis.size() - 1;
    std::vector<Index> order(answers.size() - 1);
    std::iota(order.begin(), order.end(), Index{1});
    const auto size = [&](Index k) { return std::abs(answers[k]); };
    std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return size(a) > size(b); });
    for (std::size_t i = 0; i < std::min(order.size(), terms_.size()) && size(order[i]) > 0; ++i)
      fit_.terms.push_back({answers[order[i]], basis.monomial(order[i])});
  }

  std::optional<hard::Oracle> oracle_;
  Index queries_ = 0;
};

class AllParities final : public ParityLearner {
 public:
  AllParities(const LearnConfig& c, const hard::DegreeParity& target)
      : ParityLearner(target), all_(target.n(), target.self_loops()) {
    require(c.oracle == "none" && c.tau == 0 && c.answer.empty(),
            "--oracle is for invariant-poly here; gnn-degree-parity is searched on its sample: leave it out");
    require(c.max_degree == 0, "--max-degree is for products; all parities have every degree: leave it out");
  }
  void learn(const ExampleStream& examples) override {
    examples.training([this](Block<const double> x, std::span<const double> y) {
      for (Index e = 0; e < x.examples; ++e) all_.add(graph(x, e), y[e]);
    });
    found_ = all_.best(&correlation_);
  }
  std::optional<Index> queries() const override { return all_.queries(); }
  Json details() const override {
    return {{"complement", complement()},
            {"largest_correlation", std::abs(correlation_)},
            {"exact_error", exact_error()}};
  }

 private:
  hard::ParityCorrelations all_;
  double correlation_ = 0;
};

}  // namespace

LearnerKind brute_force_learner() {
  LearnerKind kind;
  kind.name = "brute-force";
  kind.families = {"gnn-degree-parity", "invariant-poly", "staircase"};
  kind.flags = {"max-degree", "oracle", "tau", "answer"};
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    if (const auto* polynomial = dynamic_cast<const hard::InvariantPoly*>(&member))
      return std::make_unique<AllProducts>(c, *polynomial);
    require(!c.base.control,
            "--algo brute-force searches parities, and the control is a count, a real number; take low-degree or "
            "kernel");
    return std::make_unique<AllParities>(c, target_of<hard::DegreeParity>(c, member));
  };
  return kind;
}

}  // namespace tools
