#include "machine_limits.h"

#include <cblas.h>
#include <eqnn/core/matrix.h>
#include <eqnn/core/rng.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <thread>
#include <vector>

#include "limits_kernels.h"

namespace bench {
namespace {

using namespace eqnn;
using Clock = std::chrono::steady_clock;

constexpr int kSide = 512, kRounds = 4;
constexpr Index kTriad = Index{32} << 20;

// The most work a second of some rounds, in each of which every thread does work(thread) once, at the same time.
// work returns how much it did.
template <class Work>
double best_rate(int threads, const Work& work) {
  double best = 0;
  std::vector<double> done(static_cast<std::size_t>(threads));
  Clock::time_point start;
  int half = 0;  // of a round: all are ready, all are done
  std::barrier together(threads, [&]() noexcept {
    const auto now = Clock::now();
    if (half++ % 2 == 0) {
      start = now;
      return;
    }
    double all = 0;
    for (const double d : done) all += d;
    best = std::max(best, all / std::chrono::duration<double>(now - start).count());
  });
  const auto run = [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      together.arrive_and_wait();
      done[static_cast<std::size_t>(thread)] = work(thread);
      together.arrive_and_wait();
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
  run(0);
  for (std::thread& other : others) other.join();
  return best;
}

}  // namespace

struct Limits::Products {
  struct One {
    One() : a(kSide, kSide), b(kSide, kSide), c(kSide, kSide) {
      Draws draws({1, Stream::user});
      for (Index i = 0; i < kSide * kSide; ++i) {
        a.data()[i] = static_cast<float>(draws.uniform());
        b.data()[i] = static_cast<float>(draws.uniform());
      }
    }
    Matrix<float> a, b, c;
  };
  std::vector<One> of_threads;
};

Limits::Limits() : products_(std::make_unique<Products>()) { openblas_set_num_threads(1); }
Limits::~Limits() = default;

double Limits::sgemm(int threads) {
  while (products_->of_threads.size() < static_cast<std::size_t>(threads)) products_->of_threads.emplace_back();
  return 1e-9 * best_rate(threads, [this](int thread) {
           Products::One& p = products_->of_threads[static_cast<std::size_t>(thread)];
           cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSide, kSide, kSide, 1.0f, p.a.data(), kSide,
                       p.b.data(), kSide, 0.0f, p.c.data(), kSide);
           return 2.0 * kSide * kSide * kSide;
         });
}

double Limits::registers(int threads) {
  return 1e-9 * best_rate(threads, [](int) {
           float sink = 1;
           return multiply_add_registers(4'000'000, &sink);
         });
}

double Limits::triad(int threads) {
  AlignedBuffer<float> a(kTriad), b(kTriad), c(kTriad);
  std::fill_n(b.data(), kTriad, 1.0f);
  std::fill_n(c.data(), kTriad, 2.0f);
  return 1e-9 * best_rate(threads, [&](int thread) {
           const Index first = thread * (kTriad / 64) / threads * 64;
           const Index last = (thread + 1) * (kTriad / 64) / threads * 64;
           triad_pass(static_cast<std::size_t>(last - first), 3.0f, b.data() + first, c.data() + first,
                      a.data() + first);
           return 3.0 * sizeof(float) * static_cast<double>(last - first);
         });
}

}  // namespace bench
