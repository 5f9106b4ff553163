#include "results/statistics.h"

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

Interval wilson(int successes, int trials) {
  if (trials == 0) return {0, 1};
  constexpr double z = 1.959963984540054, z2 = z * z;
  const double m = trials, p = successes / m;
  const double centre = p + z2 / (2 * m), half = z * std::sqrt(p * (1 - p) / m + z2 / (4 * m * m));
  // The ends are exact for none and for all; rounding would leave 1e-17 there.
  return {successes == 0 ? 0 : (centre - half) / (1 + z2 / m),
          successes == trials ? 1 : (centre + half) / (1 + z2 / m)};
}

Interval chosen_interval(int successes, int trials, int choices) {
  if (choices <= 1 || trials == 0) return wilson(successes, trials);
  const double level = 0.025 / choices;
  return {successes == 0 ? 0 : where_tail_is(successes, trials, level),
          successes == trials ? 1 : where_tail_is(successes + 1, trials, 1 - level)};
}

}  // namespace tools
