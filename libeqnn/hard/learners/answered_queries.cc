#include "answered_queries.h"

#include <algorithm>
#include <cmath>

namespace eqnn::hard {
namespace {

constexpr Index kNormSamples = 4096;

double root_mean_square(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v * v;
  return std::sqrt(sum / static_cast<double>(x.size()));
}

}  // namespace

AnsweredQueries::AnsweredQueries(Oracle& oracle, Law law, MatrixView<const double> z, std::span<const double> y,
                                 const std::vector<PolynomialTerm>& target, double damping)
    : oracle_(oracle),
      law_(law),
      damping_(damping),
      sample_(law, z, y, damping),
      exact_(law, z.cols, target, damping),
      label_free_(law, z.cols, {}, damping),
      z_(std::min(z.rows, kNormSamples), z.cols),
      y_(y.begin(), y.begin() + std::min(z.rows, kNormSamples)),
      residual_(y_) {
  for (Index e = 0; e < z_.rows(); ++e) std::copy_n(z.row(e), z.cols, z_.view().row(e));
}

double AnsweredQueries::answer(double exact, double sampled, double norm, double label_free) {
  return oracle_.answer(oracle_.mode() == Oracle::Answer::sampled ? sampled : exact, norm, label_free);
}

double AnsweredQueries::energy() {
  const double label_free = 1 + label_free_.energy();
  if (oracle_.kind() == Oracle::Kind::csq) return label_free;
  std::vector<double> squares;
  for (const double r : residual_) squares.push_back(r * r);
  return answer(exact_.energy(), sample_.energy(), root_mean_square(squares), label_free);
}

double AnsweredQueries::detection_norm(const Monomial& prefix, Index i, Index t) {
  if (weights_.empty() || prefix != prefix_) {
    weights_.clear();
    for (Index e = 0; e < z_.rows(); ++e) {
      const double r = residual_[e];
      weights_.push_back(r * r);
      for (const Factor& f : prefix) weights_.back() *= detector(law_, f.degree, damping_, z_(e, f.generator));
    }
    prefix_ = prefix;
  }
  std::vector<double> query = weights_;
  for (Index e = 0; e < z_.rows(); ++e) query[e] *= detector(law_, t, damping_, z_(e, i));
  return root_mean_square(query);
}

double AnsweredQueries::detection(const Monomial& prefix, Index i, Index t) {
  const double label_free = label_free_.detection(prefix, i, t);
  if (oracle_.kind() == Oracle::Kind::csq) return label_free;
  const bool sampled = oracle_.mode() == Oracle::Answer::sampled;
  return answer(sampled ? 0 : exact_.detection(prefix, i, t), sampled ? sample_.detection(prefix, i, t) : 0,
                detection_norm(prefix, i, t), label_free);
}

double AnsweredQueries::coefficient(const Monomial& monomial) {
  return answer(exact_.coefficient(monomial), sample_.coefficient(monomial), 1, label_free_.coefficient(monomial));
}

void AnsweredQueries::subtract(const PolynomialTerm& term) {
  sample_.subtract(term);
  exact_.subtract(term);
  label_free_.subtract(term);
  for (Index e = 0; e < z_.rows(); ++e)
    residual_[e] -= term.coefficient *
                    monomial_value(law_, term.monomial, {z_.view().row(e), static_cast<std::size_t>(z_.cols())});
  weights_.clear();
}

void AnsweredQueries::restart() {
  sample_.restart();
  exact_.restart();
  label_free_.restart();
  residual_ = y_;
  weights_.clear();
}

}  // namespace eqnn::hard
