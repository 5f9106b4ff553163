#include "power_spectrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "oracle.h"

namespace eqnn::hard {

SquaredAutocovariance::SquaredAutocovariance(Index n) : n_(n) {
  require(n >= 1, "n is ", n, "; at least 1 position is needed");
  sums_.resize(static_cast<std::size_t>(n / 2 + 1));
  squares_.resize(sums_.size());
}

void SquaredAutocovariance::add(const Block<const double>& x, std::span<const double> y) {
  require(x.points == n_ && static_cast<Index>(y.size()) == x.examples, "inputs of ", x.points, " positions and ",
          y.size(), " labels for ", x.examples, " of them; it takes ", n_, " positions and a label each");
  for (Index e = 0; e < x.examples; ++e, ++examples_) {
    const double weight = y[static_cast<std::size_t>(e)] * y[static_cast<std::size_t>(e)] - 1;
    const bool normed = examples_ < kNormExamples;
    normed_ += normed ? 1 : 0;
    for (std::size_t l = 0; l < sums_.size(); ++l) {
      double sum = 0;
      for (Index t = 0; t < n_; ++t)
        for (Index c = 0; c < x.channels; ++c) sum += x(e, t, c) * x(e, (t + static_cast<Index>(l)) % n_, c);
      sums_[l] += weight * sum;
      if (normed) squares_[l] += weight * sum * weight * sum;
    }
  }
}

std::vector<double> SquaredAutocovariance::means() const {
  std::vector<double> means = sums_;
  for (double& v : means) v /= static_cast<double>(examples_);
  return means;
}

std::vector<double> SquaredAutocovariance::norms() const {
  std::vector<double> norms = squares_;
  for (double& v : norms) v = std::sqrt(v / static_cast<double>(normed_));
  return norms;
}

std::vector<double> power_spectrum(std::span<const double> lags, Index n) {
  const double positions = static_cast<double>(n);
  std::vector<double> power(lags.size());
  double total = 0;
  for (std::size_t w = 0; w < power.size(); ++w) {
    const auto doubled = [&](std::size_t i) { return i != 0 && 2 * static_cast<Index>(i) != n ? 2.0 : 1.0; };
    double sum = 0;
    for (std::size_t l = 0; l < lags.size(); ++l)
      sum += doubled(l) * lags[l] * std::cos(2 * std::numbers::pi * static_cast<double>(w * l) / positions);
    power[w] = std::max(0.0, doubled(w) * sum / positions);
    total += power[w];
  }
  for (double& p : power) p = total > 0 ? 2 * p / total : 0;
  return power;
}

std::vector<double> power_spectrum(const Matrix<double>& plane) {
  const Index n = plane.rows();
  std::vector<double> lags(static_cast<std::size_t>(n / 2 + 1));
  for (std::size_t l = 0; l < lags.size(); ++l)
    for (Index t = 0; t < n; ++t)
      for (Index j = 0; j < plane.cols(); ++j) lags[l] += plane(t, j) * plane((t + static_cast<Index>(l)) % n, j);
  return power_spectrum(lags, n);
}

double spectrum_distance(std::span<const double> p, std::span<const double> q) {
  double distance = 0, total = 0;
  for (std::size_t w = 0; w < q.size(); ++w) {
    distance += std::abs(p[w] - q[w]) / 2;
    total += q[w];
  }
  return distance / total;
}

}  // namespace eqnn::hard
