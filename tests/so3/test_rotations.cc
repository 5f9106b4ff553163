// Real harmonics, Clebsch-Gordan coefficients and Wigner matrices: the equations that define them.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/so3/irreps.h>
#include <eqnn/so3/rotations.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "support/clouds.h"
#include "support/thrown.h"

namespace test_rotations {

using namespace eqnn;
using reference::Dense;

namespace {

using Vector = std::array<double, 3>;

Vector random_vector(std::uint64_t seed) {
  Draws d({seed, Stream::user, 7, 0});
  return {d.normal(), d.normal(), d.normal()};
}
Vector unit(Vector v) {
  const double length = std::hypot(v[0], v[1], v[2]);
  for (double& x : v) x /= length;
  return v;
}
std::vector<double> harmonics(Index degree, const Vector& v, HarmonicScale scale = HarmonicScale::component) {
  std::vector<double> y(static_cast<std::size_t>((degree + 1) * (degree + 1)));
  solid_harmonics(degree, scale, v.data(), y.data());
  return y;
}
std::vector<double> random_rotation(std::uint64_t seed) {
  return testing::random_motion(3, false, false, seed).turn.data;
}
std::vector<double> times(const std::vector<double>& a, const std::vector<double>& b, std::size_t n) {
  std::vector<double> c(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < n; ++k) c[i * n + j] += a[i * n + k] * b[k * n + j];
  return c;
}
double difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = reference::worse(worst, std::abs(a[i] - b[i]));
  return worst;
}

}  // namespace

TEST_CASE("harmonics of low degrees are their polynomials") {
  const double x = 0.3, y = -0.8, z = 0.5, r2 = x * x + y * y + z * z;
  const double three = std::sqrt(3.0), five = std::sqrt(5.0), fifteen = std::sqrt(15.0);
  const std::vector<double> expected = {1,
                                        three * x,
                                        three * y,
                                        three * z,
                                        fifteen * x * z,
                                        fifteen * x * y,
                                        five * (1.5 * y * y - 0.5 * r2),
                                        fifteen * y * z,
                                        0.5 * fifteen * (z * z - x * x)};
  CHECK(difference(harmonics(2, {x, y, z}), expected) < 1e-14);
}

TEST_CASE("harmonics are scaled as said, at the poles too, and are 0 at 0") {
  for (const Vector& v : {unit(random_vector(1)), unit(random_vector(2)), Vector{0, 1, 0}, Vector{0, -1, 0},
                          Vector{1, 0, 0}, Vector{0, 0, -1}})
    for (const HarmonicScale scale : {HarmonicScale::component, HarmonicScale::norm, HarmonicScale::integral}) {
      const auto y = harmonics(kMaxDegree, v, scale);
      for (Index l = 0; l <= kMaxDegree; ++l) {
        double square = 0;
        for (Index k = l * l; k < (l + 1) * (l + 1); ++k)
          square += y[static_cast<std::size_t>(k)] * y[static_cast<std::size_t>(k)];
        const double size = static_cast<double>(2 * l + 1);
        const double expected = scale == HarmonicScale::component ? size
                                : scale == HarmonicScale::norm    ? 1
                                                                  : size / (4 * std::numbers::pi);
        CHECK(square == doctest::Approx(expected).epsilon(1e-13));
      }
    }
  auto zero = harmonics(kMaxDegree, {0, 0, 0});
  CHECK(zero[0] == 1);
  zero[0] = 0;
  CHECK(std::all_of(zero.begin(), zero.end(), [](double v) { return v == 0; }));
}

TEST_CASE("harmonics are homogeneous, harmonic, and their gradients equal differences") {
  constexpr std::size_t count = (kMaxDegree + 1) * (kMaxDegree + 1);
  const Vector v = unit(random_vector(3));
  const auto y = harmonics(kMaxDegree, v), twice = harmonics(kMaxDegree, {2 * v[0], 2 * v[1], 2 * v[2]});
  std::vector<double> laplacian(count);
  constexpr double h = 1e-3;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto moved = [&](double steps) {
      Vector u = v;
      u[k] += steps * h;
      return harmonics(kMaxDegree, u);
    };
    const auto a = moved(-2), b = moved(-1), c = moved(1), d = moved(2);
    for (std::size_t i = 0; i < count; ++i) {
      laplacian[i] += (16 * (b[i] + c[i]) - a[i] - d[i] - 30 * y[i]) / (12 * h * h);
      std::vector<double> one(count);
      one[i] = 1;
      for (const HarmonicScale scale : {HarmonicScale::component, HarmonicScale::norm, HarmonicScale::integral}) {
        Vector gradient;
        solid_harmonics_gradient(kMaxDegree, scale, v.data(), one.data(), gradient.data());
        const double factor = i == 0 ? 1 : harmonics(kMaxDegree, v, scale)[i] / y[i];
        CHECK(gradient[k] ==
              doctest::Approx(factor * (8 * (c[i] - b[i]) - (d[i] - a[i])) / (12 * h)).epsilon(1e-8));
      }
    }
  }
  for (Index l = 0; l <= kMaxDegree; ++l)
    for (Index i = l * l; i < (l + 1) * (l + 1); ++i) {
      const auto k = static_cast<std::size_t>(i);
      CHECK(std::abs(laplacian[k]) < 1e-5 * static_cast<double>((l + 1) * (l + 1)));
      CHECK(twice[k] == doctest::Approx(std::pow(2.0, static_cast<double>(l)) * y[k]).epsilon(1e-13));
    }
}

