// `eqnn reproduce`: a bundled study, from its runs to its page.

#include <cmath>
#include <filesystem>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <eqnn/files.h>
#include <eqnn/text.h>

#include "collect.h"
#include "commands.h"
#include "database.h"
#include "figures.h"
#include "report.h"
#include "studies.h"
#include "sweep.h"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct ReproduceFlags {
  std::string name = "quick", out, jobs;
  bool list = false, print = false, dry_run = false, retry_failed = false;
};

const BundledStudy& find_study(const std::string& name) {
  std::vector<std::string> names;
  for (const BundledStudy& s : kStudies) {
    if (s.name == name) return s;
    names.emplace_back(s.name);
  }
  throw ValueError(concat("'", name, "' is not a study; the nearest is '", eqnn::nearest(name, names),
                          "'; eqnn reproduce --list has them all"));
}

void print_list() {
  for (const BundledStudy& s : kStudies) {
    const SweepPlan plan = plan_sweep(std::string(s.text), std::string(s.name));
    fmt::print("{:<12} {:>5} runs  {}\n", s.name, plan.runs.size(), plan.title);
  }
}

// Mean, lowest and highest of one setting over its seeds.
struct Row {
  std::string label, verdicts;
  std::int64_t runs = 0, learned = 0;
  double train = 0, test = 0, low = 0, high = 0, accuracy = 0, steps = 0, rate = 0;
};

std::string fixed(double v) { return std::isfinite(v) ? fmt::format("{:.4f}", v) : "-"; }

// The values of a point of the grid: n = 15, control.
std::string point_text(const Json& values) {
  std::string text;
  for (const auto& [key, value] : values.items()) {
    if (value.is_boolean() && !value.get<bool>()) continue;
    const std::string one =
        value.is_boolean() ? key
                           : fmt::format("{} {}", key, value.is_string() ? value.get<std::string>() : value.dump());
    text += (text.empty() ? "" : ", ") + one;
  }
  return text;
}

// One row a point of the grid of a study, from its finished runs.
std::vector<Row> rows_of(const Database& db, const std::string& study) {
  const Table t = db.query(
      "SELECT s.\"values\" AS point, count(*) AS runs, sum(r.verdict = 'learned') AS learned, "
      "avg(r.normalized_train_loss) AS train, avg(r.normalized_test_loss) AS test, min(r.normalized_test_loss) AS "
      "low, "
      "max(r.normalized_test_loss) AS high, avg(r.test_accuracy) AS accuracy, avg(r.steps) AS steps, "
      "avg(r.\"time.steps_per_second\") AS rate, group_concat(DISTINCT r.verdict) AS verdicts, min(s.rowid) AS "
      "place "
      "FROM study_runs s JOIN runs r USING (run_id) WHERE s.study = ? AND r.status = 'done' "
      "GROUP BY s.\"values\" ORDER BY place",
      {study});
  std::vector<Row> rows;
  for (const auto& cells : t.rows) {
    const auto number = [&](const char* name) { return number_of(cells[t.column(name)]); };
    Row r;
    r.label = point_text(Json::parse(text_of(cells[t.column("point")])));
    r.runs = static_cast<std::int64_t>(number("runs"));
    r.learned = static_cast<std::int64_t>(std::isfinite(number("learned")) ? number("learned") : 0);
    r.train = number("train");
    r.test = number("test");
    r.low = number("low");
    r.high = number("high");
    r.accuracy = number("accuracy");
    r.steps = number("steps");
    r.rate = number("rate");
    r.verdicts = text_of(cells[t.column("verdicts")]);
    rows.push_back(r);
  }
  return rows;
}

