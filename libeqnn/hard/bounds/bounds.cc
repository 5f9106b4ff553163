#include "bounds.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace eqnn::hard {
namespace {

void require_tau(double tau) {
  require(tau > 0 && tau <= 1, "tau is ", tau, "; a tolerance above 0 and at most 1 is needed");
}
void require_probability(double prob) {
  require(prob > 0 && prob <= 1, "prob is ", prob, "; a probability above 0 and at most 1 is needed");
}
void require_square(MatrixView<const double> m) {
  require(m.rows >= 1 && m.rows == m.cols, "the matrix is ", m.rows, " x ", m.cols,
          "; a square one with at least one row is needed");
}

// Tridiagonal: its diagonal, and above it the squares, squares[i] of entry (i, i + 1).
struct Tridiagonal {
  std::vector<double> diagonal, squares;
};

// Householder reflections from the last row upwards; only the lower triangle of the copy is used.
Tridiagonal tridiagonal_form(MatrixView<const double> symmetric) {
  const auto n = static_cast<std::size_t>(symmetric.rows);
  std::vector<std::vector<double>> a(n);
  for (std::size_t i = 0; i < n; ++i) a[i].assign(symmetric.row(i), symmetric.row(i) + i + 1);
  Tridiagonal t{std::vector<double>(n), std::vector<double>(n)};
  std::vector<double> p(n);
  double size_sq = 0;
  for (const std::vector<double>& row : a)
    for (const double x : row) size_sq += x * x;
  for (std::size_t i = n - 1; i >= 1; --i) {
    std::vector<double>& v = a[i];  // v[0 .. i-1] is reflected to (0, ..., 0, +-norm)
    double norm_sq = 0;
    for (std::size_t j = 0; j < i; ++j) norm_sq += v[j] * v[j];
    t.squares[i - 1] = norm_sq;
    // Of a matrix of low rank (members drawn twice) rests are left, far below its rounding, whose squares
    // underflow.
    if (norm_sq - v[i - 1] * v[i - 1] <= 1e-40 * size_sq) continue;
    const double norm = std::sqrt(norm_sq);
    v[i - 1] += v[i - 1] < 0 ? -norm : norm;
    double beta = 0;
    for (std::size_t j = 0; j < i; ++j) beta += v[j] * v[j];
    beta = 2 / beta;
    // A -= v q^T + q v^T with p = beta A v, q = p - (beta v^T p / 2) v.
    std::fill(p.begin(), p.end(), 0.0);
    for (std::size_t r = 0; r < i; ++r) {
      for (std::size_t c = 0; c < r; ++c) {
        p[r] += a[r][c] * v[c];
        p[c] += a[r][c] * v[r];
      }
      p[r] += a[r][r] * v[r];
    }
    double vp = 0;
    for (std::size_t j = 0; j < i; ++j) vp += v[j] * (p[j] *= beta);
    for (std::size_t j = 0; j < i; ++j) p[j] -= beta * vp / 2 * v[j];
    for (std::size_t r = 0; r < i; ++r)
      for (std::size_t c = 0; c <= r; ++c) a[r][c] -= v[r] * p[c] + p[r] * v[c];
  }
  for (std::size_t i = 0; i < n; ++i) t.diagonal[i] = a[i][i];
  return t;
}

// Whether every eigenvalue is below x: all pivots of t - x are negative.
bool all_below(const Tridiagonal& t, double x) {
  double pivot = t.diagonal[0] - x;
  for (std::size_t i = 1; pivot < 0 && i < t.diagonal.size(); ++i)
    pivot = t.diagonal[i] - x - t.squares[i - 1] / pivot;
  return pivot < 0;
}

}  // namespace

// --- queries

double second_moment_queries(double lambda, double tau, double prob, double last) {
  require_tau(tau);
  require_probability(prob);
  require(lambda > 0, "lambda is ", lambda, "; a second moment above 0 is needed");
  require(last >= 0, "last is ", last, "; what the output may hit, 0 or more, is needed");
  return std::max(0.0, prob * tau * tau / lambda - last);
}

