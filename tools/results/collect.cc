// `eqnn collect`: run directories into the results database, and the database into a csv.

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "results/collect.h"

#include "cli/json.h"
#include "commands.h"
#include "results/database.h"
#include "results/documents.h"
#include "cli/progress.h"
#include "results/run_record.h"
#include "results/schema.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using eqnn::FileError;

// --- what is there
// --------------------------------------------------------------------------------------------------

struct Document {
  std::string kind, path, key;
};

// What the folders hold, each once, in the order of the paths.
struct Found {
  std::vector<std::string> runs, studies;
  std::vector<Document> documents;
  std::vector<std::string> problems;
};

class Walk {
 public:
  Found found;

  // Every folder once, also where symbolic links lead in circles.
  void folder(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0 || !seen_.insert({info.st_dev, info.st_ino}).second) return;
    std::vector<std::string> folders;
    bool is_run = false;
    std::error_code error;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename();
      std::error_code ignored;
      if (name == "run.json" || name == "failure.json" || name == "result.json")
        is_run = true;
      else if (name.ends_with(".sweep.json"))
        found.studies.push_back(at->path());
      else if (const DocumentKind* kind = find_document(&DocumentKind::file, name))
        found.documents.push_back({kind->name, at->path(), fs::path(path).filename()});
      else if (at->is_directory(ignored))
        folders.push_back(at->path());
    }
    if (error && error != std::errc::no_such_file_or_directory)
      found.problems.push_back(concat(path, ": cannot be read: ", error.message()));
    if (is_run) found.runs.push_back(path);
    std::sort(folders.begin(), folders.end());
    for (const std::string& inner : folders) folder(inner);
  }

 private:
  std::set<std::pair<dev_t, ino_t>> seen_;
};

// --- into the database
// ----------------------------------------------------------------------------------------------

// Columns of `runs` by the keys they hold, added as they appear.
class RunColumns {
 public:
  explicit RunColumns(Database& db) : db_(db) {
    for (const std::string& name : db_.columns("runs")) columns_[small(name)] = name;
  }

  // SQLite takes "b" and "B" for one column: the second to come is "B_". Of the families' own keys one pair is
  // such, and has the same names in every database: the bias of gnn-degree-parity and the directions of others.
  std::string of(const std::string& key) {
    std::string name = key == "member.b" ? "member.bias" : key;
    for (auto at = columns_.find(small(name)); at != columns_.end(); at = columns_.find(small(name))) {
      if (at->second == name) return name;
      name += '_';
    }
    require<FileError>(columns_.size() < 1900, "the database has as many columns as it can hold, and none for '",
                       key, "'");
    db_.query(concat("ALTER TABLE runs ADD COLUMN ", sql_name(name), " ", column_type(key)));
    columns_[small(name)] = name;
    return name;
  }
  bool has(const std::string& name) const {
    const auto at = columns_.find(small(name));
    return at != columns_.end() && at->second == name;
  }

 private:
  static std::string small(std::string name) {
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return name;
  }

  Database& db_;
  std::unordered_map<std::string, std::string> columns_;
};

// Messages quote files, which may hold anything.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  return text;
}

std::string question_marks(std::size_t count) {
  std::string marks = "?";
  for (std::size_t i = 1; i < count; ++i) marks += ", ?";
  return marks;
}

Json parse(const std::string& path) {
  const Json j = parse_json(eqnn::read_file(path), path);
  require<FileError>(!j.is_discarded(), path, ": is no JSON");
  return j;
}

// What a .sweep.json says: rows of `studies` and `study_runs`.
struct StudyFile {
  std::string name;
  std::vector<std::vector<Cell>> studies, runs;
};

// Seeds beyond 2^63 are no integers of SQLite, and null.
Cell seed_cell(const Json& v) {
  const std::uint64_t seed = v.get<std::uint64_t>();
  return seed >> 63 == 0 ? Cell(static_cast<std::int64_t>(seed)) : Cell();
}

