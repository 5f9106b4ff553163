#include "figures/frontier.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include <eqnn/core/check.h>

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
  point.median_coverage = median_interval(losses).coverage;
  return point;
}

// y = a + b x; m >= 3 and x not constant.
LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y) {
  const auto m = static_cast<double>(x.size());
  double x_mean = 0, y_mean = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x_mean += x[i] / m;
    y_mean += y[i] / m;
  }
  double sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sxx += (x[i] - x_mean) * (x[i] - x_mean);
    sxy += (x[i] - x_mean) * (y[i] - y_mean);
  }
  LineFit fit;
  fit.b = sxy / sxx;
  fit.a = y_mean - fit.b * x_mean;
  for (std::size_t i = 0; i < x.size(); ++i) fit.residual += std::pow(y[i] - fit.a - fit.b * x[i], 2);
  const double variance = fit.residual / (m - 2);
  fit.b_error = std::sqrt(variance / sxx);
  fit.a_error = std::sqrt(variance * (1 / m + x_mean * x_mean / sxx));
  constexpr double k = 3;  // a, b and the variance
  fit.aicc = m > k + 1 ? m * std::log(fit.residual / m) + 2 * k + 2 * k * (k + 1) / (m - k - 1) : std::nan("");
  return fit;
}

}  // namespace

std::vector<FrontierPoint> frontier(const std::vector<FrontierRun>& runs) {
  std::map<std::pair<double, bool>, std::map<std::string, Runs>> sizes;
  for (const FrontierRun& r : runs) sizes[{r.size, r.control}][r.point].push_back(&r);
  std::vector<FrontierPoint> points;
  for (const auto& [key, grid] : sizes) points.push_back(best_point(grid));
  return points;
}

ScalingFit fit_scaling(const std::vector<FrontierPoint>& points, bool control) {
  std::vector<double> size, log_size, log_steps;
  for (const FrontierPoint& p : points) {
    if (p.control != control || !std::isfinite(p.steps.value) || p.steps.value <= 0 || p.size <= 0) continue;
    size.push_back(p.size);
    log_size.push_back(std::log(p.size));
    log_steps.push_back(std::log(p.steps.value));
  }
  ScalingFit fit;
  fit.sizes = static_cast<int>(size.size());
  if (fit.sizes < 3) {
    fit.note = eqnn::concat("too few sizes: ", fit.sizes, " learned, a fit needs 3");
    return fit;
  }
  fit.polynomial = fit_line(log_size, log_steps);
  fit.exponential = fit_line(size, log_steps);
  // exp(dAICc/2) = (residual of the other / residual of this one)^(m/2). What rounding leaves of an exact fit is no
  // evidence: residuals below it count as it.
  double spread = 0;
  for (const double y : log_steps) spread += y * y;
  const double floor = std::max(1e-28 * spread, std::numeric_limits<double>::min());
  const double p = std::max(fit.polynomial.residual, floor), e = std::max(fit.exponential.residual, floor);
  fit.polynomial_evidence = std::pow(e / p, fit.sizes / 2.0);
  fit.exponential_evidence = std::pow(p / e, fit.sizes / 2.0);
  return fit;
}

}  // namespace tools
