// Any number of the runs against any other: what no other figure has.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include <fmt/core.h>

#include <eqnn/core/spelling.h>

#include "figures/kinds.h"

namespace tools {
namespace {

// Okabe and Ito's colours with a point of each: so many lines can be told apart.
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
                                             {"#000000", 6}}};
constexpr double kDecades = 20;  // largest over smallest from which on an axis is logarithmic
constexpr std::size_t kCategories = 40;

// The column of a key: "lr" is config.lr where the runs have no lr of their own. Throws ValueError with the
// nearest.
std::string column_of(const RunTable& table, const std::string& flag, const std::string& key) {
  std::vector<std::string> known;
  for (const auto& [name, place] : table.columns()) {
    known.push_back(name);
    for (const char* prefix : {"config.", "params."})
      if (name.starts_with(prefix)) known.push_back(name.substr(std::string(prefix).size()));
  }
  for (const char* prefix : {"", "config.", "params.", "config.params."})
    if (table.columns().contains(prefix + key)) return prefix + key;
  throw ValueError(
      concat("--", flag, " is '", key, "', which no run has; the nearest is '", eqnn::nearest(key, known), "'"));
}

// A number where text is one.
Cell as_number(const Cell& cell) {
  const std::string text = text_of(cell);
  double value = 0;
  const auto r = std::from_chars(text.data(), text.data() + text.size(), value);
  return r.ec == std::errc() && r.ptr == text.data() + text.size() && std::isfinite(value) ? Cell(value) : cell;
}

bool spans_decades(double low, double high) { return low > 0 && high / low >= kDecades; }

struct PlottedRun {
  std::string id;
  Cell x, by;
  double y = 0;
};

struct PlottedMedian {
  Cell x;
  double value = 0;
  std::size_t runs = 0;
  MedianInterval interval;
};

struct PlottedLine {
  Cell by;
  std::vector<PlottedRun> runs;
  std::vector<PlottedMedian> medians;
};

struct Anything {
  std::vector<PlottedLine> lines;
  std::vector<Cell> xs;     // different ones, in rising order
  std::size_t without = 0;  // runs that lack x or y
  double low = INFINITY, high = -INFINITY;

  bool numeric() const {
    return std::ranges::all_of(xs, [](const Cell& c) { return std::isfinite(number_of(c)); });
  }
  // Lines stand beside each other at an x that they share, each with its runs to the left of its median.
  double place(const Cell& x, std::size_t line, bool median) const {
    const double first = numeric() ? number_of(xs.front()) : 0,
                 last = numeric() ? number_of(xs.back()) : double(xs.size() - 1);
    const double share = 0.012 * (double(line) - 0.5 * double(lines.size() - 1)) - (median ? 0 : 0.006);
    if (numeric())
      return spans_decades(first, last) ? number_of(x) * std::pow(last / first, share)
                                        : number_of(x) + share * (last - first);
    const auto at = std::ranges::find_if(xs, [&](const Cell& c) { return text_of(c) == text_of(x); }) - xs.begin();
    return static_cast<double>(at) + 4 * share;
  }
};

// Finished runs of the study and family that were asked for.
std::vector<std::size_t> chosen_rows(const RunTable& table, const FigureSource& source) {
  std::set<std::string> named;
  const std::string& study = source.options.study;
  for (const Study& s : read_studies(source.db))
    if (s.name == study || s.name.starts_with(study + "/"))
      for (const StudyRun& r : s.runs) named.insert(r.id);
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < table.size(); ++row) {
    const bool of_study = study.empty() || named.contains(table.text(row, "run_id"));
    const bool of_family =
        source.options.family.empty() || text_of(table.either(row, "family")) == source.options.family;
    if (table.text(row, "status") == "done" && of_study && of_family) rows.push_back(row);
  }
  return rows;
}

