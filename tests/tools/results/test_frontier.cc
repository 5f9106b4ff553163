// The statistics of the frontier, on runs that are made up.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <eqnn/core/check.h>
#include <eqnn/core/rng.h>

#include "results/frontier.h"

namespace test_frontier {

namespace {

using namespace tools;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

FrontierRun run(double size, const std::string& point, double loss, double steps_to_learn = kNan,
                bool control = false) {
  FrontierRun r;
  r.size = size;
  r.point = point;
  r.control = control;
  r.learned = loss <= 0.05;
  r.normalized_test_loss = loss;
  r.steps = 1000;
  r.samples = 32000;
  r.steps_to_learn = steps_to_learn;
  r.samples_to_learn = 32 * steps_to_learn;
  return r;
}

TEST_CASE("frontier: medians, also of values that are not there") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
  CHECK(median({1, kInfinity, kInfinity}) == kInfinity);
  CHECK(median({1, 2, kInfinity}) == 2);
  CHECK(median({1, 2, kInfinity, kInfinity}) == kInfinity);
  CHECK(median({7}) == 7);
  CHECK(std::isnan(median({})));
}

TEST_CASE("frontier: the best point has most seeds learned, then the lowest mean loss") {
  // a: one of two learned at a mean of .26; b: one of two at .02 + 2; c: none, though its mean is the lowest.
  std::vector<FrontierRun> runs{run(8, "a", 0.02, 10), run(8, "a", 0.5),  run(8, "b", 0.02, 10),
                                run(8, "b", 2),        run(8, "c", 0.06), run(8, "c", 0.06)};
  const auto points = frontier(runs);
  REQUIRE(points.size() == 1);
  CHECK(points[0].best == "a");
  CHECK(points[0].grid_points == 3);
  CHECK(points[0].seeds == 2);
  CHECK(points[0].learned == 1);
  CHECK(points[0].fraction == 0.5);
  CHECK(points[0].loss_median == doctest::Approx(0.26));
  CHECK(points[0].loss_range.low == 0.02);
  CHECK(points[0].loss_range.high == 0.5);
  CHECK(points[0].fraction_interval.low == clopper_pearson(1, 2, 3).low);
}

TEST_CASE(
    "frontier: the interval of the best point holds its true fraction, though it was chosen for what was seen") {
  constexpr int kTrials = 2000, kPoints = 20, kSeeds = 10;
  constexpr double kTruth = 0.3;
  int held = 0, held_without_allowance = 0;
  for (int t = 0; t < kTrials; ++t) {
    eqnn::Draws draws({7, eqnn::Stream::user, static_cast<std::uint64_t>(t), 0});
    std::vector<FrontierRun> runs;
    for (int p = 0; p < kPoints; ++p)
      for (int s = 0; s < kSeeds; ++s) {
        const double loss = draws.uniform() < kTruth ? 0.01 : 1;
        runs.push_back(run(8, std::string(1, static_cast<char>('a' + p)), loss, 10));
      }
    const auto best = frontier(runs).front();
    const auto holds = [](tools::Interval i) { return i.low <= kTruth && kTruth <= i.high ? 1 : 0; };
    held += holds(best.fraction_interval);
    held_without_allowance += holds(clopper_pearson(best.learned, best.seeds));
  }
  CHECK(held >= 0.95 * kTrials);
  CHECK(held_without_allowance < 0.9 * kTrials);
}

TEST_CASE("frontier: a run that diverged is infinitely bad, whatever loss it shows") {
  std::vector<FrontierRun> runs{run(8, "a", 0.3), run(8, "a", 0.3), run(8, "b", 1.5), run(8, "b", 1.5)};
  CHECK(frontier(runs)[0].best == "a");
  runs[0].diverged = true;
  CHECK(frontier(runs)[0].best == "b");
  runs[0].diverged = false;
  runs[1].normalized_test_loss = kNan;
  CHECK(frontier(runs)[0].best == "b");
  runs[2].normalized_test_loss = kInfinity;  // both are infinitely bad: the first by name
  const auto point = frontier(runs)[0];
  CHECK(point.best == "a");
  CHECK(point.loss_median == kInfinity);
  CHECK(point.loss_range.low == 0.3);
}

TEST_CASE("frontier: target and control have their own best points; sizes rise") {
  const auto points = frontier({run(10, "a", 1), run(4, "a", 0.01, 5), run(4, "b", 1), run(10, "a", 1, kNan, true),
                                run(10, "b", 0.01, 20, true)});
  REQUIRE(points.size() == 3);
  CHECK(points[0].size == 4);
  CHECK(points[0].best == "a");
  CHECK(points[1].size == 10);
  CHECK_FALSE(points[1].control);
  CHECK(points[2].control);
  CHECK(points[2].best == "b");
  CHECK(points[2].steps.value == 20);
  CHECK(points[2].samples.value == 640);
  CHECK(frontier({}).empty());
}

TEST_CASE("frontier: censored medians and their intervals") {
  // Three seeds: from the lowest to the highest, which hold the median three times of four.
  auto point = frontier({run(8, "a", 0.01, 100), run(8, "a", 0.01, 300), run(8, "a", 0.01, 200)})[0];
  CHECK(point.steps.value == 200);
  CHECK(point.steps.interval.low == 100);
  CHECK(point.steps.interval.high == 300);
  CHECK(point.samples.interval.high == 9600);
  CHECK(point.median_coverage == doctest::Approx(0.75));
  // One of three is censored: the median is there, the upper end is not.
  point = frontier({run(8, "a", 0.01, 100), run(8, "a", 0.9), run(8, "a", 0.01, 200)})[0];
  CHECK(point.steps.value == 200);
  CHECK(point.steps.interval.low == 100);
  CHECK(point.steps.interval.high == kInfinity);
  CHECK(point.steps.budget == 1000);
  CHECK(point.samples.budget == 32000);
  // Two of three are: it falls on one of them.
  point = frontier({run(8, "a", 0.01, 100), run(8, "a", 0.9), run(8, "a", 0.9)})[0];
  CHECK(point.steps.value == kInfinity);
  CHECK(point.steps.interval.low == 100);
  point = frontier({run(8, "a", 0.9)})[0];
  CHECK(point.steps.interval.low == kInfinity);
}

TEST_CASE("frontier: equal for any order of the rows") {
  std::vector<FrontierRun> runs;
  for (int i = 0; i < 9; ++i) runs.push_back(run(8 + i % 2, i % 3 == 0 ? "a" : "b", 0.01, 100 + 17 * (i * i % 7)));
  const auto points = frontier(runs);
  for (int turn = 0; turn < 5; ++turn) {
    std::rotate(runs.begin(), runs.begin() + 2, runs.end());
    const auto again = frontier(runs);
    for (std::size_t i = 0; i < points.size(); ++i) {
      CHECK(again[i].best == points[i].best);
      CHECK(again[i].steps.interval.low == points[i].steps.interval.low);
      CHECK(again[i].steps.interval.high == points[i].steps.interval.high);
    }
  }
}

TEST_CASE("frontier: between which tests each run learned, in samples") {
  std::vector<FrontierRun> runs{run(8, "a", 0.01, 300), run(8, "a", 0.01, 40), run(8, "a", 0.9)};
  for (FrontierRun& r : runs) r.eval_every = 100;
  const auto times = frontier(runs)[0].times;
  REQUIRE(times.size() == 3);
  CHECK(times[0].after == 32 * 200);
  CHECK(times[0].by == 32 * 300);
  CHECK(times[1].after == 0);
  CHECK(times[1].by == 32 * 40);
  CHECK(!times[2].learned());
  CHECK(times[2].after == 32000);
  // Nobody said how often: any time until it was seen.
  CHECK(frontier({run(8, "a", 0.01, 300)})[0].times[0].after == 0);
}

}  // namespace

}  // namespace test_frontier
