// The network of a run, as recorded and as a graph.
#pragma once

#include <memory>

#include "interchange/evaluate.h"
#include "results/run_directory.h"
#include "train/examples.h"

namespace tools {

class ExportedRun {
 public:
  virtual ~ExportedRun() = default;
  // Throws NotBuiltError for an operation that cannot be said.
  virtual NetworkGraph graph() const = 0;
  // The parameters, as the run's file has them.
  virtual std::vector<eqnn::NamedArray> parameters() const = 0;
  // Puts other parameters in the place of its own. Throws FileError where names, shapes or dtypes are others.
  virtual void set_parameters(const eqnn::SafeTensors& file) = 0;
  // Inputs of the test, at most so many, and the network's outputs, both by the names of the graph; and the
  // family's input, as `eqnn predict` reads it, where the graph reads other things.
  virtual GraphArrays example(Index count) = 0;
};

// With the parameters of the run, which must be finished, or without any, all 0. Throws FileError.
std::unique_ptr<ExportedRun> open_run(const RunDirectory& run, const TrainConfig& c, const Examples& examples,
                                      bool with_parameters);

}  // namespace tools
