// What holds for every family: what it says of itself is all there, and files that are no members are refused.
#include <doctest/doctest.h>
#include <eqnn/hard/family.h>

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

}  // namespace test_families
