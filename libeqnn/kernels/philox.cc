// The words of Philox4x32-10, and standard normal numbers from them by the transformation of Box and Muller (1958).

#include <algorithm>
#include <cmath>

#include "kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "philox.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eqnn::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// write(from, out): the words of blocks [first + from, first + from + kBlocks) at `at`.
#if HWY_TARGET == HWY_SCALAR
class PhiloxSource {
 public:
  static constexpr Index kBlocks = kNormalGroup / 4;
  PhiloxSource(const Counter& at, std::uint32_t first) : at_(at), first_(first) {}

  void write(Index from, std::uint32_t* out) const {
    for (Index i = 0; i < kBlocks; ++i) {
      const PhiloxBlock b = philox(at_, first_ + static_cast<std::uint32_t>(from + i));
      std::copy(b.begin(), b.end(), out + 4 * i);
    }
  }

 private:
  Counter at_;
  std::uint32_t first_;
};
#else
// Many blocks at once. Every word has a 64-bit lane of its own, where a multiplication leaves the whole product:
// its low half is the next word as it stands, its high half is a shift away. What the upper halves hold is never
// read.
//
// The blocks of one call differ in the first word of the counter alone, so that half of the first two rounds is the
// same for all of them.
class PhiloxSource {
  using Wide = hn::CappedTag<std::uint64_t, 8>;
  using V = hn::Vec<Wide>;
  using Narrow = hn::Repartition<std::uint32_t, Wide>;
  static constexpr Index kLanes = static_cast<Index>(HWY_MIN(HWY_LANES(std::uint64_t), 8));
  static constexpr int kWays = 4;  // independent chains, to hide the latency of the products

 public:
  static constexpr Index kBlocks = kWays * kLanes;

  PhiloxSource(const Counter& at, std::uint32_t first) : first_(first) {
    const Wide d;
    const PhiloxBlock c = philox_counter(at, first);
    std::uint32_t k0 = static_cast<std::uint32_t>(at.seed), k1 = static_cast<std::uint32_t>(at.seed >> 32);
    for (Index round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
      hn::Store(hn::Set(d, k0), d, keys_ + 2 * round * kLanes);
      hn::Store(hn::Set(d, k1), d, keys_ + (2 * round + 1) * kLanes);
    }
    // What all blocks share in rounds 1 and 2, put into the keys that it meets.
    const std::uint64_t one = std::uint64_t{kM1} * c[2];
    const std::uint64_t c0 = (one >> 32) ^ c[1] ^ keys_[0];
    const std::uint64_t two = std::uint64_t{kM0} * c0;
    hn::Store(hn::Set(d, c[3] ^ keys_[kLanes]), d, keys_ + kLanes);
    hn::Store(hn::Set(d, (one & 0xffffffff) ^ keys_[2 * kLanes]), d, keys_ + 2 * kLanes);
    hn::Store(hn::Set(d, (two >> 32) ^ keys_[3 * kLanes]), d, keys_ + 3 * kLanes);
    hn::Store(hn::Set(d, (two & 0xffffffff) ^ keys_[5 * kLanes]), d, keys_ + 5 * kLanes);
    // Lane i holds block i / 2, or that and half the lanes if i is odd: the order in which they leave write().
    for (Index i = 0; i < kLanes; ++i) lanes_[i] = static_cast<std::uint64_t>(i / 2 + i % 2 * (kLanes / 2));
  }

  HWY_INLINE void write(Index from, std::uint32_t* out) const {
    const Wide d;
    V c0[kWays], c1[kWays], c2[kWays], c3[kWays];
    const auto start = hn::Add(hn::Load(d, lanes_), hn::Set(d, first_ + static_cast<std::uint64_t>(from)));
    for (int j = 0; j < kWays; ++j) {
      const V p = times(kM0, hn::Add(start, hn::Set(d, static_cast<std::uint64_t>(j * kLanes))));  // round 1
      const V q = times(kM1, hn::Xor(high(p), key(1)));                                            // round 2
      const V r = times(kM0, hn::Xor(high(q), key(2)));                                            // round 3
      const V s = times(kM1, hn::Xor(p, key(3)));
      c0[j] = hn::Xor(hn::Xor(high(s), q), key(4));
      c1[j] = s;
      c2[j] = hn::Xor(high(r), key(5));
      c3[j] = r;
    }
    for (int round = 3; round < 9; ++round)
      for (int j = 0; j < kWays; ++j) {
        const V p = times(kM0, c0[j]), q = times(kM1, c2[j]);
        c0[j] = hn::Xor(high(q), hn::Xor(c1[j], key(2 * round)));
        c2[j] = hn::Xor(high(p), hn::Xor(c3[j], key(2 * round + 1)));
        c1[j] = q;
        c3[j] = p;
      }
    for (int j = 0; j < kWays; ++j) {
      const V p = times(kM0, c0[j]), q = times(kM1, c2[j]);
      store(last(q, hn::Xor(c1[j], key(18))), last(p, hn::Xor(c3[j], key(19))), out + 4 * j * kLanes);
    }
  }

