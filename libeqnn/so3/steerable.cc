// Each operation and its gradient stand side by side. Recording is cold: it runs once, and its code is kept small.

#include "steerable.h"

#include <cmath>
#include <functional>
#include <numbers>
#include <utility>

#include "../nn/clouds.h"
#include "../nn/elementwise.h"
#include "../nn/points.h"

namespace eqnn {
namespace {

[[gnu::cold]] void check_vectors(const char* name, const Shape& v) {
  require<ShapeError>(v.channels == 3 && v.examples != Shape::kShared, name, ": the vectors are ", to_string(v),
                      "; they must be [b, n, 3]");
}

template <class T>
using Step = std::function<void(const Call<T>&)>;
template <class T>
[[gnu::cold, gnu::noinline]] Tensor<T> record(const char* name, Tensor<T> x, const Shape& shape, Step<T> forward,
                                              Step<T> backward, bool rows) {
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = shape,
      .forward = std::move(forward),
      .backward = std::move(backward),
      .backward_reads_inputs = rows,
      .backward_reads_output = false,
      .by_rows = rows,
  });
}

// A function of a vector, of `count` <= kMost numbers, and what its gradient adds to that of the vector. In double,
// whatever the values are: it is the same function for all types.
constexpr Index kMost = (kMaxDegree + 1) * (kMaxDegree + 1);
struct VectorFunction {
  void (*value)(const VectorFunction& f, const double* v, double* y);
  void (*gradient)(const VectorFunction& f, const double* v, const double* dy, double* dv);
  Index count, degree = 0;
  double length = 0;  // the softening, or the cutoff
  HarmonicScale scale = HarmonicScale::component;
};

template <class T>
void to_double(const T* row, Index size, double* to) {
  for (Index k = 0; k < size; ++k) to[k] = static_cast<double>(row[k]);
}

template <class T>
[[gnu::cold]] Tensor<T> record_function(const char* name, Tensor<T> v, const VectorFunction& f) {
  check_vectors(name, v.shape());
  return record<T>(
      name, v, {v.shape().examples, v.shape().points, f.count},
      [f](const Call<T>& call) {
        double u[3], y[kMost];
        for (Index i = 0; i < call.out().rows; ++i) {
          to_double(call.in(0).row(i), 3, u);
          f.value(f, u, y);
          for (Index k = 0; k < f.count; ++k) call.out()(i, k) = static_cast<T>(y[k]);
        }
      },
      [f](const Call<T>& call) {
        const MatrixView<T> dv = call.in_gradient(0);
        double u[3], dy[kMost], du[3];
        for (Index i = 0; dv && i < dv.rows; ++i) {
          to_double(call.in(0).row(i), 3, u);
          to_double(call.out_gradient().row(i), f.count, dy);
          f.gradient(f, u, dy, du);
          for (Index k = 0; k < 3; ++k) dv(i, k) += static_cast<T>(du[k]);
        }
      },
      true);
}

// u = v / sqrt(|v|^2 + s^2), and what v was multiplied by: 0 where there is nothing to divide by.
struct Direction {
  double u[3], inverse;

  Direction(const double* v, double softening) {
    const double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + softening * softening);
    inverse = r < 1e-150 ? 0 : 1 / r;
    for (int k = 0; k < 3; ++k) u[k] = inverse * v[k];
  }
};

void harmonics(const VectorFunction& f, const double* v, double* y) {
  solid_harmonics(f.degree, f.scale, Direction(v, f.length).u, y);
}
void harmonics_gradient(const VectorFunction& f, const double* v, const double* dy, double* dv) {
  const Direction d(v, f.length);
  double du[3];
  solid_harmonics_gradient(f.degree, f.scale, d.u, dy, du);
  const double along = d.u[0] * du[0] + d.u[1] * du[1] + d.u[2] * du[2];
  for (int k = 0; k < 3; ++k) dv[k] = d.inverse * (du[k] - along * d.u[k]);
}

// The envelope at d = r / cutoff, and its derivative divided by d; times the scale of the waves.
struct Envelope {
  double r, step, value = 0, slope = 0;

  Envelope(const double* v, double cutoff)
      : r(std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])), step(std::numbers::pi / cutoff) {
    const double d = r / cutoff, d2 = d * d, d4 = d2 * d2, unit = std::sqrt(2 / cutoff);
    if (d >= 1) return;
    value = unit * (1 + d4 * d2 * (-28 + d * (48 - 21 * d)));
    slope = -168 * unit * d4 * (1 - d) * (1 - d) / (cutoff * cutoff);
  }
  // sin(a r) / r, a the frequency of wave k, and its derivative divided by r, which is finite at 0.
  double frequency(Index k) const { return static_cast<double>(k + 1) * step; }
  double wave(Index k) const { return r > 0 ? std::sin(frequency(k) * r) / r : frequency(k); }
  double wave_slope(Index k) const {
    const double a = frequency(k), t = a * r;
    return t < 0.01 ? a * a * a * (t * t / 30 - 1.0 / 3) : (t * std::cos(t) - std::sin(t)) / (r * r * r);
  }
};

