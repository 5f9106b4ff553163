#include "figures/frontier.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include <eqnn/core/check.h>
#include <eqnn/core/rng.h>

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

double mean_loss(const Runs& runs) {
  double sum = 0;
  for (const FrontierRun* r : runs) sum += loss_of(*r);
  return sum / static_cast<double>(runs.size());
}

// Quantile of sorted values by the nearest rank, so that it is one of them: infinity needs no interpolation.
double quantile(const std::vector<double>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

// Medians of steps and samples with their intervals, from the same resamples. `index` keeps the points' draws
// apart.
void bootstrap(const Runs& runs, const FrontierOptions& options, std::uint64_t index, FrontierPoint& point) {
  std::vector<double> steps, samples;
  for (const FrontierRun* r : runs) {
    steps.push_back(censored(r->steps_to_learn));
    samples.push_back(censored(r->samples_to_learn));
    point.steps.budget = std::max(point.steps.budget, r->steps);
    point.samples.budget = std::max(point.samples.budget, r->samples);
  }
  point.steps.value = median(steps);
  point.samples.value = median(samples);
  std::vector<double> step_medians, sample_medians, a(runs.size()), b(runs.size());
  for (int i = 0; i < options.resamples; ++i) {
    eqnn::Draws draws({options.seed, eqnn::Stream::user, static_cast<std::uint64_t>(i), index});
    for (std::size_t k = 0; k < runs.size(); ++k) {
      const std::uint32_t chosen = draws.below(static_cast<std::uint32_t>(runs.size()));
      a[k] = steps[chosen];
      b[k] = samples[chosen];
    }
    step_medians.push_back(median(a));
    sample_medians.push_back(median(b));
  }
  std::sort(step_medians.begin(), step_medians.end());
  std::sort(sample_medians.begin(), sample_medians.end());
  point.steps.interval = {quantile(step_medians, 0.025), quantile(step_medians, 0.975)};
  point.samples.interval = {quantile(sample_medians, 0.025), quantile(sample_medians, 0.975)};
  point.bootstrap_seed = options.seed;
  point.resamples = options.resamples;
}

FrontierPoint best_point(const std::map<std::string, Runs>& grid, const FrontierOptions& options,
                         std::uint64_t index) {
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
  point.fraction_interval = chosen_interval(point.learned, point.seeds, point.grid_points);
  std::vector<double> losses;
  for (const FrontierRun* r : runs) losses.push_back(loss_of(*r));
  const auto [low, high] = std::minmax_element(losses.begin(), losses.end());
  point.loss_range = {*low, *high};
  point.loss_median = median(losses);
  bootstrap(runs, options, index, point);
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

std::vector<FrontierPoint> frontier(std::vector<FrontierRun> runs, const FrontierOptions& options) {
  eqnn::require(options.resamples >= 1 && options.resamples <= 10000, "the bootstrap is given ", options.resamples,
                " resamples; allowed are 1 to 10000");
  // Sorted by everything that a resample can see, so that the order of the rows makes no difference.
  std::sort(runs.begin(), runs.end(), [](const FrontierRun& a, const FrontierRun& b) {
    const auto key = [](const FrontierRun& r) {
      return std::make_tuple(r.size, r.control, loss_of(r), censored(r.steps_to_learn),
                             censored(r.samples_to_learn));
    };
    return key(a) < key(b);
  });
  std::map<std::pair<double, bool>, std::map<std::string, Runs>> sizes;
  for (const FrontierRun& r : runs) sizes[{r.size, r.control}][r.point].push_back(&r);
  std::vector<FrontierPoint> points;
  for (const auto& [key, grid] : sizes) points.push_back(best_point(grid, options, points.size()));
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
