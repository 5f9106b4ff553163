// gnn-feature, cnn-cyclic, rotation-invariant: golden values, an independent reference, exact formulas.
#include <doctest/doctest.h>
#include <eqnn/hard/families/planar/cnn_cyclic.h>
#include <eqnn/hard/families/planar/gnn_feature.h>
#include <eqnn/hard/families/planar/rotation_invariant.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "support/golden.h"

namespace test_planar_families {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

constexpr double kPi = 3.14159265358979323846;

Matrix<double> matrix_of(const nlohmann::json& rows) {
  const auto n = static_cast<Index>(rows.size()), m = static_cast<Index>(rows[0].size());
  Matrix<double> a(n, m);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < m; ++j) a(i, j) = rows[i][j];
  return a;
}

Matrix<double> copy(const Matrix<double>& m) {
  Matrix<double> c(m.rows(), m.cols());
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < m.cols(); ++j) c(i, j) = m(i, j);
  return c;
}

template <class T>
struct Inputs {
  Inputs(const PlanarMember& f, Index examples, std::uint64_t seed)
      : memory(examples * f.n(), f.d()), block{memory.data(), examples, f.n(), f.d(), memory.stride()} {
    f.sample({seed, Stream::test, 0, 0}, block);
  }
  Block<const T> all() const { return {block.data, block.examples, block.points, block.channels, block.stride}; }
  MatrixView<const T> one(Index e) const { return {block.row(e), block.points, block.channels, block.stride}; }
  Matrix<T> memory;
  Block<T> block;
};

// --- the definitions, straight from the text -------------------------------------------------------------

double naive_h(Index k, bool control, double z1, double z2) {
  double sum = 0;
  for (Index j = 1; j <= 2 * k; ++j) {
    const double angle = kPi * static_cast<double>(j) / static_cast<double>(k);
    const double unit = std::max(0.0, std::cos(angle) * z1 + std::sin(angle) * z2);
    sum += control || j % 2 == 0 ? unit : -unit;
  }
  return sum;
}

double naive_kappa(double r) {
  r = std::min(1.0, std::max(-1.0, r));
  return (std::sqrt(1 - r * r) + r * (kPi - std::acos(r))) / (2 * kPi);
}

double naive_kernel(Index k, bool control, const double (&m)[2][2]) {
  double sum = 0;
  for (Index i = 1; i <= 2 * k; ++i)
    for (Index j = 1; j <= 2 * k; ++j) {
      const double a = kPi * static_cast<double>(i) / static_cast<double>(k);
      const double b = kPi * static_cast<double>(j) / static_cast<double>(k);
      const double r = std::cos(a) * (m[0][0] * std::cos(b) + m[0][1] * std::sin(b)) +
                       std::sin(a) * (m[1][0] * std::cos(b) + m[1][1] * std::sin(b));
      sum += (control || (i + j) % 2 == 0 ? 1 : -1) * naive_kappa(r);
    }
  return sum;
}

double naive_raw(const GnnFeature& f, MatrixView<const double> x, bool control) {
  double sum = 0;
  for (Index v = 0; v < f.n(); ++v) {
    double z[2] = {};
    for (Index u = 0; u < f.n(); ++u)
      for (Index i = 0; i < f.d(); ++i)
        for (Index j = 0; j < 2; ++j) z[j] += (*f.graph())(v, u) * x(u, i) * f.plane()(i, j);
    sum += naive_h(f.k(), control, z[0], z[1]);
  }
  return sum;
}

double naive_raw(const CnnCyclic& f, MatrixView<const double> x, bool control) {
  double sum = 0;
  for (Index g = 0; g < f.n(); ++g)
    for (Index c = 0; c < f.d(); ++c) {
      double z[2] = {};
      for (Index t = 0; t < f.n(); ++t)
        for (Index j = 0; j < 2; ++j) z[j] += f.plane()(t, j) * x((t + g) % f.n(), c);
      sum += naive_h(f.k(), control, z[0], z[1]);
    }
  return sum / static_cast<double>(f.n());
}

