// How many examples each of several networks needs, beside the first of them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/json_fwd.h"
#include "results/runs.h"
#include "results/statistics.h"

namespace tools {

// Values of a point of a study's grid as text: of the flags that are tuned for whoever learns (optimiser, rate,
// ...: "adam, lr 0.002"), or of the others, which ask another question ("n 15, control").
std::string flags_text(const Json& values, bool tuned);
// The flags that are tuned, with their values.
Json tuned_flags(const Json& values);

// What the seeds of one network, or of one way to train it, needed: infinite where a seed did not learn within what
// it was given, which is `most` or less.
struct SeedsNeed {
  std::string label;
  std::vector<double> samples;
  double most = 0;
  std::set<double> sizes = {};  // of the fixed sets that were tried; empty: fresh samples
  double apart = 0;             // samples between two tests, of fresh ones
};

// Where a study compares sizes of a training set, augmentation or groups: what each network, or way to train it,
// needed. Of a fixed set the smallest size with which a seed learned. Empty elsewhere.
std::vector<SeedsNeed> needs_of(const RunTable& table, const Study& study);

// The first's median over that of `other`, with a 95 % interval that holds whatever the seeds share; it allows for
// what lies between two tests, or between the sizes of fixed sets that were tried. Where runs ended before, the
// ratio and the interval's ends are bounds: `low` holds, `high` is infinite.
struct NeedRatio {
  double value = 0;  // nan where one of the medians is not known
  Interval interval;
  double coverage = 0;
};
NeedRatio need_ratio(const SeedsNeed& first, const SeedsNeed& other);
// "[2.5, 4.7]", with its coverage where that is below 95 %: "[2.5, 4.7] (75 %)".
std::string interval_text(const NeedRatio& ratio);

// A line each: how many seeds learned, the median of what they needed with its 95 % interval, and the first one's
// median over it with an interval that holds whatever the seeds share; it allows for what lies between two
// tests, or between the sizes of fixed sets. Values that are not known because runs ended before are bounds, ">
// 1000", and so are ratios. Empty for fewer than two.
std::vector<std::vector<std::string>> exchange_rows(const std::vector<SeedsNeed>& all);

}  // namespace tools
