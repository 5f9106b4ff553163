// The oracles' rules against golden values and their definition.
#include <doctest/doctest.h>
#include <eqnn/hard/oracle.h>
#include <eqnn/rng.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

using namespace eqnn;
using namespace eqnn::hard;
using Json = nlohmann::json;

TEST_CASE("oracle: golden answers") {
  const Json golden = Json::parse(std::ifstream(EQNN_GOLDEN_DIR "/golden.json")).at("csq_oracle");
  REQUIRE(golden.size() == 17);
  for (const Json& c : golden) {
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
