// The rules of the repository, run as tests over its sources.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/paths.h"

namespace {

namespace fs = std::filesystem;

// The order of the rooms: a file includes what stands on its own line or above. Folders end with a slash; where a
// folder has files of two ranks, those of the later one are named by their path without the ending.
const std::vector<std::set<std::string>> kOrder = {
    {"libeqnn/core/check", "libeqnn/core/fork_join", "libeqnn/core/rng", "libeqnn/core/spelling"},
    {"libeqnn/core/matrix", "libeqnn/core/function_ref", "libeqnn/core/sparse_graph", "libeqnn/core/team",
     "libeqnn/core/workers", "libeqnn/io/files"},
    {"libeqnn/kernels/", "libeqnn/io/npz"},
    {"libeqnn/core/params", "libeqnn/core/program"},
    {"libeqnn/groups/"},
    {"libeqnn/nn/"},
    {"libeqnn/so3/"},
    {"libeqnn/core/"},
    {"libeqnn/io/"},
    {"libeqnn/eqnn"},  // the umbrella
    {"libeqnn/data/"},
    {"libeqnn/hard/binomial", "libeqnn/hard/checks", "libeqnn/hard/correlations", "libeqnn/hard/family",
     "libeqnn/hard/input_action", "libeqnn/hard/member_file", "libeqnn/hard/member_of", "libeqnn/hard/sampling"},
    {"libeqnn/hard/families/"},
    {"libeqnn/hard/bounds/", "libeqnn/hard/learners/", "libeqnn/hard/proper/"},
    {"libeqnn/hard/"},  // the list of all families
    {"tools/cli/", "tools/commands", "tools/version", "tools/module_folder", "tools/studies"},
    {"tools/ranks/"},
    {"tools/data/"},
    {"tools/train/"},
    {"tools/results/"},
    {"tools/figures/", "tools/runs/"},
    {"tools/report/", "tools/learn/", "tools/interchange/"},
    {"tools/sweep/"},
    {"tools/study/"},
    {"tools/", "bench/"},
};

const std::set<std::string> kKernelFiles = {"libeqnn/kernels/product.cc", "libeqnn/kernels/elementwise.cc",
                                            "libeqnn/kernels/philox.cc", "libeqnn/kernels/fourier.cc",
                                            "libeqnn/kernels/complex_product.cc"};

struct Include {
  std::string name;
  bool quoted;
};

// A source file with its path from the root.
struct Source {
  std::string path, text;

  bool header() const { return path.ends_with(".h"); }
  bool in(std::string_view folder) const { return path.starts_with(folder); }
  std::string stem() const { return fs::path(path).stem().string(); }
  std::vector<Include> includes() const {
    static const std::regex line("(^|\\n)[ \\t]*#[ \\t]*include[ \\t]*([<\"])([^>\"]+)[>\"]");
    std::vector<Include> list;
    for (std::sregex_iterator i(text.begin(), text.end(), line), end; i != end; ++i)
      list.push_back({(*i)[3].str(), (*i)[2].str() == "\""});
    return list;
  }
  // Without comments, strings and characters, which may say anything.
  std::string code() const {
    static const std::regex quiet(
        "//[^\\n]*|/\\*[^*]*\\*+(?:[^/*][^*]*\\*+)*/|\"(?:\\\\.|[^\"\\\\\\n])*\"|'(?:\\\\.|[^'\\\\\\n])'");
    return std::regex_replace(text, quiet, " ");
  }
};

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::vector<Source>& sources() {
  static const std::vector<Source> list = [] {
    std::vector<Source> found;
    const fs::path root = paths::source("");
    for (const char* folder : {"libeqnn", "tools", "bench"})
      for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".h" && extension != ".cc") continue;
        found.push_back({fs::relative(entry.path(), root).generic_string(), read(entry.path())});
      }
    return found;
  }();
  return list;
}

// The file of this repository that an include means, from the root; none for headers of others. Quoted names are
// relative in libeqnn; in tools/ and bench/ they start at tools/, or are beside the file in bench/.
std::optional<std::string> resolve(const Source& from, const Include& include) {
  if (include.name.starts_with("eqnn/")) return "libeqnn/" + include.name.substr(5);
  if (!include.quoted) return std::nullopt;
  const fs::path beside = (fs::path(from.path).parent_path() / include.name).lexically_normal();
  if (from.in("libeqnn/")) return beside.generic_string();
  if (from.in("bench/") && fs::exists(paths::source(beside.generic_string()))) return beside.generic_string();
  return "tools/" + include.name;
}

