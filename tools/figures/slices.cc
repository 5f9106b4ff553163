#include "figures/slices.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <eqnn/hard/bounds/bounds.h>

#include "figures/settings.h"

namespace tools {
namespace {

// A run that learned, of which nobody noted when, learned by its last step.
FrontierRun timed(FrontierRun r) {
  if (r.learned && !std::isfinite(r.steps_to_learn)) {
    r.steps_to_learn = r.steps;
    r.samples_to_learn = r.samples;
  }
  return r;
}

}  // namespace

std::vector<FrontierSlice> frontier_slices(const Group& group, const std::string& x) {
  const std::string size = size_column(group, x);
  if (size.empty()) return {};
  std::vector<std::string> problem, grid;  // the other columns
  for (const std::string& key : group.swept)
    if (key != size && key != "model")
      (is_family_parameter(key) || key == kBeginning ? problem : grid).push_back(key);
  std::vector<FrontierSlice> slices;
  std::map<std::string, std::size_t> place;
  for (const FigureRun& run : group.runs) {
    if (run.learner || !run.values.contains(size)) continue;
    const std::string label = values_text(run, problem);
    const auto [entry, added] = place.try_emplace(concat(run.method, "\n", label), slices.size());
    if (added) slices.push_back({run.method, label, size, grid, {}, {}, {}});
    if (run.done())
      slices[entry->second].runs.push_back(run);
    else
      slices[entry->second].begun.push_back(number_of(run.values.at(size)));
  }
  std::erase_if(slices, [&](const FrontierSlice& s) { return values_of(s.runs, size).size() < 2; });
  for (FrontierSlice& slice : slices) {
    std::vector<FrontierRun> runs;
    for (const FigureRun& run : slice.runs)
      runs.push_back(timed(frontier_run(run, number_of(run.values.at(size)), values_text(run, grid))));
    slice.points = frontier(runs);
  }
  return slices;
}

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
  if (!kSizes.contains(slice.size))
    return {.note = concat("no law of growth, as ", slice.size, " is no size of a family"), .laws = {}};
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
