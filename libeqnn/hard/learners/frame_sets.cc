#include "frame_sets.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace eqnn::hard {
namespace {

// Standard errors from which on an answer is no accident, of as many as are asked.
constexpr double kSure = 5;

}  // namespace

std::vector<double> parity_sums(const FrameSample& sample, std::span<const Index> set, Index examples) {
  std::vector<double> f(static_cast<std::size_t>(examples));
  std::array<double, kMaxSetSize> y;
  for (std::size_t e = 0; e < f.size(); ++e) {
    const double* form = sample.forms.view().row(static_cast<Index>(e));
    for (std::size_t t = 0; t < set.size(); ++t) y[t] = form[set[t]];
    f[e] = parity_sum({y.data(), set.size()});
  }
  return f;
}

FrameQueries::FrameQueries(const FrameSample& sample, Oracle* oracle) : sample_(sample), oracle_(oracle) {
  require(!sample.y.empty() && sample.forms.rows() == static_cast<Index>(sample.y.size()), "the sample has ",
          sample.forms.rows(), " forms and ", sample.y.size(),
          " labels; it must have a label each, and one at least");
  for (const double y : sample.y) clipped_.push_back(std::min(y * y, kLabelClip));
}

Answer FrameQueries::squared(std::span<const double> q) {
  ++squared_;
  double value = 0, square = 0;
  for (std::size_t e = 0; e < q.size(); ++e) {
    const double psi = clipped_[e] * q[e];
    value += psi;
    square += psi * psi;
  }
  const double examples = static_cast<double>(q.size()), norm = std::sqrt(square / examples);
  value /= examples;
  const double error = kSure * norm / std::sqrt(examples);
  if (oracle_ == nullptr) return {value, error};
  if (oracle_->kind() == Oracle::Kind::csq) return {};
  return {oracle_->answer(value, norm), std::max(error, norm * oracle_->tau())};
}

double FrameQueries::correlation(std::span<const Index> set) {
  ++correlational_;
  const std::vector<double> f = parity_sums(sample_, set, sample_.forms.rows());
  double value = 0, square = 0;
  for (std::size_t e = 0; e < f.size(); ++e) {
    value += sample_.y[e] * f[e];
    square += f[e] * f[e];
  }
  if (square == 0) return 0;
  value /= std::sqrt(square * static_cast<double>(f.size()));
  return oracle_ == nullptr ? value : oracle_->answer(value, 1);
}

double FrameQueries::norm_sq(std::span<const Index> set, double correlation) const {
  double square = 0;
  for (const double f : parity_sums(sample_, set, sample_.forms.rows())) square += f * f;
  return square / static_cast<double>(sample_.y.size()) / (correlation * correlation);
}

}  // namespace eqnn::hard