void add_medians(Anything& a) {
  for (PlottedLine& line : a.lines)
    for (const Cell& x : a.xs) {
      std::vector<double> values;
      for (const PlottedRun& r : line.runs)
        if (text_of(r.x) == text_of(x)) values.push_back(r.y);
      if (!values.empty()) line.medians.push_back({x, median(values), values.size(), median_interval(values)});
    }
}

Anything read_anything(const FigureSource& source) {
  const FigureOptions& o = source.options;
  const RunTable table(source.db);
  const std::string x = column_of(table, "x", o.x), y = column_of(table, "y", o.y),
                    by = o.by.empty() ? "" : column_of(table, "by", o.by);
  Anything a;
  std::map<std::string, PlottedLine> lines;
  for (const std::size_t row : chosen_rows(table, source)) {
    PlottedRun r{table.text(row, "run_id"), as_number(table.cell(row, x)),
                 by.empty() ? Cell() : as_number(table.cell(row, by)), number_of(as_number(table.cell(row, y)))};
    if (text_of(r.x).empty() || !std::isfinite(r.y)) {
      ++a.without;
      continue;
    }
    a.low = std::min(a.low, r.y);
    a.high = std::max(a.high, r.y);
    a.xs.push_back(r.x);
    PlottedLine& line = lines[text_of(r.by)];
    line.by = r.by;
    line.runs.push_back(std::move(r));
  }
  require(!a.xs.empty(), "--y is '", o.y, "', which is a finite number in no finished run that has '", o.x,
          "'; name a column of numbers, such as normalized_test_loss");
  for (auto& [text, line] : lines) a.lines.push_back(std::move(line));
  std::ranges::sort(a.lines, cell_less, &PlottedLine::by);
  require(a.lines.size() <= kLooks.size(), "--by ", o.by, " makes ", a.lines.size(), " lines; at most ",
          kLooks.size(), " can be told apart: choose with --study and --family, or another --by");
  std::ranges::sort(a.xs, cell_less);
  a.xs.erase(
      std::unique(a.xs.begin(), a.xs.end(), [](const Cell& p, const Cell& q) { return text_of(p) == text_of(q); }),
      a.xs.end());
  require(a.numeric() || a.xs.size() <= kCategories, "--x ", o.x, " takes ", a.xs.size(), " words; at most ",
          kCategories, " have room");
  add_medians(a);
  return a;
}

Table anything_table(const Anything& a, const FigureOptions& o) {
  Table t{{"mark", o.by.empty() ? "by" : o.by, o.x, o.y, "run_id", "runs", "low", "high", "coverage"}, {}};
  for (const PlottedLine& line : a.lines) {
    for (const PlottedRun& r : line.runs)
      t.rows.push_back({std::string("run"), r.by, r.x, r.y, r.id, {}, {}, {}, {}});
    for (const PlottedMedian& m : line.medians)
      t.rows.push_back({std::string("median"),
                        line.by,
                        m.x,
                        m.value,
                        {},
                        static_cast<std::int64_t>(m.runs),
                        number_cell(m.interval.interval.low),
                        number_cell(m.interval.interval.high),
                        m.interval.coverage});
  }
  return t;
}

std::string x_axis(const Anything& a, double width) {
  if (!a.numeric()) {
    std::string tics;
    const std::size_t fit = fitting(width / static_cast<double>(a.xs.size()));
    for (std::size_t i = 0; i < a.xs.size(); ++i)
      tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", quoted_tic(shortened(label_of(a.xs[i]), fit)), i);
    return fmt::format("unset logscale x\nset xrange [-0.5:{}]\nset xtics ({})",
                       static_cast<double>(a.xs.size()) - 0.5, tics);
  }
  const double low = number_of(a.xs.front()), high = number_of(a.xs.back());
  if (spans_decades(low, high)) {
    const double room = std::pow(high / low, 0.04);
    return number_axis('x', low / room, high * room, true, width);
  }
  const double room = high > low ? 0.05 * (high - low) : 1;
  return number_axis('x', low - room, high + room, false, width);
}

