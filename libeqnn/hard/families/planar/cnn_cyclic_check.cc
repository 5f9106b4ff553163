// Checks of cnn-cyclic.
#include <cmath>
#include <numbers>
#include <utility>

#include "cnn_cyclic.h"
#include "planar_check.h"

namespace eqnn::hard {
namespace {

Check check_planted(const CnnCyclic& f, Signs signs, const CheckOptions& options) {
  Params<double> params;
  const CnnCyclicNetwork<double> network(params, f);
  network.set_weights(params, f, signs);
  const auto record = [&](Program<double>& g) { return network(g.input("x", {Shape::kCapacity, f.n(), f.d()})); };
  const auto fill = [](Workspace<double>& w, const Block<double>& x) { fill_input(w, "x", x); };
  return check_network(f, planar_inputs(f, options, signs == Signs::alternating ? 0 : 1), signs,
                       {params, record, fill});
}

// S_g x, by number of the input.
PlanarMove shift_by(Index n, std::function<Index(Index)> shift) {
  return [n, shift = std::move(shift)](Index number, MatrixView<const double> x, MatrixView<double> moved) {
    const Index g = shift(number);
    for (Index t = 0; t < n; ++t)
      for (Index c = 0; c < x.cols; ++c) moved((t + g) % n, c) = x(t, c);
  };
}

Matrix<double> shifted_plane(const Matrix<double>& b, Index g) {
  Matrix<double> moved(b.rows(), 2);
  for (Index t = 0; t < b.rows(); ++t)
    for (Index j = 0; j < 2; ++j) moved((t + g) % b.rows(), j) = b(t, j);
  return moved;
}

}  // namespace

std::vector<Check> CnnCyclic::check(const CheckOptions& options) const {
  require_samples(options);
  const auto inputs = [&](std::uint64_t step) { return planar_inputs(*this, options, step); };
  std::vector<Check> checks = {check_planted(*this, Signs::alternating, options),
                               check_planted(*this, Signs::equal, options)};
  checks.push_back(check_equal(inputs(2), "invariance under the shift S_1", *this, 1,
                               shift_by(n(), [](Index) { return Index{1}; })));
  checks.push_back(
      check_equal(inputs(3), "invariance under a random shift an input", *this, 1, shift_by(n(), [&](Index number) {
                    Draws draws({options.seed, Stream::check, 8, static_cast<std::uint64_t>(number)});
                    return static_cast<Index>(draws.below(static_cast<std::uint32_t>(n())));
                  })));
  const CnnCyclic moved(k(), shifted_plane(plane(), 1), d(), c_min_, law());
  checks.push_back(check_equal(inputs(4), "B -> S_1 B is the same function", moved, 1, unmoved));
  const CnnCyclic turned(k(), rotated_plane(plane(), std::numbers::pi / static_cast<double>(k())), d(), c_min_,
                         law());
  checks.push_back(check_equal(inputs(5), "B -> B R_{pi/k} changes the sign", turned, -1, unmoved));
  check_statistics(*this, inputs(6), checks);
  return checks;
}

std::vector<Check> check_cnn_cyclics(const CnnCyclicSampler& sampler, Index members, const CheckOptions& options) {
  return check_drawn(
      members, options, false, [&](std::uint64_t seed) { return CnnCyclic::draw(sampler, seed); },
      [](const CnnCyclic& f, const CnnCyclic& g) { return correlation(f, g); });
}

}  // namespace eqnn::hard
