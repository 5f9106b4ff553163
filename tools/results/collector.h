// Runs, studies and documents into the database.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>

#include "cli/json_fwd.h"
#include "results/database.h"
#include "results/found.h"
#include "results/run_record.h"
#include "results/study_file.h"

namespace tools {

// Columns of `runs` by the keys they hold, added as they appear.
class RunColumns {
 public:
  explicit RunColumns(Database& db);

  // The column of a key, made where there is none. SQLite takes "b" and "B" for one column: the second to come is
  // "B_". Of the families' own keys one pair is such, and has the same names in every database: the bias of
  // gnn-degree-parity and the directions of others. Throws FileError when the table is full.
  std::string of(const std::string& key);
  bool has(const std::string& name) const;

 private:
  Database& db_;
  std::unordered_map<std::string, std::string> columns_;  // by name in small letters
};

// Writes whole runs, studies and documents. What is committed is on the disk, and holds no part of a run: a commit
// comes between two runs, at most once a second, since each waits for the disk.
class Collector {
 public:
  explicit Collector(Database& db);

  // Drops what is not among `found`: runs whose folders are not, with their metrics, studies and documents. Before
  // anything is written.
  void prune(const Found& found);
  // Throws FileError for keys that have no place in the table.
  void add_columns(const RunRecord& record);
  // A copy elsewhere that got less far does not take the place of a result.
  void write(const RunRecord& record, const std::string& directory);
  // In the place of all that a file of this name said before.
  void write(const StudyFile& study);
  void write(const FoundDocument& document, const Json& contents);
  // What a run has from its studies: the first, by name, that names it, and each swept flag under its plain name.
  void finish();

 private:
  void begin();
  void between_runs();

  Database& db_;
  std::optional<RunColumns> columns_;
  std::optional<Transaction> transaction_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace tools
