// One run directory as a row of the database: what `collect` reads, and under which names it stands there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "results/database.h"

namespace tools {

// Columns that every row has, before those that come from its files.
inline constexpr const char* kRunColumns[] = {"run_id", "study", "seed", "status", "error", "directory", "command"};

struct RunRecord {
  std::string run_id;
  std::string status;                               // done, failed or unfinished
  std::vector<std::pair<std::string, Cell>> cells;  // by key, each once: kRunColumns, result.json, config.*
  std::vector<std::vector<Cell>> metrics;           // one a step, in the order of kMetricsColumns
};

inline constexpr const char* kMetricsColumns[] = {
    "step",         "samples_seen",    "batch_loss",           "train_loss",
    "test_samples", "test_loss",       "normalized_test_loss", "test_accuracy",
    "correlation",  "correlation_low", "correlation_high",     "gradient_norm",
    "gradient_snr", "distance",        "time.wall_seconds"};

// Reads run.json, result.json, failure.json and metrics.jsonl. `directory` is an absolute path, and its last part
// the run's id where run.json was never written. Throws FileError for files that are missing or malformed, in one
// line.
RunRecord read_run(const std::string& directory);

// INTEGER, REAL or TEXT for keys of result.json that are known, otherwise ANY.
const char* column_type(const std::string& key);
// The place of a key of result.json in a csv: known ones in the order in which `train` writes them, then those that
// are not, then time and machine. Keys of one place are in the order of their names.
int column_place(const std::string& key);

}  // namespace tools
