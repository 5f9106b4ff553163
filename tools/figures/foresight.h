// What a run's measures tell before its loss does: whether it will learn, and how early they move.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "figures/slices.h"
#include "results/database.h"

namespace tools {

struct MeasureForesight {
  std::string name;  // the key of the metrics
  // Of runs that learn after a quarter of the budget over those that do not, by the value at a quarter (of losses
  // the negative, of correlations the absolute): 0.5 tells nothing.
  Area area;
  // Of runs that learned: how much earlier than the loss (below 0.9) the measure had risen, for three tests in a
  // row above the mean and four standard deviations of the first values of all runs; as a share of the samples at
  // which the loss fell. Negative: later. Infinite, and below all others: it never rose. Median and its 95 %
  // interval.
  double lead = 0;
  Interval lead_interval;
  int rose_in_vain = 0;  // runs that did not learn in which it rose too: where it does in all, a lead tells nothing
};

// One curve a run.
struct MeasureCurve {
  bool learned = false;
  std::vector<double> samples, values;
};

// Target runs of one size, all of them given the same budget: the size where the rarer outcome is the most
// frequent.
struct Foresight {
  double size = 0, budget = 0;  // samples
  int early = 0;                // had learned by a quarter of the budget: nothing is to be foretold of them
  int later = 0, never = 0;     // learned after it, did not learn
  std::vector<MeasureForesight> measures;
  std::string shown;  // the measure of the curves: overlap where there is one, else correlation
  std::vector<MeasureCurve> curves;
};
// None where no size has five runs or more of either outcome.
std::optional<Foresight> foresight_of(const Database& db, const FrontierSlice& slice);

}  // namespace tools
