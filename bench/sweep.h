// The `sweep` row of `eqnn bench`: many small runs at once, as `eqnn sweep run` makes them.
#pragma once

#include <vector>

#include "cli/json.h"

namespace bench {

// 64 runs of gnn-15-32 with fresh samples every step, 1,000 steps each, one for each seed.
struct SweepResult {
  int jobs = 1;        // runs at a time, one thread each
  double seconds = 0;  // of the whole command; the median of the pairs
  double speedup = 1;  // over one job at a time, the median of the pairs
  std::size_t pairs = 0;
  tools::Json peers = tools::Json::object();

  static constexpr int kRuns = 64, kSteps = 1000;
  double runs_per_second() const { return kRuns / seconds; }
};

// One result for each number of jobs, in alternation with one job and, with `peers`, with the fastest way of
// PyTorch and of JAX (bench/peers_sweep.py). Each sweep of the engine is a process of its own, on a temporary
// folder. Throws NotBuiltError without `eqnn sweep`, and FileError when a sweep fails.
std::vector<SweepResult> measure_sweep(const std::vector<int>& jobs, bool peers, bool quiet);

}  // namespace bench
