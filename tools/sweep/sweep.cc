#include "sweep/sweep.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "cli/process.h"
#include "cli/progress.h"
#include "results/documents.h"
#include "results/run_directory.h"
#include "runs/cross_validation.h"
#include "runs/training_run.h"
#include "sweep/run_pool.h"
#include "train/resolve.h"

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

bool has(const std::string& directory, const char* file) { return is_there(directory + "/" + file); }

// The file that means: done.
const char* final_file(const PlannedRun& run) {
  const DocumentKind* document = find_document(&DocumentKind::command, run.command);
  return document != nullptr ? document->file : "result.json";
}

// Waits while `busy` says so, at most two seconds: a killed sweep's children may still be on their way out.
template <class Busy>
bool stays(const Busy& busy) {
  for (int tries = 0; tries < 40; ++tries) {
    if (!busy()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return busy();
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
  if (stays([&] { return RunDirectory(o.out).busy(); })) return kBusy;
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
  return !stays(
      [&] { return file >= 0 && fcntl(file, F_OFD_SETLK, &range) != 0 && (errno == EAGAIN || errno == EACCES); });
}

// Another subcommand, as a program of its own.
int execute(const PlannedRun& run, const SweepOptions& options) {
  if (!lock_run(run, options)) return kBusy;
  if (has(directory_of(run, options), final_file(run))) return kDone;  // of another sweep, meanwhile
  std::vector<std::string> words = {"eqnn"};
  for (const std::string& word : run_arguments(run, options.out)) words.push_back(word);
  for (const char* word : {"--threads", "1", "--quiet", "--force"}) words.emplace_back(word);
  become("/proc/self/exe", words);
}

// The runs of this shard that are left to do, with what stands in the folder.
class SweepRun {
 public:
  SweepRun(const SweepPlan& plan, const SweepOptions& options, const Common& common)
      : plan_(plan), options_(options), common_(common) {
    for (std::size_t i = options_.shard; i < plan_.runs.size(); i += options_.shards) {
      const std::string directory = directory_of(plan_.runs[i], options_);
      if (has(directory, final_file(plan_.runs[i]))) {
        forget_failure(directory);
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
      note("eqnn: {} of {} runs to do in {}, {} at a time\n", left_.size(), total_, one_line(options_.out), jobs());
    Progress progress(common_, static_cast<Index>(done_ + failed_), static_cast<Index>(total_), "run");
    const auto draw = [&] { progress.update(static_cast<Index>(done_ + failed_), failed_text()); };
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
  // A run with its final file is done, whatever an older failure beside it says: one that cannot be removed may
  // stay.
  static void forget_failure(const std::string& directory) {
    std::error_code ignored;
    fs::remove(directory + "/failure.json", ignored);
  }

  int jobs() const { return options_.jobs > 0 ? options_.jobs : common_.thread_count(); }
  std::string failed_text() const { return failed_ > 0 ? fmt::format("{} failed", failed_) : ""; }

  int work(const PlannedRun& run) const {
    remove_file(directory_of(run, options_) + "/failure.json");
    return run.config ? train_one(run, options_) : execute(run, options_);
  }

  void ended(const PlannedRun& run, const Ended& e, Progress& progress) {
    const bool told = e.signal == SIGTERM || e.signal == SIGINT || e.signal == SIGUSR1;  // and it had no checkpoint
    bool done = false;
    try {
      done = has(directory_of(run, options_), final_file(run));
    } catch (const eqnn::FileError& why) {  // of one run: the others go on
      ++failed_;
      progress.clear();
      return record_failure(run, {.code = kFile, .error = why.what()});
    }
    if (done) {  // whatever happened after it was written
      forget_failure(directory_of(run, options_));
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
    note("eqnn: run {} failed: {}\n", run.run_id, one_line(error));
    try {
      fs::create_directories(directory);
      eqnn::write_atomically(
          directory + "/failure.json",
          to_text(Json{{"exit_code", e.code}, {"signal", e.signal}, {"error", error}}, 2) + "\n");
    } catch (const std::exception& why) {
      note("eqnn: that cannot be recorded, and it will be tried again: {}\n", one_line(why.what()));
    }
  }

  void say_end(int number) const {
    if (common_.quiet) return;
    note("eqnn: {} of {} runs done in {}", done_, total_, one_line(options_.out));
    if (failed_ > 0) note(", {} failed (failure.json says why; --retry-failed tries again)", failed_);
    if (busy_ > 0) note(", {} at work in another process", busy_);
    if (number != 0 || interrupted_ > 0) note("; interrupted: the same command goes on");
    note("\n");
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
  if (!is_there(path) || eqnn::read_file(path) != text) eqnn::write_atomically(path, text);
}

}  // namespace

SweepStatus sweep_status(const SweepPlan& plan, const SweepOptions& options) {
  SweepStatus s;
  for (std::size_t i = options.shard; i < plan.runs.size(); i += options.shards) {
    const std::string directory = directory_of(plan.runs[i], options);
    ++s.runs;
    if (has(directory, final_file(plan.runs[i]))) {
      ++s.done;
    } else if (RunDirectory(directory).busy()) {
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

}  // namespace tools
