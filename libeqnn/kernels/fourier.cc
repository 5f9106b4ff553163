// Mixed-radix Fourier transforms. A pass turns c sub-transforms of m points into c / r of m r points:
//   X_s[k + m q] = sum_j e^{-2 pi i j q / r} e^{-2 pi i j k / (m r)} Y_{s + j c / r}[k]      (Cooley and Tukey
//   1965)
// where Y_s is the transform of x_s, x_{s + c}, x_{s + 2c}, ... The transforms of real points have Y[m - k] = conj
// Y[k], so only k = 0, .., m / 2 is kept (Sorensen et al. 1987): outputs beyond the middle are stored as the
// conjugates of those that they mirror. Backward runs the passes in the opposite order, each transposed.
#include "fourier.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <type_traits>

#include "../core/check.h"
#include "dispatch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fourier.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Highway reads this file once for each target; this part once only.
#ifndef EQNN_FOURIER
#define EQNN_FOURIER(KERNEL, T)                                \
  KERNEL(fourier_forward, (const FourierForward<T>& f), (f))   \
  KERNEL(fourier_backward, (const FourierBackward<T>& f), (f)) \
  KERNEL(fourier_complex, (const FourierComplex<T>& f), (f))
EQNN_TABLE_TYPE(EQNN_FOURIER)
#endif

HWY_BEFORE_NAMESPACE();
namespace eqnn::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Vector = hn::Vec<hn::ScalableTag<T>>;

// Vectors `step` elements apart.
template <class T>
struct Rows {
  T* data;
  Index step;
  Rows from(Index i) const { return {data + i * step, step}; }
  HWY_INLINE Vector<std::remove_const_t<T>> operator[](Index i) const {
    return hn::LoadU(hn::ScalableTag<std::remove_const_t<T>>(), data + i * step);
  }
  HWY_INLINE void set(Index i, Vector<std::remove_const_t<T>> v) const {
    hn::StoreU(v, hn::ScalableTag<std::remove_const_t<T>>(), data + i * step);
  }
};

template <class T>
alignas(kLine) constexpr T kZeros[kLine / sizeof(T)] = {};

template <class T>
struct Complex {
  Vector<T> re, im;
};
template <class T>
HWY_INLINE Complex<T> operator+(Complex<T> a, Complex<T> b) {
  return {hn::Add(a.re, b.re), hn::Add(a.im, b.im)};
}
template <class T>
HWY_INLINE Complex<T> operator-(Complex<T> a, Complex<T> b) {
  return {hn::Sub(a.re, b.re), hn::Sub(a.im, b.im)};
}
template <class T>
HWY_INLINE Complex<T> conjugate(Complex<T> a) {
  return {a.re, hn::Neg(a.im)};
}
template <class T>
HWY_INLINE Complex<T> exchange(Complex<T> a) {
  return {a.im, a.re};
}
// -i a
template <class T>
HWY_INLINE Complex<T> turn(Complex<T> a) {
  return {a.im, hn::Neg(a.re)};
}
template <class T>
HWY_INLINE Vector<T> constant(T value) {
  return hn::Set(hn::ScalableTag<T>(), value);
}
// a e^{-i t} from w = {cos t, sin t}.
template <class T>
HWY_INLINE Complex<T> twiddle(Complex<T> a, const T* w) {
  const auto c = constant(w[0]), s = constant(w[1]);
  return {hn::MulAdd(a.im, s, hn::Mul(a.re, c)), hn::NegMulAdd(a.re, s, hn::Mul(a.im, c))};
}

