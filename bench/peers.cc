#include "peers.h"

#include <eqnn/io/npz.h>
#include <eqnn/io/safetensors.h>
#include <eqnn/kernels/blas.h>
#include <eqnn/kernels/kernels.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <string_view>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/process.h"

namespace bench {
namespace {

using tools::Json;

constexpr double kTolerance = 1e-4;
// Compiling a step takes a minute where two processors are busy.
constexpr double kAnswerSeconds = 400;

NpyArray array(std::vector<Index> shape, const std::vector<float>& values) {
  return npy_array<float>(std::move(shape), values);
}
NpyArray array(const std::int32_t* values, Index size) {
  return npy_array<std::int32_t>({size}, {values, static_cast<std::size_t>(size)});
}

NpzArrays input_arrays(const RowData& d) {
  const Row& r = d.row;
  if (r.model == Row::Model::sparse)
    return {{"x", array({r.n, r.width}, d.x)},
            {"y", array({r.n, r.width}, d.y)},
            {"offsets", array(d.graph.offsets(), r.n + 1)},
            {"neighbors", array(d.graph.neighbors(), r.edges)},
            {"targets", array(d.graph.targets(), r.edges)},
            {"reverse_offsets", array(d.graph.reverse_offsets(), r.n + 1)},
            {"reverse_targets", array(d.graph.reverse_targets(), r.edges)}};
  NpzArrays arrays{{"x", array({r.batch, r.n, 1}, d.x)}, {"y", array({r.batch, 1}, d.y)}};
  if (r.model == Row::Model::gnn) arrays["adjacency"] = array({r.batch, r.n, r.n}, d.adjacency);
  return arrays;
}

// Parameters by names that sort into the order in which the models use them.
std::string numbered(std::size_t i, const std::string& name) { return fmt::format("p{:03}.{}", i, name); }

// Python's: without the OpenBLAS settings that bench chooses for itself.
std::vector<std::string> peer_environment() {
  std::vector<std::string> variables = tools::environment_without({"OPENBLAS_", "OMP_"});
  // Threads of PyTorch that wait spin for some microseconds and then sleep: longer, a busy machine turns every
  // barrier into a time slice of the scheduler, and idle peers burn the cores of whoever is measured.
  if (!std::getenv("GOMP_SPINCOUNT")) variables.emplace_back("GOMP_SPINCOUNT=10000");
  return variables;
}

}  // namespace

std::filesystem::path bench_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "../bench";
}

void restart_with_best_blas() {
  if (blas_info().up_to_date || std::getenv("EQNN_BENCH_RESTARTED")) return;
  const char* core = std::string_view(kernels::target_name()).starts_with("AVX3") ? "SkylakeX" : "Haswell";
  tools::note(
      "eqnn: OpenBLAS does not know this processor and runs kernels for '{}'; starting again with "
      "OPENBLAS_CORETYPE={}, so that the yardstick is at its best\n",
      blas_info().core, core);
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  setenv("OPENBLAS_CORETYPE", core, 1);
  setenv("EQNN_BENCH_RESTARTED", "1", 1);
  try {
    tools::become("/proc/self/exe", words);
  } catch (const FileError&) {
    tools::note("eqnn: starting again failed; going on with slower OpenBLAS kernels\n");
  }
}

Json peer_answer(Child& child) {
  const std::optional<std::string> line = child.hear(kAnswerSeconds);
  if (!line) return {{"error", "it ended, or did not answer in time"}};
  const Json parsed = tools::parse_json_if(*line);
  return parsed.is_object() ? parsed : Json{{"error", "it printed something else than an answer"}};
}

PeerTask::PeerTask(RowEngine& engine, const RowData& data) : data_(data) {
  NpzArrays arrays = input_arrays(data);
  std::size_t i = 0;
  for (NamedArray& p : parameter_arrays(engine.params, std::as_const(engine.params).values(), ""))
    arrays[numbered(i++, p.name)] = {"<f4", std::move(p.shape), std::move(p.bytes)};
  write_npz(data_file(), arrays, Compression::none);
  std::vector<std::pair<float*, float>> biases;
  for (const ParamInfo& p : engine.params.list()) {
    float* values = engine.params.view(p.slice).data;
    for (Index k = 0; p.is_bias && k < p.slice.cols; ++k) biases.emplace_back(values + k, values[k]);
  }
  for (const double offset : kOffsets) {
    for (const auto& [value, start] : biases) *value = start + static_cast<float>(offset);
    expected_.push_back(expected(engine, data));
  }
  for (const auto& [value, start] : biases) *value = start;
}

PeerTask::Expected PeerTask::expected(RowEngine& engine, const RowData& data) {
  Expected e;
  e.loss = engine.trainer->gradient([&](Batch<float>& b) { data.fill(b); });
  std::size_t i = 0;
  for (const NamedArray& g : parameter_arrays(engine.params, engine.trainer->last_gradient(), "")) {
    e.gradients.push_back({numbered(i++, g.name), std::vector<float>(g.bytes.size() / sizeof(float))});
    std::memcpy(e.gradients.back().values.data(), g.bytes.data(), g.bytes.size());
  }
  return e;
}

