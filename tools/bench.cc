#include "bench.h"

#include <cblas.h>
#include <dlfcn.h>
#include <eqnn/eqnn.h>
#include <eqnn/gemm.h>
#include <eqnn/hard/family.h>
#include <eqnn/kernels.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "../bench/hand_written.h"

// --- counting allocations ------------------------------------------------------------------------------
// glibc lets a program stand before its allocator. Every malloc of the process comes through here, those
// of operator new, oneTBB and OpenBLAS too; outside a measurement that costs one load.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EQNN_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define EQNN_COUNTS_ALLOCATIONS 0
#endif
#endif
#if !defined(EQNN_COUNTS_ALLOCATIONS)
#if defined(__GLIBC__)
#define EQNN_COUNTS_ALLOCATIONS 1
#else
#define EQNN_COUNTS_ALLOCATIONS 0
#endif
#endif

namespace {
std::atomic<bool> counting{false};
std::atomic<long> allocations{0};
}  // namespace

#if EQNN_COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

static void count_allocation() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
void* malloc(std::size_t size) noexcept {
  count_allocation();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  count_allocation();
  return __libc_calloc(count, size);
}
void* realloc(void* p, std::size_t size) noexcept {
  count_allocation();
  return __libc_realloc(p, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  count_allocation();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t size) noexcept {
  count_allocation();
  *p = __libc_memalign(alignment, size);
  return *p ? 0 : 12;  // ENOMEM
}
}
#endif

namespace eqnn::tools {
namespace {

using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const std::size_t half = v.size() / 2;
  return v.size() % 2 == 1 ? v[half] : (v[half - 1] + v[half]) / 2;
}

// --- the rows --------------------------------------------------------------------------------------------

struct Row {
  const char* id;
  Index n, width, batch;
};
// Three message-passing layers on the raw adjacency, one constant input channel, sum over nodes, a head of
// two layers, squared error, plain SGD, float.
constexpr std::array<Row, 4> kRows = {Row{"gnn-15-32", 15, 32, 32},
                                      {"gnn-15-64", 15, 64, 32},
                                      {"gnn-15-128", 15, 128, 224},
                                      {"gnn-64-256", 64, 256, 64}};
constexpr std::size_t kFewestPairs = 7, kMostPairs = 25;
constexpr double kBlockSeconds = 0.12;

// Floating-point operations of a step's products: 2 m n k of forward, dW and dX; no gradient for inputs.
double products(const Row& r) {
  const double nodes = static_cast<double>(r.batch * r.n), n = static_cast<double>(r.n);
  const double w = static_cast<double>(r.width), b = static_cast<double>(r.batch);
  const double first = 2 * (2 * nodes * 2 * w) + 2 * nodes * n;
  const double middle = 2 * (3 * (2 * nodes * 2 * w * w) + 2 * (2 * nodes * n * w));
  const double head = 3 * (2 * b * w * w) + 3 * (2 * b * w);
  return first + middle + head;
}

struct Network {
  Network(Params<float>& p, Index w)
      : l1(p, "layers.0", 1, w), l2(p, "layers.1", w, w), l3(p, "layers.2", w, w), head(p, "head", {w, w, 1}) {}
  Tensor<float> operator()(Tensor<float> x, Tensor<float> a) const {
    return head(sum_points(relu(l3(relu(l2(relu(l1(x, a)), a)), a))));
  }
  MessagePassing<float> l1, l2, l3;
  Mlp<float> head;
};

// One batch of random graphs, made once: both sides copy it into their own buffers in every step.
struct Data {
  explicit Data(const Row& r) : row(r) {
    Draws draws({7, Stream::user});
    for (Index i = 0; i < r.batch * r.n; ++i) x.push_back(1.0f);
    for (Index i = 0; i < r.batch * r.n * r.n; ++i) adjacency.push_back(static_cast<float>(draws.word() >> 31));
    for (Index i = 0; i < r.batch; ++i) y.push_back(draws.word() >> 31 ? 1.0f : -1.0f);
  }
  void fill(Batch<float>& batch) const {
    const Block<float> nodes = batch["x"], a = batch["adjacency"], target = batch["y"];
    const Index n = row.n;
    for (Index e = batch.first; e < batch.last; ++e) {
      target(e - batch.first) = y[static_cast<std::size_t>(e)];
      for (Index i = 0; i < n; ++i) {
        nodes(e - batch.first, i) = x[static_cast<std::size_t>(e * n + i)];
        std::memcpy(a.row(e - batch.first, i), adjacency.data() + (e * n + i) * n,
                    static_cast<std::size_t>(n) * sizeof(float));
      }
    }
  }
  Row row;
  std::vector<float> x, adjacency, y;
};

// --- the engine's step -------------------------------------------------------------------------------------

// Small enough that thousands of steps leave the network where it was: neither infinities nor dead units.
constexpr double kRate = 1e-7;

struct Engine {
  Engine(const Row& r, int threads) : network(params, r.width) {
    // Raw sums over n / 2 neighbours grow layer by layer; this keeps the output near the targets' size.
    params.initialize(kaiming_uniform.scaled(4.0 / static_cast<double>(r.n)), 1);
    TrainerOptions options;
    options.batch = r.batch;
    options.threads = threads;
    options.optimizer = Sgd{.rate = kRate};
    trainer = std::make_unique<Trainer<float>>(params, options, [this, &r](Program<float>& g) {
      const auto x = g.input("x", {.points = r.n, .channels = 1});
      const auto a = g.input("adjacency", {.points = r.n, .channels = r.n});
      return squared_error(network(x, a), g.input("y", {.channels = 1}));
    });
  }
  Params<float> params;
  Network network;
  std::unique_ptr<Trainer<float>> trainer;
};

// --- the hand-written step -----------------------------------------------------------------------------------

// Where a build tree has the parts of the benchmark that are not installed.
std::filesystem::path bench_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "../bench";
}

