// One run directory as a row of the database: what `collect` reads, and under which names it stands there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "results/database.h"

namespace tools {

struct RunRecord {
  std::string run_id;
  std::string status;                               // done, failed or unfinished
  std::vector<std::pair<std::string, Cell>> cells;  // by key, each once: kRunColumns, result.json, config.*
  std::vector<std::vector<Cell>> metrics;           // one a step, in the order of metric_keys()
};

// Reads run.json, result.json, failure.json and metrics.jsonl. `directory` is an absolute path, and its last part
// the run's id where run.json was never written. Throws FileError for files that are missing or malformed, in one
// line.
RunRecord read_run(const std::string& directory);

}  // namespace tools
