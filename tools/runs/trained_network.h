// The network of a finished run, forward only.
#pragma once

#include <memory>

#include <eqnn/groups/certify.h>

#include "data/inputs.h"
#include "results/run_directory.h"

namespace tools {

class TrainedNetwork {
 public:
  virtual ~TrainedNetwork() = default;
  // One value an example; of two classes the difference of their logits, first minus second.
  virtual std::vector<double> operator()(const InputArray& in) = 0;
  // Examples of the last call at which the network's frame is undefined; 0 where it has none.
  virtual Index undefined() const = 0;
};

// Of a run on a family's member, which must outlive it. Throws FileError for a run without a result.
std::unique_ptr<TrainedNetwork> load_network(const RunDirectory& run, const TrainConfig& c,
                                             const eqnn::hard::Member& member);

// The network of a run on the examples of a file: one row, [1, outputs], of an example. A graph is a sample of
// "nodes" [n, features] and "adjacency" [n, n], how often each node takes in each other; an array is "x".
// Throws as above.
eqnn::SampleFunction load_network(const RunDirectory& run, const TrainConfig& c, const LabelledExamples& data);
// An example of the file as such a sample.
eqnn::Sample dataset_sample(const LabelledExamples& data, Index example);

}  // namespace tools