 private:
  static constexpr std::uint32_t kM0 = 0xD2511F53u, kM1 = 0xCD9E8D57u;

  static HWY_INLINE V times(std::uint32_t m, V x) {
    const Narrow d;
    return hn::MulEven(hn::BitCast(d, x), hn::Set(d, m));
  }
  static HWY_INLINE V high(V product) { return hn::ShiftRight<32>(product); }
  HWY_INLINE V key(int i) const { return hn::Load(Wide(), keys_ + i * kLanes); }

  // Two neighbouring words of the last round in one lane: (high ^ rest, low).
  static HWY_INLINE V last(V product, V rest) {
    const Wide d;
    const auto swapped = hn::BitCast(d, hn::Shuffle2301(hn::BitCast(Narrow(), product)));
    return hn::Xor(swapped, hn::And(rest, hn::Set(d, 0xffffffffu)));
  }
  static HWY_INLINE void store(V c01, V c23, std::uint32_t* out) {
    const Wide d;
    const Narrow narrow;
    hn::StoreU(hn::BitCast(narrow, hn::InterleaveLower(d, c01, c23)), narrow, out);
    hn::StoreU(hn::BitCast(narrow, hn::InterleaveUpper(d, c01, c23)), narrow, out + 2 * kLanes);
  }

  HWY_ALIGN std::uint64_t keys_[20 * kLanes];
  HWY_ALIGN std::uint64_t lanes_[kLanes];
  std::uint32_t first_;
};
#endif

// Whole writes go in place; the last one goes through a buffer, and is cut.
void philox_all(const Counter& at, std::uint32_t first, Index blocks, std::uint32_t* out) {
  constexpr Index kBlocks = PhiloxSource::kBlocks;
  const PhiloxSource source(at, first);
  Index i = 0;
  for (; i + kBlocks <= blocks; i += kBlocks) source.write(i, out + 4 * i);
  if (i == blocks) return;
  HWY_ALIGN std::uint32_t last[4 * kBlocks];
  source.write(i, last);
  std::copy(last, last + 4 * (blocks - i), out + 4 * i);
}

// Half a group: the vectors of every target divide it.
constexpr Index kHalf = kNormalGroup / 2;
using Real = hn::CappedTag<float, static_cast<std::size_t>(kHalf)>;
using Word = hn::RebindToUnsigned<Real>;
using Signed = hn::RebindToSigned<Real>;

// The parts of -2 log u = whole - 4 artanh(ratio), u = (v + 1/2) 2^-31 with v the word without its lowest bit.
//
// u = 2^-k m, m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh(ratio), ratio = (m - 1) / (m + 1).
// Where k = 0, m - 1 = -(1 - u) is computed from the complement of v: near u = 1 the float u has lost it.
HWY_INLINE void logarithm(hn::Vec<Word> word, hn::Vec<Real>& ratio, hn::Vec<Real>& whole) {
  const Real d;
  const Signed di;
  const auto v = hn::BitCast(di, hn::ShiftRight<1>(word));
  const auto one = hn::Set(d, 1.0f);
  const auto u = hn::MulAdd(hn::ConvertTo(d, v), hn::Set(d, 0x1p-31f), hn::Set(d, 0x1p-32f));
  const auto complement = hn::ConvertTo(d, hn::Xor(v, hn::Set(di, 0x7fffffff)));
  const auto below_one = hn::MulAdd(complement, hn::Set(d, -0x1p-31f), hn::Set(d, -0x1p-32f));  // u - 1

  const auto bits = hn::BitCast(di, u);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));  // that of sqrt(1/2) is 0
  const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const auto top = hn::RebindMask(d, hn::Eq(exponent, hn::Zero(di)));
  const auto f = hn::IfThenElse(top, below_one, hn::Sub(m, one));

  ratio = hn::Div(f, hn::Add(f, hn::Set(d, 2.0f)));
  whole = hn::Mul(hn::ConvertTo(d, exponent), hn::Set(d, -1.3862943611198906f));  // 2 k log 2
}

