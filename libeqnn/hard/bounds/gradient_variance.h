// How much the gradient tells about which member of a family is being learned (Shalev-Shwartz, Shamir, Shammah,
// Failures of gradient-based deep learning, ICML 2017, theorem 1).
//
// With the loss E (h - f)^2 the gradient is 2 E h dh - 2 E f dh, and members f differ in g_f = E f dh alone. Where
// Var_f g_f = E_f |g_f - E_f g_f|^2 is far below the noise of a gradient, descent goes the same way for all
// members.
#pragma once

#include <span>

#include "../../core/check.h"

namespace eqnn::hard {

// An estimate with its standard error.
struct MemberMoment {
  double value = 0, error = 0;
};
struct GradientVariance {
  MemberMoment variance;  // E_f |g_f - E_f g_f|^2
  MemberMoment signal;    // E_f |g_f|^2
};

// From gradients [splits, members, parameters]: that of member m on split s of the inputs is the mean of f_m dh
// over inputs which all members share and no two splits do. With members drawn independently and
//   C_fg = mean over splits k != l of <g_f^k, g_g^l>,
// variance is (sum_f C_ff - (1/M) sum_fg C_fg) / (M - 1) and signal (1/M) sum_f C_ff. Both are unbiased, and may be
// negative: products of different splits leave out the noise of finitely many inputs, which would add the trace of
// its covariance. The error adds the jackknife variances over members and over splits, an upper limit of the
// variance on average (Efron and Stein 1981). Deterministic. Throws ValueError for fewer than 3 splits or members,
// and for another number of gradients.
GradientVariance gradient_variance(Index splits, Index members, Index parameters, std::span<const float> gradients);
GradientVariance gradient_variance(Index splits, Index members, Index parameters,
                                   std::span<const double> gradients);

}  // namespace eqnn::hard
