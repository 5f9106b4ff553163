// The table of result keys: what the database's columns and a csv's order are made of, and what is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/json.h"
#include "results/schema.h"

namespace test_schema {

using namespace tools;

TEST_CASE("schema: columns of the metrics are in the order of the table, each once") {
  std::vector<std::string> names;
  for (const ResultKey& key : metric_keys()) names.emplace_back(key.metric_name());
  CHECK(names.front() == "step");
  CHECK(names.back() == "time.wall_seconds");
  CHECK(names.size() == 16);
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("schema: types of columns, and their places in a csv") {
  CHECK(column_type("batch") == std::string("INTEGER"));
  CHECK(column_type("steps") == std::string("ANY"));  // a mean over folds is no whole number
  CHECK(column_type("thresholds.learned_below") == std::string("REAL"));
  CHECK(column_type("time.wall_seconds") == std::string("REAL"));
  CHECK(column_type("time.learn_seconds") == std::string("ANY"));
  CHECK(column_type("unheard-of") == std::string("ANY"));
  CHECK(column_place("family") < column_place("params.n"));
  CHECK(column_place("params.n") == column_place("params.k"));
  CHECK(column_place("thresholds.fails_from") < column_place("unheard-of"));
  CHECK(column_place("unheard-of") < column_place("time.wall_seconds"));
  CHECK(column_place("time.wall_seconds") < column_place("machine.cpu"));
}

TEST_CASE("schema: a result with a key or a type that no row has is not written") {
  CHECK_NOTHROW(check_result({{"run_id", "a"}, {"steps", 3}, {"params", {{"n", 4}}}, {"correlation", nullptr}}));
  CHECK_THROWS_WITH_AS(check_result({{"stepz", 3}}), doctest::Contains("'stepz'"), eqnn::Error);
  CHECK_THROWS_WITH_AS(check_result({{"batch", 0.5}}), doctest::Contains("INTEGER"), eqnn::Error);
  CHECK_THROWS_WITH_AS(check_result({{"thresholds", {{"learned_below", "low"}}}}),
                       doctest::Contains("'thresholds.learned_below'"), eqnn::Error);
}

}  // namespace test_schema
