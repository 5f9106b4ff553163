// The figures of `plot` and `report`: each has its data as a table, and is drawn by gnuplot.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "results/database.h"

namespace tools {

// How figures are laid out: for a page, or for a place in a paper.
struct FigureStyle {
  int width = 760, height = 0;              // pixels of the layout; height 0: as high as it needs
  double inches_wide = 0, inches_high = 0;  // of the image; 0: a pixel is 1/96 inch
  bool millimetres = false;                 // as the size was given
  std::string font = "";                    // "": the format's own
  bool titled = true;                       // whether there is room for a title
  std::vector<std::pair<std::string, std::string>> axes = {};  // labels of axes, and what stands in their place

  bool for_paper() const { return inches_wide > 0; }
  // Points that a pixel of the layout is: text of 12 pixels has the points that were asked for.
  double points_a_pixel() const { return for_paper() ? inches_wide * 72 / width : 0.75; }
};

struct Figure {
  std::string name;               // unique in a report: "frontier-gnn-degree-parity", ...
  std::string kind;               // what --figure names: learning-curves, frontier, phase, scaling, verdicts, ...
  std::string title;              // one line, drawn above the picture unless it is emptied before draw()
  std::string caption;            // what is shown: quantities, units, seeds, intervals. Plain text
  Table data;                     // every number that is drawn
  std::string script;             // gnuplot commands without the terminal and output lines
  int width = 760, height = 460;  // pixels of the SVG
  FigureStyle style = {};
  std::vector<std::string> axes = {};  // the labels of its axes, before any was replaced
  std::string warning = {};            // what would be overlooked: a line for stderr
  std::size_t runs = 0;                // finished ones of the group it draws; 0: it draws no group
};

struct FigureOptions {
  std::string study = {}, family = {};  // "" : all
  std::string x = {}, y = {};           // phase diagrams: swept columns; "": chosen by what was swept
  std::string by = {};                  // anything: what tells the lines apart, with commas between
  std::vector<std::string> where = {};  // anything: KEY=VALUE, of which all hold
  bool best = false;                    // anything: at the best of what is pooled
  FigureStyle style = {};
};

struct Group;  // of runs: groups.h

// What a figure may look at besides its group.
struct FigureSource {
  const Database& db;
  const FigureOptions& options;
};

// What --figure takes. A kind draws the runs of one group, or the whole database: the other function is null.
struct FigureKind {
  const char *name, *help;  // one line
  std::vector<Figure> (*of_group)(const Group& group, const FigureSource& source);
  std::vector<Figure> (*of_database)(const FigureSource& source);
};
// In the order of a report.
const std::vector<FigureKind>& figure_kinds();

// All figures of a kind that the database can fill; empty where it holds nothing of it. Throws ValueError for an
// unknown kind, naming the nearest one.
std::vector<Figure> make_figures(const Database& db, const std::string& kind, const FigureOptions& options = {});
// All figures of all kinds, in the order of a report: at least three from any database with a finished run.
std::vector<Figure> make_all_figures(const Database& db, const FigureOptions& options = {});

// --- plot.cc ---
// A table as lines of fields, the first with the names.
std::string csv(const Table& table);

// --- gnuplot.cc ---
// Whether gnuplot is there.
bool have_gnuplot();
// The family that fontconfig takes in the place of one that is not installed; "" where it is, or nobody can say.
std::string font_in_place_of(const std::string& font);
// The image's bytes; format is svg, pdf or png. Throws NotBuiltError where there is no gnuplot, FileError when it
// fails, with its last line.
std::string draw(const Figure& figure, const std::string& format);
// What gnuplot needs to draw the image as `file`, named beside it: `gnuplot NAME.gp` writes it.
std::string gnuplot_script(const Figure& figure, const std::string& format, const std::string& file);

}  // namespace tools
