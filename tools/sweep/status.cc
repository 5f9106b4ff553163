#include "sweep/status.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <vector>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/paths.h"
#include "sweep/place.h"

namespace tools {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// time.wall_seconds of a document; NaN where there is none to be read.
double wall_seconds(const std::string& text) {
  const Json j = parse_json_if(text);
  if (!j.is_object() || !j.contains("time") || !j["time"].is_object()) return kUnknown;
  const Json& seconds = j["time"].value("wall_seconds", Json());
  return seconds.is_number() ? seconds.get<double>() : kUnknown;
}

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
  double working = 0;  // seconds that the runs at work have been
  std::vector<std::size_t> done, left;
  for (std::size_t i = options_.shard; i < plan_.runs.size(); i += options_.shards) {
    const PlannedRun& run = plan_.runs[i];
    const std::string directory = directory_of(run, options_.out);
    ++s.runs;
    if (done_.count(i) > 0 || is_done(run, options_.out)) {
      ++s.done;
      done.push_back(i);
    } else if (is_at_work(run, options_.out)) {
      ++s.running;
      left.push_back(i);
      working += seconds_at_work(run);
    } else if (has(directory, "failure.json")) {
      ++s.failed;
    } else {
      if (has(directory, "run.json")) ++s.started;
      left.push_back(i);
    }
  }
  s.work_done = left.empty() ? 1 : kUnknown;
  s.seconds_left = left.empty() ? 0 : kUnknown;
  if (!left.empty() && !done.empty()) estimate(s, done, left, working);
  return s;
}

void SweepWatch::estimate(SweepStatus& s, const std::vector<std::size_t>& done,
                          const std::vector<std::size_t>& left, double working) {
  if (!work_) work_.emplace(plan_);
  double seconds = 0, behind = working;
  for (const std::size_t i : done) {
    const auto [known, fresh] = done_.try_emplace(i, kUnknown);
    if (fresh) {
      const PlannedRun& run = plan_.runs[i];
      known->second = wall_seconds(eqnn::read_file(directory_of(run, options_.out) + "/" + final_file(run)));
      if (!std::isnan(known->second)) work_->took(i, known->second);
    }
    behind += std::isnan(known->second) ? 0 : known->second;
  }
  for (const std::size_t i : left) seconds += work_->seconds(i);
  seconds = std::max(0.0, seconds - working);
  s.work_done = behind / (behind + seconds);
  s.seconds_left = seconds / static_cast<double>(s.running);
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
