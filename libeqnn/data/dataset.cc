#include "dataset.h"

#include <tbb/enumerable_thread_specific.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <utility>

namespace eqnn {
namespace {

// What one thread fills with: the numbers of a shard's examples, and its graph for each input that it binds.
struct Workplace {
  struct Bound {
    std::string input;
    Index shard;
    Collator collator;
  };
  std::vector<Index> numbers;
  std::list<Bound> bound;

  const SparseGraph& collate(const LabelledExamples& data, std::string_view input, std::span<const Index> shard) {
    const auto count = static_cast<Index>(shard.size());
    auto found = std::find_if(bound.begin(), bound.end(), [&](const Bound& b) { return b.input == input; });
    if (found != bound.end() && found->shard < count) found = bound.erase(found), found = bound.end();
    if (found == bound.end()) {
      bound.push_back({std::string(input), count, Collator(data, count)});
      found = std::prev(bound.end());
    }
    return found->collator.collate(shard);
  }
};

Index sum_of_nodes(const std::vector<SparseGraph>& graphs, std::vector<Index>& starts) {
  starts.assign(1, 0);
  for (const SparseGraph& g : graphs) starts.push_back(starts.back() + g.nodes());
  return starts.back();
}

void check_size(const char* what, std::size_t found, Index needed, const std::string& why) {
  require(found == static_cast<std::size_t>(needed), "a data set has ", found, " ", what, "; ", needed,
          " are needed: ", why);
}

// Graphs with their nodes: starts, labels, channels.
void complete_nodes(LabelledExamples& e) {
  check_size("graphs", e.graphs.size(), e.examples, "one for each class or target");
  const Index nodes = sum_of_nodes(e.graphs, e.node_starts);
  require(e.attributes >= 0, "the nodes of a data set have ", e.attributes, " attributes; 0 or more are needed");
  if (e.attributes == 0 && e.label_values.empty()) {
    require(e.node_labels.empty(), "nodes have ", e.node_labels.size(),
            " labels and label_values is empty; give the value of each label there");
    e.label_values = {0};
    e.node_labels.assign(static_cast<std::size_t>(nodes), 0);
  }
  const auto labels = static_cast<std::int32_t>(e.label_values.size());
  check_size("node labels", e.node_labels.size(), labels > 0 ? nodes : 0, "one for each node, or no label_values");
  check_size("attributes of nodes", e.node_attributes.size(), nodes * e.attributes, "nodes times attributes");
  for (const std::int32_t l : e.node_labels)
    require(l >= 0 && l < labels, "a node has label ", l, "; 0 to ", labels - 1, " have a value in label_values");
  e.channels = labels + e.attributes;
}

void complete_classes(LabelledExamples& e) {
  require(e.classes.empty() || e.y.empty(), "a data set has classes and y; give one of them");
  if (e.examples == 0) e.examples = static_cast<Index>(std::max(e.classes.size(), e.y.size()));
  require(e.examples >= 1, "a data set has no example; give each a class, or a target in y");
  check_size(e.has_classes() ? "classes" : "targets", std::max(e.classes.size(), e.y.size()), e.examples,
             "one for each example");
  if (!e.has_classes()) return;
  const auto [least, most] = std::minmax_element(e.classes.begin(), e.classes.end());
  if (e.class_names.empty())
    for (std::int32_t c = 0; c <= *most; ++c) e.class_names.push_back(std::to_string(c));
  require(*least >= 0 && *most < static_cast<std::int32_t>(e.class_names.size()), "classes are ", *least, " to ",
          *most, " and ", e.class_names.size(), " have a name; they are counted from 0");
}

LabelledExamples completed(LabelledExamples e, bool graphs) {
  require(e.has_graphs() == graphs, e.path, e.path.empty() ? "" : ": ", "the examples are ",
          e.has_graphs() ? "graphs; make a GraphDataset of them" : "arrays; make a Dataset of them");
  complete_classes(e);
  if (graphs) {
    complete_nodes(e);
    return e;
  }
  require(e.points >= 1 && e.channels >= 1, "examples have ", e.points, " points and ", e.channels,
          " channels; 1 at least are needed");
  check_size("values in x", e.x.size(), e.examples * e.points * e.channels, "examples times points times channels");
  return e;
}

// m and 1 / s of each column of `rows`, which calls each row once in an order of its own.
using Rows = FunctionRef<void(FunctionRef<void(const double*)>)>;

void fit(Rows rows, std::vector<double>& mean, std::vector<double>& factor) {
  const std::size_t columns = mean.size();
  double count = 0;
  std::vector<double> first;  // sums are of what differs from it: those of a constant column are exactly 0
  rows([&](const double* row) {
    if (count++ == 0) first.assign(row, row + columns);
    for (std::size_t k = 0; k < columns; ++k) mean[k] += row[k] - first[k];
  });
  require(columns == 0 || count > 0, "a set without examples has no mean; standardise on a larger part");
  for (std::size_t k = 0; k < columns; ++k) mean[k] = first[k] + mean[k] / count;
  rows([&](const double* row) {
    for (std::size_t k = 0; k < columns; ++k) factor[k] += (row[k] - mean[k]) * (row[k] - mean[k]);
  });
  for (std::size_t k = 0; k < columns; ++k) {
    const double deviation = std::sqrt(factor[k] / count);
    factor[k] = deviation > 0 ? 1 / deviation : 1;
  }
}

}  // namespace

// --- what both have ----------------------------------------------------------------------------------------------

struct ChosenExamples::Shared {
  Shared(LabelledExamples e, bool graphs) : examples(completed(std::move(e), graphs)) {}
  const LabelledExamples examples;
  mutable tbb::enumerable_thread_specific<Workplace> workplaces;

