// The rate of each step of training.
#pragma once

#include <cstdint>

namespace eqnn {

// The rate of step s = 0, 1, .. is the optimiser's rate times
//   min(1, (s + 1) / warmup) (1 without warm-up), times
//   constant  1
//   cosine    floor + (1 - floor) (1 + cos(pi s' / S')) / 2, from s' = s - warmup = 0 to S' = steps - warmup,
//             then floor
//   step      factor^(s / every), the quotient rounded down
// and that of step 0 is `first` times the optimiser's, where that is above 0.
struct Schedule {
  enum class Kind : std::uint8_t { constant, cosine, step };
  Kind kind = Kind::constant;
  std::uint64_t steps = 0;   // cosine: length of the run
  std::uint64_t warmup = 0;  // steps of linear warm-up
  double floor = 0;          // cosine: last factor
  std::uint64_t every = 1000;
  double factor = 0.1;
  double first = 0;

  // Throws ValueError for a cosine without steps, every = 0, first < 0, or numbers that are not finite.
  void check() const;
  double operator()(std::uint64_t step) const;
};

}  // namespace eqnn
