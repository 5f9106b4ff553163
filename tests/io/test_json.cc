// JSON from outside: what no document of this program is, is refused before the parser sees it.
#include <doctest/doctest.h>
#include <eqnn/io/json.h>

#include <string>

#include "support/thrown.h"

namespace test_json {

using namespace eqnn;

namespace {

std::string refusal(const std::string& text) {
  return message<FileError>([&] { parse_json(text, "a.json"); });
}

TEST_CASE("json: a NUL ends no text") {
  for (const std::string& text : {std::string("{}\0", 3), std::string("[1]\0}", 5), std::string("\0{}", 3),
                                  std::string("{\"a\": 1}\0{\"a\": 2}", 17), std::string("\"\0\"", 3)}) {
    CHECK(contains(refusal(text), "NUL"));
    CHECK(parse_json_if(text).is_discarded());
  }
  CHECK(parse_json("\"\\u0000\"").get<std::string>() == std::string(1, '\0'));
}

TEST_CASE("json: 64 levels are read, and no more") {
  const auto nested = [](int levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  CHECK(refusal(nested(kDeepestJson)) == "no error");
  CHECK(contains(refusal(nested(kDeepestJson + 1)), "levels deep"));
  CHECK(parse_json_if(nested(kDeepestJson + 1)).is_discarded());
  CHECK(contains(refusal(""), "is empty"));
  CHECK(parse_json("\"" + std::string(100, '[') + "\"").is_string());
}

}  // namespace

}  // namespace test_json
