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

// Sums of centred predictions and targets, of which an example can be left out.
struct CentredSums {
  double n = 0, f = 0, y = 0, ff = 0, yy = 0, fy = 0;

  void add(double fi, double yi, double sign) {
    n += sign;
    f += sign * fi;
    y += sign * yi;
    ff += sign * fi * fi;
    yy += sign * yi * yi;
    fy += sign * fi * yi;
  }
  // No number where one of them does not vary.
  double correlation() const {
    const double vf = ff - f * f / n, vy = yy - y * y / n;
    return vf > 0 && vy > 0 ? std::clamp((fy - f * y / n) / std::sqrt(vf * vy), -1.0, 1.0) : Evaluation::kUndefined;
  }
};

double fisher_z(double r) { return std::atanh(std::clamp(r, -1 + 1e-15, 1 - 1e-15)); }

// The 0.975 quantile of Student's t, by Cornish and Fisher's expansion: within 0.01 from 5 degrees of freedom on.
double student_quantile(double freedom) {
  const double z = 1.959963984540054, z3 = z * z * z;
  return z + (z3 + z) / (4 * freedom) + (5 * z3 * z * z + 16 * z3 + 3 * z) / (96 * freedom * freedom);
}

// The 95 % interval of a correlation from its values without one example each (jackknife, on the scale of Fisher's
// z): it holds for targets with heavy tails too, where Fisher's own 1 / sqrt(n - 3), which is that of normal pairs,
// is too small by up to ten times. The deviations that make up the variance count as (sum d^2)^2 / sum d^4
// examples, with half as many degrees of freedom; of fewer than 10 no interval can be told.
void add_interval(const std::vector<double>& f, const std::vector<double>& y, const CentredSums& all,
                  Evaluation& e) {
  constexpr double kFewest = 10;
  const double n = all.n, z = fisher_z(e.correlation);
  double mean = 0, second = 0, fourth = 0;
  std::vector<double> without(f.size());
  for (std::size_t i = 0; i < f.size(); ++i) {
    CentredSums left = all;
    left.add(f[i], y[i], -1);
    without[i] = fisher_z(left.correlation());
    mean += without[i] / n;
  }
  for (const double v : without) {
    const double d = (v - mean) * (v - mean);
    second += d;
    fourth += d * d;
  }
  const double counted = second * second / fourth;
  if (std::abs(e.correlation) == 1 || !(counted >= kFewest)) return;
  const double half = student_quantile(counted / 2) * std::sqrt((n - 1) / n * second);
  e.correlation_low = std::tanh(z - half);
  e.correlation_high = std::tanh(z + half);
}

// Of two classes: of the difference of the logits and the signs; of more: none.
void correlate(const Outcomes& o, Evaluation& e) {
  std::vector<double> f = o.f, y = o.y;
  if (o.outputs > 2) return;
  if (o.outputs == 2) {
    f.resize(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      f[i] = o.f[2 * i] - o.f[2 * i + 1];
      y[i] = 1 - 2 * o.y[i];
    }
  }
  const double n = static_cast<double>(y.size());
  double mean_f = 0, mean_y = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    mean_f += f[i] / n;
    mean_y += y[i] / n;
  }
  CentredSums all;
  for (std::size_t i = 0; i < y.size(); ++i) {
    f[i] -= mean_f;
    y[i] -= mean_y;
    all.add(f[i], y[i], 1);
  }
  e.correlation = all.correlation();
  if (std::isfinite(e.correlation)) add_interval(f, y, all, e);
}

}  // namespace

double mean_squared_error(const Outcomes& o) {
  double sum = 0;
  for (std::size_t i = 0; i < o.y.size(); ++i) sum += (o.f[i] - o.y[i]) * (o.f[i] - o.y[i]);
  return sum / static_cast<double>(o.y.size());
}

double mean_cross_entropy(const Outcomes& o) {
  const auto k = static_cast<std::size_t>(o.outputs);
  double sum = 0;
  for (std::size_t i = 0; i < o.y.size(); ++i) {
    const double *f = o.f.data() + i * k, largest = *std::max_element(f, f + k);
    double all = 0;
    for (std::size_t j = 0; j < k; ++j) all += std::exp(f[j] - largest);
    // Differences of logits alone: log 2 of two equal ones at 1e18 too.
    sum += std::log(all) + (largest - f[static_cast<std::size_t>(o.y[i])]);
  }
  return sum / static_cast<double>(o.y.size());
}

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
