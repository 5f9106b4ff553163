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

namespace {

namespace fs = std::filesystem;

// The order of the rooms: a file includes what stands on its own line or above. A new file of libeqnn gets
// its place here.
const std::vector<std::set<std::string>> kOrder = {
    {"check", "rng", "text"},
    {"matrix", "files", "function_ref", "sparse_graph", "workers"},
    {"kernels", "product", "elementwise", "random", "gemm", "npz"},
    {"params", "program"},
    {"ops"},
    {"layers", "convolution", "frames", "point_frames", "point_layers", "poly_network", "graph_ops", "training_ops", "groups", "certify", "group_chain",
     "group_layers"},
    {"trainer", "checkpoint", "gradient_moments"},
    {"eqnn"},  // the umbrella
};
constexpr int kHard = 100, kTools = 200;  // after everything of libeqnn

const std::set<std::string> kKernelFiles = {"libeqnn/product.cc", "libeqnn/elementwise.cc", "libeqnn/random.cc"};

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
    const fs::path root = EQNN_SOURCE_ROOT;
    for (const char* folder : {"libeqnn", "tools"})
      for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        const std::string extension = entry.path().extension().string();
        if (extension != ".h" && extension != ".cc") continue;
        found.push_back({fs::relative(entry.path(), root).generic_string(), read(entry.path())});
      }
    return found;
  }();
  return list;
}

// The file of this repository that an include means, from the root; none for headers of others.
std::optional<std::string> resolve(const Source& from, const Include& include) {
  fs::path target;
  if (include.quoted)
    target = (fs::path(from.path).parent_path() / include.name).lexically_normal();
  else if (include.name.starts_with("eqnn/"))
    target = fs::path("libeqnn") / include.name.substr(5);
  else
    return std::nullopt;
  return target.generic_string();
}

// Where a file stands in the order; -1 if it has no place.
int rank(const std::string& path) {
  if (path.starts_with("tools/")) return kTools;
  if (path.starts_with("libeqnn/hard/")) return kHard;
  const std::string stem = fs::path(path).stem().string();
  for (std::size_t i = 0; i < kOrder.size(); ++i)
    if (path.starts_with("libeqnn/") && kOrder[i].count(stem) > 0) return static_cast<int>(i);
  return -1;
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
  CHECK(has("libeqnn/check.h"));
  CHECK(has("libeqnn/trainer.cc"));
  CHECK(has("libeqnn/hard/family.h"));
  const Source sample{"libeqnn/hard/a.cc",
                      "#include \"../ops.h\"\n  # include <eqnn/rng.h>\n#include <cmath>\n"
                      "int x; // abort();\nconst char* s = \"printf\"; /* exit */ char c = '\"';"};
  REQUIRE(sample.includes().size() == 3);
  CHECK(resolve(sample, sample.includes()[0]) == "libeqnn/ops.h");
  CHECK(resolve(sample, sample.includes()[1]) == "libeqnn/rng.h");
  CHECK(!resolve(sample, sample.includes()[2]));
  CHECK(sample.code().find("abort") == std::string::npos);
  CHECK(sample.code().find("printf") == std::string::npos);
  CHECK(sample.code().find("exit") == std::string::npos);
  CHECK(sample.code().find("char c") != std::string::npos);
}

TEST_CASE("includes run one way") {
  CHECK(rank("libeqnn/rng.h") < rank("libeqnn/matrix.h"));
  CHECK(rank("libeqnn/trainer.cc") < rank("libeqnn/hard/family.h"));
  std::vector<std::string> wrong;
  for (const Source& s : sources()) {
    if (rank(s.path) < 0) wrong.push_back(s.path + " has no place in the order of test_rules.cc");
    for (const Include& include : s.includes()) {
      const auto target = resolve(s, include);
      if (!target || s.in("tools/")) continue;
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
  const std::string listed = read(fs::path(EQNN_SOURCE_ROOT) / "libeqnn/meson.build");
  std::vector<std::string> wrong;
  int headers = 0;
  for (const Source& s : sources()) {
    if (!s.header() || !s.in("libeqnn/") || listed.find("'" + s.path.substr(8) + "'") == std::string::npos) continue;
    ++headers;
    for (const Include& include : s.includes())
      for (const char* heavy :
           {"fmt/", "nlohmann/", "CLI/", "toml++/", "toml.hpp", "tbb/", "oneapi/", "cblas.h", "iostream"})
        if (include.name.starts_with(heavy)) wrong.push_back(s.path + " includes " + include.name);
  }
  CHECK(headers >= 25);
  check_none(wrong);
}

TEST_CASE("the library is built for every machine, with arithmetic as written") {
  for (const char* path : {"meson.build", "libeqnn/meson.build"}) {
    const std::string text = read(fs::path(EQNN_SOURCE_ROOT) / path);
    REQUIRE(!text.empty());
    for (const char* flag :
         {"-ffast-math", "-Ofast", "-march=native", "-mtune=native", "-funsafe-math-optimizations"}) {
      INFO(path, " ", flag);
      CHECK(text.find("'" + std::string(flag)) == std::string::npos);
    }
  }
  CHECK(read(fs::path(EQNN_SOURCE_ROOT) / "meson.build").find("-ffp-contract=off") != std::string::npos);
}

TEST_CASE("no file of the library is longer than 600 lines") {
  std::vector<std::string> wrong;
  for (const Source& s : sources())
    if (s.in("libeqnn/") && std::count(s.text.begin(), s.text.end(), '\n') > 600) wrong.push_back(s.path);
  check_none(wrong);
}

TEST_CASE("the library does not print, abort or exit") {
  check_none(offenders("\\b(std::cout|std::cerr|std::clog|printf|fprintf|puts|fputs|fmt::print|perror)\\b"));
  check_none(offenders("\\b(abort|exit|_exit|quick_exit|terminate|assert)[ \\t]*\\("));
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

TEST_CASE("the program in the README is the one that is built against an installed copy") {
  const std::string source = read(fs::path(EQNN_SOURCE_ROOT) / "tests/consumer/consumer.cc");
  const std::size_t start = source.find("#include <eqnn/eqnn.h>");
  REQUIRE(start != std::string::npos);
  CHECK(read(fs::path(EQNN_SOURCE_ROOT) / "README.md").find(source.substr(start)) != std::string::npos);
}
