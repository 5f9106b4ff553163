#include "figures/script.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/core.h>

namespace tools {
namespace {

// Pixels of a line of text and of an average character of it, at 12 pixels.
constexpr double kLineHeight = 20, kCharacter = 6.7;
constexpr double kMargin = 16;
constexpr double kLeastPanel = 56;   // height of a panel that is stretched to a size
constexpr double kLeastWidth = 200;  // of a page

constexpr const char* kLearnedLine = "lc rgb '#009E73' lw 1.5 dt (3,3)";
constexpr const char* kConstantLine = "lc rgb '#777777' lw 1 dt 1";

double legend_width(const LegendEntry& e) {
  return (e.kind == LegendEntry::kText ? 0 : 34) + kCharacter * static_cast<double>(characters(e.label)) + 18;
}

}  // namespace

std::string plot_string(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out + "'";
}

std::string quoted_tic(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '%' ? "%%" : std::string(1, c);
  return plot_string(out);
}

std::string plotted(double value) { return std::isfinite(value) ? fmt::format("{:.9g}", value) : "NaN"; }

std::string readable(double value) {
  if (!std::isfinite(value)) return "not finite";
  if (value == std::floor(value) && std::abs(value) < 1e6) return fmt::format("{:.0f}", value);
  std::string text = fmt::format("{:.4g}", value);
  if (const auto e = text.find("e-0"); e != std::string::npos) text.erase(e + 2, 1);
  if (const auto e = text.find("e+"); e != std::string::npos) text.erase(e + 1, text[e + 2] == '0' ? 2 : 1);
  return text;
}

// One line, or two where it is longer than so many pixels; what is longer still is cut off.
std::vector<std::string> in_lines(const std::string& text, double pixels) {
  const std::size_t fit = fitting(pixels);
  if (characters(text) <= fit) return {text};
  std::size_t best = std::string::npos;  // the space nearest to the middle
  const auto off = [&](std::size_t at) {
    return std::abs(static_cast<double>(at) - static_cast<double>(text.size()) / 2);
  };
  for (std::size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at + 1))
    if (best == std::string::npos || off(at) < off(best)) best = at;
  if (best == std::string::npos) return {shortened(text, fit)};
  return {shortened(text.substr(0, best), fit), shortened(text.substr(best + 1), fit)};
}

double label_space(double wanted, double width, double share) { return std::min(wanted, share * width); }

std::size_t fitting(double pixels) { return static_cast<std::size_t>(std::max(4.0, pixels / kCharacter)); }

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string shortened(const std::string& text, std::size_t most) {
  if (characters(text) <= most) return text;
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 && seen++ == most - 1) break;
  return text.substr(0, end) + "…";
}

const char* role_color(bool control) { return control ? kControlColor : kTargetColor; }

std::string role_style(bool control) {
  return fmt::format("lc rgb '{}' dt {} lw 2 pt {} ps 0.8*point_scale", role_color(control),
                     control ? "(6,4)" : "1", control ? 9 : 7);
}

std::vector<LegendEntry> roles_legend(bool target, bool control, LegendEntry::Kind kind) {
  std::vector<LegendEntry> legend;
  if (target) legend.push_back({kind, role_style(false), "target"});
  if (control) legend.push_back({kind, role_style(true), "control"});
  return legend;
}

void add_thresholds(std::vector<LegendEntry>& legend, double learned_below) {
  legend.push_back({LegendEntry::kLine, kLearnedLine, concat(readable(learned_below), ": learned")});
  legend.push_back({LegendEntry::kLine, kConstantLine, "1: the best constant"});
}

std::string threshold_lines(char axis, double learned_below) {
  std::string text;
  for (const bool learned : {true, false}) {
    const double value = learned ? learned_below : 1;
    const char* style = learned ? kLearnedLine : kConstantLine;
    text += axis == 'x' ? fmt::format("set arrow from first {0}, graph 0 to first {0}, graph 1 nohead back {1}\n",
                                      value, style)
                        : fmt::format("set arrow from graph 0, first {0} to graph 1, first {0} nohead back {1}\n",
                                      value, style);
  }
  return text;
}

