// TOML files as flags: what is too deep for the parser is refused, wherever it hides.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/toml_text.h"
#include "support/thrown.h"

namespace test_options {

namespace {

std::string repeated(const std::string& part, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += part;
  return all;
}

std::string refusal(const std::string& text) {
  return message([&] { tools::parse_toml(text, "a.toml"); });
}

TEST_CASE("toml: values and keys nest to 64 levels, and no deeper") {
  const std::string dots = repeated("a.", 100) + "a = 1";
  for (const std::string& deep : std::vector<std::string>{
           dots, "[" + repeated("a.", 100) + "a]\n", "x = " + repeated("[", 100) + repeated("]", 100),
           "x = " + repeated("{a = ", 100) + "1" + repeated("}", 100),
           // In lines behind strings of several lines, and behind quotes and brackets in these.
           "x = [\"\"\"\n' \"\"\", {" + dots + "}]\n", "x = '''\n" + repeated("]", 100) + "\n'''\n" + dots,
           "x = [\"\"\"\" \"\"\"\"\", {" + dots + "}]\n", "x = [\"a\\\\\", {" + dots + "}]\n",
           // Each key and each bracket few, and all of them many.
           "x = " + repeated("{" + repeated("a.", 20) + "a = ", 10) + "1" + repeated("}", 10)}) {
    CAPTURE(deep.substr(0, 60));
    CHECK(contains(refusal(deep), "levels deep"));
  }
  for (const std::string& flat : std::vector<std::string>{
           repeated("a.", 60) + "a = 1", "x = \"\"\"" + repeated("[", 100) + "\"\"\"\n",
           "x = '" + repeated("{a.", 100) + "'\n", "# " + repeated("[", 100) + "\nx = 1",
           "x = [" + repeated("1.5, ", 200) + "]\n", repeated("[[x]]\na.b = {c.d = [1.5]}\n", 100),
           "x = \"\"\"\na\\\"\"\"\"\ny = [\"\", '']\n"}) {
    CAPTURE(flat.substr(0, 60));
    CHECK(refusal(flat) == "no error");
  }
}

}  // namespace

}  // namespace test_options
