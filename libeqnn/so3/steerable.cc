// Each operation and its gradient stand side by side, in one function. Recording is cold: it runs once, and its
// code is kept small.

#include "steerable.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
void check_vectors(const char* name, Tensor<T> v) {
  check_examples(name, v);
  require<ShapeError>(v.shape().channels == 3, name, ": the vectors are ", to_string(v.shape()),
                      "; they must be [b, n, 3]");
}

void check_degree_of(const char* name, Index degree) {
  require(degree >= 0 && degree <= kMaxDegree, name, ": the degree is ", degree, "; it must be between 0 and ",
          kMaxDegree);
}

constexpr Index kHarmonics = (kMaxDegree + 1) * (kMaxDegree + 1);

// u = v / sqrt(|v|^2 + s^2), and what it was multiplied by; zeros where nothing can be divided by.
template <class T>
struct Direction {
  double u[3], inverse;

  Direction(const T* v, double softening) {
    double square = softening * softening;
    for (int k = 0; k < 3; ++k) square += static_cast<double>(v[k]) * static_cast<double>(v[k]);
    inverse = square < 1e-300 ? 0 : 1 / std::sqrt(square);
    for (int k = 0; k < 3; ++k) u[k] = inverse * static_cast<double>(v[k]);
  }
};

// sin(a r) / r, and its derivative divided by r, which is finite at 0.
struct Wave {
  double value, slope;

  Wave(double a, double r) {
    const double t = a * r;
    value = r > 0 ? std::sin(t) / r : a;
    slope = t < 0.01 ? a * a * a * (t * t / 30 - 1.0 / 3) : (t * std::cos(t) - std::sin(t)) / (r * r * r);
  }
};

// The envelope at d = r / cutoff < 1, and its derivative with respect to d divided by d.
struct Envelope {
  double value, slope;

  explicit Envelope(double d) {
    const double d2 = d * d, d4 = d2 * d2;
    value = 1 + d4 * d2 * (-28 + d * (48 - 21 * d));
    slope = -168 * d4 * (1 - d) * (1 - d);
  }
};

template <class T>
double length(const T* v) {
  double square = 0;
  for (int k = 0; k < 3; ++k) square += static_cast<double>(v[k]) * static_cast<double>(v[k]);
  return std::sqrt(square);
}

}  // namespace