// cos and sin of 2 pi j / R, j = 0, .., R - 1, to the last bit of double.
template <int R>
constexpr std::array<double, 2 * R> roots() {
  if constexpr (R == 3)
    return {1, 0, -0.5, 0.86602540378443864676, -0.5, -0.86602540378443864676};
  else if constexpr (R == 5)
    return {1,
            0,
            0.30901699437494742410,
            0.95105651629515357212,
            -0.80901699437494742410,
            0.58778525229247312917,
            -0.80901699437494742410,
            -0.58778525229247312917,
            0.30901699437494742410,
            -0.95105651629515357212};
  else
    return {1,
            0,
            0.62348980185873353053,
            0.78183148246802980871,
            -0.22252093395631440429,
            0.97492791218182360702,
            -0.90096886790241912624,
            0.43388373911755812048,
            -0.90096886790241912624,
            -0.43388373911755812048,
            -0.22252093395631440429,
            -0.97492791218182360702,
            0.62348980185873353053,
            -0.78183148246802980871};
}
constexpr double kHalfRoot = 0.70710678118654752440;

// Odd R: y_q = x_0 + sum_j cos(2 pi j q / R) even_j and, apart, sum_j sin(2 pi j q / R) odd_j, j to (R - 1) / 2.
template <int R, class T>
HWY_INLINE void odd_sums(Vector<T> x0, const Vector<T>* even, const Vector<T>* odd, Vector<T>* cosines,
                         Vector<T>* sines) {
  constexpr int half = (R - 1) / 2;
  constexpr auto w = roots<R>();
  HWY_UNROLL(3) for (int q = 1; q <= half; ++q) {
    Vector<T> c = x0, s = hn::Mul(odd[1], constant(static_cast<T>(w[2 * q + 1])));
    c = hn::MulAdd(even[1], constant(static_cast<T>(w[2 * q])), c);
    HWY_UNROLL(2) for (int j = 2; j <= half; ++j) {
      c = hn::MulAdd(even[j], constant(static_cast<T>(w[2 * (j * q % R)])), c);
      s = hn::MulAdd(odd[j], constant(static_cast<T>(w[2 * (j * q % R) + 1])), s);
    }
    cosines[q] = c;
    sines[q] = s;
  }
}

// x_q = sum_j e^{-2 pi i j q / R} x_j
template <int R, class T>
HWY_INLINE void transform(Complex<T>* x) {
  if constexpr (R == 2) {
    const Complex<T> a = x[0], b = x[1];
    x[0] = a + b;
    x[1] = a - b;
  } else if constexpr (R == 4) {
    const Complex<T> a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = turn(x[1] - x[3]);
    x[0] = a + c;
    x[1] = b + d;
    x[2] = a - c;
    x[3] = b - d;
  } else if constexpr (R == 8) {
    Complex<T> even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
    transform<4>(even);
    transform<4>(odd);
    const auto h = constant(static_cast<T>(kHalfRoot));
    const Complex<T> o1 = odd[1], o3 = odd[3];
    odd[1] = {hn::Mul(h, hn::Add(o1.re, o1.im)), hn::Mul(h, hn::Sub(o1.im, o1.re))};
    odd[2] = turn(odd[2]);
    odd[3] = {hn::Mul(h, hn::Sub(o3.im, o3.re)), hn::Neg(hn::Mul(h, hn::Add(o3.re, o3.im)))};
    HWY_UNROLL(4) for (int q = 0; q < 4; ++q) {
      x[q] = even[q] + odd[q];
      x[q + 4] = even[q] - odd[q];
    }
  } else {
    constexpr int half = (R - 1) / 2;
    Vector<T> even_re[half + 1], even_im[half + 1], odd_re[half + 1], odd_im[half + 1];
    Complex<T> sum = x[0];
    HWY_UNROLL(3) for (int j = 1; j <= half; ++j) {
      const Complex<T> e = x[j] + x[R - j], o = x[j] - x[R - j];
      sum = sum + e;
      even_re[j] = e.re;
      even_im[j] = e.im;
      odd_re[j] = o.re;
      odd_im[j] = o.im;
    }
    Vector<T> a_re[half + 1], a_im[half + 1], b_re[half + 1], b_im[half + 1];
    odd_sums<R, T>(x[0].re, even_re, odd_im, a_re, b_re);
    odd_sums<R, T>(x[0].im, even_im, odd_re, a_im, b_im);
    x[0] = sum;
    HWY_UNROLL(3) for (int q = 1; q <= half; ++q) {
      x[q] = {hn::Add(a_re[q], b_re[q]), hn::Sub(a_im[q], b_im[q])};
      x[R - q] = {hn::Sub(a_re[q], b_re[q]), hn::Add(a_im[q], b_im[q])};
    }
  }
}