void waves(const VectorFunction& f, const double* v, double* y) {
  const Envelope e(v, f.length);
  for (Index k = 0; k < f.count; ++k) y[k] = e.value * e.wave(k);
}
void waves_gradient(const VectorFunction& f, const double* v, const double* dy, double* dv) {
  const Envelope e(v, f.length);
  double sum = 0;
  for (Index k = 0; e.r < f.length && k < f.count; ++k)
    sum += dy[k] * (e.wave_slope(k) * e.value + e.wave(k) * e.slope);
  for (int k = 0; k < 3; ++k) dv[k] = sum * v[k];
}

// y (+)= x, where one has a row for each component of a point, and the other a run of 2l + 1 channels for each
// channel.
template <class T>
[[gnu::noinline]] void move_components(MatrixView<const T> x, MatrixView<T> y, Index size, bool to_rows, bool add) {
  const Index rows = to_rows ? y.rows : x.rows, channels = to_rows ? y.cols : x.cols;
  for (Index i = 0; i < rows; ++i)
    for (Index c = 0; c < channels; ++c) {
      const Index row = i / size, column = c * size + i % size;
      T& to = to_rows ? y(i, c) : y(row, column);
      to = (add ? to : T(0)) + (to_rows ? x(row, column) : x(i, c));
    }
}

template <class T>
[[gnu::cold]] Tensor<T> record_components(const char* name, Tensor<T> x, Index degree, bool to_rows) {
  Shape s = x.shape();
  const Index size = 2 * degree + 1;
  Index &from = to_rows ? s.channels : s.points, &to = to_rows ? s.points : s.channels;
  require<ShapeError>(degree >= 0 && from % size == 0 && s.examples != Shape::kShared, name, ": ", to_string(s),
                      " of degree ", degree, "; it must be [b, ", to_rows ? "n, c (2l + 1)]" : "n (2l + 1), c]",
                      ", l the degree");
  from /= size;
  to *= size;
  return record<T>(
      name, x, s, [=](const Call<T>& call) { move_components<T>(call.in(0), call.out(), size, to_rows, false); },
      [=](const Call<T>& call) {
        if (const auto dx = call.in_gradient(0)) move_components<T>(call.out_gradient(), dx, size, !to_rows, true);
      },
      false);
}

}  // namespace

template <class T>
Tensor<T> pair_vectors(Tensor<T> x) {
  check_vectors("pair_vectors", x.shape());
  const Tensor<T> both = pair_features(x, x);
  return sub(slice_channels(both, 3, 3), slice_channels(both, 0, 3));
}

template <class T>
Tensor<T> spherical_harmonics(Tensor<T> v, Index degree, HarmonicScale scale, double softening) {
  require(degree >= 0 && degree <= kMaxDegree, "spherical_harmonics: the degree is ", degree,
          "; it must be between 0 and ", kMaxDegree);
  require(softening >= 0 && std::isfinite(softening), "spherical_harmonics: the softening is ", softening,
          "; it must be at least 0");
  return record_function<T>("spherical_harmonics", v,
                            {harmonics, harmonics_gradient, (degree + 1) * (degree + 1), degree, softening, scale});
}

template <class T>
Tensor<T> radial_basis(Tensor<T> v, Index count, double cutoff) {
  require(count >= 1 && count <= kMost, "radial_basis: there are ", count, " functions; there must be 1 to ",
          kMost);
  require(cutoff > 0 && std::isfinite(cutoff), "radial_basis: the cutoff is ", cutoff, "; it must be positive");
  return record_function<T>("radial_basis", v, {waves, waves_gradient, count, 0, cutoff});
}

template <class T>
Tensor<T> to_components(Tensor<T> x, Index degree) {
  return record_components("to_components", x, degree, true);
}
template <class T>
Tensor<T> from_components(Tensor<T> x, Index degree) {
  return record_components("from_components", x, degree, false);
}

#define EQNN_INSTANTIATE(T)                                                        \
  template Tensor<T> pair_vectors(Tensor<T>);                                      \
  template Tensor<T> spherical_harmonics(Tensor<T>, Index, HarmonicScale, double); \
  template Tensor<T> radial_basis(Tensor<T>, Index, double);                       \
  template Tensor<T> to_components(Tensor<T>, Index);                              \
  template Tensor<T> from_components(Tensor<T>, Index);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
