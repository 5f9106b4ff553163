// One training run in memory: network, data, trainer. Knows nothing of files, verdicts or progress.
#pragma once

#include <memory>
#include <vector>

#include <eqnn/io/safetensors.h>
#include <eqnn/hard/learners/oracle.h>
#include <eqnn/core/trainer.h>

#include "data/dataset.h"
#include "train/config.h"

namespace tools {

// What a network does on a set of examples.
struct Evaluation {
  Index examples = 0;
  double loss = 0;      // mean squared error, or cross entropy
  double variance = 0;  // of the targets, over the same examples; of classes: their entropy
  double accuracy = 0;  // share of equal signs, or of classes hit
  double correlation = 0, correlation_low = 0, correlation_high = 0;  // with its 95 % interval (Fisher's z)

  double normalized() const { return loss / variance; }
};

// The run of a configuration, over float or double. One thread drives it.
class Training {
 public:
  virtual ~Training() = default;

  // One update; the loss before it. `noise` may be null.
  virtual double step(eqnn::GradientNoise* noise) = 0;
  virtual Evaluation test(Index examples) = 0;  // of a file: all of its test part
  virtual Evaluation training_set() = 0;        // all of a fixed one
  virtual Index fixed_examples() const = 0;     // its size; 0: online
  virtual Evaluation validation() = 0;          // its last tenth
  virtual std::uint64_t steps_done() const = 0;
  virtual double gradient_norm() const = 0;
  virtual double distance() const = 0;  // |parameters - initial parameters|, Euclidean
  // What divergence is judged by: the loss of the last step. Through an oracle E h^2 + 1, h the network's output:
  // the loss would tell of the target.
  virtual double watched_loss() const = 0;
  virtual Index examples_per_step() const = 0;
  // Null without one. Its means are over oracle_inputs() examples.
  virtual const eqnn::hard::Oracle* oracle() const = 0;
  virtual Index oracle_inputs() const = 0;

  virtual Index parameters() const = 0;
  virtual Index memory_bytes() const = 0;
  virtual double flops_per_step() const = 0;

  // Parameters and moments, and back; exact.
  virtual std::vector<eqnn::NamedArray> state() = 0;
  virtual void restore(const eqnn::SafeTensors& file, std::uint64_t steps) = 0;
  virtual void save_model(const std::string& path, const std::map<std::string, std::string>& metadata) = 0;
};

// Of one output an example: predictions f against targets y, with the mean squared error as the loss.
Evaluation evaluate_predictions(const std::vector<double>& f, const std::vector<double>& y);

// What a run trains on: a family's member, or the examples of a file.
struct Examples {
  std::shared_ptr<const eqnn::hard::Member> member;
  std::shared_ptr<const Dataset> data;

  // Whether predictions are right or wrong: two-valued targets and classes.
  bool has_classes(const TrainConfig& c) const;
};

// The member of a configuration: drawn, or read from the member file it holds.
std::unique_ptr<eqnn::hard::Member> make_member(const TrainConfig& c);
// Draws the member, or reads the file. Throws FileError for a file whose contents are not those of `c`.
Examples make_examples(const TrainConfig& c);

// Throws ValueError when model, loss and examples do not fit.
std::unique_ptr<Training> make_training(const TrainConfig& c, const Examples& examples, int threads);

}  // namespace tools