double naive_raw(const RotationInvariant& f, MatrixView<const double> x, bool control) {
  double real = 0, imaginary = 0;
  for (Index c = 0; c < f.d(); ++c) {
    double y[2] = {};
    for (Index i = 0; i < f.n(); ++i)
      for (Index j = 0; j < 2; ++j) y[j] += f.plane()(i, j) * x(i, c);
    real += y[0] * y[0] - y[1] * y[1];  // (y1 + i y2)^2
    imaginary += 2 * y[0] * y[1];
  }
  return naive_h(f.k(), control, real, imaginary);
}

// One-example and batch values, in double and in float, of two inputs of `f`.
template <class Member>
void check_against_naive(const Member& f, std::uint64_t seed) {
  const Inputs<double> x(f, 2, seed);
  const Inputs<float> single(f, 2, seed);
  double target[2], control[2];
  float target_single[2], control_single[2];
  f.targets(x.all(), target);
  f.controls(x.all(), control);
  f.targets(single.all(), target_single);
  f.controls(single.all(), control_single);
  for (Index e = 0; e < 2; ++e) {
    const double value = naive_raw(f, x.one(e), false) / std::sqrt(f.norm_sq());
    const double positive = (naive_raw(f, x.one(e), true) - f.control_mean()) / std::sqrt(f.control_variance());
    CHECK(same_value(f.value(x.one(e)), value));
    CHECK(same_value(f.control_value(x.one(e)), positive));
    CHECK(same_value(target[e], value));
    CHECK(same_value(control[e], positive));
    // In float, rounding is that of the units, 2k of them of a size of 1, before they cancel.
    const double rounding = 3e-6 * (1 + std::abs(value)) / std::sqrt(planar_norm_sq(f.k()));
    CHECK(std::abs(static_cast<double>(target_single[e]) - value) <= rounding);
    CHECK(std::abs(static_cast<double>(control_single[e]) - positive) <=
          3e-6 * (1 + std::abs(positive)) * (1 + f.control_mean() / std::sqrt(f.control_variance())));
  }
}

// A graph with each entry set with probability 1/3 and at least one set: directed, with self loops.
Matrix<double> random_matrix(Index n, Draws& draws) {
  Matrix<double> a(n, n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) a(i, j) = draws.below(3) == 0;
  a(n - 1, 0) = 1;
  return a;
}

Index random_k(Draws& draws) {
  const Index all[] = {1, 2, 4, 6, 8, 10, 14};
  return all[draws.below(7)];
}

double fact(const Member& f, const std::string& name) {
  for (const Fact& entry : f.facts())
    if (entry.name == name) return entry.value;
  FAIL("no fact ", name);
  return 0;
}

}  // namespace

TEST_CASE("planar functions: h, its norm, kernels and dimensions agree with the golden values") {
  const auto& all = golden("F2");
  for (const auto& c : all.at("h")) {
    const Index k = c.at("k");
    for (std::size_t i = 0; i < c.at("z").size(); ++i) {
      const double z1 = c.at("z")[i][0], z2 = c.at("z")[i][1];
      CHECK(same_value(planar_response(k, Signs::alternating, z1, z2), c.at("h")[i]));
      double folded = 0;
      FoldedResponse<double>(k, Signs::alternating)(1, &z1, &z2, &folded);
      CHECK(same_value(folded, c.at("h")[i]));
    }
  }
  for (const auto& c : all.at("h_norm_sq")) CHECK(near(planar_norm_sq(c.at("k")), c.at("h_norm_sq")));
  for (const auto& c : all.at("K_iso"))
    CHECK(near(isotropic_kernel(c.at("k"), Signs::alternating, c.at("rho")), c.at("K_iso")));
  for (const auto& c : all.at("kappa1")) CHECK(near(relu_kernel(c[0]), c[1]));
  for (const auto& c : all.at("dim_harmonic")) CHECK(harmonic_dimension(c[0], c[1]) == c[2].get<double>());
}

