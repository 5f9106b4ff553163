#include "limits_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "limits_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bench {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Ten sums hide the latency of a multiply-add on every core of today (4 or 5 cycles, 2 a cycle).
double MultiplyAddRegisters(long rounds, float* sink) {
  const hn::ScalableTag<float> d;
  const auto x = hn::Set(d, 0.999f), y = hn::Set(d, *sink);
  auto a = y, b = y, c = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y;
  for (long r = 0; r < rounds; ++r) {
    a = hn::MulAdd(a, x, y), b = hn::MulAdd(b, x, y), c = hn::MulAdd(c, x, y), e = hn::MulAdd(e, x, y);
    f = hn::MulAdd(f, x, y), g = hn::MulAdd(g, x, y), h = hn::MulAdd(h, x, y), i = hn::MulAdd(i, x, y);
    j = hn::MulAdd(j, x, y), k = hn::MulAdd(k, x, y);
  }
  const auto sum = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i)));
  *sink = hn::GetLane(hn::Add(sum, hn::Add(j, k)));
  return 2.0 * 10 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

void TriadPass(std::size_t n, float s, const float* b, const float* c, float* a) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, s);
  for (std::size_t i = 0; i < n; i += hn::Lanes(d))
    hn::Store(hn::MulAdd(factor, hn::Load(d, c + i), hn::Load(d, b + i)), d, a + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bench {

HWY_EXPORT(MultiplyAddRegisters);
HWY_EXPORT(TriadPass);

double multiply_add_registers(long rounds, float* sink) {
  return HWY_DYNAMIC_DISPATCH(MultiplyAddRegisters)(rounds, sink);
}
void triad_pass(std::size_t n, float s, const float* b, const float* c, float* a) {
  HWY_DYNAMIC_DISPATCH(TriadPass)(n, s, b, c, a);
}

}  // namespace bench
#endif