// The module of bench/hand_written.h; empty where it is not to be found.
struct HandModule {
  HandModule() {
    const char* named = std::getenv("EQNN_BENCH_HAND");
    const std::filesystem::path path = named ? std::filesystem::path(named) : bench_folder() / "eqnn_hand.so";
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char* why = dlerror();
      missing = why ? why : path.string();
      return;
    }
    const auto find = [library](const char* name, auto& function) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      return function != nullptr;
    };
    found = find("eqnn_hand_create", create) && find("eqnn_hand_destroy", destroy) &&
            find("eqnn_hand_size", size) && find("eqnn_hand_values", values) &&
            find("eqnn_hand_gradient", gradient) && find("eqnn_hand_step", step);
    if (!found) missing = path.string() + " lacks a function";
  }
  bool found = false;
  std::string missing;
  decltype(&eqnn_hand_create) create = nullptr;
  decltype(&eqnn_hand_destroy) destroy = nullptr;
  decltype(&eqnn_hand_size) size = nullptr;
  decltype(&eqnn_hand_values) values = nullptr;
  decltype(&eqnn_hand_gradient) gradient = nullptr;
  decltype(&eqnn_hand_step) step = nullptr;
};

class Hand {
 public:
  Hand(const HandModule& module, const Row& r, int threads)
      : module_(module), handle_(module.create(r.n, r.width, r.batch, threads)) {}
  ~Hand() { module_.destroy(handle_); }
  Hand(const Hand&) = delete;
  Hand& operator=(const Hand&) = delete;

  double step(const Data& d, double rate) {
    return module_.step(handle_, static_cast<float>(rate), d.x.data(), d.adjacency.data(), d.y.data());
  }
  // Copies the engine's parameters; one line of what differs, or nothing, after one gradient on both sides.
  std::string compare(Engine& engine, const Data& data);

 private:
  const HandModule& module_;
  EqnnHandStep* handle_;
};

