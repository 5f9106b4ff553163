// `eqnn sweep`: its flags, and what it prints of a plan.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/paths.h"
#include "cli/progress.h"
#include "commands.h"
#include "report/table.h"
#include "results/collect.h"
#include "sweep/place.h"
#include "sweep/status.h"
#include "sweep/sweep.h"

namespace tools {
namespace {

struct SweepFlags {
  std::string file, out, jobs, shard, every = "2";
  std::vector<std::string> files;  // of status: files or folders
  bool list = false, dry_run = false, retry_failed = false, resume = false, watch = false;
};

std::string variable(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : fallback;
}

// The place of this task in the Slurm array that it is of. A task of an array with gaps (1,3,4) cannot know the
// others: they choose from all runs, by locks.
void read_array_task(SweepOptions& options) {
  const std::string id = variable("SLURM_ARRAY_TASK_ID", ""), tasks = variable("SLURM_ARRAY_TASK_COUNT", "");
  if (id.empty() || tasks.empty()) return;
  const auto number = whole_number(id), count = whole_number(tasks),
             first = whole_number(variable("SLURM_ARRAY_TASK_MIN", "0")),
             step = whole_number(variable("SLURM_ARRAY_TASK_STEP", "1"));
  require(number && count && first && step && *step >= 1 && *count >= 1, "the Slurm array task is '", id, "' of ",
          tasks, ", which is no place in an array; give --shard i/N");
  const std::int64_t even = *first + (*count - 1) * *step;  // the last task of an array without gaps
  const std::int64_t last = whole_number(variable("SLURM_ARRAY_TASK_MAX", "")).value_or(even);
  if (last != even) {
    options.claim = *number;
    return;
  }
  require(*number >= *first && *number <= last && (*number - *first) % *step == 0, "the Slurm array task is '", id,
          "', which is no place in a range with a step; give --shard i/N");
  options.shard = static_cast<std::size_t>((*number - *first) / *step);
  options.shards = static_cast<std::size_t>(*count);
}

// --shard i/N, or what Slurm says.
void read_shard(const std::string& text, SweepOptions& options) {
  if (text.empty()) {
    read_array_task(options);
    // Tasks of one srun that are no ranks of MPI.
    const auto tasks = whole_number(variable("SLURM_STEP_NUM_TASKS", "1"));
    if (started_ranks() == 1 && tasks && *tasks > 1)
      options.claim = whole_number(variable("SLURM_PROCID", "0")).value_or(0);
    return;
  }
  const auto slash = text.find('/');
  const auto i = whole_number(text.substr(0, slash)),
             n = slash == std::string::npos ? std::nullopt : whole_number(text.substr(slash + 1));
  require(i && n && *n >= 1 && *i >= 0 && *i < *n, "the shard is '", text,
          "'; i/N is needed, i from 0 to N-1, such as --shard 0/4");
  options.shard = static_cast<std::size_t>(*i);
  options.shards = static_cast<std::size_t>(*n);
}

SweepOptions read_options(const SweepFlags& flags, const SweepPlan& plan) {
  SweepOptions options;
  options.out = flags.out.empty() ? concat("runs/", plan.name) : flags.out;
  while (options.out.size() > 1 && options.out.back() == '/') options.out.pop_back();
  options.command = "eqnn " + shell_text({"sweep", "run", flags.file, "--out", options.out});
  if (!flags.jobs.empty()) options.jobs = static_cast<int>(parse_integer("jobs", flags.jobs, 1, 4096));
  options.retry_failed = flags.retry_failed;
  read_shard(flags.shard, options);
  return options;
}

void print_list(const SweepPlan& plan, const SweepOptions& options) {
  for (std::size_t i = options.shard; i < plan.runs.size(); i += options.shards)
    fmt::print("{}\n", run_command(plan.runs[i], options.out));
}

std::string grid_text(const Sweep& s) {
  std::string text;
  for (const GridAxis& axis : s.grid)
    text += fmt::format("{}{} {}", text.empty() ? "" : " x ", axis.values.size(), axis.name);
  return fmt::format("{}{}{} seed{}", text, text.empty() ? "" : " x ", s.seeds.size(),
                     s.seeds.size() == 1 ? "" : "s");
}

Json status_json(const SweepStatus& s) {
  return {{"runs", s.runs},
          {"done", s.done},
          {"failed", s.failed},
          {"running", s.running},
          {"started", s.started},
          {"left", s.left()},
          {"work_done", number_json(s.work_done)},
          {"seconds_left", number_json(s.seconds_left)}};
}

std::string left_text(const SweepStatus& s) {
  if (s.left() == 0) return "nothing left";
  if (s.running == 0) return "nobody is at work";
  return std::isfinite(s.seconds_left) ? duration_text(s.seconds_left) + " left" : "time left not known yet";
}

// How long what is left will take here at most, if each run takes all its steps.
struct PlannedTime {
  double seconds = 0;
  std::size_t unknown = 0;  // runs of which nothing is known
};

PlannedTime planned_time(const SweepPlan& plan, const SweepOptions& options, int places) {
  constexpr double kTrialSeconds = 3;
  std::vector<std::size_t> left;
  for (std::size_t i = options.shard; i < plan.runs.size(); i += options.shards)
    if (!is_done(plan.runs[i], options.out)) left.push_back(i);
  if (left.empty()) return {};  // nothing is built and tried for what is done
  SweepWork work(plan);
  PlannedTime time{.unknown = work.measure(left, kTrialSeconds)};
  std::vector<double> seconds;
  for (const std::size_t i : left) seconds.push_back(work.seconds(i));
  time.seconds = work.knows() ? seconds_until_done({}, seconds, static_cast<std::size_t>(places)) : std::nan("");
  return time;
}

std::string time_text(const PlannedTime& time, int places) {
  if (std::isnan(time.seconds)) return "time     not known: none of the runs that are left can be tried";
  std::string text = fmt::format("time     about {}, {} at a time, if each run takes all its steps",
                                 duration_text(time.seconds), places);
  if (time.unknown > 0) text += fmt::format("; {} that cannot be tried are taken for average ones", time.unknown);
  return text;
}

void print_plan(const SweepPlan& plan, const SweepOptions& options, const Common& common) {
  const SweepStatus status = SweepWatch(plan, options).look();
  const int places = options.jobs > 0 ? options.jobs : common.thread_count();
  const PlannedTime time = planned_time(plan, options, places);
  double steps = 0;
  for (std::size_t i = options.shard; i < plan.runs.size(); i += options.shards)
    steps += plan.runs[i].config ? static_cast<double>(plan.runs[i].config->steps) : 0;
  if (common.json) {
    Json j = status_json(status);
    j["name"] = plan.name;
    j["out"] = options.out;
    j["steps"] = steps;
    j["seconds_at_most"] = number_json(time.seconds);
    j["runs_not_tried"] = time.unknown;
    j["shard"] = options.shard;
    j["shards"] = options.shards;
    j["chosen_by_locks"] = options.claim >= 0;
    j["sweeps"] = Json::array();
    for (const Sweep& s : plan.sweeps)
      j["sweeps"].push_back(
          {{"name", s.name.empty() ? plan.name : s.name}, {"grid", grid_text(s)}, {"runs", s.runs.size()}});
    fmt::print("{}\n", to_text(j));
    return;
  }
  for (const Sweep& s : plan.sweeps)
    fmt::print("{:<24} {:>7} runs   {}\n", s.name.empty() ? plan.name : s.name, s.runs.size(), grid_text(s));
  fmt::print("{:<24} {:>7} runs, {:.4g} steps: {} done, {} failed, {} left\n",
             options.shards > 1 ? fmt::format("shard {} of {}", options.shard, options.shards) : "all", status.runs,
             steps, status.done, status.failed, status.left());
  if (status.left() > 0) fmt::print("{}\n", time_text(time, places));
}

void print_status(const SweepStatus& s, const Common& common) {
  if (common.json) {
    fmt::print("{}\n", to_text(status_json(s)));
    return;
  }
  fmt::print(
      "runs      {}\ndone      {}\nfailed    {}\nrunning   {}\nstarted   {}   (and not at work now)\nnot begun "
      "{}\ntime      {}\n",
      s.runs, s.done, s.failed, s.running, s.started, s.left() - s.running - s.started, left_text(s));
}

// A sweep that is looked at: a file with --out, or a folder of runs.
struct Watched {
  SweepPlan plan;
  SweepOptions options;
  std::unique_ptr<SweepWatch> watch;
};

std::vector<std::unique_ptr<Watched>> watched(const SweepFlags& flags) {
  std::vector<std::unique_ptr<Watched>> all;
  for (const std::string& path : flags.files) {
    auto w = std::make_unique<Watched>();
    const bool folder = is_folder(path);
    require(!folder || flags.out.empty(), path,
            " is a folder of runs, and --out names another; leave one of them out");
    w->plan = folder ? recorded_plan(path) : plan_sweep(eqnn::read_file(path), path);
    require(flags.files.size() == 1 || folder, path,
            " is a sweep's file; several sweeps are watched by their folders");
    SweepFlags one = flags;
    one.file = path;
    if (folder) one.out = path;
    w->options = read_options(one, w->plan);
    w->watch = std::make_unique<SweepWatch>(w->plan, w->options);
    all.push_back(std::move(w));
  }
  return all;
}

// One line a sweep; true: none has anything left to do.
bool print_lines(std::vector<std::unique_ptr<Watched>>& all, const Common& common) {
  bool over = true;
  for (auto& w : all) {
    const SweepStatus s = w->watch->look();
    over = over && s.left() == 0;
    if (common.json) {
      Json j = status_json(s);
      j["out"] = w->options.out;
      fmt::print("{}\n", to_text(j));
    } else {
      fmt::print("{}: {} of {} done, {} running, {} failed; {}\n", w->options.out, s.done, s.runs, s.running,
                 s.failed, left_text(s));
    }
  }
  std::fflush(stdout);
  return over;
}

int status(const SweepFlags& flags, const Common& common) {
  auto all = watched(flags);
  if (!flags.watch) {
    if (all.size() > 1)
      print_lines(all, common);
    else
      print_status(all.front()->watch->look(), common);
    return kDone;
  }
  const double every = parse_number("every", flags.every);
  require(every >= 0.1 && every <= 86400, "--every is ", flags.every, "; allowed are 0.1 to 86400 seconds");
  const bool terminal = isatty(STDOUT_FILENO) == 1 && !common.json;
  while (!print_lines(all, common)) {
    std::this_thread::sleep_for(std::chrono::duration<double>(every));
    if (terminal) fmt::print("\033[{}A\033[J", all.size());  // over the lines that stand there
  }
  return kDone;
}

// What the runs amount to, once all of them are there.
void print_end(const SweepPlan& plan, const SweepOptions& options, const Common& common) {
  if (std::ranges::none_of(plan.runs, [](const auto& r) { return r.command == "train" || r.command == "learn"; })) {
    fmt::print("bounds and variances are in no table; eqnn collect {} --db results.db, and eqnn plot draws them\n",
               shell_word(options.out));
    return;
  }
  SweepOptions all = options;
  all.shard = 0;
  all.shards = 1;
  if (const std::size_t left = SweepWatch(plan, all).look().left(); left > 0)
    fmt::print("{} runs are left to others; eqnn table {} shows what is there\n", left, shell_word(options.out));
  else
    print_tables(collected({options.out}, common), {.study = plan.name});
}

int sweep(const std::string& what, const SweepFlags& flags, Common common) {
  RankGroup* const ranks = what == "run" && !flags.list && !flags.dry_run ? rank_group() : nullptr;
  SweepPlan plan;
  SweepOptions options;
  leader_first(ranks, [&] {
    plan = plan_sweep(eqnn::read_file(flags.file), flags.file);
    options = read_options(flags, plan);
  });
  options.ranks = ranks;
  share_among(ranks, common);
  if (flags.list) {
    print_list(plan, options);
    return kDone;
  }
  if (what == "plan" || flags.dry_run) {
    print_plan(plan, options, common);
    return kDone;
  }
  const int code = run_sweep(plan, options, common);
  if (common.json)
    print_status(SweepWatch(plan, options).look(), common);
  else if ((code == kDone || code == kSweepFailed) && !common.quiet && (ranks == nullptr || ranks->leads()))
    print_end(plan, options, common);
  return code;
}

// Eight runs of seconds: two sizes, two rates, two seeds.
constexpr const char* kSmallGrid =
    "name = \"grid\"\n"
    "seeds = [0, 1]\n"
    "[run]              # flags of every run\n"
    "family = \"gnn-degree-parity\"\n"
    "steps = 500\n"
    "[grid]             # a run for each choice of values\n"
    "n = [4, 6]\n"
    "lr = [1e-3, 4e-3]\n";

}  // namespace

void add_sweep(CommandLine& line) {
  Subcommand group = line.add("sweep", "a grid of runs, from a TOML file; resumes by itself", "Train");
  group.block("Such a file, grid.toml", kSmallGrid);
  group.example("eqnn sweep run grid.toml --out runs/grid # one run a thread; goes on where it was stopped");
  group.example("eqnn table runs/grid # what its runs amount to");
  const std::vector<std::pair<std::string, std::string>> subs = {{"run", "do what is left of it"},
                                                                 {"status", "how much of it is done"},
                                                                 {"plan", "what it is, and how much is left"}};
  for (const auto& [name, help] : subs) {
    Subcommand sub = group.add(name, help);
    sub.example(concat("eqnn sweep ", name, " grid.toml --out runs/grid"));
    auto flags = std::make_shared<SweepFlags>();
    const std::string toml = "TOML: name, seeds, [run], [grid]; or several [[sweeps]]";
    if (name == "status")
      sub.required_list("FILE", flags->files, toml + "; or folders of runs");
    else
      sub.required("FILE", flags->file, toml);
    sub.takes("FILE", {".toml", "/"});
    sub.option("-o,--out", flags->out, "folder of the runs (default: runs/<name>)");
    sub.takes("DIR", {"/"});
    sub.option("--jobs", flags->jobs, "runs at a time, one thread each (default: --threads)");
    if (name != "status") {
      sub.uses("--threads", "so many runs at a time, one thread each, where --jobs is not given");
      sub.block("Such a file, grid.toml", kSmallGrid);
    }
    if (name == "run") {
      sub.uses("--progress");
      sub.file("DIR/ID", "the directory of a run, as eqnn train has it; a run that is whole is not done again");
    }
    sub.option("--shard", flags->shard, "i/N: every N-th run from the i-th on (default: the Slurm array task)");
    sub.takes("I/N");
    if (name == "status") {
      sub.toggle("--watch", flags->watch, "look again and again, until nothing is left to do");
      sub.option("--every", flags->every, "seconds between two looks of --watch (default: 2)");
      sub.runs([flags](const Common& common) { return status(*flags, common); });
      continue;
    }
    sub.toggle("--list", flags->list, "print one command a run, and stop");
    if (name == "run") {
      sub.toggle("--dry-run", flags->dry_run, "print the plan, and stop");
      sub.toggle("--retry-failed", flags->retry_failed, "try failed runs again");
      sub.toggle("--resume", flags->resume, "changes nothing: a sweep always resumes");
    }
    sub.runs([name = name, flags](const Common& common) { return sweep(name, *flags, common); });
  }
}

}  // namespace tools
