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

// Of the families whose second moment falls as a power of the size: of dim H_k (the planar ones) and of the number
// of sets or monomials.
std::optional<double> power_of(const FrontierSlice& slice) {
  struct Power {
    const char *family, *size, *parameter;
    double factor, more;  // factor times the parameter, and more
  };
  static constexpr Power kPowers[] = {{"gnn-feature", "d", "k", 1, 0},
                                      {"cnn-cyclic", "n", "k", 1, -1},
                                      {"rotation-invariant", "n", "k", 2, 0},
                                      {"frame-parity", "n", "k", 1, 0},
                                      {"invariant-poly", "r", "degree", 1, 0}};
  for (const Power& p : kPowers) {
    if (slice.runs.front().family != p.family || slice.size != p.size) continue;
    std::set<std::string> values;
    for (const FigureRun& run : slice.runs)
      if (const auto found = run.parameters.find(p.parameter); found != run.parameters.end())
        values.insert(found->second);
    if (values.size() == 1) return p.factor * std::stod(*values.begin()) + p.more;
  }
  return {};
}

}  // namespace

Growth growth_of(const FrontierSlice& slice, bool control) {
  static const std::set<std::string> kSizes{"n", "r", "d", "k", "degree", "m", "terms"};
  if (!kSizes.contains(slice.size)) return {.note = slice.size + " is no size", .laws = {}};
  std::vector<SizeTimes> sizes;
  for (const FrontierPoint& p : slice.points) {
    if (p.control != control || !(p.size > 0)) continue;
    const auto run = std::ranges::find_if(
        slice.runs, [&](const FigureRun& r) { return number_of(r.values.at(slice.size)) == p.size; });
    sizes.push_back({p.size, p.times, control ? Run::kNone : log_effective(*run)});
  }
  return fit_growth(sizes, slice.size, control ? std::nullopt : power_of(slice));
}

}  // namespace tools
