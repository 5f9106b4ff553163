// `eqnn sweep`: a grid of runs.

#include "sweep/sweep.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "commands.h"
#include "runs/folds.h"
#include "cli/progress.h"
#include "results/documents.h"
#include "results/run_directory.h"
#include "sweep/run_pool.h"
#include "train/job.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

// Between this process and the children of it: the run is another process's business.
constexpr int kBusy = 99;
// A run that is killed loses at most about this much work.
constexpr double kCheckpointSeconds = 20;

std::string directory_of(const PlannedRun& run, const SweepOptions& options) {
  return options.out + "/" + run.run_id;
}

bool has(const std::string& directory, const char* file) {
  std::error_code ignored;
  return fs::exists(directory + "/" + file, ignored);
}

// The file that means: done.
const char* final_file(const PlannedRun& run) {
  const DocumentKind* document = find_document(&DocumentKind::command, run.command);
  return document != nullptr ? document->file : "result.json";
}

// Whether another process holds the run directory.
bool busy(const std::string& directory) {
  RunDirectory run(directory);
  try {
    if (run.exists()) run.lock();
  } catch (const BusyError&) {
    return true;
  }
  return false;
}

int train_one(const PlannedRun& run, const SweepOptions& options) {
  Common common;
  common.quiet = true;
  common.threads = 1;
  common.progress = "none";
  RunOptions o;
  o.out = directory_of(run, options);
  o.named = o.resume = o.silent = true;
  o.checkpoint_seconds = kCheckpointSeconds;
  const Examples examples = make_examples(*run.config);
  // Somebody may have looked at the folder just now (sweep status): a lock for an instant.
  if (busy(o.out)) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  try {
    return run.config->folds > 0 && run.config->fold < 0 ? run_folds(*run.config, examples, o, common)
                                                         : run_training(*run.config, examples, o, common);
  } catch (const BusyError&) {
    return kBusy;
  }
}

// One byte of OUT/.lock a run, for programs that do not hold their folders as training does: the lock goes on with
// the program that takes the place of this process, and ends with it. Where files cannot be locked there is none.
bool lock_run(const PlannedRun& run, const SweepOptions& options) {
  const int file = open((options.out + "/.lock").c_str(), O_RDWR | O_CREAT, 0666);
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(std::stoull(run.run_id, nullptr, 16) >> 2);
  range.l_len = 1;
  return file < 0 || fcntl(file, F_OFD_SETLK, &range) == 0 || (errno != EAGAIN && errno != EACCES);
}

// Another subcommand, as a program of its own.
int execute(const PlannedRun& run, const SweepOptions& options) {
  if (!lock_run(run, options)) return kBusy;
  if (has(directory_of(run, options), final_file(run))) return kDone;  // of another sweep, meanwhile
  std::vector<std::string> words = {"eqnn"};
  for (const std::string& word : run_arguments(run, options.out)) words.push_back(word);
  for (const char* word : {"--threads", "1", "--quiet", "--force"}) words.emplace_back(word);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv("/proc/self/exe", pointers.data());
  throw eqnn::FileError("the program cannot start itself");
}

// The runs of this shard that are left to do, with what stands in the folder.
class SweepRun {
 public:
  SweepRun(const SweepPlan& plan, const SweepOptions& options, const Common& common)
      : plan_(plan), options_(options), common_(common) {
    for (std::size_t i = options_.shard; i < plan_.runs.size(); i += options_.shards) {
      const std::string directory = directory_of(plan_.runs[i], options_);
      if (has(directory, final_file(plan_.runs[i]))) {
        ++done_;
      } else if (has(directory, "failure.json") && !options_.retry_failed) {
        ++failed_;
      } else {
        left_.push_back(i);
      }
      ++total_;
    }
  }

  int run() {
    if (!common_.quiet && !left_.empty())
      fmt::print(stderr, "eqnn: {} of {} runs to do in {}, {} at a time\n", left_.size(), total_, options_.out,
                 jobs());
    Progress progress(common_, static_cast<Index>(done_ + failed_), static_cast<Index>(total_), "run");
    const auto draw = [&] { progress.update(static_cast<Index>(done_ + failed_), note()); };
    const int number =
        run_pool({.count = left_.size(),
                  .work = [&](std::size_t i) { return work(plan_.runs[left_[i]]); },
                  .ended = [&](std::size_t i, const Ended& e) { ended(plan_.runs[left_[i]], e, progress); },
                  .waiting = draw},
                 jobs());
    progress.clear();
    say_end(number);
    if (number != 0 || interrupted_ > 0) return number == SIGINT ? kSigint : kInterrupted;
    return failed_ > 0 ? kSweepFailed : kDone;
  }

