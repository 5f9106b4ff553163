// The lasso on all products of the generators.

#include <eqnn/hard/learners/lasso.h>

#include "learn/learners/polynomial_learner.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

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

}  // namespace

LearnerKind lasso_learner() {
  LearnerKind kind;
  kind.name = "lasso";
  kind.families = {"invariant-poly", "staircase"};
  kind.flags = {"max-degree", "lambda"};
  kind.default_samples = [](const LearnConfig&, const Member&) { return Index{4000}; };
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    return std::make_unique<Lasso>(c, target_of<hard::InvariantPoly>(c, member));
  };
  return kind;
}

}  // namespace tools
