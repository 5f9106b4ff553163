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
  const auto fill = [&](Workspace<double>& w, const Block<double>& x) {
    const auto in = w.input("x");
    for (Index e = 0; e < x.examples; ++e)
      for (Index t = 0; t < f.n(); ++t)
        for (Index c = 0; c < f.d(); ++c) in(e, t, c) = x(e, t, c);
  };
  return check_network({f, options, signs == Signs::alternating ? 0u : 1u}, signs, {params, record, fill});
}

// S_g x, by number of the input.
auto shift_by(Index n, std::function<Index(Index)> shift) {
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
  std::vector<Check> checks = {check_planted(*this, Signs::alternating, options),
                               check_planted(*this, Signs::equal, options)};
  checks.push_back(check_equal({*this, options, 2}, "invariance under the shift S_1", *this, 1,
                               shift_by(n(), [](Index) { return Index{1}; })));
  checks.push_back(check_equal({*this, options, 3}, "invariance under a random shift an input", *this, 1,
                               shift_by(n(), [&](Index number) {
                                 Draws draws({options.seed, Stream::check, 8, static_cast<std::uint64_t>(number)});
                                 return static_cast<Index>(draws.below(static_cast<std::uint32_t>(n())));
                               })));
  const CnnCyclic moved(k(), shifted_plane(plane(), 1), d(), c_min_);
  checks.push_back(check_equal({*this, options, 4}, "B -> S_1 B is the same function", moved, 1, unmoved));
  const CnnCyclic turned(k(), rotated_plane(plane(), std::numbers::pi / static_cast<double>(k())), d(), c_min_);
  checks.push_back(check_equal({*this, options, 5}, "B -> B R_{pi/k} changes the sign", turned, -1, unmoved));
  check_statistics({*this, options, 6}, checks);
  return checks;
}

std::vector<Check> check_cnn_cyclics(const CnnCyclicSampler& sampler, Index members,
                                       const CheckOptions& options) {
  require_members(members);
  require_samples(options);
  std::vector<CnnCyclic> drawn;
  std::vector<const PlanarMember*> pointers;
  for (Index i = 0; i < members; ++i)
    drawn.push_back(CnnCyclic::draw(sampler, options.seed + static_cast<std::uint64_t>(i)));
  for (const CnnCyclic& f : drawn) pointers.push_back(&f);
  return check_gram(pointers, options, false,
                    [&](std::size_t i, std::size_t j) { return correlation(drawn[i], drawn[j]); });
}

}  // namespace eqnn::hard
