#include "growing_basis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace eqnn::hard {
namespace {

constexpr Index kMaxDegree = 12, kMostTerms = 10000;
constexpr double kVerified = 1e-20;
// Samples at a time: their columns stay in the first-level cache.
constexpr Index kBlock = 256;

void check_options(const GrowingBasisOptions& o) {
  require(o.degree >= 1, "degree is ", o.degree, "; it must be at least 1");
  require(o.degree <= kMaxDegree, "degree is ", o.degree, "; at most ", kMaxDegree,
          " is allowed (double-precision cancellation not checked beyond)");
  require(o.terms >= 1 && o.terms <= kMostTerms, "terms is ", o.terms, "; allowed are 1 to ", kMostTerms);
  if (!(o.noise_variance >= 0 && std::isfinite(o.noise_variance)))
    throw ValueError(fmt::format("the noise variance is {}; it must be finite and not negative", o.noise_variance));
}

void check_damping(double damping) {
  if (!(damping >= 0 && std::isfinite(damping)))
    throw ValueError(fmt::format("the damping is {}; it must be finite and not negative", damping));
}

// P_0(u), P_1(u), ... of up to kBlock values, one degree after the other.
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
      const std::size_t j = static_cast<std::size_t>(k);
      const double after = (s.slope * u_[j] + s.shift) * p_[j] - s.previous * before_[j];
      before_[j] = p_[j];
      p_[j] = after;
    }
  }
  const double* values() const { return p_.data(); }

 private:
  const std::vector<RecurrenceStep>& steps_;
  const double* u_;
  Index count_;
  std::size_t next_ = 0;
  std::array<double, kBlock> p_, before_;
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

double mean_product(const std::vector<double>& x, const std::vector<double>& y) {
  const Index count = static_cast<Index>(x.size());
  double sum = 0;
  for (Index first = 0; first < count; first += kBlock)
    sum += dot(x.data() + first, y.data() + first, std::min(kBlock, count - first));
  return sum / static_cast<double>(count);
}

// factor[k] = e^-decay of z_k, and u[k] = stretch * z_k.
void damp(Law law, double damping, const double* z, Index count, double* factor, double* u) {
  const double stretch = detector_stretch(law, damping);
  for (Index k = 0; k < count; ++k) u[k] = stretch * z[k];
  if (damping == 0) return std::fill_n(factor, count, 1.0), void();
  for (Index k = 0; k < count; ++k) factor[k] = std::exp(-detector_decay(law, damping, z[k]));
}

}  // namespace

// --- exact answers ---------------------------------------------------------------------------------------------

PopulationOracle::PopulationOracle(Law law, Index r, const std::vector<PolynomialTerm>& target, double damping)
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

double PopulationOracle::moment(Index a, Index b, Index t) {
  if (t == 0) return a == b ? 1 : 0;
  const auto [found, is_new] = moments_.try_emplace({a, b, t});
  if (is_new) found->second = detector_moment(law_, a, b, t, damping_);
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
      for (const auto& [generator, s] : degrees) product *= moment(s[0], s[1], s[2]);
      sum += product;
    }
  return sum;
}

double PopulationOracle::coefficient(const Monomial& monomial) {
  const auto found = residual_.find(monomial);
  return found == residual_.end() ? 0 : found->second;
}

// --- answers from samples --------------------------------------------------------------------------------------

