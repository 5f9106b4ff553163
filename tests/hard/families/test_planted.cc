// Planted directions: what members say of where they hide, against their values and their realising networks.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/families/frame_parity/frame_parity.h>
#include <eqnn/hard/families/invariant_poly/invariant_poly.h>
#include <eqnn/hard/families/planar/cnn_cyclic.h>
#include <eqnn/hard/families/planar/gnn_feature.h>
#include <eqnn/hard/families/planar/rotation_invariant.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace test_planted {

using namespace eqnn;
using namespace eqnn::hard;
using doctest::Approx;

namespace {

double normal(std::uint64_t seed, Index i) {
  Draws draws({seed, Stream::user, 0, static_cast<std::uint64_t>(i)});
  const double u = (draws.word() + 0.5) / 4294967296.0, v = (draws.word() + 0.5) / 4294967296.0;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v);
}

Matrix<double> random_rows(Index rows, Index cols, std::uint64_t seed) {
  Matrix<double> m(rows, cols);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) m(i, j) = normal(seed, i * cols + j);
  return m;
}

void check_orthonormal(const PlantedDirections& planted) {
  const Matrix<double>& b = planted.basis;
  REQUIRE(b.rows() > 0);
  for (Index r = 0; r < b.rows(); ++r)
    for (Index s = 0; s <= r; ++s) {
      double dot = 0;
      for (Index i = 0; i < b.cols(); ++i) dot += b(r, i) * b(s, i);
      CHECK(dot == Approx(r == s ? 1 : 0).epsilon(1e-12));
    }
}

// The rows of a layer's weights, one a unit.
template <class T>
Matrix<double> rows_of(MatrixView<T> in_out) {
  Matrix<double> w(in_out.cols, in_out.rows);
  for (Index j = 0; j < w.rows(); ++j)
    for (Index i = 0; i < w.cols(); ++i) w(j, i) = in_out(i, j);
  return w;
}

}  // namespace

TEST_CASE("planted: directions are orthonormal, and a random layer has found m of its entries") {
  const ParameterValues none;
  for (const auto& [id, values, of_features, m] :
       std::vector<std::tuple<const char*, ParameterValues, bool, Index>>{
           {"gnn-feature", {{"d", "7"}}, false, 2},
           {"cnn-cyclic", {{"n", "9"}}, false, 2},
           {"frame-parity", {{"n", "12"}, {"k", "4"}}, true, 4},
           {"rotation-invariant", {{"n", "5"}}, true, 2},
           {"rotation-invariant", {{"n", "5"}}, false, 6}}) {
    const std::string name = id;
    CAPTURE(name);
    const auto member = family(id).draw(values, 3);
    PlantedDirections planted = member->planted(of_features);
    check_orthonormal(planted);
    CHECK(planted.basis.rows() == m);
    CHECK(planted.shifts == (name == "cnn-cyclic" ? 9 : 1));
    planted.shifts = 1;
    const Index entries = planted.basis.cols(), units = 2000;
    const Matrix<double> w = random_rows(units, entries, 5);
    const double share = double(m) / double(entries);
    // Of beta variables, a mean over so many units that five standard errors are 2 %.
    CHECK(planted_overlap(planted, w.view()) == Approx(share).epsilon(0.1));
    CHECK(planted_overlap(planted, std::as_const(planted.basis).view()) == Approx(1));
    CHECK(std::isnan(planted_overlap(planted, random_rows(3, entries + 1, 1).view())));
    CHECK(std::isnan(planted_overlap(planted, Matrix<double>(2, entries).view())));
  }
  CHECK(family("gnn-degree-parity").draw(none, 0)->planted(false).basis.rows() == 0);
  CHECK(std::isnan(planted_overlap({}, random_rows(3, 4, 1).view())));
}

