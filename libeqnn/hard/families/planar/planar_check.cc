#include "planar_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace eqnn::hard {
namespace {

constexpr double kExact = 1e-10;  // of values computed in two ways
constexpr double kPlanted = 1e-11;

Check mean_check(const std::string& name, const Moments& m, double expected, const std::string& how) {
  return {name, m.mean(), expected, kErrors * m.error(), how + "; tolerance 5 s.e."};
}

std::string difference(const CheckInputs& inputs) { return inputs.how() + ", largest difference / (1 + |value|)"; }

}  // namespace

CheckInputs planar_inputs(const PlanarMember& f, const CheckOptions& options, std::uint64_t step) {
  CheckInputs inputs(f, options, step);
  inputs.count = std::min(options.samples, std::max<Index>(64, (Index{1} << 29) / f.work()));
  inputs.at_once = std::clamp<Index>((Index{1} << 18) / (f.n() * f.d()), 1, 256);
  return inputs;
}

Check check_network(const PlanarMember& f, const CheckInputs& inputs, Signs signs, const PlantedNetwork& network) {
  const bool target = signs == Signs::alternating;
  const double largest = network_error(
      inputs, network, [&](MatrixView<const double> x) { return target ? f.value(x) : f.control_value(x); });
  return {target ? "realising network = definition" : "realising network = control", largest, 0, kPlanted,
          difference(inputs)};
}

void unmoved(Index, MatrixView<const double> x, MatrixView<double> moved) {
  for (Index i = 0; i < x.rows; ++i) std::copy(x.row(i), x.row(i) + x.cols, moved.row(i));
}

Check check_equal(const CheckInputs& inputs, const std::string& name, const PlanarMember& g, double sign,
                  const PlanarMove& move) {
  Matrix<double> moved(g.n(), g.d());
  const double largest = largest_error(inputs, [&](Index i, MatrixView<const double> x) {
    move(i, x, moved.view());
    return relative_error(g.value(moved.view()), sign * inputs.member.value(x));
  });
  return {name, largest, 0, kExact, difference(inputs)};
}

Matrix<double> rotated_plane(const Matrix<double>& b, double angle) {
  Matrix<double> r(b.rows(), 2);
  for (Index i = 0; i < b.rows(); ++i) {
    r(i, 0) = b(i, 0) * std::cos(angle) + b(i, 1) * std::sin(angle);
    r(i, 1) = b(i, 1) * std::cos(angle) - b(i, 0) * std::sin(angle);
  }
  return r;
}

void check_statistics(const PlanarMember& f, const CheckInputs& inputs, std::vector<Check>& checks) {
  double target = 0, control = 0;  // largest differences
  const auto compare = [&](Index, MatrixView<const double> x, double y, double c) {
    target = std::max(target, relative_error(y, f.value(x)));
    control = std::max(control, relative_error(c, f.control_value(x)));
  };
  const Statistics s = statistics_of(inputs, compare);
  const std::string how = inputs.how();
  checks.push_back({"training target = definition", target, 0, kExact, difference(inputs)});
  checks.push_back({"control = definition with equal signs", control, 0, kExact, difference(inputs)});
  checks.push_back({"E h^2 = K(1)", isotropic_kernel(f.k(), Signs::alternating, 1), planar_norm_sq(f.k()), 1e-11,
                    "closed form against the sum of kernels"});
  checks.push_back(mean_check("mean of the target", s.target, 0, how));
  checks.push_back(mean_check("norm of the target", s.target_squared, 1, how));
  checks.push_back(mean_check("mean of the control", s.control, 0, how));
  checks.push_back(mean_check("variance of the control", s.control_squared, 1, how));
}

Check check_gram(const std::vector<const PlanarMember*>& members, const CheckOptions& options, bool bound,
                 const std::function<double(Index, Index)>& formula) {
  const CheckInputs inputs = planar_inputs(*members.front(), options, 9);
  const Index m = static_cast<Index>(members.size());
  std::vector<std::vector<double>> values(m, std::vector<double>(inputs.count));
  inputs.visit([&](Index first, const Block<double>& x) {
    for (Index i = 0; i < m; ++i) members[i]->targets(read_only(x), values[i].data() + first);
  });
  const double entries = static_cast<double>(m * (m + 1) / 2), errors = errors_of_largest(entries);
  Worst worst;
  double largest = 0;
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j <= i; ++j) {
      Moments product;
      for (Index e = 0; e < inputs.count; ++e) product.add(values[i][e] * values[j][e]);
      const double measured = product.mean(), exact = i == j ? 1 : formula(i, j);
      if (i != j) largest = std::max(largest, std::abs(bound ? measured : exact));
      // Within a bound the expected value is the measured one, cut at the bound.
      const double expected = bound && i != j ? std::clamp(measured, -exact, exact) : exact;
      worst.compare(measured, expected, errors * product.error());
    }
  return worst.check(
      bound ? "Gram matrix of the members <= ||B^T B'||^(2k)" : "Gram matrix of the members = closed form",
      fmt::format("worst of {} entries, {}; tolerance {:.2f} s.e.; largest {}|corr| {:.4g}", entries, inputs.how(),
                  errors, bound ? "measured " : "", largest));
}

}  // namespace eqnn::hard
