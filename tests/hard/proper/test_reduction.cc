// The reduction between halfspaces and degree networks: every halfspace and nothing but halfspaces, ties, sums
// without rounding, conflicts against enumeration, what is refused.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/proper/reduction.h>

#include <bit>
#include <cmath>
#include <set>

namespace test_reduction {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

// All vectors of m bits: bit i of e is x_{i+1}. `labels` likewise: bit e set means 1.
LabelledVectors cube(Index m, std::uint64_t labels = 0) {
  LabelledVectors v{Index{1} << m, m, {}, {}};
  for (Index e = 0; e < v.count; ++e) {
    for (Index i = 0; i < m; ++i) v.features.push_back(static_cast<std::int32_t>(e >> i & 1));
    v.labels.push_back(labels >> e & 1 ? 1 : -1);
  }
  return v;
}

// The sum as the paper has it: over the nodes, each with the length of its row.
double naive_value(const DegreeNetwork& network, const LabelledGraphs& graphs, Index e) {
  double sum = -network.theta;
  for (Index v = 0; v < graphs.n; ++v) {
    std::size_t degree = 0;
    for (Index j = 0; j < graphs.n; ++j) degree += graphs.adjacency[(e * graphs.n + v) * graphs.n + j];
    sum += network.phi[degree];
  }
  return sum;
}

// What a classifier says of all vectors, or all graphs, as bits.
std::uint64_t table(const Halfspace& h, const LabelledVectors& v) {
  std::uint64_t bits = 0;
  for (Index e = 0; e < v.count; ++e) bits |= std::uint64_t{classify(h, v.row(e)) == 1} << e;
  return bits;
}
std::uint64_t table(const DegreeNetwork& network, const LabelledGraphs& graphs) {
  std::uint64_t bits = 0;
  for (Index e = 0; e < graphs.count; ++e) bits |= std::uint64_t{naive_value(network, graphs, e) >= 0} << e;
  return bits;
}

// Calls back with every list of `size` whole numbers from -most to most.
template <class F>
void all_lists(Index size, int most, const F& f) {
  std::vector<double> list(size, -most);
  for (;;) {
    f(list);
    std::size_t i = 0;
    while (i < list.size() && list[i] == most) list[i++] = -most;
    if (i == list.size()) return;
    ++list[i];
  }
}

// The halfspaces of m bits as tables, from all whole weights within Muroga's bound (m+1)^((m+1)/2) / 2^m.
std::set<std::uint64_t> halfspaces(Index m) {
  const LabelledVectors v = cube(m);
  const int most = static_cast<int>(std::pow(m + 1, 0.5 * static_cast<double>(m + 1)) / std::exp2(m) + 1e-9);
  std::set<std::uint64_t> found;
  all_lists(m, most, [&](const std::vector<double>& w) {
    for (Index t = -m * most; t <= m * most + 1; ++t) found.insert(table({w, static_cast<double>(t)}, v));
  });
  return found;
}

LabelledVectors random_vectors(Index m, Index count, std::uint64_t seed) {
  Draws draws({seed, Stream::user});
  LabelledVectors v{count, m, {}, {}};
  for (Index e = 0; e < count; ++e) {
    for (Index i = 0; i < m; ++i) v.features.push_back(static_cast<std::int32_t>(draws.below(2)));
    v.labels.push_back(draws.below(2) == 1 ? 1 : -1);
  }
  return v;
}

}  // namespace

TEST_CASE("reduction: the halfspaces of m bits are as many as are known") {
  // Threshold functions of 1, 2, 3 and 4 variables (OEIS A000609): Muroga's weights miss none.
  CHECK(halfspaces(1).size() == 4);
  CHECK(halfspaces(2).size() == 14);
  CHECK(halfspaces(3).size() == 104);
  CHECK(halfspaces(4).size() == 1882);
}