Page::Page(const FigureStyle& style, const std::vector<LegendEntry>& legend) : style_(style) {
  double x = kMargin;
  const double width_ = width();
  for (const LegendEntry& e : legend) add_entry(e);
  int lines = legend_.empty() ? 0 : 1;
  for (const LegendEntry& e : legend_) {
    if (x > kMargin && (e.kind == LegendEntry::kMore || x + legend_width(e) > width_ - kMargin)) {
      x = kMargin;
      ++lines;
    }
    x += legend_width(e);
  }
  top_ = static_cast<int>(title_room() + kLineHeight * lines + 14);
}

// An entry that is wider than the page goes on below.
void Page::add_entry(LegendEntry entry) {
  const std::size_t fit = fitting(width() - 2 * kMargin - 34);
  while (characters(entry.label) > fit) {
    const std::string& text = entry.label;
    const std::size_t space = text.rfind(' ', shortened(text, fit).size() - 1);
    if (space == std::string::npos || space == 0) break;
    legend_.push_back({entry.kind, entry.style, text.substr(0, space)});
    entry = {LegendEntry::kMore, "", text.substr(space + 1)};
  }
  legend_.push_back(std::move(entry));
}

// The height of the page is not known yet: its place stands between two signs until the end.
std::string Page::at(double x, double y) const {
  return fmt::format("screen {:.6g}, screen \x01{:.6g}\x02", x / width(), y);
}

// Pixels of the layout as the size was given: in millimetres or inches, the next tenth.
std::string Page::size_text(double wide, double high) const {
  const double unit = style_.points_a_pixel() / 72 * (style_.millimetres ? 25.4 : 1),
               step = style_.millimetres ? 1 : 100;
  const auto text = [&](double pixels) { return readable(std::ceil(pixels * unit * step - 0.25) / step); };
  return concat(text(wide), "x", text(high), style_.millimetres ? "mm" : "in");
}

// Panels that overlap are side by side; what is between panels keeps its height.
std::vector<Page::Band> Page::bands() const {
  std::vector<Band> out;
  auto panels = panels_;
  std::ranges::sort(panels, {}, &Band::upper);
  for (const Band& p : panels) {
    if (out.empty() || p.upper >= out.back().lower) {
      out.push_back(p);
      continue;
    }
    out.back().lower = std::max(out.back().lower, p.lower);
    out.back().least = std::max(out.back().least, p.least);
  }
  return out;
}

std::string Page::placed(const std::string& text) const {
  const std::vector<Band> bands = this->bands();
  double drawn = 0, least = 0;
  for (const Band& b : bands) drawn += b.lower - b.upper;
  // All are stretched alike: the one that can be lowered the least decides.
  for (const Band& b : bands) least = std::max(least, b.least / (b.lower - b.upper));
  least = height_ - drawn + least * drawn;
  const double page = style_.height > 0 ? style_.height : height_;
  const double stretch = 1 + (page - height_) / drawn;
  require(style_.height == 0 || (page >= least && width() >= kLeastWidth), "--size is ", size_text(width(), page),
          ", too small for this figure at this font; at least ",
          size_text(std::max(kLeastWidth, width()), std::max(1.01 * least, page)), ", or a smaller font");
  const auto moved_to = [&](double y) {
    double moved = y;
    for (const Band& b : bands) moved += (stretch - 1) * std::clamp(y - b.upper, 0.0, b.lower - b.upper);
    return moved;
  };
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t sign = std::min(text.find('\x01', at), text.size());
    out += text.substr(at, sign - at);
    if (sign == text.size()) break;
    const std::size_t end = text.find('\x02', sign);
    out += fmt::format("{:.6g}", 1 - moved_to(std::stod(text.substr(sign + 1, end - sign - 1))) / page);
    at = end + 1;
  }
  return out;
}