  // The numbers of a shard's examples, in memory of this thread.
  template <class Set, class T>
  std::span<const Index> shard(const Set& set, const Batch<T>& batch, const std::optional<Epochs>& epochs) const {
    std::vector<Index>& numbers = workplaces.local().numbers;
    numbers.clear();
    for (Index i = batch.first; i < batch.last; ++i)
      numbers.push_back(set.number(epochs ? (*epochs)(batch.step, i) : i));
    return numbers;
  }
};

ChosenExamples::ChosenExamples(LabelledExamples examples, bool graphs)
    : shared_(std::make_shared<const Shared>(std::move(examples), graphs)) {
  for (Index i = 0; i < all().examples; ++i) numbers_.push_back(i);
}

ChosenExamples::ChosenExamples(const ChosenExamples& whole, std::vector<Index> numbers)
    : shared_(whole.shared_), numbers_(std::move(numbers)), scaling_(whole.scaling_) {}

const LabelledExamples& ChosenExamples::all() const { return shared_->examples; }

Index ChosenExamples::number(Index i) const {
  require(i >= 0 && i < size(), "there is no example ", i, " in a set of ", size(),
          "; they are counted from 0, and evaluate() takes as many as there are");
  return numbers_[static_cast<std::size_t>(i)];
}

std::int32_t ChosenExamples::label(Index i) const {
  require(all().has_classes(), "the targets of a data set are numbers; ask for y, not for labels");
  return all().classes[static_cast<std::size_t>(number(i))];
}

double ChosenExamples::y(Index i) const {
  require(!all().has_classes(),
          "the targets of a data set are classes; ask for labels, or read it with "
          "DataChoices::Targets::real");
  return all().y[static_cast<std::size_t>(number(i))];
}

std::vector<Index> ChosenExamples::numbers_of(std::span<const Index> examples) const {
  std::vector<Index> numbers;
  for (const Index i : examples) numbers.push_back(number(i));
  return numbers;
}

Split<std::vector<Index>> ChosenExamples::split_numbers(const Fractions& fractions, std::uint64_t seed) const {
  std::vector<std::int32_t> classes(numbers_.size());
  if (all().has_classes())
    for (Index i = 0; i < size(); ++i) classes[static_cast<std::size_t>(i)] = label(i);
  const std::vector<int> part = stratified_split(classes, fractions, seed);
  Split<std::vector<Index>> parts;
  std::vector<Index>* const lists[] = {&parts.train, &parts.validation, &parts.test};
  for (std::size_t i = 0; i < part.size(); ++i) lists[part[i]]->push_back(numbers_[i]);
  return parts;
}

Split<std::vector<Index>> ChosenExamples::fold_numbers(int fold, int folds, std::uint64_t seed) const {
  std::vector<std::int32_t> classes(numbers_.size());
  if (all().has_classes())
    for (Index i = 0; i < size(); ++i) classes[static_cast<std::size_t>(i)] = label(i);
  const std::vector<int> of = stratified_folds(classes, folds, seed);
  require(fold >= 0 && fold < folds, "fold ", fold, " is asked for; there are 0 to ", folds - 1);
  Split<std::vector<Index>> parts;
  for (std::size_t i = 0; i < of.size(); ++i) (of[i] == fold ? parts.test : parts.train).push_back(numbers_[i]);
  return parts;
}

template <class T>
void ChosenExamples::fill_targets(const Batch<T>& batch, std::string_view name,
                                  std::span<const Index> numbers) const {
  if (all().has_classes()) {
    const Block<std::int32_t> to = batch.indices(name);
    require(to.points == 1 && to.channels == 1, "index input '", name, "' has ", to.points, " points and ",
            to.channels, " channels; a class is one number");
    for (std::size_t i = 0; i < numbers.size(); ++i) *to.row(static_cast<Index>(i)) = all().classes[numbers[i]];
    return;
  }
  const Block<T> to = batch[name];
  require(to.points == 1 && to.channels == 1, "input '", name, "' has ", to.points, " points and ", to.channels,
          " channels; a target is one number");
  for (std::size_t i = 0; i < numbers.size(); ++i)
    *to.row(static_cast<Index>(i)) = static_cast<T>(all().y[numbers[i]]);
}

// --- arrays ------------------------------------------------------------------------------------------------------

Split<Dataset> Dataset::split(const Fractions& fractions, std::uint64_t seed) const {
  Split<std::vector<Index>> n = split_numbers(fractions, seed);
  return {{*this, std::move(n.train)}, {*this, std::move(n.validation)}, {*this, std::move(n.test)}};
}

Split<Dataset> Dataset::fold(int fold, int folds, std::uint64_t seed) const {
  Split<std::vector<Index>> n = fold_numbers(fold, folds, seed);
  return {{*this, std::move(n.train)}, {*this, std::move(n.validation)}, {*this, std::move(n.test)}};
}

Dataset Dataset::standardised(const Dataset& on, Columns columns) const {
  require(on.points() == points() && on.channels() == channels(), "a set of examples [", points(), ", ", channels(),
          "] is standardised on one of [", on.points(), ", ", on.channels(), "]; they must be alike");
  const bool each = columns == Columns::entries;
  const Index entries = points() * channels(), fitted = each ? entries : channels();
  Scaling s{std::vector<double>(static_cast<std::size_t>(fitted)),
            std::vector<double>(static_cast<std::size_t>(fitted))};
  fit(
      [&](FunctionRef<void(const double*)> row) {
        for (Index i = 0; i < on.size(); ++i)
          for (Index at = 0; at < entries; at += fitted) row(on.x(i).data + at);
      },
      s.mean, s.factor);
  for (auto* v : {&s.mean, &s.factor})
    for (Index k = fitted; k < entries; ++k) v->push_back((*v)[static_cast<std::size_t>(k - fitted)]);
  Dataset result = *this;
  result.scaling_ = std::make_shared<const Scaling>(std::move(s));
  return result;
}

template <class T>
void Dataset::fill(const Batch<T>& batch, const SetFill<Dataset>& how) const {
  const std::span<const Index> numbers = shared_->shard(*this, batch, how.epochs_);
  const Block<T> to = batch[how.inputs_.values];
  const Index entries = points() * channels();
  require(to.points * to.channels == entries, "input '", how.inputs_.values, "' is [b, ", to.points, ", ",
          to.channels, "] and an example has ", points(), " points of ", channels(),
          " channels; as many entries are needed");
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double* from = all().x.data() + numbers[i] * entries;
    for (Index p = 0; p < to.points; ++p) {
      T* row = to.row(static_cast<Index>(i), p);
      for (Index c = 0; c < to.channels; ++c) {
        const Index k = p * to.channels + c;
        const double v = scaling_ ? (from[k] - scaling_->mean[k]) * scaling_->factor[k] : from[k];
        row[c] = static_cast<T>(v);
      }
    }
  }
  fill_targets(batch, how.inputs_.targets, numbers);
}
template void Dataset::fill(const Batch<float>&, const SetFill<Dataset>&) const;
template void Dataset::fill(const Batch<double>&, const SetFill<Dataset>&) const;

