// The files of one training run. A run directory is never half-written: run.json comes first, the
// checkpoint and the results replace their predecessors whole, and result.json comes last and means: done.
#pragma once

#include <limits>
#include <optional>
#include <string>

#include <eqnn/io/files.h>

#include "cli/json_fwd.h"
#include "train/training.h"

namespace tools {

// Where a run stands, besides the parameters and moments.
struct RunState {
  std::uint64_t steps = 0;
  Index metrics_length = 0;
  double wall_seconds = 0;
  double initial_loss = 0;            // of the first batch whose loss is not 0; the measure of divergence
  std::vector<double> recent_losses;  // of the last 100 batches, oldest first
  double best_validation = std::numeric_limits<double>::infinity();  // early stopping; infinite: none yet
  Index evaluations_without_better = 0;
  std::uint64_t evaluated = 0;                                     // the step of the last line in metrics.jsonl
  double gradient_norm = 0;                                        // of the last step
  double gradient_snr = std::numeric_limits<double>::quiet_NaN();  // of the last step, where it was measured
  std::uint64_t learned_at = 0;  // the step of the first evaluation at or below learned_below; 0: none yet
  double best_test = std::numeric_limits<double>::infinity();  // of --stop-hopeless: the least normalised test loss
  std::string ended;  // "" while steps are left to do, or "stopped", "hopeless", "diverged"
};

// Another process is at work in a run directory.
class BusyError : public ValueError {
 public:
  using ValueError::ValueError;
};

class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const char* name) const { return path_ + "/" + name; }
  bool exists() const;
  bool blank() const;  // a directory without run.json, killed before it was written: nothing but temporary files
  bool finished() const;
  bool has_checkpoint() const;

  // Makes the directory, or takes a blank one, and writes run.json. Throws FileError, and then nothing is left.
  void create(const std::string& run_json);
  // Refuses (BusyError) a directory at which another process is at work; holds it until this object is gone.
  void lock();
  // Whether another process is at work there; disturbs none.
  bool busy() const;
  // Removes the temporary files of a killed process. Needs the lock.
  void sweep() const;
  // The configuration in run.json. Throws ValueError, which says what is there, for a folder
  // without one and for the run of a command that trains no network; FileError for a file that is malformed or
  // foreign.
  TrainConfig config() const;
  void remove();

  // The last file: the run is done. Throws Error for a key that has no row in schema.cc.
  void write_result(const Json& result) const;

  // `owner` says whose parameters they are: a run reads its own checkpoints alone.
  void write_checkpoint(Training& training, const RunState& state, const std::string& owner) const;
  // Puts a checkpoint back. Throws FileError for one that is truncated, foreign, or beyond `steps`.
  RunState read_checkpoint(Training& training, const std::string& owner, Index steps) const;

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace tools
