// Any number of the runs against any other: what no other figure has.

#include "figures/anything.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/core.h>

#include "figures/kinds.h"
#include "figures/size_axis.h"

namespace tools {
namespace {

// Okabe and Ito's colours with a point of each (the filled one): so many lines can be told apart.
struct LineLook {
  const char* color;
  int point;
};
constexpr std::array<LineLook, 7> kLooks = {{{"#0072B2", 7},
                                             {"#D55E00", 9},
                                             {"#009E73", 5},
                                             {"#CC79A7", 11},
                                             {"#E69F00", 13},
                                             {"#56B4E9", 15},
                                             {"#000000", 7}}};
constexpr double kDecades = 20;  // largest over smallest from which on an axis is logarithmic
constexpr std::size_t kMostTics = 14;

bool spans_decades(double low, double high) { return low > 0 && high / low >= kDecades; }

// Where the runs and marks of a line stand, and the axis.
class AxisX {
 public:
  AxisX(const Anything& a, double width) : a_(a), width_(width), sizes_(numbers(a), width) {}

  // Lines stand beside each other at an x that they share, each with its runs to the left of its mark.
  double place(const Cell& x, std::size_t line, bool mark) const {
    const double side = 7 * (double(line) - 0.5 * double(a_.lines.size() - 1)) - (mark || !a_.repeated() ? 0 : 4);
    if (a_.numeric()) return sizes_.moved(number_of(x), side);
    const auto at = std::ranges::find_if(a_.xs, [&](const Cell& c) { return text_of(c) == text_of(x); });
    return static_cast<double>(at - a_.xs.begin()) + 2 * side * static_cast<double>(a_.xs.size()) / width_;
  }

  std::string commands() const {
    if (a_.numeric() && a_.xs.size() <= kMostTics) return sizes_.commands();
    if (a_.numeric()) return number_axis('x', sizes_.low, sizes_.high, sizes_.logarithmic, width_);
    std::string tics;
    const std::size_t fit = fitting(width_ / static_cast<double>(a_.xs.size()));
    for (std::size_t i = 0; i < a_.xs.size(); ++i)
      tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", quoted_tic(shortened(label_of(a_.xs[i]), fit)), i);
    return fmt::format("unset logscale x\nset xrange [-0.5:{}]\nset xtics ({})",
                       static_cast<double>(a_.xs.size()) - 0.5, tics);
  }

 private:
  static std::vector<double> numbers(const Anything& a) {
    std::vector<double> all;
    for (const Cell& x : a.xs) all.push_back(a.numeric() ? number_of(x) : 0);
    return all;
  }

  const Anything& a_;
  double width_;
  SizeAxis sizes_;
};

struct AxisY {
  double low = 0, high = 1;
  bool logarithmic = false;

