// Ridge regression in the space of the samples: blocked products and a blocked Cholesky factorisation.
#include "kernel_ridge.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../../kernels/blas.h"

namespace eqnn::hard {
namespace {

constexpr Index kPanel = 64;

// c (+)= a b^T, c [m, n].
void product_transposed(MatrixView<const double> a, MatrixView<const double> b, MatrixView<double> c, bool add) {
  matrix_product(kernels::Product<double>::right_transposed(a, b, c, add), false);
}

template <class T>
MatrixView<T> part(MatrixView<T> m, Index row, Index rows, Index col, Index cols) {
  return {m.data + row * m.stride + col, rows, cols, m.stride};
}

// The lower triangle of A becomes L, A = L L^T; false unless every pivot is above zero.
bool cholesky(MatrixView<double> a) {
  const Index n = a.rows;
  Matrix<double> negative(n, kPanel);
  for (Index first = 0; first < n; first += kPanel) {
    const Index width = std::min(kPanel, n - first), end = first + width;
    for (Index j = first; j < end; ++j) {
      for (Index k = first; k < j; ++k)
        for (Index i = j; i < n; ++i) a(i, j) -= a(i, k) * a(j, k);
      if (!(a(j, j) > 0)) return false;
      const double root = std::sqrt(a(j, j));
      for (Index i = j; i < n; ++i) a(i, j) /= root;
    }
    if (end == n) break;
    const auto panel = part<double>(a, end, n - end, first, width);
    for (Index i = 0; i < panel.rows; ++i)
      for (Index j = 0; j < width; ++j) negative(i, j) = -panel(i, j);
    // The trailing lower triangle, some rows at a time, up to their diagonal.
    constexpr Index kRows = 256;
    for (Index i = 0; i < panel.rows; i += kRows) {
      const Index rows = std::min(kRows, panel.rows - i), cols = i + rows;
      product_transposed(part<const double>(negative.view(), i, rows, 0, width),
                         part<const double>(panel, 0, cols, 0, width), part<double>(a, end + i, rows, end, cols),
                         true);
    }
  }
  return true;
}

void solve(MatrixView<const double> l, std::vector<double>& x) {
  const Index n = l.rows;
  for (Index i = 0; i < n; ++i) {
    double sum = x[i];
    for (Index k = 0; k < i; ++k) sum -= l(i, k) * x[k];
    x[i] = sum / l(i, i);
  }
  for (Index i = n - 1; i >= 0; --i) {
    double& xi = x[i];
    xi /= l(i, i);
    for (Index k = 0; k < i; ++k) x[k] -= l(i, k) * xi;
  }
}

// a of (K + shift I) a = y, on the first `samples`; empty when the matrix is not positive definite.
std::vector<double> regress(MatrixView<const double> kernel, std::span<const double> y, Index samples,
                            double shift) {
  Matrix<double> l(samples, samples);
  for (Index i = 0; i < samples; ++i) {
    std::copy_n(kernel.row(i), samples, l.view().row(i));
    l(i, i) += shift;
  }
  if (!cholesky(l.view())) return {};
  std::vector<double> a(y.begin(), y.begin() + samples);
  solve(l.view(), a);
  return a;
}

// Mean square of y - K a over the samples after those of a.
double validation_loss(MatrixView<const double> kernel, std::span<const double> y, const std::vector<double>& a) {
  double loss = 0;
  const Index known = static_cast<Index>(a.size());
  for (Index i = known; i < kernel.rows; ++i) {
    double f = 0;
    for (Index k = 0; k < known; ++k) f += kernel(i, k) * a[k];
    loss += (y[i] - f) * (y[i] - f);
  }
  return loss / static_cast<double>(kernel.rows - known);
}

void check(MatrixView<const double> features, std::span<const double> y, const std::optional<double>& lambda) {
  const Index m = features.rows;
  require(m == static_cast<Index>(y.size()), "kernel regression has ", m, " samples and ", y.size(),
          " labels; give one label a sample");
  require(m >= 5 && m <= kMaxKernelSamples, "kernel regression has ", m, " samples; allowed are 5 to ",
          kMaxKernelSamples, ": its matrix has a row and a column for each");
  require(!lambda || (*lambda > 0 && std::isfinite(*lambda)), "lambda is ", lambda.value_or(0),
          "; it must be finite and above 0");
  for (Index i = 0; i < m; ++i) {
    bool finite = std::isfinite(y[i]);
    for (Index k = 0; k < features.cols && finite; ++k) finite = std::isfinite(features(i, k));
    require(finite, "sample ", i, " has a label or a feature that is not finite");
  }
}

}  // namespace

RidgeResult kernel_ridge(MatrixView<const double> features, std::span<const double> y,
                         std::optional<double> lambda) {
  check(features, y, lambda);
  const Index m = features.rows;
  Matrix<double> kernel(m, m);
  product_transposed(features, features, kernel.view(), false);
  double scale = 0;
  for (Index i = 0; i < m; ++i) scale += kernel(i, i) / static_cast<double>(m);
  if (!(scale > 0)) scale = 1;  // no features: the answer is 0 whatever lambda

  RidgeResult result;
  result.lambda = lambda.value_or(10);
  if (!lambda) {
    double best = std::numeric_limits<double>::infinity();
    for (double l = 10; l > 0.5e-6; l /= 10) {
      const std::vector<double> a = regress(kernel.view(), y, m - m / 5, l * scale);
      if (a.empty()) break;
      const double loss = validation_loss(kernel.view(), y, a);
      if (loss >= best) continue;
      best = loss;
      result.lambda = l;
    }
    result.validation_loss = best;
  }
  const std::vector<double> a = regress(kernel.view(), y, m, result.lambda * scale);
  require(!a.empty(), "the kernel's matrix plus lambda = ", result.lambda,
          " times its mean diagonal is not positive definite in double; take a larger lambda");
  result.weights.assign(features.cols, 0);
  for (Index i = 0; i < m; ++i)
    for (Index k = 0; k < features.cols; ++k) result.weights[k] += a[i] * features(i, k);
  return result;
}

}  // namespace eqnn::hard
