// Phase diagrams: what was learned over two swept columns, control beside target.

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/core.h>

#include "figures/kinds.h"

namespace tools {
namespace {

constexpr std::size_t kValueLength = 14;  // characters of a value's label

// One cell: the best of the grid points that share its two values.
struct PhaseCell {
  std::size_t column = 0, row = 0;
  FrontierPoint point;
};

struct Phase {
  std::string x, y;
  std::vector<Cell> columns, rows;
  std::vector<std::string> rest;  // the other swept columns, of which each cell has the best
  bool target = false, control = false;
  std::vector<PhaseCell> cells;
  std::vector<FigureRun> runs;
};

std::size_t place_of(const std::vector<Cell>& values, const Cell& value) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (text_of(values[i]) == text_of(value)) return i;
  return 0;
}

Phase make_phase(const Group& group, const std::string& x, const std::string& y) {
  Phase phase;
  phase.x = x;
  phase.y = y;
  for (const std::string& key : group.swept)
    if (key != x && key != y) phase.rest.push_back(key);
  for (const FigureRun& r : group.runs)
    if (r.done() && !r.learner && r.values.contains(x) && r.values.contains(y)) phase.runs.push_back(r);
  phase.columns = values_of(phase.runs, x);
  phase.rows = values_of(phase.runs, y);
  phase.target = has_role(phase.runs, false);
  phase.control = has_role(phase.runs, true);
  std::vector<FrontierRun> runs;
  for (const FigureRun& r : phase.runs) {
    // The pair of values as one size.
    const auto size = static_cast<double>(place_of(phase.rows, r.values.at(y)) * phase.columns.size() +
                                          place_of(phase.columns, r.values.at(x)));
    runs.push_back(frontier_run(r, size, values_text(r, phase.rest)));
  }
  for (const FrontierPoint& p : frontier(runs)) {
    const auto at = static_cast<std::size_t>(p.size);
    phase.cells.push_back({at % phase.columns.size(), at / phase.columns.size(), p});
  }
  return phase;
}

// Cividis: from blue to yellow, in rising lightness for everyone.
constexpr std::array<std::array<int, 3>, 5> kPalette = {
    {{0, 32, 77}, {64, 77, 107}, {124, 123, 120}, {188, 175, 111}, {255, 234, 70}}};

// The losses that colours stand for: from 0 to 1, or from a power of ten to 1 where they span decades.
struct ColorScale {
  double low = 0;  // 0: linear

  explicit ColorScale(const std::vector<PhaseCell>& cells) {
    constexpr double kFloor = 1e-6;
    double least = 1;
    for (const PhaseCell& c : cells)
      if (std::isfinite(c.point.loss_median)) least = std::min(least, std::max(c.point.loss_median, kFloor));
    if (least < 0.1) low = std::pow(10, std::floor(std::log10(least) + 1e-9));
  }
  // From 0 to 1, and back.
  double place(double loss) const {
    return low == 0 ? std::clamp(loss, 0.0, 1.0) : 1 - std::log10(std::clamp(loss, low, 1.0)) / std::log10(low);
  }
  double loss_at(double share) const { return low == 0 ? share : std::pow(low, 1 - share); }
  std::string tics() const {
    if (low == 0) return "'0' 0, '0.25' 0.25, '0.5' 0.5, '0.75' 0.75, '≥ 1' 1";
    std::string text;
    const int decades = static_cast<int>(std::lround(-std::log10(low)));
    for (int i = 0; i <= decades; ++i)
      text += fmt::format("{}'{}{}' {:.6g}", i == 0 ? "" : ", ",
                          i == 0         ? "≤ "
                          : i == decades ? "≥ "
                                         : "",
                          readable(std::pow(10, i - decades)), static_cast<double>(i) / decades);
    return text;
  }
};

int color_of(double loss, const ColorScale& scale) {
  if (!std::isfinite(loss)) return 0xFFFFFF;
  const double at = scale.place(loss) * (kPalette.size() - 1);
  const auto i = std::min<std::size_t>(static_cast<std::size_t>(at), kPalette.size() - 2);
  int color = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    const double part = at - static_cast<double>(i);
    color = color * 256 + static_cast<int>(std::lround(kPalette[i][c] * (1 - part) + kPalette[i + 1][c] * part));
  }
  return color;
}

std::string cell_text(double loss) {
  if (!std::isfinite(loss)) return "×";
  if (loss > 10) return ">10";
  if (loss == 0 || loss < 1e-9) return "0";
  if (loss < 0.00095) return readable(std::stod(fmt::format("{:.0e}", loss)));
  return loss < 0.0095  ? fmt::format("{:.3f}", loss)
         : loss < 0.995 ? fmt::format("{:.2f}", loss)
                        : fmt::format("{:.1f}", loss);
}

