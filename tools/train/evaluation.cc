#include "train/evaluation.h"

#include <algorithm>
#include <cmath>

namespace tools {
namespace {

// Variance of the targets; of classes their entropy.
double spread(const Outcomes& o) {
  const double n = static_cast<double>(o.y.size());
  if (o.outputs > 1) {
    std::vector<double> counts(o.outputs);
    for (double y : o.y) ++counts[static_cast<std::size_t>(y)];
    double entropy = 0;
    for (double c : counts) entropy -= c > 0 ? c / n * std::log(c / n) : 0;
    return entropy;
  }
  double mean = 0, variance = 0;
  for (double y : o.y) mean += y / n;
  for (double y : o.y) variance += (y - mean) * (y - mean) / n;
  return variance;
}

// Share of equal signs, or of largest logits at the class.
double accuracy(const Outcomes& o) {
  double right = 0;
  const auto k = static_cast<std::size_t>(o.outputs);
  for (std::size_t i = 0; i < o.y.size(); ++i) {
    if (k > 1) {
      const double* f = o.f.data() + i * k;
      right += std::max_element(f, f + k) - f == static_cast<std::ptrdiff_t>(o.y[i]) ? 1 : 0;
    } else {
      right += (o.f[i] > 0 && o.y[i] > 0) || (o.f[i] < 0 && o.y[i] < 0) ? 1 : 0;
    }
  }
  return right / static_cast<double>(o.y.size());
}

// Pearson's correlation of predictions and targets with its 95 % interval (Fisher's z). Of two classes: of the
// difference of the logits and the signs; of more: none.
void correlate(const Outcomes& o, Evaluation& e) {
  std::vector<double> f = o.f, y = o.y;
  if (o.outputs > 2) return;
  if (o.outputs == 2)
    for (std::size_t i = 0; i < y.size(); ++i) {
      f[i] = o.f[2 * i] - o.f[2 * i + 1];
      y[i] = 1 - 2 * o.y[i];
    }
  const double n = static_cast<double>(y.size());
  double mean_f = 0, mean_y = 0, ff = 0, yy = 0, fy = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    mean_f += f[i] / n;
    mean_y += y[i] / n;
  }
  for (std::size_t i = 0; i < y.size(); ++i) {
    ff += (f[i] - mean_f) * (f[i] - mean_f) / n;
    yy += (y[i] - mean_y) * (y[i] - mean_y) / n;
    fy += (f[i] - mean_f) * (y[i] - mean_y) / n;
  }
  e.correlation = ff > 0 && yy > 0 ? std::clamp(fy / std::sqrt(ff * yy), -1.0, 1.0) : 0;
  const double z = std::atanh(std::clamp(e.correlation, -1 + 1e-15, 1 - 1e-15));
  const double half = 1.959963984540054 / std::sqrt(std::max(1.0, n - 3));
  e.correlation_low = std::tanh(z - half);
  e.correlation_high = std::tanh(z + half);
}

}  // namespace

Evaluation summarize(const Outcomes& o, double loss) {
  Evaluation e;
  e.examples = static_cast<Index>(o.y.size());
  e.loss = loss;
  e.variance = spread(o);
  e.accuracy = accuracy(o);
  correlate(o, e);
  return e;
}

}  // namespace tools
