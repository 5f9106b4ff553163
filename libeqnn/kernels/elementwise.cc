// Everything that is not a matrix product: elementwise functions, sums, pooling, updates.

#include <algorithm>
#include <cmath>
#include <limits>

#include "../core/matrix.h"
#include "dispatch.h"
#include "kernels.h"

#include <hwy/cache_control.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "elementwise.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// Highway's math header comes after highway.h, and is compiled for each target too.
#include <hwy/contrib/math/math-inl.h>

// Highway reads this file once for each target; this part once only.
#ifndef EQNN_ELEMENTWISE
#define EQNN_ELEMENTWISE(KERNEL, T)                                                                           \
  KERNEL(unary, (Unary f, Index size, const T* x, T* y), (f, size, x, y))                                     \
  KERNEL(unary_gradient, (Unary f, Index size, const T* x_or_y, const T* dy, T* dx, bool accumulate),         \
         (f, size, x_or_y, dy, dx, accumulate))                                                               \
  KERNEL(exp, (Index size, const T* x, T* y), (size, x, y))                                                   \
  KERNEL(axpy, (Index size, T alpha, const T* x, T* y, bool accumulate), (size, alpha, x, y, accumulate))     \
  KERNEL(multiply, (Index size, const T* x, const T* z, T* y, bool accumulate), (size, x, z, y, accumulate))  \
  KERNEL(scaled_difference, (Index size, T alpha, const T* x, const T* z, T* y, bool accumulate),             \
         (size, alpha, x, z, y, accumulate))                                                                  \
  KERNEL(copy_columns,                                                                                        \
         (Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row, bool accumulate),         \
         (rows, cols, in, in_row, out, out_row, accumulate))                                                  \
  KERNEL(column_sums, (Index rows, Index cols, const T* in, Index in_row, T* out, bool accumulate),           \
         (rows, cols, in, in_row, out, accumulate))                                                           \
  KERNEL(pool, (bool relu, Index examples, Index points, Index stride, T scale, const T* in, T* out),         \
         (relu, examples, points, stride, scale, in, out))                                                    \
  KERNEL(pool_gradient,                                                                                       \
         (bool relu, Index examples, Index points, Index stride, T scale, const T* in, const T* dout, T* din, \
          bool accumulate),                                                                                   \
         (relu, examples, points, stride, scale, in, dout, din, accumulate))                                  \
  KERNEL(gather_sum, (const GatherSum<T>& g), (g))                                                            \
  KERNEL(sgd, (const SgdUpdate<T>& u, Index size, T* param, const T* gradient, T* buffer),                    \
         (u, size, param, gradient, buffer))                                                                  \
  KERNEL(adam, (const AdamUpdate<T>& u, Index size, T* param, const T* gradient, T* m, T* v),                 \
         (u, size, param, gradient, m, v))                                                                    \
  KERNEL(sign_sgd, (T rate, T weight_decay, T gradient_scale, Index size, T * param, const T* gradient),      \
         (rate, weight_decay, gradient_scale, size, param, gradient))
EQNN_TABLE_TYPE(EQNN_ELEMENTWISE)
#endif

HWY_BEFORE_NAMESPACE();
namespace eqnn::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::ScalableTag<T>;

template <class T>
Index lanes() {
  return static_cast<Index>(hn::Lanes(Tag<T>()));
}

// Calls body(offset, store) for every vector of a span: `store` writes all lanes, or those that exist.
template <class T, class Body>
HWY_INLINE void each_vector(Index size, T* y, const Body& body) {
  const Tag<T> d;
  const Index step = lanes<T>(), whole = size / step * step;
  for (Index i = 0; i < whole; i += step) hn::StoreU(body(i), d, y + i);
  if (whole < size)
    hn::BlendedStore(body(whole), hn::FirstN(d, static_cast<std::size_t>(size - whole)), d, y + whole);
}

constexpr double kGeluScale = 0.7978845608028654;  // sqrt(2/pi)
constexpr double kGeluCube = 0.044715;

