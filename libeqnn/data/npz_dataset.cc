// Arrays of NumPy's archives.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "../io/files.h"
#include "../io/npz.h"
#include "lines.h"
#include "readers.h"
#include "reading.h"

namespace eqnn {
namespace {

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
  std::vector<double> values = as_doubles(a);
  const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (bad != values.end()) {
    const std::ptrdiff_t each = static_cast<std::ptrdiff_t>(values.size()) / count, at = bad - values.begin();
    throw FileError(concat(path, ": array '", name, "', example ", at / each, " (counted from 0), item ", at % each,
                           " of it is ", number_in_words(*bad), "; finite numbers are needed"));
  }
  return values;
}

void read_adjacency(LabelledExamples& data, const NpyArray& a) {
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

void read_arrays(LabelledExamples& data, const NpyArray* x, const NpyArray* adjacency) {
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

}  // namespace

LabelledExamples read_npz_dataset(const std::string& path, const DataChoices& choices) {
  LabelledExamples data{.path = path, .format = "npz"};
  const NpzArrays arrays = read_npz(data.path, {"x", "adjacency", "y"});
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
    set_numbers(data, integers(*y), choices.targets);
  if (data.has_graphs()) finish_graphs(data, choices.node_labels);
  return data;
}

}  // namespace eqnn