std::string Page::legend_text() const {
  std::string text;
  double x = kMargin, y = title_room() + 10;
  const double width_ = width();
  int number = 1000;
  for (const LegendEntry& e : legend_) {
    if (x > kMargin && (e.kind == LegendEntry::kMore || x + legend_width(e) > width_ - kMargin)) {
      x = kMargin;
      y += kLineHeight;
    }
    if (e.kind == LegendEntry::kLine || e.kind == LegendEntry::kLinePoint)
      text += fmt::format("set arrow {} from {} to {} nohead {}\n", ++number, at(x, y), at(x + 28, y),
                          e.style.substr(0, e.style.find(" pt ")));
    if (e.kind == LegendEntry::kPoint || e.kind == LegendEntry::kLinePoint)
      text += fmt::format(
          "set label {} '' at {} point {}\n", ++number, at(x + 14, y),
          "pt " + e.style.substr(e.style.find(" pt ") + 4) + " " + e.style.substr(0, e.style.find(" dt ")));
    if (e.kind == LegendEntry::kBox || e.kind == LegendEntry::kBand)
      text += fmt::format("set object {} rectangle from {} to {} fc rgb '{}' fs {} {} front\n", ++number,
                          at(x + 4, y + 6), at(x + 26, y - 6), e.style,
                          e.kind == LegendEntry::kBand ? "transparent solid 0.2" : "solid 1",
                          e.style == "#FFFFFF" ? "border lc rgb '#777777'" : "noborder");
    text += fmt::format("set label {} {} at {} left font ',12'\n", ++number, plot_string(e.label),
                        at(x + (e.kind == LegendEntry::kText ? 0 : 34), y));
    x += legend_width(e);
  }
  return text;
}

void Page::panel(double left, double top, double right, double bottom, std::size_t rows) {
  left_ = left;
  right_ = right;
  upper_ = top;
  lower_ = bottom;
  body_ += fmt::format(
      "set lmargin at screen {:.6g}\nset rmargin at screen {:.6g}\nset tmargin at screen \x01{:.6g}\x02\n"
      "set bmargin at screen \x01{:.6g}\x02\n",
      left / width(), right / width(), top, bottom);
  constexpr double kRow = 13;
  panels_.push_back({top, bottom, std::max(std::min(bottom - top, kLeastPanel), kRow * static_cast<double>(rows))});
}

void Page::label(double x, double y, const std::string& text, const std::string& options) {
  body_ += fmt::format("set label {} at {} {} font ',12'\n", plot_string(text), at(x, y), options);
}

// Pixels of a label that may stand upright beside a panel: it shrinks with the page, at the least to what is
// allowed.
double Page::panel_room(double upper, double lower) const {
  if (style_.height == 0 || style_.height >= height_) return lower - upper + 30;
  return std::max(kLeastPanel, (lower - upper) * (style_.height - top_) / (height_ - top_)) + 16;
}

// What stands at an axis whose label is `text`.
std::string Page::axis_label(const std::string& text) {
  if (std::ranges::find(axes_, text) == axes_.end()) axes_.push_back(text);
  const auto found = std::ranges::find_if(style_.axes, [&](const auto& a) { return a.first == text; });
  return found == style_.axes.end() ? text : found->second;
}

void Page::below(double room, const std::string& x) {
  if (x.empty()) return;
  // A text that is wider than the panel goes on at its left, where rows have their labels.
  const std::string text = axis_label(x);
  const double half = kCharacter * static_cast<double>(characters(text)) / 2;
  label(std::min((left_ + right_) / 2, width() - 6 - half), lower_ + room, text, "center");
}

void Page::axis_labels(const std::string& x, const std::string& y, double room) {
  below(38, x);
  if (y.empty()) return;
  const std::vector<std::string> lines = in_lines(axis_label(y), panel_room(upper_, lower_));
  for (std::size_t i = 0; i < lines.size(); ++i)
    label(left_ - room - 7 * static_cast<double>(lines.size() - 1) + 14 * static_cast<double>(i),
          (upper_ + lower_) / 2, lines[i], "center rotate by 90");
}

std::string Page::data(const std::vector<std::vector<double>>& rows) {
  const std::string name = fmt::format("$d{}", ++blocks_);
  data_ += name + " << EOD\n";
  for (const auto& row : rows) {
    std::string line;
    for (const double v : row) line += (line.empty() ? "" : " ") + plotted(v);
    data_ += line + "\n";
  }
  if (rows.empty()) data_ += "NaN NaN NaN NaN NaN\n";
  data_ += "EOD\n";
  return name;
}