// Where a file stands in the order: the place of its own name, or else that of its folder; -1 if it has none.
int rank(const std::string& path) {
  const auto place = [](const std::string& name) {
    for (std::size_t i = 0; i < kOrder.size(); ++i)
      if (kOrder[i].count(name) > 0) return static_cast<int>(i);
    return -1;
  };
  std::string name = path.substr(0, path.rfind('.'));
  int found = place(name);
  while (found < 0 && name.find('/') != std::string::npos) {
    name.pop_back();
    name.resize(name.rfind('/') + 1);
    found = place(name);
  }
  return found;
}

// Files of libeqnn whose code, or whose raw text, matches.
std::vector<std::string> offenders(const std::string& pattern) {
  const std::regex wrong(pattern);
  std::vector<std::string> list;
  for (const Source& s : sources()) {
    const std::string code = s.code();
    std::smatch match;
    if (s.in("libeqnn/") && std::regex_search(code, match, wrong)) list.push_back(s.path + ": " + match.str());
  }
  return list;
}

std::string joined(const std::vector<std::string>& list) {
  std::string all;
  for (const std::string& s : list) all += s + "\n";
  return all;
}

// Nothing is wrong; otherwise the message lists what is.
void check_none(const std::vector<std::string>& list) {
  INFO(joined(list));
  CHECK(list.empty());
}

}  // namespace

TEST_CASE("the rules see the sources") {
  const auto has = [](const char* path) {
    return std::any_of(sources().begin(), sources().end(), [&](const Source& s) { return s.path == path; });
  };
  CHECK(has("libeqnn/core/check.h"));
  CHECK(has("libeqnn/core/trainer.cc"));
  CHECK(has("tools/train/config.h"));
  CHECK(has("bench/rows.h"));
  CHECK(has("libeqnn/hard/family.h"));
  const Source sample{"libeqnn/hard/a.cc",
                      "#include \"../nn/points.h\"\n  # include <eqnn/core/rng.h>\n#include <cmath>\n"
                      "int x; // abort();\nconst char* s = \"printf\"; /* exit */ char c = '\"';"};
  REQUIRE(sample.includes().size() == 3);
  CHECK(resolve(sample, sample.includes()[0]) == "libeqnn/nn/points.h");
  CHECK(resolve(sample, sample.includes()[1]) == "libeqnn/core/rng.h");
  CHECK(!resolve(sample, sample.includes()[2]));
  CHECK(sample.code().find("abort") == std::string::npos);
  CHECK(sample.code().find("printf") == std::string::npos);
  CHECK(sample.code().find("exit") == std::string::npos);
  CHECK(sample.code().find("char c") != std::string::npos);
}

TEST_CASE("includes run one way") {
  CHECK(rank("libeqnn/core/rng.h") < rank("libeqnn/core/matrix.h"));
  CHECK(rank("libeqnn/nn/points.h") < rank("libeqnn/core/trainer.cc"));
  CHECK(rank("libeqnn/core/trainer.cc") < rank("libeqnn/hard/family.h"));
  CHECK(rank("libeqnn/hard/families.cc") < rank("tools/data/dataset.h"));
  CHECK(rank("tools/train/config.cc") < rank("tools/results/database.h"));
  CHECK(rank("elsewhere/a.h") == -1);
  std::vector<std::string> wrong;
  for (const Source& s : sources()) {
    if (rank(s.path) < 0) wrong.push_back(s.path + " has no place in the order of test_rules.cc");
    for (const Include& include : s.includes()) {
      const auto target = resolve(s, include);
      if (!target) continue;
      if (rank(*target) < 0 || rank(*target) > rank(s.path)) wrong.push_back(s.path + " includes " + *target);
    }
  }
  check_none(wrong);
}

TEST_CASE("no header includes itself through others") {
  std::map<std::string, std::vector<std::string>> graph;
  for (const Source& s : sources())
    for (const Include& include : s.includes())
      if (const auto target = resolve(s, include); target && s.header()) graph[s.path].push_back(*target);
  std::vector<std::string> wrong;
  for (const auto& [start, unused] : graph) {
    std::vector<std::string> pending = {start};
    std::set<std::string> reached;
    while (!pending.empty()) {
      const std::string at = pending.back();
      pending.pop_back();
      for (const std::string& next : graph[at])
        if (reached.insert(next).second) pending.push_back(next);
    }
    if (reached.count(start) > 0) wrong.push_back(start);
  }
  check_none(wrong);
}

