// Does a function of clouds jump? f(X(h)) against f(X(-h)) on paths of clouds through X(0), for ever smaller steps
// h.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <eqnn/groups/certify.h>

#include "figures/figures.h"

namespace tools {

// A path of clouds, continuous in t, |t| <= 1/2.
struct CloudPath {
  std::string name;
  std::function<eqnn::Sample(double t)> at;
};
// Of n points in d = 2 or 3 dimensions, n >= d, through: equal singular values, of which another is the largest on
// either side; a cloud whose largest entries along its first axis tie, with different signs; points on a line,
// which they leave in different directions; and the origin.
std::vector<CloudPath> cloud_paths(const std::string& part, Index n, Index d, std::uint64_t seed);

// What f does on a path, whether it calls itself defined there or not.
struct Continuity {
  std::string name, group, dtype, path;
  std::vector<double> steps, jumps;    // |f(X(h)) - f(X(-h))| / max(1, |f|), of the component that differs most
  std::vector<double> places, values;  // the first component of f along the path
  double tolerance = 0;

  // The difference at the smallest step is more than rounding, and more than half of that at a step ten times as
  // long.
  bool jumps_here() const;
};
// Steps from 1/10 down to 1e-7 in double, 1e-4 in float. `tolerance`: what rounding may amount to.
Continuity follow(const eqnn::SampleFunction& f, const CloudPath& path, double tolerance);

// The values along one path, and the differences against the step, of each function.
Figure continuity_figure(const std::vector<Continuity>& lines);

}  // namespace tools
