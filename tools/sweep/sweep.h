// Running a plan: what is left of it, in processes, recorded run by run.
#pragma once

#include <string>

#include "ranks/ranks.h"
#include "sweep/plan.h"

namespace tools {

struct SweepOptions {
  std::string out;      // its folder
  std::string command;  // as it was given, for the record
  int jobs = 0;         // runs at a time; 0: one a thread of --threads
  std::size_t shard = 0, shards = 1;
  // >= 0: other processes choose from the same runs at the same time, and nobody knows how many: each takes what
  // no other has, from this place on.
  Index claim = -1;
  bool retry_failed = false;
  RankGroup* ranks = nullptr;  // those that share the runs, or null; each calls run_sweep
};

// Does what is left. Returns kDone, kSweepFailed when some runs failed (now, or before and were not tried again),
// or, when it was told to end, kSigint or kInterrupted. Throws FileError for a folder that cannot be written.
int run_sweep(const SweepPlan& plan, const SweepOptions& options, const Common& common);

}  // namespace tools
