#include "plateau.h"

#include <algorithm>
#include <cmath>

#include "check.h"

namespace eqnn {
namespace {

// Whether patience has ended with `value`; W is one of the two that watch.
template <class W>
bool out_of_patience(W& w, double value) {
  require(w.patience >= 1, "patience is 0; it must be at least 1");
  require(std::isfinite(w.min_delta) && w.min_delta >= 0, "min_delta is ", w.min_delta,
          "; it must be finite and not negative");
  if (value < w.best - w.min_delta) {
    w.best = value;
    w.waited = 0;
    return false;
  }
  if (++w.waited < w.patience) return false;
  w.waited = 0;
  return true;
}

}  // namespace

bool EarlyStopping::operator()(double value) { return out_of_patience(*this, value); }

double ReduceOnPlateau::operator()(double value, double rate) {
  require(factor > 0 && factor < 1, "the factor of a plateau is ", factor, "; it must be between 0 and 1");
  require(std::isfinite(min_rate) && min_rate >= 0, "min_rate is ", min_rate,
          "; it must be finite and not negative");
  return out_of_patience(*this, value) ? std::min(rate, std::max(min_rate, factor * rate)) : rate;
}

}  // namespace eqnn
