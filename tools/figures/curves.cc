// Figures against the step: learning-curves, correlation.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/core.h>

#include "figures/kinds.h"

namespace tools {
namespace {

// Of one figure, and of all figures of a group: the rest goes into further figures, and beyond that is counted.
constexpr std::size_t kPanels = 12, kAllPanels = 60;

struct CurvePoint {
  double step = 0, value = 0, low = 0, high = 0;
};

// One line of a panel: a run, or the median of many with its band.
struct Curve {
  bool control = false, banded = false;
  std::string setting, who;  // "seed 3", "median of 10 runs"
  std::vector<CurvePoint> points;
};

struct Panel {
  std::string name, label;
  std::vector<Curve> curves;
};

// What is read of every evaluation.
enum class Measure { kLoss, kCorrelation };

std::vector<CurvePoint> read_curve(const Database& db, const std::string& run, Measure measure) {
  const Table t = db.query(
      "SELECT step, normalized_test_loss, correlation, correlation_low, correlation_high FROM metrics WHERE run_id "
      "= ? ORDER BY step",
      {run});
  std::vector<CurvePoint> points;
  for (const auto& row : t.rows) {
    CurvePoint p;
    p.step = number_of(row[0]);
    if (!(p.step > 0)) continue;
    if (measure == Measure::kLoss) {
      p.value = p.low = p.high = number_of(row[1]);
    } else {
      const double low = number_of(row[3]), high = number_of(row[4]);
      p.value = std::abs(number_of(row[2]));
      p.high = std::max(std::abs(low), std::abs(high));
      p.low = low <= 0 && high >= 0 ? 0 : std::min(std::abs(low), std::abs(high));
      if (!std::isfinite(p.value)) continue;
    }
    points.push_back(p);
  }
  return points;
}

// Median and range over runs at every step at which one was evaluated; a run that has ended counts with its last
// value.
Curve median_curve(const std::vector<Curve>& runs, Measure measure) {
  Curve curve = runs.front();
  curve.banded = true;
  curve.who = fmt::format("median of {} runs", runs.size());
  curve.points.clear();
  std::set<double> steps;
  for (const Curve& r : runs)
    for (const CurvePoint& p : r.points) steps.insert(p.step);
  std::vector<std::size_t> at(runs.size(), 0);
  for (const double step : steps) {
    std::vector<double> values, lows, highs;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const auto& points = runs[i].points;
      while (at[i] < points.size() && points[at[i]].step <= step) ++at[i];
      if (at[i] == 0) continue;
      const CurvePoint& p = points[at[i] - 1];
      const auto bad = [](double v) { return std::isfinite(v) ? v : INFINITY; };
      values.push_back(bad(p.value));
      lows.push_back(bad(p.low));
      highs.push_back(bad(p.high));
    }
    if (measure == Measure::kLoss)
      curve.points.push_back(
          {step, median(values), *std::ranges::min_element(lows), *std::ranges::max_element(highs)});
    else
      curve.points.push_back({step, median(values), median(lows), median(highs)});
  }
  return curve;
}

// The columns that tell panels apart: parameters of the family and the model, or else the first that was swept.
std::vector<std::string> panel_columns(const Group& group) {
  std::vector<std::string> columns;
  for (const std::string& key : group.swept)
    if (is_family_parameter(key) || key == "model") columns.push_back(key);
  if (columns.empty() && !group.swept.empty()) columns.push_back(group.swept.front());
  return columns;
}

// The runs of one role at the best of their grid points, by the frontier's rule.
std::vector<FigureRun> best_runs(const std::vector<FigureRun>& runs, bool control,
                                 const std::vector<std::string>& grid, std::string& best) {
  std::vector<FrontierRun> all;
  for (const FigureRun& r : runs)
    if (r.control == control) all.push_back(frontier_run(r, 0, values_text(r, grid)));
  if (all.empty()) return {};
  best = frontier(all).front().best;
  std::vector<FigureRun> chosen;
  for (const FigureRun& r : runs)
    if (r.control == control && values_text(r, grid) == best) chosen.push_back(r);
  return chosen;
}

struct Curves {
  std::vector<Panel> panels;
  std::size_t left_out = 0;  // panels
  std::size_t without_curve = 0;
  bool chosen = false;  // there was a grid to choose from
  bool target = false, control = false, banded = false;
  std::vector<FigureRun> runs;
  double first_step = INFINITY, last_step = 0;
};

// At most `most` of the values, the first and the last among them.
template <class T>
std::vector<T> spread(const std::vector<T>& all, std::size_t most) {
  if (all.size() <= most) return all;
  std::vector<T> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(all[i * (all.size() - 1) / (most - 1)]);
  return some;
}

void add_role(Curves& c, Panel& panel, const std::vector<FigureRun>& runs, const std::string& setting,
              const Database& db, Measure measure, std::size_t thin_lines) {
  std::vector<Curve> curves;
  for (const FigureRun& r : runs) {
    Curve curve{r.control, measure == Measure::kCorrelation, setting, fmt::format("seed {}", r.seed.value_or(0)),
                read_curve(db, r.id, measure)};
    const bool measured =
        std::ranges::any_of(curve.points, [](const CurvePoint& p) { return std::isfinite(p.value); });
    if (curve.points.empty() || (!measured && r.verdict != "diverged")) continue;
    c.first_step = std::min(c.first_step, curve.points.front().step);
    c.last_step = std::max(c.last_step, curve.points.back().step);
    c.runs.push_back(r);
    (r.control ? c.control : c.target) = true;
    curves.push_back(std::move(curve));
  }
  if (curves.size() > thin_lines) curves = {median_curve(curves, measure)};
  for (Curve& curve : curves) {
    c.banded = c.banded || curve.banded;
    panel.curves.push_back(std::move(curve));
  }
}

Curves collect_curves(const Database& db, const Group& group, Measure measure) {
  std::vector<FigureRun> done;
  std::ranges::copy_if(group.runs, std::back_inserter(done),
                       [](const FigureRun& r) { return r.done() && !r.learner; });
  const std::vector<std::string> columns = panel_columns(group);
  std::set<std::string> rest;
  std::vector<std::string> grid;
  for (const std::string& key : group.swept)
    if (std::ranges::find(columns, key) == columns.end()) {
      rest.insert(key);
      grid.push_back(key);
    }
  const std::vector<Setting> all = settings_of(group, done, rest), shown = spread(all, kAllPanels);
  Curves c;
  c.left_out = all.size() - shown.size();
  c.chosen = !grid.empty();
  const std::size_t thin_lines = measure == Measure::kCorrelation ? 1 : shown.size() == 1 ? 5 : 3;
  for (const Setting& s : shown) {
    Panel panel{s.name, s.label, {}};
    for (const bool control : {false, true}) {
      std::string best;
      const auto runs = best_runs(s.runs, control, grid, best);
      add_role(c, panel, runs, best, db, measure, thin_lines);
    }
    // One test makes no curve: of runs that ended at their first there is nothing to see.
    if (std::ranges::any_of(panel.curves, [](const Curve& curve) { return curve.points.size() > 1; }))
      c.panels.push_back(std::move(panel));
    else
      ++c.without_curve;
  }
  return c;
}

Table curve_table(const Curves& c, const std::string& value) {
  Table t{{"panel", "role", "setting", "line", "step", value, "low", "high"}, {}};
  for (const Panel& panel : c.panels)
    for (const Curve& curve : panel.curves)
      for (const CurvePoint& p : curve.points)
        t.rows.push_back({panel.name, std::string(curve.control ? "control" : "target"), curve.setting, curve.who,
                          static_cast<std::int64_t>(p.step), number_cell(p.value),
                          curve.banded ? number_cell(p.low) : Cell(), curve.banded ? number_cell(p.high) : Cell()});
  return t;
}

// Bands first, so that lines lie above them.
template <class Place>
std::vector<std::string> panel_parts(Page& page, const Panel& panel, const Place& place) {
  std::vector<std::string> bands, lines;
  for (const Curve& curve : panel.curves) {
    std::vector<std::vector<double>> rows;
    for (const CurvePoint& p : curve.points) rows.push_back({p.step, place(p.value), place(p.low), place(p.high)});
    const std::string name = page.data(rows);
    if (curve.banded)
      bands.push_back(fmt::format("{} using 1:3:4 with filledcurves fc rgb '{}' fs transparent solid 0.18 noborder",
                                  name, role_color(curve.control)));
    const std::string how =
        rows.size() > 1 ? "lines" : fmt::format("points pt {} ps 0.6*point_scale", curve.control ? 9 : 7);
    lines.push_back(fmt::format("{} using 1:2 with {} lc rgb '{}' dt {} lw {}", name, how,
                                role_color(curve.control), curve.control ? "(6,4)" : "1", curve.banded ? 2 : 1.4));
  }
  bands.insert(bands.end(), lines.begin(), lines.end());
  return bands;
}

// Lays the panels out in rows of three and plots them. `frame`: commands of each, with or without labels at y;
// `y_label` stands at the left ones.
template <class Frame, class Place>
void draw_panels(Page& page, const Curves& c, const Frame& frame, const std::string& y_label, const Place& place) {
  const std::size_t fit = page.width() < 420 ? 1 : page.width() < 600 ? 2 : 3;
  const std::size_t columns = std::min(fit, c.panels.size() == 4 ? 2 : std::min<std::size_t>(3, c.panels.size()));
  const std::size_t rows = (c.panels.size() + columns - 1) / columns;
  const double left = 78, gap = 36, height = rows == 1 ? (columns == 1 ? 330 : 250) : 190, between = 56;
  const double width =
      (page.width() - 20 - left - gap * static_cast<double>(columns - 1)) / static_cast<double>(columns);
  const double title = c.panels.size() > 1 || !c.panels[0].label.empty() ? 20 : 0;
  page.set_height(static_cast<int>(page.top() + static_cast<double>(rows) * (height + title) +
                                   static_cast<double>(rows - 1) * (between - title) + 54));
  const bool logarithmic = c.last_step >= 8 * c.first_step;
  const double low = logarithmic ? c.first_step * 0.95 : 0, high = c.last_step * (logarithmic ? 1.05 : 1.02);
  for (std::size_t i = 0; i < c.panels.size(); ++i) {
    const std::size_t row = i / columns, column = i % columns;
    const double x = left + static_cast<double>(column) * (width + gap);
    const double y = page.top() + title + static_cast<double>(row) * (height + between);
    page.panel(x, y, x + width, y + height);
    page.add(frame(column == 0));
    page.add(number_axis('x', low, high > low ? high : low + 1, logarithmic, width));
    if (title > 0)
      page.label(x, y - 10, shortened(c.panels[i].label, static_cast<std::size_t>(width / 6.6)), "left");
    page.axis_labels(i + columns >= c.panels.size() ? "step" : "", column == 0 ? y_label : "");
    page.plot(panel_parts(page, c.panels[i], place));
  }
}

std::string choice_text(const Curves& c) {
  std::string text;
  if (c.chosen)
    text +=
        " Target and control each at the best point of the grid: most seeds learned, then the lowest mean loss; "
        "the table names it.";
  if (c.without_curve > 0)
    text += fmt::format(" {} {} of which no run was tested twice {} no panel.", c.without_curve,
                        c.without_curve == 1 ? "setting" : "settings", c.without_curve == 1 ? "has" : "have");
  if (c.left_out > 0) text += fmt::format(" {} more settings lie between these and are not drawn.", c.left_out);
  return text;
}

// Curves of at most kPanels panels each, with the same axis of steps.
std::vector<Curves> pages_of(const Curves& all) {
  std::vector<Curves> pages;
  for (std::size_t at = 0; at < all.panels.size(); at += kPanels) {
    Curves page = all;
    const auto first = all.panels.begin() + static_cast<long>(at);
    page.panels.assign(first, first + static_cast<long>(std::min(kPanels, all.panels.size() - at)));
    pages.push_back(std::move(page));
  }
  return pages;
}

// Tells a page from the others: in its title ", 2 of 3", in its name "-2".
void name_page(Figure& f, std::size_t page, std::size_t pages) {
  if (pages > 1) f.title += fmt::format(", {} of {}", page + 1, pages);
  if (page > 0) f.name += fmt::format("-{}", page + 1);
}

std::vector<double> values_of(const Curves& c) {
  std::vector<double> values;
  for (const Panel& panel : c.panels)
    for (const Curve& curve : panel.curves)
      for (const CurvePoint& p : curve.points) values.insert(values.end(), {p.value, p.low, p.high});
  return values;
}

Figure learning_curve_figure(const Group& group, const Curves& c, const LossAxis& axis, const FigureStyle& style) {
  const double learned_below = c.runs.front().learned_below;
  auto legend = roles_legend(c.target, c.control, LegendEntry::kLine);
  if (c.banded) legend.push_back({LegendEntry::kBand, "#666666", "range over the seeds"});
  add_thresholds(legend, learned_below);
  Page page(style, legend);
  const auto frame = [&](bool labels) {
    return axis.commands('y', labels) + "\n" + threshold_lines('y', learned_below);
  };
  draw_panels(page, c, frame, "normalised test loss", [&](double v) { return axis.place(v); });
  Figure f{group.slug("learning-curves"),          "learning-curves",
           "Learning curves: " + group.name(),     "",
           curve_table(c, "normalized_test_loss"), ""};
  f.caption = fmt::format("Normalised test loss against the step: {}.{}{}{}", counts_text(c.runs),
                          c.banded ? " Lines: median over the seeds; bands: their range." : " One line a seed.",
                          choice_text(c), axis.edge_used() ? " At the upper edge: above 10 or not finite." : "");
  page.finish(f);
  return f;
}

Figures learning_curve_figures(const Group& group, const FigureSource& source) {
  const Curves all = collect_curves(source.db, group, Measure::kLoss);
  if (all.panels.empty()) return {};
  const LossAxis axis(values_of(all));
  const std::vector<Curves> pages = pages_of(all);
  Figures figures;
  for (const Curves& c : pages) {
    figures.push_back(learning_curve_figure(group, c, axis, source.options.style));
    name_page(figures.back(), figures.size() - 1, pages.size());
  }
  return figures;
}

}  // namespace

