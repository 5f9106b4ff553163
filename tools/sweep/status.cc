#include "sweep/status.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/paths.h"
#include "sweep/place.h"

namespace tools {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN(),
                 kForever = std::numeric_limits<double>::infinity();

// The last whole line.
std::string last_line(const std::string& text) {
  const auto end = text.rfind('\n');
  if (end == std::string::npos) return "";
  const auto begin = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1));
}

}  // namespace

SweepWatch::SweepWatch(const SweepPlan& plan, const SweepOptions& options) : plan_(plan), options_(options) {}

SweepStatus SweepWatch::look() {
  SweepStatus s;
  std::map<std::size_t, double> working;  // how many seconds each run at work has been
  std::vector<std::size_t> done, waiting;
  for (std::size_t i = options_.shard; i < plan_.runs.size(); i += options_.shards) {
    const PlannedRun& run = plan_.runs[i];
    const std::string directory = directory_of(run, options_.out);
    ++s.runs;
    if (done_.count(i) > 0 || is_done(run, options_.out)) {
      ++s.done;
      done.push_back(i);
    } else if (is_at_work(run, options_.out)) {
      ++s.running;
      working[i] = seconds_at_work(run);
    } else if (has(directory, "failure.json")) {
      ++s.failed;
    } else {
      if (has(directory, "run.json")) ++s.started;
      waiting.push_back(i);
    }
  }
  s.work_done = s.left() == 0 ? 1 : kUnknown;
  s.seconds_left = s.left() == 0 ? 0 : kUnknown;
  if (s.left() > 0 && !done.empty()) estimate(s, done, waiting, working);
  return s;
}

void SweepWatch::estimate(SweepStatus& s, const std::vector<std::size_t>& done,
                          const std::vector<std::size_t>& waiting, const std::map<std::size_t, double>& working) {
  if (!work_) work_.emplace(plan_);
  double behind = 0, ahead = 0;
  for (const std::size_t i : done) {
    const auto [known, fresh] = done_.try_emplace(i, kUnknown);
    if (fresh) known->second = seconds_taken(plan_.runs[i], options_.out);
    if (std::isnan(known->second)) continue;
    if (fresh) work_->took(i, known->second);
    behind += known->second;
  }
  if (!work_->knows()) return;
  std::vector<double> at_work, later;
  for (const auto& [i, been] : working) {
    behind += been;
    at_work.push_back(std::max(0.0, work_->seconds(i) - been));
  }
  for (const std::size_t i : waiting) later.push_back(work_->seconds(i));
  for (const auto& list : {at_work, later}) ahead = std::accumulate(list.begin(), list.end(), ahead);
  s.work_done = behind / (behind + ahead);
  s.seconds_left = s.running == 0 ? kForever : seconds_until_done(std::move(at_work), later, s.running);
}

// Of a run that has not said how long yet, 0.
double SweepWatch::seconds_at_work(const PlannedRun& run) const {
  const std::string path = directory_of(run, options_.out) + "/metrics.jsonl";
  if (!is_there(path)) return 0;
  const double seconds = wall_seconds(last_line(eqnn::read_file(path)));
  return std::isnan(seconds) ? 0 : seconds;
}

SweepPlan recorded_plan(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> records;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (const std::string name = at->path().filename().string(); name.ends_with(".sweep.json"))
      records.push_back(name);
  require<eqnn::FileError>(!error, folder, ": cannot be read: ", error.message());
  require<eqnn::FileError>(
      !records.empty(), folder,
      ": no sweep has begun here, or its record NAME.sweep.json is gone; give the sweep's file");
  require<eqnn::FileError>(records.size() == 1, folder, ": holds the runs of ", records.size(), " sweeps, ",
                           records.front(), " and others; give the sweep's file with --out ", folder);
  const std::string path = folder + "/" + records.front();
  const Json j = parse_json_if(eqnn::read_file(path));
  require<eqnn::FileError>(j.is_object() && j.contains("toml") && j["toml"].is_string(), path,
                           ": is no record of a sweep; run the sweep again, which writes it anew");
  return plan_sweep(j["toml"].get<std::string>(), path);
}

}  // namespace tools
