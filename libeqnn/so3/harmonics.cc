// Solid harmonics and their gradients.

#include <array>
#include <cmath>
#include <numbers>

#include "rotations.h"

namespace eqnn {
namespace {

constexpr Index kTriangle = (kMaxDegree + 1) * (kMaxDegree + 2) / 2;
constexpr Index place(Index l, Index m) { return l * (l + 1) / 2 + m; }
using Triangle = std::array<double, kTriangle>;

// With z the polar axis and r^2 = x^2 + y^2 + z^2, Y_l^m is Q_l^m(z, r^2) times Re (x + i y)^m, and Y_l^-m times
// Im:
//   Q_m^m = diagonal_m Q_{m-1}^{m-1},   Q_l^m = up z Q_{l-1}^m - down r^2 Q_{l-2}^m,
//   dQ_l^m / dz = along Q_{l-1}^m,      dQ_l^m / dx = -x across Q_{l-1}^{m+1}.
struct Factors {
  std::array<double, kMaxDegree + 1> diagonal{};
  Triangle up{}, down{}, along{}, across{};

  Factors() {
    for (Index l = 1; l <= kMaxDegree; ++l) {
      const double n = static_cast<double>(l), ratio = (2 * n + 1) / (2 * n - 1);
      diagonal[static_cast<std::size_t>(l)] = std::sqrt((l == 1 ? 2 : 1) * (2 * n + 1) / (2 * n));
      for (Index m = 0; m < l; ++m) {
        const double k = static_cast<double>(m);
        const auto i = static_cast<std::size_t>(place(l, m));
        up[i] = std::sqrt((4 * n * n - 1) / (n * n - k * k));
        if (m < l - 1)
          down[i] = std::sqrt((2 * n + 1) * ((n - 1) * (n - 1) - k * k) / ((2 * n - 3) * (n * n - k * k)));
        along[i] = std::sqrt(ratio * (n * n - k * k));
        across[i] = std::sqrt(ratio * (m == 0 ? 0.5 : 1) * (n - k) * (n - k - 1));
      }
    }
  }
};
const Factors& factors() {
  static const Factors all;
  return all;
}

// Q, and the powers of x + i y, at v, whose axes (x, y, z) are (z, x, y) here.
struct Parts {
  double x, y, z;
  double q[kTriangle];
  double real[kMaxDegree + 1], imaginary[kMaxDegree + 1];

  Parts(Index degree, const double* v) : x(v[2]), y(v[0]), z(v[1]) {
    const Factors& f = factors();
    const double square = x * x + y * y + z * z;
    q[0] = real[0] = 1;
    imaginary[0] = 0;
    for (Index l = 1; l <= degree; ++l) {
      real[l] = x * real[l - 1] - y * imaginary[l - 1];
      imaginary[l] = x * imaginary[l - 1] + y * real[l - 1];
      q[place(l, l)] = f.diagonal[static_cast<std::size_t>(l)] * q[place(l - 1, l - 1)];
      for (Index m = 0; m < l; ++m) {
        const auto i = static_cast<std::size_t>(place(l, m));
        q[i] = f.up[i] * z * q[place(l - 1, m)];
        if (m < l - 1) q[i] -= f.down[i] * square * q[place(l - 2, m)];
      }
    }
  }
};

double scale_of(HarmonicScale scale, Index l) {
  if (scale == HarmonicScale::norm) return 1 / std::sqrt(static_cast<double>(2 * l + 1));
  return scale == HarmonicScale::component ? 1 : 0.5 * std::numbers::inv_sqrtpi;
}

}  // namespace

void solid_harmonics(Index degree, HarmonicScale scale, const double* v, double* y) {
  const Parts p(degree, v);
  for (Index l = 0; l <= degree; ++l) {
    const double s = scale_of(scale, l);
    double* middle = y + l * l + l;
    for (Index m = 0; m <= l; ++m) {
      middle[-m] = s * p.q[place(l, m)] * p.imaginary[m];
      middle[m] = s * p.q[place(l, m)] * p.real[m];
    }
  }
}

void solid_harmonics_gradient(Index degree, HarmonicScale scale, const double* v, const double* dy, double* dv) {
  const Parts p(degree, v);
  const Factors& f = factors();
  double dx_sum = 0, dy_sum = 0, dz_sum = 0;
  for (Index l = 1; l <= degree; ++l) {
    const double s = scale_of(scale, l);
    const double* middle = dy + l * l + l;
    for (Index m = 0; m <= l; ++m) {
      const double to_real = s * middle[m], to_imaginary = m > 0 ? s * middle[-m] : 0;
      const auto i = static_cast<std::size_t>(place(l, m));
      const double whole = to_real * p.real[m] + to_imaginary * p.imaginary[m];
      if (m < l) dz_sum += whole * f.along[i] * p.q[place(l - 1, m)];
      const double across = m < l - 1 ? whole * f.across[i] * p.q[place(l - 1, m + 1)] : 0;
      dx_sum -= p.x * across;
      dy_sum -= p.y * across;
      if (m == 0) continue;
      const double power = static_cast<double>(m) * p.q[i];
      dx_sum += power * (to_real * p.real[m - 1] + to_imaginary * p.imaginary[m - 1]);
      dy_sum += power * (to_imaginary * p.real[m - 1] - to_real * p.imaginary[m - 1]);
    }
  }
  dv[0] = dy_sum;
  dv[1] = dz_sum;
  dv[2] = dx_sum;
}

}  // namespace eqnn
