#include "scaling.h"

#include <eqnn/io/files.h>
#include <fmt/format.h>

#include <cmath>

#include "cli/json.h"
#include "cli/text.h"
#include "figures/figures.h"
#include "figures/script.h"
#include "measure.h"

namespace bench {
namespace {

constexpr double kBlock = 0.05;
constexpr int kBlocks = 5;

double seconds_of_step(const Row& row, ConvolutionMethod method) {
  const RowData data(row);
  RowEngine engine(data, 1, method);
  const Step step = [&] { engine.step(); };
  const Index steps = steps_of_a_block(step, kBlock);
  std::vector<double> seconds;
  for (int i = 0; i < kBlocks; ++i) seconds.push_back(time_block(steps, step));
  return tools::median(seconds);
}

// A curve before it is measured: the row of each size.
struct Plan {
  ScalingCurve curve;
  std::vector<Index> sizes;
  std::function<Row(Index)> row;
  ConvolutionMethod method = ConvolutionMethod::automatic;
};

double linear(double x) { return x; }
double square(double x) { return x * x; }
double times_log(double x) { return x * std::log(x); }

Row cnn_row(Index n) {
  return {.id = "cnn", .model = Row::Model::cnn, .n = n, .width = 32, .batch = 32, .layers = 2, .shard = 32};
}
Row gnn_row(Index n, Index width, Index batch) {
  return {.id = "gnn", .model = Row::Model::gnn, .n = n, .width = width, .batch = batch};
}
Row group_row(Index order) {
  return {
      .id = "group", .model = Row::Model::frame, .n = 256, .width = 64, .batch = 16, .layers = 1, .group = order};
}
Row sparse_row(Index edges) {
  return {.id = "sparse",
          .model = Row::Model::sparse,
          .n = 2'000,
          .width = 64,
          .batch = 2'000,
          .layers = 2,
          .edges = edges};
}

std::vector<Plan> plans() {
  const auto automatic = ConvolutionMethod::automatic, direct = ConvolutionMethod::direct;
  return {
      {{"n-convolution", "n", "2 cyclic convolutions, 32 channels", "n log n", times_log, {}},
       {16, 32, 64, 128, 256, 512},
       cnn_row,
       automatic},
      {{"n-direct", "n", "the same, direct", "n^2", square, {}}, {16, 32, 64, 128, 256}, cnn_row, direct},
      {{"n-graph", "n", "graph network, width 64, batch 16", "n^2", square, {}},
       {8, 16, 32, 64, 128, 256, 512},
       [](Index n) { return gnn_row(n, 64, 16); },
       automatic},
      {{"width", "width", "graph network, n = 15, batch 32", "width^2", square, {}},
       {16, 32, 64, 128, 256, 512},
       [](Index w) { return gnn_row(15, w, 32); },
       automatic},
      {{"batch", "batch", "graph network, n = 15, width 32", "batch", linear, {}},
       {8, 32, 128, 512, 2048, 8192},
       [](Index b) { return gnn_row(15, 32, b); },
       automatic},
      {{"group", "|G|", "average over C_|G| on 256 points, width 64", "|G|", linear, {}},
       {4, 8, 16, 32, 64, 128},
       group_row,
       automatic},
      {{"edges", "edges", "GraphConv on 2,000 nodes, width 64", "edges", linear, {}},
       {40'000, 160'000, 640'000, 2'560'000, 10'240'000},
       sparse_row,
       automatic},
  };
}

template <class Value>
double fitted_slope(const std::vector<ScalingPoint>& points, const Value& value) {
  const std::size_t first = points.size() / 2;
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (std::size_t i = first - (points.size() - first < 2 ? 1 : 0); i < points.size(); ++i) {
    const double a = std::log(static_cast<double>(points[i].size)), b = std::log(value(points[i]));
    n += 1, x += a, y += b, xx += a * a, xy += a * b;
  }
  return (n * xy - x * y) / (n * xx - x * x);
}

// 512, 20k, 5.1M
std::string short_number(Index n) {
  if (n < 10'000) return fmt::format("{}", n);
  const double size = static_cast<double>(n);
  return size < 1e6 ? fmt::format("{:.0f}k", size / 1e3) : fmt::format("{:.1f}M", size / 1e6);
}

std::string tics(const ScalingCurve& c) {
  std::string list;
  for (const ScalingPoint& p : c.points)
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", tools::quoted_tic(short_number(p.size)), p.size);
  return list;
}

// One panel: the points, and theory through the last of them.
std::string panel(const ScalingCurve& c, std::size_t number) {
  std::string data = fmt::format("$curve{} << EOD\n", number);
  const double last = c.points.back().seconds / c.theory(static_cast<double>(c.points.back().size));
  for (const ScalingPoint& p : c.points)
    data += fmt::format("{} {} {}\n", p.size, tools::plotted(p.seconds * 1e6),
                        tools::plotted(last * c.theory(static_cast<double>(p.size)) * 1e6));
  data += "EOD\n";
  return data +
         fmt::format("set title {} font ',11'\nset xtics ({}) font ',9'\nset xlabel {}\nset xrange [{}:{}]\n",
                     tools::plot_string(c.title), tics(c), tools::plot_string(c.size),
                     static_cast<double>(c.points.front().size) / 1.5,
                     static_cast<double>(c.points.back().size) * 1.5) +
         fmt::format(
             "plot $curve{0} using 1:3 with lines dt 2 lw 1.5 lc rgb '{1}' title {2}, "
             "$curve{0} using 1:2 with linespoints pt 7 ps 0.7 lw 2 lc rgb '{3}' title {4}\n",
             number, tools::kGuideColor,
             tools::plot_string(fmt::format("{}: {:.2f}", c.theory_text, c.theory_slope())), tools::kTargetColor,
             tools::plot_string(fmt::format("measured: {:.2f}", c.slope())));
}

}  // namespace

double ScalingCurve::slope() const {
  return fitted_slope(points, [](const ScalingPoint& p) { return p.seconds; });
}
double ScalingCurve::theory_slope() const {
  return fitted_slope(points, [this](const ScalingPoint& p) { return theory(static_cast<double>(p.size)); });
}

std::vector<ScalingCurve> measure_scaling(const std::function<void(const std::string&)>& tell) {
  std::vector<ScalingCurve> curves;
  for (Plan& plan : plans()) {
    tell(fmt::format("scaling: {} ({})", plan.curve.size, plan.curve.title));
    for (const Index size : plan.sizes)
      plan.curve.points.push_back({size, seconds_of_step(plan.row(size), plan.method)});
    curves.push_back(std::move(plan.curve));
  }
  return curves;
}

std::string figure_format(const std::string& path) {
  for (const char* format : {"svg", "pdf", "png"})
    if (path.ends_with(concat(".", format))) return format;
  throw ValueError(concat("--scaling: '", path, "' must end in .svg, .pdf or .png"));
}

void draw_scaling(const std::vector<ScalingCurve>& curves, const std::string& path) {
  tools::Figure figure;
  figure.name = "cost-curves";
  figure.width = 1000;
  figure.height = 640;
  figure.script =
      "set logscale xy\nset format y '%.0g'\nset ylabel 'microseconds a step'\nset grid lc rgb "
      "'#dddddd'\n"
      "set key left top reverse Left samplen 2 font ',10'\nset multiplot layout 2,4\n";
  for (std::size_t i = 0; i < curves.size(); ++i) figure.script += panel(curves[i], i);
  figure.script += "unset multiplot\n";
  write_atomically(path, tools::draw(figure, figure_format(path)));
}

void print_scaling(const std::vector<ScalingCurve>& curves) {
  fmt::print("{:<10} {:<44} {:>10} {:>9} {:>9}\n", "size", "network", "theory", "exponent", "measured");
  for (const ScalingCurve& c : curves) {
    fmt::print("{:<10} {:<44} {:>10} {:>9.2f} {:>9.2f}\n ", c.size, c.title, c.theory_text, c.theory_slope(),
               c.slope());
    for (const ScalingPoint& p : c.points) fmt::print(" {}: {:.1f} us ", p.size, p.seconds * 1e6);
    fmt::print("\n");
  }
  fmt::print("one thread; exponents over the larger half of the sizes, least squares of the logarithms.\n");
}

tools::Json scaling_json(const std::vector<ScalingCurve>& curves) {
  tools::Json all = tools::Json::array();
  for (const ScalingCurve& c : curves) {
    tools::Json points = tools::Json::array();
    for (const ScalingPoint& p : c.points)
      points.push_back({{"size", p.size}, {"microseconds_per_step", p.seconds * 1e6}});
    all.push_back({{"id", c.id},
                   {"size", c.size},
                   {"network", c.title},
                   {"theory", c.theory_text},
                   {"theory_exponent", c.theory_slope()},
                   {"exponent", c.slope()},
                   {"points", points}});
  }
  return all;
}

}  // namespace bench