template <class D, class V>
HWY_INLINE V gelu_value(D d, V x) {
  using T = hn::TFromD<D>;
  const V inner = hn::MulAdd(hn::Mul(hn::Set(d, T(kGeluCube)), hn::Mul(x, x)), x, x);
  const V t = hn::Tanh(d, hn::Mul(hn::Set(d, T(kGeluScale)), inner));
  const V half = hn::Mul(hn::Set(d, T(0.5)), x);
  return hn::MulAdd(half, t, half);
}

template <class D, class V>
HWY_INLINE V gelu_slope(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, T(1)), half = hn::Set(d, T(0.5)), square = hn::Mul(x, x);
  const V inner = hn::MulAdd(hn::Mul(hn::Set(d, T(kGeluCube)), square), x, x);
  const V t = hn::Tanh(d, hn::Mul(hn::Set(d, T(kGeluScale)), inner));
  const V inner_slope = hn::Mul(hn::Set(d, T(kGeluScale)), hn::MulAdd(hn::Set(d, T(3 * kGeluCube)), square, one));
  const V sech2 = hn::NegMulAdd(t, t, one);
  return hn::MulAdd(hn::Mul(hn::Mul(half, x), sech2), inner_slope, hn::MulAdd(half, t, half));
}

// Not Max, which hides a NaN on x86: a diverging run must show in its loss.
template <class D, class V>
HWY_INLINE V relu_value(D d, V x) {
  return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
}
template <class D, class V>
HWY_INLINE V relu_slope(D d, V x) {
  return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), hn::Set(d, hn::TFromD<D>(1)));
}

template <class T>
void unary(Unary f, Index size, const T* x, T* y) {
  const Tag<T> d;
  switch (f) {
    case Unary::relu:
      return each_vector(size, y, [=](Index i) { return relu_value(d, hn::LoadU(d, x + i)); });
    case Unary::tanh:
      return each_vector(size, y, [=](Index i) { return hn::Tanh(d, hn::LoadU(d, x + i)); });
    case Unary::gelu:
      return each_vector(size, y, [=](Index i) { return gelu_value(d, hn::LoadU(d, x + i)); });
    case Unary::square:
      return each_vector(size, y, [=](Index i) {
        const auto v = hn::LoadU(d, x + i);
        return hn::Mul(v, v);
      });
  }
}

// dx (+)= slope(v) * dy, v being the input or the output of f.
template <class T, class Slope>
HWY_INLINE void chain(Index size, const T* v, const T* dy, T* dx, bool accumulate, const Slope& slope) {
  const Tag<T> d;
  if (accumulate)
    each_vector(size, dx, [=](Index i) {
      return hn::MulAdd(slope(hn::LoadU(d, v + i)), hn::LoadU(d, dy + i), hn::LoadU(d, dx + i));
    });
  else
    each_vector(size, dx, [=](Index i) { return hn::Mul(slope(hn::LoadU(d, v + i)), hn::LoadU(d, dy + i)); });
}

template <class T>
void unary_gradient(Unary f, Index size, const T* v, const T* dy, T* dx, bool accumulate) {
  const Tag<T> d;
  const auto one = hn::Set(d, T(1)), two = hn::Set(d, T(2));
  switch (f) {
    case Unary::relu:
      return chain(size, v, dy, dx, accumulate, [=](auto y) { return relu_slope(d, y); });
    case Unary::tanh:
      return chain(size, v, dy, dx, accumulate, [=](auto y) { return hn::NegMulAdd(y, y, one); });
    case Unary::gelu:
      return chain(size, v, dy, dx, accumulate, [=](auto x) { return gelu_slope(d, x); });
    case Unary::square:
      return chain(size, v, dy, dx, accumulate, [=](auto x) { return hn::Mul(two, x); });
  }
}

// Highway's Exp says 0 of a NaN, and anything above its range.
template <class T>
void exp(Index size, const T* x, T* y) {
  const Tag<T> d;
  const auto most = hn::Set(d, T(sizeof(T) == 4 ? 88.8 : 709.8));  // e^most is infinite
  const auto infinity = hn::Set(d, std::numeric_limits<T>::infinity());
  each_vector(size, y, [=](Index i) {
    const auto v = hn::LoadU(d, x + i);
    const auto bounded = hn::IfThenElse(hn::Lt(v, most), hn::Exp(d, v), infinity);
    return hn::IfThenElse(hn::Eq(v, v), bounded, v);
  });
}

