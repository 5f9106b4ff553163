// Clebsch-Gordan coefficients and Wigner matrices: computed once, while something is recorded.

#include "rotations.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstdlib>

namespace eqnn {
namespace {

using Complex = std::complex<double>;

void check_degree(const char* name, Index l) {
  require(l >= 0 && l <= kMaxDegree, name, ": the degree is ", l, "; it must be between 0 and ", kMaxDegree);
}

double factorial(Index n) {
  double f = 1;
  for (Index k = 2; k <= n; ++k) f *= static_cast<double>(k);
  return f;
}

// <l1 m1, l2 m2 | l3 m3> of the complex bases, m3 = m1 + m2, by Racah's formula (1942).
double complex_coefficient(Index l1, Index m1, Index l2, Index m2, Index l3) {
  const Index m3 = m1 + m2;
  const double triangle = static_cast<double>(2 * l3 + 1) * factorial(l3 + l1 - l2) * factorial(l3 - l1 + l2) *
                          factorial(l1 + l2 - l3) / factorial(l1 + l2 + l3 + 1);
  double sum = 0;
  for (Index k = std::max({Index{0}, l2 - l3 - m1, l1 - l3 + m2}); k <= std::min({l1 + l2 - l3, l1 - m1, l2 + m2});
       ++k)
    sum += (k % 2 == 0 ? 1 : -1) /
           (factorial(k) * factorial(l1 + l2 - l3 - k) * factorial(l1 - m1 - k) * factorial(l2 + m2 - k) *
            factorial(l3 - l2 + m1 + k) * factorial(l3 - l1 - m2 + k));
  return std::sqrt(triangle) *
         std::sqrt(factorial(l3 + m3) * factorial(l3 - m3) * factorial(l1 - m1) * factorial(l1 + m1)) *
         std::sqrt(factorial(l2 - m2) * factorial(l2 + m2)) * sum;
}

// Component m of the complex basis is sum_r U_mr (component r of the real one): the entry at r = |m| (sign 1) or
// -|m| (sign -1). The powers of -i make the coefficients of the real bases real.
Complex to_complex(Index l, Index m, Index sign) {
  static constexpr double kHalf = 0.70710678118654752440;
  static constexpr std::array<Complex, 4> kPowers = {Complex{1, 0}, Complex{0, -1}, Complex{-1, 0}, Complex{0, 1}};
  const Complex power = kPowers[static_cast<std::size_t>(l % 4)];
  if (m == 0) return power;
  const double factor = m > 0 && m % 2 != 0 ? -kHalf : kHalf;
  return power * (sign > 0 ? Complex{factor, 0} : Complex{0, m > 0 ? factor : -factor});
}

// visit(r, U_mr) for the one or two entries of row m.
template <class Visit>
void each_real(Index l, Index m, const Visit& visit) {
  visit(l + std::abs(m), to_complex(l, m, 1));
  if (m != 0) visit(l - std::abs(m), to_complex(l, m, -1));
}

void check_rotation(std::span<const double> r) {
  bool good = r.size() == 9;
  for (std::size_t i = 0; good && i < 3; ++i) {
    const std::size_t j = (i + 1) % 3, k = (i + 2) % 3;
    double length = 0, corner = 0, product = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      const std::size_t b = (a + 1) % 3, c = (a + 2) % 3;
      length += r[3 * i + a] * r[3 * i + a];
      corner += r[3 * i + a] * r[3 * j + a];
      product += r[3 * i + a] * (r[3 * j + b] * r[3 * k + c] - r[3 * j + c] * r[3 * k + b]);
    }
    good = std::abs(length - 1) < 1e-6 && std::abs(corner) < 1e-6 && product > 0;
  }
  require(good, "wigner_d: ", r.size(),
          " numbers that are no rotation; it takes the 9 of a matrix with orthonormal",
          " rows and determinant 1, row by row");
}

}  // namespace

std::vector<double> clebsch_gordan(Index l1, Index l2, Index l3) {
  for (const Index l : {l1, l2, l3}) check_degree("clebsch_gordan", l);
  require(std::abs(l1 - l2) <= l3 && l3 <= l1 + l2, "clebsch_gordan: degrees ", l1, " and ", l2, " do not give ",
          l3, "; they give ", std::abs(l1 - l2), " to ", l1 + l2);
  const Index size2 = 2 * l2 + 1, size3 = 2 * l3 + 1;
  std::vector<double> all(static_cast<std::size_t>((2 * l1 + 1) * size2 * size3));
  for (Index m1 = -l1; m1 <= l1; ++m1)
    for (Index m2 = std::max(-l2, -l3 - m1); m2 <= std::min(l2, l3 - m1); ++m2) {
      const double value = complex_coefficient(l1, m1, l2, m2, l3);
      each_real(l1, m1, [&](Index a, Complex u1) {
        each_real(l2, m2, [&](Index b, Complex u2) {
          each_real(l3, m1 + m2, [&](Index c, Complex u3) {
            all[static_cast<std::size_t>((a * size2 + b) * size3 + c)] += value * (u1 * u2 * std::conj(u3)).real();
          });
        });
      });
    }
  // What cancels leaves its rounding behind.
  for (double& c : all)
    if (std::abs(c) < 1e-13) c = 0;
  return all;
}

// Degree l is the part of degree l of the product of degrees l - 1 and 1.
std::vector<double> wigner_d(Index l, std::span<const double> rotation) {
  check_degree("wigner_d", l);
  check_rotation(rotation);
  std::vector<double> d = {1};
  for (Index k = 1; k <= l; ++k) {
    const std::vector<double> c = clebsch_gordan(k - 1, 1, k);
    const Index low = 2 * k - 1, high = 2 * k + 1;
    std::vector<double> next(static_cast<std::size_t>(high * high));
    for (Index a = 0; a < low; ++a)
      for (Index from = 0; from < 3; ++from)
        for (Index b = 0; b < low; ++b)
          for (Index to = 0; to < 3; ++to) {
            const double turn =
                d[static_cast<std::size_t>(a * low + b)] * rotation[static_cast<std::size_t>(3 * from + to)];
            const double *row = &c[static_cast<std::size_t>((a * 3 + from) * high)],
                         *column = &c[static_cast<std::size_t>((b * 3 + to) * high)];
            for (Index i = 0; i < high; ++i)
              for (Index j = 0; row[i] != 0 && j < high; ++j)
                next[static_cast<std::size_t>(i * high + j)] += row[i] * turn * column[j];
          }
    d = std::move(next);
  }
  return d;
}

}  // namespace eqnn
