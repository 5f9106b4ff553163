// The low-degree algorithm on the independent variables of a family's input.

#include <eqnn/hard/learners/low_degree.h>

#include <algorithm>

#include "learn/learner.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

// Products times examples that are looked at, a minute of work.
constexpr double kMostWork = 6e10;

class LowDegree final : public Learner {
 public:
  LowDegree(const LearnConfig& c, const Member& member)
      : member_(member),
        variables_(member.variables()),
        degree_(c.max_degree),
        examples_(2.0 * static_cast<double>(c.base.samples) + static_cast<double>(c.base.test_samples)) {
    if (degree_ == 0) degree_ = affordable(static_cast<double>(c.base.samples));
  }
  void learn(const ExampleStream& examples) override {
    const double products = hard::product_count(!variables_.law, variables_.count, degree_);
    require(products * examples_ <= kMostWork, "--max-degree ", degree_, " has ",
            static_cast<std::int64_t>(std::min(products, 9e18)), " products of ", variables_.count,
            " variables; with this many samples at most ", static_cast<std::int64_t>(kMostWork / examples_),
            " are allowed: take a smaller degree or fewer samples");
    learner_.emplace(variables_.law, variables_.count, degree_);
    examples.training([this](Block<const double> x, std::span<const double> y) {
      learner_->add(variables_of(member_, x).view(), y);
    });
  }
  void predict(Block<const double> x, double* y) const override {
    learner_->values(variables_of(member_, x).view(), y);
  }
  std::optional<Index> queries() const override { return learner_->basis().size(); }
  Json details() const override {
    return {{"max_degree", degree_},
            {"variables", variables_.count},
            {"products", learner_->basis().size()},
            {"mass", learner_->mass()},
            {"mass_of_estimation", learner_->estimation_mass()}};
  }

 private:
  // The largest degree whose estimation errors come to a twentieth of the target's variance, 1 at least.
  Index affordable(double samples) const {
    Index degree = 1;
    while (degree < 12 && 20 * hard::product_count(!variables_.law, variables_.count, degree + 1) <= samples)
      ++degree;
    return degree;
  }

  const Member& member_;
  hard::IndependentVariables variables_;
  Index degree_;
  double examples_;
  std::optional<hard::LowDegreeLearner> learner_;
};

}  // namespace

LearnerKind low_degree_learner() {
  LearnerKind kind;
  kind.name = "low-degree";
  kind.flags = {"max-degree"};
  kind.results_version = 2;  // since its verdict is by the loss on fresh examples
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    return std::make_unique<LowDegree>(c, member);
  };
  return kind;
}

}  // namespace tools
