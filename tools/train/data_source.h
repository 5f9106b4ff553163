// Where the examples of a run come from: a family's sampler, or a file.
#pragma once

#include <memory>

#include <eqnn/core/trainer.h>
#include <eqnn/data/epochs.h>

#include "data/dataset.h"
#include "train/models.h"
#include "train/phases.h"

namespace tools {

// Fills the inputs that the network of a configuration reads, and the targets: "y" [b, 1, 1], or under cross
// entropy the class "label". train() transforms the labels as the phase of its step says; all others give them as
// they are. Immutable, but for the workspaces of graphs: worker threads call it at the same time.
template <class T>
class DataSource {
 public:
  virtual ~DataSource() = default;

  virtual Index fixed_examples() const = 0;  // of the training set; 0: fresh ones every step
  virtual Index test_examples() const = 0;   // 0: as many as are asked for
  virtual Index validation_examples() const = 0;
  virtual void train(eqnn::Batch<T>& b) const = 0;
  virtual const PhaseLabels& labels() const = 0;  // of its steps
  // What an oracle averages over in a step: examples 0 .. oracle_inputs() - 1 of the input law, a sample of its own
  // or every input once, and after them those that train() gives. 0: there is no such law.
  virtual Index oracle_inputs() const { return 0; }
  virtual void oracle(eqnn::Batch<T>&) const {}
  // Moved by one of the elements that --test-average names, 0: as they are.
  virtual void test(eqnn::Batch<T>& b, Index element) const = 0;
  virtual Index test_elements() const = 0;
  // Examples of the test, moved as those of training are.
  virtual void test_augmented(eqnn::Batch<T>& b) const = 0;
  // The training set in order, with its noise, and the part of it that was set apart for early stopping.
  virtual void training_set(eqnn::Batch<T>& b) const = 0;
  virtual void validation(eqnn::Batch<T>& b) const = 0;
};

// The labels of a batch of training, in the place of the "y" that stand there.
template <class T>
void transform_labels(const PhaseLabels& labels, eqnn::Batch<T>& b) {
  const PhaseLabels::Scale& scale = labels.at(b.step);
  const eqnn::Block<T> y = b["y"];
  for (Index i = 0; i < b.last - b.first; ++i) y(i) = scale(y(i));
}

// The inputs of a network besides the family's own, which examples [first, first + count) of `input` hold:
// features and the fixed graph. `input` gives the block of a name.
template <class T>
void fill_derived(const TrainConfig& c, const eqnn::hard::Member& member, const NetworkInputs& inputs,
                  eqnn::FunctionRef<eqnn::Block<T>(const std::string&)> input, Index first, Index count);

// The member and the configuration must outlive it.
template <class T>
std::unique_ptr<DataSource<T>> family_data(const TrainConfig& c, const eqnn::hard::Member& member);

// Examples of a file: the test part is fold max(c.fold, 0) of c.folds (of 10 when c.folds is 0), stratified by
// class, and the others are the training set (but for a tenth set apart for --patience), in an order of its own
// each epoch; what does not fill a batch waits for the next epoch. The data set must outlive it.
template <class T>
std::unique_ptr<DataSource<T>> file_data(const TrainConfig& c, const LabelledExamples& data);

// A hash of all examples, 16 hexadecimal digits.
std::string fingerprint(const LabelledExamples& data);

}  // namespace tools
