// Bounds from the law of the correlations: the law against simulation and closed forms, the bounds against
// enumeration.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/bounds/bounds.h>
#include <eqnn/hard/families/planar/cnn_cyclic.h>
#include <eqnn/hard/families/planar/gnn_feature.h>
#include <eqnn/hard/families/planar/plane_overlap.h>
#include <eqnn/hard/families/planar/rotation_invariant.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace test_tail_bounds {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

double overlap_tail(Index m, double r) { return std::exp(log_overlap_tail(m, r)); }

const Bound* find(const std::vector<Bound>& all, std::string_view part) {
  for (const Bound& b : all)
    if (b.name.find(part) != std::string::npos) return &b;
  return nullptr;
}

}  // namespace

TEST_CASE("overlap of planes: closed forms in R^5 and R^7, and where nothing is known") {
  for (int i = 1; i < 20; ++i) {
    const double r = i / 20.0, s = r * r;
    CAPTURE(r);
    CHECK(overlap_tail(5, r) == doctest::Approx(1 - s * s).epsilon(1e-10));
    // The density's integral for a = 1: 1 - 20 (r^4 / 6 - 2 r^6 / 15 + r^8 / 60).
    CHECK(overlap_tail(7, r) ==
          doctest::Approx(1 - 20 * (s * s / 6 - 2 * s * s * s / 15 + s * s * s * s / 60)).epsilon(1e-9));
    CHECK(overlap_tail(3, r) == 1);
    CHECK(overlap_tail(2, r) == 1);
  }
  CHECK(overlap_tail(9, 0) == 1);
  CHECK(overlap_tail(9, 1) == 0);
  CHECK(overlap_tail(3, 1) == 0);
}

TEST_CASE("overlap of planes: 20 points against drawn planes") {
  constexpr int draws = 8000;
  for (const Index m : {4, 6, 12, 48}) {
    const Matrix<double> b = haar_plane(m, 0);
    std::vector<double> norms;
    for (int i = 0; i < draws; ++i)
      norms.push_back(largest_singular_value(plane_product(b, haar_plane(m, 1, static_cast<std::uint64_t>(i)))));
    std::sort(norms.begin(), norms.end());
    for (const double share : {0.05, 0.25, 0.5, 0.75, 0.95}) {
      const double r = norms[static_cast<std::size_t>(share * draws)];
      CAPTURE(m);
      CAPTURE(r);
      CHECK(std::abs(overlap_tail(m, r) - (1 - share)) < 5 * std::sqrt(share * (1 - share) / draws));
    }
  }
}

TEST_CASE("tail of the correlations: no smaller than the exact correlations of drawn members") {
  const std::vector<std::pair<const char*, ParameterValues>> settings = {
      {"gnn-feature", {{"d", "4"}, {"k", "2"}, {"n", "4"}}},
      {"gnn-feature", {{"d", "8"}, {"k", "4"}, {"n", "4"}}},
      {"cnn-cyclic", {{"n", "12"}, {"k", "4"}, {"c-min", "0.8"}}},
      {"rotation-invariant", {{"n", "4"}, {"k", "2"}}}};
  for (const auto& setting : settings) {
    const char* const id = setting.first;
    const ParameterValues& values = setting.second;
    CAPTURE(id);
    const CorrelationTail tail = family(id).correlation_tail(values);
    REQUIRE(tail.log_tail);
    constexpr Index members = 150;
    const SampledGram g = sampled_gram(id, values, members, 0, 4000);
    for (const double gamma : {0.02, 0.05, 0.1, 0.2, 0.4}) {
      // Of the estimated matrix too: its limits are what the tail is about there.
      double above = 0;
      for (Index i = 0; i < members; ++i)
        for (Index j = 0; j < i; ++j) above += std::abs(g.limits(i, j)) > gamma ? 1 : 0;
      const double share = above / (members * (members - 1) / 2.0), most = std::exp(tail.log_tail(gamma));
      CAPTURE(gamma);
      CHECK(share <= most + 5 * std::sqrt(most * (1 - most) * 2 / members));  // pairs share members
    }
  }
}

