// Runs a piece of a test once for each SIMD target that the library was compiled for and this machine has.
#pragma once

#include <doctest/doctest.h>
#include <eqnn/kernels/kernels.h>
#include <hwy/targets.h>

#include <cstdint>
#include <set>
#include <string>

namespace eqnn::testing {

// Highway's choice of target is process-wide; it goes back to the machine's best one however a test ends.
class TargetGuard {
 public:
  TargetGuard() = default;
  TargetGuard(const TargetGuard&) = delete;
  TargetGuard& operator=(const TargetGuard&) = delete;
  ~TargetGuard() { choose(0); }
  // One HWY_* bit; 0 for the machine's own choice.
  static void choose(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

// Calls body(name) on every target, worst first. A bit for which the library has no code falls back to
// its baseline, and is left out.
template <class Body>
void on_every_target(const Body& body) {
  const TargetGuard guard;
  const std::int64_t all = hwy::SupportedTargets();
  std::set<std::string> seen;
  for (int bit = 62; bit >= 0; --bit) {
    const std::int64_t target = std::int64_t{1} << bit;
    if ((all & target) == 0) continue;
    TargetGuard::choose(target);
    const std::string name = kernels::target_name();
    if (name != hwy::TargetName(target) || !seen.insert(name).second) continue;
    INFO("SIMD target ", name);
    body(name);
  }
  REQUIRE(!seen.empty());
}

// Products and sums on these targets use fused multiply-add, and give the same bits.
inline bool has_fma(const std::string& target) { return target.starts_with("AVX3") || target == "AVX2"; }

}  // namespace eqnn::testing
