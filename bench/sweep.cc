#include "sweep.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <string>

#include <eqnn/io/files.h>

#include "cli/note.h"
#include "cli/options.h"
#include "cli/process.h"
#include "cli/programs.h"
#include "cli/text.h"
#include "peers.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPairs = 3;

// Nearly all of a run's time goes into its steps: one evaluation, at the end, on the fewest samples that say
// anything. The rate is such that the network, whose sums over neighbours are raw, stays finite.
std::string sweep_file() {
  return fmt::format(
      "name = \"bench\"\nseeds = \"0:{}\"\n[run]\nfamily = \"gnn-degree-parity\"\nmodel = \"gnn\"\nn = 15\n"
      "depth = 3\nwidth = 32\nhead-width = 32\nbatch = 32\nadjacency = \"raw\"\npool = \"sum\"\n"
      "optimizer = \"sgd\"\nlr = 1e-7\nschedule = \"constant\"\nsteps = {}\neval-every = {}\n"
      "test-samples = 1000\n[grid]\ncontrol = [false]\n",
      SweepResult::kRuns, SweepResult::kSteps, SweepResult::kSteps);
}

// A folder of its own, gone at the end.
class Scratch {
 public:
  Scratch() : path_((fs::temp_directory_path() / ("eqnn-bench-" + std::string(6, 'X'))).string()) {
    require<FileError>(mkdtemp(path_.data()) != nullptr, path_,
                       ": cannot be made; set TMPDIR to a folder that can be written");
    write_atomically(path_ + "/bench.toml", sweep_file());
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Seconds of one `eqnn sweep run` with everything to do.
  double sweep(int jobs) const {
    const std::string out = path_ + "/runs";
    const auto start = std::chrono::steady_clock::now();
    const int code = run({"eqnn", "sweep", "run", path_ + "/bench.toml", "--out", out, "--jobs",
                          std::to_string(jobs), "--progress", "none", "-q"});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    require<tools::NotBuiltError>(code != tools::kNotBuilt, "bench: the row 'sweep' needs eqnn sweep");
    require<FileError>(code == 0, "bench: 'eqnn sweep run --jobs ", jobs, "' ended with ", code, "; 0 is needed");
    std::ptrdiff_t done = 0;
    for (const auto& entry : fs::directory_iterator(out)) done += fs::exists(entry.path() / "result.json") ? 1 : 0;
    require<FileError>(done == SweepResult::kRuns, "bench: 'eqnn sweep run' finished ", done, " runs; ",
                       SweepResult::kRuns, " are needed");
    fs::remove_all(out);
    return seconds;
  }

 private:
  // The command, with nothing on stdout; its exit code. Without the OpenBLAS kernels that bench chooses for
  // itself.
  static int run(std::vector<std::string> words) {
    words[0] = tools::program_path(words[0]);
    tools::Process eqnn{.words = words, .output = tools::Process::Stream::dropped};
    if (std::getenv("EQNN_BENCH_RESTARTED")) eqnn.environment = tools::environment_without({"OPENBLAS_CORETYPE="});
    const tools::ProcessResult r = eqnn.run();
    return r.signal != 0 ? 128 + r.signal : r.code;
  }

  std::string path_;
};

SweepResult measure(const Scratch& scratch, int jobs) {
  std::vector<double> seconds, ratios;
  for (std::size_t pair = 0; pair < kPairs; ++pair) {
    // Whoever goes first changes from pair to pair.
    double one = jobs > 1 && pair % 2 == 1 ? scratch.sweep(1) : 0;
    seconds.push_back(scratch.sweep(jobs));
    if (jobs > 1 && pair % 2 == 0) one = scratch.sweep(1);
    ratios.push_back(jobs > 1 ? one / seconds.back() : 1);
  }
  SweepResult r;
  r.jobs = jobs;
  r.seconds = tools::median(seconds);
  r.speedup = tools::median(ratios);
  r.pairs = kPairs;
  return r;
}

}  // namespace

std::vector<SweepResult> measure_sweep(const std::vector<int>& jobs, bool peers, bool quiet) {
  const Scratch scratch;
  std::vector<SweepResult> results;
  for (const int j : jobs) {
    if (!quiet) tools::note("eqnn: sweep, {} job{} at a time\n", j, j == 1 ? "" : "s");
    results.push_back(measure(scratch, j));
  }
  if (!peers) return results;
  const Peers python;
  if (!python.found()) {
    tools::note("eqnn: peers are skipped: {}\n", python.missing);
    return results;
  }
  for (SweepResult& r : results) {
    if (!quiet) tools::note("eqnn: sweep, PyTorch in {} process{}\n", r.jobs, r.jobs == 1 ? "" : "es");
    r.peers = python.run_sweep(SweepResult::kRuns, SweepResult::kSteps, r.jobs);
    for (auto& [name, peer] : r.peers.items())
      if (peer.contains("seconds")) peer["times_engine"] = peer["seconds"].get<double>() / r.seconds;
  }
  return results;
}

}  // namespace bench
