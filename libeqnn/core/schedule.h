// The rate of each step of training.
#pragma once

#include <cstdint>
#include <functional>

namespace eqnn {

// The rate of step s = 0, 1, .. is the optimiser's rate times
//   min(1, (s + 1) / warmup) (1 without warm-up), times
//   constant  1
//   cosine    floor + (1 - floor) (1 + cos(pi s' / S')) / 2, from s' = s - warmup = 0 to S' = steps - warmup,
//             then floor
//   step      factor^(s / every), the quotient rounded down
//   custom    custom(s), where it is given: in the place of the kind, which is to be left as it is
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
  // Called by the thread that drives the Trainer, once a step. A function of s alone, or a run that goes on from a
  // file is another one.
  std::function<double(std::uint64_t step)> custom = {};

  // Throws ValueError for a cosine without steps, every = 0, first < 0, numbers that are not finite, or a kind
  // beside `custom`.
  void check() const;
  // Throws ValueError where custom(step) is negative or not finite.
  double operator()(std::uint64_t step) const;
};

}  // namespace eqnn
