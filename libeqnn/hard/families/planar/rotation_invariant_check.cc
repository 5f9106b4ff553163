// Checks of rotation-invariant.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "planar_check.h"
#include "rotation_invariant.h"

namespace eqnn::hard {
namespace {

Check check_planted(const RotationInvariant& f, Signs signs, const CheckOptions& options) {
  Params<double> params;
  const RotationInvariantNetwork<double> network(params, f);
  network.set_weights(params, f, signs);
  const auto record = [&](Program<double>& g) { return network(g.input("x", {Shape::kCapacity, f.d(), f.n()})); };
  const auto fill = [&](Workspace<double>& w, const Block<double>& x) {
    const auto in = w.input("x");
    for (Index e = 0; e < x.examples; ++e)
      for (Index i = 0; i < f.n(); ++i)
        for (Index c = 0; c < f.d(); ++c) in(e, c, i) = x(e, i, c);
  };
  return check_network(f, planar_inputs(f, options, signs == Signs::alternating ? 0 : 1), signs,
                       {params, record, fill});
}

// The reflection I - 2 v v^T / |v|^2 of every point, `times` of them one after the other, v Gaussian: products of
// reflections are all of O(d), and two make a rotation.
PlanarMove reflect(CheckOptions options, std::uint64_t step, int times) {
  return [=](Index number, MatrixView<const double> x, MatrixView<double> moved) {
    unmoved(number, x, moved);
    Draws draws({options.seed, Stream::check, step, static_cast<std::uint64_t>(number)});
    std::vector<double> v(x.cols);
    for (int round = 0; round < times; ++round) {
      double length = 0;
      for (double& entry : v) {
        entry = draws.normal();
        length += entry * entry;
      }
      for (Index i = 0; i < x.rows; ++i) {
        double inner = 0;
        for (Index c = 0; c < x.cols; ++c) inner += moved(i, c) * v[c];
        for (Index c = 0; c < x.cols; ++c) moved(i, c) -= 2 * inner / length * v[c];
      }
    }
  };
}

// The mean of (E f_B f_B')^2 over pairs of the members, times dim H_2k: at most 1 in expectation over Haar planes.
// The square of a correlation is the product of two independent measurements, so that noise adds nothing; the error
// is the jackknife's over members.
Check check_mean_square(const std::vector<RotationInvariant>& members, const CheckOptions& options) {
  const CheckInputs inputs = planar_inputs(members.front(), options, 10);
  const Index m = static_cast<Index>(members.size());
  std::vector<std::vector<double>> values(members.size(),
                                          std::vector<double>(static_cast<std::size_t>(inputs.count)));
  inputs.visit([&](Index first, const Block<double>& x) {
    for (Index i = 0; i < m; ++i) members[i].targets(read_only(x), values[i].data() + first);
  });
  Matrix<double> squares(m, m);
  std::vector<double> rows(members.size());
  double sum = 0;
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < i; ++j) {
      std::array<Moments, 2> halves;
      for (Index e = 0; e < inputs.count; ++e) halves[e % 2].add(values[i][e] * values[j][e]);
      const double square = halves[0].mean() * halves[1].mean();
      sum += square;
      rows[i] += square;
      rows[j] += square;
    }
  const double pairs = static_cast<double>(m * (m - 1)) / 2, left = static_cast<double>((m - 1) * (m - 2)) / 2;
  double scatter = 0;
  for (const double row : rows) scatter += std::pow((sum - row) / left - sum / pairs, 2);
  const double dimension = harmonic_dimension(2 * members.front().k(), members.front().n());
  const double mean = dimension * sum / pairs;
  const double error = dimension * std::sqrt(scatter * static_cast<double>(m - 1) / static_cast<double>(m));
  return {"mean squared correlation of two members, times dim H_2k, at most 1", mean, std::clamp(mean, 0.0, 1.0),
          5 * error,
          fmt::format("{} pairs, {}; {:.4g} +- {:.2g}, dim H_2k = {:.10g}; tolerance 5 s.e.", pairs, inputs.how(),
                      mean, error, dimension)};
}

}  // namespace

std::vector<Check> RotationInvariant::check(const CheckOptions& options) const {
  require_samples(options);
  const auto inputs = [&](std::uint64_t step) { return planar_inputs(*this, options, step); };
  std::vector<Check> checks = {check_planted(*this, Signs::alternating, options),
                               check_planted(*this, Signs::equal, options)};
  checks.push_back(check_equal(inputs(2), "invariance under the reflection of the first coordinate", *this, 1,
                               [](Index number, MatrixView<const double> x, MatrixView<double> moved) {
                                 unmoved(number, x, moved);
                                 for (Index i = 0; i < x.rows; ++i) moved(i, 0) = -moved(i, 0);
                               }));
  checks.push_back(
      check_equal(inputs(3), "invariance under a random reflection an input", *this, 1, reflect(options, 7, 1)));
  checks.push_back(check_equal(inputs(4), "invariance under a random rotation an input", *this, 1,
                               reflect(options, 8, 2 * static_cast<int>((d() + 1) / 2))));
  const RotationInvariant turned(k(), rotated_plane(plane(), std::numbers::pi / (2 * static_cast<double>(k()))),
                                 d(), law());
  checks.push_back(check_equal(inputs(5), "B -> B R_{pi/2k} changes the sign", turned, -1, unmoved));
  // Of inputs that are not isotropic norm and mean are a quadrature over axes that turn with B.
  if (!law().isotropic()) checks.back().tolerance = std::max(checks.back().tolerance, 1e-7);
  check_statistics(*this, inputs(6), checks);
  return checks;
}

std::vector<Check> check_rotation_invariants(Index n, Index d, Index k, Index members,
                                             const CheckOptions& options) {
  const auto draw = [&](std::uint64_t seed) { return RotationInvariant::draw(n, d, k, seed); };
  std::vector<Check> checks = check_drawn(members, options, true, draw, correlation_bound);
  // The jackknife leaves one of three members out, or more; the bound is proved from three points on.
  if (members >= 3 && n >= 3)
    checks.push_back(check_mean_square(draw_members(members, options.seed, draw), options));
  return checks;
}

}  // namespace eqnn::hard