std::string Hand::compare(Engine& engine, const Data& data) {
  constexpr double kTolerance = 1e-4;
  if (module_.size(handle_) != engine.params.count())
    return fmt::format("{} parameters, the engine has {}", module_.size(handle_), engine.params.count());
  float* value = module_.values(handle_);
  for (const ParamInfo& p : engine.params.list()) {
    const MatrixView<float> from = engine.params.view(p.slice);
    for (Index i = 0; i < from.rows; ++i) value = std::copy(from.row(i), from.row(i) + from.cols, value);
  }
  const double loss = engine.trainer->gradient([&](Batch<float>& b) { data.fill(b); });
  const double other = step(data, 0);
  if (!(std::abs(loss - other) <= kTolerance * std::abs(loss)))
    return fmt::format("its loss is {}, the engine's {}", other, loss);
  const float* g = module_.gradient(handle_);
  for (const ParamInfo& p : engine.params.list()) {
    double difference = 0, norm = 0;
    for (Index i = 0; i < p.slice.rows; ++i)
      for (Index j = 0; j < p.slice.cols; ++j, ++g) {
        const auto at = static_cast<std::size_t>(p.slice.offset + i * p.slice.stride + j);
        const double mine = static_cast<double>(engine.trainer->last_gradient()[at]);
        difference += (mine - static_cast<double>(*g)) * (mine - static_cast<double>(*g));
        norm += mine * mine;
      }
    if (!(std::sqrt(difference) <= kTolerance * std::sqrt(norm)) || norm == 0)
      return fmt::format("its gradient of {} is {:.2g} away from the engine's, whose norm is {:.2g}", p.name,
                         std::sqrt(difference), std::sqrt(norm));
  }
  return {};
}

// --- measuring -----------------------------------------------------------------------------------------------

// Single-threaded OpenBLAS on a 512 x 512 x 512 product, GFLOP/s at this moment: the best of some.
class Limit {
 public:
  Limit() : a_(kSide, kSide), b_(kSide, kSide), c_(kSide, kSide) {
    Draws draws({1, Stream::user});
    for (Index i = 0; i < kSide * kSide; ++i) {
      a_.data()[i] = static_cast<float>(draws.uniform());
      b_.data()[i] = static_cast<float>(draws.uniform());
    }
    use_one_blas_thread();
    measure();
  }
  double measure() {
    double best = 0;
    for (int i = 0; i < 4; ++i) {
      const auto start = Clock::now();
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSide, kSide, kSide, 1.0f, a_.data(), kSide, b_.data(),
                  kSide, 0.0f, c_.data(), kSide);
      best = std::max(best, 2.0 * kSide * kSide * kSide / seconds_since(start) * 1e-9);
    }
    return best;
  }

 private:
  static constexpr int kSide = 512;
  Matrix<float> a_, b_, c_;
};

struct Result {
  Row row;
  int threads = 1;
  double seconds = 0, limit = 0;  // per step; of all threads
  std::optional<double> ratio, hand_seconds;
  std::optional<double> allocations;
  std::optional<double> generation_share;
  std::size_t pairs = 0;
  ordered_json peers = ordered_json::object();
};

template <class Step>
double time_block(Index steps, const Step& step) {
  const auto start = Clock::now();
  for (Index i = 0; i < steps; ++i) step();
  return seconds_since(start) / static_cast<double>(steps);
}

// Mallocs per step after warm-up, by every thread and library of the process.
template <class Step>
std::optional<double> count_allocations(const Step& step) {
  if (!EQNN_COUNTS_ALLOCATIONS) return {};
  constexpr int kSteps = 50;
  allocations = 0;
  counting = true;
  for (int i = 0; i < kSteps; ++i) step();
  counting = false;
  return static_cast<double>(allocations) / kSteps;
}