// The same of R real numbers: y_0, .., y_{R / 2}; imaginary parts of y_0 and (R even) y_{R / 2} are zero.
template <int R, class T>
HWY_INLINE void transform_real(const Vector<T>* x, Complex<T>* y) {
  const auto zero = hn::Zero(hn::ScalableTag<T>());
  if constexpr (R == 2) {
    y[0] = {hn::Add(x[0], x[1]), zero};
    y[1] = {hn::Sub(x[0], x[1]), zero};
  } else if constexpr (R == 4) {
    const auto a = hn::Add(x[0], x[2]), b = hn::Add(x[1], x[3]);
    y[0] = {hn::Add(a, b), zero};
    y[1] = {hn::Sub(x[0], x[2]), hn::Sub(x[3], x[1])};
    y[2] = {hn::Sub(a, b), zero};
  } else if constexpr (R == 8) {
    const Vector<T> even[4] = {x[0], x[2], x[4], x[6]}, odd[4] = {x[1], x[3], x[5], x[7]};
    Complex<T> e[3], o[3];
    transform_real<4>(even, e);
    transform_real<4>(odd, o);
    const auto h = constant(static_cast<T>(kHalfRoot));
    const Complex<T> w = {hn::Mul(h, hn::Add(o[1].re, o[1].im)), hn::Mul(h, hn::Sub(o[1].im, o[1].re))};
    y[0] = {hn::Add(e[0].re, o[0].re), zero};
    y[1] = e[1] + w;
    y[2] = {e[2].re, hn::Neg(o[2].re)};
    y[3] = conjugate(e[1] - w);
    y[4] = {hn::Sub(e[0].re, o[0].re), zero};
  } else {
    constexpr int half = (R - 1) / 2;
    Vector<T> even[half + 1], odd[half + 1], cosines[half + 1], sines[half + 1];
    Vector<T> sum = x[0];
    HWY_UNROLL(3) for (int j = 1; j <= half; ++j) {
      even[j] = hn::Add(x[j], x[R - j]);
      odd[j] = hn::Sub(x[R - j], x[j]);
      sum = hn::Add(sum, even[j]);
    }
    odd_sums<R, T>(x[0], even, odd, cosines, sines);
    y[0] = {sum, zero};
    HWY_UNROLL(3) for (int q = 1; q <= half; ++q) y[q] = {cosines[q], sines[q]};
  }
}

// The way back: real x_j = sum_q e^{2 pi i j q / R} y_q with y_{R - q} = conj y_q, from y_0, .., y_{R / 2}.
template <int R, class T>
HWY_INLINE void synthesize_real(const Complex<T>* y, Vector<T>* x) {
  if constexpr (R == 2) {
    x[0] = hn::Add(y[0].re, y[1].re);
    x[1] = hn::Sub(y[0].re, y[1].re);
  } else if constexpr (R == 4) {
    const auto a = hn::Add(y[0].re, y[2].re), b = hn::Sub(y[0].re, y[2].re);
    const auto c = hn::Add(y[1].re, y[1].re), d = hn::Add(y[1].im, y[1].im);
    x[0] = hn::Add(a, c);
    x[1] = hn::Sub(b, d);
    x[2] = hn::Sub(a, c);
    x[3] = hn::Add(b, d);
  } else if constexpr (R == 8) {
    const Complex<T> even[3] = {y[0], y[2], y[4]};
    Vector<T> e[4];
    synthesize_real<4>(even, e);
    const auto root = constant(static_cast<T>(2 * kHalfRoot));
    const Complex<T> s = y[1] + conjugate(y[3]), d = y[1] - conjugate(y[3]);
    const Vector<T> o[4] = {hn::Add(s.re, s.re), hn::Mul(root, hn::Sub(d.re, d.im)), hn::Neg(hn::Add(s.im, s.im)),
                            hn::Neg(hn::Mul(root, hn::Add(d.re, d.im)))};
    HWY_UNROLL(4) for (int j = 0; j < 4; ++j) {
      x[j] = hn::Add(e[j], o[j]);
      x[j + 4] = hn::Sub(e[j], o[j]);
    }
  } else {
    constexpr int half = (R - 1) / 2;
    Vector<T> even[half + 1], odd[half + 1], cosines[half + 1], sines[half + 1];
    Vector<T> sum = y[0].re;
    HWY_UNROLL(3) for (int q = 1; q <= half; ++q) {
      even[q] = hn::Add(y[q].re, y[q].re);
      odd[q] = hn::Add(y[q].im, y[q].im);
      sum = hn::Add(sum, even[q]);
    }
    odd_sums<R, T>(y[0].re, even, odd, cosines, sines);
    x[0] = sum;
    HWY_UNROLL(3) for (int j = 1; j <= half; ++j) {
      x[j] = hn::Sub(cosines[j], sines[j]);
      x[R - j] = hn::Add(cosines[j], sines[j]);
    }
  }
}