TEST_CASE("planar functions: the folded form is the sum of 2k ReLUs, for h and for the control") {
  Draws draws({3, Stream::user, 0, 0});
  for (const Index k : {1, 2, 4, 6, 8, 16, 64, 128})
    for (const Signs signs : {Signs::alternating, Signs::equal}) {
      const FoldedResponse<double> folded(k, signs);
      for (int i = 0; i < 200; ++i) {
        // Among them points of the axes and of the lines where the slope jumps.
        const double angle = i < 20 ? kPi * i / static_cast<double>(k) : 7 * draws.uniform();
        const double length = 3 * draws.uniform();
        const double z1 = length * std::cos(angle), z2 = i == 0 ? 0 : length * std::sin(angle);
        double y = 0;
        folded(1, &z1, &z2, &y);
        const double expected = naive_h(k, signs == Signs::equal, z1, z2);
        CHECK(std::abs(y - expected) < 1e-13 * static_cast<double>(2 * k));
        CHECK(std::abs(planar_response(k, signs, z1, z2) - expected) < 1e-13 * static_cast<double>(2 * k));
      }
    }
}

TEST_CASE("planar functions: h changes its sign under a rotation by pi/k, kernels agree with double sums") {
  Draws draws({4, Stream::user, 0, 0});
  for (const Index k : {1, 2, 4, 6, 8})
    for (int i = 0; i < 20; ++i) {
      const double z1 = draws.normal(), z2 = draws.normal(), a = kPi / static_cast<double>(k);
      const double turned = planar_response(k, Signs::alternating, std::cos(a) * z1 - std::sin(a) * z2,
                                            std::sin(a) * z1 + std::cos(a) * z2);
      CHECK(std::abs(turned + planar_response(k, Signs::alternating, z1, z2)) < 1e-13);
      const double m[2][2] = {{draws.uniform() - 0.5, draws.uniform() - 0.5},
                              {draws.uniform() - 0.5, draws.uniform() - 0.5}};
      const PlaneMap map = {m[0][0], m[0][1], m[1][0], m[1][1]};
      CHECK(near(planar_kernel(k, Signs::alternating, map), naive_kernel(k, false, m)));
      CHECK(near(planar_kernel(k, Signs::equal, map), naive_kernel(k, true, m)));
      const double rho = 2 * draws.uniform() - 1, isotropic[2][2] = {{rho, 0}, {0, rho}};
      CHECK(near(isotropic_kernel(k, Signs::alternating, rho), naive_kernel(k, false, isotropic)));
      CHECK(near(isotropic_kernel(k, Signs::equal, rho), naive_kernel(k, true, isotropic)));
    }
  CHECK(planar_norm_sq(1) == 1);
  CHECK(near(planar_norm_sq(2), 2 - 4 / kPi));
  CHECK(near(isotropic_kernel(1, Signs::alternating, 0.3), 0.3));
}

TEST_CASE("planar functions: planes are orthonormal, of the seed alone, and uniform") {
  double first = 0, squares = 0, triangle = 0;
  constexpr int kPlanes = 4000;
  for (int s = 0; s < kPlanes; ++s) {
    const Matrix<double> b = haar_plane(5, static_cast<std::uint64_t>(s));
    const PlaneMap m = plane_product(b, b);
    CHECK(std::max({std::abs(m[0] - 1), std::abs(m[1]), std::abs(m[3] - 1)}) < 1e-14);
    first += b(0, 0);
    squares += b(3, 1) * b(3, 1);
    triangle += b(0, 0) * b(1, 1) - b(0, 1) * b(1, 0);
  }
  const double unit = 1 / std::sqrt(static_cast<double>(kPlanes));
  CHECK(std::abs(first / kPlanes) < 5 * std::sqrt(1.0 / 5) * unit);
  CHECK(std::abs(squares / kPlanes - 0.2) < 5 * 0.25 * unit);
  CHECK(std::abs(triangle / kPlanes) < 5 * std::sqrt(0.1) * unit);
  CHECK(haar_plane(9, 7)(8, 1) == haar_plane(9, 7)(8, 1));
  CHECK(haar_plane(9, 7)(8, 1) != haar_plane(9, 7, 1)(8, 1));
  CHECK(largest_singular_value({3, 0, 0, 4}) == doctest::Approx(4));
  CHECK(largest_singular_value({1, 1, 1, 1}) == doctest::Approx(2));
  CHECK(largest_singular_value({0, -1, 1, 0}) == doctest::Approx(1));
}

