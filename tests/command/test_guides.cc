// The commands of README.md and of the guides, run as they are printed, page by page, each page in a folder of its
// own; its sweep files, planned; and what the page says that they print. (C++: tests/test_guides.cc; Python:
// tools/python/tests/test_documents.py; SQL: test_collect.cc.)
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>

#include "support/blocks.h"
#include "support/command.h"
#include "support/sanitized.h"

namespace test_command_guides {

namespace {

namespace fs = std::filesystem;

// What every page begins with: the command on the PATH, and programs that are not run but have their words looked
// at.
constexpr const char* kProlog = R"(
PATH=$PWD/build/tools:$PATH
command -v gnuplot >/dev/null || eqnn() {  # figures are not drawn
  case $1 in plot | report) command eqnn help "$1" ;; *) command eqnn "$@" ;; esac
}
meson() {  # consumer/check_installed installs and sets up; these take long, or leave the folder
  for word; do
    case $word in
      setup | install | test | -C | build | build-* | --no-rebuild) ;;
      -D*=*) word=${word#-D}; grep -q "\"name\": \"${word%%=*}\"" build/meson-info/intro-buildoptions.json || return 1 ;;
      *) return 1 ;;
    esac
  done
}
ninja() { case "$*" in '-C build' | '-C build installed') ;; *) return 1 ;; esac; }   # as above
python3() { test "$*" = '-m venv venv' && mkdir -p venv/bin && echo 'echo activated' >venv/bin/activate; }   # as pip
g++() { test "$1 $3 $5 $6" = '-std=c++20 -o --cflags --libs'; }             # consumer/check_installed compiles by these lines
pkg-config() { echo "$@"; }                                                 # as above
pip() { for what; do :; done; test "$1" = install && test -e "${what%%[*}"; }   # tools/python/tests/run installs it
mpirun() { test "$1" = -n && shift 2 && "$@"; }                             # one process; test_ranks.cc has ranks
campaign() {  # half an hour, and a test of its own
  for word; do case $word in -*) grep -q "add_argument(\"$word\"" tests/faults/campaign || return 1 ;; esac; done
}
)";

// What the reader of a page has before its first command.
const std::map<std::string, std::string> kBefore = {
    {"README.md", "PATH=${PATH#*:}"},  // the page itself sets it
    {"docs/augmentation.md",
     "eqnn train cnn-cyclic --steps 10 --out RUN; eqnn families sample cnn-cyclic --count 10 -o x.npz"},
    {"docs/certify.md", "eqnn train gnn-degree-parity --n 5 --steps 10 --out runs/ID"},
    {"docs/cluster.md",
     "sed 's/^steps.*/steps = 10/; s/^n = .*/n = [4]/' docs/examples/grid.toml >rates.toml\n"
     "eqnn sweep run rates.toml --out runs/others"},
    {"docs/faq.md",
     "awk 'BEGIN { print \"a,b,y\"; for (; i < 400; ++i) { a = 2 * rand() - 1; b = 2 * rand() - 1;"
     " print a \",\" b \",\" a * b } }' >t.csv"},
    {"docs/figures.md",
     "sed 's/^steps.*/steps = 10/' docs/examples/grid.toml >grid.toml\n"
     "eqnn sweep run grid.toml --out runs; eqnn collect runs --db results.db"},
    {"docs/interchange.md", "eqnn train gnn-degree-parity --n 15 --steps 10 --out runs/ID"},
    {"docs/proper-learning.md",
     "cat docs/examples/data/vectors.csv >vectors.csv\n"
     "for i in 1 2 3; do tail -n +2 docs/examples/data/vectors.csv >>vectors.csv; done\n"
     "cp docs/examples/data/vectors.csv parity.csv"},
    {"docs/real-data.md",
     "ln -s tests/data/rings_and_stars.txt MUTAG.txt; mkdir graphs; for f in tests/data/rings_and_stars/*; do\n"
     "ln -s \"../$f\" graphs/PROTEINS_${f#*RS_}; done\n"
     "seq 100 | awk '{ print $1 % 7 \",\" $1 % 3 + 0.5 }' >table.csv"},
};