 private:
  int jobs() const { return options_.jobs > 0 ? options_.jobs : common_.thread_count(); }
  std::string note() const { return failed_ > 0 ? fmt::format("{} failed", failed_) : ""; }

  int work(const PlannedRun& run) const {
    const std::string directory = directory_of(run, options_);
    std::error_code ignored;
    fs::remove(directory + "/failure.json", ignored);
    return run.config ? train_one(run, options_) : execute(run, options_);
  }

  void ended(const PlannedRun& run, const Ended& e, Progress& progress) {
    const bool told = e.signal == SIGTERM || e.signal == SIGINT || e.signal == SIGUSR1;  // and it had no checkpoint
    if (e.signal == 0 && e.code == kDone && has(directory_of(run, options_), final_file(run))) {
      ++done_;
    } else if (e.signal == 0 && e.code == kBusy) {
      ++busy_;
    } else if (told || (e.signal == 0 && (e.code == kInterrupted || e.code == kSigint))) {
      ++interrupted_;
    } else {
      ++failed_;
      progress.clear();
      record_failure(run, e);
    }
  }

  void record_failure(const PlannedRun& run, const Ended& e) const {
    const std::string directory = directory_of(run, options_),
                      error = e.signal != 0     ? fmt::format("ended by signal {} ({}){}{}", e.signal,
                                                              strsignal(e.signal), e.error.empty() ? "" : ": ", e.error)
                              : e.code == kDone ? concat("ended without ", final_file(run))
                                                : e.error;
    fmt::print(stderr, "eqnn: run {} failed: {}\n", run.run_id, error);
    try {
      fs::create_directories(directory);
      eqnn::write_atomically(directory + "/failure.json",
                             to_text(Json{{"exit_code", e.code}, {"signal", e.signal}, {"error", error}}, 2) + "\n");
    } catch (const std::exception& why) {
      fmt::print(stderr, "eqnn: that cannot be recorded, and it will be tried again: {}\n", why.what());
    }
  }

  void say_end(int number) const {
    if (common_.quiet) return;
    fmt::print(stderr, "eqnn: {} of {} runs done in {}", done_, total_, options_.out);
    if (failed_ > 0) fmt::print(stderr, ", {} failed (failure.json says why; --retry-failed tries again)", failed_);
    if (busy_ > 0) fmt::print(stderr, ", {} at work in another process", busy_);
    if (number != 0 || interrupted_ > 0) fmt::print(stderr, "; interrupted: the same command goes on");
    fmt::print(stderr, "\n");
  }

  const SweepPlan& plan_;
  const SweepOptions& options_;
  const Common& common_;
  std::vector<std::size_t> left_;
  std::size_t total_ = 0, done_ = 0, failed_ = 0, busy_ = 0, interrupted_ = 0;
};

// The record beside the runs; the same plan writes the same bytes, so shards do not disturb each other.
void write_record(const SweepPlan& plan, const SweepOptions& options) {
  std::error_code error;
  fs::create_directories(options.out, error);
  require<eqnn::FileError>(!error && fs::is_directory(options.out), options.out,
                           ": the folder cannot be made: ", error ? error.message() : "a file is in the way",
                           "; choose another --out");
  const std::string path = concat(options.out, "/", plan.name, ".sweep.json"), text = plan.record(options.command);
  if (!fs::exists(path) || eqnn::read_file(path) != text) eqnn::write_atomically(path, text);
}

}  // namespace

SweepStatus sweep_status(const SweepPlan& plan, const SweepOptions& options) {
  SweepStatus s;
  for (std::size_t i = options.shard; i < plan.runs.size(); i += options.shards) {
    const std::string directory = directory_of(plan.runs[i], options);
    ++s.runs;
    if (has(directory, final_file(plan.runs[i]))) {
      ++s.done;
    } else if (busy(directory)) {
      ++s.running;
    } else if (has(directory, "failure.json")) {
      ++s.failed;
    } else if (has(directory, "run.json")) {
      ++s.started;
    }
  }
  return s;
}

int run_sweep(const SweepPlan& plan, const SweepOptions& options, const Common& common) {
  write_record(plan, options);
  return SweepRun(plan, options, common).run();
}

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
  for (const auto& [key, list] : s.grid)
    text += fmt::format("{}{} {}", text.empty() ? "" : " x ", list.size(), key);
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
    sub.option("--shard", flags->shard,
                    "i/N: every N-th run from the i-th on (default: the Slurm array task)");
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
