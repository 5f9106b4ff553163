#include "measure.h"

#include <eqnn/hard/family.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "allocations.h"
#include "cli/text.h"
#include "peers.h"

namespace bench {
namespace {

constexpr double kBlockSeconds = 0.12;

// Mallocs per step after warm-up, by every thread and library of the process.
std::optional<double> count_allocations(int steps, const Step& step) {
  if (!counts_allocations()) return {};
  start_counting_allocations();
  for (int i = 0; i < steps; ++i) step();
  return static_cast<double>(stop_counting_allocations()) / steps;
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
  const Step step = [&] { engine.trainer->step(fill); };
  const double once = time_block(3, step);
  const Index steps = std::max<Index>(3, static_cast<Index>(2 * block / once));
  for (Spent& s : spent) s.seconds = 0;
  const double total = time_block(steps, step) * static_cast<double>(steps);
  double sampling = 0;
  for (const Spent& s : spent) sampling += s.seconds;
  return sampling / (total * threads);
}

// Alternates blocks of the engine's steps and, where there is one, its rival's; returns the median of the pairs'
// ratios, engine over rival.
std::optional<double> measure_pairs(Result& r, const Step& ours, const Step& rival, Limits& limits, double budget) {
  const double block = block_seconds(budget);
  const Index steps = steps_of_a_block(ours, block), rival_steps = rival ? steps_of_a_block(rival, block) : 0;
  std::vector<double> seconds, ratios, reached;
  const auto start = Clock::now();
  for (std::size_t pair = 0; pair < kMostPairs; ++pair) {
    if (pair >= kFewestPairs && seconds_since(start) > budget) break;
    if (!r.bound_by_memory()) reached.push_back(limits.sgemm(r.threads));
    // Whoever goes first changes from pair to pair, so that a drift of the clock favours nobody.
    const bool rival_first = rival && pair % 2 == 1;
    double other = rival_first ? time_block(rival_steps, rival) : 0;
    seconds.push_back(time_block(steps, ours));
    if (rival && !rival_first) other = time_block(rival_steps, rival);
    if (rival) ratios.push_back(seconds.back() / other);
  }
  r.pairs = seconds.size();
  r.seconds = tools::median(seconds);
  r.limit = r.bound_by_memory() ? limits.triad(r.threads) : tools::median(reached);
  r.allocations = count_allocations(static_cast<int>(std::clamp(1 / r.seconds, 3.0, 50.0)), ours);
  return ratios.empty() ? std::nullopt : std::optional(tools::median(ratios));
}

}  // namespace

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double block_seconds(double budget) { return std::clamp(budget / (2 * kFewestPairs), 0.01, kBlockSeconds); }

double time_block(Index steps, const Step& step) {
  const auto start = Clock::now();
  for (Index i = 0; i < steps; ++i) step();
  return seconds_since(start) / static_cast<double>(steps);
}

Index steps_of_a_block(const Step& step, double block) {
  step();
  const double once = std::max(time_block(2, step), 1e-7);
  const Index steps = std::max<Index>(2, static_cast<Index>(block / once));
  time_block(steps, step);
  return steps;
}

Result measure(const Row& row, int threads, const HandModule& module, Limits& limits, double budget) {
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
    const Step other = [&] { hand.step(data, kBenchRate); };
    r.to_hand = measure_pairs(r, ours, other, limits, budget);
  } else if (row.model == Row::Model::cnn) {
    RowEngine direct(data, threads, ConvolutionMethod::direct);
    const Step other = [&] { direct.step(); };
    r.to_direct = measure_pairs(r, ours, other, limits, budget);
  } else if (row.model == Row::Model::sparse && threads > 1) {
    RowEngine one(data, 1);
    const Step other = [&] { one.step(); };
    r.to_one_thread = measure_pairs(r, ours, other, limits, budget);
  } else {
    measure_pairs(r, ours, {}, limits, budget);
  }
  r.products = engine.products();
  r.bytes = engine.bytes();
  r.work_ratio = convolution_work_ratio(row);
  r.generation_share = generation_share(row, engine, threads, block_seconds(budget));
  return r;
}

}  // namespace bench
