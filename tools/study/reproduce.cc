// `eqnn reproduce`: a bundled study, from its runs to its page.

#include <algorithm>
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
#include "figures/foresight.h"
#include "figures/frontier.h"
#include "figures/samples_to_learn.h"
#include "figures/slices.h"
#include "report/report.h"
#include "results/collect.h"
#include "results/runs.h"
#include "studies.h"
#include "sweep/status.h"
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

// What a question was answered by: every finished run of a sweep but for the tuned flags.
struct Question {
  std::string label;
  std::vector<FrontierRun> runs;
  std::map<std::string, std::set<std::string>> verdicts;    // of each point
  std::map<std::string, std::vector<std::string>> by_seed;  // of each point, "seed 3 0.0154 after 2500"
};

std::string loss_column(double v) {
  return !std::isfinite(v) ? "-" : v < 1000 ? fmt::format("{:.4f}", v) : fmt::format("{:.1e}", v);
}

// In the order of the grid.
std::vector<Question> questions_of(const RunTable& table, const Study& study) {
  std::vector<Question> questions;
  std::map<std::string, std::size_t> place;
  for (const StudyRun& planned : study.runs) {
    const auto row = table.row_of(planned.id);
    if (!row || table.text(*row, "status") != "done") continue;
    const Run run = table.run(*row);
    const Json values = parse_json(planned.values);
    const auto [at, fresh] = place.try_emplace(flags_text(values, false), questions.size());
    if (fresh) questions.emplace_back().label = at->first;
    Question& q = questions[at->second];
    FrontierRun r;
    r.point = flags_text(values, true);
    r.learned = run.verdict == "learned";
    r.diverged = run.verdict == "diverged";
    r.normalized_test_loss = run.test_loss;
    r.steps = run.steps;
    r.steps_to_learn = run.steps_to_learn;
    q.verdicts[r.point].insert(run.verdict.empty() ? "none" : run.verdict);
    q.by_seed[r.point].push_back(fmt::format("{}{}{}", planned.seed ? fmt::format("seed {} ", *planned.seed) : "",
                                             loss_column(run.test_loss),
                                             std::isnan(run.steps) ? "" : fmt::format(" after {:.0f}", run.steps)));
    q.runs.push_back(std::move(r));
  }
  return questions;
}

std::string interval_text(Interval i) { return fmt::format("[{:.2f}, {:.2f}]", i.low, i.high); }

// A row a question: what all runs of the grid did together, and the best point of the grid with an interval that
// allows for its choice.
std::vector<std::string> table_row(const Question& q, const FrontierPoint& best) {
  const auto learned =
      static_cast<int>(std::count_if(q.runs.begin(), q.runs.end(), [](const auto& r) { return r.learned; }));
  const auto all = static_cast<int>(q.runs.size());
  return {q.label,
          fmt::format("{} of {} {}", learned, all, interval_text(clopper_pearson(learned, all))),
          fmt::format("{}{}", best.best.empty() ? "-" : best.best,
                      best.grid_points > 1 ? fmt::format(" (of {})", best.grid_points) : ""),
          fmt::format("{}/{} {}", best.learned, best.seeds, interval_text(best.fraction_interval)),
          fmt::format("{} ({} to {})", loss_column(best.loss_median), loss_column(best.loss_range.low),
                      loss_column(best.loss_range.high)),
          fmt::format("{:.0f}", best.steps.budget),
          fmt::format("{}", fmt::join(q.verdicts.at(best.best), ", "))};
}

void print_rows(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
}

// Where there are at least ten seeds at each of four sizes or more: how the samples to learn grow with the size.
void print_growth(const Database& db, const std::string& study) {
  for (const Group& group : load_groups(db, {.study = study}))
    for (const FrontierSlice& slice : frontier_slices(group))
      for (const bool control : {false, true}) {
        const auto sizes = std::ranges::count_if(
            slice.points, [&](const FrontierPoint& p) { return p.control == control && p.seeds >= 10; });
        if (sizes < 4) continue;
        fmt::print("Samples to learn, {}{}{}: {}\n", slice.label, slice.label.empty() ? "" : ", ",
                   control ? "control" : "target", growth_text(growth_of(slice, control), slice.size));
      }
}

std::string area_text(const Area& a) {
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", a.value, a.interval.low, a.interval.high);
}

std::string lead_text(double v) { return std::isfinite(v) ? fmt::format("{:.2f}", v) : "never"; }