// What is not run as it is printed: in the commands and sweep files of the page `text` gives place to `instead`.
struct Instead {
  std::string page, text, instead, why;
};
const std::vector<Instead> kInstead = {
    {"README.md", "tools/quickstart", "tools/quickstart --help", "takes minutes"},
    {"README.md", "tools/test", "tools/test --help", "is what runs this"},
    {"README.md", "tests/fuzz/run -s 60", "tests/fuzz/run -s 60 --help", "builds, by another compiler"},
    {"README.md", "tests/thread_sanitizer", "tests/thread_sanitizer --help", "as above"},
    {"README.md", "tests/valgrind_readers", "tests/valgrind_readers --help", "takes minutes"},
    {"README.md", "max_success=5000", "max_success=1", "takes minutes"},
    {"docs/augmentation.md", "train cnn-cyclic", "train cnn-cyclic --steps 50 --test-samples 500",
     "takes ten seconds"},
    {"docs/certify.md", "--model mlp", "--model mlp || test $? = 4", "fails, as the page says"},
    {"docs/certify.md", "--continuity", "--continuity || test $? = 4", "finds what jumps, as the page says"},
    {"docs/cluster.md", "--batch 1024", "--batch 1024 --steps 5", "takes a minute"},
    {"docs/examples.md", "./karate_club", "build/tests/karate_club", "is compiled elsewhere"},
    {"docs/families.md", "ID [--control]", "ID --control --steps 50 --out runs/one", "a form"},
    {"docs/families.md", "runs/<id>", "runs/one", "a name of the reader's"},
    {"docs/families.md", " ID", " gnn-degree-parity", "any of them"},
    {"docs/faq.md", "train gnn-degree-parity --n 15", "train gnn-degree-parity --n 15 --steps 50",
     "takes ten seconds"},
    {"docs/faq.md", "--steps 10000", "--steps 50", "takes seconds"},
    {"docs/interchange.md", "runs/<id>", "runs/ID", "a name of the reader's"},
    {"docs/certify.md", "runs/<id>", "runs/ID", "a name of the reader's"},
    {"docs/label-transforms.md", "clip-square:8000:2e-3,none:20000:2e-3", "clip-square:50:2e-3,none:50:2e-3",
     "takes 15 s"},
    {"docs/label-transforms.md", "--frame none", "--frame none --steps 50", "takes seconds"},
    {"docs/label-transforms.md", "train gnn-feature", "train gnn-feature --steps 50", "takes seconds"},
    {"docs/learners.md", "ID --algo kernel", "cnn-cyclic --algo kernel --samples 100", "any of them"},
    {"docs/learners.md", "ID ...", "gnn-degree-parity", "any of them"},
    {"docs/oracles.md", "--steps 600", "--steps 5", "takes minutes"},
    {"docs/oracles.md", "--steps 500", "--steps 5", "takes minutes"},
    {"docs/oracles.md", "--steps 200", "--steps 5", "takes seconds"},
    {"docs/oracles.md", "--n 4 --oracle csq", "--n 4 --steps 5 --oracle csq", "takes minutes"},
    {"docs/oracles.md", "TAU", "0.1", "a number"},
    {"docs/oracles.md", "SEED", "0", "a number"},
    {"docs/real-data.md", "eqnn train", "eqnn train --steps 20", "takes seconds"},
    {"docs/reliability.md", "tests/faults/campaign", "campaign", "as above"},
    {"docs/sweeps.md", "steps = 2000", "steps = 20\ntest-samples = 200", "takes a minute"},
    {"docs/sweeps.md", "--steps 3000", "--steps 20", "takes a minute"},
    {"docs/sweeps.md", "--steps 15000", "--steps 20", "takes a minute"},
    {"docs/sweeps.md", "runs/rates/ID", "$(ls -d runs/rates/*/ | head -n 1)", "a name of the reader's"},
    {"docs/sweeps.md", "runs/rates/OTHER", "$(ls -d runs/rates/*/ | tail -n 1)", "a name of the reader's"},
    {"docs/tutorial.md", "eqnn sweep run",
     "sed -i 's/, 24]/]/; s/, 256]/]/; s/^lr.*/lr = [8e-3]/; s/0:3/0:1/; s/^steps.*/steps = 5/' width.toml; eqnn "
     "sweep run",
     "takes minutes"},
    {"docs/tutorial.md", "--steps 40000", "--steps 800 --control", "takes 20 s; the control is learned at once"},
};

