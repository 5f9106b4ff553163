// bounds.h: golden values, the specification's instances, and naive second computations of every constant.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/bounds/bounds.h>
#include <eqnn/hard/bounds/gradient_variance.h>
#include <eqnn/hard/families/boolean_orbit/boolean_orbit.h>
#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/families/planar/planar.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "support/golden.h"
#include "support/sanitized.h"

namespace test_bounds {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

// The bounds of an instance by name, without those of sampled members.
std::map<std::string, Bound> named(const char* id, const ParameterValues& values, double tau, double prob = 1) {
  std::map<std::string, Bound> all;
  for (Bound& b : bounds_of(id, values, tau, prob, {.members = 0})) {
    const std::string name = b.name;
    CHECK(all.emplace(name, std::move(b)).second);
  }
  return all;
}

// Power iteration on a positive semidefinite matrix, nothing else in common with the library's method.
double power_iteration(const Matrix<double>& m) {
  std::vector<double> v(m.rows()), next(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = 1 + static_cast<double>(i % 5) / 7;
  double norm = 0;
  for (int round = 0; round < 3000; ++round) {
    norm = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      next[i] = 0;
      for (std::size_t j = 0; j < v.size(); ++j) next[i] += m(static_cast<Index>(i), static_cast<Index>(j)) * v[j];
      norm += next[i] * next[i];
    }
    norm = std::sqrt(norm);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = next[i] / norm;
  }
  return norm;
}

// The Gram matrix of `size` random unit vectors of `dimension`, shifted towards a common one.
Matrix<double> random_gram(Index size, Index dimension, double shift, std::uint64_t seed) {
  std::vector<std::vector<double>> v;
  for (Index i = 0; i < size; ++i) {
    Draws draws({seed, Stream::user, 0, static_cast<std::uint64_t>(i)});
    std::vector<double> x(dimension, shift);
    double norm = 0;
    for (double& e : x) {
      e += draws.normal();
      norm += e * e;
    }
    for (double& e : x) e /= std::sqrt(norm);
    v.push_back(x);
  }
  Matrix<double> g(size, size);
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j)
      for (std::size_t c = 0; c < v[0].size(); ++c) g(i, j) += v[i][c] * v[j][c];
  return g;
}

// The number of harmonic polynomials of degree k on R^d: monomials of degree k less those of degree k - 2, counted.
double monomials(Index k, Index d) {
  if (k < 0) return 0;
  if (d == 1) return 1;
  double sum = 0;
  for (Index first = 0; first <= k; ++first) sum += monomials(k - first, d - 1);
  return sum;
}

}  // namespace

TEST_CASE("bounds: golden values") {
  for (const auto& g : golden("bounds").at("csq"))
    CHECK(near(near_orthonormal_queries(g["N"], g["gamma"], g["tau"], g["prob"]), g["queries"]));
  for (const auto& g : golden("bounds").at("second_moment"))
    CHECK(near(second_moment_queries(1 / g["n_eff"].get<double>(), g["tau"], g["prob"]), g["queries"]));
  for (const auto& g : golden("bounds").at("haar"))
    CHECK(near(second_moment_queries(1 / harmonic_dimension(g["k"], g["d"]), g["tau"]), g["queries"]));
  for (const auto& g : golden("bounds").at("gram"))
    CHECK(near(second_moment_queries(g["lam_max"].get<double>() / g["N"].get<double>(), g["tau"]), g["queries"]));
  for (const auto& g : golden("bounds").at("szorenyi"))
    CHECK(near(szorenyi_queries(g["d"], g["tau"]), g["queries"]));
}

