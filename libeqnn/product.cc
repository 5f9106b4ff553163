// Small and middle matrix products: one register-blocked kernel for every SIMD target.

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels.h"
#include "matrix.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "product.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eqnn::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Registers bound the block of C that one pass keeps: kRows[v-1] rows of v vectors.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr std::array<int, 4> kRows = {12, 12, 8, 6};
#else
constexpr std::array<int, 2> kRows = {8, 6};
#endif
constexpr int kMaxVectors = static_cast<int>(kRows.size());
constexpr int kMaxRows = kRows[0];

// A panel of B that does not fit the first-level cache, or whose row stride maps all rows to a few of its
// sets, is copied together first. 24 KiB leaves room for A and C in 32 KiB.
constexpr Index kPanelBytes = 24 * 1024;

template <class T>
struct Tile {
  const T* a;
  Index a_row, a_col;
  const T* b;
  Index b_row;
  T* c;
  Index c_row;
  const T* bias;
  Index k;
  Index last;  // columns of the last vector that exist; its other lanes are not written
  bool accumulate;
};

template <class T, int M, int V>
HWY_NOINLINE void multiply_tile(const Tile<T>& t) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const bool whole = t.last == lanes;
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(t.last));
  hn::Vec<decltype(d)> sum[M][V];
  for (int i = 0; i < M; ++i)
    for (int v = 0; v < V; ++v) {
      if (t.accumulate) {
        const T* c = t.c + i * t.c_row + v * lanes;
        sum[i][v] = whole || v < V - 1 ? hn::LoadU(d, c) : hn::MaskedLoad(mask, d, c);
      } else {
        sum[i][v] = t.bias ? hn::LoadU(d, t.bias + v * lanes) : hn::Zero(d);
      }
    }
  const T* a = t.a;
  const T* b = t.b;
  for (Index p = 0; p < t.k; ++p, a += t.a_col, b += t.b_row) {
    hn::Vec<decltype(d)> row[V];
    for (int v = 0; v < V; ++v) row[v] = hn::LoadU(d, b + v * lanes);
    for (int i = 0; i < M; ++i) {
      const auto x = hn::Set(d, a[i * t.a_row]);
      for (int v = 0; v < V; ++v) sum[i][v] = hn::MulAdd(x, row[v], sum[i][v]);
    }
  }
  for (int i = 0; i < M; ++i)
    for (int v = 0; v < V; ++v) {
      T* c = t.c + i * t.c_row + v * lanes;
      if (whole || v < V - 1)
        hn::StoreU(sum[i][v], d, c);
      else
        hn::BlendedStore(sum[i][v], mask, d, c);
    }
}

template <class T>
using TileFunction = void (*)(const Tile<T>&);

template <class T, int V, int... M>
constexpr std::array<TileFunction<T>, kMaxRows + 1> tile_row(std::integer_sequence<int, M...>) {
  std::array<TileFunction<T>, kMaxRows + 1> row{};
  ((row[M + 1] = multiply_tile<T, M + 1, V>), ...);
  return row;
}

// tiles[v][m]: the function for m rows of v vectors.
template <class T>
constexpr auto make_tiles() {
  std::array<std::array<TileFunction<T>, kMaxRows + 1>, kMaxVectors + 1> tiles{};
  tiles[1] = tile_row<T, 1>(std::make_integer_sequence<int, kRows[0]>{});
  tiles[2] = tile_row<T, 2>(std::make_integer_sequence<int, kRows[1]>{});
  if constexpr (kMaxVectors > 2) {
    tiles[3] = tile_row<T, 3>(std::make_integer_sequence<int, kRows[2 % kMaxVectors]>{});
    tiles[4] = tile_row<T, 4>(std::make_integer_sequence<int, kRows[3 % kMaxVectors]>{});
  }
  return tiles;
}

// All rows of C against one panel of B: V vectors wide, t.k deep. Rows are cut evenly, so that no block
// is much smaller than the others.
template <class T>
void multiply_panel(Tile<T> t, Index m, int vectors) {
  static constexpr auto tiles = make_tiles<T>();
  const auto& row = tiles[static_cast<std::size_t>(vectors)];
  const Index most = kRows[static_cast<std::size_t>(vectors - 1)];
  const Index blocks = (m + most - 1) / most;
  for (Index i = 0; i < blocks; ++i) {
    const Index rows = m / blocks + (i < m % blocks ? 1 : 0);
    row[static_cast<std::size_t>(rows)](t);
    t.a += rows * t.a_row;
    t.c += rows * t.c_row;
  }
}

#if HWY_TARGET == HWY_SCALAR
template <class T>
void transpose_all(Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) out[j * out_row + i] = in[i * in_row + j];
}
#else
// One square block of 128-bit vectors.
template <class D, class T>
HWY_INLINE void transpose_block(D d, const T* in, Index in_row, T* out, Index out_row) {
  if constexpr (sizeof(T) == 8) {
    const auto r0 = hn::LoadU(d, in), r1 = hn::LoadU(d, in + in_row);
    hn::StoreU(hn::InterleaveLower(d, r0, r1), d, out);
    hn::StoreU(hn::InterleaveUpper(d, r0, r1), d, out + out_row);
  } else {
    const hn::Repartition<double, D> wide;
    const auto r0 = hn::LoadU(d, in), r1 = hn::LoadU(d, in + in_row);
    const auto r2 = hn::LoadU(d, in + 2 * in_row), r3 = hn::LoadU(d, in + 3 * in_row);
    const auto a = hn::BitCast(wide, hn::InterleaveLower(d, r0, r1));
    const auto b = hn::BitCast(wide, hn::InterleaveLower(d, r2, r3));
    const auto e = hn::BitCast(wide, hn::InterleaveUpper(d, r0, r1));
    const auto f = hn::BitCast(wide, hn::InterleaveUpper(d, r2, r3));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, a, b)), d, out);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, a, b)), d, out + out_row);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, e, f)), d, out + 2 * out_row);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, e, f)), d, out + 3 * out_row);
  }
}

