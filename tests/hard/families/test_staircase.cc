// staircase: leaps by their definition, the sampler, exact second moments, what is refused.
#include <doctest/doctest.h>
#include <eqnn/hard/families/invariant_poly/staircase.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "support/thrown.h"

namespace test_staircase {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

Monomial product(const std::vector<Index>& generators) {
  Monomial m;
  for (const Index g : generators) m.push_back({g, 1});
  return m;
}

// min over all orders of max over monomials of the degrees that are new.
Index leap_by_definition(std::vector<Monomial> monomials) {
  std::sort(monomials.begin(), monomials.end());
  Index best = 1000;
  do {
    std::set<Index> known;
    Index worst = 0;
    for (const Monomial& m : monomials) {
      Index fresh = 0;
      for (const Factor& f : m)
        if (!known.contains(f.generator)) fresh += f.degree;
      worst = std::max(worst, fresh);
      for (const Factor& f : m) known.insert(f.generator);
    }
    best = std::min(best, worst);
  } while (std::next_permutation(monomials.begin(), monomials.end()));
  return best;
}

std::vector<Monomial> monomials_of(const InvariantPoly& f) {
  std::vector<Monomial> all;
  for (const PolynomialTerm& t : f.terms()) all.push_back(t.monomial);
  return all;
}

StaircaseSampler sampler_of(Index r, Index degree, Index leap, Generators kind = Generators::rowsum) {
  StaircaseSampler s;
  s.inputs.generators = kind;
  s.inputs.r = r;
  s.degree = degree;
  s.leap = leap;
  return s;
}

std::string refused(const std::string& json) {
  return message<ValueError>([&] { family("staircase").parse(json); });
}

}  // namespace

TEST_CASE("leap: that of the definition, over all orders, and those of the paper's examples") {
  CHECK(leap_complexity(std::vector{product({0}), product({0, 1}), product({0, 1, 2}), product({0, 1, 2, 3})}) ==
        1);
  CHECK(leap_complexity(std::vector{product({0}), product({0, 1}), product({1, 2}), product({2, 3})}) == 1);
  CHECK(leap_complexity(std::vector{product({0}), product({0, 1, 2}), product({1, 2, 3, 4, 5, 6})}) == 4);
  CHECK(leap_complexity(std::vector{product({0, 1, 2}), product({1, 2, 3})}) == 3);
  CHECK(leap_complexity(std::vector<Monomial>{{{0, 3}}, {{0, 1}, {1, 2}}}) == 3);
  CHECK(leap_complexity(std::vector<Monomial>{}) == 0);
  std::map<Index, int> seen;
  for (std::uint64_t k = 0; k < 300; ++k) {
    Draws draws({7, Stream::user, k, 0});
    std::set<Monomial> distinct;
    while (distinct.size() < 1 + k % 6) {
      Monomial m;
      for (Index g = 0; g < 6; ++g)
        if (const Index degree = draws.below(4); degree > 1) m.push_back({g, degree - 1});
      if (!m.empty()) distinct.insert(m);
    }
    std::vector<Monomial> monomials(distinct.begin(), distinct.end());
    const Index leap = leap_by_definition(monomials);
    CHECK(leap_complexity(monomials) == leap);
    std::reverse(monomials.begin(), monomials.end());
    CHECK(leap_complexity(monomials) == leap);
    ++seen[leap];
  }
  CHECK(seen.size() > 5);
}

TEST_CASE("staircase: drawn members climb by L to D, of norm 1, and have leap L") {
  for (Index degree = 1; degree <= 7; ++degree)
    for (Index leap = 1; leap <= degree; ++leap)
      for (std::uint64_t seed = 0; seed < 3; ++seed) {
        CAPTURE(degree);
        CAPTURE(leap);
        const Staircase f = Staircase::draw(sampler_of(9, degree, leap), seed);
        const auto monomials = monomials_of(f);
        REQUIRE(static_cast<Index>(monomials.size()) == (degree + leap - 1) / leap);
        double norm = 0;
        for (std::size_t t = 0; t < monomials.size(); ++t) {
          CHECK(total_degree(monomials[t]) == std::min(static_cast<Index>(t + 1) * leap, degree));
          CHECK((t == 0 || std::includes(monomials[t].begin(), monomials[t].end(), monomials[t - 1].begin(),
                                         monomials[t - 1].end())));
          norm += f.terms()[t].coefficient * f.terms()[t].coefficient;
        }
        CHECK(norm == doctest::Approx(1).epsilon(1e-14));
        CHECK(f.degree() == degree);
        CHECK(f.leap() == leap_by_definition(monomials));
        CHECK(f.leap() == leap);
        CHECK(Staircase::draw(sampler_of(9, degree, leap), seed).json() == f.json());
      }
}

