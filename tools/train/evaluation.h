// What a network does on a set of examples: loss, accuracy, correlation.
#pragma once

#include <vector>

#include "cli/options.h"

namespace tools {

struct Evaluation {
  Index examples = 0;
  double loss = 0;      // mean squared error, or cross entropy
  double variance = 0;  // of the targets, over the same examples; of classes: their entropy
  double accuracy = 0;  // share of equal signs, or of classes hit
  double correlation = 0, correlation_low = 0, correlation_high = 0;  // with its 95 % interval (Fisher's z)

  double normalized() const { return loss / variance; }
};

// Predictions f and targets y, in order. With several outputs an example is a class: f holds a logit a class,
// example after example, and y the class.
struct Outcomes {
  Index outputs = 1;
  std::vector<double> f, y;
};

// `loss` is the mean of the training loss over the same examples.
Evaluation summarize(const Outcomes& o, double loss);

}  // namespace tools
