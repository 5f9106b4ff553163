#include "plane_overlap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace eqnn::hard {
namespace {

// Gauss and Legendre's rule on [0, 1].
struct Rule {
  static constexpr int kNodes = 64;
  std::array<double, kNodes> x, w;

  Rule() {
    for (int i = 0; i < kNodes; ++i) {
      double z = std::cos(std::numbers::pi * (i + 0.75) / (kNodes + 0.5)), slope = 0;
      for (int step = 0; step < 8; ++step) {  // Newton's method on the Legendre polynomial
        double p = 1, before = 0;
        for (int k = 1; k <= kNodes; ++k) {
          const double next = ((2 * k - 1) * z * p - (k - 1) * before) / k;
          before = p;
          p = next;
        }
        slope = kNodes * (z * p - before) / (z * z - 1);
        z -= p / slope;
      }
      x[i] = (1 + z) / 2;
      w[i] = 1 / ((1 - z * z) * slope * slope);
    }
  }
};

// log of the density's integral over s > r, without its constant. With 1 - s^2 = (1 - r^2) v^(1 / (a + 1)) the
// factor (1 - s^2)^a, which falls by orders of magnitude next to r, is gone; x = sin t takes away the one at x = 1.
double log_mass(double a, double r) {
  static const Rule rule;
  const double m = std::min(2 * (a + 1), 8.0);
  double sum = 0;
  for (int i = 0; i < Rule::kNodes; ++i) {
    const double s_sq = 1 - (1 - r * r) * std::pow(rule.x[i], m / (a + 1)), s = std::sqrt(s_sq);
    // cos^(2a + 1) t is below e^-70 beyond.
    const double end = std::min(std::asin(s), 12 / std::sqrt(std::max(a + 0.5, 0.1)));
    double inner = 0;
    for (int j = 0; j < Rule::kNodes; ++j) {
      const double t = end * rule.x[j], x = std::sin(t);
      inner += rule.w[j] * (s_sq - x * x) * std::pow(std::cos(t), 2 * a + 1);
    }
    sum += rule.w[i] * m * std::pow(rule.x[i], m - 1) * end * inner / s;
  }
  return (a + 1) * std::log1p(-r * r) + std::log(sum / (2 * (a + 1)));
}

}  // namespace

double log_overlap_tail(Index m, double r) {
  if (r >= 1) return -std::numeric_limits<double>::infinity();
  if (m < 4 || r <= 0) return 0;
  const double a = static_cast<double>(m - 5) / 2;
  return std::min(0.0, log_mass(a, r) - log_mass(a, 0));
}

}  // namespace eqnn::hard
