// The parts of a group that make one frontier each.
#pragma once

#include <string>
#include <vector>

#include "figures/groups.h"
#include "results/growth.h"

namespace tools {

// A group by family parameters other than the size, and by method: what belongs into one frontier.
struct FrontierSlice {
  std::string method, label;      // label: "k 4": the other family parameters, where they were swept
  std::string size;               // its column
  std::vector<std::string> grid;  // columns that are neither: what a point of the grid is
  std::vector<FigureRun> runs;
  std::vector<FrontierPoint> points;
  std::vector<double> begun;  // sizes of runs that are not finished
};
// Slices of two sizes or more.
std::vector<FrontierSlice> frontier_slices(const Group& group, const std::string& x = "");

// The growth of the samples to learn along the sizes of a slice.
// Target or control, each size at the best of its grid points (a choice that favours learning). The laws of the
// target have the family's effective number of functions, 1 / lambda of its second moment, where one is known at
// every size, and n^p with the power at which that grows. No laws along what is no size.
Growth growth_of(const FrontierSlice& slice, bool control);

}  // namespace tools