TEST_CASE("planted: realising networks have found them wholly") {
  const auto ring = family("gnn-feature").draw({{"d", "6"}, {"k", "4"}}, 2);
  const auto& f = dynamic_cast<const GnnFeature&>(*ring);
  Params<double> p;
  const GnnFeatureNetwork<double> net(p, f);
  p.initialize(Initializer{}, 0);
  net.set_weights(p, f, Signs::alternating);
  CHECK(planted_overlap(f.planted(false), rows_of(p.view(net.hidden.weight)).view()) == Approx(1));

  const CnnCyclic c = CnnCyclic::draw({.n = 10, .d = 1, .k = 4}, 2);
  Params<double> q;
  const CnnCyclicNetwork<double> convolution(q, c);
  q.initialize(Initializer{}, 0);
  convolution.set_weights(q, c, Signs::alternating);
  Matrix<double> filters = rows_of(q.view(convolution.hidden.weight));
  CHECK(planted_overlap(c.planted(false), filters.view()) == Approx(1));
  // Filters that are all moved, each by another shift, see the same; one shift alone is not enough then.
  Matrix<double> moved(filters.rows(), filters.cols());
  for (Index j = 0; j < moved.rows(); ++j)
    for (Index i = 0; i < moved.cols(); ++i) moved(j, (i + 3 * j) % moved.cols()) = filters(j, i);
  PlantedDirections planted = c.planted(false);
  CHECK(planted_overlap(planted, moved.view()) == Approx(1));
  planted.shifts = 1;
  CHECK(planted_overlap(planted, moved.view()) < 0.9);
}

TEST_CASE("planted: a point cloud moved across its directions has the same value, and its features tell s") {
  const Index n = 5, d = 3;
  const RotationInvariant f = RotationInvariant::draw(n, d, 4, 7);
  const PlantedDirections raw = f.planted(false), forms = f.planted(true);
  Matrix<double> x = random_rows(n, d, 11), noise = random_rows(n, d, 12), moved(n, d);
  for (Index i = 0; i < n; ++i)
    for (Index c = 0; c < d; ++c) {
      double along = 0;
      for (Index r = 0; r < raw.basis.rows(); ++r) {
        double dot = 0;
        for (Index e = 0; e < n * d; ++e) dot += raw.basis(r, e) * noise(e / d, e % d);
        along += dot * raw.basis(r, i * d + c);
      }
      moved(i, c) = x(i, c) + noise(i, c) - along;
    }
  CHECK(f.value(moved.view()) == Approx(f.value(x.view())).epsilon(1e-10));
  CHECK(std::abs(moved(0, 0) - x(0, 0)) > 1e-3);

  const Index size = n * (n + 1) / 2;
  Matrix<double> z(1, size);
  f.features(Block<const double>{x.data(), 1, n, d, x.stride()}, Block<double>{z.data(), 1, 1, size, z.stride()});
  double y[2][3] = {};
  for (Index r = 0; r < 2; ++r)
    for (Index c = 0; c < d; ++c)
      for (Index i = 0; i < n; ++i) y[r][c] += f.plane()(i, r) * x(i, c);
  double s[2] = {};
  for (Index c = 0; c < d; ++c) {
    s[0] += y[0][c] * y[0][c] - y[1][c] * y[1][c];
    s[1] += 2 * y[0][c] * y[1][c];
  }
  for (Index r = 0; r < 2; ++r) {
    double dot = 0;
    for (Index i = 0; i < size; ++i) dot += forms.basis(r, i) * z(0, i);
    CHECK(2 * std::sqrt(double(d)) * dot == Approx(s[r]).epsilon(1e-10));
  }
}

TEST_CASE("planted: the coordinates of a parity and the generators of a polynomial") {
  const auto parity = family("frame-parity").draw({{"n", "10"}, {"k", "4"}, {"frame", "sort"}}, 1);
  const auto& set = dynamic_cast<const FrameParity&>(*parity).set();
  const PlantedDirections of_set = parity->planted(true);
  for (Index r = 0; r < 4; ++r)
    for (Index i = 0; i < 10; ++i) CHECK(of_set.basis(r, i) == (set[r] == i ? 1 : 0));
  CHECK(parity->planted(false).basis.rows() == 0);
  CHECK(family("frame-parity").draw({{"n", "10"}, {"k", "4"}, {"frame", "none"}}, 1)->planted(false).basis.rows() ==
        4);

  const auto poly = family("invariant-poly").draw({{"r", "12"}, {"degree", "3"}, {"terms", "2"}}, 1);
  const PlantedDirections of_terms = poly->planted(true);
  check_orthonormal(of_terms);
  std::vector<bool> used(12);
  for (const PolynomialTerm& t : dynamic_cast<const InvariantPoly&>(*poly).terms())
    for (const Factor& factor : t.monomial) used[factor.generator] = true;
  CHECK(of_terms.basis.rows() == std::count(used.begin(), used.end(), true));
  for (Index i = 0; i < 12; ++i) {
    double column = 0;
    for (Index r = 0; r < of_terms.basis.rows(); ++r) column += of_terms.basis(r, i);
    CHECK(column == (used[i] ? 1 : 0));
  }
}

}  // namespace test_planted