TEST_CASE("reduction: a vector's graph has node i of out-degree i where x_i is 1, without self loops") {
  for (const Index n : {0, 6, 9}) {
    const LabelledVectors v = random_vectors(5, 20, 1);
    const LabelledGraphs g = to_graphs(v, n);
    CHECK(g.n == (n == 0 ? 6 : n));
    CHECK(g.labels == v.labels);
    const LabelledVectors counts = degree_counts(g);
    for (Index e = 0; e < v.count; ++e) {
      Index ones = 0;
      for (Index node = 1; node <= g.n; ++node) {
        Index degree = 0;
        for (Index j = 0; j < g.n; ++j) degree += g.adjacency[(e * g.n + node - 1) * g.n + j];
        const bool on = node <= 5 && v.row(e)[node - 1] == 1;
        CHECK(degree == (on ? node : 0));
        CHECK(g.adjacency[(e * g.n + node - 1) * g.n + node - 1] == 0);
        ones += on ? 1 : 0;
        if (node <= 5) CHECK(counts.row(e)[node] == (on ? 1 : 0));  // c_{i+1} = x_i
      }
      CHECK(counts.row(e)[0] == g.n - ones);  // c_1 = n - |x|
    }
    const LabelledVectors back = to_vectors(g, 5);
    CHECK(back.features == v.features);
    CHECK(back.labels == v.labels);
  }
}

TEST_CASE("reduction: every halfspace is a degree network, ties included") {
  for (Index m = 1; m <= 3; ++m)
    for (const Index n : {m + 1, m + 3}) {
      const LabelledVectors v = cube(m, 0x96);
      const LabelledGraphs g = to_graphs(v, n);
      all_lists(m, 2, [&](const std::vector<double>& w) {
        for (int t = -4; t <= 4; ++t) {  // whole values: many of them are 0
          const Halfspace h{w, static_cast<double>(t)};
          const DegreeNetwork network = to_network(h, n);
          REQUIRE(table(network, g) == table(h, v));
          REQUIRE(agreements(network, g) == agreements(h, v));
          const RoundedHalfspace back = to_halfspace(network, n, m);
          REQUIRE(back.rounding == 0);
          REQUIRE(back.halfspace.w == h.w);
          REQUIRE(back.halfspace.theta == h.theta);
        }
      });
    }
}

TEST_CASE("reduction: every degree network is a halfspace, ties included") {
  for (const Index n : {4, 5}) {
    const LabelledVectors v = cube(3, 0xE8);
    const LabelledGraphs g = to_graphs(v, n);
    const auto known = halfspaces(3);
    std::set<std::uint64_t> found;
    const int most = 2;
    all_lists(n, most, [&](const std::vector<double>& phi) {
      if (n == 5 && phi[4] != 1) return;  // no graph has a node of that degree
      for (Index t = -most * n; t <= most * n + 1; ++t) {
        const DegreeNetwork network{phi, static_cast<double>(t)};
        const std::uint64_t said = table(network, g);
        found.insert(said);
        const RoundedHalfspace back = to_halfspace(network, n, 3);
        REQUIRE(back.rounding == 0);
        REQUIRE(table(back.halfspace, v) == said);
        REQUIRE(agreements(network, g) == agreements(back.halfspace, v));
      }
    });
    for (const std::uint64_t said : found) REQUIRE(known.count(said) == 1);
    CHECK(found.size() == 104);  // nothing but halfspaces, and all of them
  }
}

TEST_CASE("reduction: the sign of a sum is that of the exact sum, and of 0 it is 1") {
  CHECK(sign_of_sum({}) == 1);
  CHECK(sign_of_sum(std::vector<double>{0.0, -0.0}) == 1);
  CHECK(sign_of_sum(std::vector<double>{1e16, 1, -1e16, -1}) == 1);
  CHECK(sign_of_sum(std::vector<double>{1e300, 1e-300, -1e300, -2e-300}) == -1);
  CHECK(sign_of_sum(std::vector<double>{0.1, 0.2, -0.3}) == 1);  // 2.8e-17 in exact arithmetic
  CHECK(sign_of_sum(std::vector<double>{-0.1, -0.2, 0.3}) == -1);
  CHECK(sign_of_sum(std::vector<double>{1, 0x1p-60, -1, -0x1p-60, -0x1p-1074}) == -1);
  Draws draws({7, Stream::user});
  for (int trial = 0; trial < 2000; ++trial) {
    // Terms a 2^s that nearly cancel, and their sum in whole numbers of 128 bits.
    __extension__ typedef __int128 Wide;
    std::vector<double> terms;
    Wide exact = 0;
    for (int k = 0; k < 6; ++k) {
      const auto a = static_cast<std::int64_t>(draws.below(1u << 20)) - (1 << 19);
      const auto shift = static_cast<int>(draws.below(70));
      for (const int sign : {1, -1}) {
        const auto b = a * sign + (draws.below(8) == 0 ? static_cast<std::int64_t>(draws.below(3)) - 1 : 0);
        terms.push_back(std::ldexp(static_cast<double>(b), shift));
        exact += Wide{b} * (Wide{1} << shift);
      }
    }
    REQUIRE(sign_of_sum(terms) == (exact >= 0 ? 1 : -1));
  }
}

