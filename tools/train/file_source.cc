// Batches of the examples of a file.

#include <eqnn/core/hash.h>

#include <algorithm>
#include <cstring>

#include <tbb/enumerable_thread_specific.h>

#include "train/choices.h"
#include "train/data_source.h"
#include "train/elements.h"

namespace tools {
namespace {

using eqnn::Batch;
using eqnn::Block;

template <class T>
class FileData final : public DataSource<T> {
 public:
  FileData(const TrainConfig& c, const LabelledExamples& data)
      : data_(data),
        shard_(c.shard),
        classes_(predicts_classes(c)),
        collators_([this] { return Workplace(data_, shard_); }) {
    require(!classes_ || data.has_classes(), "--loss cross-entropy needs classes; the targets of ", data.path,
            " are real: take mse");
    const int folds = static_cast<int>(c.folds > 0 ? c.folds : 10),
              test = static_cast<int>(std::max<Index>(c.fold, 0));
    const auto classes = data.has_classes() ? data.classes : std::vector<std::int32_t>(data.examples);
    const auto fold = eqnn::stratified_folds(classes, folds, c.data_seed);
    for (Index e = 0; e < data.examples; ++e) (fold[e] == test ? test_ : train_).push_back(e);
    if (c.patience > 0) set_validation_apart(classes, c.data_seed);
    set_elements(c);
    epochs_.emplace(c.data_seed, fixed_examples(), std::min<Index>(c.batch, fixed_examples()));
    transformed_.emplace(c, [this] { return first_labels(); });
  }

  Index fixed_examples() const override { return static_cast<Index>(train_.size()); }
  Index test_examples() const override { return static_cast<Index>(test_.size()); }
  Index validation_examples() const override { return static_cast<Index>(validation_.size()); }

  void train(Batch<T>& b) const override {
    fill(b, [&](Index i) { return train_[(*epochs_)(b.step, i)]; });
    if (!data_.has_graphs()) augment_.move_randomly(b.step, b.first, examples_of(b));
    if (!classes_) transform_labels(*transformed_, b);
  }
  const PhaseLabels& labels() const override { return *transformed_; }
  void test(Batch<T>& b, Index element) const override {
    fill(b, [&](Index i) { return test_[i]; });
    if (element > 0) average_.move(element, examples_of(b));
  }
  Index test_elements() const override { return elements_; }
  void test_augmented(Batch<T>& b) const override {
    test(b, 0);
    if (!data_.has_graphs()) augment_.move_randomly(b.step, b.first, examples_of(b));
  }
  void training_set(Batch<T>& b) const override {
    fill(b, [&](Index i) { return train_[i]; });
  }
  void validation(Batch<T>& b) const override {
    fill(b, [&](Index i) { return validation_[i]; });
  }

 private:
  // Examples that are arrays; of graphs no network sees an order of nodes.
  void set_elements(const TrainConfig& c) {
    for (const auto& [flag, choice] : {std::pair{"augment", &c.augment}, {"test-average", &c.test_average}})
      require(*choice == "none" || !data_.has_graphs(), "--", flag, " is ", *choice,
              ", and the examples are graphs, whose nodes have no order that a network sees; leave it out");
    if (data_.has_graphs()) return;
    const eqnn::hard::InputLayout input = network_inputs(data_, shard_).input;
    augment_ = InputElements("augment", c.augment, input, {}, c.data_seed);
    average_ = InputElements("test-average", c.test_average, input, {}, c.data_seed);
    elements_ = average_.count();
  }
  static Block<T> examples_of(Batch<T>& b) {
    const Block<T> x = b["x"];
    return {x.data, b.last - b.first, x.points, x.channels, x.stride};
  }

  std::vector<double> first_labels() const {
    std::vector<double> labels;
    for (Index i = 0; i < std::min(fixed_examples(), kLabelSample); ++i)
      labels.push_back(data_.y[static_cast<std::size_t>(train_[i])]);
    return labels;
  }

  // A tenth of the training set, by class.
  void set_validation_apart(const std::vector<std::int32_t>& classes, std::uint64_t seed) {
    std::vector<std::int32_t> of_train;
    for (const Index e : train_) of_train.push_back(classes[e]);
    const std::vector<int> part = eqnn::stratified_parts(of_train, 10, seed);
    std::vector<Index> kept;
    for (std::size_t i = 0; i < train_.size(); ++i) (part[i] == 0 ? validation_ : kept).push_back(train_[i]);
    train_ = std::move(kept);
  }

  // What one worker thread collates with.
  struct Workplace {
    Workplace(const LabelledExamples& data, Index shard) : examples(static_cast<std::size_t>(shard)) {
      if (data.has_graphs()) collator.emplace(data, shard);
    }
    std::vector<Index> examples;
    std::optional<eqnn::Collator> collator;
  };

  template <class Which>
  void fill(Batch<T>& b, const Which& which) const {
    Workplace& place = collators_.local();
    const Index count = b.last - b.first;
    for (Index i = 0; i < count; ++i) place.examples[i] = which(b.first + i);
    const std::span<const Index> examples(place.examples.data(), static_cast<std::size_t>(count));
    if (data_.has_graphs()) {
      b.bind_graph("graph", place.collator->collate(examples));
      write_node_features<T>(data_, examples, b["nodes"]);
    } else {
      for (Index i = 0; i < count; ++i) copy(data_.example(examples[i]), b["x"], i);
    }
    for (Index i = 0; i < count; ++i) {
      const auto e = static_cast<std::size_t>(examples[i]);
      if (classes_)
        b.indices("label")(i) = data_.classes[e];
      else
        b["y"](i) = static_cast<T>(data_.y[e]);
    }
  }
  static void copy(eqnn::MatrixView<const double> from, const Block<T>& to, Index example) {
    for (Index p = 0; p < from.rows; ++p)
      for (Index j = 0; j < from.cols; ++j) to(example, p, j) = static_cast<T>(from(p, j));
  }

  const LabelledExamples& data_;
  Index shard_;
  bool classes_;
  std::vector<Index> train_, test_, validation_;
  std::optional<eqnn::Epochs> epochs_;
  std::optional<PhaseLabels> transformed_;
  InputElements augment_, average_;
  Index elements_ = 1;
  mutable tbb::enumerable_thread_specific<Workplace> collators_;
};

}  // namespace

template <class T>
std::unique_ptr<DataSource<T>> file_data(const TrainConfig& c, const LabelledExamples& data) {
  return std::make_unique<FileData<T>>(c, data);
}

template std::unique_ptr<DataSource<float>> file_data(const TrainConfig&, const LabelledExamples&);
template std::unique_ptr<DataSource<double>> file_data(const TrainConfig&, const LabelledExamples&);

std::string fingerprint(const LabelledExamples& data) {
  eqnn::Hash h;
  for (const eqnn::SparseGraph& g : data.graphs) {
    h.add(g.offsets(), static_cast<std::size_t>(g.nodes()) + 1);
    h.add(g.neighbors(), static_cast<std::size_t>(g.edges()));
  }
  h.add(data.node_labels);
  h.add(data.label_values);
  h.add(data.node_attributes);
  h.add(data.x);
  h.add(data.classes);
  h.add(data.y);
  return h.text();
}

}  // namespace tools
