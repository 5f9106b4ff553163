// Threads that stay awake between the loops of one caller. Not installed.
#pragma once

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <exception>
#include <thread>
#include <utility>

#include "check.h"
#include "function_ref.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace eqnn {

// Tells the processor that this thread waits for another one.
inline void pause_thread() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Loops of one caller, helped by threads that stay awake between them: waking a thread takes as long as a whole
// small loop. The caller claims tasks like any helper and never waits for one that has not come, so that a loop
// ends whether or not the machine has threads to spare.
class Team {
 public:
  using Task = FunctionRef<void(Index task, std::size_t worker)>;

  explicit Team(int threads) : absent_(~std::uint64_t{0} >> (64 - threads) & ~std::uint64_t{1}) {}

  // Hands out the tasks 0 to count - 1, works on them as worker 0, and returns when all are done. `call` calls a
  // helper: it must let help(worker) be called by another thread, once. Throws what a task threw.
  template <class Call>
  void run(Index count, Task task, const Call& call) {
    task_.store(&task, std::memory_order_relaxed);
    count_.store(count, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    const std::uint64_t loop = (open_.load(std::memory_order_relaxed) >> 32) + 1;
    open_.store(loop << 32 | static_cast<std::uint64_t>(count), std::memory_order_release);
    call_absent(count - 1, call);
    work(0);
    for (int spins = 0; done_.load(std::memory_order_acquire) != count; ++spins)
      spins < kSpins ? pause_thread() : std::this_thread::yield();
    if (failure_) {
      failed_.clear();
      std::rethrow_exception(std::exchange(failure_, nullptr));
    }
  }

  // Works as `worker` until there has been nothing to do for kLinger.
  void help(std::size_t worker) {
    do work(worker);
    while (wait());
    absent_.fetch_or(std::uint64_t{1} << worker, std::memory_order_release);
    leave();
  }

  void join() { holders_.fetch_add(1, std::memory_order_relaxed); }
  // The last one that leaves deletes the team.
  void leave() {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  static constexpr int kSpins = 4000;
  static constexpr std::chrono::microseconds kLinger{100};

  ~Team() = default;

  template <class Call>
  void call_absent(Index wanted, const Call& call) {
    std::uint64_t absent = absent_.load(std::memory_order_acquire);
    for (; absent != 0 && wanted > 0; absent &= absent - 1, --wanted) {
      const auto worker = static_cast<std::size_t>(std::countr_zero(absent));
      absent_.fetch_and(~(std::uint64_t{1} << worker), std::memory_order_relaxed);
      join();
      call(worker);
    }
  }

  // Claims tasks until none is open. Whoever claims one keeps its loop from ending, and so what run() published of
  // it from changing. Claims order nothing: a race between two tasks stays one for the thread sanitizer.
  void work(std::size_t worker) {
    std::uint64_t open = open_.load(std::memory_order_acquire);
    while ((open & kCount) != 0) {
      if (!open_.compare_exchange_weak(open, open - 1, std::memory_order_relaxed)) {
        open = open_.load(std::memory_order_acquire);
        continue;
      }
      const Index count = count_.load(std::memory_order_relaxed);
      try {
        (*task_.load(std::memory_order_relaxed))(count - static_cast<Index>(open & kCount), worker);
      } catch (...) {
        if (!failed_.test_and_set()) failure_ = std::current_exception();
      }
      done_.fetch_add(1, std::memory_order_release);
      open = open_.load(std::memory_order_acquire);
    }
  }

  // Until a task is open; false: none was for kLinger.
  bool wait() const {
    const auto end = std::chrono::steady_clock::now() + kLinger;
    do
      for (int i = 0; i < 64; ++i) {
        if ((open_.load(std::memory_order_relaxed) & kCount) != 0) return true;
        pause_thread();
      }
    while (std::chrono::steady_clock::now() < end);
    return false;
  }

  static constexpr std::uint64_t kCount = 0xffffffff;
  alignas(64) std::atomic<std::uint64_t> open_{
      0};  // the loop's number, and in the low half the tasks not yet claimed
  std::atomic<const Task*> task_{nullptr};
  std::atomic<Index> count_{0};
  alignas(64) std::atomic<Index> done_{0};
  std::atomic<std::uint64_t> absent_;  // a bit for each worker that is neither at work, nor lingers, nor was called
  std::atomic<int> holders_{1};
  std::atomic_flag failed_;
  std::exception_ptr failure_;
};

}  // namespace eqnn
