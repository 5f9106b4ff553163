// The files of one training run. A run directory is never half-written: run.json comes first, the
// checkpoint and the results replace their predecessors whole, and result.json comes last and means: done.
#pragma once

#include <optional>
#include <string>

#include <eqnn/files.h>

#include "training.h"

namespace tools {

// Where a run stands, besides the parameters and moments.
struct RunState {
  std::uint64_t steps = 0;
  Index metrics_length = 0;
  double wall_seconds = 0;
  double initial_loss = 0;                  // of the first batch; the measure of divergence
  std::vector<double> recent_losses;        // of the last 100 batches, oldest first
  double best_validation = 0;               // early stopping
  Index evaluations_without_better = 0;
};

class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string file(const char* name) const { return path_ + "/" + name; }
  bool exists() const;
  bool finished() const;
  bool has_checkpoint() const;

  // Makes the directory and writes run.json. Throws FileError.
  void create(const std::string& run_json);
  // The configuration in run.json. Throws FileError for a file that is missing, malformed or foreign.
  TrainConfig config() const;
  void remove();

  void write_checkpoint(Training& training, const RunState& state) const;
  // Puts a checkpoint back. Throws FileError for one that is truncated or foreign.
  RunState read_checkpoint(Training& training) const;

 private:
  std::string path_;
};

}  // namespace tools
