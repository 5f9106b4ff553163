// Queries on the squared residual label, as GROWING-BASIS (growing_basis.h) asks them, and who answers: a known
// target exactly, or a sample by its means.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "../../core/matrix.h"
#include "../families/invariant_poly/orthonormal_polynomials.h"

namespace eqnn::hard {

// What answers the learner's queries; `subtract` changes the residual, which starts as the label y.
class SquaredLabelOracle {
 public:
  virtual ~SquaredLabelOracle() = default;
  virtual Law law() const = 0;
  virtual Index generators() const = 0;  // r
  // E res^2.
  virtual double energy() = 0;
  // E [res^2 prod over `prefix` of psi_{degree}(z_generator) psi_t(z_i) prod over all others of w(z_j)].
  virtual double detection(const Monomial& prefix, Index i, Index t) = 0;
  // E [res prod P_{degree}(z_generator)].
  virtual double coefficient(const Monomial& monomial) = 0;
  virtual void subtract(const PolynomialTerm& term) = 0;
  // The residual is y again.
  virtual void restart() = 0;
};

// Exact answers for a known target, by quadrature. For tests and demonstrations.
class PopulationOracle final : public SquaredLabelOracle {
 public:
  // Throws ValueError for r < 1, a generator outside 0..r-1, and a damping that is not allowed.
  PopulationOracle(Law law, Index r, const std::vector<PolynomialTerm>& target, Damping damping);
  Law law() const override { return law_; }
  Index generators() const override { return r_; }
  double energy() override;
  double detection(const Monomial& prefix, Index i, Index t) override;
  double coefficient(const Monomial& monomial) override;
  void subtract(const PolynomialTerm& term) override { residual_[term.monomial] -= term.coefficient; }
  void restart() override { residual_ = target_; }

 private:
  double moment(Index a, Index b, Index t, bool tested);

  Law law_;
  Index r_;
  Damping damping_;
  std::map<Monomial, double> target_, residual_;
  std::map<std::vector<Index>, double> moments_;  // E P_a P_b psi_t by (a, b, t, whether tested), of w for t = 0
};

// Means over a data set. Runs on the calling thread; sums are over blocks of fixed size in order. Memory: a copy of
// the data and two columns.
class SampleOracle final : public SquaredLabelOracle {
 public:
  // z [samples, r], one y a sample. Throws ValueError without samples or generators, for a number of labels that is
  // not the number of samples, for values that are not finite, and for a damping that is not allowed.
  SampleOracle(Law law, MatrixView<const double> z, std::span<const double> y, Damping damping);
  Law law() const override { return law_; }
  Index generators() const override { return z_.rows(); }
  Index samples() const { return z_.cols(); }
  double energy() override;
  double detection(const Monomial& prefix, Index i, Index t) override;
  double coefficient(const Monomial& monomial) override;
  void subtract(const PolynomialTerm& term) override;
  void restart() override;

  // prod P_{degree}(z_generator) of every sample.
  std::vector<double> column(const Monomial& monomial) const;
  const std::vector<double>& labels() const { return y_; }

 private:
  void weigh(const Monomial& prefix);

  Law law_;
  Damping damping_;
  Matrix<double> z_;          // [r, samples]
  std::vector<double> rest_;  // prod over all generators of w(z_j); empty: 1
  std::vector<double> y_, residual_;
  // res^2 prod psi over prefix_, and the detections of (prefix_, last_) for t = 1, 2, ...; valid until the residual
  // changes.
  bool weighed_ = false;
  Monomial prefix_;
  Index last_ = -1;
  std::vector<double> weights_, detections_;
};

// The mean of x_e y_e over the samples e, summed in blocks of fixed size.
double mean_product(const std::vector<double>& x, const std::vector<double>& y);
// Throws ValueError unless there are as many labels as samples (rows of z).
void check_labels(MatrixView<const double> z, std::span<const double> y);
// Throws ValueError for a damping that is negative or not finite.
void check_damping(Damping damping);

}  // namespace eqnn::hard
