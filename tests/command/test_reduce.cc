// eqnn reduce: graphs from vectors, halfspaces from networks, and both optima against brute force.
#include <doctest/doctest.h>

#include <eqnn/core/rng.h>
#include <eqnn/io/npz.h>

#include <algorithm>
#include <cmath>

#include "support/command.h"

namespace test_reduce {

using namespace cli;

namespace {

using eqnn::Index;

// Rows of bits with the label, -1 or 1, at the end.
using Rows = std::vector<std::vector<int>>;

Rows random_rows(Index m, Index count, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::user});
  Rows rows(static_cast<std::size_t>(count));
  for (auto& row : rows) {
    for (Index i = 0; i < m; ++i) row.push_back(static_cast<int>(draws.below(2)));
    row.push_back(draws.below(2) == 1 ? 1 : -1);
  }
  return rows;
}

std::string csv(const Rows& rows, bool zero_one = false) {
  std::string text;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      text += std::to_string(last && zero_one ? (row[i] + 1) / 2 : row[i]) + (last ? "\n" : ",");
    }
  return text;
}

// How many rows sign(w.x - theta) agrees with.
Index agreement(const Rows& rows, const std::vector<double>& w, double theta) {
  Index count = 0;
  for (const auto& row : rows) {
    double value = -theta;
    for (std::size_t i = 0; i < w.size(); ++i) value += w[i] * row[i];
    count += (value >= 0 ? 1 : -1) == row.back() ? 1 : 0;
  }
  return count;
}

// The best of all halfspaces: whole weights within Muroga's bound make every one of them.
Index brute_force(const Rows& rows) {
  const auto m = rows[0].size() - 1;
  const double power = static_cast<double>(m) + 1;
  const int most = static_cast<int>(std::pow(power, power / 2) / std::exp2(m) + 1e-9);
  const int thresholds = most * static_cast<int>(m);
  Index best = 0;
  std::vector<double> w(m, -most);
  for (;;) {
    for (int t = -thresholds; t <= thresholds + 1; ++t) best = std::max(best, agreement(rows, w, t));
    std::size_t i = 0;
    while (i < m && w[i] == most) w[i++] = -most;
    if (i == m) return best;
    ++w[i];
  }
}

Json solve(const Folder& f, const Rows& rows, const Arguments& more = {}) {
  f.write("rows.csv", csv(rows));
  return Json::parse(accepted(f, Arguments{"reduce", "--solve", "--in", "rows.csv", "--json"} + more));
}

// Both searches ended with this optimum, and their solutions have it.
void check_optimum(const Json& j, const Rows& rows, Index optimum) {
  INFO(j.dump());
  for (const char* side : {"vectors", "graphs"}) {
    CHECK(j[side]["optimal"] == true);
    CHECK(j[side]["agreement"] == optimum);
    CHECK(j[side]["bound"] == optimum);
    CHECK(j[side]["gap"] == 0);
    CHECK(j[side]["stopped"].is_null());
  }
  CHECK(j["optima_agree"] == true);
  CHECK(agreement(rows, j["vectors"]["w"], j["vectors"]["theta"]) == optimum);
  const std::vector<double> phi = j["graphs"]["phi"];
  const auto n = j["n"].get<double>();
  std::vector<double> w;
  for (std::size_t i = 1; i <= j["m"].get<std::size_t>(); ++i) w.push_back(phi[i] - phi[0]);
  CHECK(agreement(rows, w, j["graphs"]["threshold"].get<double>() - n * phi[0]) == optimum);
}

}  // namespace

TEST_CASE("reduce --solve: both optima agree over random instances, and with brute force") {
  const Folder f;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto m = static_cast<Index>(1 + seed % 5);
    const Rows rows = random_rows(m, static_cast<Index>(10 + seed / 2), seed);
    const Json j = solve(f, rows, seed % 3 == 0 ? Arguments{"--n", "8"} : Arguments{});
    CHECK(j["n"] == (seed % 3 == 0 ? 8 : m + 1));
    check_optimum(j, rows, m <= 4 ? brute_force(rows) : j["vectors"]["agreement"].get<Index>());
  }
}