TEST_CASE("tail bounds: the closed optimum of a power law") {
  // eps(gamma) = gamma^-2 / 10^8 above 10^-4: (tau^2 - gamma) gamma^2 is largest at 2 tau^2 / 3; the integral is
  // (1 / gamma - 1) / 10^8, and (tau^2 - gamma) gamma / (1 - gamma) has its own maximum.
  const auto law = [](double gamma) { return std::min(0.0, -2 * std::log(gamma) - 8 * std::log(10.0)); };
  for (const double tau : {0.1, 0.3, 0.9}) {
    const double s = tau * tau;
    const TailQueries tail = tail_queries(law, tau, 0.5);
    CHECK(tail.gamma == doctest::Approx(2 * s / 3).epsilon(1e-3));
    CHECK(tail.queries == doctest::Approx(0.5 * 1e8 * 4 * s * s * s / 27 - 1).epsilon(1e-6));
    const double best = 1 - std::sqrt(1 - s), at_best = (s - best) * best / (1 - best) * 1e8;
    const TailQueries excess = mean_excess_queries(law, tau, 1);
    CHECK(excess.queries <= at_best - 1 + 1e-9);
    CHECK(excess.queries >= 0.97 * at_best - 1);
  }
  // Orthonormal functions: eps = 1 / N for every gamma, so B1.
  const auto orthonormal = [](double) { return -std::log(5000.0); };
  CHECK(tail_queries(orthonormal, 0.1).queries == doctest::Approx(0.01 * 5000 - 1).epsilon(1e-3));
  CHECK(tail_queries([](double) { return -1e6; }, 0.1).queries == doctest::Approx(1e300));
  CHECK(mean_excess_queries([](double) { return -1e6; }, 0.1).queries == doctest::Approx(1e300));
  CHECK(tail_queries([](double) { return 0.0; }, 0.1).queries == 0);
  CHECK_THROWS_AS(tail_queries(law, 0), ValueError);
  CHECK_THROWS_AS(mean_excess_queries(law, 0.1, 1.5), ValueError);
}

TEST_CASE("tail bounds: no query hits a larger share, in families small enough to try") {
  // Queries that hit many: a member itself, and sums of members with signs; the share that they hit is counted on
  // others.
  const ParameterValues values{{"d", "6"}, {"k", "2"}, {"n", "3"}};
  const CorrelationTail tail = family("gnn-feature").correlation_tail(values);
  constexpr Index members = 400;
  const SampledGram g = sampled_gram("gnn-feature", values, members, 0, 400);
  for (const double tau : {0.3, 0.5, 0.7}) {
    const double tail_share = 1 / (tail_queries(tail.log_tail, tau).queries + 1),
                 excess_share = 1 / (mean_excess_queries(tail.log_tail, tau).queries + 1);
    for (Index terms = 1; terms <= 20; ++terms) {
      double norm_sq = 0, hit = 0;
      std::vector<double> inner(members);
      for (Index i = 0; i < members; ++i)
        for (Index j = 0; j < terms; ++j) inner[i] += (g.gram(0, j) < 0 ? -1 : 1) * g.gram(i, j);
      for (Index j = 0; j < terms; ++j) norm_sq += (g.gram(0, j) < 0 ? -1 : 1) * inner[j];
      for (Index i = terms; i < members; ++i) hit += std::abs(inner[i]) > tau * std::sqrt(norm_sq) ? 1 : 0;
      hit /= static_cast<double>(members - terms);
      CHECK(hit <= std::min(1.0, tail_share) + 0.05);
      CHECK(hit <= std::min(1.0, excess_share) + 0.05);
    }
  }
}

TEST_CASE("tail bounds: where they win and where the second moment does; small clouds of points") {
  const auto bounds = [](const char* id, const ParameterValues& v, double tau) {
    return bounds_of(id, v, tau, 1, {.members = 0});
  };
  const std::vector<Bound> large = bounds("gnn-feature", {{"d", "400"}, {"k", "6"}}, 0.2);
  CHECK(find(large, "B1")->queries == doctest::Approx(2.36e11).epsilon(0.01));
  CHECK(find(large, "B5 tail")->queries == doctest::Approx(3.52e31).epsilon(0.01));
  CHECK(find(large, "B5 mean")->queries > 1e33);
  const std::vector<Bound> small = bounds("gnn-feature", {{"d", "32"}, {"k", "6"}}, 0.1);
  CHECK(find(small, "B5 tail")->queries < find(small, "B1")->queries);
  // The tail's first bound is a special case of the second at the same gamma.
  for (const Index d : {10, 50, 200, 1000}) {
    const std::vector<Bound> all = bounds("gnn-feature", {{"d", std::to_string(d)}, {"k", "4"}}, 0.3);
    CHECK(find(all, "B5 mean")->queries >= 0.85 * find(all, "B5 tail")->queries);
  }
  CHECK(find(bounds("rotation-invariant", {{"n", "4"}, {"k", "2"}}, 0.5), "B1")->queries ==
        doctest::Approx(0.25 * 25 - 1));
  CHECK(find(bounds("rotation-invariant", {{"n", "3"}, {"k", "2"}}, 0.5), "B1")->queries ==
        doctest::Approx(0.25 * 9 - 1));
  CHECK(bounds("rotation-invariant", {{"n", "2"}, {"k", "2"}}, 0.5).size() == 2);
  const std::vector<Bound> cyclic = bounds("cnn-cyclic", {{"n", "512"}, {"k", "6"}}, 0.9);
  CHECK(find(cyclic, "B5 mean")->queries > 1e6);
  CHECK(find(cyclic, "B5 mean")->error > 0);
  CHECK(find(bounds("cnn-cyclic", {{"c-min", "0"}}, 0.2), "B5") == nullptr);
  CHECK(find(bounds("frame-parity", {}, 0.2), "B5") == nullptr);
}