void check_flag(const std::string& path, const std::string& flag) {
  const bool plain =
      !flag.empty() && flag.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  require<FileError>(plain && !is_run_column(flag), path, ": 'swept' names '", flag, "', which is no flag that can be swept");
}

StudyFile read_study(const std::string& path) {
  const Json file = parse(path);
  StudyFile study;
  try {
    require<FileError>(file.at("format") == 1, path, ": format is ", to_text(file.at("format")),
                       "; this version reads 1");
    study.name = file.at("name").get<std::string>();
    const Json& sweeps = file.at("sweeps");
    for (const Json& sweep : sweeps) {
      const std::string id =
          sweeps.size() == 1 ? study.name : concat(study.name, "/", sweep.at("name").get<std::string>());
      std::string title = sweep.value("title", "");
      if (title.empty()) title = file.value("title", "");
      for (const Json& flag : sweep.at("swept")) check_flag(path, flag.get<std::string>());
      study.studies.push_back({id, title, file.value("claim", ""), file.value("command", ""),
                               file.value("toml", ""), to_text(sweep.at("swept")), to_text(sweep.at("seeds"))});
      for (const Json& run : sweep.at("runs")) {
        require<FileError>(run.at("values").is_object(), path, ": 'values' of a run are no object");
        study.runs.push_back(
            {id, run.at("run_id").get<std::string>(), seed_cell(run.at("seed")), to_text(run.at("values"))});
      }
    }
  } catch (const Json::exception& e) {
    throw FileError(concat(path, ": is no sweep of this version: ", e.what()));
  }
  return study;
}

// The flags that any study sweeps, each once, in the order of the studies and of their grids.
std::vector<std::string> swept_flags(const Database& db) {
  std::vector<std::string> flags;
  for (const auto& row : db.query("SELECT swept FROM studies ORDER BY study").rows)
    for (const std::string flag : parse_json(text_of(row[0])))
      if (std::find(flags.begin(), flags.end(), flag) == flags.end()) flags.push_back(flag);
  return flags;
}

int rank(const std::string& status) { return status == "done" ? 2 : status == "failed" ? 1 : 0; }

// Writes whole runs, studies and documents. What is committed is on the disk, and holds no part of a run: a commit
// comes between two runs, at most once a second, since each waits for the disk.
class Collector {
 public:
  explicit Collector(Database& db) : db_(db) {
    db_.query("PRAGMA cache_size = -65536");  // 64 MB: a transaction does not spill into the file
    begin();
  }

  // Throws FileError for keys that have no place in the table.
  void add_columns(const RunRecord& record) {
    for (const auto& [key, cell] : record.cells) columns_->of(key);
  }

  void write(const RunRecord& record, const std::string& directory) {
    const Table before = db_.query("SELECT status, directory FROM runs WHERE run_id = ?", {record.run_id});
    // A copy elsewhere that got less far does not take the place of a result.
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
    if (const std::string folder = fs::path(directory).filename(); folder != record.run_id) {
      db_.query("DELETE FROM runs WHERE run_id = ? AND directory = ?", {folder, directory});  // when it had failed
      db_.query("UPDATE OR REPLACE study_runs SET run_id = ? WHERE run_id = ?", {record.run_id, folder});
    }
    between_runs();
  }

  // In the place of all that a file of this name said before.
  void write(const StudyFile& study) {
    for (const char* table : {"studies", "study_runs"})
      db_.query(concat("DELETE FROM ", table, " WHERE study = ?1 OR substr(study, 1, length(?1) + 1) = ?1 || '/'"),
                {study.name});
    for (const auto& row : study.studies)
      db_.query("INSERT OR REPLACE INTO studies VALUES (?, ?, ?, ?, ?, ?, ?)", row);
    for (const auto& row : study.runs) db_.query("INSERT OR REPLACE INTO study_runs VALUES (?, ?, ?, ?)", row);
    between_runs();
  }

