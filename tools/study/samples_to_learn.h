// How many examples each of several networks needs, beside the first of them.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace tools {

// What the seeds of one network, or of one way to train it, needed: infinite where a seed did not learn within what
// it was given, which is `most` or less.
struct SeedsNeed {
  std::string label;
  std::vector<double> samples;
  double most = 0;
  std::set<double> sizes = {};  // of the fixed sets that were tried; empty: fresh samples
};

// A line each: how many seeds learned, the median of what they needed with its 95 % interval, and the first one's
// median over it with an interval that holds whatever the seeds share; of fixed sets it allows for what lies
// between the sizes that were tried. Values that are not known because runs ended before are bounds, "> 1000", and
// so are ratios. Empty for fewer than two.
std::vector<std::vector<std::string>> exchange_rows(const std::vector<SeedsNeed>& all);

}  // namespace tools