TEST_CASE("reduction: products of weights and counts are not rounded") {
  const std::vector<std::int32_t> features{3, 7};
  const double third = 1.0 / 3, exact_product = 3 * third;  // rounds to 1, and is less
  CHECK(exact_product == 1);
  CHECK(classify({{third, 0}, 1}, features) == -1);
  CHECK(classify({{third, 0}, std::nextafter(1.0, 0.0)}, features) == 1);
  CHECK(classify({{0, 1}, 7}, features) == 1);
}

TEST_CASE("reduction: back to a halfspace, the rounding is bounded and told") {
  const DegreeNetwork network{{0.1, 0.3, -1e5, 1e-20}, 0.7};
  const RoundedHalfspace back = to_halfspace(network, 4, 3);
  CHECK(back.rounding > 0);
  CHECK(back.rounding < 1e-10);
  CHECK(back.halfspace.w == std::vector<double>{0.3 - 0.1, -1e5 - 0.1, 1e-20 - 0.1});
  // In a finer arithmetic, no vector's value moved by more.
  const LabelledVectors v = cube(3);
  for (Index e = 0; e < v.count; ++e) {
    long double before = -static_cast<long double>(network.theta) + 4.0L * network.phi[0],
                after = -back.halfspace.theta;
    for (std::size_t i = 0; i < 3; ++i)
      if (v.row(e)[i] == 1) {
        before += static_cast<long double>(network.phi[i + 1]) - network.phi[0];
        after += back.halfspace.w[i];
      }
    CHECK(std::abs(static_cast<double>(before - after)) <= back.rounding + 1e-14);
  }
  CHECK(to_halfspace({{0.5, 0.25, 4, -3}, 0.125}, 4, 2).rounding == 0);
  CHECK(to_halfspace({{0.5, 0.25, 4, -3}, 0.125}, 4, 2).halfspace.w == std::vector<double>{-0.25, 3.5});
  CHECK(to_halfspace({{1, 0x1p60}, 0}, 2, 1).rounding >= 1);
}

TEST_CASE("reduction: a minimal conflict is what enumeration finds to be one") {
  for (const Index m : {2, 3}) {
    const auto known = halfspaces(m);
    const Index count = Index{1} << m;
    // Is there a halfspace with these labels on this subset of the cube?
    const auto separable = [&](std::uint64_t subset, std::uint64_t labels) {
      for (const std::uint64_t h : known)
        if (((h ^ labels) & subset) == 0) return true;
      return false;
    };
    Index found = 0;
    for (std::uint64_t labels : {0x96u, 0x69u, 0x5Au, 0x81u, 0x7Eu, 0x17u, 0xE4u, 0x2Du, 0x06u}) {
      labels &= (std::uint64_t{1} << count) - 1;
      const LabelledVectors v = cube(m, labels);
      for (std::uint64_t subset = 0; subset < std::uint64_t{1} << count; ++subset) {
        bool minimal = !separable(subset, labels);
        std::vector<Index> list;
        for (Index e = 0; e < count; ++e)
          if (subset >> e & 1) {
            list.push_back(e);
            minimal = minimal && separable(subset & ~(std::uint64_t{1} << e), labels);
          }
        REQUIRE(is_minimal_conflict(v, list) == minimal);
        found += minimal ? 1 : 0;
        if (minimal) CHECK(static_cast<Index>(list.size()) <= m + 2);
      }
    }
    CHECK(found >= (m == 2 ? 3 : 20));
  }
}

