// A row's time a step, in alternation with what it is compared with inside of this process.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "hand.h"
#include "machine_limits.h"
#include "rows.h"

namespace bench {

using Clock = std::chrono::steady_clock;
using Step = std::function<void()>;

inline constexpr std::size_t kFewestPairs = 7, kMostPairs = 25;

double seconds_since(Clock::time_point start);
// Seconds of one block, where `budget` seconds are there for a row.
double block_seconds(double budget);
// Seconds a step of so many steps.
double time_block(Index steps, const Step& step);
// After a warm-up block of as many.
Index steps_of_a_block(const Step& step, double block);

struct Result {
  Row row;
  int threads = 1;
  double seconds = 0, products = 0, bytes = 0;  // of a step
  double limit = 0;                             // GFLOP/s of sgemm, or GB/s of triad, on as many threads
  // The engine's time over that of what it was alternated with: which one depends on the row.
  std::optional<double> to_hand, to_direct, to_one_thread;
  std::optional<double> work_ratio;
  std::optional<double> allocations;
  std::optional<double> generation_share;
  std::size_t pairs = 0;

  double gflops() const { return products / seconds * 1e-9; }
  double gigabytes() const { return bytes / seconds * 1e-9; }
  // Rows of sparse sums are bound by memory, the others by their products.
  bool bound_by_memory() const { return row.model == Row::Model::sparse; }
  double share() const { return (bound_by_memory() ? gigabytes() : gflops()) / limit; }
  std::optional<double> speedup() const { return to_one_thread ? std::optional(1 / *to_one_thread) : std::nullopt; }
};

// Throws CheckFailed (peers.h) when the hand-written step does not compute what the engine does.
Result measure(const Row& row, int threads, const HandModule& module, Limits& limits, double budget);

}  // namespace bench
