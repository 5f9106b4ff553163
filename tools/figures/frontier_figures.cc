// The figure of what is learned against the size.

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "figures/kinds.h"
#include "figures/size_axis.h"

namespace tools {
namespace {

bool has_points(const std::vector<FrontierPoint>& points, bool control) {
  return std::ranges::any_of(points, [&](const FrontierPoint& p) { return p.control == control; });
}

Table frontier_table(const FrontierSlice& slice) {
  Table t{{slice.size, "role", "grid_point", "grid_points", "seeds", "learned", "fraction", "fraction_low",
           "fraction_high"},
          {}};
  for (const char* name :
       {"steps_to_learn", "steps_low", "steps_high", "samples_to_learn", "samples_low", "samples_high"})
    for (const char* end : {"", "_censored"}) t.columns.push_back(concat(name, end));
  for (const char* name : {"median_loss", "lowest_loss", "highest_loss", "median_coverage", "steps_given"})
    t.columns.emplace_back(name);
  for (const FrontierPoint& p : slice.points) {
    std::vector<Cell>& row = t.rows.emplace_back();
    row = {p.size,
           std::string(p.control ? "control" : "target"),
           p.best,
           std::int64_t{p.grid_points},
           std::int64_t{p.seeds},
           std::int64_t{p.learned},
           p.fraction,
           p.fraction_interval.low,
           p.fraction_interval.high};
    for (const CensoredMedian* m : {&p.steps, &p.samples})
      for (const double v : {m->value, m->interval.low, m->interval.high}) add_censored(row, v, m->budget);
    for (const double v : {p.loss_median, p.loss_range.low, p.loss_range.high}) row.push_back(number_cell(v));
    row.insert(row.end(), {p.median_coverage, number_cell(p.steps_given)});
  }
  return t;
}

// Points with their intervals, for one role, and the line that joins them; it ends before a size that was not
// measured: of which the other role alone has a finished run, or runs were begun and none is finished.
template <class Row>
void add_series(Page& page, const FrontierSlice& slice, bool control, const Row& row,
                std::vector<std::string>& parts) {
  std::map<double, std::vector<double>> places;
  for (const double size : slice.begun) places[size] = std::vector(4, std::nan(""));
  for (const FrontierPoint& p : slice.points)
    if (p.control == control)
      places[p.size] = row(p);
    else
      places.try_emplace(p.size, 4, std::nan(""));
  std::vector<std::vector<double>> rows;
  for (const auto& [size, place] : places) rows.push_back(place);
  const std::string name = page.data(rows);
  parts.push_back(fmt::format("{} using 1:2 with lines lc rgb '{}' lw 1.6 dt {}", name, role_color(control),
                              control ? "(6,4)" : "1"));
  parts.push_back(fmt::format("{} using 1:2:3:4 with yerrorbars lc rgb '{}' lw 1.4 pt {} ps 0.9*point_scale", name,
                              role_color(control), control ? 9 : 7));
}

// Above the fraction learned, below the loss.
void draw_frontier(Page& page, const FrontierSlice& slice, const RoleAxis& x, const LossAxis& y) {
  const double top = page.top(), height = 200, second = top + height + 40;
  // A panel without a loss is left out: runs may have a verdict alone.
  const bool losses = std::ranges::any_of(slice.points, [](const FrontierPoint& p) {
    return std::isfinite(p.loss_median) || std::isfinite(p.loss_range.low);
  });
  page.set_height(static_cast<int>((losses ? second : top) + height + 54));
  std::vector<std::string> upper, lower;
  for (const bool role : {false, true}) {
    if (!has_points(slice.points, role)) continue;
    const auto fraction = [&](const FrontierPoint& p) {
      return std::vector{x.place(p.size, role), p.fraction, p.fraction_interval.low, p.fraction_interval.high};
    };
    const auto loss = [&](const FrontierPoint& p) {
      return std::vector{x.place(p.size, role), y.place(p.loss_median), y.place(p.loss_range.low),
                         y.place(p.loss_range.high)};
    };
    add_series(page, slice, role, fraction, upper);
    add_series(page, slice, role, loss, lower);
  }
  page.panel(84, top, page.width() - 24, top + height);
  page.add(x.commands());
  page.add(kFractionAxis);
  page.axis_labels(losses ? "" : slice.size, "fraction of seeds learned");
  page.plot(upper);
  if (!losses) return;
  page.panel(84, second, page.width() - 24, second + height);
  page.add(y.commands('y') + "\n" + threshold_lines('y', slice.runs.front().learned_below));
  page.axis_labels(slice.size, "normalised test loss");
  page.plot(lower);
}

Figure frontier_figure(const Group& group, const FrontierSlice& slice, std::size_t slices,
                       const FigureStyle& style) {
  std::vector<double> losses;
  int grid = 0;
  for (const FrontierPoint& p : slice.points) {
    losses.insert(losses.end(), {p.loss_median, p.loss_range.low, p.loss_range.high});
    grid = std::max(grid, p.grid_points);
  }
  auto legend =
      roles_legend(has_points(slice.points, false), has_points(slice.points, true), LegendEntry::kLinePoint);
  add_thresholds(legend, slice.runs.front().learned_below);
  Page page(style, legend);
  draw_frontier(page, slice, RoleAxis(slice.points, page.width() - 108), LossAxis(losses));
  Figure f{slice_name(group, slice, slices, "frontier"),
           "frontier",
           slice_title(group, slice, slices, "Frontier"),
           "",
           frontier_table(slice),
           ""};
  f.caption = fmt::format(
      "Against {}: {}. Above: fraction of seeds learned, with 95 % intervals that allow for the choice of the best "
      "point. Below: median normalised test "
      "loss, bars from the lowest to the highest seed. {}",
      slice.size, counts_text(slice.runs),
      grid > 1 ? fmt::format("Each at the best of up to {} grid points, chosen for target and control apart and on "
                             "the same seeds, which favours learning.",
                             grid)
               : "There is one grid point at each size.");
  page.finish(f);
  return f;
}

Figures frontier_figures(const Group& group, const FigureSource& source) {
  const auto slices = frontier_slices(group, source.options.x);
  Figures figures;
  for (const FrontierSlice& slice : slices)
    figures.push_back(frontier_figure(group, slice, slices.size(), source.options.style));
  return figures;
}

}  // namespace

const FigureKind kFrontierKind{"frontier", "fraction of seeds learned, and the loss, against the size",
                               frontier_figures, nullptr};

}  // namespace tools
