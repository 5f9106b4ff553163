// The seeds of a sweep's file, to the ends of what they may be.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "support/thrown.h"
#include "sweep/plan.h"

namespace test_plan {

namespace {

tools::SweepPlan plan(const std::string& seeds) {
  return tools::plan_sweep(
      "name = \"a\"\nseeds = " + seeds + "\n[run]\nfamily = \"gnn-degree-parity\"\nn = 4\nsteps = 4\n", "a.toml");
}

TEST_CASE("plan: seeds at the ends of their range") {
  using Seeds = std::vector<std::uint64_t>;
  CHECK(plan("\"0:2\"").sweeps[0].seeds == Seeds{0, 1});
  CHECK(plan("\"7\"").sweeps[0].seeds == Seeds{7});
  CHECK(plan("\"9223372036854775807\"").sweeps[0].seeds == Seeds{9223372036854775807});
  CHECK(plan("\"9223372036854775806:9223372036854775807\"").sweeps[0].seeds == Seeds{9223372036854775806});
  for (const char* wrong : {"\"1:-9223372036854775808\"", "\"-9223372036854775808:9223372036854775807\"", "\"-1\"",
                            "\"0:9223372036854775807\"", "\"3:3\"", "\"5:3\"", "\"\"", "\":\""}) {
    CAPTURE(wrong);
    CHECK(contains(message([&] { plan(wrong); }), "seeds is"));
  }
}

}  // namespace

}  // namespace test_plan
