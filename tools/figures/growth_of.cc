#include "figures/growth_of.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include <eqnn/hard/bounds/bounds.h>

namespace tools {
namespace {

// nan where no second moment is known.
double log_effective(const Run& run) {
  try {
    const auto moments = eqnn::hard::second_moments(run.family, run.parameters);
    return moments.empty() ? Run::kNone : -std::log(moments.front().bounded);
  } catch (const eqnn::Error&) {
    return Run::kNone;
  }
}

// Where the second moment falls as a power of the size, and all runs have the same one.
std::optional<double> power_of(const FrontierSlice& slice) {
  const std::string& id = slice.runs.front().family;
  const auto family = std::ranges::find(eqnn::hard::families(), id, &eqnn::hard::Family::id);
  if (family == eqnn::hard::families().end() || !family->decay || family->decay->size != slice.size) return {};
  const eqnn::hard::MomentDecay& decay = *family->decay;
  std::set<std::string> values;
  for (const FigureRun& run : slice.runs)
    if (const auto found = run.parameters.find(decay.parameter); found != run.parameters.end())
      values.insert(found->second);
  if (values.size() != 1) return {};
  return decay.factor * std::stod(*values.begin()) + decay.more;
}

}  // namespace

Growth growth_of(const FrontierSlice& slice, bool control) {
  static const std::set<std::string> kSizes{"n", "r", "d", "k", "degree", "m", "terms"};
  if (!kSizes.contains(slice.size)) return {.note = slice.size + " is no size", .laws = {}};
  std::vector<SizeTimes> sizes;
  bool known = !control;  // what is known of one law of the inputs is void of another
  for (const FrontierPoint& p : slice.points) {
    if (p.control != control || !(p.size > 0)) continue;
    const auto run = std::ranges::find_if(
        slice.runs, [&](const FigureRun& r) { return number_of(r.values.at(slice.size)) == p.size; });
    sizes.push_back({p.size, p.times, control ? Run::kNone : log_effective(*run)});
    known = known && std::isfinite(sizes.back().log_effective);
  }
  return fit_growth(sizes, slice.size, known ? power_of(slice) : std::nullopt);
}

}  // namespace tools