TEST_CASE("gnn feature: values, norms and correlations agree with the golden cases") {
  for (const auto& c : golden("F2").at("cases")) {
    const GnnFeature f(c.at("k"), matrix_of(c.at("A")), matrix_of(c.at("B")));
    const GnnFeature g(c.at("k"), matrix_of(c.at("A")), matrix_of(c.at("B2")));
    const auto x = matrix_of(c.at("X"));
    CHECK(f.n() == c.at("n").get<Index>());
    CHECK(f.d() == c.at("d").get<Index>());
    CHECK(near(f.norm_sq(), c.at("norm_sq")));
    CHECK(same_value(f.value(x.view()), c.at("value")));
    CHECK(same_value(f.value(x.view()) * std::sqrt(f.norm_sq()), c.at("raw")));
    CHECK(same_value(g.value(x.view()) * std::sqrt(g.norm_sq()), c.at("raw2")));
    CHECK(near(correlation(f, g), c.at("corr")));
    CHECK(near(correlation(f, g) * f.norm_sq(), c.at("inner_raw")));
    const double contraction = largest_singular_value(plane_product(f.plane(), g.plane()));
    CHECK(near(contraction, c.at("opnorm")));
    CHECK(std::abs(correlation(f, g)) <= std::pow(contraction, static_cast<double>(f.k())) + 1e-12);
  }
}

TEST_CASE("cnn cyclic: values, norms and correlations agree with the golden cases") {
  const auto& all = golden("F3");
  for (const auto& c : all.at("cases")) {
    const CnnCyclic f(c.at("k"), matrix_of(c.at("B")), c.at("d")), g(c.at("k"), matrix_of(c.at("B2")), c.at("d"));
    const auto x = matrix_of(c.at("X"));
    CHECK(near(f.norm_sq(), c.at("norm_sq")));
    CHECK(near(g.norm_sq(), c.at("norm_sq2")));
    CHECK(near(f.norm_ratio(), c.at("n_norm_ratio")));
    CHECK(same_value(f.value(x.view()), c.at("value")));
    CHECK(same_value(f.value(x.view()) * std::sqrt(f.norm_sq()), c.at("raw")));
    CHECK(near(correlation(f, g), c.at("corr")));
    CHECK(near(cyclic_inner_product(f.k(), f.d(), f.plane(), g.plane()), c.at("inner_raw")));
  }
  for (const auto& c : all.at("fourier_plane")) {
    const Index n = c.at("n"), w = c.at("w"), k = c.at("k");
    Matrix<double> b(n, 2);
    for (Index t = 0; t < n; ++t) {
      const double angle = 2 * kPi * static_cast<double>(w * t) / static_cast<double>(n);
      b(t, 0) = std::sqrt(2.0 / static_cast<double>(n)) * std::cos(angle);
      b(t, 1) = std::sqrt(2.0 / static_cast<double>(n)) * std::sin(angle);
    }
    INFO("n ", n, ", w ", w, ", k ", k);
    if (c.at("must_reject"))
      CHECK_THROWS_WITH_AS(CnnCyclic(k, std::move(b), 1),
                           doctest::Contains("target vanishes after averaging over shifts"), ValueError);
    else
      CHECK(near(CnnCyclic(k, std::move(b), 1).norm_sq(), c.at("norm_sq")));
  }
  for (const auto& c : all.at("coordinate_pairs")) {
    Matrix<double> b(c.at("n").get<Index>(), 2);
    b(c.at("i").get<Index>(), 0) = 1;
    b(c.at("j").get<Index>(), 1) = 1;
    CHECK(near(CnnCyclic(c.at("k"), std::move(b), 1).norm_sq(), c.at("norm_sq")));
  }
}

TEST_CASE("rotation invariant: values and norms agree with the golden cases") {
  for (const auto& c : golden("cases", "golden_rotation.json")) {
    const RotationInvariant f(c.at("k"), matrix_of(c.at("B")), c.at("d"));
    const auto x = matrix_of(c.at("X"));
    CHECK(f.n() == c.at("n").get<Index>());
    CHECK(near(f.norm_sq(), c.at("norm_sq")));
    CHECK(same_value(f.value(x.view()), c.at("value")));
    CHECK(same_value(f.value(x.view()) * std::sqrt(f.norm_sq()), c.at("raw")));
  }
}

