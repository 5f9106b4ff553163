#include "data/dataset.h"

#include <eqnn/core/rng.h>
#include <eqnn/core/spelling.h>
#include <eqnn/io/files.h>
#include <eqnn/io/npz.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

#include "data/dataset_text.h"

namespace tools {
namespace {

using eqnn::concat;
using eqnn::FileError;
using eqnn::NpyArray;
using eqnn::NpzArrays;
using eqnn::require;
using eqnn::shape_text;
using eqnn::ValueError;

constexpr std::size_t kMostCsvClasses = 64;
constexpr double kExact = 9007199254740992.0;  // 2^53: whole numbers below it are exact in double

// Where the order within the classes is drawn: no epoch of training has this number.
constexpr std::uint64_t kFoldStep = (std::uint64_t{1} << 48) - 1, kPartStep = kFoldStep - 1;

// --- classes and targets ---------------------------------------------------------------------------------------

void set_classes(Dataset& data, const std::vector<std::int64_t>& numbers) {
  std::vector<std::int64_t> values;
  data.classes = positions(numbers, values);
  require<FileError>(values.size() >= 2, data.path, ": all ", numbers.size(), " examples are of class ",
                     values.at(0), "; two different classes at least are needed");
  for (const std::int64_t v : values) data.class_names.push_back(std::to_string(v));
}

void set_targets(Dataset& data, std::vector<double> y) {
  data.y = std::move(y);
  const bool differ = std::adjacent_find(data.y.begin(), data.y.end(), std::not_equal_to<>()) != data.y.end();
  if (!differ)
    throw FileError(fmt::format("{}: all {} targets are {}; two different ones at least are needed", data.path,
                                data.y.size(), data.y.at(0)));
}

// Whole numbers as what the user says that they are.
void set_numbers(Dataset& data, const std::vector<std::int64_t>& numbers, DataChoices::Targets targets) {
  if (targets == DataChoices::Targets::real) return set_targets(data, {numbers.begin(), numbers.end()});
  set_classes(data, numbers);
}

// --- csv -------------------------------------------------------------------------------------------------------

void read_csv(Dataset& data, DataChoices::Targets targets) {
  Lines in(data.path, Lines::Separator::commas);
  std::vector<double> y;
  std::size_t columns = 0;
  std::vector<std::string> names;  // of the fields, in errors
  while (in.next()) {
    const auto& fields = in.fields();
    if (in.number() == 1) {
      columns = fields.size();
      in.check(columns >= 2, "there are ", columns,
               " fields; two at least are needed, an input and the target, with commas between them");
      for (std::size_t i = 1; i < columns; ++i) names.push_back(concat("field ", i));
      names.push_back(concat("field ", columns, ", the target,"));
      if (in.is_header()) continue;
    }
    in.check(fields.size() == columns, "there are ", fields.size(), " fields and ", columns,
             " in the first line; all lines need equally many", in.last() ? ", or the file was cut off" : "");
    for (std::size_t i = 0; i + 1 < columns; ++i) data.x.push_back(in.real(i, names[i]));
    y.push_back(in.real(columns - 1, names.back()));
  }
  require<FileError>(!y.empty(), data.path, ": the file holds no example; one a line is needed");
  data.examples = static_cast<Index>(y.size());
  data.points = static_cast<Index>(columns) - 1;
  data.channels = 1;

  std::vector<double> different = y;
  std::sort(different.begin(), different.end());
  different.erase(std::unique(different.begin(), different.end()), different.end());
  const bool whole = std::all_of(different.begin(), different.end(),
                                 [](double v) { return v == std::floor(v) && std::abs(v) < kExact; });
  const bool guessed = targets == DataChoices::Targets::guessed;
  if (!whole || targets == DataChoices::Targets::real || (guessed && different.size() > kMostCsvClasses))
    return set_targets(data, std::move(y));
  std::vector<std::int64_t> classes;
  for (const double v : y) classes.push_back(static_cast<std::int64_t>(v));
  set_classes(data, classes);
  if (guessed)
    data.notes.push_back(concat("the targets are whole numbers, ", different.size(),
                                " different ones: they are taken for classes; --loss mse takes them for numbers"));
}

// --- npz -------------------------------------------------------------------------------------------------------

const NpyArray* find(const NpzArrays& arrays, const std::string& name) {
  const auto found = arrays.find(name);
  return found == arrays.end() ? nullptr : &found->second;
}

bool is_real(const NpyArray& a) { return a.dtype == "<f8" || a.dtype == "<f4"; }

template <class T>
void append_integers(std::vector<std::int64_t>& to, const NpyArray& a) {
  for (std::size_t at = 0; at < a.bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, a.bytes.data() + at, sizeof(T));
    to.push_back(value);
  }
}

// The items exactly, also beyond 2^53.
std::vector<std::int64_t> integers(const NpyArray& a) {
  std::vector<std::int64_t> values;
  if (a.dtype == "<i8") append_integers<std::int64_t>(values, a);
  if (a.dtype == "<i4") append_integers<std::int32_t>(values, a);
  if (a.dtype == "|u1") append_integers<std::uint8_t>(values, a);
  return values;
}

// The items of an array whose first axis are `count` examples; all finite.
std::vector<double> finite_values(const std::string& path, const char* name, const NpyArray& a, Index count) {
  std::vector<double> values = eqnn::as_doubles(a);
  const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (bad != values.end()) {
    const std::ptrdiff_t each = static_cast<std::ptrdiff_t>(values.size()) / count, at = bad - values.begin();
    throw FileError(
        fmt::format("{}: array '{}', example {} (counted from 0), item {} of it is {}; finite numbers are needed",
                    path, name, at / each, at % each, *bad));
  }
  return values;
}

void read_adjacency(Dataset& data, const NpyArray& a) {
  require<FileError>(a.dtype == "|u1", data.path, ": array 'adjacency' has dtype ", a.dtype,
                     "; convert it with astype('uint8')");
  require<FileError>(
      a.shape.size() == 3 && a.shape[0] == data.examples && a.shape[1] == a.shape[2] && a.shape[1] > 0, data.path,
      ": array 'adjacency' has shape ", shape_text(a.shape), "; [", data.examples,
      ", n, n] with n > 0 is needed: 'y' has ", data.examples, " examples");
  const Index n = a.shape[1];
  const std::byte* entry = a.bytes.data();
  std::vector<std::int32_t> offsets, neighbors;
  data.node_starts.assign(1, 0);
  for (Index e = 0; e < data.examples; ++e) {
    offsets.assign(1, 0);
    neighbors.clear();
    for (Index v = 0; v < n; ++v) {
      for (Index j = 0; j < n; ++j, ++entry) {
        const int value = std::to_integer<int>(*entry);
        require<FileError>(value <= 1, data.path, ": array 'adjacency' is ", value, " at [", e, ", ", v, ", ", j,
                           "]; 0 and 1 are allowed");
        if (value == 1) neighbors.push_back(static_cast<std::int32_t>(j));
      }
      require<FileError>(static_cast<std::int64_t>(neighbors.size()) <= kMostItems - n, data.path, ": graph ", e,
                         " of array 'adjacency' has more than ", kMostItems - n, " edges; leave it out");
      offsets.push_back(static_cast<std::int32_t>(neighbors.size()));
    }
    data.graphs.emplace_back(offsets, neighbors);
    data.node_starts.push_back((e + 1) * n);
  }
}

void read_arrays(Dataset& data, const NpyArray* x, const NpyArray* adjacency) {
  const std::string needed = concat("[", data.examples, adjacency ? ", n, channels]" : ", n, ...] or ") +
                             (adjacency ? "" : concat("[", data.examples, ", d]"));
  require<FileError>(x || adjacency, data.path,
                     ": there is no array 'x' and none 'adjacency'; one of them is needed beside 'y'");
  if (adjacency) read_adjacency(data, *adjacency);
  if (!x) {
    data.node_labels.assign(static_cast<std::size_t>(data.node_starts.back()), 0);
    data.label_values = {0};
    return;
  }
  const std::vector<Index>& shape = x->shape;
  require<FileError>(shape.size() >= 2 && shape[0] == data.examples && !x->bytes.empty() &&
                         (!adjacency || (shape.size() == 3 && shape[1] == adjacency->shape[1])),
                     data.path, ": array 'x' has shape ", shape_text(shape), "; ", needed,
                     " without empty axes is needed", adjacency ? ", beside 'adjacency' and 'y'" : ", beside 'y'");
  Index channels = 1;
  for (std::size_t axis = 2; axis < shape.size(); ++axis) channels *= shape[axis];
  std::vector<double> values = finite_values(data.path, "x", *x, data.examples);
  if (adjacency) {
    data.attributes = channels;
    data.node_attributes = std::move(values);
  } else {
    data.points = shape[1];
    data.channels = channels;
    data.x = std::move(values);
  }
}

void read_npz_examples(Dataset& data, DataChoices::Targets targets) {
  const NpzArrays arrays = eqnn::read_npz(data.path, {"x", "adjacency", "y"});
  const NpyArray* y = find(arrays, "y");
  require<FileError>(y != nullptr, data.path,
                     ": there is no array 'y'; one class or target for each example is needed");
  require<FileError>(y->shape.size() == 1 && y->shape[0] > 0, data.path, ": array 'y' has shape ",
                     shape_text(y->shape), "; [count], one class or target for each example, is needed");
  data.examples = y->shape[0];
  read_arrays(data, find(arrays, "x"), find(arrays, "adjacency"));
  if (is_real(*y))
    set_targets(data, finite_values(data.path, "y", *y, data.examples));
  else
    set_numbers(data, integers(*y), targets);
}

// --- node labels -----------------------------------------------------------------------------------------------

// Labels that the file does not give. Throws for a choice that leaves nothing to know a node by.
void choose_node_labels(Dataset& data, DataChoices::NodeLabels choice) {
  using enum DataChoices::NodeLabels;
  const bool told = data.attributes > 0 || data.label_values.size() > 1;
  data.labels_from = choice != guessed ? choice : told ? file : degree;
  if (data.labels_from == file) return;
  std::vector<std::int64_t> labels;
  for (const eqnn::SparseGraph& g : data.graphs)
    for (Index v = 0; v < g.nodes(); ++v)
      labels.push_back(data.labels_from == degree ? g.offsets()[v + 1] - g.offsets()[v] : 0);
  data.node_labels = positions(labels, data.label_values);
  if (data.labels_from == none && data.attributes > 0) {
    data.node_labels.clear();
    data.label_values.clear();
  }
  if (choice == guessed)
    data.notes.push_back(concat("the nodes have no labels: their degree is taken for one, ",
                                data.label_values.size(), " different ones; --node-labels none leaves it out"));
}

// --- collating -------------------------------------------------------------------------------------------------

// The largest `count` of the numbers, added.
Index sum_of_largest(std::vector<Index> numbers, Index count) {
  const auto end = numbers.begin() + std::min(count, static_cast<Index>(numbers.size()));
  std::partial_sort(numbers.begin(), end, numbers.end(), std::greater<>());
  Index sum = 0;
  for (auto i = numbers.begin(); i != end; ++i) sum += *i;
  return sum;
}

}  // namespace

