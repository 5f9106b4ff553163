// The frontier of a family and a model: from which size on gradient descent stops to learn. Pure statistics: no
// files, no database.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/text.h"
#include "results/growth.h"
#include "results/statistics.h"

namespace tools {

// One finished run, as the frontier sees it.
struct FrontierRun {
  double size = 0;       // n, or whatever was swept: k, d, degree, r
  std::string point;     // the grid point: every other swept flag, as text; equal text, equal point
  bool control = false;  // the matched control instead of the target
  bool learned = false;  // its verdict
  bool diverged = false;
  double normalized_test_loss = 0;                  // not finite, or of a diverged run: infinitely bad
  double steps = 0, samples = 0;                    // what it was given: the budget when it did not learn
  double steps_to_learn = 0, samples_to_learn = 0;  // nan: never within the budget
  double eval_every = std::nan("");                 // steps between two tests; nan: not known
  double steps_given = std::nan("");                // which it may end before; nan: not known
};

// A median over runs of which some did not get there. Those count as more than the budget: `value` (an end of the
// interval too) is infinite where the median falls on one, and is then to be read as "> budget".
struct CensoredMedian {
  double value = 0;
  Interval interval;  // median_interval over the seeds, which does not allow for the choice of the grid point
  double budget = 0;  // the largest of the runs'
};

// One size, for target or control, at the best of its grid points: that with the largest fraction of seeds learned;
// of equals, that with the lowest mean normalised test loss, where a run that diverged is infinitely bad; of equals
// again, the first by name. The best is chosen on the same seeds that are then reported, which is optimistic for
// the learner. That is on purpose: a negative is then the best of the whole grid, and not a poor choice of rate.
// The interval of the fraction allows for the choice.
struct FrontierPoint {
  double size = 0;
  bool control = false;
  std::string best;     // the grid point
  int grid_points = 0;  // of how many
  int seeds = 0, learned = 0;
  double fraction = 0;
  Interval fraction_interval;  // 95 %, allowing for the choice: clopper_pearson
  CensoredMedian steps, samples;
  double steps_given = std::nan("");  // the most of its runs; nan: not known
  double loss_median = 0;             // normalised test loss; infinite where half of the runs or more diverged
  Interval loss_range;                // lowest and highest
  double median_coverage = 0;         // of the intervals of steps and samples: below 0.95 for fewer than six seeds
  std::vector<LearningTime> times;    // in samples, of each run
};

// One point a size, target before control, sizes in rising order. The order of `runs` makes no difference.
std::vector<FrontierPoint> frontier(const std::vector<FrontierRun>& runs);

}  // namespace tools