// The share of the workers' time in a step that goes into sampling graphs and their labels online.
std::optional<double> generation_share(const Row& row, Engine& engine, int threads) {
  const auto member = hard::family("gnn-degree-parity").draw({{"n", std::to_string(row.n)}}, 0);
  const Index shard = engine.trainer->options().shard;
  struct alignas(kLine) Spent {
    double seconds = 0;
  };
  std::vector<Spent> spent(static_cast<std::size_t>((row.batch + shard - 1) / shard));
  const auto fill = [&](Batch<float>& b) {
    const Block<float> nodes = b["x"], a = b["adjacency"], y = b["y"];
    for (Index e = 0; e < nodes.examples; ++e)
      for (Index i = 0; i < nodes.points; ++i) nodes(e, i) = 1.0f;
    const auto start = Clock::now();
    member->sample({0, Stream::train, b.step, static_cast<std::uint64_t>(b.first)}, a);
    std::array<float, 64> labels{};
    member->targets({a.data, a.examples, a.points, a.channels, a.stride}, labels.data());
    for (Index e = 0; e < y.examples; ++e) y(e) = labels[static_cast<std::size_t>(e)];
    spent[static_cast<std::size_t>(b.first / shard)].seconds += seconds_since(start);
  };
  const auto step = [&] { engine.trainer->step(fill); };
  const double once = time_block(3, step);
  const Index steps = std::max<Index>(3, static_cast<Index>(2 * kBlockSeconds / once));
  for (Spent& s : spent) s.seconds = 0;
  const double total = time_block(steps, step) * static_cast<double>(steps);
  double sampling = 0;
  for (const Spent& s : spent) sampling += s.seconds;
  return sampling / (total * threads);
}

// Alternates blocks of the engine's steps and the hand-written one's.
void measure_pairs(Result& r, Engine& engine, Hand* hand, const Data& data, Limit& limit, double budget) {
  const auto ours = [&] { engine.trainer->step([&](Batch<float>& b) { data.fill(b); }); };
  const auto theirs = [&] { hand->step(data, kRate); };
  const double once = std::max(time_block(3, ours), 1e-7);
  const Index steps = std::max<Index>(2, static_cast<Index>(kBlockSeconds / once));
  time_block(steps, ours);
  if (hand) time_block(steps, theirs);
  std::vector<double> seconds, hand_seconds, ratios, limits;
  const auto start = Clock::now();
  for (std::size_t pair = 0; pair < kMostPairs; ++pair) {
    if (pair >= kFewestPairs && seconds_since(start) > budget) break;
    limits.push_back(limit.measure() * r.threads);
    // Whoever goes first changes from pair to pair, so that a drift of the clock favours nobody.
    const bool hand_first = hand && pair % 2 == 1;
    double other = hand_first ? time_block(steps, theirs) : 0;
    seconds.push_back(time_block(steps, ours));
    if (hand && !hand_first) other = time_block(steps, theirs);
    if (!hand) continue;
    hand_seconds.push_back(other);
    ratios.push_back(seconds.back() / other);
  }
  r.pairs = seconds.size();
  r.seconds = median(seconds);
  r.limit = median(limits);
  if (hand) {
    r.ratio = median(ratios);
    r.hand_seconds = median(hand_seconds);
  }
  r.allocations = count_allocations(ours);
}

// Throws CheckFailed, a line, when the two steps do not compute the same.
struct CheckFailed {
  std::string line;
};

Result measure(const Row& row, int threads, const HandModule& module, Limit& limit, double budget) {
  Result r;
  r.row = row;
  r.threads = threads;
  const Data data(row);
  Engine engine(row, threads);
  std::unique_ptr<Hand> hand;
  if (module.found) {
    hand = std::make_unique<Hand>(module, row, threads);
    const std::string difference = hand->compare(engine, data);
    if (!difference.empty())
      throw CheckFailed{fmt::format("{}, {} threads: the hand-written step does not agree with the engine: {}",
                                    row.id, threads, difference)};
  }
  measure_pairs(r, engine, hand.get(), data, limit, budget);
  r.generation_share = generation_share(row, engine, threads);
  return r;
}

// --- peers -----------------------------------------------------------------------------------------------------