TEST_CASE("lambda from both sides") {
  const auto range = [](const char* id, const ParameterValues& v, const BoundOptions& options) {
    return instance_bounds(id, v, 0.5, 1, options).lambda;
  };
  // Orthonormal members: both sides are 1 / N.
  const LambdaRange parity = range("frame-parity", {{"n", "8"}, {"k", "2"}, {"frame", "none"}}, {.members = 0});
  CHECK(parity.lower == doctest::Approx(1.0 / 28));
  CHECK(parity.upper == parity.lower);
  CHECK(std::isnan(range("gnn-feature", {}, {.members = 0}).lower));
  const std::vector<std::pair<const char*, ParameterValues>> settings = {{"gnn-feature", {{"d", "8"}, {"k", "4"}}},
                                                                         {"gnn-degree-parity", {{"n", "8"}}},
                                                                         {"boolean-orbit", {{"n", "10"}}},
                                                                         {"invariant-poly", {{"r", "8"}}}};
  for (const auto& setting : settings) {
    const char* const id = setting.first;
    const ParameterValues& values = setting.second;
    CAPTURE(id);
    const LambdaRange r = range(id, values, {.members = 60});
    CHECK(r.lower > 0);
    CHECK(r.lower <= r.upper + 5 * (r.lower_error + r.upper_error));
    const SampledGram g = sampled_gram(id, values, 60, 0, 60);
    double mean = 0;
    for (Index i = 0; i < 60; ++i)
      for (Index j = 0; j < i; ++j) mean += g.gram(i, j) * g.gram(i, j) / (60 * 59 / 2.0);
    CHECK(r.lower == doctest::Approx(mean));
    // Over disjoint sets of members the error is the scatter, within a factor.
    double square = 0, sum = 0;
    for (std::uint64_t part = 0; part < 8; ++part) {
      const double v = range(id, values, {.members = 60, .seed = 60 * part}).lower;
      sum += v / 8;
      square += v * v / 8;
    }
    CHECK(r.lower_error < 3 * std::sqrt(square - sum * sum));
    CHECK(r.lower_error > std::sqrt(square - sum * sum) / 3);
  }
  // Estimated from inputs, without the bias that their noise would have: 1 / 400 of a variance of about 1.
  const LambdaRange few = range("rotation-invariant", {{"n", "8"}, {"k", "2"}}, {.members = 40, .inputs = 400});
  CHECK(std::abs(few.lower) < 1.0 / 400);
}

TEST_CASE("all members: every function that is drawn, once") {
  const std::vector<std::pair<Index, Index>> counts = {{4, 4}, {6, 20}, {8, 100}, {10, 428}};
  for (const auto& entry : counts) {
    const Index n = entry.first, count = entry.second;
    CAPTURE(n);
    const ParameterValues values{{"n", std::to_string(n)}, {"min-count", "0"}};
    const SampledGram g = whole_gram("gnn-degree-parity", values);
    REQUIRE(g.gram.rows() == count);  // half of the accepted sets
    REQUIRE(g.all);
    // Drawn members are among them: no correlation between two of them that the list has not.
    const SampledGram drawn = sampled_gram("gnn-degree-parity", values, 12, 5, 100);
    for (Index i = 0; i < 12; ++i)
      for (Index j = 0; j < i; ++j) {
        double nearest = 1;
        if (drawn.limits(i, j) == 1) continue;
        for (Index k = 0; k < count; ++k)
          for (Index l = 0; l < k; ++l) nearest = std::min(nearest, std::abs(g.limits(k, l) - drawn.limits(i, j)));
        CHECK(nearest < 1e-12);
      }
    // lambda over E h^2 <= 1 is exact here, and no larger than what is proved of it.
    CHECK(g.largest / static_cast<double>(count) <=
          second_moments("gnn-degree-parity", values).back().unit + 1e-12);
    const std::vector<Bound> all = bounds_of("gnn-degree-parity", values, 0.5, 1, {.members = BoundOptions::kAll});
    const Bound* b = find(all, "B1 Gram, all " + std::to_string(count) + " members");
    REQUIRE(b != nullptr);
    CHECK(b->queries == doctest::Approx(std::max(0.0, 0.25 * static_cast<double>(count) / g.largest - 1)));
  }
  CHECK(!whole_gram("gnn-degree-parity", {{"n", "14"}}).all);
  CHECK(!whole_gram("gnn-feature", {}).all);
  CHECK_THROWS_AS(bounds_of("gnn-feature", {}, 0.5, 1, {.members = BoundOptions::kAll}), ValueError);
}

}  // namespace test_tail_bounds