TEST_CASE("harmonics are orthonormal functions: a quadrature that is exact for them") {
  // Trapezoids around the axis y, Gauss's rule of two thirds of the degree along it by bisection of Legendre's
  // zeros.
  constexpr Index degree = 6, around = 2 * degree + 2, along = degree + 1;
  const auto legendre = [](Index n, double t) {
    double before = 1, now = t;
    for (Index k = 2; k <= n; ++k) {
      const double m = static_cast<double>(k);
      const double next = ((2 * m - 1) * t * now - (m - 1) * before) / m;
      before = now;
      now = next;
    }
    return std::array<double, 2>{now, before};
  };
  constexpr std::size_t count = (degree + 1) * (degree + 1);
  std::vector<double> gram(count * count);
  for (Index i = 0; i < along; ++i) {
    double t = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (static_cast<double>(along) + 0.5));
    double slope = 1;
    for (int step = 0; step < 20; ++step) {
      const auto p = legendre(along, t);
      slope = static_cast<double>(along) * (p[1] - t * p[0]) / (1 - t * t);
      t -= p[0] / slope;
    }
    const double weight = 2 / ((1 - t * t) * slope * slope), radius = std::sqrt(1 - t * t);
    for (Index j = 0; j < around; ++j) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(j) / static_cast<double>(around);
      const auto y =
          harmonics(degree, {radius * std::sin(angle), t, radius * std::cos(angle)}, HarmonicScale::integral);
      for (std::size_t a = 0; a < count; ++a)
        for (std::size_t b = 0; b < count; ++b)
          gram[a * count + b] += weight * 2 * std::numbers::pi / static_cast<double>(around) * y[a] * y[b];
    }
  }
  for (std::size_t a = 0; a < count; ++a) gram[a * count + a] -= 1;
  CHECK(difference(gram, std::vector<double>(count * count)) < 1e-12);
}

TEST_CASE("Wigner matrices turn harmonics, are orthogonal, and multiply as rotations do") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const auto r = random_rotation(seed), s = random_rotation(100 + seed);
    const Vector v = random_vector(seed);
    Vector turned{};
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) turned[i] += r[3 * i + j] * v[j];
    const auto y = harmonics(kMaxDegree, unit(v)), z = harmonics(kMaxDegree, unit(turned));
    for (Index l = 0; l <= kMaxDegree; ++l) {
      const auto n = static_cast<std::size_t>(2 * l + 1), first = static_cast<std::size_t>(l * l);
      const auto d = wigner_d(l, r);
      REQUIRE(d.size() == n * n);
      std::vector<double> expected(n), identity(n * n), transposed(n * n);
      for (std::size_t i = 0; i < n; ++i) {
        identity[i * n + i] = 1;
        for (std::size_t j = 0; j < n; ++j) {
          expected[i] += d[i * n + j] * y[first + j];
          transposed[i * n + j] = d[j * n + i];
        }
      }
      INFO("degree ", l);
      CHECK(difference({z.begin() + l * l, z.begin() + (l + 1) * (l + 1)}, expected) < 1e-12);
      CHECK(difference(times(d, transposed, n), identity) < 1e-12);
      CHECK(difference(times(d, wigner_d(l, s), n), wigner_d(l, times(r, s, 3))) < 1e-12);
    }
    CHECK(difference(wigner_d(1, r), r) < 1e-15);
  }
}