TEST_CASE("reduce --solve: labels of a halfspace are met, one wrong label costs one") {
  const Folder f;
  Rows rows;
  for (int e = 0; e < 64; ++e) {
    std::vector<int> row;
    for (int i = 0; i < 6; ++i) row.push_back(e >> i & 1);
    row.push_back(5 * row[0] - 3 * row[1] + 4 * row[2] - 4 * row[3] + row[4] + 2 * row[5] >= 2 ? 1 : -1);
    rows.push_back(row);
  }
  check_optimum(solve(f, rows), rows, 64);
  rows[63].back() *= -1;  // 111111 has value 5: far inside
  check_optimum(solve(f, rows), rows, 63);
  // Parity of three bits: 6 of 8; all labels equal: a constant.
  Rows parity;
  for (int e = 0; e < 8; ++e)
    parity.push_back({e & 1, e >> 1 & 1, e >> 2 & 1, ((e ^ e >> 1 ^ e >> 2) & 1) ? 1 : -1});
  check_optimum(solve(f, parity), parity, 6);
  for (auto& row : parity) row.back() = -1;
  check_optimum(solve(f, parity), parity, 8);
}

TEST_CASE("reduce --solve: copies that contradict each other") {
  const Folder f;
  Rows rows = {{1, 0, 1}, {1, 0, 1}, {1, 0, -1}, {0, 1, 1}, {0, 1, -1}, {0, 0, -1}, {1, 1, -1}};
  check_optimum(solve(f, rows), rows, brute_force(rows));
  rows = {{1, 1}, {1, -1}};
  const Json j = solve(f, rows);
  check_optimum(j, rows, 1);
  CHECK(j["vectors"]["rounds"] == 0);
  // Parity with weights: what is given up is the lightest.
  rows = {{0, 0, -1}, {0, 0, -1}, {0, 0, -1}, {0, 1, 1},  {0, 1, 1},
          {1, 0, 1},  {1, 0, 1},  {1, 1, -1}, {1, 1, -1}, {1, 0, 1}};
  check_optimum(solve(f, rows), rows, 8);
}

TEST_CASE("reduce --solve: a time limit gives a gap and not a lie") {
  const Folder f;
  const Rows rows = random_rows(5, 20, 2);
  const Json all = solve(f, rows), none = solve(f, rows, {"--time-limit", "0"});
  for (const char* side : {"vectors", "graphs"}) {
    CHECK(none[side]["optimal"] == false);
    CHECK(none[side]["stopped"] == "time limit");
    CHECK(none[side]["gap"].get<Index>() > 0);
    CHECK(none[side]["gap"].get<Index>() ==
          none[side]["bound"].get<Index>() - none[side]["agreement"].get<Index>());
    CHECK(none[side]["agreement"].get<Index>() <= all[side]["agreement"].get<Index>());
    CHECK(none[side]["bound"].get<Index>() >= all[side]["agreement"].get<Index>());
  }
  CHECK(none["optima_agree"].is_null());
  CHECK(agreement(rows, none["vectors"]["w"], none["vectors"]["theta"]) == none["vectors"]["agreement"]);
  // A hard one, cut off somewhere: bounds hold all the same.
  const Rows hard = random_rows(12, 150, 3);
  const Json cut = solve(f, hard, {"--time-limit", "0.3"});
  for (const char* side : {"vectors", "graphs"}) {
    CHECK(cut[side]["agreement"].get<Index>() <= cut[side]["bound"].get<Index>());
    CHECK(cut[side]["agreement"].get<Index>() <=
          cut[side == std::string("graphs") ? "vectors" : "graphs"]["bound"]);
    CHECK(cut[side]["optimal"] == (cut[side]["gap"] == 0));
    CHECK(cut[side]["stopped"].is_null() == (cut[side]["gap"] == 0));
  }
  const std::string text = accepted(f, {"reduce", "--solve", "--in", "rows.csv", "--time-limit", "0"});
  CHECK(text.find("at most (time limit)") != text.npos);
}

