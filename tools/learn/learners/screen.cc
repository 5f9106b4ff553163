// The set of frame-parity from queries about y^2.

#include <eqnn/hard/learners/frame_screen.h>

#include "learn/learners/frame_learner.h"

namespace tools {
namespace {

using eqnn::hard::Member;
namespace hard = eqnn::hard;

class Screen final : public FrameLearner {
 public:
  Screen(const LearnConfig& c, const hard::FrameParity& target)
      : FrameLearner(c, target), oracle_(make_oracle(c)) {}

  void learn(const ExampleStream& examples) override {
    const hard::FrameSample sample = sample_of(examples);
    hard::FrameQueries ask(sample, oracle_ ? &*oracle_ : nullptr);
    found_ = hard::screen_frame(target_.law(), ask);
    squared_ = ask.squared_queries();
    correlational_ = ask.correlational_queries();
    if (found_.status == hard::FrameScreen::Status::confirmed) take(found_.set, found_.norm_sq);
  }
  std::optional<Index> queries() const override { return squared_ + correlational_; }
  Json details() const override {
    Json j;
    j["status"] = hard::status_name(found_.status);
    j["set"] = found_.set;
    j["certain"] = found_.certain;
    j["indices_found"] = found_indices(found_.set);
    j["correlation"] = found_.correlation;
    if (target_.law().frame == hard::ParityFrame::sort)
      j["starts"] = found_.starts;
    else
      j["answers"] = found_.answers;
    j["squared_queries"] = squared_;
    j["correlational_queries"] = correlational_;
    if (oracle_) j["oracle_log"] = oracle_log(*oracle_);
    return j;
  }

 private:
  std::optional<hard::Oracle> oracle_;
  hard::FrameScreen found_;
  Index squared_ = 0, correlational_ = 0;
};

}  // namespace

LearnerKind screen_learner() {
  LearnerKind kind;
  kind.name = "screen";
  kind.families = {"frame-parity"};
  kind.flags = {"oracle", "tau", "answer"};
  kind.default_samples = [](const LearnConfig&, const Member&) { return Index{20000}; };
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    const auto& target = target_of<hard::FrameParity>(c, member);
    require(target.law().frame != hard::ParityFrame::sort || target.law().k <= hard::kMostClimbedSize, "--k is ",
            target.law().k, "; with --frame sort --algo screen takes at most ", hard::kMostClimbedSize,
            ": take --algo sign-gf2");
    return std::make_unique<Screen>(c, target);
  };
  return kind;
}

}  // namespace tools