template <class T>
void transpose_all(Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row) {
  constexpr Index side = 16 / sizeof(T);
  const hn::FixedTag<T, 16 / sizeof(T)> d;
  const Index whole_rows = rows / side * side, whole_cols = cols / side * side;
  for (Index i = 0; i < whole_rows; i += side)
    for (Index j = 0; j < whole_cols; j += side)
      transpose_block(d, in + i * in_row + j, in_row, out + j * out_row + i, out_row);
  for (Index i = 0; i < rows; ++i)
    for (Index j = i < whole_rows ? whole_cols : 0; j < cols; ++j) out[j * out_row + i] = in[i * in_row + j];
}
#endif

// Rows k0 .. k0+depth of B, `vectors` vectors from column j0 on, side by side in `packed`. Lanes past
// column n are never used: they reach only columns of C that are not written.
template <class T>
void pack_panel(const Product<T>& p, Index k0, Index depth, Index j0, int vectors, T* packed) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d)), width = vectors * lanes;
  if (p.b_transposed) {
    const Index cols = std::min(width, p.n - j0);
    for (Index i = 0; cols < width && i < depth; ++i)
      hn::Store(hn::Zero(d), d, packed + i * width + width - lanes);
    transpose_all(cols, depth, p.b + j0 * p.b_row + k0, p.b_row, packed, width);
    return;
  }
  for (Index i = 0; i < depth; ++i)
    for (Index v = 0; v < vectors; ++v)
      hn::Store(hn::LoadU(d, p.b + (k0 + i) * p.b_row + j0 + v * lanes), d, packed + i * width + v * lanes);
}

template <class T>
void multiply_one(const Product<T>& p) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const Index total = (p.n + lanes - 1) / lanes;
  const Index panels = (total + kMaxVectors - 1) / kMaxVectors;
  Index v0 = 0;
  for (Index panel = 0; panel < panels; ++panel) {
    const int vectors = static_cast<int>(total / panels + (panel < total % panels ? 1 : 0));
    const Index width = vectors * lanes;
    const Index depth = kPanelBytes / (width * static_cast<Index>(sizeof(T)));
    const bool reused = p.m > 2 * kRows[static_cast<std::size_t>(vectors - 1)] && p.b_row != width && p.k > 32;
    const bool pack = p.b_transposed || reused;
    const Index step = std::max<Index>(pack ? std::min(p.k, depth) : p.k, 1);
    Tile<T> t{p.a, p.a_row, p.a_col, nullptr, p.b_row, p.c + v0 * lanes, p.c_row,
              p.bias ? p.bias + v0 * lanes : nullptr, 0, std::min(lanes, p.n - (v0 + vectors - 1) * lanes),
              p.accumulate};
    alignas(kLine) T packed[kPanelBytes / sizeof(T)];
    for (Index k0 = 0; k0 == 0 || k0 < p.k; k0 += step) {
      t.k = std::min(step, p.k - k0);
      t.a = p.a + k0 * p.a_col;
      t.b = p.b + v0 * lanes + k0 * p.b_row;
      if (pack) {
        pack_panel(p, k0, t.k, v0 * lanes, vectors, packed);
        t.b = packed;
        t.b_row = width;
      }
      t.accumulate = p.accumulate || k0 > 0;
      multiply_panel(t, p.m, vectors);
    }
    v0 += vectors;
  }
}

template <class T>
void multiply_all(const Product<T>& p) {
  Product<T> q = p;
  for (Index i = 0; i < p.count; ++i) {
    multiply_one(q);
    q.a += p.a_step;
    q.b += p.b_step;
    q.c += p.c_step;
  }
}

// Highway's dispatch table takes plain functions, not templates.
void product_f32(const Product<float>& p) { multiply_all(p); }
void product_f64(const Product<double>& p) { multiply_all(p); }
void transpose_f32(Index r, Index c, const float* in, Index ir, float* out, Index o) {
  transpose_all(r, c, in, ir, out, o);
}
void transpose_f64(Index r, Index c, const double* in, Index ir, double* out, Index o) {
  transpose_all(r, c, in, ir, out, o);
}

}  // namespace
}  // namespace eqnn::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eqnn::kernels {

HWY_EXPORT(product_f32);
HWY_EXPORT(product_f64);
HWY_EXPORT(transpose_f32);
HWY_EXPORT(transpose_f64);

template <>
void product(const Product<float>& p) {
  HWY_DYNAMIC_DISPATCH(product_f32)(p);
}
template <>
void product(const Product<double>& p) {
  HWY_DYNAMIC_DISPATCH(product_f64)(p);
}
template <>
void transpose(Index rows, Index cols, const float* in, Index in_row, float* out, Index out_row) {
  HWY_DYNAMIC_DISPATCH(transpose_f32)(rows, cols, in, in_row, out, out_row);
}
template <>
void transpose(Index rows, Index cols, const double* in, Index in_row, double* out, Index out_row) {
  HWY_DYNAMIC_DISPATCH(transpose_f64)(rows, cols, in, in_row, out, out_row);
}

}  // namespace eqnn::kernels
#endif
