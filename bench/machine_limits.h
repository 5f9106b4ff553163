// What the machine can do at this moment, in numbers that a row's speed is a share of.
#pragma once

#include <memory>

namespace bench {

// With `threads` threads at once, each on data of its own: two threads of one core are told apart from two cores.
class Limits {
 public:
  Limits();
  ~Limits();
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;

  // Single-threaded OpenBLAS sgemm on 512 x 512 x 512 in each thread, GFLOP/s of all: the best of some rounds.
  double sgemm(int threads);
  // Fused multiply-adds on registers alone, GFLOP/s of all.
  double registers(int threads);
  // a = b + s c on arrays of 128 MB each, GB/s of all: three times the array's bytes (STREAM triad).
  double triad(int threads);

 private:
  struct Products;
  std::unique_ptr<Products> products_;
};

}  // namespace bench
