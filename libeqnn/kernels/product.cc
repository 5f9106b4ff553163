// Small and middle matrix products: one register-blocked kernel for every SIMD target.

#include <algorithm>
#include <array>
#include <cstdint>

#include "../core/matrix.h"
#include "dispatch.h"
#include "kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "product.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Highway reads this file once for each target; this part once only.
#ifndef EQNN_PRODUCTS
#define EQNN_PRODUCTS(KERNEL, T)                                                                \
  KERNEL(product, (const Product<T>& p), (p))                                                   \
  KERNEL(transpose, (Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row), \
         (rows, cols, in, in_row, out, out_row))
EQNN_TABLE_TYPE(EQNN_PRODUCTS)
#endif

HWY_BEFORE_NAMESPACE();
namespace eqnn::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Registers bound the block of C that one pass keeps: kTileRows[v-1] rows of v vectors.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr std::array<int, 4> kTileRows = {12, 12, 8, 6};
#else
constexpr std::array<int, 2> kTileRows = {8, 6};
#endif
constexpr int kMaxVectors = static_cast<int>(kTileRows.size());
constexpr int kMaxTileRows = kTileRows[0];

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
  // All loops over `sum` are unrolled in full: only then does it stay in registers from start to end.
  hn::Vec<decltype(d)> sum[M][V];
  if (t.accumulate) {
    HWY_UNROLL(16) for (int i = 0; i < M; ++i) HWY_UNROLL(4) for (int v = 0; v < V; ++v) {
      const T* c = t.c + i * t.c_row + v * lanes;
      sum[i][v] = whole || v < V - 1 ? hn::LoadU(d, c) : hn::MaskedLoad(mask, d, c);
    }
  } else {
    HWY_UNROLL(4) for (int v = 0; v < V; ++v) {
      const auto start = t.bias ? hn::LoadU(d, t.bias + v * lanes) : hn::Zero(d);
      HWY_UNROLL(16) for (int i = 0; i < M; ++i) sum[i][v] = start;
    }
  }
  const T *a = t.a, *b = t.b;
  for (Index p = 0; p < t.k; ++p, a += t.a_col, b += t.b_row) {
    hn::Vec<decltype(d)> row[V];
    HWY_UNROLL(4) for (int v = 0; v < V; ++v) row[v] = hn::LoadU(d, b + v * lanes);
    HWY_UNROLL(16) for (int i = 0; i < M; ++i) {
      const auto x = hn::Set(d, a[i * t.a_row]);
      HWY_UNROLL(4) for (int v = 0; v < V; ++v) sum[i][v] = hn::MulAdd(x, row[v], sum[i][v]);
    }
  }
  HWY_UNROLL(16) for (int i = 0; i < M; ++i) HWY_UNROLL(4) for (int v = 0; v < V; ++v) {
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
constexpr std::array<TileFunction<T>, kMaxTileRows + 1> tile_row(std::integer_sequence<int, M...>) {
  std::array<TileFunction<T>, kMaxTileRows + 1> row{};
  ((row[M + 1] = multiply_tile<T, M + 1, V>), ...);
  return row;
}

// tiles[v][m]: the function for m rows of v vectors.
template <class T>
constexpr auto make_tiles() {
  std::array<std::array<TileFunction<T>, kMaxTileRows + 1>, kMaxVectors + 1> tiles{};
  tiles[1] = tile_row<T, 1>(std::make_integer_sequence<int, kTileRows[0]>{});
  tiles[2] = tile_row<T, 2>(std::make_integer_sequence<int, kTileRows[1]>{});
  if constexpr (kMaxVectors > 2) {
    tiles[3] = tile_row<T, 3>(std::make_integer_sequence<int, kTileRows[2 % kMaxVectors]>{});
    tiles[4] = tile_row<T, 4>(std::make_integer_sequence<int, kTileRows[3 % kMaxVectors]>{});
  }
  return tiles;
}

// A range cut into as few parts as hold `most` each, none much smaller than the others.
struct Cut {
  Cut(Index total, Index most) : parts((total + most - 1) / most) {
    if (parts == 0) return;
    size = total / parts;
    larger = total % parts;
  }
  Index operator[](Index i) const { return size + (i < larger ? 1 : 0); }
  Index parts, size = 0, larger = 0;  // the first `larger` parts have one more than `size`
};

// All rows of C against one panel of B, `vectors` wide. Moves `t` down as it goes: a copy of the struct
// would have to wait for the stores that filled it.
template <class T>
void multiply_panel(Tile<T>& t, const Cut& rows, int vectors) {
  static constexpr auto tiles = make_tiles<T>();
  const auto& row = tiles[vectors];
  for (Index i = 0; i < rows.parts; ++i) {
    row[rows[i]](t);
    if (t.k > 0) t.a += rows[i] * t.a_row;
    t.c += rows[i] * t.c_row;
  }
}

#if HWY_TARGET == HWY_SCALAR
template <class T>
void transpose(Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row) {
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
void transpose(Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row) {
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
    for (Index i = 0; cols < width && i < depth; ++i) hn::Store(hn::Zero(d), d, packed + i * width + width - lanes);
    transpose(cols, depth, p.b + j0 * p.b_row + k0, p.b_row, packed, width);
    return;
  }
  for (Index i = 0; i < depth; ++i)
    for (Index v = 0; v < vectors; ++v)
      hn::Store(hn::LoadU(d, p.b + (k0 + i) * p.b_row + j0 + v * lanes), d, packed + i * width + v * lanes);
}

// How the panels of one width are worked off.
template <class T>
struct PanelPlan {
  PanelPlan(const Product<T>& p, Index panel_vectors)
      : vectors(static_cast<int>(panel_vectors)),
        width(panel_vectors * static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()))),
        rows(p.m, most_rows()),
        pack(p.b_transposed || (p.m > 2 * most_rows() && p.b_row != width && p.k > 32)),
        depths(p.k, pack ? kPanelBytes / (width * static_cast<Index>(sizeof(T))) : p.k + 1) {}
  Index most_rows() const { return kTileRows[vectors - 1]; }

  int vectors;
  Index width;  // elements
  Cut rows;
  bool pack;
  Cut depths;
};

