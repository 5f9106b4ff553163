// The keys of result.json and metrics.jsonl, one row a key: what writes a run, reads it, puts it into the database
// and takes means over folds works from this table.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json_fwd.h"
#include "results/database.h"

namespace tools {

inline constexpr const char* kRunFormat = "eqnn-run-1";                // of run.json
inline constexpr const char* kCheckpointFormat = "eqnn-checkpoint-2";  // of checkpoint.safetensors

enum KeyUse : unsigned {
  kPlanned = 1,  // run.json's configuration has it under this name: known before there is a result
  kMean = 2,     // of a cross-validation: the mean over the folds, so that whole numbers become others
  kOnLine = 4,   // also on a line of metrics.jsonl
  kMetric = 8,   // and there a column of table `metrics`
};

struct ResultKey {
  const char* name;  // of an object: the row holds for everything in it that has no row of its own
  const char* type;  // INTEGER, REAL or TEXT; ANY: of several types
  unsigned uses = 0;
  const char* metric = nullptr;  // its name in metrics.jsonl, where that is another

  bool has(unsigned use) const { return (uses & use) != 0; }
  const char* metric_name() const { return metric != nullptr ? metric : name; }
  const char* column_type() const;  // in table `runs`
};

// All rows, in the order of a csv's columns, which is the order in which `train` writes them.
std::span<const ResultKey> result_keys();
// Those that are columns of table `metrics`, in its order.
const std::vector<ResultKey>& metric_keys();

// Columns that every row of `runs` has, before those that come from a run's files.
struct RunColumn {
  const char *name, *type;  // as CREATE TABLE says it
};
inline constexpr RunColumn kRunColumns[] = {{"run_id", "TEXT PRIMARY KEY"},
                                            {"study", "TEXT"},
                                            {"seed", "INTEGER"},
                                            {"status", "TEXT NOT NULL"},
                                            {"error", "TEXT"},
                                            {"directory", "TEXT"},
                                            {"command", "TEXT"}};
bool is_run_column(std::string_view name);

// INTEGER, REAL or TEXT for keys that have a row, otherwise ANY. Nested keys are joined by dots: "params.n".
const char* column_type(const std::string& key);
// The place of a key in a csv: by row, then keys without one, then time and machine. Keys of one place are in the
// order of their names.
int column_place(const std::string& key);

// A JSON value as a cell: booleans are 0 and 1; lists, objects and whole numbers from 2^63 on are text.
Cell cell_of(const Json& value);
// Whether a column of that type takes the cell; null fits all.
bool fits(const Cell& cell, std::string_view type);
// Visits every value that is no object, under its key.
void for_each_key(const Json& object, const std::function<void(const std::string& key, const Json& value)>& visit);
// Throws Error for a result with a key that has no row, or with a value of another type than its row says.
void check_result(const Json& result);

}  // namespace tools
