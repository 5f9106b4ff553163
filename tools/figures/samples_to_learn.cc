#include "figures/samples_to_learn.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>

#include <fmt/core.h>

#include "cli/json.h"
#include "cli/text.h"
#include "results/growth.h"
#include "results/statistics.h"

namespace tools {
namespace {

// Flags that are tuned for whoever learns; all others ask another question.
bool is_tuned(const std::string& flag) {
  static const std::set<std::string> tuned{"optimizer", "lr",         "momentum",    "nesterov",     "weight-decay",
                                           "schedule",  "warmup",     "decay-every", "decay-factor", "clip-norm",
                                           "init",      "init-scale", "batch"};
  return tuned.contains(flag);
}

std::string count_text(double samples, double most) {
  return std::isfinite(samples) ? fmt::format("{:.0f}", samples) : fmt::format("> {:.0f}", most);
}

std::string range_text(const MedianInterval& m, double most) {
  return fmt::format("[{}, {}]{}", count_text(m.interval.low, most), count_text(m.interval.high, most),
                     m.coverage >= 0.95 ? "" : fmt::format(" ({:.0f} %)", 100 * m.coverage));
}

// a / b where an infinite one is known to be above what its runs were given.
std::string ratio_text(double a, double a_most, double b, double b_most) {
  if (std::isfinite(a) && std::isfinite(b)) return fmt::format("{:.2g}", a / b);
  if (!std::isfinite(a) && !std::isfinite(b)) return "?";
  return std::isfinite(b) ? fmt::format("> {:.2g}", a_most / b) : fmt::format("< {:.2g}", a / b_most);
}

// What a seed needed more than: of fixed sets the largest size tried below, with which it did not learn, 0 where
// that was the smallest; of fresh samples those of the test before.
double above(const SeedsNeed& n, double samples) {
  if (!std::isfinite(samples)) return samples;
  if (n.sizes.empty()) return std::max(samples - n.apart, 0.0);
  const auto place = n.sizes.lower_bound(samples);
  return place == n.sizes.begin() ? 0 : *std::prev(place);
}

}  // namespace

std::string flags_text(const Json& values, bool tuned) {
  std::string text;
  for (const auto& [key, value] : values.items()) {
    if (value == false || is_tuned(key) != tuned) continue;
    const std::string shown = value.is_string() ? value.get<std::string>() : to_text(value);
    const std::string one = value == true ? key : key == "optimizer" ? shown : fmt::format("{} {}", key, shown);
    text += (text.empty() ? "" : ", ") + one;
  }
  return text;
}

Json tuned_flags(const Json& values) {
  Json tuned = Json::object();
  for (const auto& entry : values.items())
    if (is_tuned(entry.key())) tuned[entry.key()] = entry.value();
  return tuned;
}

std::vector<SeedsNeed> needs_of(const RunTable& table, const Study& study) {
  std::vector<SeedsNeed> all;
  std::map<std::string, std::map<std::int64_t, double>> of_seed;  // of each label
  for (const StudyRun& planned : study.runs) {
    const auto row = table.row_of(planned.id);
    if (!row || table.text(*row, "status") != "done" || !planned.seed) continue;
    const Run run = table.run(*row);
    Json values = parse_json(planned.values);
    const double fixed = values.value("samples", 0.0);
    if (fixed == 0 && !values.contains("augment") && !values.contains("group")) continue;
    if (run.control) continue;  // ratios are of one function
    values.erase("control");
    values.erase("samples");
    const std::string label = flags_text(values, false);
    if (!of_seed.contains(label)) all.push_back({.label = label, .samples = {}});
    SeedsNeed& need = *std::find_if(all.begin(), all.end(), [&](const SeedsNeed& n) { return n.label == label; });
    if (fixed > 0) need.sizes.insert(fixed);
    need.most = std::max(need.most, fixed > 0 ? fixed : run.samples_seen);
    double& least =
        of_seed[label].try_emplace(*planned.seed, std::numeric_limits<double>::infinity()).first->second;
    if (fixed == 0 && run.steps_to_learn > 0 && std::isfinite(run.eval_every))
      need.apart = std::max(need.apart, run.eval_every * run.samples_to_learn / run.steps_to_learn);
    if (run.verdict != "learned") continue;
    const double fresh = std::isnan(run.samples_to_learn) ? run.samples_seen : run.samples_to_learn;
    least = std::min(least, fixed > 0 ? fixed : fresh);
  }
  for (SeedsNeed& n : all)
    for (const auto& [seed, samples] : of_seed.at(n.label)) n.samples.push_back(samples);
  return all;
}

// From the least that the first can be over the most that the other can be.
NeedRatio need_ratio(const SeedsNeed& a, const SeedsNeed& b) {
  const MedianInterval of_a = median_interval(a.samples, 0.975), of_b = median_interval(b.samples, 0.975);
  const auto low = [](const SeedsNeed& n, double v) { return std::isfinite(v) ? above(n, v) : n.most; };
  const double least = low(a, of_a.interval.low), most = of_a.interval.high, under = low(b, of_b.interval.low);
  NeedRatio r;
  const double first = median(a.samples), other = median(b.samples);
  r.value = std::isfinite(first) && std::isfinite(other) ? first / other : std::nan("");
  r.interval = {least / of_b.interval.high,
                std::isfinite(most) && under > 0 ? most / under : std::numeric_limits<double>::infinity()};
  r.coverage = of_a.coverage + of_b.coverage - 1;
  return r;
}

std::string interval_text(const NeedRatio& r) {
  return ends_text(r.interval) +
         (r.coverage >= 0.95 ? "" : fmt::format(" ({:.0f} %)", 100 * std::max(r.coverage, 0.0)));
}

std::vector<std::vector<std::string>> exchange_rows(const std::vector<SeedsNeed>& all) {
  if (all.size() < 2) return {};
  std::vector<std::vector<std::string>> rows{{"", "learned", "samples, median", "95 %", "first over this", "95 %"}};
  const SeedsNeed& first = all.front();
  for (const SeedsNeed& n : all) {
    const auto learned =
        std::count_if(n.samples.begin(), n.samples.end(), [](double v) { return std::isfinite(v); });
    rows.push_back({n.label, fmt::format("{}/{}", learned, n.samples.size()), count_text(median(n.samples), n.most),
                    range_text(median_interval(n.samples), n.most),
                    &n == &first ? "1" : ratio_text(median(first.samples), first.most, median(n.samples), n.most),
                    &n == &first ? "" : interval_text(need_ratio(first, n))});
  }
  return rows;
}

}  // namespace tools
