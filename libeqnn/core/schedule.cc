#include "schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "check.h"

namespace eqnn {

void Schedule::check() const {
  require(kind != Kind::cosine || steps >= 1, "a cosine schedule needs the number of steps");
  require(std::isfinite(floor) && std::isfinite(factor), "the schedule's floor is ", floor, " and its factor ",
          factor, "; both must be finite");
  require(std::isfinite(first) && first >= 0, "the factor of the schedule's first step is ", first,
          "; it must be finite and not negative");
  require(!custom || kind == Kind::constant,
          "a schedule has both a kind and a custom function; leave the kind out, or the function");
  require(kind != Kind::step || every >= 1, "a step schedule falls every ", every, " steps; at least 1 is allowed");
}

double Schedule::operator()(std::uint64_t step) const {
  if (step == 0 && first > 0) return first;
  const double s = static_cast<double>(step);
  double result = 1;
  if (custom) {
    result = custom(step);
    require(std::isfinite(result) && result >= 0, "the custom schedule gives ", result, " at step ", step,
            "; a factor must be finite and not negative");
  } else if (kind == Kind::cosine) {
    const double length = std::max(1.0, static_cast<double>(steps) - static_cast<double>(warmup));
    const double done = std::clamp((s - static_cast<double>(warmup)) / length, 0.0, 1.0);
    result = floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * done));
  } else if (kind == Kind::step) {
    result = std::pow(factor, static_cast<double>(step / every));
  }
  if (step < warmup) result *= (s + 1) / static_cast<double>(warmup);
  return result;
}

}  // namespace eqnn
