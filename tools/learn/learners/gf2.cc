// Elimination over GF(2): finds the parity from noiseless labels.

#include <eqnn/hard/learners/gf2.h>

#include "learn/learners/parity_learner.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

class Gf2 final : public ParityLearner {
 public:
  explicit Gf2(const hard::DegreeParity& target)
      : ParityLearner(target), learner_(target.n(), target.self_loops()) {}

  void learn(const ExampleStream& examples) override {
    examples.training([this](Block<const double> x, std::span<const double> y) {
      for (Index e = 0; e < x.examples; ++e) learner_.add(graph(x, e), y[e] < 0 ? 1 : 0);
    });
    found_ = learner_.result();
  }
  Json details() const override {
    return {{"complement", complement()},
            {"rank", found_.rank},
            {"rank_limit", hard::degree_classes(found_.n, found_.self_loops)},
            {"free_directions", found_.free_directions},
            {"last_rise", found_.last_rise},
            {"exact_error", exact_error()},
            {"guaranteed_mean_error", found_.guarantee}};
  }

 private:
  hard::DegreeParityLearner learner_;
};

}  // namespace

LearnerKind gf2_learner() {
  LearnerKind kind;
  kind.name = "gf2";
  kind.families = {"gnn-degree-parity"};
  kind.default_samples = [](const LearnConfig&, const Member& member) { return 10 * member.input().points; };
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    require(!c.base.control,
            "--algo gf2 learns parities, and the control is a count, a real number; take low-degree or kernel");
    return std::make_unique<Gf2>(target_of<hard::DegreeParity>(c, member));
  };
  return kind;
}

}  // namespace tools