// The transforms of a pass side by side: Y_s[k] is row k radix groups + s of what is read, X_s[k] row k groups + s
// of what is written; backward, the other way round.
template <class T>
struct Place {
  Index groups;
  Rows<T> re, im;
  HWY_INLINE Complex<std::remove_const_t<T>> get(Index k, Index s) const {
    return {re[k * groups + s], im[k * groups + s]};
  }
  HWY_INLINE void put(Index k, Index s, Complex<T> y) const {
    re.set(k * groups + s, y.re);
    im.set(k * groups + s, y.im);
  }
};

// Where the last pass of backward goes, scaled, on top of `base`, whose rows may all be one.
template <class T>
struct Target {
  Rows<T> x;
  Rows<const T> base;
  T scale;
  HWY_INLINE void set(Index i, Vector<T> v) const { x.set(i, hn::MulAdd(v, constant(scale), base[i])); }
};

// The transform of `radix` numbers, by a butterfly. get(j) and put(q, y) are called once for each.
template <class T, int R>
struct Butterfly {
  Butterfly(const typename FourierPlan<T>::Pass&, T*) {}
  static constexpr Index radix() { return R; }

  template <class Get, class Put>
  HWY_INLINE void complex(const Get& get, const Put& put) const {
    Complex<T> x[R];
    HWY_UNROLL(8) for (int j = 0; j < R; ++j) x[j] = get(j);
    transform<R>(x);
    HWY_UNROLL(8) for (int q = 0; q < R; ++q) put(q, x[q]);
  }
  // Of real numbers: y_0, .., y_{R / 2}.
  template <class Get, class Put>
  HWY_INLINE void real(const Get& get, const Put& put) const {
    Vector<T> x[R];
    Complex<T> y[R / 2 + 1];
    HWY_UNROLL(8) for (int j = 0; j < R; ++j) x[j] = get(j);
    transform_real<R>(x, y);
    HWY_UNROLL(5) for (int q = 0; q <= R / 2; ++q) put(q, y[q]);
  }
  template <class Get, class Put>
  HWY_INLINE void synthesize(const Get& get, const Put& put) const {
    Complex<T> y[R / 2 + 1];
    Vector<T> x[R];
    HWY_UNROLL(5) for (int q = 0; q <= R / 2; ++q) y[q] = get(q);
    synthesize_real<R>(y, x);
    HWY_UNROLL(8) for (int j = 0; j < R; ++j) put(j, x[j]);
  }
};

