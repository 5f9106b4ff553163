// Examples from a file, read as every choice of the user has it, and used as training does.
#pragma once

#include <algorithm>
#include <numeric>

#include "data/dataset.h"
#include "harness.h"
#include "train/data_source.h"

namespace fuzz {

// More than that is no use of a small file, but time: the one-hot features of many labels.
constexpr eqnn::Index kMostFeatures = 1 << 20;

inline void use_graphs(const eqnn::LabelledExamples& data) {
  using eqnn::Index;
  eqnn::Collator collator(data, 4);
  std::vector<Index> some(static_cast<std::size_t>(std::min<Index>(data.examples, 4)));
  for (Index first = 0; first < data.examples; first += 4) {
    some.resize(static_cast<std::size_t>(std::min<Index>(data.examples - first, 4)));
    std::iota(some.begin(), some.end(), first);
    const eqnn::SparseGraph& batch = collator.collate(some);
    std::vector<double> received(static_cast<std::size_t>(batch.nodes()));
    for (Index e = 0; e < batch.edges(); ++e) received.at(batch.targets()[e]) += batch.neighbors()[e];
    add_up(received);
    if (batch.nodes() * data.channels > kMostFeatures) continue;
    std::vector<double> features(static_cast<std::size_t>(batch.nodes() * data.channels));
    write_node_features<double>(data, some, {features.data(), batch.nodes(), 1, data.channels, data.channels});
    add_up(features);
  }
  expect(data.node_starts.size() == data.graphs.size() + 1, "every graph has its first node");
  sink = data.nodes_look_alike();
}

inline void use_examples(const eqnn::LabelledExamples& data) {
  using eqnn::Index;
  expect(data.examples > 0, "there are examples");
  expect(data.has_classes() ? data.class_names.size() >= 2 : static_cast<Index>(data.y.size()) == data.examples,
         "every example has a class or a target");
  for (const auto c : data.classes) sink = static_cast<double>(data.class_names.at(c).size());
  add_up(data.y);
  if (data.has_graphs()) use_graphs(data);
  if (!data.has_graphs())
    for (Index e = 0; e < data.examples; ++e) {
      const auto x = data.example(e);
      for (Index p = 0; p < x.rows; ++p)
        for (Index c = 0; c < x.cols; ++c) sink = x(p, c);
    }
  sink = static_cast<double>(tools::fingerprint(data).size());
  if (data.has_classes()) reads([&] { add_up(eqnn::stratified_folds(data.classes, 2, 0)); });
}

inline void read_examples(const std::string& path, const std::string& format) {
  using Choices = eqnn::DataChoices;
  using enum Choices::NodeLabels;
  for (const Choices& choices :
       {Choices{}, Choices{Choices::Targets::real, degree},
        Choices{Choices::Targets::classes, Choices::NodeLabels::none}, Choices{Choices::Targets::guessed, file}})
    reads([&] { use_examples(tools::read_dataset(path, format, choices)); });
}

}  // namespace fuzz
