#include "low_degree.h"

namespace eqnn::hard {

void LowDegreeLearner::add(MatrixView<const double> x, std::span<const double> y) {
  require(x.cols == basis_.variables() && x.rows == static_cast<Index>(y.size()), "a sample of ", x.rows, " x ",
          x.cols, " inputs and ", y.size(), " labels; it must have ", basis_.variables(),
          " variables and one label each");
  basis_.correlate(x, y.data(), sums_.data());
  for (const double v : y) squares_ += v * v;
  samples_ += x.rows;
}

void LowDegreeLearner::values(MatrixView<const double> x, double* y) const {
  require(samples_ >= 1, "no samples; at least 1 is needed");
  basis_.evaluate(x, sums_.data(), y);
  for (Index e = 0; e < x.rows; ++e) y[e] /= static_cast<double>(samples_);
}

double LowDegreeLearner::mass() const {
  double sum = 0;
  for (const double s : sums_) sum += s * s;
  const double m = static_cast<double>(samples_);
  return samples_ > 0 ? sum / (m * m) : 0;
}

double LowDegreeLearner::estimation_mass() const {
  const double m = static_cast<double>(samples_);
  return samples_ > 0 ? static_cast<double>(basis_.size()) * (squares_ / m) / m : 0;
}

}  // namespace eqnn::hard
