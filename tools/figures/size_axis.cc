#include "figures/size_axis.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

SizeAxis::SizeAxis(std::vector<double> all, double pixels) : sizes(std::move(all)), length(pixels) {
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  bool doubles = sizes.size() > 2 && sizes.front() > 0;
  for (std::size_t i = 1; i < sizes.size(); ++i) doubles = doubles && sizes[i] >= 1.9 * sizes[i - 1];
  logarithmic = doubles || (sizes.front() > 0 && sizes.back() / sizes.front() > 20);
  if (logarithmic) {
    const double room = std::pow(sizes.back() / sizes.front(), 0.04);
    low = sizes.front() / room;
    high = sizes.back() * room;
  } else {
    const double room = sizes.size() > 1 ? 0.05 * (sizes.back() - sizes.front()) : 1;
    low = sizes.front() - room;
    high = sizes.back() + room;
  }
}

double SizeAxis::moved(double size, double pixels) const {
  const double share = pixels / length;
  return logarithmic ? size * std::pow(high / low, share) : size + share * (high - low);
}

std::string SizeAxis::commands() const {
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

namespace {

std::vector<double> sizes_of(const std::vector<FrontierPoint>& points) {
  std::vector<double> sizes;
  for (const FrontierPoint& p : points) sizes.push_back(p.size);
  return sizes;
}

}  // namespace

RoleAxis::RoleAxis(const std::vector<FrontierPoint>& points, double pixels) : SizeAxis(sizes_of(points), pixels) {
  std::vector<double> seen;
  for (const FrontierPoint& p : points)
    (std::ranges::find(seen, p.size) != seen.end() ? shared : seen).push_back(p.size);
}

double RoleAxis::place(double size, bool control) const {
  constexpr double kApart = 4;
  if (std::ranges::find(shared, size) == shared.end()) return size;
  return moved(size, control ? kApart : -kApart);
}

void add_censored(std::vector<Cell>& row, double value, double budget) {
  const bool known = std::isfinite(value), bounded = std::isfinite(budget) && budget > 0;
  row.push_back(known ? Cell(value) : bounded ? Cell(budget) : Cell());
  row.push_back(known || bounded ? Cell(std::int64_t{!known}) : Cell());
}

}  // namespace tools