TEST_CASE("gnn feature: values and batches agree with a naive reference on 1000 random members") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Draws draws({seed, Stream::user, 1, 0});
    const Index n = 1 + draws.below(9), d = 2 + draws.below(12);
    check_against_naive(GnnFeature::draw(random_k(draws), random_matrix(n, draws), d, seed), seed);
  }
}

TEST_CASE("cnn cyclic: values and batches agree with a naive reference on 1000 random members") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Draws draws({seed, Stream::user, 2, 0});
    const Index n = 3 + draws.below(18), d = 1 + draws.below(3);
    check_against_naive(CnnCyclic::draw({n, d, random_k(draws), 0.3}, seed), seed);
  }
}

TEST_CASE("rotation invariant: values and batches agree with a naive reference on 1000 random members") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Draws draws({seed, Stream::user, 3, 0});
    const Index n = 2 + draws.below(17), d = 1 + draws.below(6);
    check_against_naive(RotationInvariant::draw(n, d, random_k(draws), seed), seed);
  }
}

TEST_CASE("planar families: batches of every size and stride are the examples one by one") {
  const auto check = [](const PlanarMember& f, Index examples) {
    const Inputs<float> x(f, examples, 5);
    std::vector<float> tight(examples * f.n() * f.d());
    const Block<float> packed{tight.data(), examples, f.n(), f.d(), f.d()};
    f.sample({5, Stream::test, 0, 0}, packed);
    const auto size = static_cast<std::size_t>(examples);
    std::vector<float> y(size), from_packed(size), c(size);
    f.targets(x.all(), y.data());
    f.controls(x.all(), c.data());
    f.targets({tight.data(), examples, f.n(), f.d(), f.d()}, from_packed.data());
    CHECK(y == from_packed);
    bool same = true;
    for (Index e = 0; e < examples; ++e) {
      float one = 0, control = 0;
      f.targets({x.block.row(e), 1, f.n(), f.d(), x.block.stride}, &one);
      f.controls({x.block.row(e), 1, f.n(), f.d(), x.block.stride}, &control);
      same = same && std::abs(one - y[e]) < 2e-5f && std::abs(control - c[e]) < 2e-5f;
    }
    CHECK(same);
  };
  check(GnnFeature::draw(6, feature_graph("cycle", 8), 32, 1), 300);
  check(GnnFeature::draw(4, feature_graph("complete", 70), 5, 1), 40);
  check(CnnCyclic::draw({48, 1, 6, 0.5}, 1), 100);
  check(CnnCyclic::draw({530, 2, 2, 0}, 1), 5);  // more positions than a tile has
  check(RotationInvariant::draw(16, 3, 6, 1), 400);
  check(RotationInvariant::draw(4, 200, 4, 1), 20);
}

TEST_CASE("gnn feature: norm and control moments are the double sums over nodes") {
  Draws draws({8, Stream::user, 0, 0});
  for (int trial = 0; trial < 20; ++trial) {
    const Index n = 1 + draws.below(7), k = random_k(draws);
    const GnnFeature f = GnnFeature::draw(k, random_matrix(n, draws), 4, 3),
                     g = GnnFeature::draw(k, copy(*f.graph()), 4, 4);
    const auto inner = [&](Index u, Index v) {
      double sum = 0;
      for (Index i = 0; i < n; ++i) sum += (*f.graph())(u, i) * (*f.graph())(v, i);
      return sum;
    };
    double m[2][2] = {};
    for (Index i = 0; i < 4; ++i)
      for (Index p = 0; p < 2; ++p)
        for (Index q = 0; q < 2; ++q) m[p][q] += f.plane()(i, p) * g.plane()(i, q);
    double norm = 0, variance = 0, mean = 0, product = 0;
    const double none[2][2] = {};
    for (Index u = 0; u < n; ++u) {
      mean += 2 * static_cast<double>(k) * std::sqrt(inner(u, u)) / std::sqrt(2 * kPi);
      for (Index v = 0; v < n; ++v) {
        const double scale = std::sqrt(inner(u, u) * inner(v, v));
        if (scale == 0) continue;
        const double rho = inner(u, v) / scale, same[2][2] = {{rho, 0}, {0, rho}};
        const double other[2][2] = {{rho * m[0][0], rho * m[0][1]}, {rho * m[1][0], rho * m[1][1]}};
        norm += scale * naive_kernel(k, false, same);
        variance += scale * (naive_kernel(k, true, same) - naive_kernel(k, true, none));
        product += scale * naive_kernel(k, false, other);
      }
    }
    CHECK(near(f.norm_sq(), norm));
    CHECK(near(f.control_mean(), mean));
    CHECK(f.control_variance() == doctest::Approx(variance).epsilon(1e-9));
    CHECK(near(correlation(f, g), product / norm));
    CHECK(near(correlation(f, f), 1));
  }
}