// sqrt(whole - 4 artanh(s)), with a polynomial in s^2; relative error below 3e-7.
HWY_INLINE hn::Vec<Real> radius(hn::Vec<Real> s, hn::Vec<Real> whole) {
  const Real d;
  const auto s2 = hn::Mul(s, s);
  auto p = hn::MulAdd(hn::Set(d, 0.147904990531f), s2, hn::Set(d, 0.199943748718f));
  p = hn::MulAdd(p, s2, hn::Set(d, 0.333333425762f));
  p = hn::MulAdd(p, s2, hn::Set(d, 1.0f));
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

  // Bit 31 of `near` is the sign of the sine, bit 30 says whether q is odd; q + 1 has the sign of the cosine.
  const auto near = hn::Add(word, hn::Set(du, 0x20000000u)), sign = hn::Set(du, 0x80000000u);
  const auto odd = hn::BitCast(di, hn::Add(near, near));
  const auto si = hn::BitCast(di, s), ci = hn::BitCast(di, c);
  const auto cosine_sign = hn::And(hn::Add(near, hn::Set(du, 0x40000000u)), sign);
  const auto sine_sign = hn::And(near, sign);
  cosine = hn::Xor(hn::BitCast(d, hn::IfNegativeThenElse(odd, si, ci)), hn::BitCast(d, cosine_sign));
  sine = hn::Xor(hn::BitCast(d, hn::IfNegativeThenElse(odd, ci, si)), hn::BitCast(d, sine_sign));
}

// One group: words and numbers i and i + 16 belong together. Divisions and roots take long: all vectors of the
// group are at the same stage, so that the processor always has others to work on.
HWY_INLINE void transform(const std::uint32_t* words, float* out) {
  const Real d;
  const Word du;
  constexpr Index kStep = static_cast<Index>(HWY_MIN(HWY_LANES(float), kHalf)), kWays = kHalf / kStep;
  hn::Vec<Real> ratio[kWays], whole[kWays], cosine[kWays], sine[kWays];
  for (Index j = 0; j < kWays; ++j) logarithm(hn::LoadU(du, words + j * kStep), ratio[j], whole[j]);
  for (Index j = 0; j < kWays; ++j) angle(hn::LoadU(du, words + kHalf + j * kStep), cosine[j], sine[j]);
  for (Index j = 0; j < kWays; ++j) {
    const auto r = radius(ratio[j], whole[j]);
    hn::StoreU(hn::Mul(r, cosine[j]), d, out + j * kStep);
    hn::StoreU(hn::Mul(r, sine[j]), d, out + kHalf + j * kStep);
  }
}

// Whole groups are written in place; the last one goes through a buffer, and is cut. The words of a few groups at a
// time stay in the first cache, and the processor works on the next ones meanwhile.
void normals_all(const Counter& at, Index count, float* out, Index first) {
  constexpr Index kWords = 4 * PhiloxSource::kBlocks;
  static_assert(kWords % kNormalGroup == 0);
  const PhiloxSource source(at, static_cast<std::uint32_t>(first / 4));
  HWY_ALIGN std::uint32_t words[kWords];
  for (Index i = 0; i < count; i += kWords) {
    source.write(i / 4, words);
    const Index end = std::min(kWords, count - i);
    Index j = 0;
    for (; j + kNormalGroup <= end; j += kNormalGroup) transform(words + j, out + i + j);
    if (j == end) continue;
    HWY_ALIGN float last[kNormalGroup];
    transform(words + j, last);
    std::copy(last, last + (end - j), out + i + j);
  }
}

}  // namespace
}  // namespace eqnn::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eqnn::kernels {
namespace {
HWY_EXPORT(philox_all);
HWY_EXPORT(normals_all);
}  // namespace

void philox_words(const Counter& at, std::uint32_t first, Index blocks, std::uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(philox_all)(at, first, blocks, out);
}

void normals(const Counter& at, Index count, float* out, Index first) {
  HWY_DYNAMIC_DISPATCH(normals_all)(at, count, out, first);
}

}  // namespace eqnn::kernels
#endif
