#include "planar_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace eqnn::hard {
namespace {

constexpr double kErrors = 5;
constexpr double kExact = 1e-10;  // of values computed in two ways
constexpr double kPlanted = 1e-11;

double relative(double value, double expected) { return std::abs(value - expected) / (1 + std::abs(expected)); }

// Mean of numbers and its standard error.
struct Moments {
  double count = 0, sum = 0, squares = 0;

  void add(double v) {
    ++count;
    sum += v;
    squares += v * v;
  }
  double mean() const { return sum / count; }
  double error() const { return std::sqrt(std::max(0.0, squares / count - mean() * mean()) / count); }
};

Check mean_check(const std::string& name, const Moments& m, double expected, const std::string& how) {
  return {name, m.mean(), expected, kErrors * m.error(), how + "; tolerance 5 s.e."};
}

Block<const double> inputs_of(const Block<double>& x) {
  return {x.data, x.examples, x.points, x.channels, x.stride};
}

}  // namespace

MatrixView<const double> input_of(const Block<double>& x, Index e) {
  return {x.row(e), x.points, x.channels, x.stride};
}

void require_samples(const CheckOptions& options) {
  require(options.samples >= 1, "samples is ", options.samples, "; at least 1 random input is needed");
}
void require_members(Index members) {
  require(members >= 1, "members is ", members, "; at least 1 member is needed");
}

Index PlanarInputs::count() const {
  return std::min(options.samples, std::max<Index>(64, (Index{1} << 29) / f.work()));
}

std::string PlanarInputs::how() const { return fmt::format("{} random inputs, seed {}", count(), options.seed); }

void PlanarInputs::visit(const std::function<void(Index, const Block<double>&)>& visit_block) const {
  const Index n = f.n(), d = f.d(), at_once = std::clamp<Index>((Index{1} << 18) / (n * d), 1, 256);
  Matrix<double> memory(at_once * n, d);
  for (Index first = 0; first < count(); first += at_once) {
    const Block<double> x{memory.data(), std::min(at_once, count() - first), n, d, memory.stride()};
    f.sample({options.seed, Stream::check, step, static_cast<std::uint64_t>(first)}, x);
    visit_block(first, x);
  }
}

Check check_network(const PlanarInputs& inputs, Signs signs, const PlantedNetwork& network) {
  const PlanarMember& f = inputs.f;
  Program<double> program(256, Mode::evaluate);
  program.output("f", network.record(program));
  program.finish();
  Workspace<double> workspace(program);
  double largest = 0;
  inputs.visit([&](Index first, const Block<double>& x) {
    workspace.bind({x.examples, first, 0, 0});
    network.fill(workspace, x);
    program.forward(workspace, network.params.values().data());
    const auto value = workspace.output("f");
    for (Index e = 0; e < x.examples; ++e) {
      const auto one = input_of(x, e);
      largest =
          std::max(largest, relative(value(e), signs == Signs::alternating ? f.value(one) : f.control_value(one)));
    }
  });
  return {signs == Signs::alternating ? "realising network = definition" : "realising network = control", largest,
          0, kPlanted, inputs.how() + ", largest difference / (1 + |value|)"};
}

void unmoved(Index, MatrixView<const double> x, MatrixView<double> moved) {
  for (Index i = 0; i < x.rows; ++i) std::copy(x.row(i), x.row(i) + x.cols, moved.row(i));
}

Check check_equal(const PlanarInputs& inputs, const std::string& name, const PlanarMember& g, double sign,
                  const std::function<void(Index, MatrixView<const double>, MatrixView<double>)>& move) {
  Matrix<double> moved(inputs.f.n(), inputs.f.d());
  double largest = 0;
  inputs.visit([&](Index first, const Block<double>& x) {
    for (Index e = 0; e < x.examples; ++e) {
      move(first + e, input_of(x, e), moved.view());
      largest = std::max(largest, relative(g.value(moved.view()), sign * inputs.f.value(input_of(x, e))));
    }
  });
  return {name, largest, 0, kExact, inputs.how() + ", largest difference / (1 + |value|)"};
}

