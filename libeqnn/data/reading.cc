#include "reading.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <utility>

#include "lines.h"

namespace eqnn {

std::string number_in_words(double value) {
  std::array<char, 64> text{};
  char *const begin = text.data(), *const end = begin + text.size();
  const double size = std::abs(value);
  const bool plain = value == 0 || (size >= 1e-4 && size < 1e16);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  return {begin, std::to_chars(begin, end, value, format).ptr};
}

void set_classes(LabelledExamples& data, const std::vector<std::int64_t>& numbers) {
  std::vector<std::int64_t> values;
  data.classes = positions(numbers, values);
  require<FileError>(values.size() >= 2, data.path, ": all ", numbers.size(), " examples are of class ",
                     values.at(0), "; two different classes at least are needed");
  for (const std::int64_t v : values) data.class_names.push_back(std::to_string(v));
}

void set_targets(LabelledExamples& data, std::vector<double> y) {
  data.y = std::move(y);
  const bool differ = std::adjacent_find(data.y.begin(), data.y.end(), std::not_equal_to<>()) != data.y.end();
  if (!differ)
    throw FileError(concat(data.path, ": all ", data.y.size(), " targets are ", number_in_words(data.y.at(0)),
                           "; two different ones at least are needed"));
}

void set_numbers(LabelledExamples& data, const std::vector<std::int64_t>& numbers, DataChoices::Targets targets) {
  if (targets == DataChoices::Targets::real) return set_targets(data, {numbers.begin(), numbers.end()});
  set_classes(data, numbers);
}

void finish_graphs(LabelledExamples& data, DataChoices::NodeLabels choice) {
  using enum DataChoices::NodeLabels;
  const bool told = data.attributes > 0 || data.label_values.size() > 1;
  data.labels_from = choice != guessed ? choice : told ? file : degree;
  if (data.labels_from != file) {
    std::vector<std::int64_t> labels;
    for (const SparseGraph& g : data.graphs)
      for (Index v = 0; v < g.nodes(); ++v)
        labels.push_back(data.labels_from == degree ? g.offsets()[v + 1] - g.offsets()[v] : 0);
    data.node_labels = positions(labels, data.label_values);
    if (data.labels_from == none && data.attributes > 0) {
      data.node_labels.clear();
      data.label_values.clear();
    }
    data.guessed = choice == guessed;
    if (data.guessed)
      data.notes.push_back(concat("the nodes have no labels: their degree is taken for one, ",
                                  data.label_values.size(), " different ones"));
  }
  data.channels = static_cast<Index>(data.label_values.size()) + data.attributes;
}

bool LabelledExamples::nodes_look_alike() const {
  const auto alike = [&](Index e) {
    const SparseGraph& g = graphs[static_cast<std::size_t>(e)];
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

}  // namespace eqnn
