// Kernel ridge regression on given features. On the calling thread, with sums in a fixed order.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "../../core/matrix.h"

namespace eqnn::hard {

// f(x) = phi(x) . w on given features phi: with K = Phi Phi^T and s its mean diagonal, (K + lambda s I) a = y,
// w = Phi^T a. With the gradients of a network's output at initialisation as features it is regression with the
// network's tangent kernel (Jacot, Gabriel and Hongler 2018), with its last hidden values a random-features one
// (Rahimi and Recht 2008): what gradient descent does as long as it does not change its features.
inline constexpr Index kMaxKernelSamples = 4096;
struct RidgeResult {
  std::vector<double> weights;
  double lambda = 0;
  double validation_loss = 0;  // mean square on the last fifth at this lambda; 0 where lambda was given
};
// Features [samples, p], one y a sample. Without lambda the best of 1e-6, 1e-5, ..., 10 on the last fifth of the
// sample. Throws ValueError for more than kMaxKernelSamples samples, fewer than 5, numbers that are not finite, and
// lambda <= 0.
RidgeResult kernel_ridge(MatrixView<const double> features, std::span<const double> y,
                         std::optional<double> lambda = {});

}  // namespace eqnn::hard