void Page::plot(const std::vector<std::string>& parts) {
  body_ += "plot ";
  for (std::size_t i = 0; i < parts.size(); ++i) body_ += (i == 0 ? "" : ", \\\n  ") + parts[i];
  // Title, legend and labels belong to the first plot that is drawn after them.
  body_ += "\nunset label\nunset arrow\nunset object\n";
}

void Page::finish(Figure& figure) const {
  figure.width = style_.width;
  figure.height = style_.height > 0 ? style_.height : height_;
  figure.style = style_;
  figure.axes = axes_;
  figure.script = data_ + placed(
                              "set border 3 lc rgb '#666666' lw 1\n"
                              "set tics nomirror out scale 0.5 font ',11' textcolor rgb '#333333'\n"
                              "set grid back lc rgb '#E4E4E4' lw 1 dt 1\n"
                              "unset key\n"
                              "set bars 0.6\n"
                              "set style fill solid 1 noborder\n"
                              "set multiplot\n"
                              "if (strlen(figure_title) > 0) set label 1 figure_title at " +
                              at(kMargin, 20) + " left font ',14'\n" + legend_text() + body_ + "unset multiplot\n");
}

std::vector<std::string> bar_parts(Page& page, char axis, const std::vector<BarMark>& marks, double length,
                                   int point, const std::string& color, double edge) {
  std::vector<std::vector<double>> bars, below, points, arrows;
  const auto add_arrow = [&](const BarMark& m, double size) {
    arrows.push_back(axis == 'x' ? std::vector{m.value, m.place, size, 0.0}
                                 : std::vector{m.place, m.value, 0.0, size});
  };
  for (const BarMark& m : marks) {
    const double x = axis == 'x' ? m.value : m.place, y = axis == 'x' ? m.place : m.value;
    const std::vector<double> bar{x, y, m.low, std::isfinite(m.high) ? m.high : m.value};
    const bool point_alone = m.arrow == BarMark::kUp || (m.arrow == BarMark::kDown && m.low == m.high);
    (m.arrow == BarMark::kNone ? bars : point_alone ? points : below).push_back(bar);
    if (m.arrow != BarMark::kNone)
      add_arrow(m, m.value * (m.arrow == BarMark::kUp ? length : 1 / (1 + length) - 1));
    if (m.arrow != BarMark::kUp && !std::isfinite(m.high)) add_arrow(m, edge - m.value);
  }
  std::vector<std::string> parts;
  if (!arrows.empty())
    parts.push_back(fmt::format("{} using 1:2:3:4 with vectors head size screen 0.006,25 lc rgb '{}' lw 1.4",
                                page.data(arrows), color));
  const auto add_bars = [&](const std::vector<std::vector<double>>& list, int type) {
    if (!list.empty())
      parts.push_back(fmt::format("{} using 1:2:3:4 with {}errorbars lc rgb '{}' lw 1.4 pt {} ps 0.9*point_scale",
                                  page.data(list), axis, color, type));
  };
  add_bars(bars, point + 1);
  add_bars(below, point);
  if (!points.empty())
    parts.push_back(fmt::format("{} using 1:2 with points pt {} ps 0.9*point_scale lc rgb '{}'", page.data(points),
                                point, color));
  return parts;
}

LossAxis::LossAxis(const std::vector<double>& values) {
  constexpr double kFloor = 1e-5, kCeiling = 10;
  double low = 0.03, high = 1.4;
  for (const double v : values) {
    if (!std::isfinite(v) || v > kCeiling) {
      edge_used_ = true;
    } else {
      floor_used_ = floor_used_ || v < kFloor;
      low = std::min(low, std::max(v, kFloor));
      high = std::max(high, 1.25 * v);
    }
  }
  low_ = std::pow(10, std::floor(std::log10(low) + 1e-9));
  high_ = high;
  edge_ = high * 2;
}

double LossAxis::place(double value) const {
  if (!std::isfinite(value) || value > 10) return edge_;
  return std::max(value, low_);
}

