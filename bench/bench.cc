#include "bench.h"

#include <cblas.h>
#include <eqnn/eqnn.h>
#include <eqnn/hard/family.h>
#include <eqnn/kernels/blas.h>
#include <eqnn/kernels/kernels.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/text.h"
#include "families.h"
#include "hand.h"
#include "peers.h"
#include "rows.h"
#include "sweep.h"

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

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kFewestPairs = 7, kMostPairs = 25;
constexpr double kBlockSeconds = 0.12;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
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
    openblas_set_num_threads(1);
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

// Rows that are no step of one network: what the data of every family cost, and many runs at once, which takes
// minutes and so is measured only when it is asked for by name.
constexpr const char *kFamilies = "families", *kSweep = "sweep";

struct Result {
  Row row;
  int threads = 1;
  double seconds = 0, products = 0, limit = 0;  // of a step; the limit of all threads
  // The engine's time over that of what it was alternated with: which one depends on the row.
  std::optional<double> to_hand, to_direct, to_one_thread;
  std::optional<double> work_ratio;
  std::optional<double> allocations;
  std::optional<double> generation_share;
  std::size_t pairs = 0;
  Json peers = Json::object();

  double gflops() const { return products / seconds * 1e-9; }
  std::optional<double> speedup() const { return to_one_thread ? std::optional(1 / *to_one_thread) : std::nullopt; }
};

template <class Step>
double time_block(Index steps, const Step& step) {
  const auto start = Clock::now();
  for (Index i = 0; i < steps; ++i) step();
  return seconds_since(start) / static_cast<double>(steps);
}

// Mallocs per step after warm-up, by every thread and library of the process.
template <class Step>
std::optional<double> count_allocations(int steps, const Step& step) {
  if (!EQNN_COUNTS_ALLOCATIONS) return {};
  allocations = 0;
  counting = true;
  for (int i = 0; i < steps; ++i) step();
  counting = false;
  return static_cast<double>(allocations) / steps;
}

// The share of the workers' time in a step that goes into sampling graphs and their labels online.
std::optional<double> generation_share(const Row& row, RowEngine& engine, int threads, double block) {
  if (row.model != Row::Model::gnn) return {};
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
  const Index steps = std::max<Index>(3, static_cast<Index>(2 * block / once));
  for (Spent& s : spent) s.seconds = 0;
  const double total = time_block(steps, step) * static_cast<double>(steps);
  double sampling = 0;
  for (const Spent& s : spent) sampling += s.seconds;
  return sampling / (total * threads);
}

using Step = std::function<void()>;

Index steps_of_a_block(const Step& step, double block) {
  step();
  const double once = std::max(time_block(2, step), 1e-7);
  const Index steps = std::max<Index>(2, static_cast<Index>(block / once));
  time_block(steps, step);
  return steps;
}

// Alternates blocks of the engine's steps and, where there is one, its rival's; returns the median of the pairs'
// ratios, engine over rival.
std::optional<double> measure_pairs(Result& r, const Step& ours, const Step& rival, Limit& limit, double budget,
                                    double block) {
  const Index steps = steps_of_a_block(ours, block), rival_steps = rival ? steps_of_a_block(rival, block) : 0;
  std::vector<double> seconds, ratios, limits;
  const auto start = Clock::now();
  for (std::size_t pair = 0; pair < kMostPairs; ++pair) {
    if (pair >= kFewestPairs && seconds_since(start) > budget) break;
    limits.push_back(limit.measure() * r.threads);
    // Whoever goes first changes from pair to pair, so that a drift of the clock favours nobody.
    const bool rival_first = rival && pair % 2 == 1;
    double other = rival_first ? time_block(rival_steps, rival) : 0;
    seconds.push_back(time_block(steps, ours));
    if (rival && !rival_first) other = time_block(rival_steps, rival);
    if (rival) ratios.push_back(seconds.back() / other);
  }
  r.pairs = seconds.size();
  r.seconds = tools::median(seconds);
  r.limit = tools::median(limits);
  r.allocations = count_allocations(static_cast<int>(std::clamp(1 / r.seconds, 3.0, 50.0)), ours);
  return ratios.empty() ? std::nullopt : std::optional(tools::median(ratios));
}

// Throws CheckFailed, a line, when the two steps do not compute the same.
struct CheckFailed {
  std::string line;
};

