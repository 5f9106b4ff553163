#include "results/frontier.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace tools {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double loss_of(const FrontierRun& r) {
  return r.diverged || !std::isfinite(r.normalized_test_loss) ? kInfinity : r.normalized_test_loss;
}

double censored(double value) { return std::isfinite(value) ? value : kInfinity; }

// The runs of one grid point at one size.
using Runs = std::vector<const FrontierRun*>;

double fraction_learned(const Runs& runs) {
  const auto learned = std::count_if(runs.begin(), runs.end(), [](const FrontierRun* r) { return r->learned; });
  return static_cast<double>(learned) / static_cast<double>(runs.size());
}

std::vector<double> sorted_losses(const Runs& runs) {
  std::vector<double> losses;
  for (const FrontierRun* r : runs) losses.push_back(loss_of(*r));
  std::sort(losses.begin(), losses.end());
  return losses;
}

// Summed in rising order, so that the order of the runs decides no tie.
double mean_loss(const Runs& runs) {
  const std::vector<double> losses = sorted_losses(runs);
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
}

CensoredMedian censored_median(const Runs& runs, double FrontierRun::*to_learn, double FrontierRun::*given) {
  CensoredMedian m;
  std::vector<double> values;
  for (const FrontierRun* r : runs) {
    values.push_back(censored(r->*to_learn));
    m.budget = std::max(m.budget, r->*given);
  }
  m.value = median(values);
  m.interval = median_interval(values).interval;
  return m;
}

// It learned after the test before the one that saw it; where tests stand is known by steps, and samples go along.
// One that diverged would not learn later: it counts as one that had the whole budget.
LearningTime learning_time(const FrontierRun& r, double budget) {
  if (!std::isfinite(r.samples_to_learn)) return {r.diverged ? budget : r.samples, kInfinity};
  const double before = std::isfinite(r.eval_every) ? std::max(r.steps_to_learn - r.eval_every, 0.0) : 0;
  return {r.samples_to_learn * before / r.steps_to_learn, r.samples_to_learn};
}

FrontierPoint best_point(const std::map<std::string, Runs>& grid) {
  const auto* best = &*grid.begin();
  for (const auto& entry : grid) {
    const double ours = fraction_learned(entry.second), theirs = fraction_learned(best->second);
    if (ours > theirs || (ours == theirs && mean_loss(entry.second) < mean_loss(best->second))) best = &entry;
  }
  FrontierPoint point;
  const Runs& runs = best->second;
  point.size = runs.front()->size;
  point.control = runs.front()->control;
  point.best = best->first;
  point.grid_points = static_cast<int>(grid.size());
  point.seeds = static_cast<int>(runs.size());
  point.fraction = fraction_learned(runs);
  point.learned = static_cast<int>(std::lround(point.fraction * point.seeds));
  point.fraction_interval = clopper_pearson(point.learned, point.seeds, point.grid_points);
  const std::vector<double> losses = sorted_losses(runs);
  point.loss_range = {losses.front(), losses.back()};
  point.loss_median = median(losses);
  point.steps = censored_median(runs, &FrontierRun::steps_to_learn, &FrontierRun::steps);
  point.samples = censored_median(runs, &FrontierRun::samples_to_learn, &FrontierRun::samples);
  for (const FrontierRun* r : runs) point.steps_given = std::fmax(point.steps_given, r->steps_given);
  point.median_coverage = median_interval(losses).coverage;
  for (const FrontierRun* r : runs) point.times.push_back(learning_time(*r, point.samples.budget));
  return point;
}

}  // namespace

std::vector<FrontierPoint> frontier(const std::vector<FrontierRun>& runs) {
  std::map<std::pair<double, bool>, std::map<std::string, Runs>> sizes;
  for (const FrontierRun& r : runs) sizes[{r.size, r.control}][r.point].push_back(&r);
  std::vector<FrontierPoint> points;
  for (const auto& [key, grid] : sizes) points.push_back(best_point(grid));
  return points;
}

}  // namespace tools