// The columns of C from j0 on, one panel of B.
template <class T>
void multiply_columns(const Product<T>& p, const PanelPlan<T>& plan, Index j0) {
  const Index lanes = static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  alignas(kLine) T packed[kPanelBytes / sizeof(T)];
  Tile<T> t;
  t.a_row = p.a_row;
  t.a_col = p.a_col;
  t.b_row = plan.pack ? plan.width : p.b_row;
  t.c_row = p.c_row;
  t.bias = p.bias ? p.bias + j0 : nullptr;
  t.last = std::min(lanes, p.n - j0 - plan.width + lanes);
  Index from = 0;
  for (Index part = 0; part == 0 || part < plan.depths.parts; ++part) {
    t.k = plan.depths[part];
    t.a = p.a + from * p.a_col;
    t.b = t.k == 0 ? p.b : p.b + from * p.b_row + j0;
    if (plan.pack) {
      pack_panel(p, from, t.k, j0, plan.vectors, packed);
      t.b = packed;
    }
    t.c = p.c + j0;
    t.accumulate = p.accumulate || part > 0;
    multiply_panel(t, plan.rows, plan.vectors);
    from += t.k;
  }
}

template <class T>
void product(const Product<T>& p) {
  const Index lanes = static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  const Cut panels((p.n + lanes - 1) / lanes, kMaxVectors);
  if (panels.parts == 0) return;
  const PanelPlan<T> wide(p, panels[0]), narrow(p, panels[panels.parts - 1]);
  Product<T> q = p;
  for (Index i = 0; i < p.count; ++i) {
    Index j0 = 0;
    for (Index panel = 0; panel < panels.parts; ++panel) {
      const PanelPlan<T>& plan = panel < panels.larger ? wide : narrow;
      multiply_columns(q, plan, j0);
      j0 += plan.width;
    }
    q.a += p.a_step;
    q.b += p.b_step;
    q.c += p.c_step;
  }
}

EQNN_TARGET_TABLE(EQNN_PRODUCTS)

}  // namespace
}  // namespace eqnn::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eqnn::kernels {

EQNN_PUBLIC_KERNELS(EQNN_PRODUCTS)

}  // namespace eqnn::kernels
#endif
