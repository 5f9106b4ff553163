// GROWING-BASIS through a statistical-query oracle: its queries, each answered within the oracle's tolerance.
//
//   energy      psi = res^2                         about y^2
//   detection   psi = res^2 prod_l psi_{t_l}(z_l)   about y^2
//   coefficient psi = res prod_i P_{t_i}(z_i)       correlational: y stands in it once; |q| = 1
// res = y - h, h the terms found so far. An SQ oracle answers all of them: value v = E psi, label-free part v0
// (that of labels of mean 0 and variance 1 that know nothing of z: 1 + E h^2, E h^2 prod psi, and -E h prod P), and
// as the norm of a query about y^2 its root mean square over the sample. A CSQ oracle has no queries about y^2: the
// learner gets their label-free part alone, which tells it nothing of the target, so that it never finds a
// monomial.
#pragma once

#include "growing_basis.h"
#include "oracle.h"

namespace eqnn::hard {

// The queries of GROWING-BASIS, answered by an Oracle. Threads: one at a time.
class AnsweredQueries final : public SquaredLabelOracle {
 public:
  // Values are the exact expectations for `target`, or with Answer::sampled the means over the sample, z [samples,
  // r] and y. Norms are over its first 4,096 entries. The oracle must outlive it. Throws ValueError as SampleOracle
  // and PopulationOracle do.
  AnsweredQueries(Oracle& oracle, Law law, MatrixView<const double> z, std::span<const double> y,
                  const std::vector<PolynomialTerm>& target, double damping);

  Law law() const override { return law_; }
  Index generators() const override { return sample_.generators(); }
  double energy() override;
  double detection(const Monomial& prefix, Index i, Index t) override;
  double coefficient(const Monomial& monomial) override;
  void subtract(const PolynomialTerm& term) override;
  void restart() override;

 private:
  double answer(double exact, double sampled, double norm, double label_free);
  double detection_norm(const Monomial& prefix, Index i, Index t);

  Oracle& oracle_;
  Law law_;
  double damping_;
  SampleOracle sample_;
  PopulationOracle exact_, label_free_;  // of the target, and of the target 0: its residual is -h
  Matrix<double> z_;                     // of the norms
  std::vector<double> y_, residual_;
  Monomial prefix_;
  std::vector<double> weights_;  // res^2 prod psi over prefix_; empty: not known
};

}  // namespace eqnn::hard