Matrix<double> rotated_plane(const Matrix<double>& b, double angle) {
  Matrix<double> r(b.rows(), 2);
  for (Index i = 0; i < b.rows(); ++i) {
    r(i, 0) = b(i, 0) * std::cos(angle) + b(i, 1) * std::sin(angle);
    r(i, 1) = b(i, 1) * std::cos(angle) - b(i, 0) * std::sin(angle);
  }
  return r;
}

void check_statistics(const PlanarInputs& inputs, std::vector<Check>& checks) {
  const PlanarMember& f = inputs.f;
  Moments target, target_squared, control, control_squared;
  double batch_target = 0, batch_control = 0;
  std::vector<double> y(256), c(256);
  inputs.visit([&](Index, const Block<double>& x) {
    f.targets(inputs_of(x), y.data());
    f.controls(inputs_of(x), c.data());
    for (Index e = 0; e < x.examples; ++e) {
      const double v = y[static_cast<std::size_t>(e)], w = c[static_cast<std::size_t>(e)];
      target.add(v);
      target_squared.add(v * v);
      control.add(w);
      control_squared.add(w * w);
      batch_target = std::max(batch_target, relative(v, f.value(input_of(x, e))));
      batch_control = std::max(batch_control, relative(w, f.control_value(input_of(x, e))));
    }
  });
  const std::string how = inputs.how(), difference = how + ", largest difference / (1 + |value|)";
  checks.push_back({"training target = definition", batch_target, 0, kExact, difference});
  checks.push_back({"control = definition with equal signs", batch_control, 0, kExact, difference});
  checks.push_back({"E h^2 = K(1)", isotropic_kernel(f.k(), Signs::alternating, 1), planar_norm_sq(f.k()), 1e-11,
                    "closed form against the sum of kernels"});
  checks.push_back(mean_check("mean of the target", target, 0, how));
  checks.push_back(mean_check("norm of the target", target_squared, 1, how));
  checks.push_back(mean_check("mean of the control", control, 0, how));
  checks.push_back(mean_check("variance of the control", control_squared, 1, how));
}

std::vector<Check> check_gram(const std::vector<const PlanarMember*>& members, const CheckOptions& options,
                              bool bound, const std::function<double(std::size_t, std::size_t)>& formula) {
  const PlanarInputs inputs{*members.front(), options, 9};
  const std::size_t m = members.size(), count = static_cast<std::size_t>(inputs.count());
  std::vector<std::vector<double>> values(m, std::vector<double>(count));
  inputs.visit([&](Index first, const Block<double>& x) {
    for (std::size_t i = 0; i < m; ++i) members[i]->targets(inputs_of(x), values[i].data() + first);
  });
  const double entries = static_cast<double>(m * (m + 1) / 2), errors = kErrors + std::sqrt(2 * std::log(entries));
  Check worst{bound ? "Gram matrix of the members <= ||B^T B'||^(2k)" : "Gram matrix of the members = closed form",
              0, 0, 0, ""};
  double worst_ratio = -1, largest = 0;
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      Moments product;
      for (std::size_t e = 0; e < count; ++e) product.add(values[i][e] * values[j][e]);
      const double measured = product.mean(), exact = i == j ? 1 : formula(i, j);
      if (i != j) largest = std::max(largest, std::abs(bound ? measured : exact));
      // Within a bound the expected value is the measured one, cut at the bound.
      const double expected = bound && i != j ? std::clamp(measured, -exact, exact) : exact;
      const double tolerance = errors * product.error(), ratio = std::abs(measured - expected) / tolerance;
      if (ratio <= worst_ratio) continue;
      worst_ratio = ratio;
      worst.value = measured;
      worst.expected = expected;
      worst.tolerance = tolerance;
    }
  worst.how = fmt::format("worst of {} entries, {}; tolerance {:.2f} s.e.; largest {}|corr| {:.4g}", entries,
                          inputs.how(), errors, bound ? "measured " : "", largest);
  return {worst};
}

}  // namespace eqnn::hard
