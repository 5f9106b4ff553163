// Elimination over GF(2) on the signs of frame-parity's labels.

#include <eqnn/hard/learners/sign_parity.h>

#include "learn/learners/frame_learner.h"

namespace tools {
namespace {

using eqnn::hard::Member;
namespace hard = eqnn::hard;

class SignGf2 final : public FrameLearner {
 public:
  SignGf2(const LearnConfig& c, const hard::FrameParity& target) : FrameLearner(c, target) {}

  void learn(const ExampleStream& examples) override {
    found_ = hard::learn_sign_parity(target_.law(), sample_of(examples));
    if (found_.confirmed) take(found_.set, found_.norm_sq);
  }
  Json details() const override {
    return {{"status", found_.confirmed ? "confirmed" : "unconfirmed"},
            {"indices_found", found_indices(found_.set)},
            {"correlation", found_.correlation},
            {"window", found_.window},
            {"rank", found_.rank},
            {"rank_limit", target_.law().n + 1},
            {"attempts", found_.attempts}};
  }

 private:
  hard::SignParity found_;
};

}  // namespace

LearnerKind sign_gf2_learner() {
  LearnerKind kind;
  kind.name = "sign-gf2";
  kind.families = {"frame-parity"};
  kind.flags = {"oracle", "tau", "answer"};
  // 2 % of the labels of n = 48, k = 6 are in the window.
  kind.default_samples = [](const LearnConfig&, const Member& member) { return 200 * member.input().points; };
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    require(
        c.oracle == "none" && c.tau == 0 && c.answer.empty(),
        "--oracle answers statistical queries, and --algo sign-gf2 asks none: elimination reads examples one by "
        "one; leave it out, or take --algo screen");
    return std::make_unique<SignGf2>(c, target_of<hard::FrameParity>(c, member));
  };
  return kind;
}

}  // namespace tools
