// `eqnn collect`: run directories into the results database, and the database into a csv.

#include "results/collect.h"

#include <filesystem>
#include <map>
#include <optional>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "cli/progress.h"
#include "commands.h"
#include "results/collector.h"
#include "results/csv.h"
#include "results/found.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using eqnn::FileError;

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

// Whether two names are of one file. Not known is an error: the csv would replace the database.
bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  const bool same = fs::equivalent(a, b, error);
  require<FileError>(!error, a, ": cannot be told from ", b, ": ", error.message(), "; check the disk");
  return same;
}

void collect_all(Database& db, Found& found, bool prune, const Common& common) {
  Collector collector(db);
  if (prune) collector.prune(found);
  for (const std::string& path : found.studies)
    if (const auto study = attempt(found, [&] { return read_study(path); })) collector.write(*study);
  for (const FoundDocument& d : found.documents)
    if (const auto json = attempt(found, [&] { return parse_json(eqnn::read_file(d.path), d.path); }))
      collector.write(d, *json);
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
    if (!record && was_removed(path)) found.problems.resize(problems);
    progress.update(++done, "");
  }
  progress.clear();
  collector.finish();
}

}  // namespace

Database collected(const std::vector<std::string>& folders, const Common& common) {
  Common quiet = common;
  quiet.progress = "none";
  Found found = find_runs(folders);
  Database db = Database::in_memory();
  collect_all(db, found, false, quiet);
  for (const std::string& problem : found.problems) note("eqnn: error: not read: {}\n", one_line(problem));
  return db;
}

Database open_results(const std::vector<std::string>& paths, const Common& common) {
  if (paths.size() != 1 || is_folder(paths.front())) return collected(paths, common);
  const std::string& path = paths.front();
  require<FileError>(is_there(path) || path.ends_with(".db"), path,
                     ": there is no such folder or database; name run directories, folders of such, or a database");
  return Database::open(path);
}

int collect(const CollectFlags& flags, const Common& common) {
  Found found = find_runs(flags.folders);
  require<FileError>(!flags.prune || found.problems.empty(),
                     "--prune: a folder cannot be read, so that what is gone "
                     "is not known: ",
                     found.problems.empty() ? "" : found.problems.front(), "; nothing was collected or dropped");
  Database db = Database::create(flags.db);
  require(flags.csv.empty() || !is_there(flags.csv) || !same_file(flags.csv, flags.db), "--csv and --db are both ",
          flags.db, "; give the csv a file of its own");
  collect_all(db, found, flags.prune, common);
  if (!flags.csv.empty()) eqnn::write_atomically(flags.csv, runs_csv(db));

  std::map<std::string, std::int64_t> count;
  for (const auto& row : db.query("SELECT status, count(*) FROM runs GROUP BY status").rows)
    count[text_of(row[0])] = std::get<std::int64_t>(row[1]);
  const std::int64_t all = count["done"] + count["failed"] + count["unfinished"];
  const std::int64_t studies = std::get<std::int64_t>(db.query("SELECT count(*) FROM studies").rows[0][0]);
  for (const std::string& problem : found.problems) note("eqnn: error: not collected: {}\n", one_line(problem));
  if (common.json) {
    const Json summary = {{"db", flags.db},
                          {"runs", all},
                          {"done", count["done"]},
                          {"failed", count["failed"]},
                          {"unfinished", count["unfinished"]},
                          {"studies", studies}};
    fmt::print("{}\n", to_text(summary));
  } else if (!common.quiet) {
    note("eqnn: {} run directories read; {} has {} runs ({} done, {} failed, {} unfinished) of {} studies\n",
         found.runs.size(), one_line(flags.db), all, count["done"], count["failed"], count["unfinished"], studies);
  }
  return found.problems.empty() ? kDone : kFile;
}

void add_collect(CommandLine& line) {
  Subcommand sub = line.add("collect", "run directories into one SQLite database, and a csv", "Look at results");
  auto flags = std::make_shared<CollectFlags>();
  sub.example("eqnn collect runs/grid --db results.db --csv results.csv");
  sub.example("eqnn collect runs --db results.db --prune # the database is what the folders hold now");
  sub.required_list("DIR", flags->folders, "run directories, the folders of sweeps, or folders of such");
  sub.takes("DIR", {"/"});
  sub.required("--db", flags->db, "the database; runs that it has already are replaced");
  sub.takes("FILE", {".db"});
  sub.toggle("--prune", flags->prune,
             "drop from the database the runs, studies and documents that are in none of the folders, or gone");
  sub.option("--csv", flags->csv, "write all runs of the database as a table");
  sub.takes("FILE", {".csv"});
  sub.uses("--progress");
  sub.runs([flags](const Common& common) { return collect(*flags, common); });
}

}  // namespace tools
