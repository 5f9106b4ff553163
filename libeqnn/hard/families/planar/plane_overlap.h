// How close two random planes come to each other: the law of ||B^T B'||, its largest singular value.
#pragma once

#include "../../../core/check.h"

namespace eqnn::hard {

// log P(||B^T B'|| > r) of two independent Haar planes of R^m, to 1e-9. M = B^T B' is the corner of a Haar
// rotation, whose density is proportional to det(I - M^T M)^a, a = (m - 5) / 2, so that its singular values have
// the density (2 x 2 Jacobi ensemble)
//   (s^2 - x^2) ((1 - s^2) (1 - x^2))^a,  0 <= x <= s <= 1
// (Muirhead, Aspects of Multivariate Statistical Theory, 1982, 3.2 and 11.3). 0 for m < 4, where two planes share a
// line, and for r <= 0; minus infinity for r >= 1. REQUIRES: m >= 2.
double log_overlap_tail(Index m, double r);

}  // namespace eqnn::hard
