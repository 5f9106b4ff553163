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

#include "support/blocks.h"
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

// Of a program or a piece of one what the compiler sees, without its #include lines and without blanks, and a comma
// at the end of a list: formatting is another one in programs.
std::string code(const std::string& text) {
  static const std::regex quiet("//[^\\n]*|#include[^\\n]*|\\s+"), comma(",(?=[}\\]])");
  return std::regex_replace(std::regex_replace(text, quiet, ""), comma, "");
}

// The sources that the tests build, and the files of kernels that docs/extending.md shows lines of.
std::vector<std::string> programs() {
  std::vector<std::string> found = {text_of("libeqnn/kernels/kernels.h"),
                                    text_of("libeqnn/kernels/elementwise.cc")};
  const std::string built = text_of("tests/meson.build") + text_of("tests/consumer/meson.build");
  const std::filesystem::path root = paths::source("");
  for (const char* folder : {"docs/examples", "tests/consumer"})
    for (const auto& entry : std::filesystem::directory_iterator(root / folder)) {
      const std::filesystem::path path = entry.path();
      if (path.extension() != ".cc") continue;
      const auto named = [&](const std::filesystem::path& name) {
        return built.find("'" + name.string() + "'") != built.npos;
      };
      if (named(path.stem()) || named(path.filename()))
        found.push_back(text_of(path.lexically_relative(root).generic_string()));
    }
  return found;
}

TEST_CASE("every block of C++ is a piece of a program that is built and run") {
  const std::vector<std::string> all = programs();
  std::vector<std::string> codes;
  std::string text;
  for (const std::string& program : all) {
    codes.push_back(code(program));
    text += program;
  }
  int seen = 0;
  for (const std::string& page : blocks::pages())
    for (const blocks::Block& block : blocks::of(page)) {
      if (block.language != "cpp") continue;
      ++seen;
      const std::string piece = code(block.text);
      const auto has = [&](const std::string& whole) { return whole.find(piece) != whole.npos; };
      INFO(page, ":", block.line, "\n", block.text);
      CHECK(std::any_of(codes.begin(), codes.end(), has));
      std::istringstream lines(block.text);
      for (std::string line; std::getline(lines, line);)
        if (line.starts_with("#include")) CHECK_MESSAGE(text.find(line + "\n") != text.npos, line);
    }
  CHECK(seen > 30);
}

// Which test has the blocks of a language: this one, or another.
TEST_CASE("every block of the guides is of a language that a test reads") {
  const std::set<std::string> languages = {
      "cpp",     // above
      "sh",      // command/test_guides.cc runs them,
      "toml",    // plans them,
      "",        // and compares output with what was printed
      "python",  // tools/python/tests/test_documents.py
  };
  for (const std::string& page : blocks::pages())
    for (const blocks::Block& block : blocks::of(page)) {
      const bool queries = block.language == "sql" && page == "docs/database.md";  // command/test_collect.cc
      CHECK_MESSAGE((queries || languages.contains(block.language)), page, ":", block.line, " ", block.language);
    }
  // Elsewhere there are none.
  for (const Guide& guide : guides())
    if (!guide.path.starts_with("docs/") && guide.path != "README.md")
      CHECK_MESSAGE(guide.text.find("\n```") == guide.text.npos, guide.path);
  CHECK(text_of("docs/coming-from-pytorch.md").find(text_of("docs/examples/from_pytorch.py")) != std::string::npos);
}