// The same for any radix r, by its definition, with sums and differences of the numbers j and r - j in memory; for
// even r the number r / 2 stands alone.
template <class T>
class AnyRadix {
 public:
  AnyRadix(const typename FourierPlan<T>::Pass& p, T* memory)
      : radix_(p.radix), half_((p.radix - 1) / 2), middle_(p.radix % 2 == 0 ? p.radix / 2 : 0), roots_(p.roots) {
    for (Rows<T>& rows : rows_) {
      rows = {memory, static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()))};
      memory += half_ * rows.step;
    }
  }
  Index radix() const { return radix_; }

  template <class Get, class Put>
  void complex(const Get& get, const Put& put) const {
    const Rows<T> even_re = rows_[0], odd_re = rows_[1], even_im = rows_[2], odd_im = rows_[3], cosines = rows_[4],
                  sines = rows_[5];
    const Complex<T> x0 = get(0), mid = middle_ > 0 ? get(middle_) : zero();
    Complex<T> sum = x0 + mid, alternating = middle_ % 2 == 0 ? x0 + mid : x0 - mid;
    for (Index j = 1; j <= half_; ++j) {
      const Complex<T> a = get(j), b = get(radix_ - j), even = a + b, odd = a - b;
      even_re.set(j - 1, even.re);
      even_im.set(j - 1, even.im);
      odd_re.set(j - 1, odd.re);
      odd_im.set(j - 1, odd.im);
      sum = sum + even;
      alternating = j % 2 == 0 ? alternating + even : alternating - even;
    }
    put(0, sum);
    if (middle_ > 0) put(middle_, alternating);
    sums(x0.re, mid.re, even_re, odd_im, [&](Index q, Vector<T> c, Vector<T> s) {
      cosines.set(q - 1, c);
      sines.set(q - 1, s);
    });
    sums(x0.im, mid.im, even_im, odd_re, [&](Index q, Vector<T> c, Vector<T> s) {
      const Vector<T> re = cosines[q - 1], turned = sines[q - 1];
      put(q, Complex<T>{hn::Add(re, turned), hn::Sub(c, s)});
      put(radix_ - q, Complex<T>{hn::Sub(re, turned), hn::Add(c, s)});
    });
  }
  template <class Get, class Put>
  void real(const Get& get, const Put& put) const {
    const Vector<T> none = zero().re, x0 = get(0), mid = middle_ > 0 ? get(middle_) : none;
    Vector<T> sum = hn::Add(x0, mid), alternating = middle_ % 2 == 0 ? hn::Add(x0, mid) : hn::Sub(x0, mid);
    for (Index j = 1; j <= half_; ++j) {
      const Vector<T> a = get(j), b = get(radix_ - j), even = hn::Add(a, b);
      rows_[0].set(j - 1, even);
      rows_[1].set(j - 1, hn::Sub(b, a));
      sum = hn::Add(sum, even);
      alternating = j % 2 == 0 ? hn::Add(alternating, even) : hn::Sub(alternating, even);
    }
    put(0, Complex<T>{sum, none});
    if (middle_ > 0) put(middle_, Complex<T>{alternating, none});
    sums(x0, mid, rows_[0], rows_[1], [&](Index q, Vector<T> c, Vector<T> s) { put(q, Complex<T>{c, s}); });
  }
  template <class Get, class Put>
  void synthesize(const Get& get, const Put& put) const {
    const Vector<T> y0 = get(0).re, mid = middle_ > 0 ? get(middle_).re : zero().re;
    Vector<T> sum = hn::Add(y0, mid), alternating = middle_ % 2 == 0 ? hn::Add(y0, mid) : hn::Sub(y0, mid);
    for (Index q = 1; q <= half_; ++q) {
      const Complex<T> y = get(q), both = y + y;
      rows_[0].set(q - 1, both.re);
      rows_[1].set(q - 1, both.im);
      sum = hn::Add(sum, both.re);
      alternating = q % 2 == 0 ? hn::Add(alternating, both.re) : hn::Sub(alternating, both.re);
    }
    put(0, sum);
    if (middle_ > 0) put(middle_, alternating);
    sums(y0, mid, rows_[0], rows_[1], [&](Index j, Vector<T> c, Vector<T> s) {
      put(j, hn::Sub(c, s));
      put(radix_ - j, hn::Add(c, s));
    });
  }

 private:
  static Complex<T> zero() {
    const auto none = hn::Zero(hn::ScalableTag<T>());
    return {none, none};
  }
  // visit(q, x0 + (-1)^q middle + sum_j cos(2 pi j q / r) even_j, sum_j sin(2 pi j q / r) odd_j), four q at a time.
  template <class Visit>
  void sums(Vector<T> x0, Vector<T> middle, Rows<T> even, Rows<T> odd, const Visit& visit) const {
    constexpr int kAtOnce = 4;
    const Vector<T> start[2] = {hn::Add(x0, middle), hn::Sub(x0, middle)};
    for (Index first = 1; first <= half_; first += kAtOnce) {
      Vector<T> cosines[kAtOnce], sines[kAtOnce];
      Index at[kAtOnce];  // j q modulo r
      HWY_UNROLL(4) for (int i = 0; i < kAtOnce; ++i) {
        cosines[i] = start[(first + i) % 2];
        sines[i] = hn::Zero(hn::ScalableTag<T>());
        at[i] = 0;
      }
      for (Index j = 0; j < half_; ++j) {
        const Vector<T> e = even[j], o = odd[j];
        HWY_UNROLL(4) for (int i = 0; i < kAtOnce; ++i) {
          at[i] += first + i;
          at[i] -= at[i] >= radix_ ? radix_ : 0;
          cosines[i] = hn::MulAdd(e, constant(roots_[2 * at[i]]), cosines[i]);
          sines[i] = hn::MulAdd(o, constant(roots_[2 * at[i] + 1]), sines[i]);
        }
      }
      for (int i = 0; i < kAtOnce && first + i <= half_; ++i) visit(first + i, cosines[i], sines[i]);
    }
  }

  Index radix_, half_, middle_;
  const T* roots_;
  std::array<Rows<T>, 6> rows_;
};