TEST_CASE("reduce --solve: says the same twice, in words too, and its file goes back to a halfspace") {
  const Folder f;
  const Rows rows = random_rows(4, 16, 5);
  const Json first = solve(f, rows, {"--out", "s.json"}), second = solve(f, rows, {"--threads", "2"});
  CHECK(without_time(first.dump()) == without_time(second.dump()));
  CHECK(Json::parse(f.read("s.json")) == first);
  const std::string text = accepted(f, {"reduce", "--solve", "--in", "rows.csv"});
  CHECK(text.find("16 vectors of 4 bits, graphs on 5 nodes\nhalfspaces ") == 0);
  CHECK(text.ends_with("both optima agree\n"));
  CHECK(lines(text).size() == 4);
  refused(f, {"reduce", "--solve", "--in", "rows.csv", "--out", "s.json"}, 2, "--force");
  const Json back = Json::parse(accepted(f, {"reduce", "--back", "--in", "s.json", "--out", "h.csv", "--json"}));
  CHECK(back["exact"] == true);
  CHECK(back["m"] == 4);
  CHECK(back["n"] == 5);
  CHECK(agreement(rows, back["w"], back["theta"]) == first["graphs"]["agreement"]);
  CHECK(lines(f.read("h.csv")).size() == 2);
  CHECK(lines(f.read("h.csv"))[0] == "w1,w2,w3,w4,theta");
}

TEST_CASE("reduce: graphs that train reads") {
  const Folder f;
  Rows rows = random_rows(4, 60, 8);
  f.write("rows.csv", "a,b,c,d,label\n" + csv(rows));
  CHECK(accepted(f, {"reduce", "--in", "rows.csv", "--out", "g.npz"}) == "60 graphs on 5 nodes in g.npz\n");
  auto arrays = eqnn::read_npz(f / "g.npz");
  REQUIRE(arrays.size() == 2);
  CHECK(arrays["adjacency"].dtype == "|u1");
  CHECK(arrays["adjacency"].shape == std::vector<Index>{60, 5, 5});
  CHECK(arrays["y"].dtype == "<i8");
  const auto adjacency = eqnn::as_doubles(arrays["adjacency"]), y = eqnn::as_doubles(arrays["y"]);
  for (std::size_t e = 0; e < 60; ++e) {
    CHECK(y[e] == rows[e].back());
    for (std::size_t v = 0; v < 5; ++v) {
      double degree = 0;
      for (std::size_t j = 0; j < 5; ++j) degree += adjacency[(e * 5 + v) * 5 + j];
      CHECK(degree == (v < 4 && rows[e][v] == 1 ? static_cast<double>(v + 1) : 0));
    }
  }
  accepted(f,
           {"train", "--data", "g.npz", "--format", "npz", "--steps", "5", "--width", "4", "--out", "run", "-q"});
  // Labels 0 and 1 stay what they are; more nodes; --force; --json.
  f.write("rows.csv", csv(rows, true));
  refused(f, {"reduce", "--in", "rows.csv", "--out", "g.npz"}, 2, "--force");
  const Json j =
      Json::parse(accepted(f, {"reduce", "--in", "rows.csv", "--out", "g.npz", "--n", "9", "--force", "--json"}));
  CHECK(j == Json({{"count", 60}, {"m", 4}, {"n", 9}, {"out", "g.npz"}}));
  arrays = eqnn::read_npz(f / "g.npz");
  CHECK(arrays["adjacency"].shape == std::vector<Index>{60, 9, 9});
  for (std::size_t e = 0; e < 60; ++e) CHECK(eqnn::as_doubles(arrays["y"])[e] == (rows[e].back() + 1) / 2);
}

TEST_CASE("reduce --back: a network's phi and threshold as w and theta") {
  const Folder f;
  f.write("s.json", R"({"phi": [0.5, 2, -1, 0.25], "threshold": 1.5})");
  accepted(f, {"reduce", "--back", "--in", "s.json", "--out", "h.csv"});
  CHECK(f.read("h.csv") == "w1,w2,w3,theta\n1.5,-1.5,-0.25,-0.5\n");
  f.write("s.json", R"({"phi": [0.5, 2, -1, 0.25], "threshold": 1.5, "m": 2, "n": 4})");
  accepted(f, {"reduce", "--back", "--in", "s.json", "--out", "h.csv", "--force"});
  CHECK(f.read("h.csv") == "w1,w2,theta\n1.5,-1.5,-0.5\n");
  // What was rounded is said.
  f.write("s.json", R"({"phi": [0.1, 0.3], "threshold": 1e10})");
  const Outcome told = f.run({"reduce", "--back", "--in", "s.json", "--out", "r.csv", "--json"});
  CHECK(told.code == 0);
  CHECK(told.err.find("eqnn: note: w and theta are rounded") == 0);
  CHECK(Json::parse(told.out)["exact"] == false);
  CHECK(Json::parse(told.out)["rounding"].get<double>() > 0);
}

