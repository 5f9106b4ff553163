// The parts of a group that make one frontier each.
#pragma once

#include <string>
#include <vector>

#include "figures/groups.h"

namespace tools {

// A group by family parameters other than the size, and by method: what belongs into one frontier.
struct FrontierSlice {
  std::string method, label;      // label: "k 4": the other family parameters, where they were swept
  std::string size;               // its column
  std::vector<std::string> grid;  // columns that are neither: what a point of the grid is
  std::vector<FigureRun> runs;
  std::vector<FrontierPoint> points;
};
// Slices of two sizes or more.
std::vector<FrontierSlice> frontier_slices(const Group& group, const std::string& x = "");

}  // namespace tools
