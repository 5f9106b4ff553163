#include "runs/continuity.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include <eqnn/hard/input_action.h>

#include "cli/options.h"
#include "figures/script.h"
#include "runs/certified_inputs.h"

namespace tools {

using eqnn::Array;
using eqnn::Sample;

namespace {

// Independent normals times `size`.
Array normals(Index n, Index d, double size, eqnn::Draws& draws) {
  Array a = Array::zeros(n, d);
  for (double& v : a.values) v = size * draws.normal();
  return a;
}

// X Q.
Array turned(const Array& x, const std::vector<double>& q) {
  Array y = Array::zeros(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j)
      for (Index k = 0; k < x.cols; ++k) y(i, j) += x(i, k) * q[static_cast<std::size_t>(k * x.cols + j)];
  return y;
}

// Columns of x times 1 + t, 1 - t and 1/2.
Array stretched(Array x, double t) {
  for (Index i = 0; i < x.rows; ++i)
    for (Index k = 0; k < x.cols; ++k) x(i, k) *= k == 0 ? 1 + t : k == 1 ? 1 - t : 0.5;
  return x;
}

// Turning axis 0 over and exchanging the first two points takes t to -t: the tie is at 0 exactly.
Array tied(Array x, double t) {
  for (Index i = 0; i < x.rows; ++i) x(i, 0) = i == 0 ? 2 * (1 + t) : i == 1 ? -2 * (1 - t) : 0;
  for (Index k = 1; k < x.cols; ++k) x(1, k) = x(0, k);
  return x;
}

Array sum(const Array& a, const Array& b, double factor) {
  Array y = a;
  for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] += factor * b.values[i];
  return y;
}

}  // namespace

std::vector<CloudPath> cloud_paths(const std::string& part, Index n, Index d, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::check, 10, static_cast<std::uint64_t>(d)});
  const std::vector<double> q = eqnn::hard::random_orthogonal(d, true, draws);
  const Array round = orthogonal_columns(n, d, draws), sides = normals(n, d, 0.5, draws);
  const Array left = normals(n, d, 1, draws), right = normals(n, d, 1, draws);
  Array line = normals(n, d, 1, draws);
  for (Index i = 0; i < n; ++i)
    for (Index k = 1; k < d; ++k) line(i, k) = 0;
  const auto path = [&](std::string name, std::function<Array(double)> at) {
    return CloudPath{std::move(name), [=](double t) { return Sample{{part, turned(at(t), q)}}; }};
  };
  return {path("equal singular values", [=](double t) { return stretched(round, t); }),
          path("tied entries", [=](double t) { return tied(sides, t); }),
          path("points on a line", [=](double t) { return sum(line, t < 0 ? left : right, t); }),
          path("the origin", [=](double t) { return sum(Array::zeros(n, d), t < 0 ? left : right, t); })};
}

bool Continuity::jumps_here() const {
  return jumps.back() > tolerance && jumps.back() > 0.5 * jumps[jumps.size() - 2];
}

Continuity follow(const eqnn::SampleFunction& f, const CloudPath& path, double tolerance) {
  Continuity c;
  c.path = path.name;
  c.tolerance = tolerance;
  const int digits = tolerance < 1e-8 ? 7 : 4;
  for (int k = 1; k <= digits; ++k) {
    const double step = std::pow(10, -k);
    const Array before = *f(path.at(-step)), after = *f(path.at(step));
    double size = 1, difference = 0;
    for (std::size_t i = 0; i < before.values.size(); ++i) {
      size = std::max({size, std::abs(before.values[i]), std::abs(after.values[i])});
      difference = std::max(difference, std::abs(after.values[i] - before.values[i]));
    }
    c.steps.push_back(step);
    c.jumps.push_back(difference / size);
  }
  constexpr int kHalf = 100;
  for (int i = -kHalf; i < kHalf; ++i) {
    c.places.push_back((i + 0.5) / (2 * kHalf));
    c.values.push_back(f(path.at(c.places.back()))->values[0]);
  }
  return c;
}

