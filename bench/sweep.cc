#include "sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/options.h"
#include "cli/process.h"
#include "cli/programs.h"
#include "cli/text.h"
#include "peers.h"
#include "scratch.h"

namespace bench {
namespace {

namespace fs = std::filesystem;
using tools::Json;

constexpr std::size_t kPairs = 3;

// Nearly all of a run's time goes into its steps: one evaluation, at the end, on the fewest samples that say
// anything. Rate and initial weights are such that the network, whose sums over neighbours are raw, stays finite: a
// run that diverges ends there.
std::string sweep_file() {
  return fmt::format(
      "name = \"bench\"\nseeds = \"0:{}\"\n[run]\nfamily = \"gnn-degree-parity\"\nmodel = \"gnn\"\nn = 15\n"
      "depth = 3\nwidth = 32\nhead-width = 32\nbatch = 32\nadjacency = \"raw\"\npool = \"sum\"\n"
      "init-scale = 0.25\noptimizer = \"sgd\"\nlr = 1e-7\nschedule = \"constant\"\nsteps = {}\neval-every = {}\n"
      "test-samples = 1000\n[grid]\ncontrol = [false]\n",
      SweepResult::kRuns, SweepResult::kSteps, SweepResult::kSteps);
}

// `eqnn sweep run` on a folder of its own.
class Engine {
 public:
  Engine() { write_atomically(folder_.file("bench.toml"), sweep_file()); }

  // Seconds of one `eqnn sweep run` with everything to do.
  double sweep(int jobs) const {
    const std::string out = folder_.file("runs");
    const auto start = std::chrono::steady_clock::now();
    const int code = run({"eqnn", "sweep", "run", folder_.file("bench.toml"), "--out", out, "--jobs",
                          std::to_string(jobs), "--progress", "none", "-q"});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    require<tools::NotBuiltError>(code != tools::kNotBuilt, "bench: the row 'sweep' needs eqnn sweep");
    require<FileError>(code == 0, "bench: 'eqnn sweep run --jobs ", jobs, "' ended with ", code, "; 0 is needed");
    std::ptrdiff_t done = 0;
    for (const auto& entry : fs::directory_iterator(out))
      done += steps_of(entry.path()) == SweepResult::kSteps ? 1 : 0;
    require<FileError>(done == SweepResult::kRuns, "bench: 'eqnn sweep run' took all ", SweepResult::kSteps,
                       " steps of ", done, " runs; ", SweepResult::kRuns, " are needed");
    fs::remove_all(out);
    return seconds;
  }

 private:
  // Of a finished run; 0 for anything else.
  static int steps_of(const fs::path& run) {
    const std::string file = run / "result.json";
    if (!fs::exists(file)) return 0;
    const Json result = tools::parse_json_if(read_file(file));
    return result.is_object() ? result.value("steps", 0) : 0;
  }
  // The command, with nothing on stdout; its exit code. Without the OpenBLAS kernels that bench chooses for
  // itself.
  static int run(std::vector<std::string> words) {
    words[0] = tools::program_path(words[0]);
    tools::Process eqnn{.words = words, .output = tools::Process::Stream::dropped};
    if (std::getenv("EQNN_BENCH_RESTARTED")) eqnn.environment = tools::environment_without({"OPENBLAS_CORETYPE="});
    const tools::ProcessResult r = eqnn.run();
    return r.signal != 0 ? 128 + r.signal : r.code;
  }

