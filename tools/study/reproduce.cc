// `eqnn reproduce`: a bundled study, from its runs to its page.

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <eqnn/core/spelling.h>
#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "commands.h"
#include "figures/figures.h"
#include "figures/frontier.h"
#include "report/report.h"
#include "results/collect.h"
#include "results/runs.h"
#include "studies.h"
#include "sweep/sweep.h"

namespace tools {
namespace {

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

// One setting over its seeds.
struct Row {
  std::string label;
  std::set<std::string> verdicts;
  int learned = 0;
  std::vector<double> train, test, accuracy, steps, rate;  // of its finished runs

  std::string fraction() const { return fmt::format("{}/{}", learned, test.size()); }
};

std::string loss_column(double v) {
  return !std::isfinite(v) ? "-" : v < 1000 ? fmt::format("{:.4f}", v) : fmt::format("{:.1e}", v);
}
std::string count_column(double v) { return std::isfinite(v) ? fmt::format("{:.0f}", v) : "-"; }

// The values of a point of the grid: "n 15, control".
std::string point_text(const Json& values) {
  std::string text;
  for (const auto& [key, value] : values.items()) {
    if (value == false) continue;
    const std::string one = value == true       ? key
                            : value.is_string() ? fmt::format("{} {}", key, value.get<std::string>())
                                                : fmt::format("{} {}", key, to_text(value));
    text += (text.empty() ? "" : ", ") + one;
  }
  return text;
}

// One row a point of the grid of a study, from its finished runs, in the order of the grid.
std::vector<Row> rows_of(const RunTable& table, const Study& study) {
  std::vector<Row> rows;
  std::map<std::string, std::size_t> place;
  for (const StudyRun& planned : study.runs) {
    const auto row = table.row_of(planned.id);
    if (!row || table.text(*row, "status") != "done") continue;
    const Run run = table.run(*row);
    const auto [at, fresh] = place.try_emplace(planned.values, rows.size());
    if (fresh) rows.emplace_back().label = point_text(parse_json(planned.values));
    Row& r = rows[at->second];
    r.verdicts.insert(run.verdict);
    r.learned += run.verdict == "learned" ? 1 : 0;
    // What is not finite is null in the database, and worse than any number; what a learner does not have is left
    // out.
    r.test.push_back(std::isfinite(run.test_loss) ? run.test_loss : INFINITY);
    for (const auto& [list, value] : {std::pair{&r.train, run.train_loss},
                                      {&r.accuracy, run.test_accuracy},
                                      {&r.steps, run.steps},
                                      {&r.rate, run.steps_per_second}})
      if (std::isfinite(value)) list->push_back(value);
  }
  return rows;
}

void print_table(const Database& db) {
  fmt::print(
      "Losses are normalised: 1 is what the best constant has. Tests are on fresh inputs. A row holds medians over "
      "its seeds.\n");
  const RunTable table(db);
  for (const Study& study : read_studies(db)) {
    const std::vector<Row> rows = rows_of(table, study);
    if (rows.empty()) continue;
    std::size_t width = 16;
    for (const Row& r : rows) width = std::max(width, r.label.size());
    fmt::print("\n{}\n{:<{}} {:>8} {:>10} {:>10} {:>9} {:>7} {:>8}  {}\n", study.title, "", width, "learned",
               "train loss", "test loss", "accuracy", "steps", "steps/s", "verdicts");
    for (const Row& r : rows)
      fmt::print("{:<{}} {:>8} {:>10} {:>10} {:>9} {:>7} {:>8}  {}\n", r.label, width, r.fraction(),
                 loss_column(median(r.train)), loss_column(median(r.test)), loss_column(median(r.accuracy)),
                 count_column(median(r.steps)), count_column(median(r.rate)), fmt::join(r.verdicts, ", "));
  }
}

// Database, csv and page of a study's runs in `out`, made anew each time. Returns an exit code.
int make_page(const std::string& out, const SweepPlan& plan, const SweepOptions& options, const Common& common) {
  const std::string database = out + "/results.db", page = out + "/report.html";
  remove_file(database);
  Common quiet = common;
  quiet.quiet = true;
  quiet.json = false;
  if (const int collected = collect({{options.out}, database, out + "/results.csv"}, quiet); collected != kDone)
    return collected;
  ReportOptions page_options;
  page_options.database = database;
  page_options.out = page;
  page_options.command = options.command;
  page_options.title = plan.title;
  eqnn::write_atomically(page, make_report(Database::open(database), page_options));
  return kDone;
}

void print_outcome(const std::string& out, const std::string& study, const SweepStatus& s, const Common& common) {
  const std::string database = out + "/results.db", page = out + "/report.html";
  if (common.json) {
    const Json outcome = {{"study", study},     {"runs", s.runs}, {"done", s.done},
                          {"failed", s.failed}, {"db", database}, {"csv", out + "/results.csv"},
                          {"report", page}};
    fmt::print("{}\n", to_text(outcome));
  } else {
    print_table(Database::open(database));
    fmt::print("\nThe page with figures is {}; runs, database and csv stand beside it.\n", page);
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
  options.command = "eqnn reproduce " + flags.name + (flags.out.empty() ? "" : " --out " + shell_text({flags.out}));
  options.retry_failed = flags.retry_failed;
  if (!flags.jobs.empty()) options.jobs = static_cast<int>(parse_integer("jobs", flags.jobs, 1, 4096));
  if (flags.dry_run) {
    for (const PlannedRun& run : plan.runs) fmt::print("{}\n", run_command(run, options.out));
    return kDone;
  }
  if (!have_gnuplot()) throw NotBuiltError("no gnuplot is there to draw the page's figures; install gnuplot-nox");
  const int code = run_sweep(plan, options, common);
  if (code != kDone && code != kSweepFailed) return code;
  if (const std::size_t left = sweep_status(plan, options).left(); left > 0) {
    note("eqnn: {} runs are at work in another process; run this again when they are done\n", left);
    return kInterrupted;
  }

  if (const int collected = make_page(out, plan, options, common); collected != kDone) return collected;
  print_outcome(out, flags.name, sweep_status(plan, options), common);
  return code;
}

}  // namespace

void add_reproduce(CommandLine& line) {
  Subcommand sub = line.add("reproduce", "a bundled study, run end to end, and its page");
  auto flags = std::make_shared<ReproduceFlags>();
  std::string names;
  for (const BundledStudy& s : kStudies)
    names += concat(names.empty() ? "" : ", ", s.name, s.name == flags->name ? " (the default)" : "");
  sub.option("STUDY", flags->name, names);
  sub.option("-o,--out", flags->out, "folder of runs, database and page (default: runs/<study>); goes on with it");
  sub.option("--jobs", flags->jobs, "runs at a time, one thread each (default: --threads)");
  sub.toggle("--list", flags->list, "the studies, and stop");
  sub.toggle("--print", flags->print, "the study's sweep file, to change and run with eqnn sweep, and stop");
  sub.toggle("--dry-run", flags->dry_run, "one command a run, and stop");
  sub.toggle("--retry-failed", flags->retry_failed, "try failed runs again");
  sub.runs([flags](const Common& common) { return reproduce(*flags, common); });
}

}  // namespace tools