double near_orthonormal_queries(double members, double gamma, double tau, double prob) {
  require_tau(tau);
  require_probability(prob);
  require(members >= 1, "members is ", members, "; at least 1 is needed");
  require(gamma >= 0 && gamma <= 1, "gamma is ", gamma, "; a correlation from 0 to 1 is needed");
  if (tau * tau <= gamma) return 0;
  return std::max(0.0, prob * members * (tau * tau - gamma) / (1 - gamma) - 1);
}

double sda_queries(double dimension, double prob) {
  require_probability(prob);
  require(dimension >= 0, "the statistical dimension is ", dimension, "; 0 or more is needed");
  return std::max(0.0, prob * dimension - 1);
}

double near_orthonormal_sda(double members, double gamma, double shift) {
  require(members >= 1, "members is ", members, "; at least 1 is needed");
  require(gamma >= 0 && gamma < 1, "gamma is ", gamma, "; a correlation from 0 to below 1 is needed");
  require(shift >= 0, "shift is ", shift, "; 0 or more is needed");
  return members * shift / (1 - gamma);
}

double sda_lower_bound(MatrixView<const double> limits, double average) {
  require_square(limits);
  const auto n = static_cast<std::size_t>(limits.rows);
  std::vector<double> heaviest(n), row;  // the largest sum of m entries of a row, the diagonal among them
  for (Index i = 0; i < limits.rows; ++i) {
    row.clear();
    for (Index j = 0; j < limits.cols; ++j)
      if (j != i) row.push_back(limits(i, j));
    std::sort(row.begin(), row.end(), std::greater<>());
    double sum = limits(i, i);
    heaviest[0] = std::max(heaviest[0], sum);
    for (std::size_t m = 1; m < n; ++m) heaviest[m] = std::max(heaviest[m], sum += row[m - 1]);
  }
  const double eigenvalue = largest_eigenvalue(limits);
  for (std::size_t m = 1; m <= n; ++m)
    if (std::min(eigenvalue, heaviest[m - 1]) <= average * static_cast<double>(m))
      return static_cast<double>(n) / static_cast<double>(m);
  return 0;
}

double szorenyi_queries(double dimension, double tau) {
  require_tau(tau);
  require(dimension >= 1, "the dimension is ", dimension, "; at least 1 is needed");
  return std::max(0.0, (dimension * tau * tau - 1) / 2);
}

// --- matrices

double largest_eigenvalue(MatrixView<const double> symmetric) {
  require_square(symmetric);
  const Tridiagonal t = tridiagonal_form(symmetric);
  double low = *std::max_element(t.diagonal.begin(), t.diagonal.end()), high = low, size = 0;
  for (std::size_t i = 0; i < t.diagonal.size(); ++i) {  // Gershgorin
    const double radius = std::sqrt(t.squares[i]) + (i > 0 ? std::sqrt(t.squares[i - 1]) : 0);
    high = std::max(high, t.diagonal[i] + radius);
    size = std::max(size, std::abs(t.diagonal[i]) + radius);
  }
  high += 1e-14 * size;
  while (high - low > 1e-14 * size) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (all_below(t, middle) ? high : low) = middle;
  }
  return high;
}

double average_correlation(MatrixView<const double> gram) {
  require_square(gram);
  double sum = 0;
  for (Index i = 0; i < gram.rows; ++i)
    for (Index j = 0; j < gram.cols; ++j) sum += std::abs(gram(i, j));
  return sum / static_cast<double>(gram.rows * gram.cols);
}

double largest_correlation(MatrixView<const double> gram) {
  require_square(gram);
  double largest = 0;
  for (Index i = 0; i < gram.rows; ++i)
    for (Index j = 0; j < i; ++j) largest = std::max(largest, std::abs(gram(i, j)));
  return largest;
}

}  // namespace eqnn::hard