TEST_CASE("Highway appears in the kernel files alone") {
  std::vector<std::string> wrong;
  for (const Source& s : sources())
    for (const Include& include : s.includes())
      if (include.name.starts_with("hwy/") && kKernelFiles.count(s.path) == 0 && s.in("libeqnn/"))
        wrong.push_back(s.path);
  check_none(wrong);
}

TEST_CASE("no heavy header is included by a header that is installed") {
  const std::string listed = read(paths::source("libeqnn/meson.build"));
  std::vector<std::string> wrong;
  int headers = 0;
  for (const Source& s : sources()) {
    if (!s.header() || !s.in("libeqnn/") || listed.find("'" + s.path.substr(8) + "'") == std::string::npos)
      continue;
    ++headers;
    for (const Include& include : s.includes())
      for (const char* heavy :
           {"fmt/", "nlohmann/", "CLI/", "toml++/", "toml.hpp", "tbb/", "oneapi/", "cblas.h", "iostream"})
        if (include.name.starts_with(heavy)) wrong.push_back(s.path + " includes " + include.name);
  }
  CHECK(headers >= 25);
  check_none(wrong);
}

// Each takes seconds to compile: of the command, these files alone include it.
const std::map<std::string, std::set<std::string>> kHeavy = {
    {"CLI/", {"tools/cli/command_line.cc"}},
    {"toml++/", {"tools/cli/toml_text.h"}},
    {"tools/cli/toml_text.h", {"tools/cli/options.cc", "tools/results/study_file.cc", "tools/sweep/plan.cc"}},
    {"sqlite3.h", {"tools/results/database.cc"}},
    {"nlohmann/", {"tools/cli/json_fwd.h"}},
    {"libeqnn/io/json.h", {"tools/cli/json.h"}},
};

TEST_CASE("heavy headers stand in the few files of the command that need them") {
  std::vector<std::string> wrong;
  for (const Source& s : sources())
    for (const Include& include : s.includes()) {
      const std::string name = resolve(s, include).value_or(include.name);
      for (const auto& [heavy, allowed] : kHeavy)
        if (!s.in("libeqnn/") && name.starts_with(heavy) && allowed.count(s.path) == 0)
          wrong.push_back(s.path + " includes " + include.name);
    }
  check_none(wrong);
}

TEST_CASE("tests include from the root of their room") {
  std::vector<std::string> wrong;
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(paths::source("tests"))) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cc") continue;
    ++files;
    const Source s{entry.path().lexically_relative(paths::source("")).generic_string(), read(entry.path())};
    for (const Include& include : s.includes())
      if (include.name.find("../") != std::string::npos) wrong.push_back(s.path + " includes " + include.name);
  }
  CHECK(files > 50);
  check_none(wrong);
}

TEST_CASE("the library is built for every machine, with arithmetic as written") {
  for (const char* path : {"meson.build", "libeqnn/meson.build"}) {
    const std::string text = read(paths::source(path));
    REQUIRE(!text.empty());
    for (const char* flag :
         {"-ffast-math", "-Ofast", "-march=native", "-mtune=native", "-funsafe-math-optimizations"}) {
      INFO(path, " ", flag);
      CHECK(text.find("'" + std::string(flag)) == std::string::npos);
    }
  }
  CHECK(read(paths::source("meson.build")).find("-ffp-contract=off") != std::string::npos);
}

TEST_CASE("a folder is a room, not a warehouse") {
  std::map<std::string, int> sources_of;
  for (const Source& s : sources())
    if (!s.header()) ++sources_of[fs::path(s.path).parent_path().generic_string()];
  std::vector<std::string> wrong;
  for (const auto& [folder, count] : sources_of)
    if (count > 20) wrong.push_back(folder + " has " + std::to_string(count) + " sources");
  check_none(wrong);
}

TEST_CASE("the library does not print, abort or exit") {
  check_none(offenders("\\b(std::cout|std::cerr|std::clog|printf|fprintf|puts|fputs|fmt::print|perror)\\b"));
  check_none(offenders("\\b(abort|exit|_exit|quick_exit|terminate|assert)[ \\t]*\\("));
}

TEST_CASE("the command says what it says through note(), which cannot fail") {
  const std::regex wrong("fprintf\\(stderr|\\bperror\\(|std::(cerr|clog)");
  std::vector<std::string> list;
  for (const Source& s : sources())
    if (s.in("tools/") && std::regex_search(s.code(), wrong)) list.push_back(s.path);
  check_none(list);
}

