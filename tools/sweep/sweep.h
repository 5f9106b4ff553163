// Running a plan: what is left of it, in processes, recorded run by run.
#pragma once

#include <string>

#include "sweep/plan.h"

namespace tools {

struct SweepOptions {
  std::string out;      // its folder
  std::string command;  // as it was given, for the record
  int jobs = 0;         // runs at a time; 0: one a thread of --threads
  std::size_t shard = 0, shards = 1;
  bool retry_failed = false;
};

// What stands in the folder of a sweep.
struct SweepStatus {
  std::size_t runs = 0, done = 0, failed = 0, running = 0, started = 0;  // started: begun, and not at work now

  std::size_t left() const { return runs - done - failed; }
};

// Of the runs of a shard: those with index % shards == shard.
SweepStatus sweep_status(const SweepPlan& plan, const SweepOptions& options);

// Does what is left. Returns kDone, kSweepFailed when some runs failed (now, or before and were not tried again),
// or, when it was told to end, kSigint or kInterrupted. Throws FileError for a folder that cannot be written.
int run_sweep(const SweepPlan& plan, const SweepOptions& options, const Common& common);

}  // namespace tools
