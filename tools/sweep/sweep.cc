#include "sweep/sweep.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "cli/process.h"
#include "cli/progress.h"
#include "results/run_directory.h"
#include "runs/cross_validation.h"
#include "runs/training_run.h"
#include "sweep/place.h"
#include "sweep/run_pool.h"
#include "sweep/work.h"
#include "train/resolve.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

// Between this process and the children of it: the run is another process's business.
constexpr int kBusy = 99;
// A run that is killed loses at most about this much work.
constexpr double kCheckpointSeconds = 20;

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
  o.out = directory_of(run, options.out);
  o.named = o.resume = o.silent = true;
  if (!RunDirectory(o.out).exists()) o.labels = parse_labels(run.flags);  // else it has its own
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

// Another subcommand, as a program of its own.
int execute(const PlannedRun& run, const SweepOptions& options) {
  leave_ranks();
  std::vector<std::string> words = {"eqnn"};
  for (const std::string& word : run_arguments(run, options.out)) words.push_back(word);
  for (const char* word : {"--threads", "1", "--quiet", "--force"}) words.emplace_back(word);
  become("/proc/self/exe", words);
}

// What the processes of a sweep count together: this one alone, or all ranks.
class Tally {
 public:
  enum Number { taken, done, failed, busy, interrupted, numbers };

  explicit Tally(RankGroup* ranks) : ranks_(ranks) {
    if (ranks_ != nullptr) ranks_->open_counters(numbers);
  }
  // What it was before.
  Index add(Number n, Index amount = 1) {
    return ranks_ != nullptr ? ranks_->add(n, amount) : std::exchange(own_[n], own_[n] + amount);
  }
  Index operator[](Number n) { return add(n, 0); }

 private:
  RankGroup* ranks_;
  std::array<Index, numbers> own_{};
};

// The runs of this shard that are left to do, with what stands in the folder.
class SweepRun {
 public:
  SweepRun(const SweepPlan& plan, const SweepOptions& options, const Common& common)
      : plan_(plan), options_(options), common_(common), tally_(options.ranks) {
    if (leads()) list();
    if (!left_.empty()) begin_estimate();
    if (options_.ranks == nullptr) return;
    // The longest first: what is taken last should be over soon.
    std::stable_sort(left_.begin(), left_.end(),
                     [&](Index a, Index b) { return work_->operations(a) > work_->operations(b); });
    left_ = options_.ranks->of_first(std::move(left_));
  }

  int run() {
    const Index total = before_ + left();
    if (leads() && !common_.quiet && !left_.empty())
      note("eqnn: {} of {} runs to do in {}, {} at a time\n", left(), total, one_line(options_.out), places());
    Progress progress(common_, before_, total, "run");
    double estimated = 0, seconds = 0;
    const auto draw = [&] {
      if (now() > estimated + 0.5)
        seconds = seconds_left(), estimated = now();  // of thousands of runs it takes a while
      progress.update(std::min(tally_[Tally::done] + tally_[Tally::failed], total), failed_text(), seconds);
    };
    const int number = run_pool({.next = [&] { return next(); },
                                 .work = [&](std::size_t i) { return work(plan_.runs[left_[i]]); },
                                 .ended = [&](std::size_t i, const Ended& e) { ended(i, e, progress); },
                                 .waiting = draw},
                                jobs());
    progress.clear();
    if (options_.ranks != nullptr) options_.ranks->meet();
    const bool told = number != 0 || tally_[Tally::interrupted] > 0;
    if (leads()) say_end(total, told);
    if (told) return number == SIGINT ? kSigint : kInterrupted;
    return tally_[Tally::failed] > 0 ? kSweepFailed : kDone;
  }

 private:
  bool leads() const { return options_.ranks == nullptr || options_.ranks->leads(); }
  Index left() const { return static_cast<Index>(left_.size()); }
  int jobs() const { return options_.jobs > 0 ? options_.jobs : common_.thread_count(); }
  int places() const { return jobs() * (options_.ranks != nullptr ? options_.ranks->size() : 1); }

  void list() {
    for (std::size_t i = options_.shard; i < plan_.runs.size(); i += options_.shards) {
      const PlannedRun& run = plan_.runs[i];
      const std::string directory = directory_of(run, options_.out);
      if (is_done(run, options_.out)) {
        forget_failure(directory);
        tally_.add(Tally::done);
        done_.push_back(i);
      } else if (has(directory, "failure.json") && !options_.retry_failed) {
        tally_.add(Tally::failed);
      } else {
        left_.push_back(static_cast<Index>(i));
      }
    }
    before_ = tally_[Tally::done] + tally_[Tally::failed];
    // A seed of every point before the next: what there is at any time is whole, and foretells how long the rest
    // takes.
    std::stable_sort(left_.begin(), left_.end(),
                     [&](Index a, Index b) { return plan_.runs[a].round < plan_.runs[b].round; });
    if (left_.empty() || options_.claim < 0) return;
    constexpr Index kFar = 7919;  // from where the others begin
    std::rotate(left_.begin(), left_.begin() + options_.claim % left() * kFar % left(), left_.end());
  }

  // By the runs that are done.
  void begin_estimate() {
    work_.emplace(plan_);
    if (common_.quiet) return;
    for (const std::size_t i : done_)
      if (const double seconds = seconds_taken(plan_.runs[i], options_.out); !std::isnan(seconds))
        work_->took(i, seconds);
  }

