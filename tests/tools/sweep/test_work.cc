// How long the runs of a sweep that are left will take, from those that are done.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sweep/plan.h"
#include "sweep/work.h"

namespace test_work {

namespace {

tools::SweepPlan plan(const std::string& more) {
  return tools::plan_sweep("name = \"a\"\nseeds = \"0:3\"\n" + more, "a.toml");
}

const std::string kParity = "family = \"gnn-degree-parity\"\nn = 4\nwidth = 8\n";

}  // namespace

TEST_CASE(
    "work: runs of a point take what others of it took, else what their kind did by steps, else what all did") {
  const tools::SweepPlan p =
      plan("[[sweeps]]\nname = \"x\"\n[sweeps.run]\n" + kParity +
           "steps = 100\n[sweeps.grid]\nlr = [0.1, 0.2]\n[[sweeps]]\nname = \"y\"\n[sweeps.run]\n" + kParity +
           "steps = 300\n");
  REQUIRE(p.runs.size() == 9);  // x: two rates a seed; y
  CHECK(p.runs[0].point == p.runs[2].point);
  CHECK(p.runs[0].point != p.runs[1].point);
  CHECK(p.runs[2].round == 1);
  CHECK(p.runs[6].point == p.runs[8].point);
  CHECK(p.runs[6].point > p.runs[1].point);
  tools::SweepWork work(p);
  CHECK_FALSE(work.knows());
  CHECK(std::isnan(work.seconds(0)));
  CHECK(work.operations(6) == 3 * work.operations(0));
  work.took(0, 2);  // it stopped early
  work.took(1, 4);
  CHECK(work.seconds(2) == 2);
  CHECK(work.seconds(5) == 4);
  CHECK(work.seconds(7) == 9);  // three times the steps of both together, by the mean
  work.took(6, 30);
  CHECK(work.seconds(7) == 30);
}

TEST_CASE("work: the last of several at a time ends when the queue says, not when the mean does") {
  using tools::seconds_until_done;
  CHECK(seconds_until_done({}, {}, 2) == 0);
  CHECK(seconds_until_done({5}, {}, 2) == 5);
  CHECK(seconds_until_done({}, {1, 1, 1, 1}, 2) == 2);
  CHECK(seconds_until_done({}, {1, 1, 10}, 2) == 11);  // the longest begins last
  CHECK(seconds_until_done({}, {10, 1, 1}, 2) == 10);
  CHECK(seconds_until_done({3, 1}, {4}, 2) == 5);
  CHECK(seconds_until_done({3, 1}, {4}, 3) == 4);
}

TEST_CASE("work: a moment of each kind foretells all its steps, and what cannot be tried is counted") {
  const tools::SweepPlan p =
      plan("[[sweeps]]\nname = \"x\"\n[sweeps.run]\n" + kParity + "[sweeps.grid]\nsteps = [1000, 100000]\n" +
           "[[sweeps]]\nname = \"y\"\ncommand = \"learn\"\n[sweeps.run]\nfamily = \"gnn-degree-parity\"\nn = 4\n");
  tools::SweepWork work(p);
  const std::vector<std::size_t> runs{0, 1, 2, 3, 4, 5, 6, 7, 8};
  REQUIRE(p.runs.size() == runs.size());
  CHECK(work.measure(runs, 1) == 3);
  CHECK(work.knows());
  CHECK(work.seconds(0) > 0);
  CHECK(work.seconds(1) == doctest::Approx(100 * work.seconds(0)));
  CHECK(std::isfinite(work.seconds(8)));
}

}  // namespace test_work
