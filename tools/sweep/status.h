// How far the sweeps of folders are: what is done, at work, failed, and how long the rest will take.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sweep/sweep.h"
#include "sweep/work.h"

namespace tools {

struct SweepStatus {
  std::size_t runs = 0, done = 0, failed = 0, running = 0, started = 0;  // started: begun, and not at work now
  // Of all work that is not failed, 0 to 1, by the time that runs take; NaN before any is done.
  double work_done = 0;
  double seconds_left = 0;  // with as many at work as now; NaN before any run is done, infinite with none at work

  std::size_t left() const { return runs - done - failed; }
};

// One sweep, looked at again and again: what is done is read once. Of the runs of a shard, those with
// index % shards == shard. Disturbs no process at work.
class SweepWatch {
 public:
  SweepWatch(const SweepPlan& plan, const SweepOptions& options);
  SweepStatus look();

 private:
  // What the time of runs that are done says of those that wait, and of those that have been at work for so many
  // seconds.
  void estimate(SweepStatus& s, const std::vector<std::size_t>& done, const std::vector<std::size_t>& waiting,
                const std::map<std::size_t, double>& working);
  double seconds_at_work(const PlannedRun& run) const;

  const SweepPlan& plan_;
  const SweepOptions& options_;
  std::optional<SweepWork> work_;       // once there is something to estimate, and something to do it by
  std::map<std::size_t, double> done_;  // seconds
};

// The plan that a folder's record FOLDER/*.sweep.json has. Throws FileError for a folder without one, or with
// several.
SweepPlan recorded_plan(const std::string& folder);

}  // namespace tools
