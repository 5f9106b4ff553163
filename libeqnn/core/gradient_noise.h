// How far the gradient of one step stands out of its own noise.
#pragma once

#include <limits>
#include <span>

#include "matrix.h"

namespace eqnn {

// Signal and noise of one step's gradient, estimated from the sums that the shards leave behind.
// With g_i the gradient of loss_i of an example drawn at random, mu = E g_i and Sigma = Cov g_i,
//   signal  estimates |mu|^2      noise  estimates tr Sigma      ratio()  estimates |mu|^2 / tr Sigma,
// the inverse of the simple noise scale of McCandlish et al. 2018 (arXiv:1812.06162, section 2.2 and appendix A.1).
// The batch of B examples is cut into R groups (the shards; above 64 of them, 64 groups of shards), group r with
// B_r examples and the mean gradient m_r; m is the mean gradient of the batch, in which groups weigh as their
// examples:
//   noise = sum_r B_r |m_r - m|^2 / (R - 1),  signal = |m|^2 - noise / B.
// Both are unbiased for independent examples and any group sizes, so `signal` may be negative; their ratio is
// consistent, not unbiased. All three are NaN where there is one group alone, as with row_block: one big graph
// is one example. Sums are double, in a fixed order.
struct GradientNoise {
  double signal = std::numeric_limits<double>::quiet_NaN();
  double noise = std::numeric_limits<double>::quiet_NaN();

  double ratio() const { return signal / noise; }
};

// Row r of `sums` holds B_r m_r / B, and `examples` the numbers B_r.
template <class T>
GradientNoise gradient_noise(MatrixView<const T> sums, std::span<const Index> examples);

}  // namespace eqnn