// Asked so, a disk that does not answer looks like one on which nothing is: tools/cli/paths.h has what tells.
TEST_CASE("the command takes no error for absence") {
  const std::regex wrong("\\b(exists|is_directory|is_regular_file|is_symlink)\\([^;{]*, *(error|ignored|ec)\\)");
  const std::set<std::string> allowed = {
      "tools/cli/programs.cc",      // looks in three places, and tells when it is in none
      "tools/cli/modules.cc",       // what cannot be loaded is told
      "tools/results/database.cc",  // on the way out of an error that is told
  };
  std::vector<std::string> list;
  for (const Source& s : sources())
    if (allowed.count(s.path) == 0 && std::regex_search(s.code(), wrong)) list.push_back(s.path);
  check_none(list);
}

TEST_CASE("the library has no stateful generator and no unfinished work") {
  check_none(
      offenders("\\b(mt19937(_64)?|default_random_engine|minstd_rand0?|rand|srand|random_shuffle)\\b[ \\t]*[({]"));
  std::vector<std::string> wrong;
  for (const Source& s : sources())
    for (const char* word : {"TODO", "FIXME", "XXX"})
      if (s.text.find(word) != std::string::npos) wrong.push_back(s.path + ": " + word);
  check_none(wrong);
}

TEST_CASE("every header of the library is included once") {
  std::vector<std::string> wrong;
  for (const Source& s : sources())
    if (s.header() && s.text.find("\n#pragma once\n") == std::string::npos && s.text.find("#pragma once\n") != 0)
      wrong.push_back(s.path);
  check_none(wrong);
}

// What `pattern` finds in its first group that took part, everywhere in `text`.
std::set<std::string> names_in(const std::string& text, const std::string& pattern) {
  const std::regex wanted(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator i(text.begin(), text.end(), wanted), end; i != end; ++i)
    for (std::size_t k = 1; k < i->size(); ++k)
      if ((*i)[k].matched) found.insert((*i)[k].str());
  return found;
}

// Names of the headers of nn/ that a list of docs/ does not have, or has and the header has not. A list has a
// section a header, and a row a name; `declared` gives the names of a header, of its text without what is for the
// library alone.
template <class Declared>
std::size_t check_list(const std::string& guide, const Declared& declared) {
  const std::string index = read(paths::source(guide));
  std::vector<std::string> wrong;
  std::size_t seen = 0;
  for (const Source& s : sources()) {
    if (!s.header() || (!s.in("libeqnn/nn/") && !s.in("libeqnn/so3/"))) continue;
    const std::string heading = "(../" + s.path + ")\n";
    const std::size_t start = index.find(heading);
    const std::string section =
        start == std::string::npos ? "" : index.substr(start, index.find("\n## ", start) - start);
    std::string code = s.text;
    const std::string inner = "}  // namespace detail";
    for (std::size_t a; (a = code.find("namespace detail {")) != std::string::npos;)
      code.erase(a, code.find(inner, a) + inner.size() - a);
    const std::set<std::string> names = declared(code), listed = names_in(section, "\n\\| `(\\w+)");
    for (const std::string& name : names)
      if (listed.count(name) == 0) wrong.push_back(guide + ": " + name + " of " + s.path + " is not listed");
    for (const std::string& name : listed)
      if (names.count(name) == 0) wrong.push_back(guide + ": " + name + " is listed and not in " + s.path);
    seen += names.size();
  }
  check_none(wrong);
  return seen;
}

TEST_CASE("docs/operations.md lists the operations and layers of every header, and nothing else") {
  CHECK(check_list("docs/operations.md", [](const std::string& code) {
          return names_in(code,
                          "\ntemplate <[^\n]*>\n(?:(?:Tensor|PcaFrame|WeightedFrame|Steerable|PairGeometry)<T> "
                          "([a-z_]+)\\(|(?:class|struct) (\\w+) )");
        }) > 100);
}

// A layer is a class whose constructor takes Params: at its first indentation, before the class ends.
TEST_CASE("docs/layers.md lists the layers of every header, and nothing else") {
  CHECK(check_list("docs/layers.md", [](const std::string& code) {
          std::set<std::string> layers;
          for (const std::string& name : names_in(code, "\n(?:class|struct) (\\w+) ")) {
            const std::size_t first =
                std::min(code.find("\nclass " + name + " "), code.find("\nstruct " + name + " "));
            const std::size_t last = code.find("\n};", first);
            const std::string body = code.substr(first, last - first);
            if (body.find("  " + name + "(Params<T>& p,") != std::string::npos) layers.insert(name);
          }
          return layers;
        }) > 20);
}
