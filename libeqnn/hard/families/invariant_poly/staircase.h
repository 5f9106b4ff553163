// Staircases of a group's invariants: sums of monomials that contain one another, z_1 + z_1 z_2 + z_1 z_2 z_3 +
// ..., and their merged forms, at equal degree: functions that gradient descent learns if it may climb in small
// steps (Abbe, Boix-Adsera, Misiakiewicz, "SGD learning on neural networks: leap complexity and saddle-to-saddle
// dynamics", COLT 2023, arXiv 2302.11055).
//
// Inputs, generators and orthonormal polynomials are those of invariant-poly (invariant_poly.h). With D different
// generators z_{s_1}, ..., z_{s_D} in a hidden order, standardised (P_1), and a leap L,
//   f = sum_{t=1..T} +-1/sqrt(T) prod_{i <= min(t L, D)} P_1(z_{s_i}),  T = ceil(D / L):
// L = 1 is the full staircase, L = D its top monomial alone. E f = 0, E f^2 = 1.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "invariant_poly.h"

namespace eqnn::hard {

// The leap of a sum of monomials with these multi-indices S_1, ..., S_m (Abbe et al. 2023, definition 1):
//   min over orders pi of max_i ||S_pi(i) \ union_{j<i} S_pi(j)||_1,
// where the norm counts the degrees in generators that none before it has. The least new monomial is taken first,
// which is an order that attains the minimum: taking one makes no other larger. 0 for none. O(m^2) sums.
Index leap_complexity(std::span<const Monomial> monomials);

// How members are drawn: s_1, s_2, ... are the words of Counter{seed, Stream::member, 0, 0} below r, those that
// were there before passed over; the sign of term t is word t at Counter{seed, Stream::member, 0, 1}, fair.
struct StaircaseSampler {
  PolynomialInputs inputs;
  Index degree = 4, leap = 1;

  // Throws ValueError for D < 1, D > r, D > 12, L outside 1..D and for inputs that are not allowed.
  void validate() const;
  // T, and the degrees L, 2L, ..., D of the terms.
  std::vector<Index> degrees() const;
  // sup over E h^2 <= 1 of E_f <f, h>^2, f as it is drawn: max_t 1 / (T C(r, d_t)).
  double second_moment() const;
};
// The terms of a staircase. Throws ValueError as StaircaseSampler::validate does.
std::vector<PolynomialTerm> draw_staircase(const StaircaseSampler& sampler, std::uint64_t seed);

// A staircase. Immutable; any number of threads may use it at the same time.
class Staircase final : public InvariantPoly {
 public:
  // What InvariantPoly throws, and ValueError unless every monomial is squarefree and, in ascending order of
  // degrees, contains the one before it.
  Staircase(const PolynomialInputs& inputs, std::vector<PolynomialTerm> terms);
  // Throws ValueError for a sampler that is not valid.
  static Staircase draw(const StaircaseSampler& sampler, std::uint64_t seed);

  Index leap() const;  // leap_complexity

  // As InvariantPoly, with "degree" and "leap", which are those of the terms.
  std::string json() const override;

  std::vector<Fact> facts() const override;
  std::vector<std::string> warnings() const override;
  // Those of InvariantPoly, and the leap by its definition, the minimum over all orders of the monomials.
  std::vector<Check> check(const CheckOptions& options) const override;
};

// The registry's entry (family.h).
Family staircase_family();

}  // namespace eqnn::hard
