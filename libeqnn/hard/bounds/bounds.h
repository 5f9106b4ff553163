// Lower bounds on the number of correlational statistical queries that learn a function family.
//
// The model. A prior over functions f with E f^2 = 1 under a known input law. A learner, deterministic or
// randomised, asks queries q with E q^2 <= 1 (or |q| <= 1 where a bound says so), each answered within tau of
// E f q, and gives a function h. It has *learned* f when its square loss is below 1 - tau^2, which implies
// |<f, h/||h||>| > tau. It succeeds with probability `prob` over the prior and its own coins. A query q *hits* f
// where |<f, q>| > tau. To a query that misses f the answer 0 is allowed, which tells nothing of f: the bounds
// count how many f one query can hit.
//
// The bounds hold for an oracle that answers as badly as it may. Gradients of random batches are no such adversary:
// beside training they are a comparison, not a theorem. docs/bounds.md has the proofs in full.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "../correlations.h"
#include "../family.h"

namespace eqnn::hard {

// --- The bounds as functions of their constants
//
// Each returns the number of queries: real, not rounded, never below 0. Each throws ValueError unless
// 0 < tau <= 1 and 0 < prob <= 1, and for constants outside the ranges that it names.

// B1, second moment: prob tau^2 / lambda - last, for lambda >= sup_h E_f <f, h>^2 over the queries that are
// allowed. By Markov one query hits a share of at most lambda / tau^2 of the prior, and so does the final output,
// which is the last one: prob <= queries lambda / tau^2 + last lambda / tau^2. `last` is 1, or sup E_f <f, h>^2
// over E h^2 <= 1 divided by lambda, where lambda is for |q| <= 1 only and the output is any function of small
// square loss. lambda > 0, last >= 0.
double second_moment_queries(double lambda, double tau, double prob = 1, double last = 1);

// B2, near-orthonormal: N functions with |<f_i, f_j>| <= gamma for i != j, the prior uniform over them:
// prob N (tau^2 - gamma) / (1 - gamma) - 1, and 0 when tau^2 <= gamma.
// Proof: let h hit m of them, with signs s_i. Then m tau < <sum s_i f_i, h> <= sqrt(m + m (m - 1) gamma), so
// m < (1 - gamma) / (tau^2 - gamma). N >= 1, 0 <= gamma <= 1.
double near_orthonormal_queries(double members, double gamma, double tau, double prob = 1);

// B3, statistical dimension on average: SDA(C, gamma') = d means that every C' in C with |C'| >= |C| / d has an
// average |<f, g>| over C' x C', diagonal included, of at most gamma'. With tau = sqrt(gamma'): prob d - 1.
// Proof: the functions that h hits, m of them, have m tau < m sqrt(their average), so they are fewer than |C| / d.
// (Feldman, Grigorescu, Reyzin, Vempala, Xiao, J. ACM 2017.) d >= 0.
double sda_queries(double dimension, double prob = 1);
// SDA(C, gamma + shift) of N functions with |<f_i, f_j>| <= gamma: at least N shift / (1 - gamma). 0 <= gamma < 1.
double near_orthonormal_sda(double members, double gamma, double shift);
// A lower bound of SDA(C, average) from a symmetric matrix of limits |<f_i, f_j>| <= limits_ij, limits_ii = 1: m
// functions have an average of at most min(largest eigenvalue / m, the largest mean of m entries of a row that
// include the diagonal), which falls with m; N / m for the first m with that at most `average`, 0 if there is none.
double sda_lower_bound(MatrixView<const double> limits, double average);

// Szorenyi (ALT 2009), quoted and not re-proved: d functions with |<f_i, f_j>| <= 1/d need (d tau^2 - 1) / 2
// queries of a learner that succeeds on each of them. B2 with N = d, gamma = 1/d implies it where d tau^2 >= 3. d
// >= 1.
double szorenyi_queries(double dimension, double tau);

// B5, the law of the correlations: P(|<f, f'>| > gamma) <= eps(gamma) = exp(log_tail(gamma)) over f' drawn from the
// prior, for every member f; E (..)_+ is over f' too, for the f where it is largest. `tail`: the largest over gamma
// of prob (tau^2 - gamma) / eps(gamma) - 1, 0 < gamma < tau^2; `mean_excess`: of
//   prob (tau^2 - gamma) / E (|<f, f'>| - gamma)_+ - 1,  E (..)_+ <= integral of eps from gamma to 1,
// which is no smaller at the same gamma (the integral is at most (1 - gamma) eps(gamma)).
// Proof: let h, E h^2 <= 1, hit a share s, with signs s_f. Two members f, f' drawn independently from those that it
// hits have tau^2 < E s_f s_f' <f, f'> <= gamma + E (|<f, f'>| - gamma)_+ / s: for every f, that f' is hit makes no
// event more than 1 / s times as likely. So one query hits a share below E (..)_+ / (tau^2 - gamma), and so does
// the output over its norm. Both are at most 1e300. `gamma` is where the largest was found.
struct TailQueries {
  double queries = 0, gamma = 0;
};
TailQueries tail_queries(const std::function<double(double)>& log_tail, double tau, double prob = 1);
TailQueries mean_excess_queries(const std::function<double(double)>& log_tail, double tau, double prob = 1);

// The largest eigenvalue of a symmetric matrix, to 1e-13 of its largest absolute row sum, and not below by more:
// Householder's tridiagonal form and bisection by Sturm sequences (Golub and Van Loan 2013, 8.3 and 8.4). O(n^3).
// Throws ValueError for a matrix that is not square, or empty.
double largest_eigenvalue(MatrixView<const double> symmetric);
// The mean |entry|, and the largest |entry| off the diagonal (0 for one row).
double average_correlation(MatrixView<const double> gram);
double largest_correlation(MatrixView<const double> gram);

// --- The constants of the families.

// Of all priors for which one is known; the last is of members as Family::draw makes them, if it is known at all
// (cnn-cyclic needs c-min > 0, rotation-invariant n >= 3). Throws ValueError for an unknown family and parameters
// that are not allowed.
std::vector<SecondMoment> second_moments(std::string_view id, const ParameterValues& values);

// Members drawn from the seeds seed, seed + 1, ..., and their Gram matrix.
struct SampledGram {
  Matrix<double> gram;                            // E f_i f_j, exact or estimated
  Matrix<double> limits;                          // |E f_i f_j| <= limits, always exact
  Index inputs = 0;                               // of the estimate; 0: exact
  double largest = 0, error = 0;                  // the largest eigenvalue of gram, and its standard error
  double mean_square = 0, mean_square_error = 0;  // E (E f f')^2 over two members, unbiased, and its standard error
  std::string formula;                            // what the limits are, in words
  bool all = false;                               // of all members, not of a sample
};
// Exact by the families' formulas; rotation-invariant: from `inputs` random inputs, whose largest eigenvalue is too
// large on average (by a relative 2 sqrt(members / inputs) or less), so that the bound is too low. Empty where
// there is no formula: boolean-orbit whose orbits cannot be listed; and for frame-parity, whose members are
// orthonormal. Throws ValueError for members outside 2..kMaxGramMembers, and inputs < members.
SampledGram sampled_gram(std::string_view id, const ParameterValues& values, Index members, std::uint64_t seed,
                         Index inputs);

// Of all members where they can be listed (Family::all_correlations); empty otherwise.
SampledGram whole_gram(std::string_view id, const ParameterValues& values);

// --- All bounds of an instance.

// A lower bound on the queries of a learner: how many, what it states and assumes, and who proved it.
struct Bound {
  std::string kind;  // "B1", "B2", "B3", "B4", "B5", "Szorenyi"
  std::string name;  // unique in its list
  double queries = 0;
  double error = 0;  // one standard error of queries; 0: exact
  std::string statement, assumes, source;
  bool as_drawn = false;     // of members as Family::draw makes them
  bool unit_queries = true;  // of all queries with E q^2 <= 1; false: of |q| <= 1 alone
  bool vacuous() const { return !(queries > 1); }
};

// lambda = sup E_f <f, h>^2 over E h^2 <= 1 (of two-valued families over |h| <= 1), for members as they are drawn,
// from both sides: a member h = f' has E <f, f'>^2 on average, so that lambda is no smaller than `lower`; `upper`
// is what B1 uses. NaN: not known.
struct LambdaRange {
  double lower = std::numeric_limits<double>::quiet_NaN(), lower_error = 0;
  double upper = std::numeric_limits<double>::quiet_NaN(), upper_error = 0;
};

// What the bounds that are estimated take.
struct BoundOptions {
  static constexpr Index kAll = -1;
  Index members = 200;     // of the Gram matrix: sampled ones, at most kMaxGramMembers, 0: none of its bounds, kAll
  Index inputs = 100000;   // where it is estimated
  std::uint64_t seed = 0;  // of the first member
};
// The most members of a sampled Gram matrix, whose eigenvalues cost their cube.
inline constexpr Index kMaxGramMembers = 1000;

// The bounds of a family at given parameters, and what is known of lambda there.
struct InstanceBounds {
  std::vector<Bound> bounds;  // those of the whole family first
  LambdaRange lambda;
};
// Every bound of this header that holds for the family at these parameters. Throws ValueError for what is not
// allowed. Deterministic.
InstanceBounds instance_bounds(std::string_view id, const ParameterValues& values, double tau, double prob = 1,
                               const BoundOptions& options = {});
std::vector<Bound> bounds_of(std::string_view id, const ParameterValues& values, double tau, double prob = 1,
                             const BoundOptions& options = {});

// The largest of the bounds of members as they are drawn and of queries with E q^2 <= 1 (a gradient's coordinates
// are no bounded functions), those of sampled members left out, at each of the tolerances; without a name where
// there is none. What is costly is computed once for all of them. Throws ValueError for what is not allowed.
std::vector<Bound> strongest_bounds(std::string_view id, const ParameterValues& values,
                                    const std::vector<double>& taus);

}  // namespace eqnn::hard
