#include "learn/learners/frame_learner.h"

#include <algorithm>
#include <cmath>

namespace tools {

using eqnn::Block;
namespace hard = eqnn::hard;

FrameLearner::FrameLearner(const LearnConfig& c, const hard::FrameParity& target) : target_(target) {
  require(!c.base.control, "--algo ", c.algorithm,
          " learns parities, and the control has no signs to find; take low-degree or kernel");
}

hard::FrameSample FrameLearner::sample_of(const ExampleStream& examples) const {
  const Index n = target_.law().n;
  require(examples.samples() <= kMostEntries / n, "--samples is ", examples.samples(), "; with n = ", n,
          " at most ", kMostEntries / n, " are held in memory");
  hard::FrameSample sample;
  sample.forms = eqnn::Matrix<double>(examples.samples(), n);
  std::vector<double> some;
  examples.training([&](Block<const double> x, std::span<const double> labels) {
    some.resize(static_cast<std::size_t>(x.examples * n));
    target_.features(x, Block<double>{some.data(), x.examples, n, 1, 1});
    for (Index e = 0; e < x.examples; ++e)
      std::copy_n(some.data() + e * n, n, &sample.forms(static_cast<Index>(sample.y.size()) + e, 0));
    sample.y.insert(sample.y.end(), labels.begin(), labels.end());
  });
  return sample;
}

void FrameLearner::take(const std::vector<Index>& set, double norm_sq) {
  hypothesis_ = std::make_unique<hard::FrameParity>(target_.law(), set, norm_sq);
}

Index FrameLearner::found_indices(const std::vector<Index>& set) const {
  return std::count_if(set.begin(), set.end(), [&](Index i) {
    return std::find(target_.set().begin(), target_.set().end(), i) != target_.set().end();
  });
}

bool FrameLearner::exact() const {
  return hypothesis_ && hypothesis_->set() == target_.set() &&
         std::abs(hypothesis_->norm_sq() / target_.norm_sq() - 1) <= 1e-9;
}

void FrameLearner::predict(Block<const double> x, double* y) const {
  if (hypothesis_) return hypothesis_->targets(x, y);
  std::fill_n(y, x.examples, 0.0);
}

}  // namespace tools
