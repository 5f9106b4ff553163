// Samples to learn against the size, and the fraction that has not learned against the samples.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "figures/kinds.h"
#include "figures/size_axis.h"

namespace tools {
namespace {

struct SizeMedian {
  double size = 0, budget = 0;
  std::int64_t seeds = 0, learned = 0;
  MedianTime median;
  bool at_first_test = false;  // it is no more than that: nothing was looked at before
};

struct ScalingRole {
  bool control = false;
  std::vector<SizeMedian> medians;
  Growth growth;
};

ScalingRole scaling_role(const FrontierSlice& slice, bool control) {
  ScalingRole role{control, {}, growth_of(slice, control)};
  // Times that no law can have, such as one that is known to the last sample, leave no likelihood to compare.
  if (role.growth.note.empty() && !std::isfinite(role.growth.laws[role.growth.best].log_likelihood))
    role.growth = {.note = "no law could be fitted", .laws = {}};
  for (const FrontierPoint& p : slice.points) {
    if (p.control != control) continue;
    const MedianTime median = median_time(kaplan_meier(p.times));
    role.medians.push_back({p.size, p.samples.budget, std::int64_t{p.seeds},
                            std::ranges::count_if(p.times, &LearningTime::learned), median,
                            std::ranges::any_of(p.times, [&](const LearningTime& t) {
                              return t.by == median.value && t.after <= 0;
                            })});
  }
  return role;
}

// log_mean of a law between sizes, straight in what it goes by; points along a smooth curve.
std::vector<std::vector<double>> law_curve(const GrowthLaw& law, const std::vector<SizeMedian>& medians) {
  const auto u = [&](double n) {
    return law.name.starts_with("2^(c sqrt") ? std::sqrt(n) : law.name.starts_with("2^(c") ? n : std::log(n);
  };
  constexpr int kPieces = 12;
  std::vector<std::vector<double>> curve;
  for (std::size_t i = 0; i < medians.size() && i < law.log_mean.size(); ++i) {
    const double size = medians[i].size;
    for (int k = 1; i > 0 && k < kPieces; ++k) {
      const double before = medians[i - 1].size, n = before + (size - before) * k / kPieces,
                   share = (u(n) - u(before)) / (u(size) - u(before));
      curve.push_back({n, std::exp(law.log_mean[i - 1] + share * (law.log_mean[i] - law.log_mean[i - 1]))});
    }
    curve.push_back({size, std::exp(law.log_mean[i])});
  }
  return curve;
}

const char* role_name(bool control) { return control ? "control" : "target"; }

// The laws that are drawn: n^b, and the likeliest where that is another.
std::vector<const GrowthLaw*> drawn_laws(const Growth& growth) {
  if (!growth.note.empty()) return {};
  std::vector<const GrowthLaw*> laws{&growth.laws[1]};
  if (growth.best != 1) laws.push_back(&growth.laws[growth.best]);
  return laws;
}

// Of different widths too: the SVG terminal joins lines of a legend that differ in their dash alone.
const char* law_style(bool first) { return first ? "lw 1.5 dt (9,3)" : "lw 1.7 dt (2,3)"; }

std::string exponent_text(const Growth& growth, const std::string& size) {
  return fmt::format("{}^b, b = {:.2g} {}", size, growth.laws[1].b, ends_text(growth.exponent));
}

std::vector<LegendEntry> scaling_legend(const std::vector<ScalingRole>& roles, const std::string& size) {
  std::vector<LegendEntry> legend;
  bool censored = false, at_first = false;
  for (const ScalingRole& r : roles) {
    legend.push_back({LegendEntry::kPoint, role_style(r.control), role_name(r.control)});
    for (const SizeMedian& m : r.medians) {
      censored = censored || !std::isfinite(m.median.value);
      at_first = at_first || m.at_first_test;
    }
  }
  const std::string open = "lc rgb '#333333' dt 1 pt 6 ps 0.9*point_scale";
  if (censored) legend.push_back({LegendEntry::kPoint, open, "↑ half did not learn: above the budget"});
  if (at_first) legend.push_back({LegendEntry::kPoint, open, "↓ at the first test: at most that"});
  for (const ScalingRole& r : roles) {
    const std::string role = role_name(r.control), style = fmt::format("lc rgb '{}' ", role_color(r.control));
    if (!r.growth.note.empty()) legend.push_back({LegendEntry::kText, "", concat(role, ": ", r.growth.note)});
    for (const GrowthLaw* law : drawn_laws(r.growth)) {
      const bool first = law == &r.growth.laws[1];
      const bool best = law == &r.growth.laws[r.growth.best];
      legend.push_back({LegendEntry::kLine, style + law_style(first),
                        fmt::format("{}: {}{}", role, first ? exponent_text(r.growth, size) : law->name,
                                    best ? margin_text(r.growth) : "")});
    }
  }
  return legend;
}

Table scaling_table(const FrontierSlice& slice, const std::vector<ScalingRole>& roles) {
  Table t{{slice.size, "role", "seeds", "learned"}, {}};
  for (const char* name : {"samples_to_learn", "samples_low", "samples_high"})
    for (const char* end : {"", "_censored"}) t.columns.push_back(concat(name, end));
  const std::size_t laws = t.columns.size();
  for (const char* name : {"law", "a", "b", "b_low", "b_high", "scatter", "log_likelihood", "free_parameters",
                           "relative_likelihood", "fit_p"})
    t.columns.emplace_back(name);
  const auto law_row = [&](const std::string& role) -> std::vector<Cell>& {
    std::vector<Cell>& row = t.rows.emplace_back(laws);
    row[1] = role;
    return row;
  };
  for (const ScalingRole& r : roles) {
    const std::string role = role_name(r.control);
    for (const SizeMedian& m : r.medians) {
      std::vector<Cell>& row = t.rows.emplace_back();
      row = {m.size, role, m.seeds, m.learned};
      for (const double v : {m.median.value, m.median.interval.low, m.median.interval.high})
        add_censored(row, v, m.budget);
    }
    if (!r.growth.note.empty()) law_row(role).push_back(r.growth.note);
    for (std::size_t i = 0; i < r.growth.laws.size(); ++i) {
      const GrowthLaw& law = r.growth.laws[i];
      const bool power = i == 1;
      std::vector<Cell>& row = law_row(role);
      row.insert(row.end(), {law.name, number_cell(law.a), number_cell(law.b),
                             power ? number_cell(r.growth.exponent.low) : Cell(),
                             power ? number_cell(r.growth.exponent.high) : Cell(), number_cell(law.scatter),
                             number_cell(law.log_likelihood), std::int64_t{law.parameters},
                             number_cell(law.relative), i == r.growth.best ? number_cell(r.growth.fit) : Cell()});
    }
  }
  for (auto& row : t.rows) row.resize(t.columns.size());
  return t;
}

void plot_scaling(Page& page, const std::vector<ScalingRole>& roles, const RoleAxis& x, double low, double high) {
  std::vector<std::string> parts;
  for (const ScalingRole& r : roles) {
    const char* color = role_color(r.control);
    for (const GrowthLaw* law : drawn_laws(r.growth)) {
      parts.push_back(fmt::format("{} using 1:2 with lines lc rgb '{}' {}", page.data(law_curve(*law, r.medians)),
                                  color, law_style(law == &r.growth.laws[1])));
    }
    std::vector<BarMark> marks;
    for (const SizeMedian& m : r.medians) {
      const Interval& bar = m.median.interval;
      const bool learned = std::isfinite(m.median.value);
      marks.push_back({x.place(m.size, r.control), learned ? m.median.value : m.budget, std::max(bar.low, 1.0),
                       bar.high,
                       !learned          ? BarMark::kUp
                       : m.at_first_test ? BarMark::kDown
                                         : BarMark::kNone});
    }
    for (std::string& part :
         bar_parts(page, 'y', marks, std::pow(high / low, 0.09) - 1, r.control ? 8 : 6, color, high))
      parts.push_back(std::move(part));
  }
  page.plot(parts);
}

Figure scaling_figure(const Group& group, const FrontierSlice& slice, std::size_t slices,
                      const FigureStyle& style) {
  std::vector<ScalingRole> roles;
  double low = INFINITY, high = 0;
  for (const bool control : {false, true}) {
    if (std::ranges::none_of(slice.points, [&](const FrontierPoint& p) { return p.control == control; })) continue;
    roles.push_back(scaling_role(slice, control));
    for (const SizeMedian& m : roles.back().medians)
      for (const double v :
           {std::isfinite(m.median.value) ? m.median.value : m.budget, m.median.interval.low, m.budget * 1.4}) {
        if (!std::isfinite(v) || v <= 0) continue;
        low = std::min(low, v);
        high = std::max(high, v);
      }
  }
  const double lowest = low / 4;  // to which the laws may lead the axis
  for (const ScalingRole& r : roles)
    for (const GrowthLaw* law : drawn_laws(r.growth))
      for (const double v : law->log_mean) low = std::min(low, std::max(lowest, std::exp(v)));
  Page page(style, scaling_legend(roles, slice.size));
  const double top = page.top();
  page.set_height(static_cast<int>(top + 320 + 54));
  page.panel(96, top, page.width() - 24, top + 320);
  const RoleAxis x(slice.points, page.width() - 120);
  page.add(x.commands());
  page.add(number_axis('y', low / 1.3, high, true, 320));
  page.axis_labels(slice.size, "median samples to learn", 76);
  plot_scaling(page, roles, x, low, high);
  Figure f{slice_name(group, slice, slices, "scaling"),
           "scaling",
           slice_title(group, slice, slices, "Samples to learn"),
           "",
           scaling_table(slice, roles),
           ""};
  f.caption = fmt::format(
      "Samples until the normalised test loss is at most {}, at the best grid point of each size: {}. Points: "
      "medians of Kaplan and Meier's curves, bars their 95 % intervals, without an allowance for the choice. "
      "Lines: "
      "laws of growth fitted to all runs by maximum likelihood, log samples = a + b u({}) with a normal scatter; "
      "runs "
      "that did not learn count as above what they were given, and each other as between two tests. b with its 95 "
      "% "
      "interval (profile likelihood); n to 1: how much likelier the likeliest law is than the next, exp(dAIC/2); "
      "undecided below 20.",
      readable(slice.runs.front().learned_below), counts_text(slice.runs), slice.size);
  page.finish(f);
  return f;
}

// Of slices of which some run learned. Along the size of a training set they would be curves of samples against
// samples.
template <class Draw>
Figures figures_of(const Group& group, const FigureSource& source, const Draw& draw) {
  const auto slices = frontier_slices(group, source.options.x);
  Figures figures;
  for (const FrontierSlice& slice : slices)
    if (slice.size != "samples" && std::ranges::any_of(slice.points, [](const FrontierPoint& p) {
          return std::ranges::any_of(p.times, &LearningTime::learned);
        }))
      figures.push_back(draw(group, slice, slices.size(), source.options.style));
  return figures;
}

Figures scaling_figures(const Group& group, const FigureSource& source) {
  return figures_of(group, source, scaling_figure);
}

}  // namespace

const FigureKind kScalingKind{"scaling", "median samples to learn against the size, with laws of growth",
                              scaling_figures, nullptr};

namespace {

// Sizes from light to dark, of one hue a role.
std::string shade(bool control, double share) {
  const int from[2][3] = {{0xA6, 0xCE, 0xE8}, {0xF8, 0xC4, 0x9A}},
            to[2][3] = {{0x00, 0x3A, 0x63}, {0x7A, 0x2E, 0x00}};
  const auto mix = [&](int i) {
    return static_cast<int>(std::lround(from[control][i] + share * (to[control][i] - from[control][i])));
  };
  return fmt::format("#{:02X}{:02X}{:02X}", mix(0), mix(1), mix(2));
}

struct SurvivalCurve {
  bool control = false;
  double size = 0, end = 0;  // the largest number of samples that a run was given
  std::vector<SurvivalStep> steps;
  std::string color;
};

std::vector<SurvivalCurve> survival_curves(const FrontierSlice& slice, bool control) {
  std::vector<SurvivalCurve> curves;
  for (const FrontierPoint& p : slice.points)
    if (p.control == control) curves.push_back({control, p.size, p.samples.budget, kaplan_meier(p.times), ""});
  for (std::size_t i = 0; i < curves.size(); ++i)
    curves[i].color = shade(control, curves.size() > 1 ? double(i) / double(curves.size() - 1) : 1);
  return curves;
}

Table survival_table(const std::vector<SurvivalCurve>& curves, const std::string& size) {
  Table t{{size, "role", "samples", "not_learned", "low", "high"}, {}};
  for (const SurvivalCurve& c : curves) {
    const std::string role = role_name(c.control);
    t.rows.push_back({c.size, role, 0.0, 1.0, {}, {}});
    for (const SurvivalStep& s : c.steps)
      t.rows.push_back({c.size, role, s.time, s.fraction, s.interval.low, s.interval.high});
    t.rows.push_back({c.size, role, c.end, c.steps.empty() ? 1.0 : c.steps.back().fraction, {}, {}});
  }
  return t;
}

void plot_survival(Page& page, const std::vector<SurvivalCurve>& curves, bool control, double low) {
  // So that curves which coincide are all seen; all of them within a twenty-fifth.
  const auto count = std::ranges::count(curves, control, &SurvivalCurve::control);
  const double apart = 0.04 / static_cast<double>(std::max<std::ptrdiff_t>(5, count));
  std::vector<std::string> parts;
  double lower = 0;
  for (const SurvivalCurve& c : curves) {
    if (c.control != control) continue;
    std::vector<std::vector<double>> rows{{low, 1 - lower}};
    for (const SurvivalStep& s : c.steps) rows.push_back({s.time, s.fraction - lower});
    rows.push_back({std::max(c.end, low), rows.back()[1]});
    lower += apart;
    parts.push_back(fmt::format("{} using 1:2 with steps lc rgb '{}' lw 1.8 dt {}", page.data(rows), c.color,
                                control ? "(6,3)" : "1"));
  }
  page.plot(parts);
}

Figure survival_figure(const Group& group, const FrontierSlice& slice, std::size_t slices,
                       const FigureStyle& style) {
  std::vector<SurvivalCurve> curves = survival_curves(slice, false);
  const std::vector<SurvivalCurve> controls = survival_curves(slice, true);
  curves.insert(curves.end(), controls.begin(), controls.end());
  std::vector<LegendEntry> legend;
  double low = INFINITY, high = 0;
  for (const SurvivalCurve& c : curves) {
    legend.push_back({LegendEntry::kLine,
                      fmt::format("lc rgb '{}' lw 1.8 dt {}", c.color, c.control ? "(6,3)" : "1"),
                      fmt::format("{}, {} {}", role_name(c.control), slice.size, readable(c.size))});
    high = std::max(high, c.end);
    if (!c.steps.empty()) low = std::min(low, c.steps.front().time);
  }
  Page page(style, legend);
  double top = page.top();
  const double height = 200;
  const bool both = !controls.empty() && controls.size() < curves.size();
  page.set_height(static_cast<int>(top + (both ? 2 : 1) * (height + 40) + 14));
  for (const bool control : {false, true}) {
    if (std::ranges::none_of(curves, [&](const SurvivalCurve& c) { return c.control == control; })) continue;
    page.panel(84, top, page.width() - 24, top + height);
    page.add(number_axis('x', low / 2, high, true, page.width() - 108));
    page.add(kFractionAxis);
    page.axis_labels(control || !both ? "samples" : "", fmt::format("{}: not learned", role_name(control)));
    plot_survival(page, curves, control, low / 2);
    top += height + 40;
  }
  Figure f{slice_name(group, slice, slices, "survival"),
           "survival",
           slice_title(group, slice, slices, "Not learned yet"),
           "",
           survival_table(curves, slice.size),
           ""};
  f.caption = fmt::format(
      "Fraction of runs whose normalised test loss has not been {} or less, against the samples they have seen: "
      "{}; Kaplan and Meier's estimate, at the best grid point of each {}. Curves end where the longest run ends, "
      "and are drawn a little apart. The data have 95 % intervals.",
      readable(slice.runs.front().learned_below), counts_text(slice.runs), slice.size);
  page.finish(f);
  return f;
}

Figures survival_figures(const Group& group, const FigureSource& source) {
  return figures_of(group, source, survival_figure);
}

}  // namespace

const FigureKind kSurvivalKind{"survival", "fraction of runs that has not learned against the samples, by size",
                               survival_figures, nullptr};

}  // namespace tools
