// Folders of another kind than a command needs: one line says what is there and what is needed.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/command.h"

namespace test_other_folders {

using namespace cli;

namespace {

// What reads the run of a network.
std::vector<Arguments> readers(const std::string& folder) {
  return {{"predict", folder, "--in", "inputs.npz", "-o", "x.npz"},
          {"certify", folder},
          {"train", "--resume", "--out", folder},
          {"train", "gnn-degree-parity", "--n", "4", "--resume", "--out", folder}};
}

void refused_by_all(const Folder& f, const std::string& folder, int code, const std::string& fragment) {
  for (const Arguments& arguments : readers(folder)) {
    CAPTURE(arguments[0]);
    refused(f, arguments, code, fragment);
  }
}

const Arguments kFamily{"gnn-degree-parity", "--n", "5", "-q", "--threads", "1"};

}  // namespace

TEST_CASE("other folders: the run of a learner is no run of a network") {
  const Folder f;
  accepted(f, Arguments{"learn"} + kFamily + Arguments{"--test-samples", "100", "--out", "run"});
  accepted(f, {"families", "sample", "gnn-degree-parity", "--n", "5", "--count", "3", "--out", "inputs.npz", "-q"});
  refused_by_all(f, "run", 2, "run holds a run of eqnn learn, which trains no network; name a run of eqnn train");
  // collect, report and plot take it.
  accepted(f, {"collect", "run", "--db", "runs.db", "-q"});
  accepted(f, {"report", "run", "-o", "x.html", "-q"});
  CHECK(accepted(f, {"plot", "run", "--list"}) == accepted(f, {"plot", "runs.db", "--list"}));
}

TEST_CASE("other folders: what other commands leave, and what is no folder of this program") {
  const Folder f;
  accepted(f, Arguments{"gradvar"} + kFamily + Arguments{"--members", "3", "--samples", "64", "--out", "variance"});
  accepted(f, Arguments{"bound"} + kFamily + Arguments{"--tau", "0.1", "--out", "bounds"});
  f.write("grid.toml",
          "name = \"grid\"\n[run]\nfamily = \"gnn-degree-parity\"\nn = 4\nsteps = 2\ntest-samples = 10\n[grid]\nlr "
          "= [0.1]\n");
  accepted(f, {"sweep", "run", "grid.toml", "--out", "grid", "-q"});
  std::filesystem::create_directory(f / "empty");
  std::filesystem::create_directory(f / "photos");
  f.write("photos/one.jpg", "x");
  f.write("file", "x");
  const std::string needed = "; the folder of a run of eqnn train is needed, which has a run.json";
  for (const auto& [folder, what] : std::vector<std::pair<std::string, std::string>>{
           {"variance", "variance holds gradvar.json, of eqnn gradvar"},
           {"bounds", "bounds holds bounds.json, of eqnn bound"},
           {"grid", "grid is the folder of a sweep, in which each run has a folder of its own"},
           {"photos", "photos holds no run.json"},
           {"file", "file is a file"}})
    refused_by_all(f, folder, 2, what + needed);
  // Where nothing is, a run may begin.
  refused(f, {"predict", "empty", "--in", "inputs.npz", "-o", "x.npz"}, 2, "empty is an empty folder" + needed);
  refused(f, {"certify", "missing"}, 3, "missing: there is no such run directory; train one first");
  refused(f, {"train", "--resume", "--out", "missing"}, 3, "missing: there is no such run directory");
}

TEST_CASE("other folders: a run.json that is damaged or of another program") {
  const Folder f;
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"hello", "run/run.json: is no JSON: parse error at line 1, column 1"},
           {"[1]", "run/run.json: holds no JSON object"},
           {"{\"a\": 1}", "run/run.json: not a run.json of this version: key 'format' not found"},
           {"{\"format\": \"eqnn-run-1\", \"config\": {}}",
            "not a run.json of this version: key 'family' not found"}}) {
    std::filesystem::create_directory(f / "run");
    f.write("run/run.json", text);
    refused_by_all(f, "run", 3, what);
  }
}

}  // namespace test_other_folders