TEST_CASE("bounds: the instances of the specification") {
  struct Instance {
    const char* id;
    ParameterValues values;
    double queries;
  };
  const std::vector<Instance> instances = {
      {"boolean-orbit", {{"n", "24"}}, 6990},
      {"gnn-degree-parity", {{"n", "64"}}, 10338},
      {"gnn-feature", {{"d", "50"}, {"k", "4"}}, 2914.5},
      {"cnn-cyclic", {{"n", "32"}, {"k", "4"}, {"c-min", "0.8"}}, 12},
      {"frame-parity", {{"n", "32"}, {"k", "4"}, {"frame", "none"}}, 358.6},
      {"invariant-poly", {{"generators", "sign"}, {"r", "50"}, {"degree", "4"}}, 2302},
  };
  for (const Instance& i : instances) {
    const Bound b = bounds_of(i.id, i.values, 0.1, 1, {.members = 0}).at(0);
    INFO(std::string(i.id) << " " << b.name << " " << b.queries);
    CHECK(std::abs(b.queries - i.queries) <= 0.5);
    CHECK(b.kind == "B1");
    CHECK(!b.vacuous());
    CHECK(!b.statement.empty());
    CHECK(!b.assumes.empty());
    CHECK(!b.source.empty());
  }
}

TEST_CASE("bounds: the terms that are subtracted, and what a rejecting sampler costs") {
  const double tau = 0.1, p = 0.7;
  {
    const OrbitLaw law(OrbitGroup::cyclic, 16);
    const auto b = named("boolean-orbit", {{"n", "16"}}, tau, p);
    const double lambda = *squared_mass(law);
    CHECK(near(b.at("B1 second moment").queries, p * tau * tau / lambda - 1));
    CHECK(near(b.at("B1 second moment, square loss").queries, (p * tau * tau - largest_mass(law)) / lambda));
    CHECK(near(b.at("B4 statistical queries").queries, b.at("B1 second moment").queries));
    CHECK(b.count("B1 second moment, as drawn") == 0);
  }
  for (const Index n : {8, 16}) {  // max_v P(c = v mod 2) / CP is 1.7 and 2.2
    const auto b = named("gnn-degree-parity", {{"n", std::to_string(n)}}, 0.5);
    const double lambda = collision_probability(n, false), last = *largest_cell(n, false) / lambda;
    CHECK(std::abs(last - (n == 8 ? 1.7 : 2.2)) < 0.05);
    CHECK(near(b.at("B1 second moment").queries, 0.25 / lambda - 1));
    CHECK(near(b.at("B1 second moment, square loss").queries, std::max(0.0, 0.25 / lambda - last)));
    const double alpha = DegreeParitySampler{.n = n}.acceptance().value;
    CHECK(near(b.at("B1 second moment, as drawn").queries, std::max(0.0, 0.25 * alpha / lambda - 1)));
    CHECK(
        near(b.at("B1 second moment, square loss, as drawn").queries, std::max(0.0, 0.25 * alpha / lambda - last)));
    // What a gradient's coordinates are bound by: unit norm, and no bound on their size.
    const double unit = std::max(0.0, 0.25 * alpha / *largest_cell(n, false) - 1);
    CHECK(near(b.at("B1 second moment, unit queries, as drawn").queries, unit));
    const Bound strongest = strongest_bounds("gnn-degree-parity", {{"n", std::to_string(n)}}, {0.1, 0.5})[1];
    CHECK(strongest.name == "B1 second moment, unit queries, as drawn");
    CHECK(near(strongest.queries, unit));
  }
  {
    const auto b = named("frame-parity", {{"n", "16"}, {"k", "4"}}, tau);
    const Bound& all = b.at("B1 second moment");
    const Bound& drawn = b.at("B1 second moment, as drawn");
    CHECK(near(all.queries, 0.01 * 1820 - 1));
    CHECK(all.error == 0);
    CHECK(drawn.queries < all.queries);
    CHECK(drawn.queries > 0.5 * all.queries);
    CHECK(drawn.error > 0);
    CHECK(near(b.at("B2 near-orthonormal").queries, all.queries));
    CHECK(near(b.at("B3 SDA").queries, all.queries));
  }
  // B2 and B3 need orthonormal members: of invariant-poly one term alone.
  CHECK(named("invariant-poly", {{"terms", "1"}}, tau).count("B2 near-orthonormal") == 1);
  CHECK(named("invariant-poly", {{"terms", "2"}}, tau).count("B2 near-orthonormal") == 0);
  CHECK(near(named("invariant-poly", {{"terms", "1"}}, tau).at("B1 second moment").queries,
             named("invariant-poly", {{"terms", "5"}}, tau).at("B1 second moment").queries));
  // rotation-invariant is proved from n = 3 on; cnn-cyclic needs c.
  CHECK(named("rotation-invariant", {{"n", "2"}}, tau).count("B1 second moment") == 0);
  CHECK(near(named("rotation-invariant", {{"n", "4"}, {"k", "2"}}, 0.5).at("B1 second moment").queries,
             0.25 * 25 - 1));
  CHECK(near(named("rotation-invariant", {{"n", "3"}, {"k", "2"}}, 0.5).at("B1 second moment").queries,
             0.25 * 9 - 1));
  CHECK(near(named("rotation-invariant", {{"n", "6"}, {"k", "2"}}, 0.5).at("B1 second moment").queries,
             0.25 * harmonic_dimension(4, 6) - 1));
  CHECK(named("cnn-cyclic", {{"c-min", "0"}}, tau).empty());
}

