// Figures against the size: frontier, scaling.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "figures/kinds.h"
#include "figures/slices.h"

namespace tools {
namespace {

// What tells a slice from the group's others: "gnn, k 4"; "" where it is the only one.
std::string slice_text(const FrontierSlice& slice, std::size_t slices) {
  return slices == 1 ? "" : concat(slice.method, slice.label.empty() ? "" : ", ", slice.label);
}

std::string slice_name(const Group& group, const FrontierSlice& slice, std::size_t slices,
                       const std::string& kind) {
  const std::string more = slug_of(slice_text(slice, slices));
  return group.slug(kind) + (more.empty() ? "" : "-" + more);
}

std::string slice_title(const Group& group, const FrontierSlice& slice, std::size_t slices,
                        const std::string& what) {
  const std::string more = slice_text(slice, slices);
  return concat(what, ": ", group.name(), more.empty() ? "" : ", ", more);
}

// The axis of the sizes: a tic at each of them where they are few.
struct SizeAxis {
  std::vector<double> sizes;
  bool logarithmic = false;
  double low = 0, high = 1;

  explicit SizeAxis(const std::vector<FrontierPoint>& points) {
    for (const FrontierPoint& p : points) sizes.push_back(p.size);
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    logarithmic = sizes.front() > 0 && sizes.back() / sizes.front() > 20;
    if (logarithmic) {
      const double room = std::pow(sizes.back() / sizes.front(), 0.04);
      low = sizes.front() / room;
      high = sizes.back() * room;
    } else {
      const double room = 0.05 * (sizes.back() - sizes.front());
      low = sizes.front() - room;
      high = sizes.back() + room;
    }
  }
  // Target and control at the same size stand a little apart.
  double place(double size, bool control) const {
    const double side = control ? 0.004 : -0.004;
    return logarithmic ? size * std::pow(high / low, side) : size + side * (high - low);
  }
  std::string commands() const {
    std::string tics;
    double last = -INFINITY;
    for (const double s : sizes) {
      const double at = logarithmic ? std::log(s / low) / std::log(high / low) : (s - low) / (high - low);
      const bool room = at - last > 0.045;
      if (room) last = at;
      tics += fmt::format("{}'{}' {:.9g}", tics.empty() ? "" : ", ", room ? readable(s) : "", s);
    }
    return fmt::format("{} x\nset xrange [{:.9g}:{:.9g}]\nset xtics ({})",
                       logarithmic ? "set logscale" : "unset logscale", low, high, tics);
  }
};

bool has_points(const std::vector<FrontierPoint>& points, bool control) {
  return std::ranges::any_of(points, [&](const FrontierPoint& p) { return p.control == control; });
}

// A median that may lie above the budget, as a table says it.
Cell censored_cell(double value, double budget) {
  if (std::isfinite(value)) return value;
  return std::isfinite(budget) && budget > 0 ? Cell("> " + readable(budget)) : Cell();
}

Table frontier_table(const FrontierSlice& slice) {
  Table t{{slice.size, "role", "grid_point", "grid_points", "seeds", "learned", "fraction", "fraction_low",
           "fraction_high", "steps_to_learn", "steps_low", "steps_high", "samples_to_learn", "samples_low",
           "samples_high", "median_loss", "lowest_loss", "highest_loss", "median_coverage"},
          {}};
  for (const FrontierPoint& p : slice.points) {
    const auto steps = [&](double v) { return censored_cell(v, p.steps.budget); };
    const auto samples = [&](double v) { return censored_cell(v, p.samples.budget); };
    t.rows.push_back({p.size, std::string(p.control ? "control" : "target"), p.best, std::int64_t{p.grid_points},
                      std::int64_t{p.seeds}, std::int64_t{p.learned}, p.fraction, p.fraction_interval.low,
                      p.fraction_interval.high, steps(p.steps.value), steps(p.steps.interval.low),
                      steps(p.steps.interval.high), samples(p.samples.value), samples(p.samples.interval.low),
                      samples(p.samples.interval.high), number_cell(p.loss_median), number_cell(p.loss_range.low),
                      number_cell(p.loss_range.high), p.median_coverage});
  }
  return t;
}

// Points with their intervals and the line that joins them, for one role.
template <class Row>
void add_series(Page& page, const FrontierSlice& slice, bool control, const Row& row,
                std::vector<std::string>& parts) {
  std::vector<std::vector<double>> rows;
  for (const FrontierPoint& p : slice.points)
    if (p.control == control) rows.push_back(row(p));
  const std::string name = page.data(rows);
  parts.push_back(fmt::format("{} using 1:2 with lines lc rgb '{}' lw 1.6 dt {}", name, role_color(control),
                              control ? "(6,4)" : "1"));
  parts.push_back(fmt::format("{} using 1:2:3:4 with yerrorbars lc rgb '{}' lw 1.4 pt {} ps 0.9*point_scale", name,
                              role_color(control), control ? 9 : 7));
}

// Above the fraction learned, below the loss.
void draw_frontier(Page& page, const FrontierSlice& slice, const SizeAxis& x, const LossAxis& y) {
  const double top = page.top(), height = 200, second = top + height + 40;
  page.set_height(static_cast<int>(second + height + 54));
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
  page.panel(84, top, kPageWidth - 24, top + height);
  page.add(x.commands());
  page.add("set yrange [-0.04:1.04]\nset ytics ('0' 0, '0.25' 0.25, '0.5' 0.5, '0.75' 0.75, '1' 1)");
  page.axis_labels("", "fraction of seeds learned");
  page.plot(upper);
  page.panel(84, second, kPageWidth - 24, second + height);
  page.add(y.commands('y') + "\n" + threshold_lines('y', slice.runs.front().learned_below));
  page.axis_labels(slice.size, "normalised test loss");
  page.plot(lower);
}

Figure frontier_figure(const Group& group, const FrontierSlice& slice, std::size_t slices) {
  std::vector<double> losses;
  int grid = 0;
  for (const FrontierPoint& p : slice.points) {
    losses.insert(losses.end(), {p.loss_median, p.loss_range.low, p.loss_range.high});
    grid = std::max(grid, p.grid_points);
  }
  auto legend =
      roles_legend(has_points(slice.points, false), has_points(slice.points, true), LegendEntry::kLinePoint);
  add_thresholds(legend, slice.runs.front().learned_below);
  Page page(kPageWidth, legend);
  draw_frontier(page, slice, SizeAxis(slice.points), LossAxis(losses));
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

// The curve of a fit between two sizes.
std::vector<std::vector<double>> fit_curve(const LineFit& fit, bool exponential, double low, double high) {
  std::vector<std::vector<double>> rows;
  for (int i = 0; i <= 60; ++i) {
    const double size = low + (high - low) * i / 60;
    if (size > 0) rows.push_back({size, std::exp(fit.a + fit.b * (exponential ? size : std::log(size)))});
  }
  return rows;
}

struct ScalingRole {
  bool control = false;
  ScalingFit fit;
  std::vector<const FrontierPoint*> points;
};

// Of different widths too: the SVG terminal joins lines of a legend that differ in their dash alone.
const char* fit_style(bool exponential) { return exponential ? "lw 1.7 dt (2,3)" : "lw 1.5 dt (9,3)"; }

std::vector<LegendEntry> scaling_legend(const std::vector<ScalingRole>& roles, const std::string& size) {
  std::vector<LegendEntry> legend;
  bool censored = false;
  for (const ScalingRole& r : roles) {
    legend.push_back({LegendEntry::kPoint, role_style(r.control), r.control ? "control" : "target"});
    for (const FrontierPoint* p : r.points) censored = censored || !std::isfinite(p->steps.value);
  }
  if (censored)
    legend.push_back(
        {LegendEntry::kPoint, "lc rgb '#333333' dt 1 pt 6 ps 0.9*point_scale", "↑ not learned: above the budget"});
  for (const ScalingRole& r : roles) {
    const char* role = r.control ? "control" : "target";
    const std::string style = fmt::format("lc rgb '{}' ", role_color(r.control));
    if (!r.fit.note.empty()) {
      legend.push_back({LegendEntry::kPoint, "lc rgb '#FFFFFF' dt 1 pt 7 ps 0", concat(role, ": ", r.fit.note)});
      continue;
    }
    const LineFit &p = r.fit.polynomial, &e = r.fit.exponential;
    const auto favoured = [](double ratio) {
      return ratio > 1 ? fmt::format(", favoured {:.2g} to 1", ratio) : "";
    };
    legend.push_back({LegendEntry::kLine, style + fit_style(false),
                      fmt::format("{}: {}^({:.2g} ± {:.2g}){}", role, size, p.b, p.b_error,
                                  favoured(r.fit.polynomial_evidence))});
    legend.push_back({LegendEntry::kLine, style + fit_style(true),
                      fmt::format("{}: exp(({:.2g} ± {:.2g}) {}){}", role, e.b, e.b_error, size,
                                  favoured(r.fit.exponential_evidence))});
  }
  return legend;
}

Table scaling_table(const FrontierSlice& slice, const std::vector<ScalingRole>& roles) {
  Table t{{slice.size, "role", "grid_point", "seeds", "steps_to_learn", "steps_low", "steps_high", "fit", "a",
           "a_error", "b", "b_error", "aicc", "evidence"},
          {}};
  for (const ScalingRole& r : roles) {
    const std::string role = r.control ? "control" : "target";
    for (const FrontierPoint* p : r.points) {
      const auto steps = [&](double v) { return censored_cell(v, p->steps.budget); };
      t.rows.push_back({p->size,
                        role,
                        p->best,
                        std::int64_t{p->seeds},
                        steps(p->steps.value),
                        steps(p->steps.interval.low),
                        steps(p->steps.interval.high),
                        {},
                        {},
                        {},
                        {},
                        {},
                        {},
                        {}});
    }
    const auto row = [&](const std::string& name, const LineFit& fit, double evidence) {
      t.rows.push_back({{},
                        role,
                        {},
                        {},
                        {},
                        {},
                        {},
                        name,
                        number_cell(fit.a),
                        number_cell(fit.a_error),
                        number_cell(fit.b),
                        number_cell(fit.b_error),
                        number_cell(fit.aicc),
                        number_cell(evidence)});
    };
    if (r.fit.note.empty()) {
      row("polynomial", r.fit.polynomial, r.fit.polynomial_evidence);
      row("exponential", r.fit.exponential, r.fit.exponential_evidence);
    } else {
      t.rows.push_back({{}, role, {}, {}, {}, {}, {}, r.fit.note, {}, {}, {}, {}, {}, {}});
    }
  }
  return t;
}

void plot_scaling(Page& page, const std::vector<ScalingRole>& roles, const SizeAxis& x, double high) {
  std::vector<std::string> parts;
  for (const ScalingRole& r : roles) {
    std::vector<std::vector<double>> learned, censored;
    double first = INFINITY, last = 0;
    for (const FrontierPoint* p : r.points) {
      const double at = x.place(p->size, r.control);
      if (std::isfinite(p->steps.value)) {
        learned.push_back({at, p->steps.value, p->steps.interval.low,
                           std::isfinite(p->steps.interval.high) ? p->steps.interval.high : high});
        first = std::min(first, p->size);
        last = std::max(last, p->size);
      } else {
        censored.push_back({at, p->steps.budget, 0, p->steps.budget * 0.22});
      }
    }
    const char* color = role_color(r.control);
    if (r.fit.note.empty())
      for (const bool exponential : {false, true})
        parts.push_back(fmt::format(
            "{} using 1:2 with lines lc rgb '{}' {}",
            page.data(fit_curve(exponential ? r.fit.exponential : r.fit.polynomial, exponential, first, last)),
            color, fit_style(exponential)));
    if (!learned.empty())
      parts.push_back(fmt::format("{} using 1:2:3:4 with yerrorbars lc rgb '{}' lw 1.4 pt {} ps 0.9*point_scale",
                                  page.data(learned), color, r.control ? 9 : 7));
    if (censored.empty()) continue;
    const std::string name = page.data(censored);
    parts.push_back(
        fmt::format("{} using 1:2:3:4 with vectors head size screen 0.006,25 lc rgb '{}' lw 1.4", name, color));
    parts.push_back(fmt::format("{} using 1:2 with points pt {} ps 0.9*point_scale lc rgb '{}'", name,
                                r.control ? 8 : 6, color));
  }
  page.plot(parts);
}

Figure scaling_figure(const Group& group, const FrontierSlice& slice, std::size_t slices) {
  std::vector<ScalingRole> roles;
  double low = INFINITY, high = 0;
  for (const bool control : {false, true}) {
    if (!has_points(slice.points, control)) continue;
    ScalingRole role{control, fit_scaling(slice.points, control), {}};
    for (const FrontierPoint& p : slice.points) {
      if (p.control != control) continue;
      role.points.push_back(&p);
      for (const double v : {p.steps.value, p.steps.interval.low, p.steps.budget * 1.4}) {
        if (!std::isfinite(v) || v <= 0) continue;
        low = std::min(low, v);
        high = std::max(high, v);
      }
    }
    roles.push_back(std::move(role));
  }
  const SizeAxis x(slice.points);
  Page page(kPageWidth, scaling_legend(roles, slice.size));
  const double top = page.top();
  page.set_height(static_cast<int>(top + 320 + 54));
  page.panel(84, top, kPageWidth - 24, top + 320);
  page.add(x.commands());
  page.add(number_axis('y', low / 1.3, high, true));
  page.axis_labels(slice.size, "median steps to learn");
  plot_scaling(page, roles, x, high);
  Figure f{slice_name(group, slice, slices, "scaling"),
           "scaling",
           slice_title(group, slice, slices, "Steps to learn"),
           "",
           scaling_table(slice, roles),
           ""};
  f.caption = fmt::format(
      "Median steps until the normalised test loss is at most {}, at the best grid point of each size: {}. Bars: "
      "exact 95 % intervals over the seeds (order statistics; of fewer than six seeds from the lowest to the "
      "highest, which hold the median with 1 - 2^(1 - seeds)), without an allowance for the choice. Lines: least "
      "squares of log steps on log {} (polynomial) and on {} (exponential), through the sizes that were learned; "
      "one is favoured by exp(dAICc/2) to 1.",
      readable(slice.runs.front().learned_below), counts_text(slice.runs), slice.size, slice.size);
  page.finish(f);
  return f;
}

Figures frontier_figures(const Group& group, const FigureSource& source) {
  const auto slices = frontier_slices(group, source.options.x);
  Figures figures;
  for (const FrontierSlice& slice : slices) figures.push_back(frontier_figure(group, slice, slices.size()));
  return figures;
}

}  // namespace

const FigureKind kFrontierKind{"frontier", "fraction of seeds learned, and the loss, against the size",
                               frontier_figures, nullptr};

namespace {

Figures scaling_figures(const Group& group, const FigureSource& source) {
  const auto slices = frontier_slices(group, source.options.x);
  Figures figures;
  for (const FrontierSlice& slice : slices)
    if (std::ranges::any_of(slice.points, [](const FrontierPoint& p) { return std::isfinite(p.steps.value); }))
      figures.push_back(scaling_figure(group, slice, slices.size()));
  return figures;
}

}  // namespace

const FigureKind kScalingKind{"scaling", "median steps to learn against the size, with fits", scaling_figures,
                              nullptr};

}  // namespace tools
