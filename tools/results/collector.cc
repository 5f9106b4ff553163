#include "results/collector.h"

#include <filesystem>

#include "cli/json.h"
#include "results/schema.h"

namespace tools {
namespace {

using eqnn::FileError;

std::string small(std::string name) {
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return name;
}

std::string question_marks(std::size_t count) {
  std::string marks = "?";
  for (std::size_t i = 1; i < count; ++i) marks += ", ?";
  return marks;
}

int rank(const std::string& status) { return status == "done" ? 2 : status == "failed" ? 1 : 0; }

}  // namespace

RunColumns::RunColumns(Database& db) : db_(db) {
  for (const std::string& name : db_.columns("runs")) columns_[small(name)] = name;
}

std::string RunColumns::of(const std::string& key) {
  std::string name = key == "member.b" ? "member.bias" : key;
  for (auto at = columns_.find(small(name)); at != columns_.end(); at = columns_.find(small(name))) {
    if (at->second == name) return name;
    name += '_';
  }
  require<FileError>(columns_.size() < 1900, "the database has as many columns as it can hold, and none for '", key,
                     "'");
  db_.query(concat("ALTER TABLE runs ADD COLUMN ", sql_name(name), " ", column_type(key)));
  columns_[small(name)] = name;
  return name;
}

bool RunColumns::has(const std::string& name) const {
  const auto at = columns_.find(small(name));
  return at != columns_.end() && at->second == name;
}

Collector::Collector(Database& db) : db_(db) {
  db_.query("PRAGMA cache_size = -65536");  // 64 MB: a transaction does not spill into the file
  begin();
}

void Collector::prune(const Found& found) {
  const auto keep = [&](const char* name, const std::string& columns, const std::vector<std::vector<Cell>>& rows) {
    db_.query(concat("CREATE TEMP TABLE ", name, "(", columns, ")"));
    for (const auto& row : rows)
      db_.query(concat("INSERT INTO ", name, " VALUES (", question_marks(row.size()), ")"), row);
  };
  std::vector<std::vector<Cell>> runs, studies, documents;
  for (const std::string& path : found.runs) runs.push_back({path});
  for (const std::string& path : found.studies) {
    const std::string file = std::filesystem::path(path).filename();
    studies.push_back({file.substr(0, file.size() - std::string_view(".sweep.json").size())});
  }
  for (const FoundDocument& d : found.documents) documents.push_back({d.kind, d.key});
  keep("kept_runs", "directory", runs);
  keep("kept_studies", "study", studies);
  keep("kept_documents", "kind, key", documents);
  db_.query("DELETE FROM runs WHERE directory NOT IN (SELECT directory FROM kept_runs)");
  db_.query("DELETE FROM metrics WHERE run_id NOT IN (SELECT run_id FROM runs)");
  for (const char* table : {"studies", "study_runs"})
    db_.query(concat("DELETE FROM ", table, " WHERE NOT EXISTS (SELECT 1 FROM kept_studies k WHERE k.study = ",
                     table, ".study OR substr(", table, ".study, 1, length(k.study) + 1) = k.study || '/')"));
  db_.query("DELETE FROM documents WHERE (kind, key) NOT IN (SELECT kind, key FROM kept_documents)");
  for (const char* table : {"kept_runs", "kept_studies", "kept_documents"}) db_.query(concat("DROP TABLE ", table));
}

void Collector::add_columns(const RunRecord& record) {
  for (const auto& [key, cell] : record.cells) columns_->of(key);
}

void Collector::write(const RunRecord& record, const std::string& directory) {
  const Table before = db_.query("SELECT status, directory FROM runs WHERE run_id = ?", {record.run_id});
  if (!before.rows.empty() && rank(text_of(before.rows[0][0])) > rank(record.status) &&
      text_of(before.rows[0][1]) != directory)
    return;
  std::string names;
  std::vector<Cell> values;
  for (const auto& [key, cell] : record.cells) {
    names += concat(names.empty() ? "" : ", ", sql_name(columns_->of(key)));
    values.push_back(cell);
  }
  db_.query(concat("INSERT OR REPLACE INTO runs(", names, ") VALUES (", question_marks(values.size()), ")"),
            values);
  db_.query("DELETE FROM metrics WHERE run_id = ?", {record.run_id});
  for (const std::vector<Cell>& row : record.metrics) {
    values = row;
    values.insert(values.begin(), record.run_id);
    db_.query(concat("INSERT OR REPLACE INTO metrics VALUES (", question_marks(values.size()), ")"), values);
  }
  // A sweep knows the runs of other programs, such as `learn`, by their folders; these have ids of their own.
  if (const std::string folder = std::filesystem::path(directory).filename(); folder != record.run_id) {
    db_.query("DELETE FROM runs WHERE run_id = ? AND directory = ?", {folder, directory});  // when it had failed
    db_.query("UPDATE OR REPLACE study_runs SET run_id = ? WHERE run_id = ?", {record.run_id, folder});
  }
  between_runs();
}

void Collector::write(const StudyFile& study) {
  for (const char* table : {"studies", "study_runs"})
    db_.query(concat("DELETE FROM ", table, " WHERE study = ?1 OR substr(study, 1, length(?1) + 1) = ?1 || '/'"),
              {study.name});
  for (const auto& row : study.studies)
    db_.query("INSERT OR REPLACE INTO studies VALUES (?, ?, ?, ?, ?, ?, ?)", row);
  for (const auto& row : study.runs) db_.query("INSERT OR REPLACE INTO study_runs VALUES (?, ?, ?, ?)", row);
  between_runs();
}

void Collector::write(const FoundDocument& d, const Json& contents) {
  db_.query("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", {d.kind, d.key, to_text(contents)});
}

void Collector::finish() {
  std::string set =
      "study = (SELECT min(study) FROM study_runs s WHERE s.run_id = runs.run_id), "
      "seed = coalesce((SELECT seed FROM study_runs s WHERE s.run_id = runs.run_id ORDER BY study LIMIT 1), "
      "seed)";
  std::vector<Cell> values;
  for (const std::string& flag : swept_flags(db_)) {
    const std::string column = sql_name(columns_->of(flag));
    set += concat(", ", column, " = coalesce(", column,
                  ", (SELECT json_extract(\"values\", ?) FROM study_runs s WHERE s.run_id = runs.run_id AND "
                  "json_extract(\"values\", ?) IS NOT NULL ORDER BY study LIMIT 1)");
    values.insert(values.end(), 2, concat("$.\"", flag, "\""));
    for (const std::string& config : {concat("config.", flag), concat("config.params.", flag)})
      if (columns_->has(config)) set += concat(", ", sql_name(config));
    set += ")";
  }
  db_.query(concat("UPDATE runs SET ", set), values);
  transaction_->commit();
  transaction_.reset();
}

void Collector::begin() {
  transaction_.emplace(db_);
  columns_.emplace(db_);  // another process may have added some
  began_ = std::chrono::steady_clock::now();
}

void Collector::between_runs() {
  if (std::chrono::steady_clock::now() - began_ < std::chrono::seconds(1)) return;
  transaction_->commit();
  begin();
}

}  // namespace tools