TEST_CASE("cnn cyclic: norm, control moments and correlations are the sums over shifts") {
  Draws draws({9, Stream::user, 0, 0});
  for (int trial = 0; trial < 10; ++trial) {
    const Index n = 3 + draws.below(8), d = 1 + draws.below(3), k = random_k(draws);
    const CnnCyclic f = CnnCyclic::draw({n, d, k, 0.1}, 3), g = CnnCyclic::draw({n, d, k, 0.1}, 4);
    double norm = 0, variance = 0, product = 0;
    const double none[2][2] = {};
    for (Index s = 0; s < n; ++s) {
      double own[2][2] = {}, other[2][2] = {};
      for (Index t = 0; t < n; ++t)
        for (Index p = 0; p < 2; ++p)
          for (Index q = 0; q < 2; ++q) {
            own[p][q] += f.plane()(t, p) * f.plane()((t - s + n) % n, q);
            other[p][q] += f.plane()(t, p) * g.plane()((t - s + n) % n, q);
          }
      const double share = static_cast<double>(d) / static_cast<double>(n);
      norm += share * naive_kernel(k, false, own);
      variance += share * (naive_kernel(k, true, own) - naive_kernel(k, true, none));
      product += share * naive_kernel(k, false, other);
    }
    CHECK(near(f.norm_sq(), norm));
    CHECK(near(f.control_mean(), 2 * static_cast<double>(k * d) / std::sqrt(2 * kPi)));
    CHECK(f.control_variance() == doctest::Approx(variance).epsilon(1e-9));
    CHECK(near(correlation(f, g), product / std::sqrt(norm * g.norm_sq())));
  }
}

TEST_CASE("planar families: the facts are those of the specification") {
  const GnnFeature f = GnnFeature::draw(6, feature_graph("cycle", 8), 32, 0);
  CHECK(fact(f, "dim_harmonic") == harmonic_dimension(6, 32));
  CHECK(fact(f, "second_moment") == doctest::Approx(1 / harmonic_dimension(6, 32)));
  CHECK(fact(f, "norm_sq") == f.norm_sq());
  CHECK(fact(f, "h_norm_sq") == doctest::Approx(0.048306246375).epsilon(1e-10));
  CHECK(fact(f, "edges") == 16);
  Params<double> gnn, cnn, cloud;
  const GnnFeatureNetwork<double> network(gnn, f);
  CHECK(fact(f, "network_parameters") == static_cast<double>(gnn.count()));
  const CnnCyclic g = CnnCyclic::draw({12, 2, 4, 0.5}, 0);
  const CnnCyclicNetwork<double> cyclic(cnn, g);
  CHECK(fact(g, "network_parameters") == static_cast<double>(cnn.count()));
  CHECK(fact(g, "n_norm_ratio") >= 0.5);
  CHECK(fact(g, "acceptance") > 0.9);
  CHECK(fact(g, "second_moment") ==
        doctest::Approx(12 / (0.5 * fact(g, "acceptance") * harmonic_dimension(4, 12))).epsilon(1e-12));
  const RotationInvariant r = RotationInvariant::draw(16, 3, 6, 0);
  const RotationInvariantNetwork<double> invariant(cloud, r);
  CHECK(fact(r, "network_parameters") == static_cast<double>(cloud.count()));
  CHECK(fact(r, "dim_harmonic") == harmonic_dimension(12, 16));
  CHECK(fact(r, "norm_sq") == doctest::Approx(4 * 3 * 0.048306246375).epsilon(1e-10));
  // E|s| = 2 d G(3/2) G((d+1)/2) / G(d/2+1) is 2 at d = 1, and the mean 2 k E|s| / pi.
  CHECK(fact(RotationInvariant::draw(4, 1, 2, 0), "control_mean") == doctest::Approx(4 * 2 / kPi));
}

