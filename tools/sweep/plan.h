// A sweep file: grids of runs, and every run of them with its id.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "train/config.h"

namespace tools {

// One run of a plan. `train`, or another subcommand with its flags, such as `learn`.
struct PlannedRun {
  std::string run_id;                 // 16 hexadecimal digits; of `train`, those of the run itself
  std::optional<TrainConfig> config;  // of `train`
  RawOptions flags;                   // as given: [run] and the point of the grid, "family" among them
  std::uint64_t seed = 0;
  std::string command = "train";
  std::size_t point = 0;  // of all grids of the file: runs of one differ in seeds alone
  std::size_t round = 0;  // which of its sweep's seeds, from 0
};

// One side of a grid: the values of a flag, or sets of values of flags that change together.
struct GridAxis {
  std::string name;                // the flag, or what the sets are called
  std::vector<RawOptions> values;  // of the same flags each

  bool sets(const std::string& flag) const {
    return std::any_of(values.front().begin(), values.front().end(), [&](const auto& o) { return o.name == flag; });
  }
};

// One grid: every combination of the values of its flags, for every seed.
struct Sweep {
  std::string name, title;  // empty: those of the file
  std::string command = "train";
  RawOptions run;              // fixed flags
  std::vector<GridAxis> grid;  // in the order of the file
  std::vector<std::uint64_t> seeds;
  std::vector<std::size_t> runs;   // of the plan: seeds outermost, the last flag of the grid fastest
  std::vector<RawOptions> values;  // the point of the grid of each of them
};

struct SweepPlan {
  std::string name, title, claim, text;  // text: the whole file
  std::vector<Sweep> sweeps;
  std::vector<PlannedRun> runs;  // each once, though several grids may share it

  // What is written beside the runs, so that `collect` knows which study they belong to: JSON.
  std::string record(const std::string& command) const;
};

// Reads TOML: name, title, claim, seeds ("0:5", or a list), [run] and [grid]; or several [[sweeps]], each with
// name, title, command, seeds, run and grid of its own, for which those of the file are the defaults. `source`
// names it in messages. Throws ValueError for what does not parse, for unknown keys, and for a point whose
// configuration is not allowed, naming the point.
SweepPlan plan_sweep(const std::string& text, const std::string& source);

// One line that repeats a run: eqnn train ... --out FOLDER/RUN_ID.
std::string run_command(const PlannedRun& run, const std::string& folder);
// The words of it, without "eqnn".
std::vector<std::string> run_arguments(const PlannedRun& run, const std::string& folder);

}  // namespace tools
