// Time to learn of runs that may end before: Kaplan and Meier's curve, its median, laws of growth.
#include <doctest/doctest.h>

#include <eqnn/core/rng.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "results/growth.h"
#include "support/sanitized.h"

namespace test_growth {

using namespace tools;
using doctest::Approx;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

LearningTime learned(double by, double after = 0) { return {after, by}; }
LearningTime ended(double at) { return {at, kInfinity}; }

// Standard normal variates of a seed, by Box and Muller.
double normal(std::uint64_t seed, std::uint64_t index) {
  const auto words = eqnn::philox({.seed = seed, .example = index}, 0);
  const auto unit = [](std::uint32_t w) { return (w + 0.5) / 4294967296.0; };
  return std::sqrt(-2 * std::log(unit(words[0]))) * std::cos(2 * M_PI * unit(words[1]));
}

// Runs of a law exp(mean(size)) with a scatter, looked at every `every`, until `budget`.
template <class Mean>
std::vector<SizeTimes> simulated(const std::vector<double>& sizes, int seeds, double scatter, double every,
                                 double budget, std::uint64_t seed, const Mean& mean) {
  std::vector<SizeTimes> all;
  for (const double n : sizes) {
    SizeTimes s{.size = n, .times = {}};
    for (int i = 0; i < seeds; ++i) {
      const double t = std::exp(mean(n) + scatter * normal(seed, 1000 * all.size() + i));
      const double by = every * std::ceil(t / every);
      s.times.push_back(by <= budget ? learned(by, by - every) : ended(budget));
    }
    all.push_back(std::move(s));
  }
  return all;
}

const GrowthLaw& law(const Growth& g, const std::string& name) {
  const auto found = std::ranges::find(g.laws, name, &GrowthLaw::name);
  REQUIRE(found != g.laws.end());
  return *found;
}

std::vector<SizeTimes> small_example() {
  return {{4, {{100, 200}, {100, 200}, {200, 300}, {0, 100}}, 0.7 * 4},
          {6, {{300, 400}, {500, 600}, {200, 300}, {700, 800}}, 0.7 * 6},
          {8, {{900, 1000}, {1900, 2000}, {1200, 1300}, ended(2000)}, 0.7 * 8},
          {10, {ended(2000), {1500, 1600}, ended(2000), ended(2000)}, 0.7 * 10}};
}

}  // namespace

TEST_CASE("growth: Kaplan and Meier's curve of the leukaemia trial of Freireich and others (1963)") {
  std::vector<LearningTime> times;
  for (const double t : {6, 6, 6, 7, 10, 13, 16, 22, 23}) times.push_back(learned(t));
  for (const double t : {6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35}) times.push_back(ended(t));
  const auto steps = kaplan_meier(times);
  const double at[] = {6, 7, 10, 13, 16, 22, 23}, fraction[] = {0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448},
               low[] = {0.620, 0.563, 0.503, 0.432, 0.368, 0.268, 0.188},
               high[] = {0.952, 0.923, 0.889, 0.849, 0.805, 0.747, 0.680};
  REQUIRE(steps.size() == 7);
  for (std::size_t i = 0; i < 7; ++i) {
    CAPTURE(i);
    CHECK(steps[i].time == at[i]);
    CHECK(steps[i].fraction == Approx(fraction[i]).epsilon(1e-3));
    CHECK(steps[i].interval.low == Approx(low[i]).epsilon(2e-3));
    CHECK(steps[i].interval.high == Approx(high[i]).epsilon(2e-3));
  }
  const MedianTime m = median_time(steps);
  CHECK(m.value == 23);
  CHECK(m.interval.low == 13);
  CHECK(m.interval.high == kInfinity);
}

TEST_CASE("growth: medians where all learned, where none did, and where there is nothing") {
  const MedianTime all = median_time(kaplan_meier({learned(1), learned(2), learned(3)}));
  CHECK(all.value == 2);
  CHECK(all.interval.high == 3);
  const MedianTime none = median_time(kaplan_meier({ended(5), ended(5)}));
  CHECK(none.value == kInfinity);
  CHECK(none.interval.low == kInfinity);
  CHECK(kaplan_meier({}).empty());
}