// Blocks of output, by their first lines, whose numbers are those of a longer run (of the last steps: see above),
// and those of programs that are not run.
struct Aside {
  std::string page, line;
  bool words;  // are still compared
  std::string why;
};
const std::vector<Aside> kAside = {
    {"README.md", "Target at n = 4, 6 and 8: the parity", false, "of tools/quickstart, which takes minutes"},
    {"docs/coming-from-pytorch.md", "last batch 0.281, test 0.181, accuracy 0.920", false, "of PyTorch"},
    {"docs/tutorial.md", "eqnn: 162 of 162 runs done in runs/width", true, "of four minutes"},
    {"docs/tutorial.md",
     "eqnn: 162 run directories read; width.db has 162 runs (162 done, 0 failed, 0 unfinished) of 1 studies", true,
     "of four minutes"},
    {"docs/tutorial.md", "n,width,role,grid_point,learned,median_loss,lowest_loss,highest_loss", false,
     "of four minutes"},
    {"docs/tutorial.md", "verdict                learned", true, "of 20 s"},
};

struct Step {
  int line;
  std::string command;
};
// Lines that the page shows, of what the steps [first, last) print.
struct Shown {
  int line;
  std::size_t first, last;
  std::vector<std::string> lines;
};
struct Page {
  std::vector<Step> steps;
  std::vector<Shown> shown;
  std::map<std::string, std::string> sweeps;  // files
  std::string sweep;                          // the last of them
};

// A command a line, without comments; lines that end in a backslash go on, and so do loops.
std::vector<std::string> commands(const std::string& block) {
  static const std::regex comment("(^| +)#[^\n]*");
  std::vector<std::string> list;
  std::string command;
  for (const std::string& line : cli::lines(block)) {
    command += (command.empty() ? "" : "\n") + std::regex_replace(line, comment, "");
    const bool whole = !command.ends_with('\\') && (!command.starts_with("for ") || command.ends_with("\ndone"));
    if (whole && !command.empty()) list.push_back(command);
    if (whole) command.clear();
  }
  return list;
}

// The example whose program a page shows, as it is built.
std::string program(const std::string& text) {
  for (const auto& entry : fs::directory_iterator(paths::source("docs/examples"))) {
    if (entry.path().extension() != ".cc") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string source{std::istreambuf_iterator<char>(in), {}};
    if (source.find(text) != source.npos) return "build/tests/" + entry.path().stem().string();
  }
  return "";
}

// A sweep file has the name of its first line; one that has none changes the grid of the file before it.
void add_sweep(Page& page, const blocks::Block& block) {
  std::string text = block.text, name = "changed";
  std::smatch found;
  if (std::regex_search(text, found, std::regex("^name = \"(.*)\"")))
    name = found[1];
  else
    text = page.sweep.substr(0, page.sweep.find("[grid]")) + text;
  page.sweep = text;
  page.sweeps[name + ".toml"] = text;
  page.steps.push_back({block.line, "eqnn sweep plan " + name + ".toml"});
}