TEST_CASE("staircase: lambda is the largest mean square over every function that may be drawn") {
  for (const auto& [r, degree, leap] :
       std::vector<std::array<Index, 3>>{{5, 3, 1}, {5, 3, 2}, {5, 3, 3}, {5, 5, 2}, {4, 4, 1}, {5, 4, 4}}) {
    const StaircaseSampler sampler = sampler_of(r, degree, leap);
    // Signs make E_f f f^T diagonal in the monomials: E_f c^2 of each, over all orders of the generators.
    std::vector<Index> order(static_cast<std::size_t>(r));
    std::iota(order.begin(), order.end(), Index{0});
    std::map<std::vector<Index>, double> squares;
    double orders = 0;
    const auto degrees = sampler.degrees();
    do {
      ++orders;
      for (const Index d : degrees) {
        std::vector<Index> set(order.begin(), order.begin() + d);
        std::sort(set.begin(), set.end());
        squares[set] += 1 / static_cast<double>(degrees.size());
      }
    } while (std::next_permutation(order.begin(), order.end()));
    double largest = 0;
    for (const auto& [set, sum] : squares) largest = std::max(largest, sum / orders);
    CHECK(sampler.second_moment() == doctest::Approx(largest).epsilon(1e-12));
    const auto moments =
        family("staircase")
            .second_moments(
                {{"r", std::to_string(r)}, {"degree", std::to_string(degree)}, {"leap", std::to_string(leap)}});
    CHECK(moments.front().unit == doctest::Approx(largest).epsilon(1e-12));
    CHECK(moments.front().orthonormal == (leap == degree ? static_cast<double>(squares.size()) : 0));
  }
}

TEST_CASE("staircase: orders are uniform, and signs fair") {
  constexpr int kMembers = 3000;
  std::map<std::vector<Index>, int> orders;  // of the first two generators
  int positive = 0;
  for (std::uint64_t seed = 0; seed < kMembers; ++seed) {
    const auto terms = draw_staircase(sampler_of(4, 2, 1), seed);
    const Index first = terms[0].monomial[0].generator;
    const Monomial& both = terms[1].monomial;
    ++orders[{first, both[0].generator == first ? both[1].generator : both[0].generator}];
    for (const PolynomialTerm& t : terms) positive += t.coefficient > 0;
  }
  CHECK(orders.size() == 12);
  for (const auto& [order, count] : orders) CHECK(std::abs(count - 250) < 5 * std::sqrt(250.0));
  CHECK(std::abs(positive - kMembers) < 5 * std::sqrt(kMembers / 2.0));
}

TEST_CASE("staircase: every certificate passes, for every kind of generators and leap") {
  for (const Generators kind : {Generators::rowsum, Generators::sign, Generators::cyclic})
    for (const Index leap : {1, 2, 4}) {
      const Staircase f = Staircase::draw(sampler_of(9, 4, leap, kind), 2);
      CHECK(f.action().has_value());
      for (const Check& c : f.check({4, 400})) {
        INFO(generators_name(kind), " leap ", leap, ": ", c.name, ": ", c.value, " expected ", c.expected);
        CHECK(c.pass());
      }
    }
}

TEST_CASE("staircase: a file is read back, the leap is that of its terms, and what is no staircase is refused") {
  const Family& family = eqnn::hard::family("staircase");
  for (const char* leap : {"1", "3", "4"}) {
    const auto member = family.draw({{"leap", leap}}, 5);
    const auto again = family.parse(member->json());
    CHECK(again->json() == member->json());
    CHECK(std::to_string(dynamic_cast<const Staircase&>(*again).leap()) == leap);
  }
  CHECK(contains(refused(R"({"generators":"rowsum","r":5,"leap":2,"terms":[{"coef":1,"monomial":[[0,1]]}]})"),
                 "leap is 2 and the terms have 1"));
  CHECK(contains(
      refused(
          R"({"generators":"rowsum","r":5,"terms":[{"coef":1,"monomial":[[0,1]]},{"coef":1,"monomial":[[1,1],[2,1]]}]})"),
      "does not contain the one of degree 1"));
  CHECK(contains(
      refused(
          R"({"generators":"rowsum","r":5,"terms":[{"coef":1,"monomial":[[0,1]]},{"coef":1,"monomial":[[1,1]]}]})"),
      "does not contain"));
  CHECK(
      contains(refused(R"({"generators":"rowsum","r":5,"terms":[{"coef":1,"monomial":[[0,2]]}]})"), "squarefree"));
  const auto bad = [&](const ParameterValues& values) {
    return message<ValueError>([&] { family.draw(values, 0); });
  };
  CHECK(contains(bad({{"leap", "0"}}), "leap is 0; allowed are 1, the full staircase, to 4"));
  CHECK(contains(bad({{"leap", "5"}}), "leap is 5"));
  CHECK(contains(bad({{"degree", "13"}}), "degree is 13"));
  CHECK(contains(bad({{"degree", "6"}, {"r", "5"}}), "degree is 6 with r = 5"));
  CHECK_THROWS_AS(family.check_members({}, 0, {}), ValueError);
}

}  // namespace test_staircase