Result measure(const Row& row, int threads, const HandModule& module, Limit& limit, double budget) {
  const double block = std::clamp(budget / (2 * kFewestPairs), 0.01, kBlockSeconds);
  Result r;
  r.row = row;
  r.threads = threads;
  const RowData data(row);
  RowEngine engine(data, threads);
  const Step ours = [&] { engine.step(); };
  if (row.model == Row::Model::gnn && module.found) {
    HandStep hand(module, row, threads);
    const std::string difference = hand.compare(engine, data);
    if (!difference.empty())
      throw CheckFailed{fmt::format("{}, {} threads: the hand-written step does not agree with the engine: {}",
                                    row.id, threads, difference)};
    r.to_hand = measure_pairs(
        r, ours, [&] { hand.step(data, kBenchRate); }, limit, budget, block);
  } else if (row.model == Row::Model::cnn) {
    RowEngine direct(data, threads, ConvolutionMethod::direct);
    r.to_direct = measure_pairs(
        r, ours, [&] { direct.step(); }, limit, budget, block);
  } else if (row.model == Row::Model::sparse && threads > 1) {
    RowEngine one(data, 1);
    r.to_one_thread = measure_pairs(
        r, ours, [&] { one.step(); }, limit, budget, block);
  } else {
    measure_pairs(r, ours, {}, limit, budget, block);
  }
  r.products = engine.products();
  r.work_ratio = convolution_work_ratio(row);
  r.generation_share = generation_share(row, engine, threads, block);
  return r;
}

