// `eqnn sweep`: its flags, and what it prints of a plan.

#include <cstdlib>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "commands.h"
#include "sweep/sweep.h"

namespace tools {
namespace {

struct SweepFlags {
  std::string file, out, jobs, shard;
  bool list = false, dry_run = false, retry_failed = false, resume = false;
};

// --shard i/N, or an array job's number and size in the environment of Slurm.
void read_shard(const std::string& text, SweepOptions& options) {
  std::string index, count;
  if (const auto slash = text.find('/'); slash != std::string::npos) {
    index = text.substr(0, slash);
    count = text.substr(slash + 1);
  } else if (text.empty()) {
    const auto variable = [](const char* name, const char* fallback) {
      const char* value = std::getenv(name);
      return std::string(value != nullptr ? value : fallback);
    };
    const std::string id = variable("SLURM_ARRAY_TASK_ID", "");
    count = variable("SLURM_ARRAY_TASK_COUNT", "");
    if (id.empty() || count.empty()) return;
    const auto number = whole_number(id), first = whole_number(variable("SLURM_ARRAY_TASK_MIN", "0")),
               step = whole_number(variable("SLURM_ARRAY_TASK_STEP", "1"));
    require(number && first && step && *step >= 1 && (*number - *first) % *step == 0, "the Slurm array task is '",
            id, "', which is no place in a range with a step; give --shard i/N");
    index = std::to_string((*number - *first) / *step);
  }
  const auto i = whole_number(index), n = whole_number(count);
  require(i && n && *n >= 1 && *i >= 0 && *i < *n, "the shard is '", text.empty() ? index + "/" + count : text,
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
  return {{"runs", s.runs},       {"done", s.done},       {"failed", s.failed},
          {"running", s.running}, {"started", s.started}, {"left", s.left()}};
}

void print_plan(const SweepPlan& plan, const SweepOptions& options, const Common& common) {
  const SweepStatus status = sweep_status(plan, options);
  double steps = 0;
  for (std::size_t i = options.shard; i < plan.runs.size(); i += options.shards)
    steps += plan.runs[i].config ? static_cast<double>(plan.runs[i].config->steps) : 0;
  if (common.json) {
    Json j = status_json(status);
    j["name"] = plan.name;
    j["out"] = options.out;
    j["steps"] = steps;
    j["shard"] = options.shard;
    j["shards"] = options.shards;
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
}

void print_status(const SweepPlan& plan, const SweepOptions& options, const Common& common) {
  const SweepStatus s = sweep_status(plan, options);
  if (common.json) {
    fmt::print("{}\n", to_text(status_json(s)));
    return;
  }
  fmt::print(
      "runs      {}\ndone      {}\nfailed    {}\nrunning   {}\nstarted   {}   (and not at work now)\nnot begun "
      "{}\n",
      s.runs, s.done, s.failed, s.running, s.started, s.left() - s.running - s.started);
}

int sweep(const std::string& what, const SweepFlags& flags, const Common& common) {
  const SweepPlan plan = plan_sweep(eqnn::read_file(flags.file), flags.file);
  const SweepOptions options = read_options(flags, plan);
  if (flags.list) {
    print_list(plan, options);
    return kDone;
  }
  if (what == "status") {
    print_status(plan, options, common);
    return kDone;
  }
  if (what == "plan" || flags.dry_run) {
    print_plan(plan, options, common);
    return kDone;
  }
  const int code = run_sweep(plan, options, common);
  if (common.json) print_status(plan, options, common);
  return code;
}

}  // namespace

void add_sweep(CommandLine& line) {
  Subcommand group = line.add("sweep", "a grid of runs, from a TOML file; resumes by itself");
  const std::vector<std::pair<std::string, std::string>> subs = {{"run", "do what is left of it"},
                                                                 {"status", "how much of it is done"},
                                                                 {"plan", "what it is, and how much is left"}};
  for (const auto& [name, help] : subs) {
    Subcommand sub = group.add(name, help);
    auto flags = std::make_shared<SweepFlags>();
    sub.required("FILE", flags->file, "TOML: name, seeds, [run], [grid]; or several [[sweeps]]");
    sub.option("-o,--out", flags->out, "folder of the runs (default: runs/<name>)");
    sub.option("--jobs", flags->jobs, "runs at a time, one thread each (default: --threads)");
    sub.option("--shard", flags->shard, "i/N: every N-th run from the i-th on (default: the Slurm array task)");
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