namespace {

constexpr double kLeft = 92, kRoom = 74;  // of the panels, and for the labels of their tics

// Okabe and Ito's palette.
constexpr const char* kColors[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"};

std::string line_style(std::size_t i) {
  return fmt::format("lc rgb '{}' dt 1 lw 1.8", kColors[i % std::size(kColors)]);
}

// Rows of (x, y); in the middle of `places`, at 0, the line is broken.
std::string curve(Page& page, const std::vector<double>& x, const std::vector<double>& y, bool broken) {
  std::vector<std::vector<double>> rows;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (broken && i > 0 && x[i - 1] < 0 && x[i] > 0) rows.push_back({0, NAN});
    rows.push_back({x[i], y[i]});
  }
  return page.data(rows);
}

// The values less the last one before t = 0, over the largest of 1 and |f|.
std::vector<double> changes(const Continuity& c) {
  std::size_t last = 0;
  while (last + 1 < c.places.size() && c.places[last + 1] < 0) ++last;
  double size = 1;
  for (const double v : c.values) size = std::max(size, std::abs(v));
  std::vector<double> y;
  for (const double v : c.values) y.push_back((v - c.values[last]) / size);
  return y;
}

void draw_values(Page& page, const std::vector<Continuity>& lines, double top, double bottom) {
  double low = INFINITY, high = -INFINITY;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::vector<double> y = changes(lines[i]);
    const auto [least, most] = std::minmax_element(y.begin(), y.end());
    low = std::min(low, *least);
    high = std::max(high, *most);
    parts.push_back(curve(page, lines[i].places, y, lines[i].jumps_here()) + " using 1:2 with lines " +
                    line_style(i));
  }
  const double room = 0.06 * std::max(high - low, 1e-9);
  page.panel(kLeft, top, page.width() - 24, bottom);
  page.add(number_axis('x', -0.5, 0.5, false, page.width() - 24 - kLeft) + "\n" +
           number_axis('y', low - room, high + room, false, bottom - top));
  page.axis_labels("t", "change of f(X(t)) from t = −0", kRoom);
  page.plot(parts);
}

void draw_jumps(Page& page, const std::vector<Continuity>& lines, double top, double bottom) {
  double low = 1;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::vector<double> sizes = lines[i].jumps;
    for (double& v : sizes) v = std::max(v, 1e-12);
    low = std::min(low, *std::min_element(sizes.begin(), sizes.end()));
    parts.push_back(curve(page, lines[i].steps, sizes, false) + " using 1:2 with linespoints " + line_style(i) +
                    " pt 7 ps 0.6*point_scale");
  }
  page.panel(kLeft, top, page.width() - 24, bottom);
  page.add(
      number_axis('x', lines[0].steps.back() / 1.5, lines[0].steps.front() * 1.5, true, page.width() - 24 - kLeft) +
      "\n" + number_axis('y', low / 3, 3, true, bottom - top));
  page.axis_labels("step h", "|f(X(h)) − f(X(−h))|", kRoom);
  page.plot(parts);
}

}  // namespace

Figure continuity_figure(const std::vector<Continuity>& lines) {
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; i < lines.size(); ++i)
    legend.push_back({LegendEntry::kLine, line_style(i), concat(lines[i].name, ", ", lines[i].group)});
  Page page(FigureStyle(), legend);
  const double top = page.top(), height = 210, second = top + height + 58;
  page.set_height(static_cast<int>(second + height + 54));
  draw_values(page, lines, top, top + height);
  draw_jumps(page, lines, second, second + height);
  Figure f{"continuity",
           "continuity",
           concat("A path of clouds through ", lines[0].path),
           "Above the value along the path, below its difference between the two sides against the step, both over "
           "max(1, |f|).",
           {{"model", "group", "path", "step", "jump"}, {}},
           ""};
  for (const Continuity& c : lines)
    for (std::size_t i = 0; i < c.steps.size(); ++i)
      f.data.rows.push_back({c.name, c.group, c.path, c.steps[i], c.jumps[i]});
  page.finish(f);
  return f;
}

}  // namespace tools