TEST_CASE("bounds: constants against counting and enumeration, 20 settings") {
  int settings = 0;
  for (const Index n : {3, 5, 8, 9, 12}) {  // sum of p_O^2 = P(two strings share an orbit)
    const Index strings = Index{1} << n;
    double same = 0;
    for (Index x = 0; x < strings; ++x) {
      std::set<Index> orbit;
      for (Index g = 0; g < n; ++g) orbit.insert((x >> g | x << (n - g)) & (strings - 1));
      same += static_cast<double>(orbit.size());
    }
    const double lambda = same / std::pow(4.0, static_cast<double>(n));
    CHECK(near(second_moments("boolean-orbit", {{"n", std::to_string(n)}})[0].bounded, lambda));
    ++settings;
  }
  for (const Index n : {2, 3, 4}) {  // P(c = c' mod 2) over all pairs of graphs
    const Index graphs = Index{1} << n * (n - 1);
    std::map<Index, double> cells;
    for (Index a = 0; a < graphs; ++a) {
      Index parity = 0;
      for (Index v = 0; v < n; ++v) {
        int degree = 0;
        for (Index j = 0; j < n - 1; ++j) degree += static_cast<int>(a >> (v * (n - 1) + j) & 1);
        parity ^= Index{1} << degree;
      }
      cells[parity] += 1 / static_cast<double>(graphs);
    }
    double collision = 0, largest = 0;
    for (const auto& cell : cells) {
      collision += cell.second * cell.second;
      largest = std::max(largest, cell.second);
    }
    // Members of so few nodes are all refused by the default limits.
    const SecondMoment m =
        second_moments("gnn-degree-parity", {{"n", std::to_string(n)}, {"bias-max", "1"}, {"min-count", "0"}})[0];
    CHECK(near(m.bounded, collision));
    CHECK(near(m.unit, largest));
    ++settings;
  }
  for (const Index d : {2, 5, 9, 14})
    for (const Index k : {2, 4, 6}) {
      const double dimension = monomials(k, d) - monomials(k - 2, d);
      CHECK(near(second_moments("gnn-feature", {{"d", std::to_string(d)}, {"k", std::to_string(k)}})[0].unit,
                 1 / dimension));
      ++settings;
    }
  CHECK(settings == 20);
}

TEST_CASE("bounds: the largest eigenvalue against power iteration and closed forms") {
  for (const Index size : {1, 2, 3, 7, 20, 60})
    for (const double shift : {0.0, 0.5}) {
      const Matrix<double> g = random_gram(size, 10, shift, static_cast<std::uint64_t>(size));
      CHECK(std::abs(largest_eigenvalue(g.view()) - power_iteration(g)) < 1e-9 * static_cast<double>(size));
    }
  Matrix<double> equal(5, 5), path(6, 6), zero(3, 3), negative(2, 2);
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 5; ++j) equal(i, j) = i == j ? 1 : 0.3;
  for (Index i = 0; i + 1 < 6; ++i) path(i, i + 1) = path(i + 1, i) = 1;
  negative(0, 0) = negative(1, 1) = -2;
  CHECK(largest_eigenvalue(equal.view()) == doctest::Approx(2.2).epsilon(1e-12));
  CHECK(largest_eigenvalue(path.view()) == doctest::Approx(2 * std::cos(std::acos(-1.0) / 7)).epsilon(1e-12));
  CHECK(largest_eigenvalue(zero.view()) == 0);
  CHECK(largest_eigenvalue(negative.view()) == doctest::Approx(-2));
  CHECK(largest_correlation(equal.view()) == 0.3);
  CHECK(average_correlation(equal.view()) == doctest::Approx((5 + 20 * 0.3) / 25));
  CHECK_THROWS_AS(largest_eigenvalue(Matrix<double>(2, 3).view()), ValueError);
  CHECK_THROWS_AS(largest_eigenvalue({}), ValueError);
}

