// The oracles' rules against golden values and their definition.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/family.h>
#include <eqnn/hard/learners/oracle.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "support/golden.h"

namespace test_oracle {

using namespace eqnn;
using namespace eqnn::hard;
using Json = nlohmann::json;

TEST_CASE("oracle: golden answers") {
  const Json& cases = golden("csq_oracle");
  REQUIRE(cases.size() == 17);
  for (const Json& c : cases) {
    CAPTURE(c.dump());
    const auto mode = oracle_mode(c.at("mode").get<std::string>());
    const double value = c.at("value"), tau = c.at("tau"), norm = c.value("qnorm", 1.0), expected = c.at("answer");
    CHECK(oracle_answer(mode, tau, value, norm) == doctest::Approx(expected).epsilon(1e-15));
    CHECK((oracle_answer(mode, tau, value, norm) == 0) == (expected == 0));
    Oracle oracle(Oracle::Kind::csq, tau, mode);
    CHECK(oracle.answer(value, norm) == doctest::Approx(expected).epsilon(1e-15));
    CHECK(oracle.log().queries == 1);
    CHECK(oracle.log().above_tau == (std::abs(value) > tau * norm ? 1 : 0));
  }
}

// The definition as it is written: |q| times the rule of v / |q|.
static double by_definition(Oracle::Answer mode, double tau, double value, double norm) {
  const double u = value / norm;
  if (mode == Oracle::Answer::zero) return norm * (std::abs(u) <= tau ? 0 : u);
  if (mode == Oracle::Answer::shrink) return norm * (u > tau ? u - tau : u < -tau ? u + tau : 0);
  return value;
}

TEST_CASE("oracle: every answer is within tau |q|, odd, homogeneous, and as defined") {
  for (const char* name : {"exact", "zero", "shrink"}) {
    const auto mode = oracle_mode(name);
    CHECK(std::string(mode_name(mode)) == name);
    Draws draws({7, Stream::user, 0, static_cast<std::uint64_t>(mode)});
    for (int i = 0; i < 2000; ++i) {
      const double tau = std::exp(4 * draws.uniform() - 4), norm = std::exp(6 * draws.normal());
      const double value = norm * 2 * draws.normal() * tau, answer = oracle_answer(mode, tau, value, norm);
      CAPTURE(name);
      CAPTURE(tau);
      CAPTURE(value / norm);
      CHECK(std::abs(answer - value) <= tau * norm * (1 + 1e-12));
      CHECK(std::abs(answer - by_definition(mode, tau, value, norm)) <= 1e-12 * norm);
      CHECK(oracle_answer(mode, tau, -value, norm) == -answer);
      CHECK(oracle_answer(mode, tau, 4 * value, 4 * norm) == 4 * answer);
      CHECK(std::abs(answer) <= std::abs(value));
    }
  }
  CHECK(oracle_answer(Oracle::Answer::sampled, 0.1, 0.01, 1) == 0.01);
}

TEST_CASE("oracle: with labels, the adversary answers with the label-free part") {
  Oracle zero(Oracle::Kind::sq, 0.25, Oracle::Answer::zero), shrink(Oracle::Kind::sq, 0.25, Oracle::Answer::shrink);
  CHECK(zero.answer(3.5, 2, 3) == 3);  // 0.25 of the norm: the last that is hidden
  CHECK(zero.answer(3.625, 2, 3) == 3.625);
  CHECK(zero.answer(2.5, 2, 3) == 3);
  CHECK(shrink.answer(3.625, 2, 3) == 3.125);
  CHECK(shrink.answer(2.25, 2, 3) == 2.75);
  CHECK(zero.log() == Oracle::Log{3, 1, 0.3125});
  CHECK(shrink.log() == Oracle::Log{2, 2, 0.375});
}

TEST_CASE("oracle: degenerate queries, logs and errors") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  Oracle oracle(Oracle::Kind::csq, 1.01, Oracle::Answer::zero);
  CHECK(oracle.answer(0, 0) == 0);
  CHECK(oracle.log() == Oracle::Log{1, 0, 0});
  CHECK(std::isnan(oracle.answer(nan, 1)));  // hides nothing, and says so
  CHECK(oracle.answer(1e-300, 0) == 1e-300);
  CHECK(oracle.log().above_tau == 2);
  CHECK(std::isnan(oracle.answer(nan, nan)));
  CHECK(oracle.log().above_tau == 3);
  CHECK_THROWS_AS(oracle.answer(1, -1), ValueError);
  CHECK(oracle.log().queries == 4);
  oracle.set_log({10, 2, 0.5});
  oracle.answer(0.25, 1);
  CHECK(oracle.log() == Oracle::Log{11, 2, 0.5});
  for (const double tau : {0.0, -0.1, infinity, nan})
    CHECK_THROWS_AS(Oracle(Oracle::Kind::csq, tau, Oracle::Answer::zero), ValueError);
  CHECK(oracle_kind("sq") == Oracle::Kind::sq);
  CHECK(std::string(kind_name(oracle_kind("csq"))) == "csq");
  CHECK_THROWS_AS(oracle_kind("vstat"), ValueError);
  CHECK_THROWS_AS(oracle_mode(""), ValueError);
}

