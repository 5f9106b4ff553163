// `eqnn reproduce`: a bundled study, from its runs to its page.

#include <filesystem>

#include <fmt/core.h>

#include <eqnn/core/spelling.h>
#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "commands.h"
#include "figures/figures.h"
#include "report/report.h"
#include "report/table.h"
#include "results/collect.h"
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
  throw ValueError(concat("'", name, "' is not a study", eqnn::spelling_hint(name, names),
                          "; eqnn reproduce --list says what each is"));
}

void print_list() {
  for (const BundledStudy& s : kStudies) {
    const SweepPlan plan = plan_sweep(std::string(s.text), std::string(s.name));
    fmt::print("{:<12} {:>5} runs  {}\n", s.name, plan.runs.size(), plan.title);
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
    print_tables(Database::open(database), {});
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
  sub.takes("DIR", {"/"});
  sub.option("--jobs", flags->jobs, "runs at a time, one thread each (default: --threads)");
  sub.toggle("--list", flags->list, "the studies, and stop");
  sub.toggle("--print", flags->print, "the study's sweep file, to change and run with eqnn sweep, and stop");
  sub.toggle("--dry-run", flags->dry_run, "one command a run, and stop");
  sub.toggle("--retry-failed", flags->retry_failed, "try failed runs again");
  sub.uses("--threads", "as many runs at a time, one thread each, where --jobs is not given");
  sub.uses("--progress");
  sub.file("runs/STUDY/runs", "its runs");
  sub.file("runs/STUDY/results.db, results.csv", "all of them as a database and a table");
  sub.file("runs/STUDY/report.html", "the page");
  sub.runs([flags](const Common& common) { return reproduce(*flags, common); });
}

}  // namespace tools