SampleOracle::SampleOracle(Law law, MatrixView<const double> z, std::span<const double> y, double damping)
    : law_(law), damping_(damping) {
  require(z.rows >= 1 && z.cols >= 1, "the data set has ", z.rows, " samples of ", z.cols,
          " generators; at least one of each is needed");
  require(z.rows == static_cast<Index>(y.size()), "the data set has ", z.rows, " samples and ", y.size(),
          " labels; give one label a sample");
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
  for (std::size_t e = 0; e < residual_.size(); ++e) weights_[e] = residual_[e] * residual_[e];
  std::array<double, kBlock> factor, u;
  for (const Factor& f : prefix) {
    const auto steps = recurrence(law_, 2 * f.degree);
    for (Index first = 0; first < samples(); first += kBlock) {
      const Index count = std::min(kBlock, samples() - first);
      damp(law_, damping_, z_.view().row(f.generator) + first, count, factor.data(), u.data());
      BlockPolynomials p(steps, u.data(), count);
      for (Index n = 0; n < 2 * f.degree; ++n) p.advance();
      double* w = weights_.data() + first;
      for (Index k = 0; k < count; ++k) w[k] *= factor[static_cast<std::size_t>(k)] * p.values()[k];
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
    detections_.assign(static_cast<std::size_t>(t), 0.0);
    last_ = i;
    const auto steps = recurrence(law_, 2 * t);
    std::array<double, kBlock> factor, u;
    for (Index first = 0; first < samples(); first += kBlock) {
      const Index count = std::min(kBlock, samples() - first);
      damp(law_, damping_, z_.view().row(i) + first, count, factor.data(), u.data());
      for (Index k = 0; k < count; ++k)
        factor[static_cast<std::size_t>(k)] *= weights_[static_cast<std::size_t>(first + k)];
      BlockPolynomials p(steps, u.data(), count);
      for (double& sum : detections_) {
        p.advance();
        p.advance();
        sum += dot(factor.data(), p.values(), count);
      }
    }
    for (double& sum : detections_) sum /= static_cast<double>(samples());
  }
  return detections_[static_cast<std::size_t>(t - 1)];
}

std::vector<double> SampleOracle::column(const Monomial& monomial) const {
  std::vector<double> product(y_.size(), 1.0);
  for (const Factor& f : monomial) {
    const auto steps = recurrence(law_, f.degree);
    for (Index first = 0; first < samples(); first += kBlock) {
      const Index count = std::min(kBlock, samples() - first);
      BlockPolynomials p(steps, z_.view().row(f.generator) + first, count);
      for (Index n = 0; n < f.degree; ++n) p.advance();
      for (Index k = 0; k < count; ++k) product[static_cast<std::size_t>(first + k)] *= p.values()[k];
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

// --- the learner -----------------------------------------------------------------------------------------------

const char* status_name(GrowingBasisResult::Status status) {
  switch (status) {
    case GrowingBasisResult::Status::converged:
      return "converged";
    case GrowingBasisResult::Status::stuck:
      return "stuck";
    case GrowingBasisResult::Status::out_of_terms:
      break;
  }
  return "out-of-terms";
}

namespace {

// Step (2): a monomial of the residual, empty when there is none.
Monomial grow_monomial(SquaredLabelOracle& oracle, Index degree, double theta, const std::vector<double>& scales,
                       Index& queries) {
  Monomial monomial;
  double scale = 1;
  Index left = degree;
  for (Index i = 0; i < oracle.generators() && left > 0; ++i)
    for (Index t = left; t >= 1; --t) {
      ++queries;
      const double c = scales[static_cast<std::size_t>(t)];
      if (!(oracle.detection(monomial, i, t) >= theta * scale * c)) continue;
      monomial.push_back({i, t});
      left -= t;
      scale *= c;
      break;
    }
  return monomial;
}

void record(std::vector<PolynomialTerm>& terms, double c, const Monomial& monomial) {
  for (PolynomialTerm& t : terms)
    if (t.monomial == monomial) {
      t.coefficient += c;
      return;
    }
  terms.push_back({c, monomial});
}

// One attempt, from the oracle's present residual. Coefficients below `least` end it: stuck.
void attempt(SquaredLabelOracle& oracle, const GrowingBasisOptions& options, double damping, double least,
             GrowingBasisResult& result) {
  std::vector<double> scales;
  for (Index t = 0; t <= options.degree; ++t) scales.push_back(detector_scale(oracle.law(), t, damping));
  const double theta = options.a_min * options.a_min / 2;
  result.status = GrowingBasisResult::Status::stuck;
  result.terms.clear();
  result.a_min = options.a_min;
  ++result.attempts;
  for (Index round = 0;; ++round) {
    ++result.energy_queries;
    if (oracle.energy() - options.noise_variance < theta) {
      result.status = GrowingBasisResult::Status::converged;
      return;
    }
    if (round == options.terms) {
      result.status = GrowingBasisResult::Status::out_of_terms;
      return;
    }
    const Monomial monomial = grow_monomial(oracle, options.degree, theta, scales, result.detection_queries);
    if (monomial.empty()) return;
    ++result.coefficient_queries;
    const double c = oracle.coefficient(monomial);
    if (std::abs(c) < least) return;
    record(result.terms, c, monomial);
    oracle.subtract({c, monomial});
  }
}

// L L^T = A in the lower triangle; false unless every pivot is well above rounding.
bool cholesky(Matrix<double>& a) {
  for (Index j = 0; j < a.rows(); ++j) {
    const double diagonal = a(j, j);
    for (Index k = 0; k < j; ++k) a(j, j) -= a(j, k) * a(j, k);
    if (!(a(j, j) > 1e-12 * diagonal)) return false;
    a(j, j) = std::sqrt(a(j, j));
    for (Index i = j + 1; i < a.rows(); ++i) {
      for (Index k = 0; k < j; ++k) a(i, j) -= a(i, k) * a(j, k);
      a(i, j) /= a(j, j);
    }
  }
  return true;
}

void solve(const Matrix<double>& l, std::vector<double>& x) {
  const Index n = l.rows();
  const auto at = [&](Index i) -> double& { return x[static_cast<std::size_t>(i)]; };
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < i; ++k) at(i) -= l(i, k) * at(k);
    at(i) /= l(i, i);
  }
  for (Index i = n - 1; i >= 0; --i) {
    for (Index k = i + 1; k < n; ++k) at(i) -= l(k, i) * at(k);
    at(i) /= l(i, i);
  }
}

// Coefficients by least squares, and the residual mean square over that of the labels. Normal equations, solved
// three times for what is left: as exact as an orthogonal factorisation on such nearly orthonormal columns.
void least_squares(const SampleOracle& oracle, LearnedPolynomial& learned) {
  std::vector<std::vector<double>> columns;
  for (const PolynomialTerm& t : learned.terms) columns.push_back(oracle.column(t.monomial));
  const std::vector<double>& y = oracle.labels();
  std::vector<double> left = y;
  const auto subtract = [&](std::size_t k, double c) {
    for (std::size_t e = 0; e < left.size(); ++e) left[e] -= c * columns[k][e];
  };
  Matrix<double> gram(static_cast<Index>(columns.size()), static_cast<Index>(columns.size()));
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::size_t j = 0; j <= i; ++j)
      gram(static_cast<Index>(i), static_cast<Index>(j)) = mean_product(columns[i], columns[j]);
  const bool solvable = columns.size() <= y.size() && cholesky(gram);
  if (solvable)
    for (PolynomialTerm& t : learned.terms) t.coefficient = 0;
  for (std::size_t k = 0; k < columns.size() && !solvable; ++k) subtract(k, learned.terms[k].coefficient);
  for (int pass = 0; pass < 3 && solvable; ++pass) {
    std::vector<double> c;
    for (const auto& column : columns) c.push_back(mean_product(left, column));
    solve(gram, c);
    for (std::size_t k = 0; k < columns.size(); ++k) {
      learned.terms[k].coefficient += c[k];
      subtract(k, c[k]);
    }
  }
  // From the coefficients afresh: without the rounding of the passes.
  left = y;
  for (std::size_t k = 0; k < columns.size(); ++k) subtract(k, learned.terms[k].coefficient);
  const double size = mean_product(y, y);
  learned.residual = size > 0 ? mean_product(left, left) / size : 0;
  learned.verified = learned.residual < kVerified;
}

// Smaller is better.
double information(const LearnedPolynomial& l) {
  const double samples = static_cast<double>(l.samples);
  return samples * std::log(std::max(l.residual, std::numeric_limits<double>::min())) +
         static_cast<double>(l.terms.size()) * std::log(samples);
}

}  // namespace

GrowingBasisResult grow_basis(SquaredLabelOracle& oracle, const GrowingBasisOptions& options, double damping) {
  check_options(options);
  check_damping(damping);
  if (!(options.a_min > 0 && std::isfinite(options.a_min)))
    throw ValueError(fmt::format("a_min is {}; it must be finite and above zero", options.a_min));
  GrowingBasisResult result;
  result.query_limit = options.terms * (oracle.generators() * options.degree + 2) + 1;
  attempt(oracle, options, damping, 0, result);
  return result;
}

LearnedPolynomial fit_terms(Law law, MatrixView<const double> z, std::span<const double> y,
                            std::vector<PolynomialTerm> terms) {
  const SampleOracle oracle(law, z, y, 0);
  LearnedPolynomial fit;
  fit.samples = oracle.samples();
  fit.terms = std::move(terms);
  least_squares(oracle, fit);
  return fit;
}

LearnedPolynomial learn_growing_basis(Law law, MatrixView<const double> z, std::span<const double> y,
                                      const GrowingBasisOptions& options, double damping) {
  SampleOracle oracle(law, z, y, damping);
  LearnedPolynomial learned;
  learned.samples = oracle.samples();
  if (options.a_min != 0) {
    learned.search = grow_basis(oracle, options, damping);
    learned.terms = learned.search.terms;
    least_squares(oracle, learned);
    return learned;
  }

  check_options(options);
  GrowingBasisResult search;
  search.query_limit = options.terms * (oracle.generators() * options.degree + 2) + 1;
  ++search.energy_queries;
  const double energy = std::max(0.0, oracle.energy() - options.noise_variance);
  bool first = true;
  for (double k = 1; k <= 16 * static_cast<double>(options.terms) && energy > 0;
       k = k < static_cast<double>(options.terms) ? k + 1 : 1.5 * k) {
    GrowingBasisOptions guess = options;
    guess.a_min = std::sqrt(energy / k);
    oracle.restart();
    attempt(oracle, guess, damping, guess.a_min / 2, search);
    LearnedPolynomial candidate;
    candidate.search = search;
    candidate.samples = oracle.samples();
    candidate.terms = search.terms;
    least_squares(oracle, candidate);
    if (first || information(candidate) < information(learned)) learned = std::move(candidate);
    first = false;
    if (learned.verified) break;
  }
  // The queries of every attempt count, not those up to the best one.
  learned.search.energy_queries = search.energy_queries;
  learned.search.detection_queries = search.detection_queries;
  learned.search.coefficient_queries = search.coefficient_queries;
  learned.search.attempts = search.attempts;
  learned.search.query_limit = search.query_limit;
  return learned;
}

}  // namespace eqnn::hard