TEST_CASE("Clebsch-Gordan coefficients are orthonormal, and turn products as their degree does") {
  const auto r = random_rotation(7);
  for (const auto& degrees : std::vector<std::array<Index, 3>>{{0, 0, 0},
                                                               {0, 4, 4},
                                                               {1, 1, 0},
                                                               {1, 1, 1},
                                                               {1, 1, 2},
                                                               {2, 1, 2},
                                                               {2, 2, 3},
                                                               {3, 4, 5},
                                                               {6, 6, 6},
                                                               {10, 10, 10}}) {
    const Index l1 = degrees[0], l2 = degrees[1], l3 = degrees[2];
    const auto c = clebsch_gordan(l1, l2, l3);
    const Index n1 = 2 * l1 + 1, n2 = 2 * l2 + 1, n3 = 2 * l3 + 1;
    const auto at = [&](Index a, Index b, Index k) { return c[static_cast<std::size_t>((a * n2 + b) * n3 + k)]; };
    double orthonormal = 0;
    for (Index k = 0; k < n3; ++k)
      for (Index m = 0; m < n3; ++m) {
        double sum = k == m ? -1 : 0;
        for (Index a = 0; a < n1; ++a)
          for (Index b = 0; b < n2; ++b) sum += at(a, b, k) * at(a, b, m);
        orthonormal = reference::worse(orthonormal, std::abs(sum));
      }
    INFO(l1, " ", l2, " ", l3);
    CHECK(orthonormal < 1e-11);
    // sum_b C_abk D2_b'b, then D1 and D3 on the other two, for one pair of vectors.
    const auto d1 = wigner_d(l1, r), d2 = wigner_d(l2, r), d3 = wigner_d(l3, r);
    Draws draws({11, Stream::user, 1, static_cast<std::uint64_t>(l3)});
    std::vector<double> x(static_cast<std::size_t>(n1)), y(static_cast<std::size_t>(n2));
    for (double& v : x) v = draws.normal();
    for (double& v : y) v = draws.normal();
    const auto turn = [](const std::vector<double>& d, const std::vector<double>& v) {
      std::vector<double> w(v.size());
      for (std::size_t i = 0; i < v.size(); ++i)
        for (std::size_t j = 0; j < v.size(); ++j) w[i] += d[i * v.size() + j] * v[j];
      return w;
    };
    const auto product = [&](const std::vector<double>& u, const std::vector<double>& v) {
      std::vector<double> w(static_cast<std::size_t>(n3));
      for (Index a = 0; a < n1; ++a)
        for (Index b = 0; b < n2; ++b)
          for (Index k = 0; k < n3; ++k)
            w[static_cast<std::size_t>(k)] +=
                at(a, b, k) * u[static_cast<std::size_t>(a)] * v[static_cast<std::size_t>(b)];
      return w;
    };
    CHECK(difference(product(turn(d1, x), turn(d2, y)), turn(d3, product(x, y))) < 1e-11);
  }
}

TEST_CASE("vectors: their products are the inner, the cross and the symmetric one") {
  const auto inner = clebsch_gordan(1, 1, 0), cross = clebsch_gordan(1, 1, 1);
  const double third = 1 / std::sqrt(3.0), half = 1 / std::sqrt(2.0);
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = 0; b < 3; ++b) {
      CHECK(std::abs(inner[a * 3 + b]) == doctest::Approx(a == b ? third : 0));
      for (std::size_t k = 0; k < 3; ++k) {
        const bool cyclic = b == (a + 1) % 3 && k == (a + 2) % 3, back = a == (b + 1) % 3 && k == (b + 2) % 3;
        const double sign = cross[5] > 0 ? 1 : -1;
        CHECK(cross[(a * 3 + b) * 3 + k] == doctest::Approx(sign * (cyclic ? half : back ? -half : 0)));
      }
    }
}

TEST_CASE("degrees, triples, rotations and types that are none are refused") {
  CHECK(contains(message([] { clebsch_gordan(1, 1, 3); }), "degrees 1 and 1 do not give 3; they give 0 to 2"));
  CHECK(contains(message([] { clebsch_gordan(11, 0, 11); }), "the degree is 11; it must be between 0 and 10"));
  const std::vector<double> mirror = {-1, 0, 0, 0, 1, 0, 0, 0, 1}, stretched = {2, 0, 0, 0, 1, 0, 0, 0, 0.5},
                            few = {1};
  for (const auto& r : {mirror, stretched, few})
    CHECK(contains(message([&] { wigner_d(2, r); }), "numbers that are no rotation"));
  CHECK(contains(message([&] {
                   wigner_d(-1, std::vector<double>{1, 0, 0, 0, 1, 0, 0, 0, 1});
                 }),
                 "the degree is -1"));
  CHECK(to_string(Irreps{8, 0, 2}) == "8x0 + 2x2");
  CHECK(dimension({8, 0, 2}) == 18);
  CHECK(contains(message([] { check_irreps("net", {0, 0}); }), "net: the numbers of channels"));
  CHECK(contains(message([] { check_irreps("net", Irreps(12, 1)); }), "channels of 12 degrees"));
  CHECK(contains(message([] { gated("net", {0, 2}); }), "no scalars in 2x1"));
  CHECK(contains(message([] {
                   product_channels("net", {1}, 1, {1, 1, 1});
                 }),
                 "no product of 1x0 with harmonics up to degree 1 has degree 2"));
  CHECK(paths_to({1, 1}, 2, 1).size() == 4);  // 0 1, 1 0, 1 1, 1 2
}

}  // namespace test_rotations
