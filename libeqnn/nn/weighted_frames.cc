#include "weighted_frames.h"

#include <array>
#include <cmath>
#include <limits>

#include "../core/function_ref.h"

namespace eqnn {
namespace {

using Coordinates = std::array<double, 3>;

double dot(const Coordinates& a, const Coordinates& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
Coordinates cross(const Coordinates& a, const Coordinates& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
// a - (u . a) u, for a unit vector u; 0 where that is rounding, which has no direction to speak of.
Coordinates across(const Coordinates& a, const Coordinates& u) {
  constexpr double kRounding = 64 * std::numeric_limits<double>::epsilon();
  const double along = dot(a, u);
  const Coordinates v = {a[0] - along * u[0], a[1] - along * u[1], a[2] - along * u[2]};
  return dot(v, v) > kRounding * kRounding * dot(a, a) ? v : Coordinates{};
}
// a / |a|, or `other` for a = 0.
Coordinates direction(const Coordinates& a, const Coordinates& other) {
  const double length = std::hypot(a[0], a[1], a[2]);
  return length > 0 ? Coordinates{a[0] / length, a[1] / length, a[2] / length} : other;
}
// A unit vector across u: u x e for the e that is furthest from u.
Coordinates any_across(const Coordinates& u) {
  std::size_t least = 0;
  for (std::size_t k = 1; k < 3; ++k)
    if (std::abs(u[k]) < std::abs(u[least])) least = k;
  Coordinates e{};
  e[least] = 1;
  return direction(cross(u, e), e);
}

// One cloud: its points in double; in two dimensions the third coordinates are 0.
struct PointsOfCloud {
  FunctionRef<Coordinates(Index)> at;
  Index n, d;
};

struct FrameElement {
  std::array<Coordinates, 3> axes;
  double weight;
};

double share(double part, double sum, Index parts) { return sum > 0 ? part / sum : 1 / static_cast<double>(parts); }

// The elements that begin with point i, in order; `first` is the weight of that point.
void elements_from(const PointsOfCloud& x, Index i, double first, FunctionRef<void(const FrameElement&)> visit) {
  const Coordinates u = direction(x.at(i), {1, 0, 0});
  if (x.d == 2) return visit({{u, {-u[1], u[0], 0}, {0, 0, 1}}, first});
  double sum = 0;
  for (Index j = 0; j < x.n; ++j) {
    const Coordinates v = across(x.at(j), u);
    if (j != i) sum += dot(v, v);
  }
  for (Index j = 0; j < x.n; ++j) {
    if (j == i) continue;
    const Coordinates v = across(x.at(j), u), once = direction(v, any_across(u));
    const Coordinates w = direction(across(once, u), any_across(u));  // twice: across u to the last digits
    visit({{u, w, cross(u, w)}, first * share(dot(v, v), sum, x.n - 1)});
  }
}

void all_elements(const PointsOfCloud& x, FunctionRef<void(const FrameElement&)> visit) {
  double sum = 0;
  for (Index i = 0; i < x.n; ++i) sum += dot(x.at(i), x.at(i));
  for (Index i = 0; i < x.n; ++i) elements_from(x, i, share(dot(x.at(i), x.at(i)), sum, x.n), visit);
}

// Calls visit(points, element) for all elements of one cloud, x [n, d].
template <class T>
void visit_elements(MatrixView<const T> x, bool centred,
                    FunctionRef<void(const PointsOfCloud&, const FrameElement&)> visit) {
  Coordinates centre{};
  const auto point = [&](Index i) {
    Coordinates p{};
    for (Index k = 0; k < x.cols; ++k)
      p[static_cast<std::size_t>(k)] = static_cast<double>(x(i, k)) - centre[static_cast<std::size_t>(k)];
    return p;
  };
  Coordinates mean{};
  for (Index i = 0; centred && i < x.rows; ++i)
    for (std::size_t k = 0; k < 3; ++k) mean[k] += point(i)[k] / static_cast<double>(x.rows);
  centre = mean;
  const PointsOfCloud cloud{point, x.rows, x.cols};
  all_elements(cloud, [&](const FrameElement& element) { visit(cloud, element); });
}

// (x_0 U, x_1 U, ..), with the last axis reversed where `mirrored`.
template <class T>
void write_form(const PointsOfCloud& x, const FrameElement& element, bool mirrored, T* row) {
  for (Index i = 0; i < x.n; ++i)
    for (Index k = 0; k < x.d; ++k) {
      const double z = dot(x.at(i), element.axes[static_cast<std::size_t>(k)]);
      *row++ = static_cast<T>(mirrored && k == x.d - 1 ? -z : z);
    }
}

}  // namespace

// Recording is cold: it runs once, and its code is kept small.
template <class T>
[[gnu::cold]] WeightedFrame<T> weighted_frame(Tensor<T> x, PointGroup group) {
  check_examples("weighted_frame", x);
  const Index n = x.shape().points, d = x.shape().channels;
  require<ShapeError>(
      (d == 2 || d == 3) && n >= 2 && !x.program().needs_gradient(x), "weighted_frame: x is ", to_string(x.shape()),
      "; it must be [b, n, 2] or [b, n, 3] with n >= 2, and depend on no parameters: it has no gradient");
  const Index copies = has_reflections(group) ? 2 : 1, elements = weighted_elements(group, n, d);
  // Forms or weights: one row an element.
  const auto recorded = [&](const char* name, bool forms) {
    return x.program().record({
        .name = name,
        .inputs = {x},
        .shape = {x.shape().examples, elements, forms ? n * d : 1},
        .forward =
            [=](const Call<T>& call) {
              T* row = call.out().row(0);
              for (Index e = 0; e < call.examples(); ++e)
                visit_elements<T>({call.in(0).row(e * n), n, d, call.in(0).stride}, has_translations(group),
                                  [&](const PointsOfCloud& cloud, const FrameElement& element) {
                                    for (Index k = 0; k < copies; ++k, row += call.out().stride)
                                      if (forms)
                                        write_form(cloud, element, k == 1, row);
                                      else
                                        *row = static_cast<T>(element.weight / static_cast<double>(copies));
                                  });
            },
        .backward = {},
        .backward_reads_inputs = false,
        .backward_reads_output = false,
    });
  };
  return {recorded("weighted_frame_forms", true), recorded("weighted_frame_weights", false)};
}

template <class T>
[[gnu::cold]] Tensor<T> weighted_sum(Tensor<T> y, Tensor<T> w) {
  check_examples("weighted_sum", y);
  require<ShapeError>(w.shape() == Shape{y.shape().examples, y.shape().points, 1}, "weighted_sum: values are ",
                      to_string(y.shape()), " and weights ", to_string(w.shape()),
                      "; values [b, m, c] need weights [b, m, 1]");
  const Index m = y.shape().points, c = y.shape().channels;
  return y.program().record({
      .name = "weighted_sum",
      .inputs = {y, w},
      .shape = {y.shape().examples, 1, c},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0), weight = call.in(1);
            for (Index e = 0; e < call.examples(); ++e)
              for (Index k = 0; k < c; ++k) {
                T sum = 0;
                for (Index i = e * m; i < (e + 1) * m; ++i) sum += weight(i, 0) * in(i, k);
                call.out()(e, k) = sum;
              }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0), weight = call.in(1), dout = call.out_gradient();
            const MatrixView<T> dy = call.in_gradient(0), dw = call.in_gradient(1);
            for (Index i = 0; i < in.rows; ++i)
              for (Index k = 0; k < c; ++k) {
                if (dy) dy(i, k) += weight(i, 0) * dout(i / m, k);
                if (dw) dw(i, 0) += in(i, k) * dout(i / m, k);
              }
          },
      .backward_reads_output = false,
  });
}

#define EQNN_INSTANTIATE(T)                                        \
  template WeightedFrame<T> weighted_frame(Tensor<T>, PointGroup); \
  template Tensor<T> weighted_sum(Tensor<T>, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
