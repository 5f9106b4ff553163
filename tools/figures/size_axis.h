// What figures against the size of a problem share.
#pragma once

#include <string>
#include <vector>

#include "figures/kinds.h"
#include "figures/slices.h"

namespace tools {

// The name and the title of a slice's figure of `kind`, one of `slices` of the group.
std::string slice_name(const Group& group, const FrontierSlice& slice, std::size_t slices, const std::string& kind);
std::string slice_title(const Group& group, const FrontierSlice& slice, std::size_t slices,
                        const std::string& what);

// The axis of the sizes, of so many pixels: a tic at each of them, with a label where there is room. Logarithmic
// where they span a factor of 20, or each is about twice the one before or more.
struct SizeAxis {
  std::vector<double> sizes;
  bool logarithmic = false;
  double low = 0, high = 1, length = 600;

  SizeAxis(std::vector<double> all, double pixels);
  // `size` moved by so many pixels.
  double moved(double size, double pixels) const;
  std::string commands() const;
};

// Target and control at the same size stand a little apart, and one alone at its tic.
struct RoleAxis : SizeAxis {
  std::vector<double> shared;  // sizes of both

  RoleAxis(const std::vector<FrontierPoint>& points, double pixels);
  double place(double size, bool control) const;
};

// A median that may lie above what its runs were given, as two cells of a table: the number, which is then the
// budget, and whether it lies above that, 1 or 0.
void add_censored(std::vector<Cell>& row, double value, double budget);

}  // namespace tools
