#include "figures/size_axis.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

namespace tools {
namespace {

// What tells a slice from the group's others: "gnn, k 4"; "" where it is the only one.
std::string slice_text(const FrontierSlice& slice, std::size_t slices) {
  return slices == 1 ? "" : concat(slice.method, slice.label.empty() ? "" : ", ", slice.label);
}

}  // namespace

std::string slice_name(const Group& group, const FrontierSlice& slice, std::size_t slices,
                       const std::string& kind) {
  const std::string more = slug_of(slice_text(slice, slices));
  return group.slug(kind) + (more.empty() ? "" : "-" + more);
}

std::string slice_title(const Group& group, const FrontierSlice& slice, std::size_t slices,
                        const std::string& what) {
  const std::string more = slice_text(slice, slices);
  return concat(what, ": ", group.name(), more.empty() ? "" : ", ", more);
}

SizeAxis::SizeAxis(const std::vector<FrontierPoint>& points) {
  for (const FrontierPoint& p : points) {
    if (std::ranges::find(sizes, p.size) != sizes.end()) shared.push_back(p.size);
    sizes.push_back(p.size);
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  logarithmic = sizes.front() > 0 && sizes.back() / sizes.front() > 20;
  if (logarithmic) {
    const double room = std::pow(sizes.back() / sizes.front(), 0.04);
    low = sizes.front() / room;
    high = sizes.back() * room;
  } else {
    const double room = 0.05 * (sizes.back() - sizes.front());
    low = sizes.front() - room;
    high = sizes.back() + room;
  }
}

double SizeAxis::place(double size, bool control) const {
  if (std::ranges::find(shared, size) == shared.end()) return size;
  const double side = control ? 0.004 : -0.004;
  return logarithmic ? size * std::pow(high / low, side) : size + side * (high - low);
}

std::string SizeAxis::commands(double length) const {
  std::string tics;
  std::vector<Tic> last;
  for (const double s : sizes) {
    const double at = logarithmic ? std::log(s / low) / std::log(high / low) : (s - low) / (high - low);
    const Tic tic{at, s, readable(s)};
    const bool room = last.empty() || tics_fit({last.back(), tic}, 'x', length);
    if (room) last = {tic};
    tics += fmt::format("{}'{}' {:.9g}", tics.empty() ? "" : ", ", room ? tic.label : "", s);
  }
  return fmt::format("{} x\nset xrange [{:.9g}:{:.9g}]\nset xtics ({})",
                     logarithmic ? "set logscale" : "unset logscale", low, high, tics);
}

void add_censored(std::vector<Cell>& row, double value, double budget) {
  const bool known = std::isfinite(value), bounded = std::isfinite(budget) && budget > 0;
  row.push_back(known ? Cell(value) : bounded ? Cell(budget) : Cell());
  row.push_back(known || bounded ? Cell(std::int64_t{!known}) : Cell());
}

}  // namespace tools