// --- graphs ------------------------------------------------------------------------------------------------------

Split<GraphDataset> GraphDataset::split(const Fractions& fractions, std::uint64_t seed) const {
  Split<std::vector<Index>> n = split_numbers(fractions, seed);
  return {{*this, std::move(n.train)}, {*this, std::move(n.validation)}, {*this, std::move(n.test)}};
}

Split<GraphDataset> GraphDataset::fold(int fold, int folds, std::uint64_t seed) const {
  Split<std::vector<Index>> n = fold_numbers(fold, folds, seed);
  return {{*this, std::move(n.train)}, {*this, std::move(n.validation)}, {*this, std::move(n.test)}};
}

GraphDataset GraphDataset::standardised(const GraphDataset& on) const {
  const LabelledExamples& from = on.all();
  const Index attributes = all().attributes;
  require(from.attributes == attributes, "nodes with ", attributes, " attributes are standardised on such with ",
          from.attributes, "; they must have equally many");
  Scaling s{std::vector<double>(static_cast<std::size_t>(attributes)),
            std::vector<double>(static_cast<std::size_t>(attributes))};
  fit(
      [&](FunctionRef<void(const double*)> row) {
        for (Index i = 0; i < on.size(); ++i) {
          const auto e = static_cast<std::size_t>(on.number(i));
          for (Index v = from.node_starts[e]; v < from.node_starts[e + 1]; ++v)
            row(from.node_attributes.data() + v * attributes);
        }
      },
      s.mean, s.factor);
  GraphDataset result = *this;
  result.scaling_ = std::make_shared<const Scaling>(std::move(s));
  return result;
}

