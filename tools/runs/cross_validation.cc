#include "runs/cross_validation.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <sstream>

#include <fmt/core.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <eqnn/core/fork_join.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/progress.h"
#include "results/run_directory.h"
#include "results/schema.h"
#include "runs/verdict.h"

namespace tools {
namespace {

struct MeanAndDeviation {
  double mean = 0, sd = 0;
};

// Mean and standard deviation (of a sample: over count - 1).
MeanAndDeviation spread(const std::vector<double>& values) {
  MeanAndDeviation s;
  const double n = static_cast<double>(values.size());
  for (double v : values) s.mean += v / n;
  for (double v : values) s.sd += (v - s.mean) * (v - s.mean) / std::max(1.0, n - 1);
  s.sd = std::sqrt(s.sd);
  return s;
}

class FoldsRun {
 public:
  FoldsRun(const TrainConfig& c, const Examples& examples, const RunOptions& options, const Common& common)
      : config_(c), examples_(examples), options_(options), common_(common), directory_(options.out) {}

  int run() {
    const auto began = std::chrono::steady_clock::now();
    make_training(fold_config(0), examples_, 1);  // what does not fit is refused before anything is written
    if (!open()) return kDone;
    if (const int code = train_all(); code != kDone) {
      note("eqnn: interrupted; checkpoints are in {}: run the same command again with --resume\n",
           one_line(directory_.path()));
      return code;
    }
    const Json r = result(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    directory_.write_result(r);
    if (options_.silent) return kDone;
    if (common_.json)
      fmt::print("{}\n", to_text(r));
    else
      print_summary(r);
    return kDone;
  }

 private:
  // False: finished before.
  bool open() {
    if (directory_.exists() && options_.force) directory_.remove();
    require(!directory_.exists() || options_.resume, directory_.path(),
            " exists; --resume goes on with it, --force replaces it, --out names another");
    if (!directory_.exists() || directory_.blank()) {
      directory_.create(with_labels(run_description(config_, examples_, common_), options_.labels));
    } else {
      require(config_json(directory_.config()) == config_json(config_), directory_.path(),
              " holds folds of another configuration; give the same flags, or another --out");
      directory_.lock();
      const std::string file = directory_.file("run.json");
      if (!options_.labels.empty())
        eqnn::write_atomically(file, with_labels(eqnn::read_file(file), options_.labels));
    }
    if (directory_.finished() && !common_.quiet)
      note("eqnn: {} is finished; nothing to do\n", one_line(directory_.path()));
    return !directory_.finished();
  }

  TrainConfig fold_config(Index fold) const {
    TrainConfig c = config_;
    c.fold = fold;
    return c;
  }
  std::string fold_path(Index fold) const { return directory_.path() + concat("/fold-", fold); }

  int train_all() {
    Progress progress(common_, 0, config_.steps * config_.folds);
    std::atomic<Index> steps{0};
    std::atomic<int> code{kDone};
    std::mutex drawing;
    const auto one = [&](Index fold) {
      Common quiet = common_;
      quiet.quiet = true;
      quiet.threads = 1;
      quiet.progress = "none";
      RunOptions o;
      o.out = fold_path(fold);
      o.resume = o.silent = true;
      o.checkpoint_every = options_.checkpoint_every;
      o.after_step = [&] {
        const Index done = ++steps;
        if (const std::unique_lock lock(drawing, std::try_to_lock); lock) progress.update(done, "");
      };
      if (const int ended = run_training(fold_config(fold), examples_, o, quiet); ended != kDone) code = ended;
    };
    tbb::task_arena arena(common_.thread_count());
    {
      eqnn::ForkJoin loop;
      const auto task = [&](Index fold) EQNN_BEFORE_FORK { loop.task([&] { one(fold); }); };
      arena.execute([&] { tbb::parallel_for(Index{0}, config_.folds, task, tbb::simple_partitioner()); });
    }
    progress.clear();
    return code;
  }

  // The test accuracy of each fold at each evaluation, by step; an evaluation that every fold has.
  std::map<Index, std::vector<double>> accuracies() const {
    std::map<Index, std::vector<double>> by_step;
    for (Index fold = 0; fold < config_.folds; ++fold) {
      std::istringstream lines(eqnn::read_file(fold_path(fold) + "/metrics.jsonl"));
      for (std::string line; std::getline(lines, line);) {
        const Json j = parse_json(line);
        if (j.contains("test_accuracy"))
          by_step[j["step"].get<Index>()].push_back(j["test_accuracy"].get<double>());
      }
    }
    std::erase_if(
        by_step, [&](const auto& entry) { return entry.second.size() != static_cast<std::size_t>(config_.folds); });
    return by_step;
  }

  void add_accuracy(Json& r) const {
    const auto by_step = accuracies();
    if (by_step.empty()) return;
    auto best = by_step.begin();
    for (auto at = by_step.begin(); at != by_step.end(); ++at)
      if (spread(at->second).mean > spread(best->second).mean) best = at;
    const MeanAndDeviation top = spread(best->second), last = spread(by_step.rbegin()->second);
    r["test_accuracy"] = top.mean;
    r["test_accuracy_sd"] = top.sd;
    r["best_step"] = best->first;
    r["fold_accuracies"] = best->second;
    r["last_epoch_accuracy"] = last.mean;
    r["last_epoch_accuracy_sd"] = last.sd;
  }

  // The keys of a fold's result; numbers that differ between folds are means.
  Json result(double seconds) const {
    std::vector<Json> folds;
    for (Index fold = 0; fold < config_.folds; ++fold)
      folds.push_back(parse_json(eqnn::read_file(fold_path(fold) + "/result.json")));
    Json r = folds[0];
    r["run_id"] = run_id(config_);
    r["data"]["fold"] = -1;
    r.erase("training_phases");  // whose means and deviations are of one fold
    r["test_samples"] = examples_.data->examples;
    for (const ResultKey& key : result_keys()) {
      if (!key.has(kMean) || !r.contains(key.name)) continue;
      std::vector<double> values;
      for (const Json& f : folds)
        values.push_back(f[key.name].is_null() ? std::nan("") : f[key.name].get<double>());
      const MeanAndDeviation s = spread(values);
      r[key.name] = std::isfinite(s.mean) ? Json(s.mean) : Json(nullptr);
    }
    r["verdict"] = optional_json(verdict(
        config_, std::any_of(folds.begin(), folds.end(), [](const Json& f) { return f["verdict"] == "diverged"; }),
        r["normalized_train_loss"].is_null() ? NAN : r["normalized_train_loss"].get<double>(),
        r["normalized_test_loss"].is_null() ? NAN : r["normalized_test_loss"].get<double>()));
    add_accuracy(r);
    r["time"] = {{"wall_seconds", seconds},
                 {"steps_per_second", static_cast<double>(config_.steps * config_.folds) / seconds}};
    r["machine"]["threads"] = common_.thread_count();
    return r;
  }

  void print_summary(const Json& r) const {
    fmt::print("{} folds of {} examples, {} steps each, {}\n", config_.folds, examples_.data->examples,
               config_.steps, duration_text(r["time"]["wall_seconds"].get<double>()));
    if (r.contains("test_accuracy_sd")) {
      fmt::print(
          "test accuracy          {:.4f} +- {:.4f}   (mean and standard deviation over the folds at step {}, where "
          "the mean is best)\n",
          r["test_accuracy"].get<double>(), r["test_accuracy_sd"].get<double>(), r["best_step"].get<Index>());
      fmt::print("at the last step       {:.4f} +- {:.4f}\n", r["last_epoch_accuracy"].get<double>(),
                 r["last_epoch_accuracy_sd"].get<double>());
    }
    fmt::print("normalised test loss   {}\nnormalised train loss  {}\nrun                    {}\n",
               to_text(r["normalized_test_loss"]), to_text(r["normalized_train_loss"]), directory_.path());
  }

  const TrainConfig& config_;
  const Examples& examples_;
  const RunOptions& options_;
  const Common& common_;
  RunDirectory directory_;
};

}  // namespace

int run_folds(const TrainConfig& c, const Examples& examples, const RunOptions& options, const Common& common) {
  return FoldsRun(c, examples, options, common).run();
}

}  // namespace tools