TEST_CASE("growth: fits against a second implementation") {
  // scipy 1.14: minimize by Nelder and Mead, brentq on the profile.
  const Growth g = fit_growth(small_example(), "n", 3);
  REQUIRE(g.note.empty());
  REQUIRE(g.laws.size() == 6);
  CHECK(law(g, "constant").log_likelihood == Approx(-42.72999040048387).epsilon(1e-8));
  CHECK(law(g, "constant").a == Approx(6.656992925229554).epsilon(1e-5));
  CHECK(law(g, "n^b").log_likelihood == Approx(-27.751532502004604).epsilon(1e-8));
  CHECK(law(g, "n^b").a == Approx(0.17592893504833404).epsilon(1e-4));
  CHECK(law(g, "n^b").b == Approx(3.3823519921354617).epsilon(1e-5));
  CHECK(law(g, "n^b").scatter == Approx(0.4360424324541957).epsilon(1e-5));
  CHECK(law(g, "2^(c sqrt n)").log_likelihood == Approx(-27.79080775871347).epsilon(1e-8));
  CHECK(law(g, "2^(c sqrt n)").b == Approx(3.908149799789132).epsilon(1e-5));
  CHECK(law(g, "2^(c n)").log_likelihood == Approx(-28.220054781884777).epsilon(1e-8));
  CHECK(law(g, "2^(c n)").b == Approx(0.7681389248676345).epsilon(1e-5));
  CHECK(law(g, "N_eff").log_likelihood == Approx(-30.278977873212824).epsilon(1e-8));
  CHECK(law(g, "n^3").log_likelihood == Approx(-28.292071253232955).epsilon(1e-8));
  CHECK(law(g, "n^3").scatter == Approx(0.43228220751386404).epsilon(1e-5));
  CHECK(g.exponent.low == Approx(2.6584815799615362).epsilon(2e-5));
  CHECK(g.exponent.high == Approx(4.302354718458926).epsilon(2e-5));
  CHECK(g.grows());
  // n^3 has a parameter less than n^b, of which it is a case: the next law is 2^(c sqrt n).
  CHECK(g.laws[g.best].name == "n^3");
  CHECK(g.margin == Approx(std::exp(-28.292071253232955 + 1 + 27.79080775871347)).epsilon(1e-6));
  CHECK(!g.decided());
  CHECK(growth_text(g, "n").find("undecided") != std::string::npos);
}

TEST_CASE("growth: the exponent's interval holds the truth, of runs that are cut off and of constants") {
  if (kSanitized) return;  // hundreds of fits, of which one would find what all do
  constexpr int kTrials = 60;
  for (const double truth : {0.0, 3.0}) {
    int holds = 0, grows = 0;
    for (int t = 0; t < kTrials; ++t) {
      const auto runs = simulated({6, 7, 8, 9, 10}, 10, 0.5, 50, 2000, 10 + t,
                                  [&](double n) { return std::log(700) + truth * std::log(n / 7); });
      const Growth g = fit_growth(runs);
      REQUIRE(g.note.empty());
      holds += g.exponent.low <= truth && truth <= g.exponent.high;
      grows += g.grows();
    }
    CAPTURE(truth);
    CHECK(holds >= 0.86 * kTrials);  // 95 % but for three standard errors
    if (truth == 0)
      CHECK(grows <= 0.09 * kTrials);  // 2.5 % and three standard errors
    else
      CHECK(grows >= 0.99 * kTrials);
  }
}

TEST_CASE("growth: the law that the runs were drawn from is the likeliest, and a wrong one does not fit") {
  const std::vector<double> sizes{4, 6, 8, 12, 16, 20};
  const auto fit = [&](const auto& mean, double budget) {
    return fit_growth(simulated(sizes, 20, 0.3, 1, budget, 3, mean));
  };
  const Growth power = fit([](double n) { return 3 * std::log(n); }, 1e5);
  CHECK(power.laws[power.best].name == "n^b");
  CHECK(power.decided());
  CHECK(power.fit > 0.01);
  const Growth exponential = fit([](double n) { return 2 + 0.5 * n; }, 3000);
  CHECK(exponential.laws[exponential.best].name == "2^(c n)");
  CHECK(exponential.decided());
  CHECK(law(exponential, "2^(c n)").b == Approx(0.5 / std::log(2)).epsilon(0.05));
  const Growth neither = fit([](double n) { return n == 8 ? 9 : 5; }, 1e5);
  CHECK(neither.fit < 1e-6);
}

TEST_CASE("growth: a constant has no rival but those that hold it, and the exponent's interval decides") {
  const Growth g = fit_growth(simulated({6, 8, 10, 12}, 20, 0.3, 10, 1e5, 4, [](double) { return 6.0; }));
  CHECK(g.laws[g.best].name == "constant");
  CHECK(std::isinf(g.margin));
  CHECK(!g.grows());
  CHECK(growth_text(g, "n").find("no growth shown; likeliest constant (against 1:") != std::string::npos);
}

TEST_CASE("growth: what cannot be fitted, and what has no end") {
  CHECK(fit_growth({{4, {learned(1)}}, {5, {learned(2)}}}).note == "2 sizes, a fit needs 3");
  CHECK(fit_growth({{4, {learned(1)}}, {5, {ended(2)}}, {6, {}}}).note == "1 runs learned, a fit needs 6");
  // All learn at once, before the first test or between two: a scatter of nothing, and still numbers.
  std::vector<SizeTimes> flat;
  for (const double n : {4, 5, 6}) flat.push_back({n, std::vector(4, learned(200, 100))});
  const Growth g = fit_growth(flat);
  CHECK(std::isfinite(g.laws[1].log_likelihood));
  CHECK(g.exponent.low < 0);
  CHECK(g.exponent.high > 0);
  CHECK(!g.grows());
  // None learn above the smallest: no upper end.
  std::vector<SizeTimes> wall{
      {4, std::vector(8, learned(200, 100))}, {5, std::vector(8, ended(1000))}, {6, std::vector(8, ended(1000))}};
  const Growth w = fit_growth(wall);
  CHECK(w.grows());
  CHECK(w.exponent.high == kInfinity);
}

}  // namespace test_growth