const FigureKind kLearningCurvesKind{"learning-curves", "test loss against the step", learning_curve_figures,
                                     nullptr};

namespace {

Figure correlation_figure(const Group& group, const Curves& c, const FigureStyle& style) {
  auto legend = roles_legend(c.target, c.control, LegendEntry::kLine);
  legend.push_back({LegendEntry::kBand, "#666666", "95 % interval"});
  Page page(style, legend);
  constexpr double kFloor = 1e-3;
  const auto frame = [](bool labels) {
    return concat("set logscale y\nset yrange [0.0009:1.15]\nset ytics (",
                  labels ? "'≤ 0.001' 0.001, '0.01' 0.01, '0.1' 0.1, '1' 1)" : "'' 0.001, '' 0.01, '' 0.1, '' 1)");
  };
  draw_panels(page, c, frame, "|correlation|", [&](double v) { return std::clamp(v, kFloor, 1.0); });
  Figure f{group.slug("correlation"),
           "correlation",
           "Correlation with the target: " + group.name(),
           "",
           curve_table(c, "correlation"),
           ""};
  f.caption = fmt::format(
      "Absolute correlation of the network with what it learns, against the step: {}. Progress shows here before "
      "it shows in the loss. Lines: median over the seeds; bands: the median ends of the 95 % intervals (Fisher's "
      "z), which reach the lower edge where the correlation is not told from 0.{}",
      counts_text(c.runs), choice_text(c));
  page.finish(f);
  return f;
}

Figures correlation_figures(const Group& group, const FigureSource& source) {
  const Curves all = collect_curves(source.db, group, Measure::kCorrelation);
  if (all.panels.empty()) return {};
  const std::vector<Curves> pages = pages_of(all);
  Figures figures;
  for (const Curves& c : pages) {
    figures.push_back(correlation_figure(group, c, source.options.style));
    name_page(figures.back(), figures.size() - 1, pages.size());
  }
  return figures;
}

}  // namespace

const FigureKind kCorrelationKind{"correlation", "correlation with the target against the step",
                                  correlation_figures, nullptr};

}  // namespace tools
