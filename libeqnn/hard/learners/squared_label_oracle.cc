#include "squared_label_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace eqnn::hard {
namespace {

// Samples at a time: their columns stay in the first-level cache.
constexpr Index kSamplesAtOnce = 256;

// P_0(u), P_1(u), ... of up to kSamplesAtOnce values, one degree after the other.
class BlockPolynomials {
 public:
  BlockPolynomials(const std::vector<RecurrenceStep>& steps, const double* u, Index count)
      : steps_(steps), u_(u), count_(count) {
    std::fill_n(p_.begin(), count, 1.0);
    std::fill_n(before_.begin(), count, 0.0);
  }
  void advance() {
    const RecurrenceStep s = steps_[next_++];
    for (Index k = 0; k < count_; ++k) {
      const double after = (s.slope * u_[k] + s.shift) * p_[k] - s.previous * before_[k];
      before_[k] = p_[k];
      p_[k] = after;
    }
  }
  const double* values() const { return p_.data(); }

 private:
  const std::vector<RecurrenceStep>& steps_;
  const double* u_;
  Index count_;
  std::size_t next_ = 0;
  std::array<double, kSamplesAtOnce> p_, before_;
};

// Four interleaved sums, in a fixed order.
double dot(const double* x, const double* y, Index count) {
  double sums[4] = {};
  Index k = 0;
  for (; k + 4 <= count; k += 4)
    for (Index l = 0; l < 4; ++l) sums[l] += x[k + l] * y[k + l];
  for (; k < count; ++k) sums[0] += x[k] * y[k];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// factor[k] = e^-decay of z_k over w(z_k), and u[k] = stretch * z_k.
void damp(Law law, double own, double rest, const double* z, Index count, double* factor, double* u) {
  const double stretch = detector_stretch(law, own), mean = rest_mean(law, rest);
  for (Index k = 0; k < count; ++k) u[k] = stretch * z[k];
  if (own == 0 && rest == 0) return std::fill_n(factor, count, 1.0), void();
  for (Index k = 0; k < count; ++k)
    factor[k] = mean * std::exp(detector_decay(law, rest, z[k]) - detector_decay(law, own, z[k]));
}

// prod_j w(z_j) of every sample, z [r, samples].
std::vector<double> rest_weights(Law law, double rest, const Matrix<double>& z) {
  std::vector<double> w(static_cast<std::size_t>(z.cols()));
  for (Index i = 0; i < z.rows(); ++i)
    for (Index e = 0; e < z.cols(); ++e) w[static_cast<std::size_t>(e)] -= detector_decay(law, rest, z(i, e));
  const double mean = static_cast<double>(z.rows()) * std::log(rest_mean(law, rest));
  for (double& v : w) v = std::exp(v - mean);
  return w;
}

}  // namespace

void check_labels(MatrixView<const double> z, std::span<const double> y) {
  require(z.rows == static_cast<Index>(y.size()), "the data set has ", z.rows, " samples and ", y.size(),
          " labels; give one label a sample");
}

void check_damping(Damping damping) {
  for (const double d : {damping.tested, damping.chosen, damping.rest})
    if (!(d >= 0 && std::isfinite(d)))
      throw ValueError(fmt::format("the damping is {}; it must be finite and not negative", d));
}

double mean_product(const std::vector<double>& x, const std::vector<double>& y) {
  const Index count = static_cast<Index>(x.size());
  double sum = 0;
  for (Index first = 0; first < count; first += kSamplesAtOnce)
    sum += dot(x.data() + first, y.data() + first, std::min(kSamplesAtOnce, count - first));
  return sum / static_cast<double>(count);
}

// --- exact answers

PopulationOracle::PopulationOracle(Law law, Index r, const std::vector<PolynomialTerm>& target, Damping damping)
    : law_(law), r_(r), damping_(damping) {
  require(r >= 1, "r is ", r, "; at least 1 generator is needed");
  check_damping(damping);
  for (const PolynomialTerm& t : target) {
    for (const Factor& f : t.monomial)
      require(f.generator >= 0 && f.generator < r, "the target names generator ", f.generator,
              "; generators are 0 to ", r - 1);
    target_[t.monomial] += t.coefficient;
  }
  restart();
}

double PopulationOracle::energy() {
  double sum = 0;
  for (const auto& [monomial, c] : residual_) sum += c * c;
  return sum;
}

double PopulationOracle::moment(Index a, Index b, Index t, bool tested) {
  const auto [found, is_new] = moments_.try_emplace({a, b, t, tested ? 1 : 0});
  if (is_new)
    found->second = t == 0 ? rest_moment(law_, a, b, damping_.rest)
                           : detector_moment(law_, a, b, t, tested ? damping_.tested : damping_.chosen);
  return found->second;
}

double PopulationOracle::detection(const Monomial& prefix, Index i, Index t) {
  // E of a product over independent generators, summed over pairs of terms.
  std::map<Index, std::array<Index, 3>> degrees;
  double sum = 0;
  for (const auto& [first, c] : residual_)
    for (const auto& [second, d] : residual_) {
      degrees.clear();
      for (const Factor& f : first) degrees[f.generator][0] = f.degree;
      for (const Factor& f : second) degrees[f.generator][1] = f.degree;
      for (const Factor& f : prefix) degrees[f.generator][2] = f.degree;
      degrees[i][2] = t;
      double product = c * d;
      for (const auto& [generator, s] : degrees) product *= moment(s[0], s[1], s[2], generator == i);
      sum += product;
    }
  return sum;
}

double PopulationOracle::coefficient(const Monomial& monomial) {
  const auto found = residual_.find(monomial);
  return found == residual_.end() ? 0 : found->second;
}

// --- answers from samples

SampleOracle::SampleOracle(Law law, MatrixView<const double> z, std::span<const double> y, Damping damping)
    : law_(law), damping_(damping) {
  require(z.rows >= 1 && z.cols >= 1, "the data set has ", z.rows, " samples of ", z.cols,
          " generators; at least one of each is needed");
  check_labels(z, y);
  check_damping(damping);
  z_ = Matrix<double>(z.cols, z.rows);
  for (Index e = 0; e < z.rows; ++e)
    for (Index i = 0; i < z.cols; ++i) {
      if (!std::isfinite(z(e, i)))
        throw ValueError(fmt::format("generator {} of sample {} is {}; values must be finite", i, e, z(e, i)));
      z_(i, e) = z(e, i);
    }
  for (std::size_t e = 0; e < y.size(); ++e)
    if (!std::isfinite(y[e])) throw ValueError(fmt::format("label {} is {}; labels must be finite", e, y[e]));
  y_.assign(y.begin(), y.end());
  if (damping.rest > 0) rest_ = rest_weights(law, damping.rest, z_);
  restart();
}

void SampleOracle::restart() {
  residual_ = y_;
  weighed_ = false;
}

double SampleOracle::energy() { return mean_product(residual_, residual_); }

// weights_ = res^2 prod psi over the prefix.
void SampleOracle::weigh(const Monomial& prefix) {
  if (weighed_ && prefix == prefix_) return;
  weights_.resize(residual_.size());
  for (std::size_t e = 0; e < residual_.size(); ++e)
    weights_[e] = residual_[e] * residual_[e] * (rest_.empty() ? 1 : rest_[e]);
  std::array<double, kSamplesAtOnce> factor, u;
  for (const Factor& f : prefix) {
    const auto steps = recurrence(law_, 2 * f.degree);
    for (Index first = 0; first < samples(); first += kSamplesAtOnce) {
      const Index count = std::min(kSamplesAtOnce, samples() - first);
      damp(law_, damping_.chosen, damping_.rest, z_.view().row(f.generator) + first, count, factor.data(),
           u.data());
      BlockPolynomials p(steps, u.data(), count);
      for (Index n = 0; n < 2 * f.degree; ++n) p.advance();
      double* w = weights_.data() + first;
      for (Index k = 0; k < count; ++k) w[k] *= factor[k] * p.values()[k];
    }
  }
  prefix_ = prefix;
  weighed_ = true;
  last_ = -1;
}

double SampleOracle::detection(const Monomial& prefix, Index i, Index t) {
  weigh(prefix);
  // The learner asks for t, t-1, ..., 1: all of them in one pass.
  if (i != last_ || t > static_cast<Index>(detections_.size())) {
    detections_.assign(t, 0.0);
    last_ = i;
    const auto steps = recurrence(law_, 2 * t);
    std::array<double, kSamplesAtOnce> factor, u;
    for (Index first = 0; first < samples(); first += kSamplesAtOnce) {
      const Index count = std::min(kSamplesAtOnce, samples() - first);
      damp(law_, damping_.tested, damping_.rest, z_.view().row(i) + first, count, factor.data(), u.data());
      for (Index k = 0; k < count; ++k) factor[k] *= weights_[first + k];
      BlockPolynomials p(steps, u.data(), count);
      for (double& sum : detections_) {
        p.advance();
        p.advance();
        sum += dot(factor.data(), p.values(), count);
      }
    }
    for (double& sum : detections_) sum /= static_cast<double>(samples());
  }
  return detections_[t - 1];
}

std::vector<double> SampleOracle::column(const Monomial& monomial) const {
  std::vector<double> product(y_.size(), 1.0);
  for (const Factor& f : monomial) {
    const auto steps = recurrence(law_, f.degree);
    for (Index first = 0; first < samples(); first += kSamplesAtOnce) {
      const Index count = std::min(kSamplesAtOnce, samples() - first);
      BlockPolynomials p(steps, z_.view().row(f.generator) + first, count);
      for (Index n = 0; n < f.degree; ++n) p.advance();
      for (Index k = 0; k < count; ++k) product[first + k] *= p.values()[k];
    }
  }
  return product;
}

double SampleOracle::coefficient(const Monomial& monomial) { return mean_product(residual_, column(monomial)); }

void SampleOracle::subtract(const PolynomialTerm& term) {
  const std::vector<double> p = column(term.monomial);
  for (std::size_t e = 0; e < p.size(); ++e) residual_[e] -= term.coefficient * p[e];
  weighed_ = false;
}

}  // namespace eqnn::hard