// Whether labels of words are wider than the room that each has; those of numbers are then left out in part.
bool is_crowded(const std::vector<Cell>& values, double room) {
  return std::ranges::any_of(values, [&](const Cell& v) {
    const auto length = static_cast<double>(std::min<std::size_t>(kValueLength, characters(label_of(v))));
    return !std::isfinite(number_of(v)) && 6.4 * length > room;
  });
}

std::string category_tics(const std::vector<Cell>& values, double room) {
  std::size_t longest = 1;
  for (const Cell& v : values) longest = std::max(longest, characters(label_of(v)));
  const bool slanted = is_crowded(values, room);
  const double width = 6.4 * static_cast<double>(std::min(longest, kValueLength));
  const auto every = slanted ? 1 : static_cast<std::size_t>(std::max(1.0, std::ceil(width / room)));
  std::string tics;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (i % every == 0)
      tics += fmt::format("{}{} {}", tics.empty() ? "" : ", ",
                          quoted_tic(shortened(label_of(values[i]), kValueLength)), i);
  return concat("(", tics, ") scale 0", slanted ? " rotate by 30 right" : " norotate");
}

void phase_panel(Page& page, const Phase& phase, bool control, double cell_width, double cell_height) {
  const ColorScale scale(phase.cells);
  std::vector<std::vector<double>> boxes;
  std::string labels;
  std::size_t longest = 1;
  for (const PhaseCell& c : phase.cells) longest = std::max(longest, characters(cell_text(c.point.loss_median)));
  const bool room = cell_width >= 6.5 * static_cast<double>(longest) + 2 && cell_height >= 14;
  for (const PhaseCell& c : phase.cells) {
    if (c.point.control != control) continue;
    const auto x = static_cast<double>(c.column), y = static_cast<double>(c.row);
    const int color = color_of(c.point.loss_median, scale);
    boxes.push_back({x, y, x - 0.49, x + 0.49, y - 0.48, y + 0.48, static_cast<double>(color)});
    if (room)
      labels += fmt::format("set label '{}' at first {}, first {} center front font ',11' textcolor rgb '{}'\n",
                            cell_text(c.point.loss_median), c.column, c.row,
                            (color >> 8 & 255) < 110 ? "#FFFFFF" : "#000000");
  }
  page.add(labels);
  page.plot({page.data(boxes) +
             " using 1:2:3:4:5:6:7 with boxxyerror fs solid 1 border lc rgb '#BBBBBB' fc rgb variable"});
}

// The scale of colours, as a panel of its own.
void color_scale(Page& page, const ColorScale& scale, double learned_below, double left, double top,
                 double bottom) {
  page.label(page.width() - 8, top - 16, "test loss", "right");
  page.panel(left, top, left + 16, bottom);
  std::vector<std::vector<double>> boxes;
  for (int i = 0; i < 50; ++i)
    boxes.push_back({0.5, (i + 0.5) / 50, 0, 1, i / 50.0, std::min(1.0, (i + 1.5) / 50),
                     static_cast<double>(color_of(scale.loss_at((i + 0.5) / 50), scale))});
  page.add(
      "set xrange [0:1]\nset yrange [0:1]\nset format x ''\nunset xtics\nset border "
      "15\nunset ytics");
  page.add(concat("set y2range [0:1]\nset y2tics (", scale.tics(),
                  ") scale 0 offset -0.6,0 font ',11' textcolor rgb '#333333'"));
  if (const double at = scale.place(learned_below); at > 0 && at < 1)
    page.add(fmt::format(
        "set arrow from first -0.4, first {0} to first 1.4, first {0} nohead front lc rgb '#009E73' lw 2", at));
  page.plot({page.data(boxes) + " using 1:2:3:4:5:6:7 with boxxyerror fs solid 1 noborder fc rgb variable"});
}

Table phase_table(const Phase& phase) {
  Table t{{phase.x, phase.y, "role", "grid_point", "grid_points", "seeds", "learned", "fraction", "median_loss",
           "lowest_loss", "highest_loss"},
          {}};
  for (const PhaseCell& c : phase.cells)
    t.rows.push_back({phase.columns[c.column], phase.rows[c.row],
                      std::string(c.point.control ? "control" : "target"), c.point.best,
                      std::int64_t{c.point.grid_points}, std::int64_t{c.point.seeds}, std::int64_t{c.point.learned},
                      c.point.fraction, number_cell(c.point.loss_median), number_cell(c.point.loss_range.low),
                      number_cell(c.point.loss_range.high)});
  return t;
}

