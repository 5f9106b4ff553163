#include <doctest/doctest.h>
#include <eqnn/groups/certify.h>

#include <cmath>
#include <limits>

namespace test_certify {

using namespace eqnn;
namespace {

Array column(std::vector<double> values) {
  const Index n = static_cast<Index>(values.size());
  return {n, 1, std::move(values)};
}

std::vector<GroupElement> shifts(Index n) {
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(PermutationGroup::cyclic(n)))
    elements.push_back({to_string(p),
                        [p](const Sample& s) {
                          return Sample{{"x", permute_rows(s.at("x"), p)}};
                        },
                        [p](const Array& y) { return permute_rows(y, p); }});
  return elements;
}

TEST_CASE("certify: an equivariant function passes, and its count of comparisons is right") {
  const std::vector<Sample> inputs{{{"x", column({1, -2, 3, 0.5})}}, {{"x", column({1, 1, 1, 1})}}};
  const auto neighbor_difference = [](const Sample& s) -> std::optional<Array> {
    const Array& x = s.at("x");
    Array y = x;
    for (Index i = 0; i < x.rows; ++i) y(i, 0) -= x((i + 1) % x.rows, 0);
    return y;
  };
  const Certificate c = certify(neighbor_difference, inputs, shifts(4), 1e-12);
  CHECK(c.pass());
  CHECK(c.error == 0);
  CHECK(c.elements == 4);
  CHECK(c.compared == 8);
  CHECK(c.undefined == 0);
}

TEST_CASE("certify: a function that is not equivariant fails with the input and the element that show it") {
  // Point 0 alone is treated differently; the constant input does not show it.
  const std::vector<Sample> inputs{{{"x", column({1, 1, 1, 1})}}, {{"x", column({1, 1, 4, 1})}}};
  const auto first_squared = [](const Sample& s) -> std::optional<Array> {
    Array y = s.at("x");
    y(0, 0) *= y(0, 0);
    return y;
  };
  const Certificate c = certify(first_squared, inputs, shifts(4), 1e-5);
  CHECK_FALSE(c.pass());
  CHECK(c.witness_input == 1);
  // The shift by 2 takes the 4 to place 0: 16 instead of 4, relative to the largest value, 4.
  CHECK(c.witness_element == "(0 2)(1 3)");
  CHECK(c.value == 16);
  CHECK(c.expected == 4);
  CHECK(c.error == doctest::Approx(12.0 / 4));
}

TEST_CASE("certify: what is undefined is counted, and neither passes nor fails") {
  const std::vector<Sample> inputs{{{"x", column({1, 2, 3})}}, {{"x", column({0, 0, 0})}}};
  const auto defined_off_zero = [](const Sample& s) -> std::optional<Array> {
    double sum = 0;
    for (double v : s.at("x").values) sum += v;
    if (sum == 0) return {};
    return Array{1, 1, {sum}};
  };
  auto elements = shifts(3);
  for (auto& g : elements) g.on_output = {};
  const Certificate c = certify(defined_off_zero, inputs, elements, 1e-12);
  CHECK(c.pass());
  CHECK(c.compared == 6);
  CHECK(c.undefined == 3);
}

TEST_CASE("certify: NaN is an infinite error") {
  const std::vector<Sample> inputs{{{"x", column({1, 2})}}};
  const auto nan = [](const Sample& s) -> std::optional<Array> {
    return s.at("x")(0, 0) == 1 ? Array{1, 1, {0.0}} : Array{1, 1, {std::nan("")}};
  };
  auto elements = shifts(2);
  for (auto& g : elements) g.on_output = {};
  const Certificate c = certify(nan, inputs, elements, 1e-12);
  CHECK(std::isinf(c.error));
  CHECK_FALSE(c.pass());
}

TEST_CASE("certify: refuses to prove something from nothing, and shapes that differ") {
  const auto f = [](const Sample& s) -> std::optional<Array> { return s.at("x"); };
  const std::vector<Sample> inputs{{{"x", column({1, 2})}}};
  CHECK_THROWS_AS(certify(f, {}, shifts(2), 1), ValueError);
  CHECK_THROWS_AS(certify(f, inputs, {}, 1), ValueError);
  auto elements = shifts(2);
  elements[0].on_output = [](const Array&) { return Array{1, 1, {0.0}}; };
  CHECK_THROWS_WITH_AS(certify(f, inputs, elements, 1),
                       "certify: f(g x) is [2, 1] and g f(x) [1, 1]; they must have one shape", ValueError);
}

TEST_CASE("certify: small groups are tried whole, large ones by generators and random elements") {
  CHECK(telling_elements(PermutationGroup::symmetric(6)).size() == 720);
  const auto group = PermutationGroup::symmetric(20);
  const auto some = telling_elements(group, 1000, 7, 3);
  CHECK(some.size() == 1 + 2 * group.generators().size() + 2 + 7);
  CHECK(some[0].is_identity());
  CHECK(some == telling_elements(group, 1000, 7, 3));
  for (const Permutation& g : group.generators()) CHECK(std::find(some.begin(), some.end(), g) != some.end());
}

TEST_CASE("certify: rows and pairs move as the group acts") {
  const Permutation p({1, 2, 0});
  CHECK(permute_rows(column({10, 20, 30}), p).values == std::vector<double>{30, 10, 20});
  Array a = Array::zeros(3, 3);
  a(0, 1) = 5;
  CHECK(permute_pairs(a, p)(1, 2) == 5);
  CHECK_THROWS_AS(permute_rows(column({1, 2}), p), ValueError);
  CHECK_THROWS_AS(permute_pairs(column({1, 2, 3}), p), ValueError);
}

}  // namespace

}  // namespace test_certify
