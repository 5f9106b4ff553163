// Binomial coefficients, as doubles.
#pragma once

#include <cmath>

#include "../core/check.h"

namespace eqnn::hard {

// C(n, k) by k products and quotients, to k roundings; 1 for k <= 0. REQUIRES: n >= k.
inline double binomial(Index n, Index k) {
  double value = 1;
  for (Index i = 1; i <= k; ++i) value = value * static_cast<double>(n - k + i) / static_cast<double>(i);
  return value;
}

// The same with a long double that is rounded to a whole number after each step: exact below 2^53. 0 for k < 0 and
// for n < k.
inline double exact_binomial(Index n, Index k) {
  if (k < 0 || n < k) return 0;
  long double value = 1;
  for (Index i = 1; i <= k; ++i)
    value = std::round(value * static_cast<long double>(n - k + i) / static_cast<long double>(i));
  return static_cast<double>(value);
}

}  // namespace eqnn::hard
