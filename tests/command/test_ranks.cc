// The command on the ranks of mpirun. In builds without MPI, or where there is no mpirun, nothing is tested here,
// and under sanitizers MPI itself would be: tests/core/test_ranks.cc has ranks that are threads.
#include <doctest/doctest.h>
#include <signal.h>

#include <cstdlib>
#include <fstream>

#include "support/command.h"
#include "support/paths.h"
#include "support/sanitized.h"

namespace test_ranks {

namespace {

using cli::accepted;
using cli::Arguments;
using cli::Folder;
using cli::Json;
using cli::lines;
using cli::operator+;

bool have_mpi() {
  if (kSanitized || std::system("mpirun --version >/dev/null 2>&1") != 0) return false;
  const Folder f;
  return Json::parse(accepted(f, {"doctor", "--json"}))["mpi"].get<std::string>().starts_with("Open MPI");
}

// How a command is started on so many ranks of this machine, whoever runs the tests.
cli::Setting on_ranks(int ranks) {
  return {.under = {"env", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "mpirun", "-q", "-n",
                    std::to_string(ranks), "--oversubscribe"}};
}

// One network of each way that gradients go: dense, spectral, and batches of graphs from a file; one that stops
// early.
const std::vector<Arguments> kTrainings = {
    {"train", "gnn-degree-parity", "--n", "6", "--width", "16", "--batch", "48", "--steps", "90", "--test-samples",
     "300"},
    {"train", "cnn-cyclic", "--n", "12", "--width", "9", "--batch", "40", "--steps", "60", "--clip-norm", "0.5",
     "--dtype", "f64", "--test-samples", "300"},
    // Stops at a test between steps, which all ranks confirm.
    {"train", "gnn-degree-parity", "--n", "4", "--width", "8", "--steps", "40", "--test-samples", "8000",
     "--eval-every", "5", "--stop-at-loss", "0.96"},
    {"train", "--data", "graphs.txt", "--model", "gin", "--depth", "2", "--width", "8", "--batch", "20", "--steps",
     "60", "--fold", "0", "--folds", "3"},
};

void write_graphs(const Folder& f) {
  std::string text = "45\n";
  for (int g = 0; g < 45; ++g) {
    const int n = 4 + g % 3;
    text += std::to_string(n) + " " + std::to_string(g % 2) + "\n";
    for (int i = 0; i < n; ++i) {
      // Paths and cycles.
      std::string near;
      int count = 0;
      for (const int j : {i - 1, i + 1}) {
        const bool ends = j < 0 || j >= n;
        if (ends && g % 2 == 0) continue;
        near += " " + std::to_string((j + n) % n);
        ++count;
      }
      text += "0 " + std::to_string(count) + near + "\n";
    }
  }
  f.write("graphs.txt", text);
}

}  // namespace

TEST_CASE("ranks: the bits of one process, whatever their number, from beginning to end") {
  if (!have_mpi()) return;
  const Folder f;
  write_graphs(f);
  for (const Arguments& training : kTrainings) {
    CAPTURE(training[1]);
    accepted(f, training + Arguments{"--out", "alone", "--force", "--quiet"});
    for (const int ranks : {2, 4}) {
      const auto r = f.run(training + Arguments{"--out", "together", "--force", "--quiet"}, on_ranks(ranks));
      CAPTURE(r.err);
      CHECK(r.code == 0);
      same_run(f, "alone", f, "together");
      CHECK(Json::parse(f.read("together/result.json"))["machine"]["ranks"] == ranks);
    }
  }
}

TEST_CASE("ranks: a program that links the library trains one big graph to the same bits on any number of them") {
  if (!have_mpi()) return;
  const Folder f;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "big_graph";
  for (const int ranks : {1, 2, 4}) {
    std::string command = "cd '" + f.path() + "' &&";
    for (const std::string& word : on_ranks(ranks).under) command += " " + word;
    CHECK(std::system((command + " '" + program + "' " + std::to_string(ranks)).c_str()) == 0);
  }
  CHECK(f.size("1") > 0);
  CHECK(f.read("2") == f.read("1"));
  CHECK(f.read("4") == f.read("1"));
}

TEST_CASE("ranks: rank 0 speaks for all, and what cannot begin is said once") {
  if (!have_mpi()) return;
  const Folder f;
  const Arguments training = kTrainings[0] + Arguments{"--out", "r"};
  const auto done = f.run(training, on_ranks(3));
  CHECK(done.code == 0);
  CHECK(lines(done.out).size() == lines(accepted(f, kTrainings[0] + Arguments{"--out", "s", "--quiet"})).size());
  const auto taken = f.run(training, on_ranks(3));
  CHECK(taken.code == 2);
  std::size_t said = 0;
  for (const std::string& line : lines(taken.err)) said += line.starts_with("eqnn: error: ") ? 1 : 0;
  CHECK(said == 1);
  CHECK(taken.err.find("r exists") != std::string::npos);
  CHECK(f.run({"train", "--data", "none.txt", "--folds", "3"}, on_ranks(2)).code == 3);
  const auto report = f.run({"collect", "r", "--db", "r.db"}, on_ranks(2));
  CHECK(report.code == 2);
  CHECK(report.err.find("collect runs in one process") != std::string::npos);
}

TEST_CASE("ranks: told to end they leave one checkpoint, and any number of them goes on to the same bits") {
  if (!have_mpi()) return;
  const Folder f;
  const Arguments training = {
      "train", "gnn-degree-parity", "--n",          "6",    "--width",        "16",  "--steps", "30000", "--out",
      "r",     "--quiet",           "--eval-every", "1000", "--test-samples", "300", "--resume"};
  {
    cli::Process process(f, training, on_ranks(2));
    REQUIRE(process.reaches([&] { return f.size("r/metrics.jsonl") > 0; }));
    process.signal(SIGUSR1);
    CHECK(process.wait().code == 75);
  }
  CHECK(f.has("r/checkpoint.safetensors"));
  CHECK(!f.has("r/result.json"));
  {
    cli::Process process(f, training, on_ranks(3));
    const auto before = lines(f.read("r/metrics.jsonl")).size();
    REQUIRE(process.reaches([&] { return lines(f.read("r/metrics.jsonl")).size() > before + 1; }));
    // The ranks are those children of mpirun that run the command.
    const std::string kill = "pkill -9 -P " + std::to_string(process.pid()) + " -n -f 'train gnn-degree-parity'";
    CHECK(std::system(kill.c_str()) == 0);
    CHECK(process.wait().code != 0);
  }
  CHECK(!f.has("r/result.json"));
  accepted(f, training);
  Arguments alone = training;
  alone[9] = "alone";
  accepted(f, alone);
  same_run(f, "alone", f, "r");
}

TEST_CASE("ranks: a sweep whose ranks are killed, and that is started again, ends in the table of one process") {
  if (!have_mpi()) return;
  const Folder f;
  f.write("t.toml",
          "name = \"t\"\nseeds = \"0:10\"\n[run]\nfamily = \"gnn-degree-parity\"\nwidth = 8\ndepth = 1\nbatch = 8\n"
          "test-samples = 200\n[grid]\nn = [4, 5]\nsteps = [300, 5000]\n");
  accepted(f, {"sweep", "run", "t.toml", "--out", "alone", "--quiet"});
  const Arguments sweep = {"sweep", "run", "t.toml", "--out", "ranks", "--quiet"};
  int killed = 0;
  for (int code = -1; code != 0;) {
    const auto done = [&] {
      return f.has("ranks")
                 ? Json::parse(accepted(f, {"sweep", "status", "t.toml", "--out", "ranks", "--json"}))["done"]
                       .get<int>()
                 : 0;
    };
    const int before = done();
    cli::Process process(f, sweep, on_ranks(4));
    if (killed < 2 && process.reaches([&] { return done() > before + 4; }))
      killed += std::system(("pkill -9 -o -P " + std::to_string(process.pid()) + " -f 'sweep run'").c_str()) == 0;
    code = process.wait().code;
  }
  CHECK(killed >= 1);
  for (const char* out : {"alone", "ranks"})
    accepted(f, {"collect", out, "--db", std::string(out) + ".db", "--quiet"});
  for (const auto& entry : std::filesystem::directory_iterator(f / "alone"))
    if (entry.is_directory()) {
      const std::string run = entry.path().filename().string();
      same_run(f, "alone/" + run, f, "ranks/" + run);
    }
  CHECK(Json::parse(accepted(f, {"sweep", "status", "ranks", "--json"}))["done"] == 40);
}

}  // namespace test_ranks