TEST_CASE("rotation invariant: features are the standardised upper triangle of the Gram matrix") {
  const RotationInvariant f = RotationInvariant::draw(5, 3, 4, 0);
  REQUIRE(f.features() != nullptr);
  CHECK(f.features()->points == 1);
  CHECK(f.features()->channels == 15);
  const Inputs<double> x(f, 4000, 2);
  Matrix<double> z(4000, 15);
  f.features(x.all(), Block<double>{z.data(), 4000, 1, 15, z.stride()});
  Index at = 0;
  for (Index i = 0; i < 5; ++i)
    for (Index j = i; j < 5; ++j, ++at) {
      double inner = 0, mean = 0, square = 0;
      for (Index c = 0; c < 3; ++c) inner += x.block(7, i, c) * x.block(7, j, c);
      CHECK(z(7, at) == doctest::Approx(i == j ? (inner - 3) / std::sqrt(6.0) : inner / std::sqrt(3.0)));
      for (Index e = 0; e < 4000; ++e) {
        mean += z(e, at) / 4000;
        square += z(e, at) * z(e, at) / 4000;
      }
      CHECK(std::abs(mean) < 5 / std::sqrt(4000.0));
      CHECK(std::abs(square - 1) < 5 * 3 / std::sqrt(4000.0));
    }
  const GnnFeature g = GnnFeature::draw(4, feature_graph("empty", 3), 4, 0);
  CHECK(g.features() == nullptr);
  CHECK((*g.graph())(1, 1) == 1);
  CHECK(f.graph() == nullptr);
}

// --- correlated inputs -----------------------------------------------------------------------------------

namespace {

// Midpoints in the angle of g, z = L g: E h(z) = E |g| times the mean over directions; h(z)^2 with E |g|^2 = 2.
double naive_moment(Index k, bool control, const PlaneMap& s, int power) {
  const double l0 = std::sqrt(s[0]), l1 = s[1] / l0, l2 = std::sqrt(s[3] - l1 * l1);
  constexpr int kSteps = 20000;
  double sum = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double angle = 2 * kPi * (i + 0.5) / kSteps;
    const double g1 = std::cos(angle), g2 = std::sin(angle);
    sum += std::pow(naive_h(k, control, l0 * g1, l1 * g1 + l2 * g2), power);
  }
  return (power == 1 ? std::sqrt(kPi / 2) : 2.0) * sum / kSteps;
}

}  // namespace

TEST_CASE("correlated inputs: means and kernels of planes with a covariance are integrals over directions") {
  const PlaneMap identity{1, 0, 0, 1}, half{0.5, 0, 0, 0.5};
  for (const Index k : {1, 2, 4, 6})
    for (const Signs signs : {Signs::alternating, Signs::equal}) {
      const bool control = signs == Signs::equal;
      CAPTURE(k);
      CHECK(planar_kernel(k, signs, half, identity, identity) ==
            doctest::Approx(planar_kernel(k, signs, half)).epsilon(1e-12));
      for (const PlaneMap& s : {PlaneMap{2, 0.9, 0.9, 1}, PlaneMap{0.3, -0.1, -0.1, 1.7}}) {
        CHECK(std::abs(planar_mean(k, signs, s) - naive_moment(k, control, s, 1)) < 1e-6);
        CHECK(std::abs(planar_kernel(k, signs, s, s, s) - naive_moment(k, control, s, 2)) < 1e-6);
        const double zero = planar_kernel(k, signs, {0, 0, 0, 0}, s, identity);
        CHECK(std::abs(zero - planar_mean(k, signs, s) * planar_mean(k, signs, identity)) < 1e-12);
      }
    }
}

