// Intervals of fractions and of medians.
#pragma once

#include <vector>

namespace tools {

struct Interval {
  double low = 0, high = 0;
};

// Exact 95 % interval of a probability from independent trials (Clopper and Pearson 1934), the only one of
// fractions here: the p at which P(at least `successes`) and P(at most `successes`) are not below 0.025 / choices.
// It holds the truth with 95 % at least, whatever the truth and the number of trials. With `choices` > 1 that is so
// of the fraction which was chosen among so many for what was seen of all of them, whatever the choice
// (Bonferroni). [0, 1] for no trials. 0 <= successes <= trials, choices >= 1.
Interval clopper_pearson(int successes, int trials, int choices = 1);

// Exact 95 % interval of a median, whatever the law: from the r-th lowest of m independent values to the r-th
// highest, which holds it with 1 - 2 P(B(m, 1/2) < r) at least; r is the largest with 0.95 or more (David and
// Nagaraja, Order Statistics 2003, 7.1). There is none for m < 6: then from the lowest to the highest, with the
// `coverage` that this has, 1 - 2^(1 - m). Infinite values are as good as others. values: at least one. With
// another `confidence` than 0.95 the same for that.
struct MedianInterval {
  Interval interval;
  double coverage = 0;
};
MedianInterval median_interval(std::vector<double> values, double confidence = 0.95);

// How well a score tells two groups apart: P(a score of the first > one of the second), ties for half (the area
// under the receiver's curve; Mann and Whitney 1947). Its 95 % interval is Newcombe's (Statistics in Medicine 2006,
// method 5), the theta at which the area is not further away than 1.96 standard errors at theta, by Hanley and
// McNeil's variance: it is there for an area of 0 or 1 too. Scores may be infinite. Neither is empty.
struct Area {
  double value = 0.5;
  Interval interval;
};
Area area_under_curve(const std::vector<double>& first, const std::vector<double>& second);

}  // namespace tools