TEST_CASE(
    "bounds: few functions drawn many times have the largest eigenvalue of the few, each by how often it is "
    "there") {
  for (const Index distinct : {1, 2, 3, 5, 12})
    for (const Index size : {20, 97, 200}) {
      const Matrix<double> few = random_gram(distinct, 10, 0.1, 17);
      Matrix<double> all(size, size), weighed(distinct, distinct);
      for (Index i = 0; i < size; ++i)
        for (Index j = 0; j < size; ++j) all(i, j) = few(i % distinct, j % distinct);
      const auto times = [&](Index i) { return static_cast<double>((size - i + distinct - 1) / distinct); };
      for (Index i = 0; i < distinct; ++i)
        for (Index j = 0; j < distinct; ++j) weighed(i, j) = few(i, j) * std::sqrt(times(i) * times(j));
      CHECK(largest_eigenvalue(all.view()) == doctest::Approx(power_iteration(weighed)).epsilon(1e-9));
    }
  // Of so few members most are drawn again and again; whole tables of bounds, with every number finite.
  for (int n = 2; n <= 10; ++n)
    for (const Bound& b : bounds_of("gnn-degree-parity", {{"n", std::to_string(n)}}, 0.1, 1)) {
      CAPTURE(n);
      CHECK(std::isfinite(b.queries));
    }
}

TEST_CASE("bounds: the SDA of a matrix is right for every subset, and the formula's where all entries are equal") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Matrix<double> g = random_gram(10, 6, 0.3, seed);
    for (Index i = 0; i < 10; ++i)
      for (Index j = 0; j < 10; ++j) g(i, j) = std::abs(g(i, j));
    for (const double average : {0.2, 0.35, 0.5, 0.8, 1.0}) {
      const double d = sda_lower_bound(g.view(), average);
      if (d == 0) continue;
      for (unsigned subset = 1; subset < 1024; ++subset) {
        double size = 0, sum = 0;
        for (Index i = 0; i < 10; ++i)
          for (Index j = 0; j < 10; ++j)
            if ((subset >> i & subset >> j & 1) != 0) sum += g(i, j);
        for (Index i = 0; i < 10; ++i) size += subset >> i & 1;
        if (size >= 10 / d - 1e-9) REQUIRE(sum / (size * size) <= average + 1e-12);
      }
    }
    CHECK(sda_lower_bound(g.view(), 1 + 1e-12) == 10);
  }
  Matrix<double> equal(100, 100);
  for (Index i = 0; i < 100; ++i)
    for (Index j = 0; j < 100; ++j) equal(i, j) = i == j ? 1 : 0.05;
  // 0.95 / 0.1 = 9.5 functions: the matrix counts whole ones, 10.
  CHECK(near_orthonormal_sda(100, 0.05, 0.1) == doctest::Approx(100 / 9.5));
  CHECK(sda_lower_bound(equal.view(), 0.15) == doctest::Approx(10));
  CHECK(sda_lower_bound(equal.view(), 0.05) == 0);
}