const std::vector<std::string>& dataset_formats() {
  static const std::vector<std::string> formats = {"gin", "tudataset", "npz", "csv"};
  return formats;
}

bool Dataset::nodes_look_alike() const {
  const auto alike = [&](Index e) {
    const eqnn::SparseGraph& g = graphs[static_cast<std::size_t>(e)];
    const Index first = node_starts[e];
    for (Index v = 1; v < g.nodes(); ++v) {
      const double* attribute = node_attributes.data() + first * attributes;
      if (g.offsets()[v + 1] - g.offsets()[v] != g.offsets()[1] - g.offsets()[0]) return false;
      if (!node_labels.empty() && node_labels[first + v] != node_labels[first]) return false;
      if (!std::equal(attribute, attribute + attributes, attribute + v * attributes)) return false;
    }
    return true;
  };
  if (!has_graphs()) return false;
  for (Index e = 0; e < examples; ++e)
    if (!alike(e)) return false;
  return true;
}

Dataset read_dataset(const std::string& path, const std::string& format, const DataChoices& choices) {
  const std::vector<std::string>& formats = dataset_formats();
  require(std::find(formats.begin(), formats.end(), format) != formats.end(), "--format is ", in_quotes(format),
          "; gin, tudataset, npz and csv are allowed; the nearest is ", eqnn::nearest(format, formats));
  Dataset data;
  data.path = path;
  data.format = format;
  if (format == "csv") read_csv(data, choices.targets);
  if (format == "npz") read_npz_examples(data, choices.targets);
  if (format == "gin" || format == "tudataset") {
    GraphTargets targets = format == "gin" ? read_gin(path, data) : read_tudataset(path, data);
    data.examples = static_cast<Index>(data.graphs.size());
    if (targets.real.empty())
      set_numbers(data, targets.classes, choices.targets);
    else
      set_targets(data, std::move(targets.real));
  }
  require(data.has_graphs() || choices.node_labels == DataChoices::NodeLabels::guessed ||
              choices.node_labels == DataChoices::NodeLabels::file,
          "--node-labels is for graphs, and the examples of ", path, " are arrays; leave it out");
  if (data.has_graphs()) choose_node_labels(data, choices.node_labels);
  if (data.has_graphs()) data.channels = static_cast<Index>(data.label_values.size()) + data.attributes;
  return data;
}

