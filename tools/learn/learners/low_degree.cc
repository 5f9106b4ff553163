// The low-degree algorithm on the independent variables of a family's input.

#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/learners/low_degree.h>

#include <algorithm>

#include "learn/learners/polynomial_learner.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::Matrix;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

// The independent variables of a family's input, of one law each: bits as 1 - 2x (of a graph without loops those
// off the diagonal), generators, or all entries.
class Variables {
 public:
  explicit Variables(const Member& member) : layout_(member.input()) {
    polynomial_ = dynamic_cast<const hard::InvariantPoly*>(&member);
    const auto* graph = dynamic_cast<const hard::DegreeParity*>(&member);
    skip_diagonal_ = graph != nullptr && !graph->self_loops();
    if (polynomial_ != nullptr)
      law_ = polynomial_->law();
    else if (!layout_.bits)
      law_ = hard::Law::gauss;
  }
  const std::optional<hard::Law>& law() const { return law_; }
  Index count() const {
    if (polynomial_ != nullptr) return polynomial_->inputs().r;
    return layout_.points * layout_.channels - (skip_diagonal_ ? layout_.points : 0);
  }
  Matrix<double> operator()(const Block<const double>& x) const {
    if (polynomial_ != nullptr) return generators(*polynomial_, x);
    Matrix<double> z(x.examples, count());
    for (Index e = 0; e < x.examples; ++e)
      for (Index p = 0, i = 0; p < x.points; ++p)
        for (Index c = 0; c < x.channels; ++c) {
          if (skip_diagonal_ && p == c) continue;
          z(e, i++) = law_ ? x(e, p, c) : 1 - 2 * x(e, p, c);
        }
    return z;
  }

 private:
  const hard::InputLayout layout_;
  const hard::InvariantPoly* polynomial_ = nullptr;
  std::optional<hard::Law> law_;
  bool skip_diagonal_ = false;
};

// Products times examples that are looked at, a minute of work.
constexpr double kMostWork = 6e10;

class LowDegree final : public Learner {
 public:
  LowDegree(const LearnConfig& c, const Member& member)
      : variables_(member),
        degree_(c.max_degree),
        examples_(2.0 * static_cast<double>(c.base.samples) + static_cast<double>(c.base.test_samples)) {
    if (degree_ == 0) degree_ = affordable(static_cast<double>(c.base.samples));
  }
  void learn(const ExampleStream& examples) override {
    const double products = hard::product_count(!variables_.law(), variables_.count(), degree_);
    require(products * examples_ <= kMostWork, "--max-degree ", degree_, " has ",
            static_cast<std::int64_t>(std::min(products, 9e18)), " products of ", variables_.count(),
            " variables; with this many samples at most ", static_cast<std::int64_t>(kMostWork / examples_),
            " are allowed: take a smaller degree or fewer samples");
    learner_.emplace(variables_.law(), variables_.count(), degree_);
    examples.training(
        [this](Block<const double> x, std::span<const double> y) { learner_->add(variables_(x).view(), y); });
  }
  void predict(Block<const double> x, double* y) const override { learner_->values(variables_(x).view(), y); }
  std::optional<Index> queries() const override { return learner_->basis().size(); }
  Json details() const override {
    return {{"max_degree", degree_},
            {"variables", variables_.count()},
            {"products", learner_->basis().size()},
            {"mass", learner_->mass()},
            {"mass_of_estimation", learner_->estimation_mass()}};
  }

 private:
  // The largest degree whose estimation errors come to a twentieth of the target's variance, 1 at least.
  Index affordable(double samples) const {
    Index degree = 1;
    while (degree < 12 && 20 * hard::product_count(!variables_.law(), variables_.count(), degree + 1) <= samples)
      ++degree;
    return degree;
  }

  Variables variables_;
  Index degree_;
  double examples_;
  std::optional<hard::LowDegreeLearner> learner_;
};

}  // namespace

LearnerKind low_degree_learner() {
  LearnerKind kind;
  kind.name = "low-degree";
  kind.flags = {"max-degree"};
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    return std::make_unique<LowDegree>(c, member);
  };
  return kind;
}

}  // namespace tools