TEST_CASE("bounds: Gram matrices of sampled members") {
  struct Setting {
    const char* id;
    ParameterValues values;
  };
  const std::vector<Setting> settings = {{"boolean-orbit", {{"n", "10"}}},
                                         {"gnn-degree-parity", {{"n", "12"}}},
                                         {"gnn-feature", {{"d", "12"}, {"k", "4"}}},
                                         {"cnn-cyclic", {{"n", "16"}, {"k", "4"}}},
                                         {"invariant-poly", {{"generators", "sign"}, {"r", "6"}, {"degree", "2"}}},
                                         {"rotation-invariant", {{"n", "5"}, {"k", "2"}, {"d", "2"}}}};
  for (const Setting& s : settings) {
    INFO(std::string(s.id));
    const SampledGram g = sampled_gram(s.id, s.values, 12, 5, 20000);
    REQUIRE(g.gram.rows() == 12);
    CHECK(g.largest == doctest::Approx(power_iteration(g.gram)).epsilon(1e-6));
    CHECK((g.inputs > 0) == (std::string(s.id) == "rotation-invariant"));
    CHECK((g.error > 0) == (g.inputs > 0));
    for (Index i = 0; i < 12; ++i)
      for (Index j = 0; j < 12; ++j) {
        CHECK(g.gram(i, j) == g.gram(j, i));
        if (i != j) CHECK(std::abs(g.gram(i, j)) <= g.limits(i, j) + (g.inputs > 0 ? 0.1 : 1e-12));
      }
  }
  // boolean-orbit by the definition: members' labels over all strings.
  const SampledGram g = sampled_gram("boolean-orbit", {{"n", "10"}}, 4, 5, 100);
  double sum = 0;
  const BooleanOrbit a(OrbitGroup::cyclic, 10, 6), b(OrbitGroup::cyclic, 10, 8);
  for (int x = 0; x < 1024; ++x) {
    double bits[10];
    for (int i = 0; i < 10; ++i) bits[i] = x >> i & 1;
    const MatrixView<const double> input{bits, 10, 1, 1};
    sum += (1 - 2 * a.value(input)) * (1 - 2 * b.value(input)) / 1024;
  }
  CHECK(g.gram(1, 3) == doctest::Approx(sum).epsilon(1e-12));
  CHECK(sampled_gram("frame-parity", {}, 4, 0, 100).gram.rows() == 0);
  CHECK(sampled_gram("boolean-orbit", {{"n", "24"}}, 4, 0, 100).gram.rows() == 0);
  CHECK_THROWS_AS(sampled_gram("boolean-orbit", {}, 1, 0, 100), ValueError);
  CHECK_THROWS_AS(sampled_gram("boolean-orbit", {}, kMaxGramMembers + 1, 0, 100000), ValueError);
}

TEST_CASE("bounds: no query hits more than its share, in a family small enough to try") {
  // B1 and B2 on 60 functions of gnn-feature: the query that hits most is a normalised signed sum.
  const SampledGram g = sampled_gram("gnn-feature", {{"d", "40"}, {"k", "4"}}, 60, 0, 100);
  const double gamma = largest_correlation(g.limits.view()), tau = 0.5;
  REQUIRE(gamma < 0.2);
  int most = 0;
  for (Index m = 1; m <= 60; ++m) {  // h = the sum of the first m, signs by the first column
    double norm_sq = 0;
    int hit = 0;
    std::vector<double> inner(60);
    for (Index i = 0; i < 60; ++i)
      for (Index j = 0; j < m; ++j) inner[i] += (g.gram(0, j) < 0 ? -1 : 1) * g.gram(i, j);
    for (Index j = 0; j < m; ++j) norm_sq += (g.gram(0, j) < 0 ? -1 : 1) * inner[j];
    for (const double v : inner) hit += std::abs(v) > tau * std::sqrt(norm_sq) ? 1 : 0;
    CHECK(hit <= g.largest / (tau * tau));
    CHECK(hit < (1 - gamma) / (tau * tau - gamma));
    most = std::max(most, hit);
  }
  CHECK(most >= 3);
}