template <class T>
void axpy(Index size, T alpha, const T* x, T* y, bool accumulate) {
  const Tag<T> d;
  const auto a = hn::Set(d, alpha);
  if (accumulate)
    each_vector(size, y, [=](Index i) { return hn::MulAdd(a, hn::LoadU(d, x + i), hn::LoadU(d, y + i)); });
  else
    each_vector(size, y, [=](Index i) { return hn::Mul(a, hn::LoadU(d, x + i)); });
}

template <class T>
void scaled_difference(Index size, T alpha, const T* x, const T* z, T* y, bool accumulate) {
  const Tag<T> d;
  const auto scale = hn::Set(d, alpha);
  const auto value = [&](Index i) { return hn::Mul(scale, hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, z + i))); };
  if (accumulate)
    each_vector(size, y, [&](Index i) { return hn::Add(hn::LoadU(d, y + i), value(i)); });
  else
    each_vector(size, y, value);
}

template <class T>
void multiply(Index size, const T* x, const T* z, T* y, bool accumulate) {
  const Tag<T> d;
  if (accumulate)
    each_vector(size, y,
                [=](Index i) { return hn::MulAdd(hn::LoadU(d, x + i), hn::LoadU(d, z + i), hn::LoadU(d, y + i)); });
  else
    each_vector(size, y, [=](Index i) { return hn::Mul(hn::LoadU(d, x + i), hn::LoadU(d, z + i)); });
}

template <class T>
void copy_columns(Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row, bool accumulate) {
  const Tag<T> d;
  for (Index r = 0; r < rows; ++r, in += in_row, out += out_row) {
    if (accumulate)
      each_vector(cols, out, [=](Index i) { return hn::Add(hn::LoadU(d, out + i), hn::LoadU(d, in + i)); });
    else
      each_vector(cols, out, [=](Index i) { return hn::LoadU(d, in + i); });
  }
}

// out[j] = scale * (start + sum_r f(in[r, j])) for one example's rows, columns in blocks of four vectors.
template <class T, class F>
HWY_INLINE void sum_rows(Index rows, Index cols, const T* in, Index in_row, T scale, T* out, bool accumulate,
                         const F& f) {
  const Tag<T> d;
  const Index step = lanes<T>();
  const auto s = hn::Set(d, scale);
  Index j = 0;
  for (; j + 4 * step <= cols; j += 4 * step) {
    auto a = accumulate ? hn::LoadU(d, out + j) : hn::Zero(d);
    auto b = accumulate ? hn::LoadU(d, out + j + step) : hn::Zero(d);
    auto e = accumulate ? hn::LoadU(d, out + j + 2 * step) : hn::Zero(d);
    auto g = accumulate ? hn::LoadU(d, out + j + 3 * step) : hn::Zero(d);
    for (Index r = 0; r < rows; ++r) {
      const T* p = in + r * in_row + j;
      a = hn::Add(a, f(hn::LoadU(d, p)));
      b = hn::Add(b, f(hn::LoadU(d, p + step)));
      e = hn::Add(e, f(hn::LoadU(d, p + 2 * step)));
      g = hn::Add(g, f(hn::LoadU(d, p + 3 * step)));
    }
    hn::StoreU(hn::Mul(s, a), d, out + j);
    hn::StoreU(hn::Mul(s, b), d, out + j + step);
    hn::StoreU(hn::Mul(s, e), d, out + j + 2 * step);
    hn::StoreU(hn::Mul(s, g), d, out + j + 3 * step);
  }
  for (; j < cols; j += step) {
    auto a = accumulate ? hn::LoadU(d, out + j) : hn::Zero(d);
    for (Index r = 0; r < rows; ++r) a = hn::Add(a, f(hn::LoadU(d, in + r * in_row + j)));
    hn::StoreU(hn::Mul(s, a), d, out + j);
  }
}

template <class T>
void column_sums(Index rows, Index cols, const T* in, Index in_row, T* out, bool accumulate) {
  sum_rows(rows, cols, in, in_row, T(1), out, accumulate, [](auto v) { return v; });
}

