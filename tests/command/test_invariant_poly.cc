// eqnn families with invariant-poly: what its inputs and member files need that other families do not.
#include <doctest/doctest.h>
#include <eqnn/io/npz.h>

#include <algorithm>
#include <cmath>

#include "support/command.h"

namespace test_invariant_poly {

using namespace cli;

namespace {

Arguments families(const std::string& command, const Arguments& more) {
  return Arguments{"families", command, "invariant-poly"} + more;
}

void write_inputs(const Folder& f, const std::vector<eqnn::Index>& shape, const std::vector<double>& x) {
  eqnn::write_npz(f / "x.npz", {{"x", eqnn::npy_array<double>(shape, x)}});
}

// The values of m.json on x.npz.
std::vector<double> values(const Folder& f) {
  accepted(f, families("eval", {"--member", "m.json", "--in", "x.npz", "--out", "y.npz", "--force"}));
  return eqnn::as_doubles(eqnn::read_npz(f / "y.npz").at("y"));
}

}  // namespace

TEST_CASE("families with invariant-poly: every kind of generators is shown, sampled, evaluated and checked") {
  const Folder f;
  for (const Arguments& setting : {Arguments{},
                                   {"--generators", "sign"},
                                   {"--generators", "cyclic", "--n", "24"},
                                   {"--m", "3", "--r", "12"}}) {
    const Json shown = Json::parse(accepted(f, families("show", setting + Arguments{"--json"})));
    CHECK(shown["norm_sq"].get<double>() == doctest::Approx(1));
    CHECK(shown["terms"] == 5);
    accepted(f, families("sample", setting + Arguments{"--count", "20", "--out", "d.npz", "--force"}));
    for (const char* member : {"d.npz", "d.member.json"})
      accepted(f, families("check", setting + Arguments{"--member", member, "--in", "d.npz"}));
    accepted(f, families("check", setting + Arguments{"--members", "3"}));
    CHECK(Json::parse(accepted(f, families("check", setting + Arguments{"--json"})))["pass"] == true);
  }
  // --terms and --degree may be given beside a member that has so many.
  accepted(f, families("show", {"--member", "d.member.json", "--terms", "5", "--r", "12"}));
  refused(f, families("show", {"--member", "d.member.json", "--terms", "6"}), 2, "has 5");
  refused(f, families("show", {"--member", "d.member.json", "--r", "13"}), 2, "has 12");
  refused(f, families("show", {"--degree", "13"}), 2, "degree is 13");
}

TEST_CASE("families eval with invariant-poly: inputs of any number of rows, and cyclic ones of both lengths") {
  const Folder f;
  f.write("m.json", R"({"generators": "rowsum", "r": 2, "terms": [{"coef": 1, "monomial": [[0, 1], [1, 1]]}]})");
  write_inputs(f, {1, 4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(values(f).at(0) == doctest::Approx(16.0 * 20.0 / 4));
  write_inputs(f, {2, 2}, {1, 2, 3, 4});
  CHECK(values(f) == std::vector<double>{2, 12});
  write_inputs(f, {1, 4, 3}, std::vector<double>(12));
  refused(f, families("eval", {"--member", "m.json", "--in", "x.npz", "--out", "z.npz"}), 3, "take m x 2");

  // z_1 of an alternating wave of frequency 1: |sum|^2 / n = (n / 2)^2 / n.
  f.write("m.json", R"({"generators": "cyclic", "r": 3, "terms": [{"coef": -1, "monomial": [[0, 1]]}]})");
  for (const eqnn::Index n : {7, 8}) {
    std::vector<double> wave;
    for (eqnn::Index t = 0; t < n; ++t)
      wave.push_back(std::cos(2 * 3.141592653589793 * static_cast<double>(t) / static_cast<double>(n)));
    write_inputs(f, {1, n}, wave);
    CHECK(values(f).at(0) == doctest::Approx(1 - static_cast<double>(n) / 4));
  }
  write_inputs(f, {1, 9}, std::vector<double>(9));
  refused(f, families("eval", {"--member", "m.json", "--in", "x.npz", "--out", "z.npz"}), 3, "1 x 7 or 1 x 8");
}

}  // namespace test_invariant_poly