TEST_CASE("reduce: input that is refused") {
  const Folder f;
  refused(f, {"reduce"}, 2, "--in");
  refused(f, {"reduce", "--in", "none.csv", "--out", "g.npz"}, 3, "none.csv");
  const auto table = [&](const std::string& text, const std::string& fragment) {
    f.write("t.csv", text);
    refused(f, {"reduce", "--in", "t.csv", "--out", "g.npz"}, 3, fragment);
    refused(f, {"reduce", "--in", "t.csv", "--solve"}, 3, fragment);
  };
  table("", "no vector");
  table("a,b,y\n", "no vector");
  table("1\n", "two at least");
  table("0,1,1\n0,2,1\n", "line 2: field 2 is '2'");
  table("0,1,1\n0,0.5,1\n", "field 2 is '0.5'");
  table("0,1,2\n", "the label is '2'");
  table("0,1,0\n1,1,-1\n", "line 2: the label is '-1'");
  table("0,1,-1\n1,1,0\n", "line 2: the label is '0'");
  table("0,1,1\n1,1\n", "line 2: there are 2 fields");
  table("0,1,1\n0,x,1\n", "line 2: field 2 is 'x'");
  f.write("t.csv", "0,1,1\n1,1,0\n");
  refused(f, {"reduce", "--in", "t.csv"}, 2, "--out is missing");
  refused(f, {"reduce", "--in", "t.csv", "--out", "g.npz", "--n", "2"}, 2, "--n is '2'");
  refused(f, {"reduce", "--in", "t.csv", "--out", "g.npz", "--n", "x"}, 2, "--n is 'x'");
  refused(f, {"reduce", "--in", "t.csv", "--solve", "--back"}, 2, "exclude");
  refused(f, {"reduce", "--in", "t.csv", "--solve", "--time-limit", "-1"}, 2, "--time-limit is '-1'");
  refused(f, {"reduce", "--in", "t.csv", "--solve", "--time-limit", "nan"}, 2, "--time-limit");
  refused(f, {"reduce", "--in", "t.csv", "--out", "none/g.npz"}, 3, "none/g.npz");
  const auto solution = [&](const std::string& text, int code, const std::string& fragment) {
    f.write("s.json", text);
    refused(f, {"reduce", "--back", "--in", "s.json", "--out", "h.csv"}, code, fragment);
  };
  solution("{", 3, "not JSON");
  solution("[1, 2]", 2, "no list 'phi'");
  solution(R"({"phi": [1, 2]})", 2, "no 'threshold'");
  solution(R"({"phi": 3, "threshold": 1})", 2, "no list 'phi'");
  solution(R"({"phi": [1, "x"], "threshold": 1})", 2, "an entry of phi");
  solution(R"({"phi": [1, 2], "threshold": null})", 2, "threshold is null");
  solution(R"({"phi": [1, 1e300], "threshold": 1})", 2, "2^900");
  solution(R"({"phi": [1], "threshold": 1})", 2, "m is 0");
  solution(R"({"phi": [1, 2], "threshold": 1, "n": 3})", 2, "phi has 2 values");
  solution(R"({"phi": [1, 2], "threshold": 1, "m": 2})", 2, "m is 2");
  solution(R"({"phi": [1, 2], "threshold": 1, "m": 1.5})", 2, "m is 1.5");
  solution(R"({"phi": [1, 2], "threshold": 1, "m": "1"})", 2, "m is \"1\"");
  refused(f, {"reduce", "--back", "--in", "s.json"}, 2, "--out is missing");
  refused(f, {"reduce", "--back", "--in", "s.json", "--out", "h.csv", "--n", "3"}, 2, "--n");
}

}  // namespace test_reduce