template <class T>
void pool(bool relu, Index examples, Index points, Index stride, T scale, const T* in, T* out) {
  for (Index e = 0; e < examples; ++e, in += points * stride, out += stride)
    if (relu)
      sum_rows(points, stride, in, stride, scale, out, false, [](auto v) { return relu_value(Tag<T>(), v); });
    else
      sum_rows(points, stride, in, stride, scale, out, false, [](auto v) { return v; });
}

// The gradient of relu is its slope times that of the pool, as unary_gradient has it.
template <class T>
void pool_gradient(bool relu, Index examples, Index points, Index stride, T scale, const T* in, const T* dout,
                   T* din, bool accumulate) {
  const Tag<T> d;
  const auto s = hn::Set(d, scale);
  for (Index e = 0; e < examples; ++e, dout += stride)
    for (Index p = 0; p < points; ++p, din += stride) {
      if (!relu) {
        axpy(stride, scale, dout, din, accumulate);
        continue;
      }
      const auto value = [=](Index i) { return hn::Mul(s, hn::LoadU(d, dout + i)); };
      const auto slope = [=](Index i) { return relu_slope(d, hn::LoadU(d, in + i)); };
      if (accumulate)
        each_vector(stride, din, [=](Index i) { return hn::MulAdd(slope(i), value(i), hn::LoadU(d, din + i)); });
      else
        each_vector(stride, din, [=](Index i) { return hn::Mul(slope(i), value(i)); });
      in += stride;
    }
}

// One row of a gather: V vectors of columns in registers over all edges. Lists follow each other in memory, and
// their rows are anywhere: those of the edges to come are fetched while these are added.
template <class T, int V>
HWY_INLINE void gather_row(const GatherSum<T>& g, Index v, Index j) {
  constexpr std::int32_t kAhead = 12;
  const Tag<T> d;
  const Index step = lanes<T>();
  const std::int32_t end = g.offsets[g.last];
  hn::Vec<decltype(d)> sum[V];
  for (int i = 0; i < V; ++i) sum[i] = hn::Zero(d);
  const auto add = [&](Index row) {
    const T* p = g.in + row * g.stride + j;
    const auto factor = hn::Set(d, g.from ? static_cast<T>(g.from[row]) : T(1));
    for (int i = 0; i < V; ++i) sum[i] = hn::MulAdd(factor, hn::LoadU(d, p + i * step), sum[i]);
  };
  if (g.self) add(v);
  for (std::int32_t e = g.offsets[v]; e < g.offsets[v + 1]; ++e) {
    if (e + kAhead < end) {
      const T* ahead = g.in + g.index[e + kAhead] * g.stride + j;
      for (Index i = 0; i < V * step; i += static_cast<Index>(kLine / sizeof(T))) hwy::Prefetch(ahead + i);
    }
    add(g.index[e]);
  }
  const auto factor = hn::Set(d, g.to ? static_cast<T>(g.to[v]) : T(1));
  T* out = g.out + v * g.stride + j;
  for (int i = 0; i < V; ++i) {
    const auto value = hn::Mul(factor, sum[i]);
    hn::StoreU(g.accumulate ? hn::Add(hn::LoadU(d, out + i * step), value) : value, d, out + i * step);
  }
}

template <class T>
void gather_sum(const GatherSum<T>& g) {
  const Index step = lanes<T>();
  for (Index v = g.first; v < g.last; ++v) {
    Index j = 0;
    for (; j + 8 * step <= g.stride; j += 8 * step) gather_row<T, 8>(g, v, j);
    for (; j + 4 * step <= g.stride; j += 4 * step) gather_row<T, 4>(g, v, j);
    for (; j < g.stride; j += step) gather_row<T, 1>(g, v, j);
  }
}

