// Products of complex matrices of small and middle sizes, as between spectra: four multiply-adds for each pair of
// loads and broadcasts, and no pass over the result afterwards.
#include <algorithm>

#include "dispatch.h"
#include "fourier.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "complex_product.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Highway reads this file once for each target; this part once only.
#ifndef EQNN_COMPLEX_PRODUCT
#define EQNN_COMPLEX_PRODUCT(KERNEL, T) KERNEL(complex_product, (const ComplexProduct<T>& p), (p))
EQNN_TABLE_TYPE(EQNN_COMPLEX_PRODUCT)
#endif

HWY_BEFORE_NAMESPACE();
namespace eqnn::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The block of C that stays in registers, two sums an entry: rows, and vectors of columns.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kTileRows = 6, kTileVectors = 2;
#else
constexpr int kTileRows = 6, kTileVectors = 1;
#endif

template <class T, int M, int V>
HWY_NOINLINE void multiply_tile(const ComplexProduct<T>& p, Index i0, Index j0) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  // All loops over the sums are unrolled in full: only then do they stay in registers from start to end.
  hn::Vec<decltype(d)> re[M][V], im[M][V];
  HWY_UNROLL(6) for (int i = 0; i < M; ++i) HWY_UNROLL(2) for (int v = 0; v < V; ++v) {
    const Index at = (i0 + i) * p.c_row + j0 + v * lanes;
    re[i][v] = p.accumulate ? hn::LoadU(d, p.c_re + at) : hn::Zero(d);
    im[i][v] = p.accumulate ? hn::LoadU(d, p.c_im + at) : hn::Zero(d);
  }
  const auto sign = hn::Set(d, p.conjugate_b ? T(-1) : T(1));
  const T *a_re = p.a_re + i0 * p.a_row, *a_im = p.a_im + i0 * p.a_row, *b_re = p.b_re + j0, *b_im = p.b_im + j0;
  for (Index k = 0; k < p.k; ++k, a_re += p.a_col, a_im += p.a_col, b_re += p.b_row, b_im += p.b_row) {
    hn::Vec<decltype(d)> x[V], y[V];
    HWY_UNROLL(2) for (int v = 0; v < V; ++v) {
      x[v] = hn::LoadU(d, b_re + v * lanes);
      y[v] = hn::Mul(sign, hn::LoadU(d, b_im + v * lanes));
    }
    HWY_UNROLL(6) for (int i = 0; i < M; ++i) {
      const auto a = hn::Set(d, a_re[i * p.a_row]), b = hn::Set(d, a_im[i * p.a_row]);
      HWY_UNROLL(2) for (int v = 0; v < V; ++v) {
        re[i][v] = hn::MulAdd(a, x[v], re[i][v]);
        im[i][v] = hn::MulAdd(b, x[v], im[i][v]);
        re[i][v] = hn::NegMulAdd(b, y[v], re[i][v]);
        im[i][v] = hn::MulAdd(a, y[v], im[i][v]);
      }
    }
  }
  HWY_UNROLL(6) for (int i = 0; i < M; ++i) HWY_UNROLL(2) for (int v = 0; v < V; ++v) {
    const Index at = (i0 + i) * p.c_row + j0 + v * lanes;
    hn::StoreU(re[i][v], d, p.c_re + at);
    hn::StoreU(im[i][v], d, p.c_im + at);
  }
}

// The rows from i0 on that are fewer than a tile has.
template <class T, int V>
void multiply_rest(const ComplexProduct<T>& p, Index i0, Index j0) {
  switch (p.m - i0) {
    case 1:
      return multiply_tile<T, 1, V>(p, i0, j0);
    case 2:
      return multiply_tile<T, 2, V>(p, i0, j0);
    case 3:
      return multiply_tile<T, 3, V>(p, i0, j0);
    case 4:
      return multiply_tile<T, 4, V>(p, i0, j0);
    case 5:
      return multiply_tile<T, 5, V>(p, i0, j0);
    default:
      return;
  }
}

// The columns of C from j0 on, V vectors.
template <class T, int V>
void multiply_columns(const ComplexProduct<T>& p, Index j0) {
  // Seven to eleven rows left make two tiles of about one size.
  Index i = 0;
  for (; p.m - i >= 2 * kTileRows || p.m - i == kTileRows; i += kTileRows) multiply_tile<T, kTileRows, V>(p, i, j0);
  if (p.m - i > kTileRows) {
    if (p.m - i > kTileRows + 2) {
      multiply_tile<T, kTileRows, V>(p, i, j0);
      i += kTileRows;
    } else {
      multiply_tile<T, 4, V>(p, i, j0);
      i += 4;
    }
  }
  multiply_rest<T, V>(p, i, j0);
}

template <class T>
void complex_product(const ComplexProduct<T>& p) {
  const Index lanes = static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  Index j = 0;
  for (; p.n - j >= kTileVectors * lanes; j += kTileVectors * lanes) multiply_columns<T, kTileVectors>(p, j);
  if constexpr (kTileVectors > 1)
    for (; j < p.n; j += lanes) multiply_columns<T, 1>(p, j);
}

EQNN_TARGET_TABLE(EQNN_COMPLEX_PRODUCT)

}  // namespace
}  // namespace eqnn::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eqnn::kernels {

EQNN_PUBLIC_KERNELS(EQNN_COMPLEX_PRODUCT)

}  // namespace eqnn::kernels
#endif
