// One training run in memory: network, data, trainer. Knows nothing of files, verdicts or progress.
#pragma once

#include <cmath>
#include <memory>
#include <vector>

#include <eqnn/core/trainer.h>
#include <eqnn/hard/learners/oracle.h>
#include <eqnn/io/safetensors.h>

#include "train/evaluation.h"
#include "train/examples.h"
#include "train/initial_weights.h"
#include "train/phases.h"

namespace tools {

// Whether a run has diverged: a loss that is not finite, or a million times the first one. `first` is 0 until there
// was a loss that is not.
inline bool has_diverged(double loss, double& first) {
  if (first == 0) first = loss;
  return !std::isfinite(loss) || loss > 1e6 * first;
}

// The run of a configuration, over float or double. One thread drives it.
class Training {
 public:
  virtual ~Training() = default;

  // One update; the loss before it. `noise` may be null.
  virtual double step(eqnn::GradientNoise* noise) = 0;
  // Evaluations are on labels without a transform, and of a network with one output by its squared error.
  virtual Evaluation test(Index examples) = 0;  // of a file: all of its test part
  virtual Evaluation training_set() = 0;        // all of a fixed one
  virtual Index fixed_examples() const = 0;     // its size; 0: online
  virtual Evaluation validation() = 0;          // its last tenth
  virtual std::uint64_t steps_done() const = 0;
  virtual double gradient_norm() const = 0;
  virtual double distance() const = 0;  // |parameters - initial parameters|, Euclidean
  // How far the first layer has found where the member hides (eqnn::hard::planted_overlap); nan where that is not
  // defined.
  virtual double overlap() const = 0;
  // What divergence is judged by: the loss of the last step. Through an oracle E h^2 + 1, h the network's output:
  // the loss would tell of the target.
  virtual double watched_loss() const = 0;
  // Through so many steps: those of a fixed set each time again, fresh ones once.
  virtual std::uint64_t examples_seen(std::uint64_t steps) const = 0;
  virtual const PhaseLabels& labels() const = 0;
  // Null without one. Its means are over oracle_inputs() examples.
  virtual const eqnn::hard::Oracle* oracle() const = 0;
  virtual Index oracle_inputs() const = 0;

  virtual const TakenWeights& initial() const = 0;  // of --init-from
  virtual Index parameters() const = 0;
  virtual Index memory_bytes() const = 0;
  virtual double flops_per_step() const = 0;

  // Parameters and moments, and back; exact.
  virtual std::vector<eqnn::NamedArray> state() = 0;
  virtual void restore(const eqnn::SafeTensors& file, std::uint64_t steps) = 0;
  virtual void save_model(const std::string& path, const std::map<std::string, std::string>& metadata) = 0;
};

// Throws ValueError when model, loss and examples do not fit. Of ranks, where given, all make it and call the same
// functions of it in the same order; what they return is the same on each.
std::unique_ptr<Training> make_training(const TrainConfig& c, const Examples& examples, int threads,
                                        eqnn::Ranks* ranks = nullptr);

}  // namespace tools
