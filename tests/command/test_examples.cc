// The examples of --help, of every command and of every family, run as they stand, as small as flags make them.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "support/command.h"
#include "support/paths.h"
#include "support/sanitized.h"

namespace test_examples {

using namespace cli;

namespace {

namespace fs = std::filesystem;

// The lines behind "Examples:" that are commands, and those of a block below `heading`.
std::vector<std::string> examples_of(const std::string& help) {
  std::vector<std::string> found;
  const auto at = help.find("\nExamples:\n");
  if (at == std::string::npos) return found;
  for (const std::string& line : lines(help.substr(at)))
    if (line.starts_with("  eqnn ")) found.push_back(line.substr(2));
  return found;
}

std::string block_of(const std::string& help, const std::string& heading) {
  const auto at = help.find("\n" + heading + ":\n");
  REQUIRE(at != std::string::npos);
  std::string block;
  for (const std::string& line : lines(help.substr(at + heading.size() + 3))) {
    if (!line.starts_with("  ")) break;
    block += line.substr(2) + "\n";
  }
  return block;
}

// Flags behind an example that make it small, or a dry run; the last of a flag that stands twice counts.
std::string smaller(const std::string& example) {
  const std::vector<std::pair<std::string, std::string>> flags = {
      {"eqnn train ", " --dry-run"},
      {"eqnn reproduce", " --dry-run"},
      {"eqnn learn ", " --samples 400 --test-samples 100"},
      {"eqnn gradvar ", " --members 3 --samples 64 --points 0"},
      {"eqnn tau-threshold ", " --seeds 0:1 --rounds 0 --steps 2 --test-samples 50 --oracle-samples 16"},
      {"eqnn bound ", " --members 2"},
      {"eqnn families check ", " --help"},
      {"eqnn certify # ", " --model mlp --help"},
      {"eqnn bench", " --help"}};
  for (const auto& [begin, more] : flags)
    if (example.starts_with(begin)) return more;
  return example == "eqnn certify" ? " --help" : "";
}

struct Shell {
  explicit Shell(const Folder& f) : folder(f) {}
  // The exit code; what was said is in the file `said`.
  int run(const std::string& line) const {
    const std::string bin = fs::path(paths::command()).parent_path().string();
    folder.write("line.sh", "cd '" + folder.path() + "'\nPATH='" + bin + "':$PATH\n" + line + "\n");
    return WEXITSTATUS(
        std::system(("sh '" + (folder / "line.sh") + "' >'" + (folder / "said") + "' 2>&1").c_str()));
  }
  void works(const std::string& line) const {
    const int code = run(line);
    CHECK_MESSAGE(code == 0, line, "\n", folder.read("said"));
  }
  const Folder& folder;
};

// What the examples of pages without a family name: runs, a sweep's file, a database, inputs.
void prepare(const Folder& f) {
  for (const char* run : {"runs/parity", "runs/control"})
    CHECK(f.run(tiny({"--out", run}) + (std::string(run) == "runs/control" ? Arguments{"--control"} : Arguments{}))
              .code == 0);
  fs::copy_file(f / "runs/parity/model.safetensors", f / "tuned.safetensors");
  fs::copy_file(paths::source("docs/examples/data/vectors.csv"), f / "vectors.csv");
  fs::copy_file(paths::data("rings_and_stars.txt"), f / "MUTAG.txt");
  accepted(f,
           {"families", "sample", "gnn-degree-parity", "--n", "6", "--count", "20", "--out", "graphs.npz", "-q"});
}

}  // namespace

TEST_CASE("examples: the sweep's file of --help is a sweep, whose runs end") {
  const Folder f;
  std::string grid = block_of(f.run({"sweep", "--help"}).out, "Such a file, grid.toml");
  f.write("grid.toml", grid);
  CHECK(f.run({"sweep", "run", "--help"}).out.find("name = \"grid\"") != std::string::npos);
  CHECK(Json::parse(accepted(f, {"sweep", "plan", "grid.toml", "--json"}))["runs"] == 8);
  const auto at = grid.find("steps = 500");
  REQUIRE(at != std::string::npos);
  f.write("grid.toml", grid.replace(at, 11, "steps = 3"));
  CHECK(f.run({"sweep", "run", "grid.toml", "--out", "runs/grid", "-q"}).code == 0);
  CHECK(accepted(f, {"table", "runs/grid"}).find("0 of 4") != std::string::npos);
}

TEST_CASE("examples: of every command") {
  if (kSanitized) return;
  const Folder f;
  const Shell shell(f);
  prepare(f);
  f.write("grid.toml",
          "name = \"grid\"\nseeds = [0]\n[run]\nfamily = \"gnn-degree-parity\"\nsteps = 3\n[grid]\nn = [4, 6]\n");
  CHECK(f.run({"sweep", "run", "grid.toml", "--out", "runs/grid", "-q"}).code == 0);
  CHECK(f.run({"collect", "runs/grid", "--db", "results.db", "-q"}).code == 0);
  const bool gnuplot = shell.run("command -v gnuplot") == 0;
  std::size_t count = 0;
  for (const char* page :
       {"families",     "certify",    "train",     "predict", "export",  "import",        "sweep",   "sweep run",
        "sweep status", "sweep plan", "reproduce", "table",   "diff",    "tag",           "collect", "plot",
        "report",       "learn",      "reduce",    "bound",   "gradvar", "tau-threshold", "bench"}) {
    const std::vector<std::string> examples =
        examples_of(shell.run("eqnn " + std::string(page) + " --help") == 0 ? f.read("said") : "");
    CHECK_MESSAGE(!examples.empty(), page);
    for (const std::string& example : examples) {
      const bool draws = example.starts_with("eqnn plot ") || example.starts_with("eqnn report ");
      if (draws && !gnuplot) continue;
      ++count;
      shell.works(example + smaller(example));
    }
  }
  CHECK(count >= 35);
}

TEST_CASE("examples: of the pages of every family") {
  if (kSanitized) return;
  for (const Json& family : Json::parse(Folder().run({"families", "list", "--json"}).out)) {
    const Folder f;
    const Shell shell(f);
    const std::string id = family["id"];
    for (const char* page : {"train", "learn", "families show", "families sample", "families eval",
                             "families check", "bound", "gradvar", "tau-threshold"}) {
      const std::string asked = "eqnn " + std::string(page) + " " + id + " --help";
      const int code = shell.run(asked);
      CHECK_MESSAGE(code == 0, asked);
      const std::vector<std::string> examples = examples_of(f.read("said"));
      CHECK_MESSAGE(!examples.empty(), asked);
      for (const std::string& example : examples) {
        CHECK_MESSAGE(example.find(id) != std::string::npos, example);
        shell.works(example + smaller(example));
      }
    }
  }
}

}  // namespace test_examples