Page read(const std::string& name) {
  Page page;
  std::size_t first = 0;  // of the block of commands, or the program, above
  for (const blocks::Block& block : blocks::of(name)) {
    const std::size_t before = page.steps.size();
    if (block.language == "sh")
      for (const std::string& command : commands(block.text)) page.steps.push_back({block.line, command});
    if (block.language == "toml") add_sweep(page, block);
    if (block.language == "cpp" && block.text.find("int main(") != block.text.npos)
      if (const std::string built = program(block.text); !built.empty()) page.steps.push_back({block.line, built});
    if (page.steps.size() > before) first = before;
    if (!block.language.empty()) continue;
    Shown shown{block.line, first, before, {}};
    const auto end = [&] {
      shown.last = page.steps.size();
      if (!shown.lines.empty()) page.shown.push_back(shown);
      shown.lines.clear();
    };
    for (const std::string& line : cli::lines(block.text)) {
      if (!line.starts_with("$ ")) {
        if (!line.empty()) shown.lines.push_back(line);
        continue;
      }
      end();
      shown.first = page.steps.size();
      page.steps.push_back({block.line, line.substr(2)});
    }
    end();
  }
  return page;
}

// How often what stands in the lists above was met, by page and text.
std::map<std::string, int> met;

std::string instead(const std::string& page, std::string text) {
  for (const Instead& entry : kInstead) {
    if (entry.page != page) continue;
    for (std::size_t at = 0; (at = text.find(entry.text, at)) != text.npos; at += entry.instead.size()) {
      text.replace(at, entry.text.size(), entry.instead);
      ++met[page + entry.text];
    }
  }
  return text;
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

// Is a line the one that is shown? Words and whole numbers are the same, and other numbers nearly: processors
// without fused multiply-add have other last digits. Of times, and of `words`, numbers need not agree.
bool same(const std::string& shown, const std::string& said, bool words_alone) {
  static const std::regex number("[-(]*[0-9][-+.e0-9]*[),:;]*"), whole("[-0-9]+");
  const std::vector<std::string> a = words(shown), b = words(said);
  if (a.size() != b.size()) return false;
  const bool any = words_alone || shown.find(" a second") != shown.npos;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (!std::regex_match(a[i], number) || !std::regex_match(b[i], number)) return false;
    if (any) continue;
    if (std::regex_match(a[i], whole)) return false;
    const auto value = [](const std::string& word) {
      return std::atof(word.c_str() + word.find_first_not_of('('));
    };
    if (!(std::abs(value(a[i]) - value(b[i])) <= 0.01 + 0.1 * std::abs(value(a[i])))) return false;
  }
  return true;
}

void check_shown(const cli::Folder& f, const std::string& name, const Shown& shown) {
  const auto aside = std::find_if(kAside.begin(), kAside.end(), [&](const Aside& entry) {
    return entry.page == name && entry.line == shown.lines[0];
  });
  if (aside != kAside.end()) ++met[aside->page + aside->line];
  const bool words_alone = aside != kAside.end() && aside->words;
  if (aside != kAside.end() && !words_alone) return;
  std::vector<std::string> said;
  for (std::size_t i = shown.first; i < shown.last; ++i)
    for (const std::string& line : cli::lines(f.read("said." + std::to_string(i)))) said.push_back(line);
  for (const std::string& line : shown.lines)
    if (std::none_of(said.begin(), said.end(), [&](const std::string& s) { return same(line, s, words_alone); }))
      FAIL_CHECK(name << ":" << shown.line << ": what is printed there has no line '" << line << "'");
}

