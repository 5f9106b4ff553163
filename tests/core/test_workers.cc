// Loops over worker threads: every task once, whoever comes to help, and what a task throws.
#include <doctest/doctest.h>
#include <eqnn/core/workers.h>

#include <array>
#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

using eqnn::Index;

namespace {

// Calls for_each over and over with counts that change; every task must run once, by a worker that nobody else is.
void check_loops(int threads, int loops) {
  CAPTURE(threads);
  eqnn::Workers workers(threads);
  std::array<std::atomic<int>, 64> at_work{};
  std::vector<int> times;
  for (int loop = 0; loop < loops; ++loop) {
    const Index count = loop % 97;
    times.assign(static_cast<std::size_t>(count), 0);
    std::atomic<int> shared{0};
    workers.for_each(count, [&](Index task, std::size_t worker) {
      if (worker >= static_cast<std::size_t>(threads) || at_work[worker].fetch_add(1) != 0) ++shared;
      ++times[task];
      at_work[worker].fetch_sub(1);
    });
    REQUIRE(shared == 0);
    REQUIRE(std::all_of(times.begin(), times.end(), [](int n) { return n == 1; }));
  }
}

}  // namespace

TEST_CASE("workers: every task runs once, each worker does one at a time") {
  for (const int threads : {1, 2, 3, 8, 64}) check_loops(threads, 3000);
}

TEST_CASE("workers: helpers that fell asleep are called again") {
  if (tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism) < 2) return;
  eqnn::Workers workers(2);
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> done{0};
    // Ends only when both threads are in the loop at the same time.
    workers.for_each(2, [&](Index, std::size_t) {
      ++done;
      while (done < 2) std::this_thread::yield();
    });
    CHECK(done == 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

TEST_CASE("workers: what a task throws reaches the caller, and the next loop runs") {
  eqnn::Workers workers(3);
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> done{0};
    const auto loop = [&] {
      workers.for_each(20, [&](Index task, std::size_t) {
        ++done;
        if (task % 7 == 3) throw std::runtime_error("task");
      });
    };
    CHECK_THROWS_WITH_AS(loop(), "task", std::runtime_error);
    CHECK(done == 20);
    done = 0;
    workers.for_each(20, [&](Index, std::size_t) { ++done; });
    CHECK(done == 20);
  }
}

TEST_CASE("workers: a team whose helpers never come does all by itself") {
  auto* team = new eqnn::Team(4);
  int called = 0, sum = 0;
  const auto task = [&](Index i, std::size_t worker) {
    CHECK(worker == 0);
    sum += static_cast<int>(i);
  };
  for (int round = 0; round < 3; ++round) team->run(10, task, [&](std::size_t) { ++called; });
  CHECK(sum == 3 * 45);
  CHECK(called == 3);  // each helper once, not once a loop
  for (int i = 0; i < called; ++i) team->leave();
  team->leave();
}
