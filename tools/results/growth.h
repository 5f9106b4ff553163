// How the time to learn grows with the size of a problem, from runs of which some end before they have learned.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "results/statistics.h"

namespace tools {

// The time at which one run learned, in samples or steps: above `after`, where a test last said no, and at most
// `by`; infinite where it had not learned when it ended, at `after` (censored).
struct LearningTime {
  double after = 0, by = 0;
  bool learned() const { return by < std::numeric_limits<double>::infinity(); }
};

// The fraction of runs that has not learned at time t, S(t), by Kaplan and Meier (1958): the product over the
// times t_i <= t at which runs learned of 1 - d_i / n_i, d_i runs of the n_i that were still at work.
struct SurvivalStep {
  double time = 0;
  double fraction = 1;  // from this time on
  Interval interval;    // 95 %: Greenwood's variance on the scale log(-log S); [0, 1] where S is 0 or 1
};
// One step for each time at which a run learned, in rising order. Empty where none did.
std::vector<SurvivalStep> kaplan_meier(const std::vector<LearningTime>& times);

// The smallest time from which on at most half have not learned, and the times at which the 95 % intervals of S(t)
// let it be half (Brookmeyer and Crowley 1982). Infinite: not within what the runs were given.
struct MedianTime {
  double value = std::numeric_limits<double>::infinity();
  Interval interval{0, std::numeric_limits<double>::infinity()};
};
MedianTime median_time(const std::vector<SurvivalStep>& steps);

// What is known of one size.
struct SizeTimes {
  double size = 0;
  std::vector<LearningTime> times;
  // log of the effective number of functions at this size; nan: not known.
  double log_effective = std::numeric_limits<double>::quiet_NaN();
};

// A law of growth: log T = a + b u(size) + scatter Z, Z standard normal, fitted by maximum likelihood: a run adds
// log P(after < T <= by). The likelihood is concave in (a, b, 1) / scatter, so that its maximum is found.
struct GrowthLaw {
  std::string name;              // "n^b", as its size is called
  double a = 0, b = 0;           // nan: the law has no b
  double scatter = 0;            // standard deviation of log T over runs of one size
  double log_likelihood = 0;     // natural logarithm
  int parameters = 0;            // free ones, the scatter included
  double relative = 0;           // exp((lowest AIC - its AIC) / 2): 1 for the likeliest law
  std::vector<double> log_mean;  // a + b u at each size
};

struct Growth {
  std::string note;  // "": there is a fit; else why not
  std::vector<GrowthLaw> laws;
  // Of n^b, from the likelihood's profile: 95 %, infinite where the runs set no end.
  Interval exponent{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  std::size_t best = 0;  // the law of the lowest AIC
  // How much likelier it is than the next that is not nested with it, exp(dAIC / 2): between a constant and n^b, or
  // n^b and n^k, the exponent's interval decides. Infinite: there is none.
  double margin = 1;
  // Probability of so bad a fit of the best law if it were true: likelihood ratio against a mean of its own for
  // each size, chi-squared. Small: none of the laws holds.
  double fit = 1;

  bool grows() const { return note.empty() && exponent.low > 0; }
  // Twenty to one, a difference of the AIC of 6.
  bool decided() const { return margin >= 20; }
};

// Laws: constant; n^b; 2^(c sqrt n); 2^(c n); the effective number of functions where it is known at every size;
// and n^k where `power` is given: the exponent that theory names. `size`: what n is called. Needs three sizes and
// six runs that learned.
Growth fit_growth(const std::vector<SizeTimes>& sizes, const std::string& size = "n",
                  std::optional<double> power = {});

// "[2.5, 4.7]", two digits each; "any" for an end that is infinite.
std::string ends_text(const Interval& interval);
// ", 35 to 1", ", 3.1 to 1: undecided", or nothing where the exponent's interval decides.
std::string margin_text(const Growth& growth);
// "n^6.2 [5.1, 7.4]: grows; likeliest 2^(c sqrt n), 3.1 to 1: undecided (against 1: constant 1e-20, ...); fit p =
// 0.4".
std::string growth_text(const Growth& growth, const std::string& size);

}  // namespace tools