TEST_CASE("correlated inputs: moments of the invariants are closed forms where inputs are independent") {
  const PlaneMap identity{1, 0, 0, 1};
  for (const Index k : {2, 4, 6})
    for (const Index d : {1, 2, 3, 8}) {
      CAPTURE(k);
      CAPTURE(d);
      const RotationInvariant f = RotationInvariant::draw(5, d, k, 1);
      const SquaresMoments target = squares_moments(k, Signs::alternating, d, identity),
                           control = squares_moments(k, Signs::equal, d, identity);
      CHECK(std::abs(target.mean) < 3e-4 * std::sqrt(target.square));
      CHECK(target.square == doctest::Approx(f.norm_sq()).epsilon(1e-3));
      CHECK(control.mean == doctest::Approx(f.control_mean()).epsilon(1e-4));
      CHECK(control.square - control.mean * control.mean == doctest::Approx(f.control_variance()).epsilon(1e-3));
    }
}

TEST_CASE("correlated inputs: the covariance is that of the law, and what is taken out of them is independent") {
  constexpr Index kCount = 4000;
  constexpr double kRho = 0.6;
  for (const bool features : {true, false}) {
    const std::string id = features ? "gnn-feature" : "cnn-cyclic";
    const auto member = family(id).draw({{"n", "4"}, {"d", "3"}, {"k", "2"}, {"input-correlation", "0.6"}}, 1);
    const auto plain = family(id).draw({{"n", "4"}, {"d", "3"}, {"k", "2"}}, 1);
    const auto& f = dynamic_cast<const PlanarMember&>(*member);
    const Inputs<double> x(f, kCount, 5), normal(dynamic_cast<const PlanarMember&>(*plain), kCount, 5);
    Matrix<double> covariance(12, 12), z(kCount, 12), expected(kCount, 12);
    f.variables(x.all(), z.view());
    double largest = 0;
    for (Index e = 0; e < kCount; ++e)
      for (Index a = 0; a < 12; ++a) {
        largest = std::max(largest, std::abs(z(e, a) - normal.all()(e, a / 3, a % 3)));
        for (Index b = 0; b < 12; ++b)
          covariance(a, b) += x.all()(e, a / 3, a % 3) * x.all()(e, b / 3, b % 3) / kCount;
      }
    CHECK(largest < 1e-12);
    for (Index a = 0; a < 12; ++a)
      for (Index b = 0; b < 12; ++b) {
        const bool together = features ? a / 3 == b / 3 : a % 3 == b % 3;
        CHECK(std::abs(covariance(a, b) - (a == b ? 1 : together ? kRho : 0)) < 6 * std::sqrt(2.0 / kCount));
      }
  }
}

TEST_CASE("correlated inputs: certificates pass, files are read back, and what is not known is refused") {
  for (const char* id : {"gnn-feature", "cnn-cyclic", "rotation-invariant"}) {
    CAPTURE(id);
    const Family& family = eqnn::hard::family(id);
    const ParameterValues values{{"n", "5"}, {"d", "4"}, {"k", "4"}, {"input-correlation", "0.4"}};
    const auto member = family.draw(values, 2);
    const auto& f = dynamic_cast<const PlanarMember&>(*member);
    for (const Check& c : member->check({1, 3000})) {
      INFO(c.name, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance);
      CHECK(c.pass());
    }
    CHECK(std::abs(f.target_mean()) > 1e-4);
    CHECK(f.law().correlation() == 0.4);
    CHECK(family.parse(member->json())->json() == member->json());
    for (const Fact& fact : member->facts())
      CHECK((fact.name != "n_eff" && fact.name != "second_moment" && fact.name != "dim_harmonic"));
    CHECK(family.second_moments(values).empty());
    CHECK(!family.correlation_tail(values).log_tail);
    CHECK_THROWS_AS(f.squared_moment(), ValueError);
    if (std::string(id) == "rotation-invariant") {
      CHECK(family.correlations(values, 4, 0).values.rows() == 0);
      CHECK_THROWS_AS(family.check_members(values, 4, {0, 100}), ValueError);
    } else {
      for (const Check& c : family.check_members(values, 6, {0, 4000})) CHECK(c.pass());
    }
    for (const char* bad : {"1", "-0.1", "1.5"})
      CHECK_THROWS_AS(family.draw({{"input-correlation", bad}}, 0), ValueError);
  }
}

}  // namespace test_planar_families
