// The guides: their links lead somewhere, their programs are those that are compiled and run, and the index has
// them all.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/paths.h"

namespace {

// A guide with its path from the root.
struct Guide {
  std::string path, text;

  std::string beside(const std::string& link) const {
    return (std::filesystem::path(path).parent_path() / link).lexically_normal().generic_string();
  }
};

std::string text_of(const std::string& path) {
  std::ifstream in(paths::source(path), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::vector<Guide>& guides() {
  static const std::vector<Guide> list = [] {
    std::vector<Guide> found;
    for (const char* path : {"README.md", "CHANGELOG.md", "bench/README.md", "tests/data/README.md"})
      found.push_back({path, text_of(path)});
    const std::filesystem::path root = paths::source("");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "docs")) {
      if (entry.path().extension() != ".md") continue;
      const std::string path = entry.path().lexically_relative(root).generic_string();
      found.push_back({path, text_of(path)});
    }
    return found;
  }();
  return list;
}

// Lines outside of blocks of code, without what stands in backquotes.
std::vector<std::string> prose(const std::string& text) {
  static const std::regex quoted("`[^`]*`");
  std::vector<std::string> lines;
  std::istringstream in(text);
  bool code = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) code = !code;
    lines.push_back(code ? "" : line);
  }
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  std::istringstream out(std::regex_replace(all, quoted, ""));
  lines.clear();
  for (std::string line; std::getline(out, line);) lines.push_back(line);
  return lines;
}

// What a page of a repository calls its headings.
std::set<std::string> anchors(const std::string& text) {
  static const std::regex link("\\[([^\\]]*)\\]\\([^)]*\\)");
  std::set<std::string> found;
  std::map<std::string, int> seen;
  std::istringstream in(text);
  bool code = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) code = !code;
    if (code || !line.starts_with("#")) continue;
    std::string name;
    for (const char c : std::regex_replace(line.substr(line.find(' ') + 1), link, "$1")) {
      const auto u = static_cast<unsigned char>(c);
      if (std::isalnum(u) || c == '-' || c == '_') name += static_cast<char>(std::tolower(u));
      if (c == ' ') name += '-';
    }
    const int before = seen[name]++;
    found.insert(before == 0 ? name : name + "-" + std::to_string(before));
  }
  return found;
}

std::vector<std::string> links(const std::string& text) {
  static const std::regex link("\\]\\(([^() ]+)\\)");
  std::vector<std::string> found;
  for (const std::string& line : prose(text))
    for (std::sregex_iterator i(line.begin(), line.end(), link), end; i != end; ++i) found.push_back((*i)[1].str());
  return found;
}

}  // namespace

TEST_CASE("every link of a guide leads to a file, and to a heading where it names one") {
  std::vector<std::string> wrong;
  std::size_t seen = 0;
  for (const Guide& guide : guides())
    for (const std::string& link : links(guide.text)) {
      if (link.find("://") != std::string::npos) continue;
      ++seen;
      const std::size_t hash = std::min(link.find('#'), link.size());
      const std::string path = hash == 0 ? guide.path : guide.beside(link.substr(0, hash));
      const bool there = std::filesystem::is_regular_file(paths::source(path));
      if (!there || (hash < link.size() && anchors(text_of(path)).count(link.substr(hash + 1)) == 0))
        wrong.push_back(guide.path + " links to " + link);
    }
  CHECK(seen > 150);
  for (const std::string& what : wrong) FAIL_CHECK(what);
}

TEST_CASE("docs/README.md has every guide") {
  const Guide index{"docs/README.md", text_of("docs/README.md")};
  std::set<std::string> listed = {index.path};
  for (const std::string& link : links(index.text)) listed.insert(index.beside(link.substr(0, link.find('#'))));
  for (const Guide& guide : guides())
    if (guide.path.starts_with("docs/") && listed.count(guide.path) == 0)
      FAIL_CHECK(guide.path << " is not listed");
}

TEST_CASE("docs/examples.md has every program, and those that need the installed headers alone are installed") {
  const std::string index = text_of("docs/examples.md"), installed = text_of("docs/meson.build");
  int programs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(paths::source("docs/examples"))) {
    if (entry.path().extension() != ".cc") continue;
    const std::string name = entry.path().filename().string(), text = text_of("docs/examples/" + name);
    const bool alone = text.find("tests/support") == text.npos && text.find("doctest") == text.npos;
    const std::string row = "| [" + name + "](examples/" + name + (alone ? ") * |" : ") |");
    INFO(name);
    CHECK(index.find(row) != index.npos);
    CHECK((installed.find("'examples/" + name + "'") != installed.npos) == alone);
    ++programs;
  }
  CHECK(programs >= 11);
}

TEST_CASE("the programs of the guides are those that are built and run") {
  const auto from = [](const std::string& path, const char* begin) {
    const std::string text = text_of(path);
    REQUIRE(text.find(begin) != std::string::npos);
    return text.substr(text.find(begin));
  };
  CHECK(text_of("README.md").find(from("tests/consumer/consumer.cc", "#include <eqnn/eqnn.h>")) !=
        std::string::npos);
  const std::string pytorch = text_of("docs/coming-from-pytorch.md");
  CHECK(pytorch.find(from("docs/examples/from_pytorch.cc", "#include <eqnn/eqnn.h>")) != std::string::npos);
  CHECK(pytorch.find(from("docs/examples/from_pytorch.py", "import math")) != std::string::npos);
}

TEST_CASE("the code of docs/training-control.md is that of the example which is compiled and run") {
  // Without indentation, which is another one there.
  const auto flush = [](const std::string& text) { return std::regex_replace(text, std::regex("\n +"), "\n"); };
  const std::string page = text_of("docs/training-control.md");
  const std::string example = flush(text_of("docs/examples/training_control.cc"));
  const std::string fence = "\n```cpp\n";
  int blocks = 0;
  for (std::size_t at = page.find(fence); at != page.npos; at = page.find(fence, at + 1)) {
    const std::size_t first = at + fence.size() - 1;
    const std::string block = flush(page.substr(first, page.find("\n```\n", first) + 1 - first));
    INFO(block);
    CHECK(block.size() > 20);
    CHECK(example.find(block) != example.npos);
    ++blocks;
  }
  CHECK(blocks >= 8);
}
