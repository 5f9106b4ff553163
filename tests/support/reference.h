// What every kernel and operation means, written the plainest way: loops over doubles.
#pragma once

#include <eqnn/core/rng.h>
#include <eqnn/kernels/kernels.h>
#include <eqnn/nn/dense_graphs.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace eqnn::reference {

// The larger of two errors; a NaN is as bad as it gets.
inline double worse(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? std::numeric_limits<double>::infinity() : std::max(a, b);
}

// --- matrices --------------------------------------------------------------------------------------------

// A dense row-major matrix without padding.
struct Dense {
  Index rows = 0, cols = 0;
  std::vector<double> data;

  Dense() = default;
  Dense(Index r, Index c) : rows(r), cols(c), data(static_cast<std::size_t>(r * c)) {}
  double& operator()(Index i, Index j) { return data[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(Index i, Index j) const { return data[static_cast<std::size_t>(i * cols + j)]; }
};

inline Dense transposed(const Dense& a) {
  Dense t(a.cols, a.rows);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.cols; ++j) t(j, i) = a(i, j);
  return t;
}

inline Dense product(const Dense& a, const Dense& b) {
  Dense c(a.rows, b.cols);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < b.cols; ++j)
      for (Index p = 0; p < a.cols; ++p) c(i, j) += a(i, p) * b(p, j);
  return c;
}

// A matrix in memory as doubles.
template <class T>
Dense dense(MatrixView<T> m) {
  Dense d(m.rows, m.cols);
  for (Index i = 0; i < m.rows; ++i)
    for (Index j = 0; j < m.cols; ++j) d(i, j) = static_cast<double>(m(i, j));
  return d;
}

// One entry of kernels::product, and the sum of the absolute terms, which bounds its rounding error.
struct Entry {
  double value = 0, magnitude = 0;
};
template <class T>
Entry product_entry(const kernels::Product<T>& p, Index batch, Index i, Index j, double before) {
  double start = p.bias ? static_cast<double>(p.bias[j]) : 0;
  if (p.accumulate) start = before;
  Entry e{start, std::abs(start)};
  for (Index q = 0; q < p.k; ++q) {
    const double a = static_cast<double>(p.a[batch * p.a_step + i * p.a_row + q * p.a_col]);
    const T* b = p.b + batch * p.b_step;
    const double term = a * static_cast<double>(p.b_transposed ? b[j * p.b_row + q] : b[q * p.b_row + j]);
    e.value += term;
    e.magnitude += std::abs(term);
  }
  return e;
}

// --- elementwise -----------------------------------------------------------------------------------------

inline double unary(kernels::Unary f, double x) {
  switch (f) {
    case kernels::Unary::relu:
      return x > 0 ? x : 0;
    case kernels::Unary::tanh:
      return std::tanh(x);
    case kernels::Unary::gelu:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case kernels::Unary::square:
      return x * x;
  }
  return 0;
}

inline double unary_slope(kernels::Unary f, double x) {
  switch (f) {
    case kernels::Unary::relu:
      return x > 0 ? 1 : 0;
    case kernels::Unary::tanh:
      return 1 - std::tanh(x) * std::tanh(x);
    case kernels::Unary::gelu: {
      const double s = std::sqrt(2 / M_PI), t = std::tanh(s * (x + 0.044715 * x * x * x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * s * (1 + 3 * 0.044715 * x * x);
    }
    case kernels::Unary::square:
      return 2 * x;
  }
  return 0;
}

// --- adjacency -------------------------------------------------------------------------------------------

inline Dense normalize_adjacency(const Dense& a, Adjacency form) {
  const Index n = a.rows;
  const double root = std::sqrt(static_cast<double>(n));
  Dense r(n, n);
  for (Index i = 0; i < n; ++i) {
    double degree = 0;
    for (Index j = 0; j < n; ++j) degree += a(i, j);
    for (Index j = 0; j < n; ++j) {
      if (form == Adjacency::raw) r(i, j) = a(i, j);
      if (form == Adjacency::mean) r(i, j) = a(i, j) / std::max(1.0, degree);
      if (form == Adjacency::sqrt) r(i, j) = a(i, j) / root;
      if (form == Adjacency::centred) r(i, j) = i == j ? 0 : (a(i, j) - 0.5) * 2 / root;
    }
  }
  return r;
}

// --- optimisers: one element, as the docstrings in trainer.h say ------------------------------------------

inline void sgd(const kernels::SgdUpdate<double>& u, double& p, double g, double& buffer) {
  g = u.gradient_scale * g + u.weight_decay * p;
  if (u.momentum == 0) {
    p -= u.rate * g;
    return;
  }
  buffer = u.first ? g : u.momentum * buffer + g;
  p -= u.rate * (u.nesterov ? g + u.momentum * buffer : buffer);
}

inline void adam(const kernels::AdamUpdate<double>& u, double& p, double g, double& m, double& v) {
  g = u.gradient_scale * g + u.weight_decay * p;
  m = u.beta1 * m + (1 - u.beta1) * g;
  v = u.beta2 * v + (1 - u.beta2) * g * g;
  p = u.keep * p - u.rate_over_correction1 * m / (std::sqrt(v) / u.sqrt_correction2 + u.epsilon);
}

inline void sign_sgd(double rate, double weight_decay, double gradient_scale, double& p, double g) {
  g = gradient_scale * g + weight_decay * p;
  p -= rate * static_cast<double>((g > 0) - (g < 0));
}

}  // namespace eqnn::reference
