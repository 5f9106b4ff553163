// The irreducible representations of SO(3) in real bases: what vectors, and products of them, turn by. Degree l has
// the 2l + 1 components m = -l .. l, in this order, and degree 1 the components x, y, z: rotations act on it as
// they are. The polar axis is y, and (-1)^m is left out of the harmonics: the conventions of e3nn (Geiger and Smidt
// 2022).
#pragma once

#include <span>
#include <vector>

#include "../core/check.h"

namespace eqnn {

// The highest degree of anything here.
inline constexpr Index kMaxDegree = 10;

// How the harmonics of degree l are scaled, whose squares add up to 2l + 1 on the unit sphere (component), to 1
// (norm), or which are orthonormal functions there (integral).
enum class HarmonicScale : std::uint8_t { component, norm, integral };

// y_{l^2 + l + m} = Y_l^m(v), the real solid harmonics of degrees 0 .. `degree`: homogeneous polynomials of degree
// l, by recurrences that divide by nothing (Limpanuparb and Milthorpe 2014). v has 3 elements, y (degree + 1)^2.
// REQUIRES: 0 <= degree <= kMaxDegree.
void solid_harmonics(Index degree, HarmonicScale scale, const double* v, double* y);
// dv_k = sum_lm dy_lm dY_l^m / dv_k.
void solid_harmonics_gradient(Index degree, HarmonicScale scale, const double* v, const double* dy, double* dv);

// The coefficients <l1 a, l2 b | l3 c> in the real bases, element (a (2 l2 + 1) + b) (2 l3 + 1) + c, all indices
// from 0, by Racah's formula: sum_ab C_abc C_abc' = [c = c'], and z_c = sum_ab C_abc x_a y_b turns as degree l3
// where x and y turn as l1 and l2. e3nn's wigner_3j is C / sqrt(2 l3 + 1), of the same sign. Throws ValueError for
// a degree outside 0 .. kMaxDegree, and unless |l1 - l2| <= l3 <= l1 + l2.
std::vector<double> clebsch_gordan(Index l1, Index l2, Index l3);

// D with Y_l(R v) = D Y_l(v), [2l + 1, 2l + 1] row by row, for a rotation R, [3, 3] row by row; D(R S) = D(R) D(S).
// Throws ValueError for a degree outside 0 .. kMaxDegree, and where R is no rotation (to 1e-6).
std::vector<double> wigner_d(Index l, std::span<const double> rotation);

}  // namespace eqnn