  explicit AxisY(const Anything& a) : logarithmic(spans_decades(a.low, a.high)) {
    const double more = a.above > 0 ? 3 : 1;  // for the arrows
    if (logarithmic) {
      const double room = std::pow(a.high / a.low, 0.05);
      low = a.low / room, high = a.high * std::pow(room, more);
    } else {
      const double room = a.high > a.low ? 0.06 * (a.high - a.low) : 0.5 * std::max(1e-9, std::abs(a.high));
      low = a.low - room, high = a.high + more * room;
    }
  }
};

const char* dash(const PlottedLine& line) { return line.control ? "(6,4)" : "1"; }

Table anything_table(const Anything& a, const FigureOptions& o) {
  Table t{{"mark", o.by.empty() ? "by" : o.by, o.x, o.y, "run_id", "runs", "low", "high", "coverage", "budget",
           "setting"},
          {}};
  for (const PlottedLine& line : a.lines) {
    for (const PlottedRun& r : line.runs)
      t.rows.push_back({std::string("run"), line.by, r.x, number_cell(r.y), r.id, {}, {}, {}, {}, {}, {}});
    for (const PlottedMark& m : line.marks)
      t.rows.push_back({std::string(a.fraction ? "fraction" : "median"),
                        line.by,
                        m.x,
                        number_cell(m.value),
                        {},
                        static_cast<std::int64_t>(m.runs),
                        number_cell(m.interval.low),
                        number_cell(m.interval.high),
                        m.coverage,
                        a.budgeted ? number_cell(m.budget) : Cell(),
                        m.best});
  }
  return t;
}

void plot_anything(Page& page, const Anything& a, const AxisX& x, const AxisY& y) {
  std::vector<std::string> parts;
  const bool marks = a.fraction || a.repeated();
  for (std::size_t i = 0; i < a.lines.size() && !a.fraction; ++i) {  // runs first, so that medians lie above them
    std::vector<std::vector<double>> runs;
    for (const PlottedRun& r : a.lines[i].runs)
      if (std::isfinite(r.y)) runs.push_back({x.place(r.x, i, false), r.y});
    parts.push_back(fmt::format("{} using 1:2 with points pt {} ps {}*point_scale lc rgb '#{}{}'", page.data(runs),
                                kLooks[i].point, marks ? 0.5 : 0.8, marks ? "90" : "00",
                                std::string(kLooks[i].color).substr(1)));
  }
  for (std::size_t i = 0; i < a.lines.size() && marks; ++i) {
    std::vector<BarMark> bars;
    std::vector<std::vector<double>> joined;
    for (const PlottedMark& m : a.lines[i].marks) {
      const double place = x.place(m.x, i, true);
      const bool finite = std::isfinite(m.value);
      bars.push_back({place,
                      finite         ? m.value
                      : m.budget > 0 ? m.budget
                                     : a.high,
                      m.interval.low, m.interval.high, finite ? BarMark::kNone : BarMark::kUp});
      joined.push_back({place, finite ? m.value : std::nan("")});
    }
    if (a.numeric() && joined.size() > 1)
      parts.push_back(fmt::format("{} using 1:2 with lines lc rgb '{}' lw 1.6 dt {}", page.data(joined),
                                  kLooks[i].color, dash(a.lines[i])));
    const double arrow = y.logarithmic ? std::pow(y.high / y.low, 0.07) - 1 : 0.07 * (y.high - y.low) / a.high;
    for (std::string& part : bar_parts(page, 'y', bars, arrow, kLooks[i].point - 1, kLooks[i].color, y.high))
      parts.push_back(std::move(part));
  }
  page.plot(parts);
}

std::string interval_words(const Anything& a) {
  if (a.fraction) return "95 % interval";
  std::size_t fewest = SIZE_MAX;
  for (const PlottedLine& line : a.lines)
    for (const PlottedMark& m : line.marks) fewest = std::min(fewest, m.runs);
  return fewest < 6 ? "95 % interval, or lowest to highest of fewer than six" : "95 % interval";
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& item : list) text += (text.empty() ? "" : ", ") + item;
  return text;
}

std::vector<LegendEntry> legend_of(const Anything& a, const FigureOptions& o) {
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; i < a.lines.size() && !a.lines[i].by.empty(); ++i)
    legend.push_back({LegendEntry::kLinePoint,
                      fmt::format("lc rgb '{}' dt {} lw 1.6 pt {} ps 0.9*point_scale", kLooks[i].color,
                                  dash(a.lines[i]), kLooks[i].point),
                      a.lines[i].by});
  if (a.fraction)
    legend.push_back({LegendEntry::kText, "", interval_words(a) + (o.best ? ", at the best setting" : "")});
  else if (a.repeated())
    legend.push_back({LegendEntry::kText, "", concat("small: runs; large: medians, ", interval_words(a))});
  if (a.above > 0 && !a.fraction)
    legend.push_back(
        {LegendEntry::kText, "", a.budgeted ? "↑ half did not learn: above the budget" : "↑ half diverged"});
  if (!a.pooled.empty() && !o.best) legend.push_back({LegendEntry::kText, "", "pooled: " + joined(a.pooled)});
  return legend;
}

std::string caption_of(const Anything& a, const FigureOptions& o) {
  std::string text = fmt::format("{} against {}: ", a.y_label, a.x_label);
  text += a.fraction
              ? fmt::format("of {} runs, with exact intervals (Clopper and Pearson, 95 %{})", a.runs,
                            o.best ? ", which allow for the choice of the best setting" : "")
              : fmt::format("a small point a run ({}), medians with exact intervals by order statistics ({})",
                            a.runs, interval_words(a));
  text += ".";
  if (o.best) text += " Each mark is at the best of the settings there, by the fraction learned, then the loss.";
  if (!a.pooled.empty() && !o.best) text += " Pooled in the marks: " + joined(a.pooled) + ".";
  if (a.above > 0 && !a.fraction)
    text += fmt::format(" {} runs {}; they count as above all others.", a.above,
                        a.budgeted ? "did not learn within their budget" : "diverged");
  if (a.without > 0) text += fmt::format(" {} finished runs lack one of the two.", a.without);
  return text;
}

Figures anything_figures(const FigureSource& source) {
  const FigureOptions& o = source.options;
  if (o.x.empty() || o.y.empty()) return {};
  const Anything a = read_anything(source);
  Page page(o.style, legend_of(a, o));
  const double top = page.top(), left = 96, width = page.width() - 24 - left;
  page.set_height(static_cast<int>(top + 340 + 54));
  page.panel(left, top, page.width() - 24, top + 340);
  const AxisX x(a, width);
  const AxisY y(a);
  page.add(x.commands());
  page.add(a.fraction ? kFractionAxis : number_axis('y', y.low, y.high, y.logarithmic, 340));
  page.axis_labels(a.x_label, a.y_label, 74);
  plot_anything(page, a, x, y);
  std::string by;
  for (const char c : o.by) by += c == ',' ? std::string(" and ") : std::string(1, c);
  Figure f{"anything-" + slug_of(concat(o.y, "-", o.x, by.empty() ? "" : "-", by)),
           "anything",
           concat(a.y_label, " against ", a.x_label, by.empty() ? "" : " by ", by),
           "",
           anything_table(a, o),
           ""};
  f.caption = caption_of(a, o);
  if (!a.pooled.empty() && !o.best)
    f.warning =
        concat("marks pool ", joined(a.pooled), "; --by tells them apart, --where chooses, --best takes the best");
  page.finish(f);
  return {f};
}

}  // namespace

const FigureKind kAnythingKind{"anything",
                               "any column of the runs against another (--x, --y, --by, --where, --best)", nullptr,
                               anything_figures};

}  // namespace tools
