// The worker threads of one object, and sums by a fixed tree. Not installed: it includes oneTBB.
#pragma once

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <span>
#include <thread>

#include "check.h"
#include "fork_join.h"
#include "function_ref.h"
#include "team.h"

namespace eqnn {

// The most threads of a Workers, and the most partial sums of one parallel sum.
inline constexpr Index kMaxParts = 64;

class Workers {
 public:
  // 0 threads: one a core; in both cases at most `most`.
  explicit Workers(int threads, Index most = kMaxParts)
      : threads_(threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))) {
    threads_ = std::min(threads_, static_cast<int>(most));
    // No more than oneTBB has: it says on stderr that it lacks those that are asked for beyond.
    const auto allowed = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
    const int present = std::min(threads_, static_cast<int>(allowed));
    if (present == 1) return;
    arena_.initialize(present);
    team_ = new Team(present);
  }
  ~Workers() {
    if (team_) team_->leave();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const { return threads_; }

  // Calls body(task, worker) for every task; worker < threads(). One thread: a plain loop. Throws what a task
  // threw.
  void for_each(Index tasks, FunctionRef<void(Index, std::size_t)> body) {
    if (!team_ || tasks <= 1) {
      for (Index i = 0; i < tasks; ++i) body(i, std::size_t{0});
      return;
    }
    // Isolated: a data callback that runs oneTBB itself must not be given another task while it waits.
    const auto isolated = [&body](Index i, std::size_t worker) {
      tbb::this_task_arena::isolate([&] { body(i, worker); });
    };
    team_->run(tasks, isolated, [this](std::size_t worker) {
      arena_.enqueue([team = team_, worker]() EQNN_BEFORE_FORK { team->help(worker); });
    });
  }

 private:
  int threads_;
  tbb::task_arena arena_;
  Team* team_ = nullptr;  // which helpers that were called share
};

// Adds `count` values by `add(from, to)`, as a binary tree over their index: (0+1)+(2+3) and so on, whatever the
// number of threads. The sum ends in number 0.
template <class Add>
void add_tree(Index count, const Add& add) {
  for (Index step = 1; step < count; step *= 2)
    for (Index r = 0; r + step < count; r += 2 * step) add(r + step, r);
}
inline double add_tree(std::span<double> values) {
  add_tree(static_cast<Index>(values.size()), [&](Index from, Index to) { values[to] += values[from]; });
  return values.empty() ? 0 : values[0];
}

}  // namespace eqnn
