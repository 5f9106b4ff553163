// One training run with its directory: from a resolved configuration to result.json.
#pragma once

#include <functional>
#include <string>

#include "ranks/ranks.h"
#include "results/labels.h"
#include "train/training.h"

namespace tools {

struct RunOptions {
  std::string out;     // the run directory
  bool named = false;  // --out was given: its steps may grow
  bool resume = false, force = false;
  Index checkpoint_every = 0;     // 0: at every evaluation
  double checkpoint_seconds = 0;  // no sooner than this after the last one
  std::string expect;             // "", "learned" or "fails"
  Labels labels;                  // for its run.json
  bool silent = false;            // nothing on stdout
  std::function<void()> after_step = {};
  // Those that train it together, or null: each calls run_training with the same arguments, rank 0 writes, prints.
  RankGroup* ranks = nullptr;
};

// What run.json holds.
std::string run_description(const TrainConfig& c, const Examples& examples, const Common& common);

// Runs, and prints the result as `common` says. Returns an exit code: done, answered no (expect), or interrupted
// after a checkpoint. Throws ValueError for a directory that exists or another configuration on --resume,
// FileError for files that cannot be read or written.
int run_training(const TrainConfig& c, const Examples& examples, const RunOptions& options, const Common& common);

}  // namespace tools