TEST_CASE("bounds: vacuous bounds are marked, and what is not allowed is refused") {
  for (const Bound& b : bounds_of("gnn-feature", {}, 1e-3, 1, {.members = 20})) {
    INFO(b.name);
    CHECK(b.queries >= 0);
    CHECK(b.vacuous() == (b.queries <= 1));
  }
  Bound b;
  for (const double queries : {0.0, 1.0, 1.0001}) {
    b.queries = queries;
    CHECK(b.vacuous() == (queries <= 1));
  }
  for (const double tau : {0.0, -0.1, 1.1, std::nan("")}) {
    CHECK_THROWS_AS(second_moment_queries(0.1, tau), ValueError);
    CHECK_THROWS_AS(near_orthonormal_queries(10, 0, tau), ValueError);
    CHECK_THROWS_AS(szorenyi_queries(10, tau), ValueError);
    CHECK_THROWS_AS(bounds_of("gnn-feature", {}, tau), ValueError);
    CHECK_THROWS_AS(second_moment_queries(0.1, 0.5, tau), ValueError);
    CHECK_THROWS_AS(sda_queries(10, tau), ValueError);
  }
  CHECK_THROWS_AS(second_moment_queries(0, 0.5), ValueError);
  CHECK_THROWS_AS(near_orthonormal_queries(0, 0, 0.5), ValueError);
  CHECK_THROWS_AS(near_orthonormal_queries(10, 1.5, 0.5), ValueError);
  CHECK_THROWS_AS(near_orthonormal_sda(10, 1, 0.5), ValueError);
  CHECK_THROWS_AS(bounds_of("gnn-featur", {}, 0.1), ValueError);
  CHECK_THROWS_AS(bounds_of("gnn-feature", {{"k", "3"}}, 0.1), ValueError);
  CHECK_THROWS_AS(bounds_of("gnn-feature", {{"n", "1"}, {"graph", "cycle"}, {"q", "1"}}, 0.1), ValueError);
  CHECK(near_orthonormal_queries(10, 0.25, 0.5) == 0);
  CHECK(near_orthonormal_queries(10, 1, 1) == 0);
}

TEST_CASE(
    "gradient variance: unbiased where the noise of the inputs is much larger, with an error that is no smaller") {
  // g_f^k = mu_f + noise: mu has variance 0.5 a coordinate and mean 1, the noise variance 4.
  constexpr Index splits = 4, members = 5, parameters = 6;
  constexpr int repeats = 2000;
  double variance = 0, variance_sq = 0, signal = 0, signal_sq = 0, error_sq = 0, signal_error_sq = 0;
  for (int r = 0; r < repeats; ++r) {
    Draws draws({7, Stream::user, static_cast<std::uint64_t>(r), 0});
    std::vector<double> mu(members * parameters), g;
    for (double& v : mu) v = 1 + std::sqrt(0.5) * draws.normal();
    for (Index k = 0; k < splits; ++k)
      for (const double v : mu) g.push_back(v + 2 * draws.normal());
    const GradientVariance e = gradient_variance(splits, members, parameters, std::span<const double>(g));
    variance += e.variance.value / repeats;
    variance_sq += e.variance.value * e.variance.value / repeats;
    signal += e.signal.value / repeats;
    signal_sq += e.signal.value * e.signal.value / repeats;
    error_sq += e.variance.error * e.variance.error / repeats;
    signal_error_sq += e.signal.error * e.signal.error / repeats;
  }
  const double sd = std::sqrt(variance_sq - variance * variance),
               signal_sd = std::sqrt(signal_sq - signal * signal);
  CHECK(std::abs(variance - 0.5 * parameters) < 5 * sd / std::sqrt(repeats));
  CHECK(std::abs(signal - 1.5 * parameters) < 5 * signal_sd / std::sqrt(repeats));
  CHECK(std::sqrt(error_sq) > 0.95 * sd);
  CHECK(std::sqrt(error_sq) < 3 * sd);
  CHECK(std::sqrt(signal_error_sq) > 0.95 * signal_sd);
  CHECK(std::sqrt(signal_error_sq) < 3 * signal_sd);
}

