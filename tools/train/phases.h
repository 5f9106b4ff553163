// Transforms of the training labels, and phases of training in time, each with a transform, steps and a rate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <eqnn/core/function_ref.h>

#include "train/config.h"

namespace tools {

// What training sees in the place of a label y. But for `none`, which is y itself, it is centred and scaled,
// (T(y) - mean) / sd, with T(y) one of
//   square         y^2
//   abs            |y|
//   clip-square:c  min(y^2, c), c > 0; 4 where none is given
//   sign:c         1 where y > c, else -1; c = 0 where none is given
// Noise on the labels comes first. A gradient of a squared error on T(y) is a statistical query that is not
// correlational: its values are of T(f), and not of f.
struct LabelTransform {
  enum class Kind : std::uint8_t { none, square, abs, clip_square, sign };
  Kind kind = Kind::none;
  double c = 0;  // of the last two

  double operator()(double y) const;  // T(y)
  std::string text() const;           // as --label-transform takes it, with its c
};
// Throws ValueError for another text; `flag` is what the message calls it.
LabelTransform parse_label_transform(const std::string& flag, const std::string& text);

// Training from one network to the next: the optimiser's moments are zero at its start, and its steps, the
// schedule's and those of warm-up count from there. The order of the examples goes on.
struct Phase {
  LabelTransform transform;
  Index steps = 0;
  double lr = 0;
  std::uint64_t first = 0;  // the steps of the phases before
};
// TRANSFORM:STEPS:LR for each, joined by commas, and back. Throws ValueError.
std::vector<Phase> parse_phases(const std::string& text);
std::string phases_text(const std::vector<Phase>& phases);

// The phases of a run: those of --phases, or one with its --label-transform, --steps and --lr.
std::vector<Phase> phases_of(const TrainConfig& c);
// The configuration of a phase: its steps and rate, and --first-lr in the first alone.
TrainConfig phase_config(const TrainConfig& c, const Phase& phase);
// The place of the phase to which a step belongs, the last one where all are done.
std::size_t phase_at(const std::vector<Phase>& phases, std::uint64_t step);
bool transforms_labels(const TrainConfig& c);
// Whether the loss of a batch of the last phase is what a test measures: of y itself, squared or of classes, and on
// examples that no step before it has seen, or those of a fixed set.
bool batch_loss_is_test_loss(const TrainConfig& c);

// The labels of a run's steps. Immutable.
class PhaseLabels {
 public:
  // mean and sd of a transform, from a sample of labels: of the population that the sample is.
  struct Scale {
    LabelTransform transform;
    double mean = 0, sd = 1;
    template <class T>
    T operator()(T y) const {
      if (transform.kind == LabelTransform::Kind::none) return y;
      return static_cast<T>((transform(static_cast<double>(y)) - mean) / sd);
    }
  };

  // `sample` is called where a phase transforms its labels, and for nothing else. Throws ValueError where the
  // transformed labels are all the same.
  PhaseLabels(const TrainConfig& c, eqnn::FunctionRef<std::vector<double>()> sample);
  const Scale& at(std::uint64_t step) const { return scales_[phase_at(phases_, step)]; }
  const std::vector<Phase>& phases() const { return phases_; }
  const std::vector<Scale>& scales() const { return scales_; }  // one a phase

 private:
  std::vector<Phase> phases_;
  std::vector<Scale> scales_;
};

// A sample of labels has so many of the first training examples, or all where there are fewer.
inline constexpr Index kLabelSample = 4096;

}  // namespace tools