// One pass over all its transforms, with D for those of `radix` numbers.
template <class T, class D>
struct Passes {
  using Pass = typename FourierPlan<T>::Pass;

  // `real`: of real numbers, else of complex ones, all m of them.
  HWY_NOINLINE static void forward(const Pass& p, Place<const T> from, Place<T> to, bool real, T* memory) {
    const D d(p, memory);
    const Index r = d.radix(), m = p.size, groups = to.groups, direct = real ? (r + 1) / 2 : r;
    for (Index s = 0; real && s < groups; ++s)  // k = 0, where Y is real
      d.real([&](Index j) HWY_ATTR { return from.re[s + j * groups]; },
             [&](Index q, Complex<T> y) HWY_ATTR { to.put(m * q, s, y); });
    for (Index k = real ? 1 : 0; k < (real ? m / 2 + 1 : m); ++k) {
      const T* w = p.twiddles + k * 2 * r;
      for (Index s = 0; s < groups; ++s)
        d.complex(
            [&](Index j) HWY_ATTR {
              const Complex<T> y = from.get(k, s + j * groups);
              return j == 0 ? y : twiddle(y, w + 2 * j);
            },
            [&](Index q, Complex<T> y) HWY_ATTR {
              if (q < direct)
                to.put(k + m * q, s, y);
              else
                to.put(r * m - (k + m * q), s, conjugate(y));
            });
    }
    // Real, but for rounding, and read as such.
    for (Index s = 0; real && m % 2 == 0 && r % 2 == 1 && s < groups; ++s)
      to.im.set(r * m / 2 * groups + s, hn::Zero(hn::ScalableTag<T>()));
  }

