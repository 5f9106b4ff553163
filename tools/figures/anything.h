// Any number of the runs against any other: what is drawn, as numbers.
#pragma once

#include <string>
#include <vector>

#include "figures/figures.h"
#include "results/statistics.h"

namespace tools {

struct PlottedRun {
  std::string id;
  Cell x;
  double y = 0;  // infinite: above the budget, or diverged
};

// Of the runs of a line at one x: the median, or of `learned` the fraction.
struct PlottedMark {
  Cell x;
  double value = 0;  // infinite: above `budget`
  Interval interval;
  double coverage = 0;
  std::size_t runs = 0;
  double budget = 0;  // of what takes time: the most that a run there was given
  std::string best;   // the setting that was chosen, of --best
};

struct PlottedLine {
  std::string by;  // "target, width 64"
  std::vector<PlottedRun> runs;
  std::vector<PlottedMark> marks;
  bool control = false;  // of controls alone
};

struct Anything {
  std::string x_label, y_label;
  std::vector<PlottedLine> lines;
  std::vector<Cell> xs;             // different ones, in rising order
  std::size_t runs = 0;             // drawn
  std::size_t without = 0;          // runs that lack x or y
  std::size_t above = 0;            // runs whose y is infinite
  std::vector<std::string> pooled;  // settings that differ within a mark: "lr (3 values)"
  bool fraction = false, budgeted = false;
  double low = 0, high = 1;  // of what is finite

  bool numeric() const;
  // Whether a mark has several runs anywhere: else there is no median.
  bool repeated() const;
};

// By --x, --y, --by, --where and --best. Throws ValueError for columns that no run has, naming the nearest, for y
// that is no number, and for more lines or words than can be drawn.
Anything read_anything(const FigureSource& source);

}  // namespace tools