namespace {

using ClassMembers = std::map<std::int32_t, std::vector<std::size_t>>;

ClassMembers class_members(const std::vector<std::int32_t>& classes) {
  ClassMembers members;
  for (std::size_t e = 0; e < classes.size(); ++e) {
    require(classes[e] >= 0, "example ", e, " has class ", classes[e], "; classes are counted from 0");
    members[classes[e]].push_back(e);
  }
  return members;
}

// Each class shuffled, and dealt to the parts one by one, beginning where the last class ended.
std::vector<int> deal(ClassMembers members, std::size_t examples, int parts, std::uint64_t seed,
                      std::uint64_t step) {
  std::vector<int> part(examples);
  std::size_t dealt = 0;
  for (auto& [c, list] : members) {
    eqnn::Draws draws({seed, eqnn::Stream::order, step, static_cast<std::uint64_t>(c)});
    for (std::size_t i = list.size(); i > 1; --i)
      std::swap(list[i - 1], list[draws.below(static_cast<std::uint32_t>(i))]);
    for (const std::size_t e : list) part[e] = static_cast<int>(dealt++ % static_cast<std::size_t>(parts));
  }
  return part;
}

}  // namespace

std::vector<int> stratified_folds(const std::vector<std::int32_t>& classes, int folds, std::uint64_t seed) {
  require(folds >= 2, "the number of folds is ", folds, "; 2 at least are needed");
  const ClassMembers members = class_members(classes);
  for (const auto& [c, list] : members)
    require(list.size() >= static_cast<std::size_t>(folds), "class ", c, " (counted from 0) has ", list.size(),
            " examples, fewer than the ", folds, " folds; take fewer folds, or leave the class out");
  return deal(members, classes.size(), folds, seed, kFoldStep);
}