// Where some size has five runs of the target that learn after a quarter of the budget, and five that do not.
void print_foresight(const Database& db, const std::string& study) {
  for (const Group& group : load_groups(db, {.study = study}))
    for (const FrontierSlice& slice : frontier_slices(group)) {
      const auto f = foresight_of(db, slice);
      if (!f) continue;
      fmt::print("Foretold at a quarter of {:.0f} samples, {} {:g}: {} learn later, {} do not, {} had learned\n",
                 f->budget, slice.size, f->size, f->later, f->never, f->early);
      std::vector<std::vector<std::string>> rows{
          {"", "area under the curve", "lead before the loss", "rose in vain"}};
      for (const MeasureForesight& m : f->measures)
        rows.push_back({m.name, area_text(m.area),
                        fmt::format("{} [{}, {}]", lead_text(m.lead), lead_text(m.lead_interval.low),
                                    lead_text(m.lead_interval.high)),
                        fmt::format("{}/{}", m.rose_in_vain, f->never)});
      print_rows(rows);
    }
}

void print_table(const Database& db) {
  fmt::print(
      "Losses are normalised: 1 is what the best constant has; tests are on fresh inputs. A row holds one question "
      "over "
      "a grid of\nsettings and seeds: all its runs, then the best point of the grid (highest fraction learned, "
      "then lowest "
      "mean loss), whose\ninterval allows for the choice. Intervals: 95 %, of the fraction learned. Verdicts: at "
      "the best "
      "point, within these steps.\n");
  const RunTable table(db);
  for (const Study& study : read_studies(db)) {
    std::vector<std::vector<std::string>> rows{{"", "learned, all runs", "best point", "learned there",
                                                "test loss, median (range)", "steps, most", "verdicts"}};
    std::string by_seed;
    for (const Question& q : questions_of(table, study)) {
      const FrontierPoint best = frontier(q.runs).front();
      rows.push_back(table_row(q, best));
      by_seed += fmt::format("  {}{}: {}\n", q.label.empty() ? "" : q.label + ", ", rows.back()[2],
                             fmt::join(q.by_seed.at(best.best), "; "));
    }
    if (rows.size() == 1) continue;
    fmt::print("\n{}\n", study.title);
    print_rows(rows);
    fmt::print("Test loss of each seed there, and the steps of its run:\n{}", by_seed);
    print_growth(db, study.name);
    print_foresight(db, study.name);
    if (const auto exchange = exchange_rows(needs_of(table, study)); !exchange.empty()) {
      fmt::print(
          "Samples to learn, of each seed the fewest (of fixed sets the smallest size tried); ratios of "
          "medians:\n");
      print_rows(exchange);
    }
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

int reproduce(const ReproduceFlags& flags, Common common) {
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
  options.ranks = rank_group();
  share_among(options.ranks, common);
  const int code = run_sweep(plan, options, common);
  if (code != kDone && code != kSweepFailed) return code;
  if (options.ranks != nullptr && !options.ranks->leads()) return code;
  if (const std::size_t left = SweepWatch(plan, options).look().left(); left > 0) {
    note("eqnn: {} runs are at work in another process; run this again when they are done\n", left);
    return kInterrupted;
  }

  if (const int collected = make_page(out, plan, options, common); collected != kDone) return collected;
  print_outcome(out, flags.name, SweepWatch(plan, options).look(), common);
  return code;
}

}  // namespace

void add_reproduce(CommandLine& line) {
  Subcommand sub = line.add("reproduce", "a bundled study, run end to end, and its page", "Train");
  auto flags = std::make_shared<ReproduceFlags>();
  std::string names;
  for (const BundledStudy& s : kStudies)
    names += concat(names.empty() ? "" : ", ", s.name, s.name == flags->name ? " (the default)" : "");
  sub.option("STUDY", flags->name, names);
  std::vector<std::string> known;
  for (const BundledStudy& s : kStudies) known.emplace_back(s.name);
  sub.knows(std::move(known));
  sub.example("eqnn reproduce # target and control side by side, in two minutes");
  sub.example("eqnn reproduce paper --dry-run # the commands that it would run");
  sub.option("-o,--out", flags->out, "folder of runs, database and page (default: runs/<study>); goes on with it");
  sub.option("--jobs", flags->jobs, "runs at a time, one thread each (default: --threads)");
  sub.toggle("--list", flags->list, "the studies, and stop");
  sub.toggle("--print", flags->print, "the study's sweep file, to change and run with eqnn sweep, and stop");
  sub.toggle("--dry-run", flags->dry_run, "one command a run, and stop");
  sub.toggle("--retry-failed", flags->retry_failed, "try failed runs again");
  sub.runs([flags](const Common& common) { return reproduce(*flags, common); });
}

}  // namespace tools
