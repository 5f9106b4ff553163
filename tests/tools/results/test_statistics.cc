// Intervals of fractions and medians: their values, and what they cover.
#include <doctest/doctest.h>

#include <eqnn/core/rng.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "results/statistics.h"
#include "support/sanitized.h"

namespace test_statistics {

using namespace tools;

namespace {

// P(k of m) for k = 0 .. m at probability p, by the recurrence that adds one trial: no logarithms, as in the
// library.
std::vector<double> binomial_law(int m, double p) {
  std::vector<double> law{1};
  for (int trial = 0; trial < m; ++trial) {
    law.push_back(0);
    for (std::size_t k = law.size() - 1; k > 0; --k) law[k] = law[k] * (1 - p) + law[k - 1] * p;
    law[0] *= 1 - p;
  }
  return law;
}

std::vector<Interval> intervals(int trials, int choices) {
  std::vector<Interval> all;
  for (int k = 0; k <= trials; ++k) all.push_back(clopper_pearson(k, trials, choices));
  return all;
}

// P(the interval holds p) at probability p.
double covers(const std::vector<Interval>& of, double p) {
  const std::vector<double> law = binomial_law(static_cast<int>(of.size()) - 1, p);
  double sum = 0;
  for (std::size_t k = 0; k < of.size(); ++k)
    if (of[k].low <= p && p <= of[k].high) sum += law[k];
  return sum;
}

}  // namespace

TEST_CASE("statistics: the interval of Clopper and Pearson has the values of quantiles of beta laws") {
  struct Case {
    int successes, trials, choices;
    double low, high;
  };
  // scipy 1.17.1, a = 0.025 / choices: beta.ppf(a, k, m - k + 1) and beta.ppf(1 - a, k + 1, m - k).
  for (const Case& c : {Case{0, 1, 1, 0, 0.975},
                        {0, 3, 1, 0, 0.7075982261787133},
                        {1, 3, 1, 0.008403758659612636, 0.9057006759497539},
                        {3, 3, 1, 0.2924017738212866, 1},
                        {1, 5, 1, 0.0050507633794680575, 0.7164179361180895},
                        {7, 20, 1, 0.15390920478454118, 0.5921885345328282},
                        {5, 10, 1, 0.18708602844739855, 0.8129139715526015},
                        {21, 30, 1, 0.5060409585374464, 0.8526548152452988},
                        {0, 30, 1, 0, 0.11570330822202778},
                        {25, 30, 1, 0.6527883011658562, 0.9435783035319285},
                        {30, 30, 1, 0.8842966917779722, 1},
                        {3, 1000, 1, 0.0006190999316495713, 0.008742023238478303},
                        {997, 1000, 1, 0.9912579767615217, 0.9993809000683505},
                        {1, 10, 6, 0.0004174499845467672, 0.5541678487679271},
                        {5, 5, 6, 0.3341625309791344, 1},
                        {0, 5, 6, 0, 0.6658374690208658}}) {
    CAPTURE(c.successes);
    CAPTURE(c.trials);
    const Interval i = clopper_pearson(c.successes, c.trials, c.choices);
    CHECK(i.low == doctest::Approx(c.low).epsilon(1e-10));
    CHECK(i.high == doctest::Approx(c.high).epsilon(1e-10));
  }
}

TEST_CASE("statistics: none and all have an end that is exact, and no trials tell nothing") {
  for (const int m : {1, 2, 5, 40, 500}) {
    CHECK(clopper_pearson(0, m).low == 0);
    CHECK(clopper_pearson(m, m).high == 1);
    // (1 - p)^m = 0.025, and 0.025 / 6 for the best of six.
    CHECK(clopper_pearson(0, m).high == doctest::Approx(1 - std::pow(0.025, 1.0 / m)).epsilon(1e-12));
    CHECK(clopper_pearson(m, m, 6).low == doctest::Approx(std::pow(0.025 / 6, 1.0 / m)).epsilon(1e-12));
  }
  CHECK(clopper_pearson(0, 0).low == 0);
  CHECK(clopper_pearson(0, 0, 4).high == 1);
}

TEST_CASE(
    "statistics: the interval holds every probability with 95 % at least, and not much more for many trials") {
  constexpr int kGrid = 1000;
  for (const int m : {1, 2, 3, 5, 10, 30, 100})
    for (const int choices : {1, 6}) {
      const std::vector<Interval> of = intervals(m, choices);
      double least = 1;
      for (int i = 0; i <= kGrid; ++i) least = std::min(least, covers(of, static_cast<double>(i) / kGrid));
      CAPTURE(m);
      CAPTURE(choices);
      CHECK(least >= 1 - 0.05 / choices);
      // An interval that is wider than it need be would hold as well.
      if (m >= 30) CHECK(least <= 1 - 0.04 / choices);
    }
}

TEST_CASE("statistics: the interval of a median has the ranks of the sign test") {
  struct Case {
    int values;
    double low, high, coverage;
  };
  // scipy 1.17.1: the values are 1 .. m, r is the largest with 1 - 2 binom.cdf(r - 1, m, 0.5) >= 0.95.
  for (const Case& c : {Case{1, 1, 1, 0},
                        {3, 1, 3, 0.75},
                        {5, 1, 5, 0.9375},
                        {6, 1, 6, 0.96875},
                        {8, 1, 8, 0.9921875},
                        {9, 2, 8, 0.9609375},
                        {31, 10, 22, 0.9705506265163422},
                        {100, 40, 61, 0.9647997997822951}}) {
    CAPTURE(c.values);
    std::vector<double> values;
    for (int i = c.values; i >= 1; --i) values.push_back(i);
    const MedianInterval m = median_interval(values);
    CHECK(m.interval.low == c.low);
    CHECK(m.interval.high == c.high);
    CHECK(m.coverage == doctest::Approx(c.coverage).epsilon(1e-12));
  }
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(median_interval({infinity, 3, infinity}).interval.low == 3);
  CHECK(median_interval({infinity, 3, infinity}).interval.high == infinity);
}

TEST_CASE("statistics: the interval of a median holds it as often as it says, of skewed values too") {
  constexpr int kTrials = 2000;
  for (const int m : {3, 5, 6, 10, 30}) {
    int held = 0;
    double says = 0;
    for (int t = 0; t < kTrials; ++t) {
      eqnn::Draws draws({11, eqnn::Stream::user, static_cast<std::uint64_t>(t), static_cast<std::uint64_t>(m)});
      std::vector<double> values;
      for (int i = 0; i < m; ++i) values.push_back(std::exp(2 * draws.normal()));  // of median 1
      const MedianInterval of = median_interval(values);
      held += of.interval.low <= 1 && 1 <= of.interval.high ? 1 : 0;
      says = of.coverage;
    }
    CAPTURE(m);
    // Four standard errors of the share.
    CHECK(std::abs(held / static_cast<double>(kTrials) - says) < 4 * std::sqrt(says * (1 - says) / kTrials));
    CHECK((m < 6) == (says < 0.95));
  }
}

TEST_CASE("statistics: the area under the curve and its interval") {
  CHECK(area_under_curve({2, 3}, {1, 2}).value == doctest::Approx(3.5 / 4));
  CHECK(area_under_curve({1}, {-std::numeric_limits<double>::infinity()}).value == 1);
  // Groups that are told apart wholly: the interval says how little ten of each are.
  const Area all = area_under_curve({11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(all.value == 1);
  CHECK(all.interval.high == doctest::Approx(1));
  // Its end is where 1 - theta is 1.96 standard errors at theta.
  const double t = all.interval.low, more = 9;
  CHECK(1 - t ==
        doctest::Approx(1.959963984540054 *
                        std::sqrt(t * (1 - t) * (1 + more * (1 - t) / (2 - t) + more * t / (1 + t)) / 100)));
  CHECK(t > 0.7);
  CHECK(t < 0.9);
}

TEST_CASE("statistics: the interval of the area holds the truth") {
  if (kSanitized) return;  // thousands of intervals, of which one would find what all do
  // Exponential scores of rates 1 and `odds`: P(first > second) = odds / (1 + odds).
  constexpr int kTrials = 1000;
  for (const double odds : {1.0, 4.0, 19.0}) {
    int holds = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> first, second;
      eqnn::Draws draws({.seed = 5, .step = static_cast<std::uint64_t>(trial)});
      const auto exponential = [&](double rate) { return -std::log((draws.word() + 0.5) / 4294967296.0) / rate; };
      for (int i = 0; i < 12; ++i) first.push_back(exponential(1));
      for (int i = 0; i < 8; ++i) second.push_back(exponential(odds));
      const Interval interval = area_under_curve(first, second).interval;
      const double truth = odds / (1 + odds);
      holds += interval.low <= truth && truth <= interval.high;
    }
    CAPTURE(odds);
    CHECK(holds >= 0.93 * kTrials);  // 95 % but for three standard errors
  }
}

}  // namespace test_statistics