  void write(const Document& d, const Json& contents) {
    db_.query("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", {d.kind, d.key, to_text(contents)});
  }

  // What a run has from its studies: the first, by name, that names it, and each swept flag under its plain name.
  void finish() {
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

 private:
  void begin() {
    transaction_.emplace(db_);
    columns_.emplace(db_);  // another process may have added some
    began_ = std::chrono::steady_clock::now();
  }

  void between_runs() {
    if (std::chrono::steady_clock::now() - began_ < std::chrono::seconds(1)) return;
    transaction_->commit();
    begin();
  }

  Database& db_;
  std::optional<RunColumns> columns_;
  std::optional<Transaction> transaction_;
  std::chrono::steady_clock::time_point began_;
};

// --- into a csv
// -----------------------------------------------------------------------------------------------------

// run_id, study, seed, status, the swept flags, and the keys of result.json: nothing that depends on the folder.
std::vector<std::string> csv_columns(const Database& db) {
  std::vector<std::string> columns = {"run_id", "study", "seed", "status"};
  for (const std::string& flag : swept_flags(db)) columns.push_back(flag);
  std::vector<std::string> keys;
  for (const std::string& name : db.columns("runs")) {
    const bool swept = std::find(columns.begin(), columns.end(), name) != columns.end();
    if (!is_run_column(name) && !swept && !name.starts_with("config.")) keys.push_back(name);
  }
  std::sort(keys.begin(), keys.end(), [](const std::string& a, const std::string& b) {
    return std::pair(column_place(a), a) < std::pair(column_place(b), b);
  });
  columns.insert(columns.end(), keys.begin(), keys.end());
  return columns;
}

// null, numbers, text; within them by value.
bool cell_before(const Cell& a, const Cell& b) {
  const auto kind = [](const Cell& c) {
    return std::holds_alternative<std::monostate>(c) ? 0 : std::holds_alternative<std::string>(c) ? 2 : 1;
  };
  if (kind(a) != kind(b)) return kind(a) < kind(b);
  if (kind(a) == 2) return std::get<std::string>(a) < std::get<std::string>(b);
  return kind(a) == 1 && number_of(a) < number_of(b);
}

// By study (runs of none come last), then the swept values in the order of its grid, seed and run_id.
std::vector<std::size_t> csv_order(const Database& db, const Table& runs) {
  std::map<std::string, std::vector<std::size_t>> swept;  // columns of `runs`
  for (const auto& row : db.query("SELECT study, swept FROM studies").rows)
    for (const std::string flag : parse_json(text_of(row[1]))) swept[text_of(row[0])].push_back(runs.column(flag));
  std::vector<std::vector<Cell>> keys;
  std::vector<std::size_t> order;
  for (const auto& row : runs.rows) {
    const Cell& study = row[1];
    std::vector<Cell> key = {Cell(std::int64_t{study == Cell()}), study};
    for (std::size_t column : swept[text_of(study)]) key.push_back(row[column]);
    key.push_back(row[2]);
    key.push_back(row[0]);
    order.push_back(keys.size());
    keys.push_back(std::move(key));
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::lexicographical_compare(keys[a].begin(), keys[a].end(), keys[b].begin(), keys[b].end(),
                                        cell_before);
  });
  return order;
}

// RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

std::string csv_text(const Database& db) {
  const std::vector<std::string> columns = csv_columns(db);
  std::string names, text;
  for (const std::string& column : columns) {
    names += concat(names.empty() ? "" : ", ", sql_name(column));
    text += concat(text.empty() ? "" : ",", csv_field(column == "member.bias" ? "member.b" : column));
  }
  text += "\r\n";
  const Table runs = db.query(concat("SELECT ", names, " FROM runs"));
  for (std::size_t i : csv_order(db, runs)) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (c > 0) text += ',';
      text += csv_field(text_of(runs.rows[i][c]));
    }
    text += "\r\n";
  }
  return text;
}

// --- the command
// ----------------------------------------------------------------------------------------------------