template <class T>
void sgd(const SgdUpdate<T>& u, Index size, T* param, const T* gradient, T* buffer) {
  const Tag<T> d;
  const auto scale = hn::Set(d, u.gradient_scale), decay = hn::Set(d, u.weight_decay);
  const auto momentum = hn::Set(d, u.momentum), rate = hn::Set(d, -u.rate);
  for (Index i = 0; i < size; i += lanes<T>()) {
    const auto p = hn::LoadU(d, param + i);
    const auto g = hn::MulAdd(decay, p, hn::Mul(scale, hn::LoadU(d, gradient + i)));
    auto direction = g;
    if (u.momentum != T(0)) {
      const auto b = u.first ? g : hn::MulAdd(momentum, hn::LoadU(d, buffer + i), g);
      hn::StoreU(b, d, buffer + i);
      direction = u.nesterov ? hn::MulAdd(momentum, b, g) : b;
    }
    hn::StoreU(hn::MulAdd(rate, direction, p), d, param + i);
  }
}

template <class T>
void adam(const AdamUpdate<T>& u, Index size, T* param, const T* gradient, T* m, T* v) {
  const Tag<T> d;
  const auto scale = hn::Set(d, u.gradient_scale), decay = hn::Set(d, u.weight_decay), keep = hn::Set(d, u.keep);
  const auto beta1 = hn::Set(d, u.beta1), beta2 = hn::Set(d, u.beta2);
  const auto rest1 = hn::Set(d, T(1) - u.beta1), rest2 = hn::Set(d, T(1) - u.beta2);
  const auto rate = hn::Set(d, -u.rate_over_correction1), epsilon = hn::Set(d, u.epsilon);
  const auto inverse = hn::Set(d, T(1) / u.sqrt_correction2);
  for (Index i = 0; i < size; i += lanes<T>()) {
    const auto p = hn::LoadU(d, param + i);
    const auto g = hn::MulAdd(decay, p, hn::Mul(scale, hn::LoadU(d, gradient + i)));
    const auto m1 = hn::MulAdd(beta1, hn::LoadU(d, m + i), hn::Mul(rest1, g));
    const auto v1 = hn::MulAdd(beta2, hn::LoadU(d, v + i), hn::Mul(hn::Mul(rest2, g), g));
    hn::StoreU(m1, d, m + i);
    hn::StoreU(v1, d, v + i);
    const auto denominator = hn::MulAdd(hn::Sqrt(v1), inverse, epsilon);
    hn::StoreU(hn::MulAdd(rate, hn::Div(m1, denominator), hn::Mul(keep, p)), d, param + i);
  }
}

template <class T>
void sign_sgd(T rate, T weight_decay, T gradient_scale, Index size, T* param, const T* gradient) {
  const Tag<T> d;
  const auto zero = hn::Zero(d), up = hn::Set(d, rate), down = hn::Set(d, -rate);
  const auto scale = hn::Set(d, gradient_scale), decay = hn::Set(d, weight_decay);
  for (Index i = 0; i < size; i += lanes<T>()) {
    const auto p = hn::LoadU(d, param + i);
    const auto g = hn::MulAdd(decay, p, hn::Mul(scale, hn::LoadU(d, gradient + i)));
    const auto positive = hn::IfThenElseZero(hn::Gt(g, zero), down);
    hn::StoreU(hn::Add(p, hn::IfThenElse(hn::Lt(g, zero), up, positive)), d, param + i);
  }
}

EQNN_TARGET_TABLE(EQNN_ELEMENTWISE)
const char* target_all() { return hwy::TargetName(HWY_TARGET); }

}  // namespace
}  // namespace eqnn::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eqnn::kernels {
EQNN_PUBLIC_KERNELS(EQNN_ELEMENTWISE)

template <class T>
double dot(Index size, const T* x, const T* y) {
  constexpr Index ways = 8;
  double sums[ways] = {};
  Index i = 0;
  for (; i + ways <= size; i += ways)
    for (Index j = 0; j < ways; ++j) sums[j] += static_cast<double>(x[i + j]) * static_cast<double>(y[i + j]);
  for (; i < size; ++i) sums[i % ways] += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

template double dot(Index, const float*, const float*);
template double dot(Index, const double*, const double*);

namespace {
HWY_EXPORT(target_all);
}
const char* target_name() { return HWY_DYNAMIC_DISPATCH(target_all)(); }

std::string target_names() {
  std::string names;
  for (std::int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1)
    names += concat(names.empty() ? "" : " ", hwy::TargetName(left & -left));
  return names;
}

}  // namespace eqnn::kernels
#endif