std::string PeerTask::compare(std::size_t offset, double loss) const {
  const Expected& e = expected_[offset];
  if (!(std::abs(loss - e.loss) <= kTolerance * std::abs(e.loss)))
    return fmt::format("its loss is {}, the engine's {}", loss, e.loss);
  const NpzArrays arrays = read_npz(answer_file());
  for (const Gradient& g : e.gradients) {
    const auto found = arrays.find(g.name);
    if (found == arrays.end()) return fmt::format("it has no gradient of {}", g.name);
    const std::vector<double> other = as_doubles(found->second);
    if (other.size() != g.values.size())
      return fmt::format("its gradient of {} has {} values, the engine's {}", g.name, other.size(),
                         g.values.size());
    double difference = 0, norm = 0;
    for (std::size_t k = 0; k < other.size(); ++k) {
      const double mine = static_cast<double>(g.values[k]);
      difference += (mine - other[k]) * (mine - other[k]);
      norm += mine * mine;
    }
    if (!(std::sqrt(difference) <= kTolerance * std::sqrt(norm)) || norm == 0)
      return fmt::format("its gradient of {} is {:.2g} away from the engine's, whose norm is {:.2g}", g.name,
                         std::sqrt(difference), std::sqrt(norm));
  }
  return {};
}

Peer::Peer(std::vector<std::string> words, std::string of_variant, int thread_count)
    : variant(std::move(of_variant)), threads(thread_count), child_(std::move(words), peer_environment()) {}

bool Peer::start(const PeerTask& task) {
  const Json ready = peer_answer(child_);
  if (ready.contains("error")) {
    why = ready["error"];
    return false;
  }
  version = ready.value("version", "");
  std::string first;
  for (std::size_t i = 0; i < PeerTask::kOffsets.size(); ++i) {
    child_.say(fmt::format("gradient {}", PeerTask::kOffsets[i]));
    const Json done = peer_answer(child_);
    if (done.contains("error")) {
      why = done["error"];
      return false;
    }
    const std::string difference = task.compare(i, done["loss"].is_number() ? done["loss"].get<double>() : NAN);
    if (difference.empty()) return true;
    if (i == 0) first = difference;
  }
  throw CheckFailed{fmt::format("{}, {}, {} threads: it does not agree with the engine: {}", task.row().id, variant,
                                threads, first)};
}

double Peer::block(double seconds) {
  child_.say(fmt::format("go {:.4f}", seconds));
  const Json done = peer_answer(child_);
  require<FileError>(!done.contains("error"), variant, ": ",
                     done.contains("error") ? done["error"].get<std::string>() : "");
  return done["seconds"].get<double>() / done["steps"].get<double>();
}

Peers::Peers() {
  const char *python = std::getenv("EQNN_PYTHON"), *script = std::getenv("EQNN_BENCH_PEERS");
  python_ = python ? python : "python3";
  script_ = script ? script : (bench_folder() / "peers.py").string();
  if (!std::filesystem::exists(script_))
    missing = "bench/peers.py is not beside this build (EQNN_BENCH_PEERS names it)";
  else if (listed(script_, {}).empty())
    missing = python_ + " can import neither torch nor jax (EQNN_PYTHON names another interpreter)";
}

std::string Peers::sweep_script() const {
  return (std::filesystem::path(script_).parent_path() / "peers_sweep.py").string();
}

std::vector<std::string> Peers::listed(const std::string& script, const std::vector<std::string>& words) const {
  std::vector<std::string> all{python_, script, "--list"};
  all.insert(all.end(), words.begin(), words.end());
  using Stream = tools::Process::Stream;
  const tools::Process process{.words = all, .errors = Stream::dropped, .environment = peer_environment()};
  const tools::ProcessResult done = process.run();
  const Json list = tools::parse_json_if(done.output);
  return done.succeeded() && list.is_array() ? list.get<std::vector<std::string>>() : std::vector<std::string>{};
}

std::vector<std::string> Peers::variants(const Row& r) const {
  return listed(script_, {"--model", model_name(r.model), "--layers", concat(r.layers)});
}

std::vector<std::string> Peers::sweep_variants(int workers) const {
  return listed(sweep_script(), {"--workers", concat(workers)});
}

std::unique_ptr<Child> Peers::sweep(const std::string& variant, int runs, int workers) const {
  const std::vector<std::string> words{python_,  sweep_script(), "--variant", variant,
                                       "--runs", concat(runs),   "--workers", concat(workers)};
  return std::make_unique<Child>(words, peer_environment());
}

std::unique_ptr<Peer> Peers::make(const PeerTask& task, const std::string& variant, int threads) const {
  const Row& r = task.row();
  return std::make_unique<Peer>(std::vector<std::string>{python_,     script_,
                                                         "--variant", variant,
                                                         "--threads", concat(threads),
                                                         "--data",    task.data_file(),
                                                         "--answer",  task.answer_file(),
                                                         "--model",   model_name(r.model),
                                                         "--n",       concat(r.n),
                                                         "--width",   concat(r.width),
                                                         "--batch",   concat(r.batch),
                                                         "--layers",  concat(r.layers),
                                                         "--rate",    fmt::format("{}", kBenchRate)},
                                variant, threads);
}

}  // namespace bench