// --- every input, for oracles that are exact

TEST_CASE("oracle: families list each of their inputs once") {
  struct Case {
    const char* id;
    ParameterValues parameters;
    Index count;
  };
  for (const Case& c : {Case{"gnn-degree-parity", {{"n", "3"}}, Index{1} << 6},
                        {"gnn-degree-parity", {{"n", "3"}, {"self-loops", "true"}}, Index{1} << 9},
                        {"boolean-orbit", {{"group", "cyclic"}, {"n", "7"}}, Index{1} << 7},
                        {"boolean-orbit", {{"group", "adjacency"}, {"n", "9"}}, Index{1} << 9}}) {
    CAPTURE(c.id);
    const Index count = c.count;
    const auto member = family(c.id).draw(c.parameters, 1);
    REQUIRE(member->input_count() == count);
    const InputLayout& layout = member->input();
    Matrix<double> memory(count * layout.points, layout.channels);
    std::fill_n(memory.data(), memory.rows() * memory.stride(), 9.0);
    const Block<double> x{memory.data(), count, layout.points, layout.channels, memory.stride()};
    member->list_inputs(0, x);
    std::set<std::vector<double>> seen;
    double mean = 0;
    for (Index e = 0; e < count; ++e) {
      std::vector<double> input;
      for (Index p = 0; p < layout.points; ++p)
        input.insert(input.end(), x.row(e, p), x.row(e, p) + layout.channels);
      seen.insert(input);
      mean += (1 - 2 * member->value({x.row(e), layout.points, layout.channels, x.stride})) /
              static_cast<double>(count);
    }
    CHECK(static_cast<Index>(seen.size()) == count);
    CHECK(member->target_variance() == doctest::Approx(1 - mean * mean));
    // Float inputs, and from the middle on.
    Matrix<float> some(3 * layout.points, layout.channels);
    member->list_inputs(count - 3, Block<float>{some.data(), 3, layout.points, layout.channels, some.stride()});
    for (Index r = 0; r < some.rows(); ++r)
      for (Index k = 0; k < layout.channels; ++k)
        CHECK(static_cast<double>(some(r, k)) == memory((count - 3) * layout.points + r, k));
  }
  CHECK(family("gnn-degree-parity").draw({{"n", "15"}}, 0)->input_count() == 0);
  const auto continuous = family("frame-parity").draw({}, 0);
  CHECK(continuous->input_count() == 0);
  CHECK_THROWS_AS(continuous->list_inputs(0, Block<double>{}), ValueError);
}

}  // namespace test_oracle
