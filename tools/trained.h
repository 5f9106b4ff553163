// The network of a finished run, forward only.
#pragma once

#include <memory>

#include "inputs.h"
#include "run_directory.h"

namespace tools {

class TrainedNetwork {
 public:
  virtual ~TrainedNetwork() = default;
  // One value an example; of two classes the difference of their logits, first minus second.
  virtual std::vector<double> operator()(const InputArray& in) = 0;
};

// Of a run on a family's member, which must outlive it. Throws FileError for a run without a result.
std::unique_ptr<TrainedNetwork> load_network(const RunDirectory& run, const TrainConfig& c,
                                             const eqnn::hard::Member& member);

}  // namespace tools
