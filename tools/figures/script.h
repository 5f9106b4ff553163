// What the figures' gnuplot scripts share: a page laid out in pixels, with title, legend and panels, and its text.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "figures/groups.h"

namespace tools {

// The commands of a y axis for fractions.
inline constexpr const char* kFractionAxis =
    "set yrange [-0.04:1.04]\nset ytics ('0' 0, '0.25' 0.25, '0.5' 0.5, '0.75' 0.75, '1' 1)";

// Okabe and Ito's palette, which colour-blind readers can tell apart; target and control also differ in shape and
// dash.
inline constexpr const char* kTargetColor = "#0072B2";
inline constexpr const char* kControlColor = "#D55E00";
inline constexpr const char* kGuideColor = "#777777";

// Text as gnuplot reads it literally; characters below a space become one.
std::string plot_string(const std::string& text);
// The label of a tic, where gnuplot also reads formats.
std::string quoted_tic(const std::string& text);
// A number of a data block: NaN where it is not finite.
std::string plotted(double value);
// A number for people: four significant digits, 1e-5 for what is small.
std::string readable(double value);
// At most `most` characters (not bytes), the last "…" where some were left out.
std::string shortened(const std::string& text, std::size_t most);
// Pixels that labels of `longest` characters may take to the left of a panel: no more than `share` of the page.
double label_space(double wanted, double width, double share = 0.45);
// Characters that fit into so many pixels.
std::size_t fitting(double pixels);
// Characters of UTF-8 text.
std::size_t characters(const std::string& text);

struct LegendEntry {
  // kText: the label alone; kMore: the rest of the label before it, on a line of its own.
  enum Kind { kLine, kPoint, kLinePoint, kBand, kBox, kText, kMore } kind;
  std::string
      style;  // gnuplot's: "lc rgb '#0072B2' dt 2 lw 2", "pt 7 lc rgb ..."; of a band or box its colour alone
  std::string label;
};

// The legend's entries for target and control, as far as a figure has them.
std::vector<LegendEntry> roles_legend(bool target, bool control, LegendEntry::Kind kind);
// "lc rgb '#0072B2' dt 1 lw 2 pt 7": how a role is drawn, by lines and points alike.
std::string role_style(bool control);
const char* role_color(bool control);

// The thresholds of a loss: the largest that counts as learned, and 1. Their entries of the legend, and the lines
// themselves across an axis, x or y.
void add_thresholds(std::vector<LegendEntry>& legend, double learned_below);
std::string threshold_lines(char axis, double learned_below);

// A page. The title and the legend are drawn at its top; panels follow, placed in pixels from the upper left
// corner. Where the style has a height, panels are stretched until the page has it.
class Page {
 public:
  Page(const FigureStyle& style, const std::vector<LegendEntry>& legend);

  double width() const { return style_.width; }

  // Where panels may begin.
  int top() const { return top_; }
  void set_height(int height) { height_ = height; }
  // The next plot's frame, without its tics and labels. `rows` of text beside it need room, however low the page
  // is.
  void panel(double left, double top, double right, double bottom, std::size_t rows = 0);
  // Text at a pixel of the page, in the next plot. `options`: gnuplot's ("center", "rotate by 90").
  void label(double x, double y, const std::string& text, const std::string& options = "");
  // Labels of the panel's axes, `room` pixels left of it and below it; "" for none.
  void axis_labels(const std::string& x, const std::string& y, double room = 66);
  // The label of the panel's x axis, so many pixels below it.
  void below(double room, const std::string& x);
  // A gnuplot command.
  void add(const std::string& command) { body_ += command + "\n"; }
  // A data block; gives its name.
  std::string data(const std::vector<std::vector<double>>& rows);
  // The plot of a panel, from what is to be drawn in it.
  void plot(const std::vector<std::string>& parts);

  // Puts script and size into the figure. Throws ValueError where the style's size leaves its panels no room.
  void finish(Figure& figure) const;

 private:
  void add_entry(LegendEntry entry);
  std::string legend_text() const;
  std::string size_text(double wide, double high) const;
  std::string at(double x, double y) const;
  std::string axis_label(const std::string& text);
  double panel_room(double upper, double lower) const;
  double title_room() const { return style_.titled ? 34 : 8; }
  std::string placed(const std::string& text) const;  // pixels upwards as gnuplot's screen

  FigureStyle style_;
  int height_ = 0, top_ = 0, blocks_ = 0;
  double left_ = 0, right_ = 0, upper_ = 0, lower_ = 0;  // of the panel
  std::vector<LegendEntry> legend_;
  struct Band {
    double upper = 0, lower = 0, least = 0;  // pixels; the least height
  };
  std::vector<Band> bands() const;
  std::vector<Band> panels_;
  std::vector<std::string> axes_;
  std::string data_, body_;
};

// Medians with bars along an axis, or arrows where less than half has an end.
struct BarMark {
  double place = 0;          // along the other axis
  double value = 0;          // the median; of an arrow where it begins
  double low = 0, high = 0;  // of the bar; a high end that is infinite is not known: the bar goes on to `edge`
  enum Arrow { kNone, kUp, kDown } arrow = kNone;  // the median lies above, or at most there
};
// What of a plot draws them: bars with filled points, those without an upper end with an arrow at `edge`; open
// points with arrows of `length` times where they begin, those downwards on their bars. `point`: gnuplot's type of
// the open point, the filled one being the next.
std::vector<std::string> bar_parts(Page& page, char axis, const std::vector<BarMark>& marks, double length,
                                   int point, const std::string& color, double edge);

// A logarithmic axis for losses: what lies below is drawn at its lower end, what is above `high` or not finite at
// `edge`.
class LossAxis {
 public:
  explicit LossAxis(const std::vector<double>& values);

  double place(double value) const;
  // "set logscale x; set xrange ...; set xtics ...", for x or y; without labels for a
  // panel whose neighbour has them.
  std::string commands(char axis, bool labels = true) const;
  double low() const { return low_; }
  double end() const { return edge_used_ ? edge_ * 1.6 : high_; }
  bool edge_used() const { return edge_used_; }

 private:
  double low_ = 1e-3, high_ = 2, edge_ = 0;
  bool floor_used_ = false, edge_used_ = false;
};

// Marks (x, y) without those that would lie on another: nearer than 1/80 of a decade, about a pixel, on the axes
// that are logarithmic, and equal on the others.
std::vector<std::vector<double>> without_overlaps(const std::vector<std::vector<double>>& marks,
                                                  bool logarithmic_y);

// A label of an axis: its place, 0 to 1.
struct Tic {
  double at = 0, value = 0;
  std::string label;
};
// Whether the labels do not touch on an axis of `length` pixels, 'x' or 'y'.
bool tics_fit(const std::vector<Tic>& tics, char axis, double length);
// The commands of an axis from `low` to `high` of so many pixels: as many tics as fit.
std::string number_axis(char axis, double low, double high, bool logarithmic, double length);

}  // namespace tools
