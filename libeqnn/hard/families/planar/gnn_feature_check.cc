// Checks of gnn-feature.
#include <cmath>
#include <numbers>
#include <utility>

#include "gnn_feature.h"
#include "planar_check.h"

namespace eqnn::hard {
namespace {

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
    fill_input(w, "x", x);
    const auto adjacency = w.input("adjacency");
    for (Index e = 0; e < x.examples; ++e)
      for (Index v = 0; v < f.n(); ++v)
        for (Index u = 0; u < f.n(); ++u) adjacency(e, v, u) = (*f.graph())(v, u);
  };
  return check_network(f, planar_inputs(f, options, signs == Signs::alternating ? 0 : 1), signs,
                       {params, record, fill});
}

// f of P A P^T on P X equals f of A on X.
Check check_permutation(const GnnFeature& f, const std::string& name, const Images& p, const CheckInputs& inputs) {
  Matrix<double> a(f.n(), f.n());
  for (Index u = 0; u < f.n(); ++u)
    for (Index v = 0; v < f.n(); ++v) a(p[u], p[v]) = (*f.graph())(u, v);
  const GnnFeature moved(f.k(), std::move(a), copy(f.plane()), f.law());
  return check_equal(inputs, "invariance under " + name + ", of nodes and graph", moved, 1,
                     [&](Index, MatrixView<const double> x, MatrixView<double> to) {
                       for (Index v = 0; v < x.rows; ++v)
                         for (Index i = 0; i < x.cols; ++i) to(p[v], i) = x(v, i);
                     });
}

void check_permutations(const GnnFeature& f, const CheckOptions& options, std::vector<Check>& checks) {
  if (f.n() < 2) return;
  const Images one = identity_images(f.n()), random = shuffled(one, Draws({options.seed, Stream::check, 8, 0}));
  checks.push_back(
      check_permutation(f, "the transposition (0 1)", transposition(f.n()), planar_inputs(f, options, 2)));
  checks.push_back(check_permutation(f, "the n-cycle", rotated(one, 1), planar_inputs(f, options, 3)));
  checks.push_back(check_permutation(f, "a random permutation", random, planar_inputs(f, options, 4)));
}

}  // namespace

std::vector<Check> GnnFeature::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks = {check_planted(*this, Signs::alternating, options),
                               check_planted(*this, Signs::equal, options)};
  check_permutations(*this, options, checks);
  const double angle = std::numbers::pi / static_cast<double>(k());
  const GnnFeature turned(k(), copy(a_), rotated_plane(plane(), angle), law());
  checks.push_back(
      check_equal(planar_inputs(*this, options, 5), "B -> B R_{pi/k} changes the sign", turned, -1, unmoved));
  check_statistics(*this, planar_inputs(*this, options, 6), checks);
  return checks;
}

std::vector<Check> check_gnn_features(Index k, const Matrix<double>& a, Index d, Index members,
                                      const CheckOptions& options, const InputLawSettings& law) {
  return check_drawn(
      members, options, false, [&](std::uint64_t seed) { return GnnFeature::draw(k, copy(a), d, seed, law); },
      [](const GnnFeature& f, const GnnFeature& g) { return correlation(f, g); });
}

}  // namespace eqnn::hard