std::string y_axis(const Anything& a, double height) {
  if (spans_decades(a.low, a.high)) {
    const double room = std::pow(a.high / a.low, 0.05);
    return number_axis('y', a.low / room, a.high * room, true, height);
  }
  const double room = a.high > a.low ? 0.06 * (a.high - a.low) : 0.5 * std::max(1e-9, std::abs(a.high));
  return number_axis('y', a.low - room, a.high + room, false, height);
}

void plot_anything(Page& page, const Anything& a) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < a.lines.size(); ++i) {  // runs first, so that medians lie above them
    std::vector<std::vector<double>> runs;
    for (const PlottedRun& r : a.lines[i].runs) runs.push_back({a.place(r.x, i, false), r.y});
    parts.push_back(fmt::format("{} using 1:2 with points pt {} ps 0.5*point_scale lc rgb '#90{}'", page.data(runs),
                                kLooks[i].point, std::string(kLooks[i].color).substr(1)));
  }
  for (std::size_t i = 0; i < a.lines.size(); ++i) {
    std::vector<std::vector<double>> medians;
    for (const PlottedMedian& m : a.lines[i].medians)
      medians.push_back({a.place(m.x, i, true), m.value, m.interval.interval.low, m.interval.interval.high});
    const std::string name = page.data(medians);
    if (a.numeric() && medians.size() > 1)
      parts.push_back(fmt::format("{} using 1:2 with lines lc rgb '{}' lw 1.6", name, kLooks[i].color));
    parts.push_back(fmt::format("{} using 1:2:3:4 with yerrorbars lc rgb '{}' lw 1.4 pt {} ps 0.9*point_scale",
                                name, kLooks[i].color, kLooks[i].point));
  }
  page.plot(parts);
}

Figures anything_figures(const FigureSource& source) {
  const FigureOptions& o = source.options;
  if (o.x.empty() || o.y.empty()) return {};
  const Anything a = read_anything(source);
  std::vector<LegendEntry> legend;
  std::size_t runs = 0, fewest = SIZE_MAX;
  for (std::size_t i = 0; i < a.lines.size(); ++i) {
    runs += a.lines[i].runs.size();
    for (const PlottedMedian& m : a.lines[i].medians) fewest = std::min(fewest, m.runs);
    if (!o.by.empty())
      legend.push_back(
          {LegendEntry::kLinePoint,
           fmt::format("lc rgb '{}' dt 1 lw 1.6 pt {} ps 0.9*point_scale", kLooks[i].color, kLooks[i].point),
           a.lines[i].by == Cell() ? concat("no ", o.by) : concat(o.by, " ", label_of(a.lines[i].by))});
  }
  const std::string interval =
      fewest < 6 ? "95 % interval, or lowest to highest of fewer than six" : "95 % interval";
  legend.push_back({LegendEntry::kText, "", concat("small: runs; large: medians, ", interval)});
  Page page(o.style, legend);
  const double top = page.top(), left = 96;
  page.set_height(static_cast<int>(top + 340 + 54));
  page.panel(left, top, page.width() - 24, top + 340);
  page.add(x_axis(a, page.width() - 24 - left));
  page.add(y_axis(a, 340));
  page.axis_labels(o.x, o.y, 74);
  plot_anything(page, a);
  Figure f{"anything-" + slug_of(concat(o.y, "-", o.x, o.by.empty() ? "" : "-", o.by)),
           "anything",
           concat(o.y, " against ", o.x, o.by.empty() ? "" : " by ", o.by),
           "",
           anything_table(a, o),
           ""};
  f.caption = fmt::format(
      "{} against {}: a small point a run ({}), medians with exact intervals by order statistics ({}).{}", o.y, o.x,
      runs, interval, a.without > 0 ? fmt::format(" {} finished runs lack one of the two.", a.without) : "");
  page.finish(f);
  return {f};
}

}  // namespace

const FigureKind kAnythingKind{"anything", "any column of the runs against another (--x, --y, --by)", nullptr,
                               anything_figures};

}  // namespace tools