void add_peers(std::vector<Result>& results, bool quiet) {
  const Peers peers;
  if (!peers.found()) {
    tools::note("eqnn: peers are skipped: {}\n", peers.missing);
    return;
  }
  Json found;
  const char* last = nullptr;
  for (Result& r : results) {
    if (last != r.row.id) {
      if (!quiet) tools::note("eqnn: {}: PyTorch and JAX\n", r.row.id);
      found = peers.run(r.row);
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
Json or_null(const std::optional<T>& v) {
  return v ? Json(*v) : Json();
}

void print_json(const std::vector<Result>& results, double limit, const std::vector<tools::FamilyCost>& families,
                const std::vector<SweepResult>& sweep) {
  const BlasInfo blas = blas_info();
  Json document = {{"machine",
                    {{"processor", processor()},
                     {"cores", all_cores()},
                     {"simd_target", kernels::target_name()},
                     {"blas", blas.config},
                     {"blas_core", blas.core}}},
                   {"limit_gflops", limit},
                   {"rows", Json::array()}};
  for (const Result& r : results)
    document["rows"].push_back({{"id", r.row.id},
                                {"threads", r.threads},
                                {"microseconds_per_step", r.seconds * 1e6},
                                {"gflops", r.gflops()},
                                {"share_of_limit", r.gflops() / r.limit},
                                {"ratio_to_hand_written", or_null(r.to_hand)},
                                {"ratio_to_direct", or_null(r.to_direct)},
                                {"work_ratio", or_null(r.work_ratio)},
                                {"speedup_over_one_thread", or_null(r.speedup())},
                                {"allocations_per_step", or_null(r.allocations)},
                                {"data_generation_share", or_null(r.generation_share)},
                                {"pairs", r.pairs},
                                {"peers", r.peers}});
  for (const SweepResult& r : sweep)
    document["rows"].push_back({{"id", kSweep},
                                {"threads", r.jobs},
                                {"microseconds_per_step", r.seconds * 1e6 / (r.kRuns * r.kSteps)},
                                {"gflops", nullptr},
                                {"share_of_limit", nullptr},
                                {"ratio_to_hand_written", nullptr},
                                {"speedup_over_one_thread", r.speedup},
                                {"allocations_per_step", nullptr},
                                {"seconds", r.seconds},
                                {"runs", r.kRuns},
                                {"runs_per_second", r.runs_per_second()},
                                {"pairs", r.pairs},
                                {"peers", r.peers}});
  for (const auto& f : families)
    document["families"].push_back({{"id", f.id},
                                    {"microseconds_per_step", f.step * 1e6},
                                    {"input_share", f.inputs / f.step},
                                    {"label_and_frame_share", f.labels / f.step}});
  fmt::print("{}\n", to_text(document, 2));
}

std::string cell(const std::optional<double>& v, const char* format) {
  return v ? fmt::format(fmt::runtime(format), *v) : "-";
}

void print_families(const std::vector<tools::FamilyCost>& families) {
  if (families.empty()) return;
  fmt::print("\n{:<20} {:>12} {:>9} {:>18}\n", "family", "us per step", "inputs", "labels and frames");
  for (const auto& f : families)
    fmt::print("{:<20} {:>12.1f} {:>7.1f} % {:>16.1f} %\n", f.id, f.step * 1e6, 100 * f.inputs / f.step,
               100 * f.labels / f.step);
  fmt::print("one thread, default network and batch; shares of a step that draws fresh inputs.\n");
}

void print_sweep(const std::vector<SweepResult>& sweep) {
  if (sweep.empty()) return;
  fmt::print("\n{:<12} {:>7} {:>10} {:>8} {:>14} {:>9}  {}\n", "id", "jobs", "seconds", "runs/s", "us per step",
             "speed-up", "peers, times the engine");
  for (const SweepResult& r : sweep) {
    std::string peers;
    for (const auto& [name, peer] : r.peers.items())
      if (peer.contains("times_engine"))
        peers += fmt::format("{} {:.1f}  ", name, peer["times_engine"].get<double>());
    fmt::print("{:<12} {:>7} {:>10.2f} {:>8.2f} {:>14.1f} {:>9.2f}  {}\n", kSweep, r.jobs, r.seconds,
               r.runs_per_second(), r.seconds * 1e6 / (r.kRuns * r.kSteps), r.speedup, peers.empty() ? "-" : peers);
  }
  fmt::print("{} runs of gnn-15-32, {} online steps each; speed-up over one job at a time.\n", SweepResult::kRuns,
             SweepResult::kSteps);
}

void print_table(const std::vector<Result>& results, double limit) {
  const BlasInfo blas = blas_info();
  fmt::print("{}, {} cores, {} kernels; OpenBLAS core {}; one-thread sgemm 512: {:.0f} GFLOP/s\n\n", processor(),
             all_cores(), kernels::target_name(), blas.core, limit);
  constexpr const char* kFormat = "{:<12} {:>7} {:>12} {:>9} {:>10} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9}  {}\n";
  fmt::print(kFormat, "id", "threads", "us per step", "GFLOP/s", "of limit", "to hand", "to direct", "by work",
             "speed-up", "mallocs", "sampling", "peers, times the engine");
  for (const Result& r : results) {
    std::string peers;
    for (const auto& [name, peer] : r.peers.items())
      if (peer.contains("times_engine"))
        peers += fmt::format("{} {:.1f}  ", name, peer["times_engine"].get<double>());
    const auto share = r.generation_share ? std::optional(100 * *r.generation_share) : std::nullopt;
    fmt::print(kFormat, r.row.id, r.threads, fmt::format("{:.1f}", r.seconds * 1e6),
               fmt::format("{:.1f}", r.gflops()), fmt::format("{:.2f}", r.gflops() / r.limit),
               cell(r.to_hand, "{:.3f}"), cell(r.to_direct, "{:.3f}"), cell(r.work_ratio, "{:.3f}"),
               cell(r.speedup(), "{:.2f}"), cell(r.allocations, "{:.2g}"), cell(share, "{:.1f} %"),
               peers.empty() ? "-" : peers);
  }
  fmt::print(
      "\nto hand, to direct: the engine's time over that of the hand-written step, or of the same network with "
      "direct\n"
      "convolutions, median of alternated pairs (below 1: faster). by work: what the multiply-adds of the "
      "convolutions\n"
      "make of 'to direct'. speed-up: over one thread, alternated too. of limit: products of the step over "
      "one-thread\n"
      "sgemm times the threads. sampling: share of an online step that draws graphs and labels of "
      "gnn-degree-parity.\n");
}

std::vector<Row> chosen_rows(const std::vector<std::string>& ids) {
  std::vector<Row> rows;
  std::string all;
  for (const Row& row : bench_rows()) {
    all += fmt::format("{}{}", all.empty() ? "" : ", ", row.id);
    if (ids.empty() || std::find(ids.begin(), ids.end(), row.id) != ids.end()) rows.push_back(row);
  }
  for (const std::string& id : ids)
    require(id == kFamilies || id == kSweep ||
                std::any_of(rows.begin(), rows.end(), [&](const Row& row) { return id == row.id; }),
            "there is no benchmark row '", id, "'; the rows are ", all, ", ", kFamilies, ", ", kSweep);
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
    tools::note("eqnn: the hand-written step is left out: {} (EQNN_BENCH_HAND names its module)\n", module.missing);
  Limit limit;
  const double budget =
      options.minutes * 60 / static_cast<double>(std::max<std::size_t>(rows.size() * threads.size(), 1));
  std::vector<Result> results;
  std::vector<double> limits;
  for (const Row& row : rows)
    for (int t : threads) {
      if (!options.quiet) tools::note("eqnn: {}, {} thread{}\n", row.id, t, t == 1 ? "" : "s");
      try {
        results.push_back(measure(row, t, module, limit, budget));
      } catch (const CheckFailed& failed) {
        tools::note("eqnn: error: {}\n", failed.line);
        return 4;
      }
      limits.push_back(results.back().limit / t);
    }
  const auto asked = [&](const char* id) {
    return std::find(options.rows.begin(), options.rows.end(), id) != options.rows.end();
  };
  std::vector<tools::FamilyCost> families;
  if (options.rows.empty() || asked(kFamilies)) {
    if (!options.quiet) tools::note("eqnn: data of the families\n");
    families = tools::family_costs();
  }
  if (options.peers && !results.empty()) add_peers(results, options.quiet);
  std::vector<SweepResult> sweep;
  if (asked(kSweep))
    sweep = measure_sweep(threads, options.peers, options.quiet);
  else if (options.rows.empty() && !options.quiet)
    tools::note("eqnn: the row 'sweep' takes minutes and is left out; --rows sweep measures it\n");
  if (options.json) {
    print_json(results, limits.empty() ? limit.measure() : tools::median(limits), families, sweep);
  } else {
    if (!results.empty()) print_table(results, tools::median(limits));
    print_families(families);
    print_sweep(sweep);
  }
  return 0;
}

}  // namespace bench
