// When to lower the rate, and when to stop: what watches a loss that is measured now and then.
#pragma once

#include <cstdint>
#include <limits>

namespace eqnn {

// Both watch values v_1, v_2, .. of which less is better. A value is better where v < best - min_delta, and then
// best = v; any other counts, NaN too. After `patience` in a row the call acts, and counts from 0 again:
//   EarlyStopping    returns true
//   ReduceOnPlateau  returns max(min_rate, factor rate), of the rate that it is given; rate itself otherwise, and
//                    where it is below min_rate already
// `best` and `waited` are their state: kept and put back, they go on. Calls throw ValueError for patience < 1,
// min_delta or min_rate below 0 or not finite, and a factor outside (0, 1). Threads: none of their own.
struct EarlyStopping {
  std::uint64_t patience = 10;
  double min_delta = 0;
  double best = std::numeric_limits<double>::infinity();
  std::uint64_t waited = 0;

  bool operator()(double value);
};

// trainer.set_rate(plateau(loss, trainer.rate()));
struct ReduceOnPlateau {
  double factor = 0.1;
  std::uint64_t patience = 10;
  double min_delta = 0;
  double min_rate = 0;
  double best = std::numeric_limits<double>::infinity();
  std::uint64_t waited = 0;

  double operator()(double value, double rate);
};

}  // namespace eqnn
