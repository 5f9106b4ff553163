// GROWING-BASIS: learns sparse polynomials of independent generators from statistical queries on the squared label,
// where correlational queries and gradient descent fail (after the algorithm of that name of Andoni, Panigrahy,
// Valiant and Zhang 2014, "Learning sparse polynomial functions", for product laws).
//
//   theta = a_min^2 / 2, res = y. Repeat, at most T_max times:
//   (1) if E res^2 - noise < theta, stop: converged;
//   (2) grow a monomial: used = 0, scale = 1; for i = 0..r-1 while used < D, for t = D-used..1:
//         v = E [res^2 prod_l psi_{t_l}(z_l) psi_t(z_i) prod_{other j} w(z_j)];
//         if v / (scale c_t) >= theta kappa^(D - used - t): add (i, t), used += t, scale *= c_t, next i;
//   (3) c = E [res prod P_{t_i}(z_i)]; if |c| >= a_min / 2: record the term, res -= c prod P_{t_i}; else go back to
//   the
//       last (i, t) of (2), take it away, and go on behind it; stop if nothing is left: stuck.
// psi_t, c_t and w are the detectors of orthonormal_polynomials.h, kappa = E w P_1^2. In the population, v / (scale
// c_t) is E w (sum c_s prod_{other j} P_{s_j}(z_j))^2 over the terms s that agree with the monomial so far and have
// degree t in z_i, where none has more: 0 where there is none, a^2 prod E w P_{s_j}^2 >= a_min^2 kappa^(D - used -
// t) for one, and without w (kappa = 1) the sum of all c_s^2. Of several terms cross products E w P_s P_s' remain,
// which are small (tested on random targets, not proved). Terms are found in descending lexicographic order of
// their degrees (s_0, ..., s_{r-1}). Going back is for samples: a detection that noise makes costs queries and not
// the run. With exact answers it never happens, and queries are at most T + 1 energies, T r D detections and T
// coefficients, T (r D + 2) + 1 in all. An attempt ends after eight times as many detections.
#pragma once

#include <span>
#include <vector>

#include "least_squares.h"
#include "squared_label_oracle.h"

namespace eqnn::hard {

// What the learner is told.
struct GrowingBasisOptions {
  Index degree = 4;           // D, 1 to 12
  Index terms = 5;            // T_max, 1 to 10000
  double a_min = 0;           // the smallest |coefficient|, right within 30 %; 0: not told (below)
  double noise_variance = 0;  // known variance of label noise
};

// What the search found, and how many queries it asked.
struct GrowingBasisResult {
  enum class Status : std::uint8_t { converged, stuck, out_of_terms };
  Status status = Status::stuck;
  std::vector<PolynomialTerm> terms;  // in the order found, with the coefficients as queried
  double a_min = 0;                   // that the terms were found with
  Index energy_queries = 0, detection_queries = 0, coefficient_queries = 0;  // over all attempts
  Index attempts = 0;                                                        // values of a_min tried
  Index query_limit = 0;                                                     // T_max (r D + 2) + 1, of one attempt

  Index queries() const { return energy_queries + detection_queries + coefficient_queries; }
};
const char* status_name(GrowingBasisResult::Status status);  // "converged", "stuck", "out-of-terms"

// The algorithm above, with a_min told. The detectors' damping must be the one of the oracle; terms whose updates
// cancel stay in the list with coefficient 0. Throws ValueError for options that are not allowed (a_min <= 0 too),
// and for a damping that is not.
GrowingBasisResult grow_basis(SquaredLabelOracle& oracle, const GrowingBasisOptions& options, Damping damping);

// What learns from a data set: the algorithm, then least squares on the monomials found.
struct GrownPolynomial : LearnedPolynomial {
  GrowingBasisResult search;
};

// Not told a_min (0), it tries E[y^2]^(1/2) / sqrt(k), less noise, for k = 1, ..., T_max and then k growing by 1.5
// to 16 T_max, on the same samples: right for equal coefficients, within 30 % for others. The first verified
// attempt is taken, otherwise the one of the least samples * log(residual) + terms * log(samples) (the Bayesian
// information criterion). Throws ValueError as SampleOracle and grow_basis do.
GrownPolynomial learn_growing_basis(Law law, MatrixView<const double> z, std::span<const double> y,
                                    const GrowingBasisOptions& options, Damping damping);

}  // namespace eqnn::hard
