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

// One cloud, in double; in two dimensions the third coordinates are 0.
template <class T>
class CloudPoints {
 public:
  CloudPoints(MatrixView<const T> x, bool centred) : x_(x) {
    for (Index i = 0; centred && i < x.rows; ++i)
      for (Index k = 0; k < x.cols; ++k)
        centre_[static_cast<std::size_t>(k)] += static_cast<double>(x(i, k)) / static_cast<double>(x.rows);
  }
  Coordinates operator[](Index i) const {
    Coordinates p{};
    for (Index k = 0; k < x_.cols; ++k)
      p[static_cast<std::size_t>(k)] = static_cast<double>(x_(i, k)) - centre_[static_cast<std::size_t>(k)];
    return p;
  }
  Index size() const { return x_.rows; }
  Index dimension() const { return x_.cols; }

 private:
  MatrixView<const T> x_;
  Coordinates centre_{};
};

struct FrameElement {
  std::array<Coordinates, 3> axes;
  double weight;
};

double share(double part, double sum, Index parts) { return sum > 0 ? part / sum : 1 / static_cast<double>(parts); }

// The elements that begin with point i, in order; `first` is the weight of that point.
template <class T>
void elements_from(const CloudPoints<T>& x, Index i, double first, FunctionRef<void(const FrameElement&)> visit) {
  const Coordinates u = direction(x[i], {1, 0, 0});
  if (x.dimension() == 2) return visit({{u, {-u[1], u[0], 0}, {0, 0, 1}}, first});
  double sum = 0;
  for (Index j = 0; j < x.size(); ++j) {
    const Coordinates v = across(x[j], u);
    if (j != i) sum += dot(v, v);
  }
  for (Index j = 0; j < x.size(); ++j) {
    if (j == i) continue;
    const Coordinates v = across(x[j], u), once = direction(v, any_across(u));
    const Coordinates w = direction(across(once, u), any_across(u));  // twice: across u to the last digits
    visit({{u, w, cross(u, w)}, first * share(dot(v, v), sum, x.size() - 1)});
  }
}

template <class T>
void all_elements(const CloudPoints<T>& x, FunctionRef<void(const FrameElement&)> visit) {
  double sum = 0;
  for (Index i = 0; i < x.size(); ++i) sum += dot(x[i], x[i]);
  for (Index i = 0; i < x.size(); ++i) elements_from(x, i, share(dot(x[i], x[i]), sum, x.size()), visit);
}

// (x_0 U, x_1 U, ..), with the last axis reversed where `mirrored`.
template <class T>
void write_form(const CloudPoints<T>& x, const FrameElement& element, bool mirrored, T* row) {
  const Index d = x.dimension();
  for (Index i = 0; i < x.size(); ++i) {
    const Coordinates p = x[i];
    for (Index k = 0; k < d; ++k) {
      const double z = dot(p, element.axes[static_cast<std::size_t>(k)]);
      row[i * d + k] = static_cast<T>(mirrored && k == d - 1 ? -z : z);
    }
  }
}

}  // namespace

template <class T>
WeightedFrame<T> weighted_frame(Tensor<T> x, PointGroup group) {
  check_examples("weighted_frame", x);
  const Index n = x.shape().points, d = x.shape().channels;
  require<ShapeError>((d == 2 || d == 3) && n >= 2, "weighted_frame: x is ", to_string(x.shape()),
                      "; it must be [b, n, 2] or [b, n, 3] with n >= 2");
  require<ShapeError>(!x.program().needs_gradient(x),
                      "weighted_frame: x depends on parameters, and no gradient flows to it; give it an input");
  const Index copies = has_reflections(group) ? 2 : 1, elements = weighted_elements(group, n, d);
  const auto points = [=](const Call<T>& call, Index e) {
    return CloudPoints<T>({call.in(0).row(e * n), n, d, call.in(0).stride}, has_translations(group));
  };
  const Tensor<T> forms = x.program().record({
      .name = "weighted_frame_forms",
      .inputs = {x},
      .shape = {x.shape().examples, elements, n * d},
      .forward =
          [=](const Call<T>& call) {
            Index row = 0;
            for (Index e = 0; e < call.examples(); ++e) {
              const CloudPoints<T> cloud = points(call, e);
              all_elements(cloud, [&](const FrameElement& element) {
                for (Index k = 0; k < copies; ++k) write_form(cloud, element, k == 1, call.out().row(row++));
              });
            }
          },
      .backward = {},
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
  const Tensor<T> weights = x.program().record({
      .name = "weighted_frame_weights",
      .inputs = {x},
      .shape = {x.shape().examples, elements, 1},
      .forward =
          [=](const Call<T>& call) {
            Index row = 0;
            for (Index e = 0; e < call.examples(); ++e)
              all_elements(points(call, e), [&](const FrameElement& element) {
                for (Index k = 0; k < copies; ++k)
                  call.out()(row++, 0) = static_cast<T>(element.weight / static_cast<double>(copies));
              });
          },
      .backward = {},
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
  return {forms, weights};
}

template <class T>
Tensor<T> weighted_sum(Tensor<T> y, Tensor<T> w) {
  check_same_points("weighted_sum", y, w);
  require<ShapeError>(w.shape().channels == 1, "weighted_sum: weights are ", to_string(w.shape()),
                      "; they must be [b, m, 1]");
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
