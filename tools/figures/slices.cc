#include "figures/slices.h"

#include <algorithm>
#include <cmath>
#include <map>

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
    if (key != size && key != "model") (is_family_parameter(key) ? problem : grid).push_back(key);
  std::vector<FrontierSlice> slices;
  std::map<std::string, std::size_t> place;
  for (const FigureRun& run : group.runs) {
    if (run.learner || !run.done() || !run.values.contains(size)) continue;
    const std::string label = values_text(run, problem);
    const auto [entry, added] = place.try_emplace(concat(run.method, "\n", label), slices.size());
    if (added) slices.push_back({run.method, label, size, grid, {}, {}});
    slices[entry->second].runs.push_back(run);
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

}  // namespace tools
