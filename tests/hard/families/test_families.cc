// What holds for every family: what it says of itself is all there, and files that are no members are refused.
#include <doctest/doctest.h>
#include <eqnn/hard/families/invariant_poly/orthonormal_polynomials.h>
#include <eqnn/hard/family.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

namespace test_families {

using namespace eqnn;
using namespace eqnn::hard;

TEST_CASE("families: each has an id of its own, its words, and the functions that all need") {
  std::set<std::string> ids;
  for (const Family& f : families()) {
    CAPTURE(f.id);
    CHECK(ids.insert(f.id).second);
    for (const std::string& words : {f.title, f.theorem, f.group, f.definition, f.input_law, f.control})
      CHECK(!words.empty());
    CHECK(!f.parameters.empty());
    REQUIRE((f.training != nullptr));
    REQUIRE((f.draw != nullptr));
    REQUIRE((f.parse != nullptr));
    REQUIRE((f.check_members != nullptr));
    CHECK(!f.training({}).empty());
  }
}

TEST_CASE("families: a member's file is read again as the same file; one that nests too deep is refused") {
  for (const Family& f : families()) {
    CAPTURE(f.id);
    const std::string text = f.draw({}, 1)->json();
    CHECK(f.parse(text)->json() == text);
    CHECK_THROWS_AS(f.parse(std::string(100000, '[')), FileError);
    CHECK_THROWS_AS(f.parse("{\"n\":" + std::string(100000, '[') + std::string(100000, ']') + "}"), FileError);
  }
}

TEST_CASE("families: variables are independent and of one law, and the entries that are fixed are none of them") {
  const std::map<std::string, ParameterValues> small = {{"boolean-orbit", {{"n", "7"}}},
                                                        {"gnn-degree-parity", {{"n", "6"}}},
                                                        {"invariant-poly", {{"r", "8"}, {"generators", "cyclic"}}},
                                                        {"frame-parity", {{"n", "8"}, {"k", "2"}}},
                                                        {"staircase", {{"r", "8"}, {"generators", "sign"}}}};
  const std::map<std::string, Index> counts = {
      {"boolean-orbit", 7}, {"gnn-degree-parity", 30}, {"gnn-feature", 256},       {"cnn-cyclic", 48},
      {"frame-parity", 8},  {"invariant-poly", 8},     {"rotation-invariant", 48}, {"staircase", 8}};
  constexpr Index kSamples = 4000;
  for (const Family& f : families()) {
    CAPTURE(f.id);
    const auto member = f.draw(small.count(f.id) != 0 ? small.at(f.id) : ParameterValues{}, 3);
    const IndependentVariables v = member->variables();
    CHECK(v.count == counts.at(f.id));
    CHECK(v.law.has_value() != member->input().bits);
    const InputLayout& in = member->input();
    std::vector<double> x(kSamples * in.points * in.channels);
    const Block<double> inputs{x.data(), kSamples, in.points, in.channels, in.channels};
    member->sample({5, Stream::user, 0, 0}, inputs);
    Matrix<double> z(kSamples, v.count);
    member->variables({x.data(), kSamples, in.points, in.channels, in.channels}, z.view());
    // P_1 of the law has mean 0 and variance 1, and no two of them correlate.
    double mean = 0, square = 0, cross = 0;
    for (Index e = 0; e < kSamples; ++e) {
      const auto p = [&](Index i) { return v.law ? orthonormal_polynomial(*v.law, 1, z(e, i)) : z(e, i); };
      mean += p(1) / kSamples;
      square += p(1) * p(1) / kSamples;
      cross += p(1) * p(v.count - 1) / kSamples;
    }
    CHECK(std::abs(mean) < 0.08);
    CHECK(std::abs(square - 1) < 0.25);
    CHECK(std::abs(cross) < 0.08);
  }
}

TEST_CASE("families: the default network of graphs with loops sees them") {
  CHECK(family("gnn-degree-parity").training({}).at("adjacency") == "centred");
  CHECK(family("gnn-degree-parity").training({{"self-loops", "true"}}).at("adjacency") == "sqrt");
  CHECK(family("gnn-degree-parity").training({{"edge-probability", "0.1"}}).at("adjacency") == "sqrt");
  CHECK(family("boolean-orbit").training({{"group", "adjacency"}, {"n", "9"}}).at("adjacency") == "sqrt");
}

}  // namespace test_families
