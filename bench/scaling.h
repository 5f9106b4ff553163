// `eqnn bench --scaling`: how the time of a step grows with the sizes of its network, beside theory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/json_fwd.h"
#include "rows.h"

namespace bench {

struct ScalingPoint {
  Index size = 0;
  double seconds = 0;  // of a step on one thread
};

struct ScalingCurve {
  std::string id, size, title;  // "width", "channels", ...
  std::string theory_text;      // "n log n"
  std::function<double(double)> theory;
  std::vector<ScalingPoint> points;

  // Exponents over the larger half of the sizes: least squares of log seconds over log size, and the same of
  // theory.
  double slope() const;
  double theory_slope() const;
};

// Every curve, measured; `tell` hears which one is next.
std::vector<ScalingCurve> measure_scaling(const std::function<void(const std::string&)>& tell);

// What the ending of a path says: svg, pdf or png. Throws ValueError for another.
std::string figure_format(const std::string& path);
// Writes the figure, one panel a curve. Throws NotBuiltError without gnuplot.
void draw_scaling(const std::vector<ScalingCurve>& curves, const std::string& path);
void print_scaling(const std::vector<ScalingCurve>& curves);
tools::Json scaling_json(const std::vector<ScalingCurve>& curves);

}  // namespace bench
