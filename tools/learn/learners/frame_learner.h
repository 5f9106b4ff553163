// What the learners of frame-parity share: samples of canonical forms, the target, and the set that was found.
#pragma once

#include <eqnn/hard/learners/frame_sets.h>

#include "learn/learner.h"

namespace tools {

class FrameLearner : public Learner {
 public:
  // 0 where no set was found.
  void predict(eqnn::Block<const double> x, double* y) const override;
  Json recovered() const override { return hypothesis_ ? parse_json(hypothesis_->json()) : Json(nullptr); }
  // The set is the target's, and the norm within 1e-9.
  bool exact() const override;

 protected:
  // Throws ValueError for --control.
  FrameLearner(const LearnConfig& c, const eqnn::hard::FrameParity& target);

  // Throws ValueError where the forms would take more than 2 GB.
  eqnn::hard::FrameSample sample_of(const ExampleStream& examples) const;
  // Takes f_S / sqrt(norm_sq) for the hypothesis.
  void take(const std::vector<Index>& set, double norm_sq);
  Index found_indices(const std::vector<Index>& set) const;  // of the target's

  const eqnn::hard::FrameParity& target_;

 private:
  std::unique_ptr<eqnn::hard::FrameParity> hypothesis_;
};

}  // namespace tools
