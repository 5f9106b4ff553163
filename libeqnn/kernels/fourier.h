// Discrete Fourier transforms over the rows of a matrix, one column a lane: no shuffles, and bits that do not
// depend on the vector length of the target. n is any number; its prime factors up to 7 (and 4 and 8) have
// butterflies of their own on targets with fused multiply-add, other primes p cost p operations an entry.
#pragma once

#include <vector>

#include "../core/matrix.h"

namespace eqnn::kernels {

// How transforms of length n are computed: n = radix_1 * ... * radix_q, one pass a factor, and the twiddles of
// each, computed in double. Sub-transforms of `size` points become ones of size * radix.
template <class T>
class FourierPlan {
 public:
  // Throws ValueError for n < 1.
  explicit FourierPlan(Index n);
  // Passes point into the table.
  FourierPlan(const FourierPlan&) = delete;
  FourierPlan& operator=(const FourierPlan&) = delete;
  FourierPlan(FourierPlan&&) = default;
  FourierPlan& operator=(FourierPlan&&) = default;

  struct Pass {
    Index radix, size;
    // cos, sin of 2 pi j k / (size radix) for k = 0, .., size - 1 and j = 0, .., radix - 1.
    const T* twiddles;
    // For radices without a butterfly: cos, sin of 2 pi j / radix for j = 0, .., radix - 1.
    const T* roots;
  };
  Index points() const { return n_; }
  Index frequencies() const { return n_ / 2 + 1; }
  const std::vector<Pass>& passes() const { return passes_; }
  // Elements of memory that a transform works in.
  Index work() const { return work_; }

 private:
  Index n_, work_ = 0;
  std::vector<Pass> passes_;
  std::vector<T> table_;
};

// Multiply-adds of a real transform of n points, of one column, about.
double fourier_multiply_adds(Index n);

// re[w] = sum_t x_t cos(2 pi w t / n), im[w] = -sum_t x_t sin(2 pi w t / n), w = 0, .., n / 2.
// REQUIRES, of all three: `cols` a whole number of lines (matrix.h), rows on lines, `work` of plan.work() elements
// on a line; no overlap of inputs and outputs.
template <class T>
struct FourierForward {
  const FourierPlan<T>* plan;
  Index cols;
  const T* x;
  Index x_row;
  T *re, *im;
  Index w_row;
  T* work;
};
template <class T>
void fourier_forward(const FourierForward<T>& f);

// x_t = base + scale (re[0] + 2 sum_{0 < w < n/2} (re[w] cos(2 pi w t / n) - im[w] sin(2 pi w t / n))
//                     + (-1)^t re[n / 2]), the last term for even n: with scale = 1 / n the inverse of forward.
// `base` is x itself (accumulate), `bias` (one row, may be null) or 0. REQUIRES: im[n / 2] = 0 for even n, up to
// rounding.
template <class T>
struct FourierBackward {
  const FourierPlan<T>* plan;
  Index cols;
  const T *re, *im;
  Index w_row;
  T* x;
  Index x_row;
  T scale;
  const T* bias;
  bool accumulate;
  T* work;
};
template <class T>
void fourier_backward(const FourierBackward<T>& f);

// In place, complex: z_w = sum_t z_t e^{-2 pi i w t / n}. With re and im exchanged, the other sign.
template <class T>
struct FourierComplex {
  const FourierPlan<T>* plan;
  Index cols;
  T *re, *im;
  Index row;
  T* work;
};
template <class T>
void fourier_complex(const FourierComplex<T>& f);

// C (+)= A B or A conj(B) of complex numbers, real and imaginary parts apart, both at the same strides:
//   A is m x k, element (i, p) at a_re[i * a_row + p * a_col], and at a_im.
//   B is k x n, rows b_row apart; C is m x n, rows c_row apart. n is a whole number of lines, and B's and C's rows
//   start on lines.
template <class T>
struct ComplexProduct {
  Index m = 0, n = 0, k = 0;
  const T *a_re = nullptr, *a_im = nullptr;
  Index a_row = 0, a_col = 1;
  const T *b_re = nullptr, *b_im = nullptr;
  Index b_row = 0;
  T *c_re = nullptr, *c_im = nullptr;
  Index c_row = 0;
  bool conjugate_b = false, accumulate = false;
};
template <class T>
void complex_product(const ComplexProduct<T>& p);

}  // namespace eqnn::kernels