Found find_runs(const std::vector<std::string>& folders) {
  Walk walk;
  for (const std::string& name : folders) {
    std::error_code error;
    const fs::path path = fs::canonical(name, error);
    require<FileError>(!error && fs::is_directory(path, error), name,
                       ": there is no such folder; name a run directory or a folder of them");
    walk.folder(path);
  }
  return std::move(walk.found);
}

bool is_run_directory(const std::string& path) {
  std::error_code error;
  return fs::exists(path + "/run.json", error) || fs::exists(path + "/failure.json", error) ||
         fs::exists(path + "/result.json", error);
}

// What `read` returns; nothing for a file that is malformed, which becomes a problem and does not stop the rest.
template <typename Read>
auto attempt(Found& found, const Read& read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const FileError& e) {
    found.problems.emplace_back(e.what());
    return std::nullopt;
  }
}

void collect_all(Database& db, Found& found, const Common& common) {
  Collector collector(db);
  for (const std::string& path : found.studies)
    if (const auto study = attempt(found, [&] { return read_study(path); })) collector.write(*study);
  for (const Document& d : found.documents)
    if (const auto json = attempt(found, [&] { return parse(d.path); })) collector.write(d, *json);
  Progress progress(common, 0, static_cast<Index>(found.runs.size()));
  Index done = 0;
  for (const std::string& path : found.runs) {
    const std::size_t problems = found.problems.size();
    const auto record = attempt(found, [&] {
      RunRecord r = read_run(path);
      collector.add_columns(r);
      return r;
    });
    if (record) collector.write(*record, path);
    if (!record && !is_run_directory(path)) found.problems.resize(problems);  // it was removed meanwhile
    progress.update(++done, "");
  }
  progress.clear();
  collector.finish();
}

}  // namespace

int collect(const CollectFlags& flags, const Common& common) {
  Found found = find_runs(flags.folders);
  std::error_code error;
  Database db = Database::create(flags.db);
  require(flags.csv.empty() || !fs::equivalent(flags.csv, flags.db, error), "--csv and --db are both ", flags.db,
          "; give the csv a file of its own");
  collect_all(db, found, common);
  if (!flags.csv.empty()) eqnn::write_atomically(flags.csv, csv_text(db));

  std::map<std::string, std::int64_t> count;
  for (const auto& row : db.query("SELECT status, count(*) FROM runs GROUP BY status").rows)
    count[text_of(row[0])] = std::get<std::int64_t>(row[1]);
  const std::int64_t all = count["done"] + count["failed"] + count["unfinished"];
  const std::int64_t studies = std::get<std::int64_t>(db.query("SELECT count(*) FROM studies").rows[0][0]);
  for (const std::string& problem : found.problems)
    std::fprintf(stderr, "eqnn: error: not collected: %s\n", one_line(problem).c_str());
  if (common.json) {
    const Json summary = {{"db", flags.db},
                          {"runs", all},
                          {"done", count["done"]},
                          {"failed", count["failed"]},
                          {"unfinished", count["unfinished"]},
                          {"studies", studies}};
    fmt::print("{}\n", to_text(summary));
  } else if (!common.quiet) {
    fmt::print(stderr,
               "eqnn: {} run directories read; {} has {} runs ({} done, {} failed, {} unfinished) of {} studies\n",
               found.runs.size(), flags.db, all, count["done"], count["failed"], count["unfinished"], studies);
  }
  return found.problems.empty() ? kDone : kFile;
}

void add_collect(CommandLine& line) {
  Subcommand sub = line.add("collect", "run directories into one SQLite database, and a csv");
  auto flags = std::make_shared<CollectFlags>();
  sub.required_list("DIR", flags->folders, "run directories, the folders of sweeps, or folders of such");
  sub.required("--db", flags->db, "the database; runs that it has already are replaced");
  sub.option("--csv", flags->csv, "write all runs of the database as a table");
  sub.runs([flags](const Common& common) { return collect(*flags, common); });
}

}  // namespace tools