  Scratch folder_;
};

// One way to make the same runs in Python.
struct SweepPeer {
  std::string variant;
  std::unique_ptr<Child> child;
  Json answer;  // version and compile_seconds
  double screened = 0;
  std::vector<double> seconds = {};
};

// Seconds of so many steps of every run; nothing where it cannot, and `why` says so.
std::optional<double> sweep_seconds(SweepPeer& peer, int steps) {
  peer.child->say(fmt::format("go {}", steps));
  const Json done = peer_answer(*peer.child);
  if (!done.contains("error")) return done["seconds"].get<double>();
  peer.answer["why"] = done["error"];
  return std::nullopt;
}

// Starts every variant and keeps the fastest of each library on a tenth of the steps; the others are told of.
std::vector<SweepPeer> screen(const Peers& python, int jobs, Json& told) {
  std::vector<SweepPeer> best;
  for (const std::string& variant : python.sweep_variants(jobs)) {
    SweepPeer peer{variant, python.sweep(variant, SweepResult::kRuns, jobs), {}};
    peer.answer = peer_answer(*peer.child);
    const std::optional<double> seconds =
        peer.answer.contains("error") ? std::nullopt : sweep_seconds(peer, SweepResult::kSteps / 10);
    if (!seconds) {
      told[variant] = {{"why", peer.answer.value("why", peer.answer.value("error", ""))}};
      continue;
    }
    peer.screened = *seconds;
    told[variant] = {{"why", fmt::format("slower: {:.2f} s for a tenth of the steps", *seconds)}};
    const auto library = [](const SweepPeer& p) { return p.variant.substr(0, p.variant.find('-')); };
    const auto same =
        std::find_if(best.begin(), best.end(), [&](const auto& p) { return library(p) == library(peer); });
    if (same == best.end())
      best.push_back(std::move(peer));
    else if (peer.screened < same->screened)
      *same = std::move(peer);
  }
  return best;
}

// Rounds of the engine with so many jobs, with one, and of the peers; every other round in the opposite order.
SweepResult measure(const Engine& engine, int jobs, std::vector<SweepPeer>& peers, SweepResult r) {
  std::vector<double> seconds, one;
  for (std::size_t round = 0; round < kPairs; ++round) {
    std::vector<std::function<void()>> turns{[&] { seconds.push_back(engine.sweep(jobs)); }};
    if (jobs > 1) turns.emplace_back([&] { one.push_back(engine.sweep(1)); });
    for (SweepPeer& peer : peers)
      turns.emplace_back(
          [&peer] { peer.seconds.push_back(sweep_seconds(peer, SweepResult::kSteps).value_or(NAN)); });
    if (round % 2 == 1) std::reverse(turns.begin(), turns.end());
    for (const auto& turn : turns) turn();
  }
  const auto over_engine = [&](const std::vector<double>& other, double more) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < other.size(); ++i) ratios.push_back((other[i] + more) / seconds[i]);
    return tools::median(ratios);
  };
  r.jobs = jobs;
  r.seconds = tools::median(seconds);
  r.speedup = jobs > 1 ? over_engine(one, 0) : 1;
  r.pairs = kPairs;
  for (const SweepPeer& peer : peers) {
    const double compiling = peer.answer.value("compile_seconds", 0.0);
    r.peers[peer.variant] = {{"seconds", tools::median(peer.seconds)},
                             {"workers", jobs},
                             {"version", peer.answer.value("version", "")},
                             {"times_engine", over_engine(peer.seconds, 0)},
                             {"compile_seconds", compiling},
                             {"times_engine_with_compiling", over_engine(peer.seconds, compiling)}};
  }
  return r;
}

}  // namespace

std::vector<SweepResult> measure_sweep(const std::vector<int>& jobs, bool with_peers, bool quiet) {
  const Engine engine;
  std::vector<SweepResult> results;
  std::optional<Peers> python;
  if (with_peers) python.emplace();
  if (python && !python->found()) tools::note("eqnn: peers are skipped: {}\n", python->missing);
  for (const int j : jobs) {
    if (!quiet) tools::note("eqnn: sweep, {} job{} at a time\n", j, j == 1 ? "" : "s");
    SweepResult r;
    std::vector<SweepPeer> peers;
    if (python && python->found()) peers = screen(*python, j, r.peers);
    results.push_back(measure(engine, j, peers, std::move(r)));
  }
  return results;
}

}  // namespace bench