std::string LossAxis::commands(char axis, bool labels) const {
  std::string tics;
  for (int e = static_cast<int>(std::lround(std::log10(low_))); std::pow(10, e) <= high_; ++e) {
    const double v = std::pow(10, e);
    const bool floor = floor_used_ && v <= low_ * 1.01;
    const std::string text = labels ? (floor ? "≤ " : "") + readable(v) : "";
    tics += fmt::format("{}'{}' {:.6g}", tics.empty() ? "" : ", ", text, v);
  }
  if (edge_used_) tics += fmt::format(", '{}' {:.6g}", labels ? "> 10" : "", edge_);
  return fmt::format("set logscale {0}\nset {0}range [{1:.6g}:{2:.6g}]\nset {0}tics ({3})", axis, low_ * 0.8, end(),
                     tics);
}

std::vector<std::vector<double>> without_overlaps(const std::vector<std::vector<double>>& marks,
                                                  bool logarithmic_y) {
  const auto cell = [](double v) { return std::round(80 * std::log10(v)); };
  std::set<std::pair<double, double>> taken;
  std::vector<std::vector<double>> kept;
  for (const std::vector<double>& m : marks)
    if (taken.emplace(cell(m[0]), logarithmic_y ? cell(m[1]) : m[1]).second) kept.push_back(m);
  return kept;
}

bool tics_fit(const std::vector<Tic>& tics, char axis, double length) {
  constexpr double kApart = 9, kHeight = 34;
  const auto half = [&](const Tic& t) {
    return axis == 'y' ? kHeight / 2 : (kCharacter * static_cast<double>(characters(t.label)) + kApart) / 2;
  };
  for (std::size_t i = 1; i < tics.size(); ++i)
    if (length * (tics[i].at - tics[i - 1].at) < half(tics[i - 1]) + half(tics[i])) return false;
  return true;
}

namespace {

// Three a decade, two, one, or every so many of those: the most that fit. Six, where three a decade would be one or
// two in all.
std::vector<Tic> logarithmic_tics(char axis, double low, double high, double length) {
  static const std::vector<std::vector<double>> kSets = {{1, 1.5, 2, 3, 5, 7}, {1, 2, 5}, {1, 3}, {1}};
  const double first = std::log10(low), decades = std::log10(high) - first;
  std::vector<Tic> tics;
  for (std::size_t coarse = decades > 1 ? 1 : 0, every = 1; coarse < 32; ++coarse) {
    tics.clear();
    if (coarse >= kSets.size()) ++every;
    int e = static_cast<int>(std::ceil(first - 1e-3));
    if (every == 1) --e;
    for (; e <= first + decades + 1e-3; e += static_cast<int>(every))
      for (const double m : kSets[std::min(coarse, kSets.size() - 1)]) {
        const double v = m * std::pow(10, e);
        if (v >= low * 0.999 && v <= high * 1.001)
          tics.push_back({(std::log10(v) - first) / decades, v, readable(v)});
      }
    if (tics_fit(tics, axis, length)) break;
  }
  return tics;
}

}  // namespace

std::string number_axis(char axis, double low, double high, bool logarithmic, double length) {
  if (logarithmic) {
    std::string tics;
    for (const Tic& t : logarithmic_tics(axis, low, high, length))
      tics += fmt::format("{}'{}' {:.6g}", tics.empty() ? "" : ", ", t.label, t.value);
    return fmt::format("set logscale {0}\nset {0}range [{1:.6g}:{2:.6g}]\nset {0}tics ({3})", axis, low, high,
                       tics);
  }
  constexpr int kMost = 8;
  double step = std::pow(10, std::floor(std::log10((high - low) / kMost)));
  for (int i = 0; i < 12; ++i) {
    std::vector<Tic> tics;
    for (double v = std::ceil(low / step - 1e-9) * step; v <= high + 1e-9 * step; v += step)
      tics.push_back({(v - low) / (high - low), v, readable(v)});
    if (tics.size() <= kMost + 1 && tics_fit(tics, axis, length)) break;
    step *= i % 3 == 1 ? 2.5 : 2;
  }
  return fmt::format("unset logscale {0}\nset {0}range [{1:.6g}:{2:.6g}]\nset {0}tics {3:.6g}", axis, low, high,
                     step);
}

}  // namespace tools
