// Checks of gnn-feature.
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "gnn_feature.h"
#include "planar_check.h"

namespace eqnn::hard {
namespace {

using Permutation = std::vector<Index>;

Matrix<double> copy(const Matrix<double>& m) {
  Matrix<double> c(m.rows(), m.cols());
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < m.cols(); ++j) c(i, j) = m(i, j);
  return c;
}

Check check_planted(const GnnFeature& f, Signs signs, const CheckOptions& options) {
  Params<double> params;
  const GnnFeatureNetwork<double> network(params, f);
  network.set_weights(params, f, signs);
  const auto record = [&](Program<double>& g) {
    const auto x = g.input("x", {Shape::kCapacity, f.n(), f.d()});
    return network(x, g.input("adjacency", {Shape::kCapacity, f.n(), f.n()}));
  };
  const auto fill = [&](Workspace<double>& w, const Block<double>& x) {
    const auto in = w.input("x"), adjacency = w.input("adjacency");
    for (Index e = 0; e < x.examples; ++e)
      for (Index v = 0; v < f.n(); ++v) {
        for (Index i = 0; i < f.d(); ++i) in(e, v, i) = x(e, v, i);
        for (Index u = 0; u < f.n(); ++u) adjacency(e, v, u) = (*f.graph())(v, u);
      }
  };
  return check_network({f, options, signs == Signs::alternating ? 0u : 1u}, signs, {params, record, fill});
}

// f of P A P^T on P X equals f of A on X.
Check check_permutation(const GnnFeature& f, const std::string& name, const Permutation& p,
                        const PlanarInputs& inputs) {
  const auto at = [&](Index v) { return p[static_cast<std::size_t>(v)]; };
  Matrix<double> a(f.n(), f.n());
  for (Index u = 0; u < f.n(); ++u)
    for (Index v = 0; v < f.n(); ++v) a(at(u), at(v)) = (*f.graph())(u, v);
  const GnnFeature moved(f.k(), std::move(a), copy(f.plane()));
  return check_equal(inputs, "invariance under " + name + ", of nodes and graph", moved, 1,
                     [&](Index, MatrixView<const double> x, MatrixView<double> to) {
                       for (Index v = 0; v < x.rows; ++v)
                         for (Index i = 0; i < x.cols; ++i) to(at(v), i) = x(v, i);
                     });
}

void check_permutations(const GnnFeature& f, const CheckOptions& options, std::vector<Check>& checks) {
  if (f.n() < 2) return;
  Permutation swap(static_cast<std::size_t>(f.n()));
  std::iota(swap.begin(), swap.end(), Index{0});
  Permutation cycle = swap, random = swap;
  std::swap(swap[0], swap[1]);
  for (Index& v : cycle) v = (v + 1) % f.n();
  Draws draws({options.seed, Stream::check, 8, 0});
  for (std::size_t i = random.size() - 1; i > 0; --i)
    std::swap(random[i], random[draws.below(static_cast<std::uint32_t>(i + 1))]);
  checks.push_back(check_permutation(f, "the transposition (0 1)", swap, {f, options, 2}));
  checks.push_back(check_permutation(f, "the n-cycle", cycle, {f, options, 3}));
  checks.push_back(check_permutation(f, "a random permutation", random, {f, options, 4}));
}

}  // namespace

std::vector<Check> GnnFeature::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks = {check_planted(*this, Signs::alternating, options),
                               check_planted(*this, Signs::equal, options)};
  check_permutations(*this, options, checks);
  const double angle = std::numbers::pi / static_cast<double>(k());
  const GnnFeature turned(k(), copy(a_), rotated_plane(plane(), angle));
  checks.push_back(check_equal({*this, options, 5}, "B -> B R_{pi/k} changes the sign", turned, -1, unmoved));
  check_statistics({*this, options, 6}, checks);
  return checks;
}

std::vector<Check> check_gnn_features(Index k, const Matrix<double>& a, Index d, Index members,
                                        const CheckOptions& options) {
  require_members(members);
  require_samples(options);
  std::vector<GnnFeature> drawn;
  std::vector<const PlanarMember*> pointers;
  for (Index i = 0; i < members; ++i)
    drawn.push_back(GnnFeature::draw(k, copy(a), d, options.seed + static_cast<std::uint64_t>(i)));
  for (const GnnFeature& f : drawn) pointers.push_back(&f);
  return check_gram(pointers, options, false,
                    [&](std::size_t i, std::size_t j) { return correlation(drawn[i], drawn[j]); });
}

}  // namespace eqnn::hard
