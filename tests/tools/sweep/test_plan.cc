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
  CHECK(plan("[7]").sweeps[0].seeds == Seeds{7});
  CHECK(plan("[\"9223372036854775807\"]").sweeps[0].seeds == Seeds{9223372036854775807});
  CHECK(plan("\"9223372036854775806:9223372036854775807\"").sweeps[0].seeds == Seeds{9223372036854775806});
  for (const char* wrong : {"\"1:-9223372036854775808\"", "\"-9223372036854775808:9223372036854775807\"", "\"-1\"",
                            "\"0:9223372036854775807\"", "\"3:3\"", "\"5:3\"", "\"\"", "\":\""}) {
    CAPTURE(wrong);
    CHECK(contains(message([&] { plan(wrong); }), "seeds is"));
  }
}

TEST_CASE("plan: one number as seeds is refused, for it may be how many or which one") {
  for (const char* four : {"4", "\"4\"", "4.0"}) {
    CAPTURE(four);
    CHECK(message([&] { plan(four); }) ==
          "a.toml: seeds is 4, which may be how many or which one; write seeds = \"0:4\" for 4 seeds, seeds = [4] "
          "for "
          "the seed 4");
  }
  CHECK(contains(message([&] { plan("1"); }), "write seeds = \"0:1\" for 1 seed, seeds = [1] for the seed 1"));
  CHECK(contains(message([&] { plan("0"); }), "write seeds = [0] for the seed 0"));
  for (const char* wrong : {"2.5", "true", "\"x\""}) {
    CAPTURE(wrong);
    CHECK(contains(message([&] { plan(wrong); }), "or a list of whole numbers"));
  }
}

// The message with which a plan of these lines is refused.
std::string refusal(const std::string& lines) {
  return message([&] { tools::plan_sweep("name = \"a\"\nseeds = \"0:3\"\n" + lines, "a.toml"); });
}

TEST_CASE("plan: parameters that no member has are refused, with the point that has them") {
  const std::string parity = "[run]\nfamily = \"gnn-degree-parity\"\n",
                    frame = "[run]\nfamily = \"frame-parity\"\nn = 8\n";
  CHECK(refusal(parity + "[grid]\nn = [4, 1]\n") == "a.toml: at n = 1, seed 0: n is 1; need n >= 2 nodes");
  CHECK(contains(refusal(frame + "[grid]\nk = [2, 5]\n"), "a.toml: at k = 5, seed 0: k is 5"));
  CHECK(contains(refusal(frame + "[grid]\nk = [2, 10]\n"), "a.toml: at k = 10, seed 0: "));
  CHECK(contains(refusal("[run]\nfamily = \"cnn-cyclic\"\nn = 6\nk = 2\n[grid]\ninput-correlation = [0, 1]\n"),
                 "a.toml: at input-correlation = 1, seed 0: input-correlation is 1; it must be"));
  for (const std::string command : {"learn", "bound", "gradvar"}) {
    CAPTURE(command);
    const std::string of = "command = \"" + command + "\"\n" + parity;
    CHECK(contains(refusal(of + "[grid]\nn = [4, 1]\n"), "a.toml: at n = 1, seed 0: n is 1; need"));
    CHECK(contains(refusal(of + "[grid]\nn = [\"many\"]\n"), "a.toml: at n = many, seed 0: n is 'many'"));
  }
}

TEST_CASE("plan: where no set is accepted there are bounds, and no runs") {
  const std::string lines = "[run]\nfamily = \"gnn-degree-parity\"\n[grid]\nedge-probability = [0.5, 0.001]\n";
  CHECK(contains(refusal(lines), "edge-probability = 0.001, seed 0: no S can be accepted"));
  CHECK(contains(refusal(lines), "take edge-probability nearer to 0.5"));
  CHECK(refusal("command = \"bound\"\n" + lines) == "no error");
}

TEST_CASE("plan: the noise of labels that are flipped is a probability") {
  const std::string lines = "[run]\nfamily = \"gnn-degree-parity\"\nn = 4\n[grid]\nnoise = [0.1, 2]\ncontrol = ";
  CHECK(contains(refusal(lines + "[false]\n"), "noise = 2, control = false, seed 0: --noise is 2"));
  CHECK(refusal(lines + "[true]\n") == "no error");
}

}  // namespace

}  // namespace test_plan
