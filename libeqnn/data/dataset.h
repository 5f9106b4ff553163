// Sets of labelled examples that train: parts, folds, epochs, standardisation, and the callbacks that fill batches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/trainer.h"
#include "collator.h"
#include "epochs.h"
#include "labelled_examples.h"
#include "stratify.h"

namespace eqnn {

// Training, validation and test part, each a set of its own.
template <class Set>
struct Split {
  Set train, validation, test;
};

// Some of the examples of a file or program, with their targets: what Dataset and GraphDataset share. Copies and
// parts share the examples, which nobody changes. Threads: any number may use one.
class ChosenExamples {
 public:
  Index size() const { return static_cast<Index>(numbers_.size()); }
  // How many classes there are, also where none of the examples is of one; 0: the targets are numbers.
  Index classes() const { return static_cast<Index>(all().class_names.size()); }
  // The class of example i, or its target. Throw ValueError where the targets are of the other kind, and for an
  // example that does not exist.
  std::int32_t label(Index i) const;
  double y(Index i) const;
  // The number of example i in all().
  Index number(Index i) const;
  // What all parts are of, as the file has it.
  const LabelledExamples& all() const;

 protected:
  struct Shared;
  // How a value v of column k is read: (v - mean[k]) factor[k]. Empty: as it is.
  struct Scaling {
    std::vector<double> mean = {}, factor = {};
  };
  // Throws ValueError for examples of the other kind, and where sizes do not fit.
  ChosenExamples(LabelledExamples examples, bool graphs);
  ChosenExamples(const ChosenExamples& whole, std::vector<Index> numbers);
  // The numbers of the three parts of a split, or of a fold.
  Split<std::vector<Index>> split_numbers(const Fractions& fractions, std::uint64_t seed) const;
  Split<std::vector<Index>> fold_numbers(int fold, int folds, std::uint64_t seed) const;
  std::vector<Index> numbers_of(std::span<const Index> examples) const;
  // The targets of a shard, in input or index input `name`.
  template <class T>
  void fill_targets(const Batch<T>& batch, std::string_view name, std::span<const Index> numbers) const;

  std::shared_ptr<const Shared> shared_;
  std::vector<Index> numbers_;
  std::shared_ptr<const Scaling> scaling_;  // null: none
};

// A callback for Trainer::step and evaluate: it borrows its set and the names of the inputs, which must outlive it,
// owns nothing, and is cheap to make for every step. Several threads may call it at the same time.
template <class Set>
class SetFill {
 public:
  // Which inputs: the graph (of a GraphDataset), the values and the targets.
  struct Inputs {
    std::string_view graph, values, targets;
  };
  // Without `epochs` example i of a batch is example i of the set.
  SetFill(const Set& set, const Inputs& inputs, const std::optional<Epochs>& epochs)
      : set_(set), inputs_(inputs), epochs_(epochs) {}
  const Set& set() const { return set_; }
  // Throws ValueError for inputs that the program does not have, or of other sizes, and for examples that there are
  // not.
  template <class T>
  void operator()(Batch<T>& batch) const {
    set_.fill(batch, *this);
  }

 private:
  friend Set;
  const Set& set_;
  Inputs inputs_;
  std::optional<Epochs> epochs_;
};

// Examples that are arrays, [points, channels] each.
//
//   const Dataset data = read_csv("table.csv");
//   const Split<Dataset> parts = data.split({}, 0);
//   for (...) trainer.step(parts.train.batches("x", "y", trainer.options()));
class Dataset : public ChosenExamples {
 public:
  // Of a reader, or {.points = 5, .channels = 2, .x = ..., .y = ...}. Throws ValueError for graphs, for no example,
  // and where the sizes of x, y or classes do not fit, a class is negative or has no name.
  Dataset(LabelledExamples examples) : ChosenExamples(std::move(examples), false) {}

  Index points() const { return all().points; }
  Index channels() const { return all().channels; }
  // Example i as it was read, before standardised(). Throws ValueError for one that does not exist.
  MatrixView<const double> x(Index i) const { return all().example(number(i)); }

  // These examples, in this order; one may occur twice. Throws ValueError for one that does not exist.
  Dataset part(std::span<const Index> examples) const { return {*this, numbers_of(examples)}; }
  // Parts by class (stratified_split), each in the order of this set. Throws ValueError as that does.
  Split<Dataset> split(const Fractions& fractions, std::uint64_t seed) const;
  // Fold number `fold` of stratified_folds is the test part, the others are the training part, and there is no
  // validation. Throws ValueError as that does, and for a fold that does not exist.
  Split<Dataset> fold(int fold, int folds, std::uint64_t seed) const;

  // The same examples with x' = (x - m) / s, m and s the mean and the standard deviation over the examples of `on`
  // (divided by their number), of every entry of x by itself or of every channel over all points; s = 1 where
  // nothing varies. By channels a network keeps its symmetry under permutations of the points. What `on` was
  // standardised with does not count. Throws ValueError for an `on` of other points or channels, or without
  // examples.
  enum class Columns : std::uint8_t { entries, channels };
  Dataset standardised(const Dataset& on, Columns columns) const;

