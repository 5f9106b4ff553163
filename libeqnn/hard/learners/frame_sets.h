// What the learners of frame-parity work on: canonical forms with their labels, and queries about them.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "../families/frame_parity/frame_parity.h"
#include "oracle.h"

namespace eqnn::hard {

// The canonical form of every example, [examples, n], and its label.
struct FrameSample {
  Matrix<double> forms;
  std::vector<double> y;
};

// f_S of the first `examples` forms, as parity_sum has it, not normalised.
std::vector<double> parity_sums(const FrameSample& sample, std::span<const Index> set, Index examples);

// Clips y^2 at 4: its mean square is 1, and heavier tails would say more of single examples than of S.
inline constexpr double kLabelClip = 4;

// The answer to a query about labels.
struct Answer {
  double value = 0;
  double certain = 0;  // above this |value| is no accident: 5 standard errors, or the oracle's tolerance
};

// Queries about the labels of a sample, by its means, or through an oracle whose values are those means, off by 1 /
// sqrt(examples) of their norm. A csq oracle has no queries about y^2: their answer is the label-free part, 0.
class FrameQueries {
 public:
  // The sample and the oracle must outlive it. Throws ValueError for a sample without examples or of another shape.
  explicit FrameQueries(const FrameSample& sample, Oracle* oracle = nullptr);

  // E[min(y^2, 4) q] over the first q.size() examples, q of mean 0 there.
  Answer squared(std::span<const double> q);
  // E[y f_S] / |f_S|, correlational: near 1 for the target, and 0 for every other set, since f_S and f_T are
  // orthogonal. Of all examples.
  double correlation(std::span<const Index> set);
  // E f_S^2 by which y = f_S / sqrt(E f_S^2) has that correlation. REQUIRES: a correlation other than 0.
  double norm_sq(std::span<const Index> set, double correlation) const;

  const FrameSample& sample() const { return sample_; }
  Index squared_queries() const { return squared_; }
  Index correlational_queries() const { return correlational_; }

 private:
  const FrameSample& sample_;
  Oracle* oracle_;
  std::vector<double> clipped_;
  Index squared_ = 0, correlational_ = 0;
};

}  // namespace eqnn::hard