  // k = 0, where Y is real: all that there is when the pass is the last, m = 1.
  HWY_NOINLINE static void backward_ends(const Pass& p, Place<const T> from, Target<T> to, T* memory) {
    const D d(p, memory);
    for (Index s = 0; s < from.groups; ++s)
      d.synthesize([&](Index q) HWY_ATTR { return from.get(p.size * q, s); },
                   [&](Index j, Vector<T> x) HWY_ATTR { to.set(s + j * from.groups, x); });
  }
  // Exchanged numbers turn the sign of D::complex().
  HWY_NOINLINE static void backward(const Pass& p, Place<const T> from, Place<T> to, T* memory) {
    backward_ends(p, from, {to.re, {kZeros<T>, 0}, T(1)}, memory);
    const D d(p, memory);
    const Index r = d.radix(), m = p.size, groups = from.groups, direct = (r + 1) / 2;
    for (Index k = 1; 2 * k <= m; ++k) {
      const T* w = p.twiddles + k * 2 * r;
      for (Index s = 0; s < groups; ++s)
        d.complex(
            [&](Index q) HWY_ATTR {
              const Index at = k + m * q;
              return exchange(q < direct ? from.get(at, s) : conjugate(from.get(r * m - at, s)));
            },
            [&](Index j, Complex<T> y)
                HWY_ATTR { to.put(k, s + j * groups, exchange(j == 0 ? y : twiddle(y, w + 2 * j))); });
    }
  }
};

// Calls visit(Passes<T, D>()) with the D of a radix. Targets of before fused multiply-add, which no one times, have
// AnyRadix alone: butterflies take a third of this library's size.
template <class T, class Visit>
HWY_INLINE void with_radix(Index radix, const Visit& visit) {
#if HWY_NATIVE_FMA
  switch (radix) {
    case 2:
      return visit(Passes<T, Butterfly<T, 2>>());
    case 3:
      return visit(Passes<T, Butterfly<T, 3>>());
    case 4:
      return visit(Passes<T, Butterfly<T, 4>>());
    case 5:
      return visit(Passes<T, Butterfly<T, 5>>());
    case 7:
      return visit(Passes<T, Butterfly<T, 7>>());
    case 8:
      return visit(Passes<T, Butterfly<T, 8>>());
  }
#endif
  (void)radix;
  visit(Passes<T, AnyRadix<T>>());
}

// The memory of one transform: what stands between passes, twice, and that of AnyRadix.
template <class T>
struct Memory {
  Memory(const FourierPlan<T>& plan, T* work) : step(static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()))) {
    const Index part = plan.points() * step;
    for (int i = 0; i < 2; ++i) buffer[i] = {{work + 2 * i * part, step}, {work + (2 * i + 1) * part, step}};
    rest = work + 4 * part;
  }
  struct Pair {
    Rows<T> re, im;
  };
  Index step;
  Pair buffer[2];
  T* rest;
};
template <class T>
HWY_INLINE Rows<const T> constant_rows(Rows<T> r) {
  return {r.data, r.step};
}

// Runs the passes first to last: run(pass, from, to) of each, `from` being what the one before wrote.
template <class T, class Run>
HWY_INLINE void run_passes(const FourierPlan<T>& plan, bool backward, const Memory<T>& memory, Place<const T> in,
                           Place<T> out, const Run& run) {
  const auto& passes = plan.passes();
  const std::size_t count = passes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& pass = passes[backward ? count - 1 - i : i];
    const Index small = plan.points() / pass.size, large = small / pass.radix;  // transforms on both sides
    const auto& between = memory.buffer[i % 2];
    in.groups = backward ? large : small;
    out.groups = backward ? small : large;
    const Place<T> to = i + 1 == count ? out : Place<T>{out.groups, between.re, between.im};
    run(pass, in, to);
    in = {0, constant_rows(to.re), constant_rows(to.im)};
  }
}

template <class T>
void fourier_forward(const FourierForward<T>& f) {
  const Memory<T> memory(*f.plan, f.work);
  for (Index c = 0; c < f.cols; c += memory.step) {
    const Rows<const T> x{f.x + c, f.x_row};
    run_passes<T>(*f.plan, false, memory, {0, x, x}, {0, {f.re + c, f.w_row}, {f.im + c, f.w_row}},
                  [&](const auto& pass, Place<const T> from, Place<T> to) {
                    with_radix<T>(pass.radix, [&](auto p) { p.forward(pass, from, to, true, memory.rest); });
                  });
  }
}

