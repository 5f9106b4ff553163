// Samples to learn, of several networks: medians, intervals and ratios, by hand, with runs that ended before.
#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "figures/samples_to_learn.h"

namespace test_samples_to_learn {

using tools::exchange_rows;
using Rows = std::vector<std::vector<std::string>>;

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// Of ten seeds, the intervals go from the second lowest to the second highest: 1 - 2 * 11 / 1024 = 0.979 each.
const std::vector<double> kPlain{100, 200, 300, 400, 500, 600, 700, 800, 900, 1000};
const std::vector<double> kTenth{10, 20, 30, 40, 50, 60, 70, 80, 90, 100};

}  // namespace

TEST_CASE("samples to learn: ratios of medians with both intervals' ends") {
  const Rows rows = exchange_rows({{"plain", kPlain, 1000}, {"equivariant", kTenth, 1000}});
  REQUIRE(rows.size() == 3);
  CHECK(rows[1] == std::vector<std::string>{"plain", "10/10", "550", "[200, 900]", "1", ""});
  CHECK(rows[2] == std::vector<std::string>{"equivariant", "10/10", "55", "[20, 90]", "10", "[2.2, 45]"});
}

TEST_CASE("samples to learn: what ended before is a bound") {
  std::vector<double> most = kPlain, none(10, kNever);
  most[9] = most[8] = kNever;  // 2 of 10
  const Rows rows = exchange_rows({{"never", none, 5000}, {"most", most, 1000}, {"tenth", kTenth, 1000}});
  REQUIRE(rows.size() == 4);
  CHECK(rows[1] == std::vector<std::string>{"never", "0/10", "> 5000", "[> 5000, > 5000]", "1", ""});
  CHECK(rows[2] == std::vector<std::string>{"most", "8/10", "550", "[200, > 1000]", "> 9.1", "[0, any]"});
  CHECK(rows[3] == std::vector<std::string>{"tenth", "10/10", "55", "[20, 90]", "> 91", "[56, any]"});
  const Rows other = exchange_rows({{"tenth", kTenth, 1000}, {"never", none, 5000}});
  CHECK(other[2] ==
        std::vector<std::string>{"never", "0/10", "> 5000", "[> 5000, > 5000]", "< 0.011", "[0, 0.018]"});
  CHECK(exchange_rows({{"never", none, 5000}, {"too", none, 5000}})[2][4] == "?");
}

TEST_CASE("samples to learn: of fixed sets what lies between the sizes tried is in the interval") {
  const std::set<double> sizes{100, 200, 400, 800};
  const std::vector<double> large(10, 800), small(10, 200), least(10, 100);
  const Rows rows = exchange_rows({{"a", large, 800, sizes}, {"b", small, 800, sizes}, {"c", least, 800, sizes}});
  // Above 400, at most 800; above 100, at most 200; at most 100.
  CHECK(rows[2] == std::vector<std::string>{"b", "10/10", "200", "[200, 200]", "4", "[2, 8]"});
  CHECK(rows[3] == std::vector<std::string>{"c", "10/10", "100", "[100, 100]", "8", "[4, any]"});
}

TEST_CASE("samples to learn: of few seeds the interval says what it holds, and one network has nothing beside it") {
  const Rows rows = exchange_rows({{"a", {1, 2, 3}, 3}, {"b", {1, 2, 3}, 3}});
  CHECK(rows[1][3] == "[1, 3] (75 %)");
  CHECK(rows[2][5] == "[0.33, 3] (50 %)");
  CHECK(exchange_rows({{"a", {1, 2, 3}, 3}}).empty());
}

}  // namespace test_samples_to_learn