TEST_CASE("gradient variance: the definition, term by term, in float and double") {
  constexpr Index splits = 3, members = 4, parameters = 11;
  std::vector<double> g;
  Draws draws({3, Stream::user, 0, 0});
  for (Index i = 0; i < splits * members * parameters; ++i) g.push_back(std::round(8 * draws.normal()) / 8);
  const auto at = [&](Index k, Index f, Index p) { return g[(k * members + f) * parameters + p]; };
  double variance = 0, signal = 0;
  for (Index k = 0; k < splits; ++k)
    for (Index l = 0; l < splits; ++l)
      for (Index p = 0; k != l && p < parameters; ++p) {
        double mean_k = 0, mean_l = 0;
        for (Index f = 0; f < members; ++f) mean_k += at(k, f, p) / members;
        for (Index f = 0; f < members; ++f) mean_l += at(l, f, p) / members;
        for (Index f = 0; f < members; ++f) {
          variance += (at(k, f, p) - mean_k) * (at(l, f, p) - mean_l) / (members - 1) / (splits * (splits - 1));
          signal += at(k, f, p) * at(l, f, p) / members / (splits * (splits - 1));
        }
      }
  const std::vector<float> single(g.begin(), g.end());
  const GradientVariance e = gradient_variance(splits, members, parameters, std::span<const double>(g)),
                         s = gradient_variance(splits, members, parameters, std::span<const float>(single));
  CHECK(e.variance.value == doctest::Approx(variance).epsilon(1e-12));
  CHECK(e.signal.value == doctest::Approx(signal).epsilon(1e-12));
  CHECK(s.variance.value == e.variance.value);
  CHECK(s.signal.error == e.signal.error);
  CHECK_THROWS_AS(gradient_variance(2, members, parameters, std::span<const double>(g)), ValueError);
  CHECK_THROWS_AS(gradient_variance(splits, 2, parameters, std::span<const double>(g)), ValueError);
  CHECK_THROWS_AS(gradient_variance(splits, members, parameters + 1, std::span<const double>(g)), ValueError);
}

TEST_CASE("gradient variance: how often two errors hold the truth, with eight members and eight splits") {
  if (kSanitized) return;  // thousands of samples, of which one would find what all do
  struct Case {
    int parameters;
    double noise, least;  // of the inputs, beside a variance of 0.5 over members; the share that is held at least
  };
  // Eight members alone say too little of their own scatter; where the noise of inputs is as large, errors add up.
  constexpr Index kEach = 8;
  constexpr int kTrials = 2000;
  for (const Case& c : {Case{1, 0, 0.75}, {1, 2, 0.92}, {6, 0, 0.87}, {6, 2, 0.95}, {60, 2, 0.95}}) {
    int variance = 0, signal = 0;
    for (int r = 0; r < kTrials; ++r) {
      Draws draws({21, Stream::user, static_cast<std::uint64_t>(r), static_cast<std::uint64_t>(c.parameters)});
      std::vector<double> mu(static_cast<std::size_t>(kEach * c.parameters)), g;
      for (double& v : mu) v = 1 + std::sqrt(0.5) * draws.normal();
      for (Index k = 0; k < kEach; ++k)
        for (const double v : mu) g.push_back(v + c.noise * draws.normal());
      const GradientVariance e = gradient_variance(kEach, kEach, c.parameters, std::span<const double>(g));
      variance += std::abs(e.variance.value - 0.5 * c.parameters) <= 2 * e.variance.error ? 1 : 0;
      signal += std::abs(e.signal.value - 1.5 * c.parameters) <= 2 * e.signal.error ? 1 : 0;
    }
    CAPTURE(c.parameters);
    CAPTURE(c.noise);
    CHECK(variance >= c.least * kTrials);
    CHECK(signal >= c.least * kTrials);
  }
}

TEST_CASE("bounds: the largest eigenvalue of an estimated Gram matrix is too large by no more than is said") {
  if (kSanitized) return;
  constexpr Index kMembers = 6, kInputs = 600, kMany = 30000;
  constexpr int kTrials = 150;
  const ParameterValues small{{"n", "4"}, {"k", "2"}, {"d", "2"}};
  int held = 0;
  double excess = 0;
  for (std::uint64_t seed = 0; seed < kTrials; ++seed) {
    const SampledGram few = sampled_gram("rotation-invariant", small, kMembers, seed, kInputs),
                      many = sampled_gram("rotation-invariant", small, kMembers, seed, kMany);
    const double bias = 2 * std::sqrt(static_cast<double>(kMembers) / kInputs);
    const bool above = few.largest + 2 * few.error >= many.largest,
               below = few.largest - 2 * few.error <= many.largest * (1 + bias);
    held += above && below ? 1 : 0;
    excess += (few.largest / many.largest - 1) / kTrials;
  }
  CHECK(excess > 0);
  CHECK(excess < 2 * std::sqrt(static_cast<double>(kMembers) / kInputs));
  CHECK(held >= 0.93 * kTrials);
}

}  // namespace test_bounds