template <class T>
void fourier_backward(const FourierBackward<T>& f) {
  const Memory<T> memory(*f.plan, f.work);
  for (Index c = 0; c < f.cols; c += memory.step) {
    const Rows<T> x{f.x + c, f.x_row};
    const Rows<const T> base =
        f.accumulate ? Rows<const T>{f.x + c, f.x_row} : Rows<const T>{f.bias ? f.bias + c : kZeros<T>, 0};
    const Target<T> target{x, base, f.scale};
    run_passes<T>(*f.plan, true, memory, {0, {f.re + c, f.w_row}, {f.im + c, f.w_row}}, {0, x, x},
                  [&](const auto& pass, Place<const T> from, Place<T> to) {
                    with_radix<T>(pass.radix, [&](auto p) {
                      if (pass.size == 1)
                        p.backward_ends(pass, from, target, memory.rest);
                      else
                        p.backward(pass, from, to, memory.rest);
                    });
                  });
  }
}

template <class T>
void fourier_complex(const FourierComplex<T>& f) {
  const Memory<T> memory(*f.plan, f.work);
  for (Index c = 0; c < f.cols; c += memory.step) {
    const Place<T> z{0, {f.re + c, f.row}, {f.im + c, f.row}};
    run_passes<T>(*f.plan, false, memory, {0, constant_rows(z.re), constant_rows(z.im)}, z,
                  [&](const auto& pass, Place<const T> from, Place<T> to) {
                    with_radix<T>(pass.radix, [&](auto p) { p.forward(pass, from, to, false, memory.rest); });
                  });
  }
}

EQNN_TARGET_TABLE(EQNN_FOURIER)

}  // namespace
}  // namespace eqnn::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eqnn::kernels {

namespace {
// Large radices first: the first pass sees real numbers, of which it does half the work. Powers of two in as few
// passes as there are, and none of radix 2 where two of radix 4 can take the place of 8 and 2.
std::vector<Index> radices_of(Index n) {
  if (n == 1) return {1};
  std::vector<Index> radices;
  const auto take = [&](Index r) {
    radices.push_back(r);
    n /= r;
  };
  while (n % 8 == 0 && n % 32 != 16) take(8);
  for (const Index r : {7, 5, 4, 3, 2})
    while (n % r == 0) take(r);
  Index r = 11;
  while (n > 1) {
    if (n % r == 0)
      take(r);
    else
      r += 2;
  }
  return radices;
}
}  // namespace

template <class T>
FourierPlan<T>::FourierPlan(Index n) : n_(n) {
  require(n >= 1, "a Fourier transform of ", n, " points is asked for; it must have at least 1");
  std::vector<Index> offsets;
  const auto add = [this](Index turns, Index of) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(turns % of) / static_cast<double>(of);
    table_.push_back(static_cast<T>(std::cos(angle)));
    table_.push_back(static_cast<T>(std::sin(angle)));
  };
  Index size = 1, largest = 0;
  for (const Index r : radices_of(n)) {
    passes_.push_back({r, size, nullptr, nullptr});
    offsets.push_back(static_cast<Index>(table_.size()));
    for (Index k = 0; k < size; ++k)
      for (Index j = 0; j < r; ++j) add(j * k, size * r);
    for (Index j = 0; j < r; ++j) add(j, r);
    largest = std::max(largest, r);
    size *= r;
  }
  for (std::size_t i = 0; i < passes_.size(); ++i) {
    Pass& p = passes_[i];
    p.twiddles = table_.data() + offsets[i];
    p.roots = p.twiddles + p.size * 2 * p.radix;
  }
  work_ = (4 * n + 6 * (largest / 2)) * padded<T>(1);
}

// Of n / r transforms of r points, half of them: twiddles and a butterfly of about r log2(r) / 2 + r pairs.
double fourier_multiply_adds(Index n) {
  double sum = 0;
  for (const Index r : radices_of(n)) {
    const double radix = static_cast<double>(r);
    sum += static_cast<double>(n) * (1 + (r <= 8 ? std::log2(radix) : radix / 2));
  }
  return sum;
}

template class FourierPlan<float>;
template class FourierPlan<double>;

EQNN_PUBLIC_KERNELS(EQNN_FOURIER)

}  // namespace eqnn::kernels
#endif