namespace {
// From the numbers of the file once more: in T a small difference of large ones is lost.
template <class T>
void scale_attributes(const LabelledExamples& data, std::span<const Index> examples,
                      const std::vector<double>& mean, const std::vector<double>& factor, const Block<T>& to) {
  Index row = 0;
  for (const Index e : examples)
    for (Index v = data.node_starts[e]; v < data.node_starts[static_cast<std::size_t>(e) + 1]; ++v, ++row) {
      T* const out = to.row(row) + data.label_values.size();
      for (std::size_t k = 0; k < mean.size(); ++k)
        out[k] = static_cast<T>((data.node_attributes[v * data.attributes + static_cast<Index>(k)] - mean[k]) *
                                factor[k]);
    }
}
}  // namespace

template <class T>
void GraphDataset::fill(const Batch<T>& batch, const SetFill<GraphDataset>& how) const {
  const std::span<const Index> numbers = shared_->shard(*this, batch, how.epochs_);
  batch.bind_graph(how.inputs_.graph, shared_->workplaces.local().collate(all(), how.inputs_.graph, numbers));
  const Block<T> to = batch[how.inputs_.values];
  require(to.points == 1 && to.channels == channels(), "input '", how.inputs_.values, "' has ", to.points,
          " points and ", to.channels, " channels; the nodes of the data set have ", channels(),
          " features: take channels()");
  write_node_features(all(), numbers, to);
  if (scaling_) scale_attributes(all(), numbers, scaling_->mean, scaling_->factor, to);
  fill_targets(batch, how.inputs_.targets, numbers);
}
template void GraphDataset::fill(const Batch<float>&, const SetFill<GraphDataset>&) const;
template void GraphDataset::fill(const Batch<double>&, const SetFill<GraphDataset>&) const;

}  // namespace eqnn