std::string shell_quoted(const std::string& s) {
  std::string quoted = "'";
  for (char c : s) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// peers.py: beside the hand-written module in the build tree, or named by EQNN_BENCH_PEERS.
std::optional<std::string> peers_script() {
  if (const char* named = std::getenv("EQNN_BENCH_PEERS")) return named;
  const std::filesystem::path path = bench_folder() / "peers.py";
  if (std::filesystem::exists(path)) return path.string();
  return {};
}

// What bench/peers.py prints for one row; an empty object when it cannot run.
ordered_json run_peers(const std::string& python, const std::string& script, const Row& r) {
  const std::string command = fmt::format("{} {} --n {} --width {} --batch {}", shell_quoted(python),
                                          shell_quoted(script), r.n, r.width, r.batch);
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return ordered_json::object();
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), size);
  pclose(pipe);
  ordered_json result = ordered_json::parse(text, nullptr, false);
  return result.is_object() ? result : ordered_json::object();
}

void add_peers(std::vector<Result>& results, bool quiet) {
  const char* named = std::getenv("EQNN_PYTHON");
  const std::string python = named ? named : "python3";
  const auto script = peers_script();
  const std::string probe = shell_quoted(python) + " -c 'import torch' >/dev/null 2>&1";
  if (!script || std::system(probe.c_str()) != 0) {
    fmt::print(stderr, "eqnn: peers are skipped: {}\n",
               script ? python + " cannot import torch (EQNN_PYTHON names another interpreter)"
                      : "bench/peers.py is not beside this build (EQNN_BENCH_PEERS names it)");
    return;
  }
  ordered_json found;
  const char* last = nullptr;
  for (Result& r : results) {
    if (last != r.row.id) {
      if (!quiet) fmt::print(stderr, "eqnn: {}: PyTorch and JAX\n", r.row.id);
      found = run_peers(python, *script, r.row);
    }
    last = r.row.id;
    r.peers = found;
    for (auto& [name, peer] : r.peers.items())
      if (peer.contains("microseconds_per_step") && peer["microseconds_per_step"].is_number())
        peer["times_engine"] = peer["microseconds_per_step"].get<double>() / (r.seconds * 1e6);
  }
}

// --- the report ----------------------------------------------------------------------------------------------

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.find(':') + 2, line.size()));
  return "unknown";
}

int all_cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

template <class T>
ordered_json or_null(const std::optional<T>& v) {
  return v ? ordered_json(*v) : ordered_json();
}

void print_json(const std::vector<Result>& results, double limit) {
  const BlasInfo blas = blas_info();
  ordered_json document = {{"machine",
                            {{"processor", processor()},
                             {"cores", all_cores()},
                             {"simd_target", kernels::target_name()},
                             {"blas", blas.config},
                             {"blas_core", blas.core}}},
                           {"limit_gflops", limit},
                           {"rows", ordered_json::array()}};
  for (const Result& r : results) {
    const double gflops = products(r.row) / r.seconds * 1e-9;
    document["rows"].push_back({{"id", r.row.id},
                                {"threads", r.threads},
                                {"microseconds_per_step", r.seconds * 1e6},
                                {"gflops", gflops},
                                {"share_of_limit", gflops / r.limit},
                                {"ratio_to_hand_written", or_null(r.ratio)},
                                {"allocations_per_step", or_null(r.allocations)},
                                {"data_generation_share", or_null(r.generation_share)},
                                {"pairs", r.pairs},
                                {"peers", r.peers}});
  }
  fmt::print("{}\n", document.dump(2));
}

std::string cell(const std::optional<double>& v, const char* format) {
  return v ? fmt::format(fmt::runtime(format), *v) : "-";
}

void print_table(const std::vector<Result>& results, double limit) {
  const BlasInfo blas = blas_info();
  fmt::print("{}, {} cores, {} kernels; OpenBLAS core {}; one-thread sgemm 512: {:.0f} GFLOP/s\n\n", processor(),
             all_cores(), kernels::target_name(), blas.core, limit);
  fmt::print("{:<12} {:>7} {:>12} {:>9} {:>10} {:>9} {:>8} {:>9}  {}\n", "id", "threads", "us per step", "GFLOP/s",
             "of limit", "to hand", "mallocs", "sampling", "peers, times the engine");
  for (const Result& r : results) {
    const double gflops = products(r.row) / r.seconds * 1e-9;
    std::string peers;
    for (const auto& [name, peer] : r.peers.items())
      if (peer.contains("times_engine"))
        peers += fmt::format("{} {:.1f}  ", name, peer["times_engine"].get<double>());
    fmt::print("{:<12} {:>7} {:>12.1f} {:>9.1f} {:>10.2f} {:>9} {:>8} {:>9}  {}\n", r.row.id, r.threads,
               r.seconds * 1e6, gflops, gflops / r.limit, cell(r.ratio, "{:.3f}"), cell(r.allocations, "{:.2g}"),
               r.generation_share ? fmt::format("{:.1f} %", 100 * *r.generation_share) : "-",
               peers.empty() ? "-" : peers);
  }
  fmt::print(
      "\nto hand: the engine's time over the hand-written step's, median of alternated pairs (below 1: faster).\n"
      "of limit: products of the step over one-thread sgemm times the threads. sampling: share of an online\n"
      "step that draws graphs and labels of gnn-degree-parity.\n");
}