  // The next run for this process. Where others choose from the same runs, one that they have, or have done, is
  // theirs.
  std::optional<std::size_t> next() {
    for (;;) {
      const Index i = tally_.add(Tally::taken);
      if (i >= left()) return std::nullopt;
      const PlannedRun& run = plan_.runs[left_[i]];
      if (options_.claim >= 0 && is_done(run, options_.out))
        tally_.add(Tally::done);
      else if (options_.claim >= 0 && is_at_work(run, options_.out))
        tally_.add(Tally::busy);
      else
        return began_[i] = now(), static_cast<std::size_t>(i);
    }
  }

  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  // By the work that is left; of the runs that others have begun half is.
  double seconds_left() {
    if (!work_ || !work_->knows()) return std::nan("");
    const Index taken = std::min(tally_[Tally::taken], left());
    const auto working = static_cast<Index>(began_.size());
    std::vector<double> at_work, waiting;
    for (const auto& [i, begun] : began_)
      at_work.push_back(std::max(0.0, work_->seconds(left_[i]) - (now() - begun)));
    for (Index i = std::max<Index>(0, taken - (places() - working)); options_.ranks != nullptr && i < taken; ++i)
      if (began_.count(i) == 0) at_work.push_back(work_->seconds(left_[i]) / 2);
    for (Index i = taken; i < left(); ++i) waiting.push_back(work_->seconds(left_[i]));
    return seconds_until_done(std::move(at_work), waiting, static_cast<std::size_t>(places()));
  }

  // A run with its final file is done, whatever an older failure beside it says: one that cannot be removed may
  // stay.
  static void forget_failure(const std::string& directory) {
    std::error_code ignored;
    fs::remove(directory + "/failure.json", ignored);
  }

  std::string failed_text() {
    const Index failed = tally_[Tally::failed];
    return failed > 0 ? fmt::format("{} failed", failed) : "";
  }

  int work(const PlannedRun& run) const {
    if (stays([&] { return !lock_run(run, options_.out); })) return kBusy;
    if (is_done(run, options_.out)) return kDone;  // by another sweep, meanwhile
    remove_file(directory_of(run, options_.out) + "/failure.json");
    return run.config ? train_one(run, options_) : execute(run, options_);
  }

  void ended(std::size_t i, const Ended& e, Progress& progress) {
    const PlannedRun& run = plan_.runs[left_[i]];
    const double seconds = now() - began_[static_cast<Index>(i)];
    began_.erase(static_cast<Index>(i));
    // And it had no checkpoint, or no time to write one: a batch system kills soon after it has told.
    const bool told =
        e.signal == SIGTERM || e.signal == SIGINT || e.signal == SIGUSR1 || (e.signal == SIGKILL && e.stopping);
    bool done = false;
    try {
      done = is_done(run, options_.out);
    } catch (const eqnn::FileError& why) {  // of one run: the others go on
      tally_.add(Tally::failed);
      progress.clear();
      return record_failure(run, {.code = kFile, .error = why.what()});
    }
    if (done) {  // whatever happened after it was written
      forget_failure(directory_of(run, options_.out));
      tally_.add(Tally::done);
      if (work_) work_->took(left_[i], seconds);
    } else if (e.signal == 0 && e.code == kBusy) {
      tally_.add(Tally::busy);
    } else if (told || (e.signal == 0 && (e.code == kInterrupted || e.code == kSigint))) {
      tally_.add(Tally::interrupted);
    } else {
      tally_.add(Tally::failed);
      progress.clear();
      record_failure(run, e);
    }
  }

  void record_failure(const PlannedRun& run, const Ended& e) const {
    const std::string directory = directory_of(run, options_.out),
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

  void say_end(Index total, bool told) {
    if (common_.quiet) return;
    note("eqnn: {} of {} runs done in {}", tally_[Tally::done], total, one_line(options_.out));
    if (const Index failed = tally_[Tally::failed]; failed > 0)
      note(", {} failed (failure.json says why; --retry-failed tries again)", failed);
    if (const Index busy = tally_[Tally::busy]; busy > 0) note(", {} at work in another process", busy);
    if (told) note("; interrupted: the same command goes on");
    note("\n");
  }

  const SweepPlan& plan_;
  const SweepOptions& options_;
  const Common& common_;
  Tally tally_;
  std::optional<SweepWork> work_;  // of the process that tells
  Index before_ = 0;               // done or failed when this began; of the process that tells
  std::vector<std::size_t> done_;  // of the plan: before this began
  std::vector<Index> left_;        // of the plan, in the order in which they are taken
  std::map<Index, double> began_;  // those at work here, by their place in left_
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

int run_sweep(const SweepPlan& plan, const SweepOptions& options, const Common& common) {
  leader_first(options.ranks, [&] {
    if (options.ranks == nullptr || options.ranks->leads()) write_record(plan, options);
    require<eqnn::FileError>(
        options.claim < 0 || locks_hold(options.out), options.out,
        ": this file system has no locks, by which processes could choose from the same runs; give "
        "each --shard i/N, or the array a range without gaps, such as 0-3");
  });
  return SweepRun(plan, options, common).run();
}

}  // namespace tools