void run(const std::string& name) {
  Page page = read(name);
  if (page.steps.empty()) return;
  const cli::Folder f;
  // A clone with its build, as far as the commands look into it.
  fs::create_directory_symlink(fs::path(paths::command()).parent_path().parent_path(), f / "build");
  for (const char* part : {"docs", "tests", "tools"}) fs::create_symlink(paths::source(part), f / part);
  for (const auto& [file, text] : page.sweeps) f.write(file, instead(name, text));
  const auto before = kBefore.find(name);
  std::string script = "cd '" + f.path() + "'\n" + kProlog + "{\n" +
                       (before == kBefore.end() ? ":" : before->second) + "\n} >said 2>&1\n";
  for (std::size_t i = 0; i < page.steps.size(); ++i)
    script += "{ " + instead(name, page.steps[i].command) + "\n} >'" + (f / "said.") + std::to_string(i) +
              "' 2>&1; echo $? >>'" + (f / "codes") + "'\n";
  f.write("commands.sh", script);
  std::system(("bash '" + (f / "commands.sh") + "'").c_str());
  const std::vector<std::string> codes = cli::lines(f.read("codes"));
  REQUIRE(codes.size() == page.steps.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const Step& step = page.steps[i];
    const std::string said = f.read("said." + std::to_string(i));
    INFO(name, ":", step.line, ": ", instead(name, step.command), "\nprinted ", said);
    CHECK(codes[i] == "0");
    CHECK((!step.command.starts_with("eqnn ") || !said.empty()));
  }
  for (const Shown& shown : page.shown) check_shown(f, name, shown);
}

}  // namespace

TEST_CASE("guides: every command runs as it is printed, and prints what stands there") {
  if (kSanitized) return;  // the budgets are those of users
  for (const std::string& page : blocks::pages()) run(page);
  for (const Instead& entry : kInstead)
    CHECK_MESSAGE(met[entry.page + entry.text] > 0, entry.page, " has no '", entry.text, "'");
  for (const Aside& entry : kAside)
    CHECK_MESSAGE(met[entry.page + entry.line] > 0, entry.page, " has no '", entry.line, "'");
}

// The words of what stands in backquotes and begins with "eqnn ", of everything outside of blocks.
std::vector<cli::Arguments> quoted_commands(const std::string& page) {
  static const std::regex quoted("`eqnn\\s([^`]+)`");
  const std::string text = blocks::outside(page);
  std::vector<cli::Arguments> list;
  for (std::sregex_iterator i(text.begin(), text.end(), quoted), end; i != end; ++i) list.push_back(words((*i)[1]));
  return list;
}

// The command's help, of the family or the inner command that is named; empty where there is none.
std::string help(const cli::Folder& f, const cli::Arguments& command) {
  static const std::regex name("[a-z][-a-z]+");
  static std::map<std::string, std::string> known;
  cli::Arguments asked;
  for (const std::string& word : command)
    if (asked.size() < 2 && std::regex_match(word, name))
      asked.push_back(word);
    else
      break;
  // A bundled study has no help of its own.
  if (asked.size() == 2 && asked[0] == "reproduce" && f.run({"reproduce", asked[1], "--print"}).code != 0)
    return "";
  std::string key;
  for (const std::string& word : asked) key += word + " ";
  asked.push_back("--help");
  if (!known.contains(key)) {
    const cli::Outcome said = f.run(asked);
    known[key] = said.code == 0 ? said.out + " " : "";
  }
  return known[key];
}

TEST_CASE("guides: the commands that stand in sentences exist, and have the flags that they are named with") {
  if (kSanitized) return;
  const cli::Folder f;
  std::size_t seen = 0;
  std::vector<std::string> pages = blocks::pages();
  pages.push_back("bench/README.md");
  for (const std::string& page : pages)
    for (const cli::Arguments& command : quoted_commands(page)) {
      ++seen;
      const std::string said = help(f, command);
      INFO(page, ": eqnn ", command[0], " ", command.back());
      CHECK(!said.empty());
      for (const std::string& word : command)
        if (word == "-o" || word.starts_with("--"))
          CHECK_MESSAGE(std::regex_search(said, std::regex("\\s" + word + "[\\s,]")), word);
    }
  CHECK(seen > 80);
}

}  // namespace test_command_guides
