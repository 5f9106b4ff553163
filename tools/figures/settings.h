// The settings of a group: what tells its runs apart, as text and as the axis of a figure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "figures/groups.h"

namespace tools {

// Runs with the same values, whatever seeds and control are.
struct Setting {
  std::string name;             // "n 8, lr 0.001, init xavier-normal": what tells it from the others of its list
  std::string label;            // the same for a drawing: "n 8, lr 0.001, xavier-normal", long values shortened
  std::vector<FigureRun> runs;  // target and control
};

// The settings of a group in order. `left_out`: columns that are not told apart.
std::vector<Setting> settings_of(const Group& group, const std::vector<FigureRun>& runs,
                                 const std::set<std::string>& left_out = {});
// A value as labels show it: 0.0003, and 3e-5 where its shortest form is 3e-05.
std::string label_of(const Cell& value);
// The columns of `columns` as text: "lr 0.001, width 64"; "" for none.
std::string values_text(const FigureRun& run, const std::vector<std::string>& columns);
// What a frontier goes along: the option x where it was swept, or else the first numeric family parameter that
// takes two values or more, or else samples or width. "" for none.
std::string size_column(const Group& group, const std::string& wanted = "");
// Whether two values or more of a column are numbers, and all are.
bool is_numeric(const Group& group, const std::string& column);
// Different values in rising order: numbers, then text.
std::vector<Cell> values_of(const std::vector<FigureRun>& runs, const std::string& column);

}  // namespace tools