TEST_CASE("reduction: conflicts of copies, of graphs, and beyond 64 bits") {
  LabelledVectors v{3, 2, {1, 0, 1, 0, 0, 1}, {1, -1, 1}};
  CHECK(is_minimal_conflict(v, std::vector<Index>{0, 1}));
  CHECK(!is_minimal_conflict(v, std::vector<Index>{0, 2}));
  CHECK(!is_minimal_conflict(v, std::vector<Index>{0, 1, 2}));
  CHECK(!is_minimal_conflict(v, std::vector<Index>{0}));
  CHECK(!is_minimal_conflict(v, std::vector<Index>{}));
  // Parity of two bits: the graphs are in conflict as the vectors are, on any number of nodes.
  for (const Index n : {3, 5})
    CHECK(is_minimal_conflict(degree_counts(to_graphs(cube(2, 0x6), n)), std::vector<Index>{0, 1, 2, 3}));
  // 1 = -1 + 2 in features near 2^31: minors of 3 x 3 pass 2^63 in general position, and then nothing is proved.
  const std::int32_t big = 2000000011;
  LabelledVectors far{4, 2, {big, 0, 0, big, -big, 17, 19, -big}, {1, 1, 1, 1}};
  CHECK(!is_minimal_conflict(far, std::vector<Index>{0, 1, 2, 3}));
}

TEST_CASE("reduction: what does not fit is refused") {
  const LabelledVectors v = cube(2);
  CHECK_THROWS_AS(to_graphs(v, 2), ValueError);
  CHECK_THROWS_AS(to_graphs(v, 1 << 20), ValueError);
  LabelledVectors wrong = v;
  wrong.features[3] = 2;
  CHECK_THROWS_AS(to_graphs(wrong), ValueError);
  wrong = v;
  wrong.labels[0] = 0;
  CHECK_THROWS_AS(to_graphs(wrong), ValueError);
  wrong = v;
  wrong.features.pop_back();
  CHECK_THROWS_AS(to_graphs(wrong), ValueError);
  wrong = v;
  wrong.labels.pop_back();
  CHECK_THROWS_AS(agreements(Halfspace{{0, 0}, 0}, wrong), ValueError);
  CHECK_THROWS_AS(agreements(Halfspace{{0}, 0}, v), ValueError);
  CHECK_THROWS_AS(agreements(Halfspace{{0, NAN}, 0}, v), ValueError);
  CHECK_THROWS_AS(agreements(Halfspace{{0, 0}, INFINITY}, v), ValueError);
  CHECK_THROWS_AS(agreements(Halfspace{{0, 1e300}, 0}, v), ValueError);
  CHECK_THROWS_AS(to_network({{1, 2}, 0}, 2), ValueError);
  CHECK_THROWS_AS(to_halfspace({{1, 2}, 0}, 3, 1), ValueError);
  CHECK_THROWS_AS(to_halfspace({{1, 2}, 0}, 2, 2), ValueError);
  CHECK_THROWS_AS(to_halfspace({{1, 2}, 0}, 2, 0), ValueError);
  CHECK_THROWS_AS(to_halfspace({{NAN, 2}, 0}, 2, 1), ValueError);
  LabelledGraphs g = to_graphs(v, 3);
  CHECK_THROWS_AS(to_vectors(g, 3), ValueError);
  CHECK_THROWS_AS(to_vectors(g, 0), ValueError);
  g.adjacency[0] = 1;
  CHECK_THROWS_AS(degree_counts(g), ValueError);
  g.adjacency[0] = 0;
  g.adjacency[1] = 2;
  CHECK_THROWS_AS(degree_counts(g), ValueError);
  g.adjacency[1] = 0;
  CHECK_NOTHROW(degree_counts(g));
  CHECK_NOTHROW(to_vectors(g, 2));
  CHECK_THROWS_AS(to_vectors(g, 1), ValueError);  // node 2 has degree 2
  g.adjacency[1] = g.adjacency[3] = 1;            // nodes 1 and 2 of the graph of 00, both of degree 1
  CHECK_THROWS_AS(to_vectors(g, 2), ValueError);
  g.adjacency.pop_back();
  CHECK_THROWS_AS(degree_counts(g), ValueError);
}

}  // namespace test_reduction