Figure phase_figure(const Group& group, const Phase& phase, const FigureStyle& style) {
  std::size_t longest = 1;
  for (const Cell& v : phase.rows) longest = std::max(longest, std::min(kValueLength, characters(label_of(v))));
  Page page(style, {});
  const double left = 44 + 6.6 * static_cast<double>(longest), right = page.width() - 100, gap = 24;
  const auto columns = static_cast<double>(phase.columns.size()), rows = static_cast<double>(phase.rows.size());
  const bool both = phase.target && phase.control, stacked = both && columns * 34 > (right - left - gap) / 2;
  const double panel_width = both && !stacked ? (right - left - gap) / 2 : right - left;
  const double height = std::clamp(30.0 * rows, 90.0, 420.0), first = page.top() + 22;
  const double bottom = stacked ? first + 2 * height + 34 : first + height;
  const double slant = is_crowded(phase.columns, panel_width / columns) ? 40 : 0;  // pixels of slanted labels
  page.set_height(static_cast<int>(bottom + slant + 54));
  double x = left, y = first;
  for (const bool control : {false, true}) {
    if (!(control ? phase.control : phase.target)) continue;
    page.panel(x, y, x + panel_width, y + height, phase.rows.size());
    const bool lowest = !stacked || control, leftmost = stacked || x == left;
    page.add(fmt::format("set border 0\nunset grid\nset xrange [-0.5:{}]\nset yrange [-0.5:{}]", columns - 0.5,
                         rows - 0.5));
    page.add("set xtics " + category_tics(phase.columns, panel_width / columns));
    page.add(leftmost ? "set ytics " + category_tics(phase.rows, 1e9) : "unset ytics");
    if (!lowest) page.add("unset xtics");
    page.axis_labels("", leftmost ? phase.y : "", left - 18);
    if (lowest) page.below(38 + slant, phase.x);
    page.label(x, y - 12, control ? "control" : "target", concat("left textcolor rgb '", role_color(control), "'"));
    phase_panel(page, phase, control, panel_width / columns, height / rows);
    (stacked ? y : x) += stacked ? height + 34 : panel_width + gap;
  }
  color_scale(page, ColorScale(phase.cells), phase.runs.front().learned_below, page.width() - 84, first,
              std::min(bottom, first + 220));
  Figure f{group.slug("phase") + concat("-", slug_of(phase.x), "-", slug_of(phase.y)),
           "phase",
           concat("Phase diagram, ", phase.x, " and ", phase.y, ": ", group.name()),
           "",
           phase_table(phase),
           ""};
  std::string rest;
  for (const std::string& key : phase.rest) rest += concat(rest.empty() ? "" : ", ", key);
  f.caption = fmt::format(
      "Median normalised test loss over the seeds, by {} and {}: {}; 1 is no better than the best constant, × is "
      "not finite; below the green line of the scale it is learned.{}",
      phase.x, phase.y, counts_text(phase.runs), rest.empty() ? "" : concat(" Each cell at its best ", rest, "."));
  page.finish(f);
  return f;
}

Figures phase_figures(const Group& group, const FigureSource& source) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto swept = [&](const std::string& key) {
    return std::ranges::find(group.swept, key) != group.swept.end();
  };
  const std::string size = size_column(group);
  const std::string x = !source.options.x.empty() ? source.options.x
                        : !size.empty()           ? size
                        : group.swept.empty()     ? ""
                                                  : group.swept.front();
  if (!swept(x)) return {};
  for (const std::string& key : group.swept)
    if (key != x && (source.options.y.empty() || key == source.options.y)) pairs.emplace_back(x, key);
  if (pairs.size() > 4) pairs.resize(4);
  Figures figures;
  for (const auto& [first, second] : pairs) {
    const Phase phase = make_phase(group, first, second);
    // A grid of which half was never run is one of pairs, not of two columns; who asks for it has it.
    std::set<std::pair<std::size_t, std::size_t>> filled;
    for (const PhaseCell& c : phase.cells) filled.emplace(c.column, c.row);
    const bool asked = !source.options.x.empty() && !source.options.y.empty();
    if (!asked && 2 * filled.size() <= phase.columns.size() * phase.rows.size()) continue;
    if (phase.columns.size() > 1 && phase.rows.size() > 1 && phase.columns.size() * phase.rows.size() <= 4000)
      figures.push_back(phase_figure(group, phase, source.options.style));
  }
  return figures;
}

}  // namespace

const FigureKind kPhaseKind{"phase", "loss over two swept columns (--x, --y)", phase_figures, nullptr};

}  // namespace tools
