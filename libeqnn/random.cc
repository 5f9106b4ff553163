// Standard normal numbers from Philox words, by the transformation of Box and Muller (1958).

#include <algorithm>
#include <cmath>

#include "kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "random.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eqnn::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Half a group: the vectors of every target divide it.
constexpr Index kHalf = kNormalGroup / 2;
using Real = hn::CappedTag<float, static_cast<std::size_t>(kHalf)>;
using Word = hn::RebindToUnsigned<Real>;
using Signed = hn::RebindToSigned<Real>;

// sqrt(-2 log u), u = (v + 1/2) 2^-31 with v the word without its lowest bit; relative error below 3e-7.
//
// u = 2^-k m, m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh(s), s = (m - 1) / (m + 1), with a polynomial in s^2.
// Where k = 0, m - 1 = -(1 - u) is computed from the complement of v: near u = 1 the float u has lost it.
HWY_INLINE hn::Vec<Real> radius(hn::Vec<Word> word) {
  const Real d;
  const Signed di;
  const auto v = hn::BitCast(di, hn::ShiftRight<1>(word));
  const auto unit = hn::Set(d, 0x1p-31f), half = hn::Set(d, 0x1p-32f), one = hn::Set(d, 1.0f);
  const auto u = hn::MulAdd(hn::ConvertTo(d, v), unit, half);
  const auto rest = hn::MulAdd(hn::ConvertTo(d, hn::Xor(v, hn::Set(di, 0x7fffffff))), unit, half);

  const auto bits = hn::BitCast(di, u);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));  // that of sqrt(1/2) is 0
  const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const auto top = hn::RebindMask(d, hn::Eq(exponent, hn::Zero(di)));
  const auto f = hn::IfThenElse(top, hn::Neg(rest), hn::Sub(m, one));

  const auto s = hn::Div(f, hn::Add(f, hn::Set(d, 2.0f))), s2 = hn::Mul(s, s);
  auto p = hn::MulAdd(hn::Set(d, 0.147904990531f), s2, hn::Set(d, 0.199943748718f));
  p = hn::MulAdd(p, s2, hn::Set(d, 0.333333425762f));
  p = hn::MulAdd(p, s2, one);
  // -2 log u = 2 k log 2 - 4 s p
  const auto whole = hn::Mul(hn::ConvertTo(d, exponent), hn::Set(d, -1.3862943611198906f));
  return hn::Sqrt(hn::MulAdd(hn::Mul(s, hn::Set(d, -4.0f)), p, whole));
}

// The cosine and the sine of 2 pi (word + 1/2) 2^-32, errors below 1e-7.
//
// The angle is q quarters, q the two highest bits after rounding, and a rest of at most pi/4, which the integers
// hold exactly.
HWY_INLINE void angle(hn::Vec<Word> word, hn::Vec<Real>& cosine, hn::Vec<Real>& sine) {
  const Real d;
  const Word du;
  const Signed di;
  const auto scale = hn::Set(d, 3.6572952e-10f);  // 2 pi 2^-34
  const auto rest = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftLeft<2>(word)));
  const auto x = hn::MulAdd(rest, scale, hn::Set(d, 2 * 3.6572952e-10f)), x2 = hn::Mul(x, x);

  auto s = hn::MulAdd(hn::Set(d, -0.00019587949872f), x2, hn::Set(d, 0.00833274863461f));
  s = hn::MulAdd(s, x2, hn::Set(d, -0.166666646651f));
  s = hn::MulAdd(hn::Mul(s, x2), x, x);
  auto c = hn::MulAdd(hn::Set(d, 2.45479913143e-5f), x2, hn::Set(d, -0.00138883033396f));
  c = hn::MulAdd(c, x2, hn::Set(d, 0.0416666646618f));
  c = hn::MulAdd(c, x2, hn::Set(d, -0.5f));
  c = hn::MulAdd(c, x2, hn::Set(d, 1.0f));

  const auto one = hn::Set(du, 1u), sign = hn::Set(du, 0x80000000u);
  const auto quarter = hn::ShiftRight<30>(hn::Add(word, hn::Set(du, 0x20000000u)));
  const auto odd = hn::RebindMask(d, hn::Eq(hn::And(quarter, one), one));
  const auto cosine_sign = hn::And(hn::ShiftLeft<30>(hn::Add(quarter, one)), sign);
  const auto sine_sign = hn::And(hn::ShiftLeft<30>(quarter), sign);
  cosine = hn::Xor(hn::IfThenElse(odd, s, c), hn::BitCast(d, cosine_sign));
  sine = hn::Xor(hn::IfThenElse(odd, c, s), hn::BitCast(d, sine_sign));
}

// One group: words and numbers i and i + 16 belong together.
HWY_INLINE void transform(const std::uint32_t* words, float* out) {
  const Real d;
  const Word du;
  const Index step = static_cast<Index>(hn::Lanes(d));
  for (Index i = 0; i < kHalf; i += step) {
    const auto r = radius(hn::LoadU(du, words + i));
    auto cosine = r, sine = r;
    angle(hn::LoadU(du, words + kHalf + i), cosine, sine);
    hn::StoreU(hn::Mul(r, cosine), d, out + i);
    hn::StoreU(hn::Mul(r, sine), d, out + kHalf + i);
  }
}

// Whole groups are written in place; the last one goes through a buffer, and is cut.
void normals_all(const std::uint32_t* words, Index count, float* out) {
  Index i = 0;
  for (; i + kNormalGroup <= count; i += kNormalGroup) transform(words + i, out + i);
  if (i == count) return;
  HWY_ALIGN float last[kNormalGroup];
  transform(words + i, last);
  std::copy(last, last + (count - i), out + i);
}

}  // namespace
}  // namespace eqnn::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eqnn::kernels {
namespace {
HWY_EXPORT(normals_all);
}  // namespace

void normals(const Counter& at, Index count, float* out, Index first) {
  constexpr Index kChunk = 16 * kNormalGroup;
  alignas(64) std::uint32_t words[kChunk];
  for (Index i = 0; i < count; i += kChunk) {
    const Index some = std::min(kChunk, count - i);
    const Index groups = (some + kNormalGroup - 1) / kNormalGroup;
    philox_words(at, static_cast<std::uint32_t>((first + i) / 4), groups * kNormalGroup / 4, words);
    HWY_DYNAMIC_DISPATCH(normals_all)(words, some, out + i);
  }
}

}  // namespace eqnn::kernels
#endif