template <class T>
[[gnu::cold]] Tensor<T> pair_vectors(Tensor<T> x) {
  check_vectors("pair_vectors", x);
  const Index n = x.shape().points;
  return x.program().record({
      .name = "pair_vectors",
      .inputs = {x},
      .shape = {x.shape().examples, n * n, 3},
      .forward =
          [n](const Call<T>& call) {
            for (Index i = 0; i < call.in(0).rows; ++i)
              for (Index j = 0; j < n; ++j)
                for (Index k = 0; k < 3; ++k)
                  call.out()(i * n + j, k) = call.in(0)(i / n * n + j, k) - call.in(0)(i, k);
          },
      .backward =
          [n](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index i = 0; dx && i < dx.rows; ++i)
              for (Index j = 0; j < n; ++j)
                for (Index k = 0; k < 3; ++k) {
                  dx(i / n * n + j, k) += dy(i * n + j, k);
                  dx(i, k) -= dy(i * n + j, k);
                }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
}

template <class T>
[[gnu::cold]] Tensor<T> spherical_harmonics(Tensor<T> v, Index degree, HarmonicScale scale, double softening) {
  check_vectors("spherical_harmonics", v);
  check_degree_of("spherical_harmonics", degree);
  require(softening >= 0 && std::isfinite(softening), "spherical_harmonics: the softening is ", softening,
          "; it must be at least 0");
  const Index size = (degree + 1) * (degree + 1);
  return v.program().record({
      .name = "spherical_harmonics",
      .inputs = {v},
      .shape = {v.shape().examples, v.shape().points, size},
      .forward =
          [=](const Call<T>& call) {
            double y[kHarmonics];
            for (Index i = 0; i < call.out().rows; ++i) {
              solid_harmonics(degree, scale, Direction<T>(call.in(0).row(i), softening).u, y);
              for (Index k = 0; k < size; ++k) call.out()(i, k) = static_cast<T>(y[k]);
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dv = call.in_gradient(0);
            double dy[kHarmonics], du[3];
            for (Index i = 0; dv && i < dv.rows; ++i) {
              const Direction<T> d(call.in(0).row(i), softening);
              for (Index k = 0; k < size; ++k) dy[k] = static_cast<double>(call.out_gradient()(i, k));
              solid_harmonics_gradient(degree, scale, d.u, dy, du);
              const double along = d.u[0] * du[0] + d.u[1] * du[1] + d.u[2] * du[2];
              for (int k = 0; k < 3; ++k) dv(i, k) += static_cast<T>(d.inverse * (du[k] - along * d.u[k]));
            }
          },
      .backward_reads_output = false,
      .by_rows = true,
  });
}

template <class T>
[[gnu::cold]] Tensor<T> radial_basis(Tensor<T> v, Index count, double cutoff) {
  check_vectors("radial_basis", v);
  require(count >= 1, "radial_basis: there are ", count, " functions; at least 1 is needed");
  require(cutoff > 0 && std::isfinite(cutoff), "radial_basis: the cutoff is ", cutoff, "; it must be positive");
  const double unit = std::sqrt(2 / cutoff), step = std::numbers::pi / cutoff;
  return v.program().record({
      .name = "radial_basis",
      .inputs = {v},
      .shape = {v.shape().examples, v.shape().points, count},
      .forward =
          [=](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i) {
              const double r = length(call.in(0).row(i));
              const double envelope = r < cutoff ? unit * Envelope(r / cutoff).value : 0;
              for (Index k = 0; k < count; ++k)
                call.out()(i, k) = static_cast<T>(envelope * Wave(static_cast<double>(k + 1) * step, r).value);
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dv = call.in_gradient(0);
            for (Index i = 0; dv && i < dv.rows; ++i) {
              const T* row = call.in(0).row(i);
              const double r = length(row);
              if (!(r < cutoff)) continue;
              const Envelope envelope(r / cutoff);
              double sum = 0;
              for (Index k = 0; k < count; ++k) {
                const Wave wave(static_cast<double>(k + 1) * step, r);
                sum += static_cast<double>(call.out_gradient()(i, k)) *
                       (wave.slope * envelope.value + wave.value * envelope.slope / (cutoff * cutoff));
              }
              for (int k = 0; k < 3; ++k) dv(i, k) += static_cast<T>(unit * sum * static_cast<double>(row[k]));
            }
          },
      .backward_reads_output = false,
      .by_rows = true,
  });
}

template <class T>
[[gnu::cold]] Tensor<T> scale_components(Tensor<T> x, Tensor<T> s) {
  check_examples("scale_components", x);
  const Shape &a = x.shape(), &b = s.shape();
  require<ShapeError>(a.examples == b.examples && a.channels == b.channels && a.points % b.points == 0,
                      "scale_components: x is ", to_string(a), " and s is ", to_string(b),
                      "; they must have the same channels, and x a multiple of the points of s");
  const Index k = a.points / b.points;
  return x.program().record({
      .name = "scale_components",
      .inputs = {x, s},
      .shape = a,
      .forward =
          [k](const Call<T>& call) {
            const MatrixView<T> out = call.out();
            for (Index i = 0; i < out.rows; ++i)
              kernels::multiply(out.stride, call.in(0).row(i), call.in(1).row(i / k), out.row(i), false);
          },
      .backward =
          [k](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0), ds = call.in_gradient(1);
            for (Index i = 0; i < dy.rows; ++i) {
              if (dx) kernels::multiply(dy.stride, dy.row(i), call.in(1).row(i / k), dx.row(i), true);
              if (ds) kernels::multiply(dy.stride, dy.row(i), call.in(0).row(i), ds.row(i / k), true);
            }
          },
      .backward_reads_output = false,
  });
}

namespace {

// Rows of c channels, a component each, from runs of 2l + 1 channels; or (`back`) the other way.
template <class T>
[[gnu::cold]] Tensor<T> move_components(const char* name, Tensor<T> x, Index degree, bool back) {
  check_examples(name, x);
  check_degree_of(name, degree);
  const Index size = 2 * degree + 1;
  Shape s = x.shape();
  Index &from = back ? s.points : s.channels, &to = back ? s.channels : s.points;
  require<ShapeError>(from % size == 0, name, ": ", to_string(x), " has ", from, back ? " points" : " channels",
                      "; degree ", degree, " needs a multiple of ", size);
  from /= size;
  to *= size;
  // With `join` from a row a component to runs of channels.
  const auto copy = [=](MatrixView<const T> in, MatrixView<T> out, bool join, bool add) {
    const MatrixView<const T> apart = join ? in : MatrixView<const T>(out);
    for (Index i = 0; i < apart.rows; ++i)
      for (Index c = 0; c < apart.cols; ++c) {
        const Index row = i / size, column = c * size + i % size;
        T& y = join ? out(row, column) : out(i, c);
        const T v = join ? in(i, c) : in(row, column);
        y = add ? y + v : v;
      }
  };
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = s,
      .forward = [=](const Call<T>& call) { copy(call.in(0), call.out(), back, false); },
      .backward =
          [=](const Call<T>& call) {
            if (const MatrixView<T> dx = call.in_gradient(0)) copy(call.out_gradient(), dx, !back, true);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
}

}  // namespace

template <class T>
Tensor<T> to_components(Tensor<T> x, Index degree) {
  return move_components("to_components", x, degree, false);
}
template <class T>
Tensor<T> from_components(Tensor<T> x, Index degree) {
  return move_components("from_components", x, degree, true);
}

#define EQNN_INSTANTIATE(T)                                                        \
  template Tensor<T> pair_vectors(Tensor<T>);                                      \
  template Tensor<T> spherical_harmonics(Tensor<T>, Index, HarmonicScale, double); \
  template Tensor<T> radial_basis(Tensor<T>, Index, double);                       \
  template Tensor<T> scale_components(Tensor<T>, Tensor<T>);                       \
  template Tensor<T> to_components(Tensor<T>, Index);                              \
  template Tensor<T> from_components(Tensor<T>, Index);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
