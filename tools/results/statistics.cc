#include "results/statistics.h"

#include <algorithm>
#include <cmath>

namespace tools {
namespace {

// P(at least `successes` of `trials`) at probability p, p between 0 and 1.
double upper_tail(int successes, int trials, double p) {
  double sum = 0;
  for (int k = successes; k <= trials; ++k)
    sum += std::exp(std::lgamma(trials + 1.0) - std::lgamma(k + 1.0) - std::lgamma(trials - k + 1.0) +
                    k * std::log(p) + (trials - k) * std::log1p(-p));
  return sum;
}

// The p at which the tail, which rises with p, is `level`.
double where_tail_is(int successes, int trials, double level) {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (upper_tail(successes, trials, middle) < level ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

Interval clopper_pearson(int successes, int trials, int choices) {
  if (trials == 0) return {0, 1};
  const double level = 0.025 / choices;
  return {successes == 0 ? 0 : where_tail_is(successes, trials, level),
          successes == trials ? 1 : where_tail_is(successes + 1, trials, 1 - level)};
}

MedianInterval median_interval(std::vector<double> values, double confidence) {
  std::sort(values.begin(), values.end());
  const auto trials = static_cast<int>(values.size());
  const auto coverage = [&](int rank) { return 1 - 2 * upper_tail(trials + 1 - rank, trials, 0.5); };
  int rank = 1;
  while (coverage(rank + 1) >= confidence) ++rank;
  return {{values[static_cast<std::size_t>(rank - 1)], values[static_cast<std::size_t>(trials - rank)]},
          coverage(rank)};
}

Area area_under_curve(const std::vector<double>& first, const std::vector<double>& second) {
  double wins = 0;
  for (const double a : first)
    for (const double b : second) wins += a > b ? 1 : a == b ? 0.5 : 0;
  const auto m = static_cast<double>(first.size()), n = static_cast<double>(second.size());
  Area area{wins / (m * n), {}};
  const auto error = [&](double t) {
    const double more = (m + n) / 2 - 1;
    return std::sqrt(t * (1 - t) * (1 + more * (1 - t) / (2 - t) + more * t / (1 + t)) / (m * n));
  };
  const auto end = [&](double outside) {  // between the area and 0 or 1
    double inside = area.value;
    for (int i = 0; i < 60; ++i) {
      const double middle = (inside + outside) / 2;
      (std::abs(area.value - middle) <= 1.959963984540054 * error(middle) ? inside : outside) = middle;
    }
    return inside;
  };
  area.interval = {end(0), end(1)};
  return area;
}

}  // namespace tools
