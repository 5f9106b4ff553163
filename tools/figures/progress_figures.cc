// Hidden progress: what measures of a run tell before its loss does.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "figures/foresight.h"
#include "figures/kinds.h"
#include "figures/size_axis.h"

namespace tools {
namespace {

constexpr const char* kNeverColor = "#888888";

std::string words_of(std::string measure) {
  std::ranges::replace(measure, '_', ' ');
  return measure;
}

Table progress_table(const Foresight& f, const std::string& size) {
  Table t{{size, "measure", "learned_early", "learned_later", "not_learned", "area", "area_low", "area_high",
           "lead", "lead_low", "lead_high", "rose_in_vain", "run", "learned", "samples", "value"},
          {}};
  for (const MeasureForesight& m : f.measures)
    t.rows.push_back({f.size, m.name, std::int64_t{f.early}, std::int64_t{f.later}, std::int64_t{f.never},
                      m.area.value, m.area.interval.low, m.area.interval.high, number_cell(m.lead),
                      number_cell(m.lead_interval.low), number_cell(m.lead_interval.high),
                      std::int64_t{m.rose_in_vain}});
  for (std::size_t run = 0; run < f.curves.size(); ++run)
    for (std::size_t i = 0; i < f.curves[run].samples.size(); ++i) {
      std::vector<Cell> row(12);
      row[0] = f.size;
      row[1] = f.shown;
      row.insert(row.end(), {static_cast<std::int64_t>(run), std::int64_t{f.curves[run].learned},
                             f.curves[run].samples[i], number_cell(f.curves[run].values[i])});
      t.rows.push_back(std::move(row));
    }
  for (auto& row : t.rows) row.resize(t.columns.size());
  return t;
}

// Every run's measure against its samples; a line at a quarter of the budget.
void plot_curves(Page& page, const Foresight& f) {
  std::vector<std::string> parts{fmt::format("{} using 1:2 with lines lc rgb '{}' lw 1 dt (2,3)",
                                             page.data({{f.budget / 4, 0}, {f.budget / 4, 1}}), kGuideColor)};
  for (const bool learned : {false, true})
    for (const MeasureCurve& c : f.curves) {
      if (c.learned != learned) continue;
      std::vector<std::vector<double>> rows;
      for (std::size_t i = 0; i < c.samples.size(); ++i) rows.push_back({c.samples[i], c.values[i]});
      parts.push_back(fmt::format("{} using 1:2 with lines lc rgb '{}' lw 1.2", page.data(rows),
                                  learned ? kTargetColor : kNeverColor));
    }
  page.plot(parts);
}

// The area of each measure with its interval, one a row.
void plot_areas(Page& page, const Foresight& f) {
  std::vector<std::vector<double>> rows;
  std::string tics;
  for (std::size_t i = 0; i < f.measures.size(); ++i) {
    const Area& a = f.measures[i].area;
    const double at = static_cast<double>(f.measures.size() - i);
    rows.push_back({a.value, at, a.interval.low, a.interval.high});
    tics += fmt::format("{}{} {}", tics.empty() ? "" : ", ", quoted_tic(words_of(f.measures[i].name)), at);
  }
  const double top = static_cast<double>(f.measures.size()) + 0.6;
  page.add(
      fmt::format("unset logscale x\nset xrange [-0.02:1.02]\nset xtics ('0' 0, '0.25' 0.25, '0.5' 0.5, '0.75' "
                  "0.75, '1' 1)\nset yrange [0.4:{}]\nset ytics ({})",
                  top, tics));
  page.plot({fmt::format("{} using 1:2 with lines lc rgb '{}' lw 1 dt (2,3)", page.data({{0.5, 0.4}, {0.5, top}}),
                         kGuideColor),
             fmt::format("{} using 1:2:3:4 with xerrorbars lc rgb '{}' lw 1.4 pt 7 ps 0.9*point_scale",
                         page.data(rows), kTargetColor)});
}

Figure progress_figure(const Group& group, const FrontierSlice& slice, const Foresight& f, std::size_t slices,
                       const FigureStyle& style) {
  Page page(style, {{LegendEntry::kLine, fmt::format("lc rgb '{}' lw 1.4", kTargetColor),
                     fmt::format("learned ({} runs, {} of them by a quarter)", f.early + f.later, f.early)},
                    {LegendEntry::kLine, fmt::format("lc rgb '{}' lw 1.4", kNeverColor),
                     fmt::format("not learned ({})", f.never)},
                    {LegendEntry::kLine, fmt::format("lc rgb '{}' lw 1 dt (2,3)", kGuideColor),
                     "a quarter of the budget; an area of 1/2"}});
  const double top = page.top(), height = 230, second = top + height + 66,
               rows = 28.0 * static_cast<double>(f.measures.size());
  page.set_height(static_cast<int>(second + rows + 54));
  double first = INFINITY;
  for (const MeasureCurve& c : f.curves)
    if (!c.samples.empty()) first = std::min(first, c.samples.front());
  page.panel(84, top, page.width() - 24, top + height);
  page.add(number_axis('x', first, f.budget, true, page.width() - 108));
  page.add(kFractionAxis);
  page.axis_labels("samples", f.shown == "correlation" ? "|correlation|" : f.shown);
  plot_curves(page, f);
  page.panel(190, second, page.width() - 24, second + rows, f.measures.size());
  page.axis_labels("area under the curve at a quarter of the budget", "");
  plot_areas(page, f);
  Figure figure{
      slice_name(group, slice, slices, "progress"),
      "progress",
      slice_title(group, slice, slices, fmt::format("Hidden progress at {} {}", slice.size, readable(f.size))),
      "",
      progress_table(f, slice.size),
      ""};
  figure.caption = fmt::format(
      "Above: the {} of every run of the target at {} {}, at its best grid point. Below: how well a measure at a "
      "quarter of the budget "
      "tells "
      "the {} runs that learn later from the {} that do not (area under the curve, ties half; 95 % intervals by "
      "Newcombe's method 5); of the loss its negative. The data have each measure's lead: how much earlier than "
      "the "
      "loss (0.9) it rose above the mean and four standard deviations of all runs' first values for three tests in "
      "a "
      "row, as a share.",
      f.shown == "correlation" ? "absolute correlation with the target"
                               : "first layer's overlap with what is planted",
      slice.size, readable(f.size), f.later, f.never);
  page.finish(figure);
  return figure;
}

Figures progress_figures(const Group& group, const FigureSource& source) {
  const auto slices = frontier_slices(group, source.options.x);
  Figures figures;
  for (const FrontierSlice& slice : slices)
    if (const auto f = foresight_of(source.db, slice))
      figures.push_back(progress_figure(group, slice, *f, slices.size(), source.options.style));
  return figures;
}

}  // namespace

const FigureKind kProgressKind{"progress", "what overlap, correlation and gradients tell before the loss does",
                               progress_figures, nullptr};

}  // namespace tools
