// Orthonormal polynomials of the three laws that generators of invariant polynomials have, and what the
// GROWING-BASIS learner computes from them.
//
//   gauss        z ~ N(0, 1)           P_s = He_s / sqrt(s!)
//   chi2         z = x^2, x ~ N(0, 1)  P_s(x^2) = He_2s(x) / sqrt((2s)!)
//   exponential  z ~ Exp(1)            P_s = (-1)^s L_s
// P_s has degree s and a positive leading coefficient, and E P_s P_t = 1[s = t].
//
// All functions throw ValueError for a negative degree, or one above kMaxPolynomialDegree, and for a negative
// damping. They keep no state: any number of threads may call them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../../../core/check.h"

namespace eqnn::hard {

// The laws above, and their names.
enum class Law : std::uint8_t { gauss, chi2, exponential };
const char* law_name(Law law);  // "gauss", "chi2", "exp"

// Twice the degree 12 up to which targets are allowed, and the square of one more polynomial.
inline constexpr Index kMaxPolynomialDegree = 48;

// P_{n+1}(z) = (slope z + shift) P_n(z) - previous P_{n-1}(z), n >= 0:
//   gauss: (z P_n - sqrt(n) P_{n-1}) / sqrt(n+1);
//   the others, with t = z/2, al = -1/2 (chi2) or t = z, al = 0 (exponential):
//   ((t - (2n+1+al)) P_n - sqrt(n (n+al)) P_{n-1}) / sqrt((n+1)(n+1+al)).
struct RecurrenceStep {
  double slope = 0, shift = 0, previous = 0;
};
RecurrenceStep recurrence_step(Law law, Index n);
// The steps n = 0, ..., degree - 1.
std::vector<RecurrenceStep> recurrence(Law law, Index degree);

// P_s(z).
double orthonormal_polynomial(Law law, Index s, double z);
// P_0(z), ..., P_degree(z).
std::vector<double> orthonormal_polynomials(Law law, Index degree, double z);

// Nodes and weights with sum_k weight_k g(node_k) = E g(z) for every polynomial g of degree below 2 * nodes. The
// nodes are the zeros of P_nodes, ascending, and weight_k = 1 / sum_{s < nodes} P_s(node_k)^2.
// Throws ValueError unless 1 <= nodes <= kMaxPolynomialDegree.
struct Quadrature {
  std::vector<double> nodes, weights;
};
Quadrature gauss_quadrature(Law law, Index nodes);

// --- detectors -----------------------------------------------------------------------------------------------

// The damping a at which sample statistics of the detectors below, all alike, have light tails: 1, 1, 0.75.
double default_damping(Law law);

// psi_t(z), orthogonal to every polynomial of degree < 2t: P_2t(z) without damping; with a > 0 the bounded
//   gauss e^{-a z^2/2} P_2t(sqrt(1+a) z), chi2 e^{-a z/2} P_2t((1+a) z), exponential e^{-a z} P_2t((1+a) z).
double detector(Law law, Index t, double damping, double z);
// Its parts, psi_t(z) = e^(-detector_decay) P_2t(detector_stretch * z).
double detector_stretch(Law law, double damping);
double detector_decay(Law law, double damping, double z);

// c_t = E P_t^2 psi_t: sqrt(C(2t,t)), sqrt(C(4t,2t)), C(2t,t), times (1+a)^-(t+1/2), (1+a)^-(2t+1/2),
// (1+a)^-(2t+1).
double detector_scale(Law law, Index t, double damping);

// How a query about the squared label is damped: psi_t of the generator that is `tested`, psi_t of those that were
// `chosen` before it, and all others (`rest`) by w(z) = e^(-b z^2 / 2), e^(-b z / 2), e^(-b z) over its mean, b =
// rest. The test is mostly of generators that are not there, whose psi_t^2 is to be small: little damping. What was
// chosen is there, and y^2 psi_t is to have light tails: much of it. A little of the rest takes the tails of what
// is not yet found.
struct Damping {
  Damping(double all = 0) : tested(all), chosen(all) {}  // a number: of both, and the rest is not damped
  Damping(double of_tested, double of_chosen, double of_rest)
      : tested(of_tested), chosen(of_chosen), rest(of_rest) {}
  double tested, chosen, rest = 0;
};
// E w, before it is divided out: (1+b)^-1/2, (1+b)^-1/2, (1+b)^-1.
double rest_mean(Law law, double rest);
// E w P_a P_b, exact up to rounding: 1[a = b] for rest = 0. Throws ValueError for a + b above 2 *
// kMaxPolynomialDegree - 1.
double rest_moment(Law law, Index a, Index b, double rest);
// {1, 2, 0.5 / sqrt r}, {1, 2.25, 2 / sqrt r}, {0.75, 1.25, 1 / sqrt r}, as measured, `rest` at most 0.5: it has a
// price, (E w^2)^r, that must stay small. Throws ValueError for r < 1.
Damping default_damping(Law law, Index r);

// E P_a P_b psi_t; t = 0 without damping means psi = 1. 0 whenever a + b < 2t; exact up to rounding, by
// quadrature. Throws ValueError for a + b + 2t above 2 * kMaxPolynomialDegree - 1.
double detector_moment(Law law, Index a, Index b, Index t, double damping);

// --- sums of monomials ---------------------------------------------------------------------------------------

// P_degree of one generator; generators are counted from 0.
struct Factor {
  Index generator = 0, degree = 0;
  friend bool operator==(const Factor&, const Factor&) = default;
  friend auto operator<=>(const Factor&, const Factor&) = default;
};
// A product of factors of different generators, ascending.
using Monomial = std::vector<Factor>;
Index total_degree(const Monomial& monomial);

// coefficient * prod_i P_{s_i}(z_i). Different monomials are orthonormal.
struct PolynomialTerm {
  double coefficient = 0;
  Monomial monomial;
};
// prod_i P_{s_i}(z_i), and the sum over terms. REQUIRES: every generator of the monomials is below z.size().
double monomial_value(Law law, const Monomial& monomial, std::span<const double> z);
double polynomial_value(Law law, const std::vector<PolynomialTerm>& terms, std::span<const double> z);

}  // namespace eqnn::hard