std::vector<int> stratified_parts(const std::vector<std::int32_t>& classes, int parts, std::uint64_t seed) {
  return deal(class_members(classes), classes.size(), parts, seed, kPartStep);
}

template <class T>
void write_node_features(const Dataset& data, std::span<const Index> examples, eqnn::Block<T> to) {
  const auto labels = static_cast<Index>(data.label_values.size());
  Index row = 0;
  for (const Index e : examples)
    for (Index v = data.node_starts[e]; v < data.node_starts[static_cast<std::size_t>(e) + 1]; ++v, ++row) {
      T* out = to.row(row);
      std::fill(out, out + data.channels, T(0));
      if (labels > 0) out[data.node_labels[v]] = T(1);
      for (Index i = 0; i < data.attributes; ++i)
        out[labels + i] = static_cast<T>(data.node_attributes[v * data.attributes + i]);
    }
}
template void write_node_features(const Dataset&, std::span<const Index>, eqnn::Block<float>);
template void write_node_features(const Dataset&, std::span<const Index>, eqnn::Block<double>);

GraphRoom graph_room(const Dataset& data, Index shard) {
  require(shard >= 1, "a shard has ", shard, " examples; 1 at least is needed");
  require(data.has_graphs(), data.path, ": the examples are arrays; graphs are needed");
  std::vector<Index> nodes, edges;
  for (const eqnn::SparseGraph& g : data.graphs) {
    nodes.push_back(g.nodes());
    edges.push_back(g.edges());
  }
  return {sum_of_largest(nodes, shard), sum_of_largest(edges, shard), std::min(shard, data.examples)};
}

Collator::Collator(const Dataset& data, Index shard)
    : data_(data), room_(graph_room(data, shard)), batch_(room_.nodes, room_.edges, room_.graphs) {}

const eqnn::SparseGraph& Collator::collate(std::span<const Index> examples) {
  Index nodes = 0, edges = 0;
  for (const Index e : examples) {
    require(e >= 0 && e < data_.examples, "there is no example ", e, "; examples are 0 to ", data_.examples - 1);
    nodes += data_.graphs[e].nodes();
    edges += data_.graphs[e].edges();
  }
  const auto graphs = static_cast<Index>(examples.size());
  require(graphs <= room_.graphs && nodes <= room_.nodes && edges <= room_.edges, "a batch has ", graphs,
          " graphs, ", nodes, " nodes and ", edges, " edges; there is room for ", room_.graphs, ", ", room_.nodes,
          " and ", room_.edges, ": make the shard larger, or let no example occur twice");
  batch_.clear();
  for (const Index e : examples) batch_.append(data_.graphs[e]);
  return batch_;
}

}  // namespace tools
