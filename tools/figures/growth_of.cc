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

std::optional<double> power_of(const FrontierSlice& slice) {
  for (const char* name : {"k", "degree"}) {
    std::set<std::string> values;
    for (const FigureRun& run : slice.runs)
      if (const auto found = run.parameters.find(name); found != run.parameters.end()) values.insert(found->second);
    if (values.size() == 1 && slice.size != name) return std::stod(*values.begin());
  }
  return {};
}

}  // namespace

Growth growth_of(const FrontierSlice& slice, bool control) {
  std::vector<SizeTimes> sizes;
  for (const FrontierPoint& p : slice.points) {
    if (p.control != control || !(p.size > 0)) continue;
    const auto run = std::ranges::find_if(
        slice.runs, [&](const FigureRun& r) { return number_of(r.values.at(slice.size)) == p.size; });
    sizes.push_back({p.size, p.times, log_effective(*run)});
  }
  return fit_growth(sizes, slice.size, power_of(slice));
}

}  // namespace tools
