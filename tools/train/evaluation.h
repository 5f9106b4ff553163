// What a network does on a set of examples: loss, accuracy, correlation.
#pragma once

#include <limits>
#include <vector>

#include "cli/options.h"

namespace tools {

struct Evaluation {
  Index examples = 0;
  double loss = 0;      // mean squared error, or cross entropy
  double variance = 0;  // of the targets, over the same examples; of classes: their entropy
  double accuracy = 0;  // share of equal signs, or of classes hit
  // Pearson's, of predictions and targets, with its 95 % interval (jackknife); no numbers where one of them does
  // not vary, or a prediction is not finite, and no interval where so few examples decide it that none can be told.
  double correlation = kUndefined, correlation_low = kUndefined, correlation_high = kUndefined;

  // Loss over variance; no number where the targets are all the same.
  double normalized() const { return variance > 0 ? loss / variance : kUndefined; }

  static constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
};

// Predictions f and targets y, in order. With several outputs an example is a class: f holds a logit a class,
// example after example, and y the class.
struct Outcomes {
  Index outputs = 1;
  std::vector<double> f, y;
};

// Of a network with one output.
double mean_squared_error(const Outcomes& o);
// Of one with several: the mean of log sum_j exp(f_j) - f_y.
double mean_cross_entropy(const Outcomes& o);

// `loss` is the mean of the loss over the same examples.
Evaluation summarize(const Outcomes& o, double loss);

}  // namespace tools