// --- starting -------------------------------------------------------------------------------------------------

// OpenBLAS chooses its kernels when it is loaded, so another choice takes another start of the process.
void restart_with_best_blas() {
  if (blas_info().up_to_date || std::getenv("EQNN_BENCH_RESTARTED")) return;
  const char* core = std::string_view(kernels::target_name()).starts_with("AVX3") ? "SkylakeX" : "Haswell";
  fmt::print(stderr,
             "eqnn: OpenBLAS does not know this processor and runs kernels for '{}'; starting again with "
             "OPENBLAS_CORETYPE={}, so that the yardstick is at its best\n",
             blas_info().core, core);
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  setenv("OPENBLAS_CORETYPE", core, 1);
  setenv("EQNN_BENCH_RESTARTED", "1", 1);
  execv("/proc/self/exe", arguments.data());
  fmt::print(stderr, "eqnn: starting again failed; going on with slower OpenBLAS kernels\n");
}

std::vector<Row> chosen_rows(const std::vector<std::string>& ids) {
  std::vector<Row> rows;
  for (const Row& row : kRows)
    if (ids.empty() || std::find(ids.begin(), ids.end(), row.id) != ids.end()) rows.push_back(row);
  for (const std::string& id : ids) {
    const bool known = std::any_of(kRows.begin(), kRows.end(), [&](const Row& row) { return id == row.id; });
    std::string all;
    for (const Row& row : kRows) all += fmt::format("{}{}", all.empty() ? "" : ", ", row.id);
    require(known, "there is no benchmark row '", id, "'; the rows are ", all);
  }
  return rows;
}

}  // namespace

int run_bench(const BenchOptions& options) {
  const std::vector<Row> rows = chosen_rows(options.rows);
  std::vector<int> threads = options.threads;
  if (threads.empty())
    threads = all_cores() > 1 ? std::vector<int>{1, std::min(all_cores(), 64)} : std::vector<int>{1};
  for (int t : threads) require(t >= 1 && t <= 64, "bench: ", t, " threads; allowed are 1 to 64");
  require(std::isfinite(options.minutes) && options.minutes > 0, "bench: ", options.minutes,
          " minutes; the time must be above 0");
  restart_with_best_blas();

  const HandModule module;
  if (!module.found)
    fmt::print(stderr, "eqnn: the hand-written step is left out: {} (EQNN_BENCH_HAND names its module)\n",
               module.missing);
  Limit limit;
  const double budget = options.minutes * 60 / static_cast<double>(rows.size() * threads.size());
  std::vector<Result> results;
  std::vector<double> limits;
  for (const Row& row : rows)
    for (int t : threads) {
      if (!options.quiet) fmt::print(stderr, "eqnn: {}, {} thread{}\n", row.id, t, t == 1 ? "" : "s");
      try {
        results.push_back(measure(row, t, module, limit, budget));
      } catch (const CheckFailed& failed) {
        fmt::print(stderr, "eqnn: error: {}\n", failed.line);
        return 4;
      }
      limits.push_back(results.back().limit / t);
    }
  if (options.peers) add_peers(results, options.quiet);
  if (options.json)
    print_json(results, median(limits));
  else
    print_table(results, median(limits));
  return 0;
}

}  // namespace eqnn::tools