void print_table(const Database& db) {
  fmt::print(
      "Losses are normalised: 1 is what the best constant has. Tests are on fresh inputs; a row is the mean of its "
      "seeds.\n");
  const Table studies = db.query("SELECT study, title FROM studies ORDER BY rowid");
  for (const auto& study : studies.rows) {
    const std::vector<Row> rows = rows_of(db, text_of(study[0]));
    if (rows.empty()) continue;
    fmt::print("\n{}\n{:<44} {:>8} {:>10} {:>10} {:>9} {:>7} {:>8}  {}\n", text_of(study[1]), "", "learned",
               "train loss", "test loss", "accuracy", "steps", "steps/s", "verdict");
    for (const Row& r : rows)
      fmt::print("{:<44} {:>8} {:>10} {:>10} {:>9} {:>7} {:>8}  {}\n", r.label,
                 fmt::format("{}/{}", r.learned, r.runs), fixed(r.train), fixed(r.test), fixed(r.accuracy),
                 std::isfinite(r.steps) ? fmt::format("{:.0f}", r.steps) : "-",
                 std::isfinite(r.rate) ? fmt::format("{:.0f}", r.rate) : "-", r.verdicts);
  }
}

int reproduce(const ReproduceFlags& flags, const Common& common) {
  if (flags.list) {
    print_list();
    return kDone;
  }
  const BundledStudy& study = find_study(flags.name);
  if (flags.print) {
    fmt::print("{}", study.text);
    return kDone;
  }
  const std::string out = flags.out.empty() ? concat("runs/", flags.name) : flags.out;
  const SweepPlan plan = plan_sweep(std::string(study.text), flags.name);
  SweepOptions options;
  options.out = out + "/runs";
  options.command = concat("eqnn reproduce ", flags.name);
  options.retry_failed = flags.retry_failed;
  if (!flags.jobs.empty()) options.jobs = static_cast<int>(parse_integer("jobs", flags.jobs, 1, 4096));
  if (flags.dry_run) {
    for (const PlannedRun& run : plan.runs) fmt::print("{}\n", run_command(run, options.out));
    return kDone;
  }
  if (!have_gnuplot()) throw NotBuiltError("no gnuplot is there to draw the page's figures; install gnuplot-nox");
  const int code = run_sweep(plan, options, common);
  if (code != kDone && code != kSweepFailed) return code;

  // Made anew each time: what another version left in the folder is not in the page.
  const std::string database = out + "/results.db", page = out + "/report.html";
  std::error_code ignored;
  fs::remove(database, ignored);
  Common quiet = common;
  quiet.quiet = true;
  quiet.json = false;
  if (const int collected = collect({{options.out}, database, out + "/results.csv"}, quiet); collected != kDone)
    return collected;
  const Database db = Database::open(database);
  ReportOptions page_options;
  page_options.database = database;
  page_options.out = page;
  page_options.command = options.command;
  eqnn::write_atomically(page, make_report(db, page_options));
  if (common.json) {
    const SweepStatus s = sweep_status(plan, options);
    fmt::print("{}\n", Json({{"study", flags.name},
                             {"runs", s.runs},
                             {"done", s.done},
                             {"failed", s.failed},
                             {"db", database},
                             {"csv", out + "/results.csv"},
                             {"report", page}})
                           .dump());
  } else {
    print_table(db);
    fmt::print("\nThe page with figures is {}; runs, database and csv stand beside it.\n", page);
  }
  return code;
}

}  // namespace

void add_reproduce(CLI::App& app, Commands& commands) {
  CLI::App* sub = app.add_subcommand("reproduce", "a bundled study, run end to end, and its page");
  auto flags = std::make_shared<ReproduceFlags>();
  sub->add_option("STUDY", flags->name,
                  "quick (the default), paper, frontier, optimizers, samples, size, separation");
  sub->add_option("-o,--out", flags->out,
                  "folder of runs, database and page (default: runs/<study>); goes on with it");
  sub->add_option("--jobs", flags->jobs, "runs at a time, one thread each (default: --threads)");
  sub->add_flag("--list", flags->list, "the studies, and stop");
  sub->add_flag("--print", flags->print, "the study's sweep file, to change and run with eqnn sweep, and stop");
  sub->add_flag("--dry-run", flags->dry_run, "one command a run, and stop");
  sub->add_flag("--retry-failed", flags->retry_failed, "try failed runs again");
  commands.push_back({sub, [flags](const Common& common) { return reproduce(*flags, common); }});
}

}  // namespace tools