  // Fills input `x` (of as many entries as an example, which it takes in their order) and the targets: an index
  // input where there are classes, else an input. Of the options batch and seed are read: step s has the examples
  // of Epochs(seed, size(), batch). Throws ValueError for a batch larger than the set.
  SetFill<Dataset> batches(std::string_view x, std::string_view targets, const TrainerOptions& options) const {
    return {*this, {{}, x, targets}, Epochs(options.seed, size(), options.batch)};
  }
  // The same with example i of the set as example i: for Trainer::evaluate(size(), ...).
  SetFill<Dataset> in_order(std::string_view x, std::string_view targets) const {
    return {*this, {{}, x, targets}, {}};
  }

 private:
  friend class SetFill<Dataset>;
  Dataset(const Dataset& whole, std::vector<Index> numbers) : ChosenExamples(whole, std::move(numbers)) {}
  template <class T>
  void fill(const Batch<T>& batch, const SetFill<Dataset>& how) const;
};

// Examples that are sparse graphs of any sizes, with features on their nodes.
//
//   const GraphDataset data = read_gin("MUTAG.txt");
//   // in the model:
//   const GraphRoom room = data.room(g.capacity());
//   const GraphInput graph = g.graph("graph", room.nodes, room.edges);
//   const auto x = g.input("nodes", graph.nodes, data.channels());
class GraphDataset : public ChosenExamples {
 public:
  // Of a reader, or {.graphs = ..., .attributes = 3, .node_attributes = ..., .classes = ...}; nodes without labels
  // and attributes get the one feature 1. Throws ValueError for arrays, for no example, and where the sizes do not
  // fit.
  GraphDataset(LabelledExamples examples) : ChosenExamples(std::move(examples), true) {}

  const SparseGraph& graph(Index i) const { return all().graphs[static_cast<std::size_t>(number(i))]; }
  Index channels() const { return all().channels; }  // features of a node
  // Room for any `shard` different examples of all(), so that one program serves every part. Throws ValueError for
  // shard < 1.
  GraphRoom room(Index shard) const { return graph_room(all(), shard); }

  // As those of Dataset.
  GraphDataset part(std::span<const Index> examples) const { return {*this, numbers_of(examples)}; }
  Split<GraphDataset> split(const Fractions& fractions, std::uint64_t seed) const;
  Split<GraphDataset> fold(int fold, int folds, std::uint64_t seed) const;
  // Each attribute by itself, over all nodes of the examples of `on`; one-hot labels stay.
  GraphDataset standardised(const GraphDataset& on) const;

  // Binds `graph`, the graphs of a shard side by side, fills input `nodes` (a row a node) and the targets, as
  // Dataset::batches has them. The graphs are put together in memory of the thread, taken at its first shard. It
  // lasts until the thread's next shard with an input of that name: a Trainer needs no more.
  SetFill<GraphDataset> batches(std::string_view graph, std::string_view nodes, std::string_view targets,
                                const TrainerOptions& options) const {
    return {*this, {graph, nodes, targets}, Epochs(options.seed, size(), options.batch)};
  }
  SetFill<GraphDataset> in_order(std::string_view graph, std::string_view nodes, std::string_view targets) const {
    return {*this, {graph, nodes, targets}, {}};
  }

 private:
  friend class SetFill<GraphDataset>;
  GraphDataset(const GraphDataset& whole, std::vector<Index> numbers) : ChosenExamples(whole, std::move(numbers)) {}
  template <class T>
  void fill(const Batch<T>& batch, const SetFill<GraphDataset>& how) const;
};

// Every part standardised on the training part.
inline Split<Dataset> standardised(const Split<Dataset>& parts, Dataset::Columns columns) {
  const Dataset& on = parts.train;
  return {on.standardised(on, columns), parts.validation.standardised(on, columns),
          parts.test.standardised(on, columns)};
}
inline Split<GraphDataset> standardised(const Split<GraphDataset>& parts) {
  const GraphDataset& on = parts.train;
  return {on.standardised(on), parts.validation.standardised(on), parts.test.standardised(on)};
}

// The fraction of a set's examples of whose output `logits`, [b, 1, classes], the first largest channel is their
// class; of Set::in_order(...). With ranks it is that of the examples which this rank evaluates. Throws ValueError
// for a set of numbers, or without examples, and as Trainer::evaluate does.
template <class T, class Set>
double accuracy(Trainer<T>& trainer, const SetFill<Set>& in_order, std::string_view logits) {
  const Set& set = in_order.set();
  require(set.size() > 0, "the accuracy of a set without examples is asked for; take a larger part");
  enum : char { unseen, wrong, right };
  std::vector<char> found(static_cast<std::size_t>(set.size()), unseen);
  trainer.evaluate(set.size(), in_order, [&](Batch<T>& batch) {
    const Block<const T> f = batch.output(logits);
    for (Index i = batch.first; i < batch.last; ++i) {
      const T* row = f.row(i - batch.first);
      const Index best = std::max_element(row, row + f.channels) - row;
      found[static_cast<std::size_t>(i)] = best == set.label(i) ? right : wrong;
    }
  });
  const auto count = [&](char what) { return static_cast<double>(std::count(found.begin(), found.end(), what)); };
  return count(right) / std::max(1.0, count(right) + count(wrong));
}

extern template void Dataset::fill(const Batch<float>&, const SetFill<Dataset>&) const;
extern template void Dataset::fill(const Batch<double>&, const SetFill<Dataset>&) const;
extern template void GraphDataset::fill(const Batch<float>&, const SetFill<GraphDataset>&) const;
extern template void GraphDataset::fill(const Batch<double>&, const SetFill<GraphDataset>&) const;

}  // namespace eqnn
