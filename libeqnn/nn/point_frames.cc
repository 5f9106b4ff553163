#include "point_frames.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "../core/function_ref.h"

namespace eqnn {
namespace {

using Square = std::array<double, 9>;  // d x d, rows 3 apart

// Cyclic Jacobi: rotates `a` to diagonal form and applies the rotations to the columns of `v`. Converges
// quadratically; 4 or 5 sweeps are usual, and the bound only matters for matrices that are not finite.
void jacobi(std::size_t d, Square& a, Square& v) {
  const auto at = [](std::size_t i, std::size_t j) { return 3 * i + j; };
  for (int sweep = 0; sweep < 20; ++sweep) {
    double off = 0, trace = 0;
    for (std::size_t p = 0; p < d; ++p) {
      trace += std::abs(a[at(p, p)]);
      for (std::size_t q = p + 1; q < d; ++q) off += std::abs(a[at(p, q)]);
    }
    if (!(off > 1e-22 * trace)) return;
    for (std::size_t p = 0; p < d; ++p)
      for (std::size_t q = p + 1; q < d; ++q) {
        if (a[at(p, q)] == 0) continue;
        const double theta = (a[at(q, q)] - a[at(p, p)]) / (2 * a[at(p, q)]);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (std::size_t k = 0; k < d; ++k) {
          const double x = a[at(k, p)], y = a[at(k, q)];
          a[at(k, p)] = c * x - s * y;
          a[at(k, q)] = s * x + c * y;
        }
        for (std::size_t k = 0; k < d; ++k) {
          const double x = a[at(p, k)], y = a[at(q, k)];
          a[at(p, k)] = c * x - s * y;
          a[at(q, k)] = s * x + c * y;
          const double vx = v[at(k, p)], vy = v[at(k, q)];
          v[at(k, p)] = c * vx - s * vy;
          v[at(k, q)] = s * vx + c * vy;
        }
        a[at(p, q)] = a[at(q, p)] = 0;
      }
  }
}

double determinant(std::size_t d, const Square& u) {
  if (d == 2) return u[0] * u[4] - u[1] * u[3];
  return u[0] * (u[4] * u[8] - u[5] * u[7]) - u[1] * (u[3] * u[8] - u[5] * u[6]) +
         u[2] * (u[3] * u[7] - u[4] * u[6]);
}

// Eigenvalues descending, and a proper rotation of eigenvectors.
void sorted_axes(std::size_t d, const Square& diagonal, const Square& v, Pca& r) {
  std::array<std::size_t, 3> order = {0, 1, 2};
  for (std::size_t i = 1; i < d; ++i)  // insertion: equal eigenvalues keep their order
    for (std::size_t k = i; k > 0 && diagonal[4 * order[k]] > diagonal[4 * order[k - 1]]; --k)
      std::swap(order[k], order[k - 1]);
  for (std::size_t k = 0; k < d; ++k) {
    r.eigenvalues[k] = std::max(0.0, diagonal[4 * order[k]]);
    for (std::size_t i = 0; i < d; ++i) r.axes[3 * i + k] = v[3 * i + order[k]];
  }
  if (determinant(d, r.axes) < 0)
    for (std::size_t i = 0; i < d; ++i) r.axes[3 * i + d - 1] = -r.axes[3 * i + d - 1];
}

void check_cloud(const char* name, Index points, Index d, double min_gap) {
  require<ShapeError>((d == 2 || d == 3) && points >= d, name, ": a cloud of ", points, " points in ", d,
                      " dimensions; its axes need 2 or 3 dimensions, and at least as many points");
  require(min_gap > 0 && min_gap < 1, name, ": the smallest eigenvalue gap is ", min_gap,
          "; it is relative to the largest eigenvalue, between 0 and 1 (default 0.001)");
}

// Second moments of the points around r.centre; returns the mean of |x|^2, around zero.
template <class T>
double moments(MatrixView<const T> x, bool centred, Pca& r, Square& c) {
  const auto d = static_cast<std::size_t>(x.cols);
  const double n = static_cast<double>(x.rows);
  double size = 0;
  for (Index i = 0; i < x.rows; ++i)
    for (std::size_t j = 0; j < d; ++j) {
      const double v = static_cast<double>(x.row(i)[j]);
      size += v * v / n;
      if (centred) r.centre[j] += v / n;
    }
  for (Index i = 0; i < x.rows; ++i)
    for (std::size_t j = 0; j < d; ++j)
      for (std::size_t k = 0; k < d; ++k)
        c[3 * j + k] +=
            (static_cast<double>(x.row(i)[j]) - r.centre[j]) * (static_cast<double>(x.row(i)[k]) - r.centre[k]) / n;
  return size;
}

// The last row of a frame's value; the first d hold the axes, the next the centre.
constexpr Index flag_row(Index d) { return d + 1; }

template <class T>
void store_frame(const Pca& r, MatrixView<T> out, T* inverse_gaps) {
  const Index d = out.cols;
  for (Index i = 0; i < d; ++i) {
    for (Index k = 0; k < d; ++k) out(i, k) = static_cast<T>(r.axes[3 * i + k]);
    out(d, i) = static_cast<T>(r.centre[i]);
    out(flag_row(d), i) = T(0);
  }
  out(flag_row(d), 0) = r.defined ? T(1) : T(0);
  out(flag_row(d), 1) = static_cast<T>(r.gap);
  // 1 / (l_k - l_m) of axes k < m at place k + m - 1; what backward needs, in full precision.
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t m = k + 1; m < static_cast<std::size_t>(d); ++m)
      inverse_gaps[k + m - 1] = r.defined ? static_cast<T>(1 / (r.eigenvalues[k] - r.eigenvalues[m])) : T(0);
}

// The gradient of the axes, from change(u_k) = sum_{m != k} u_m (u_m^T change(C) u_k) / (l_k - l_m):
//   dx_i += (1/n) sum_{k < m} (u_m.du_k - u_k.du_m) / (l_k - l_m) (u_k u_m^T + u_m u_k^T) (x_i - t)  + dt / n.
// The first term sums to zero over i, so the dependence of C on t adds nothing.
template <class T>
void frame_backward(MatrixView<const T> x, MatrixView<const T> u, MatrixView<const T> du, const T* inverse_gaps,
                    bool centred, MatrixView<T> dx) {
  const Index d = x.cols;
  const T unit = static_cast<T>(1.0 / static_cast<double>(x.rows));
  T matrix[9] = {};
  for (Index k = 0; k < d; ++k)
    for (Index m = k + 1; m < d; ++m) {
      T inner = 0;
      for (Index i = 0; i < d; ++i) inner += u(i, m) * du(i, k) - u(i, k) * du(i, m);
      const T weight = inner * inverse_gaps[k + m - 1] * unit;
      for (Index i = 0; i < d; ++i)
        for (Index j = 0; j < d; ++j) matrix[3 * i + j] += weight * (u(i, k) * u(j, m) + u(i, m) * u(j, k));
    }
  for (Index p = 0; p < x.rows; ++p)
    for (Index i = 0; i < d; ++i) {
      T sum = centred ? unit * du(d, i) : T(0);
      for (Index j = 0; j < d; ++j) sum += matrix[3 * i + j] * (x(p, j) - u(d, j));
      dx(p, i) += sum;
    }
}

template <class T>
void check_frame(const char* name, Tensor<T> x, const PcaFrame<T>& frame) {
  const Shape &s = x.shape(), &f = frame.value.shape();
  require<ShapeError>(s.channels == f.channels && s.examples == f.examples, name, ": x is ", to_string(s),
                      " and the frame ", to_string(f), "; x must be [b, n, d] for a frame of [b, d + 2, d]");
}

template <class T>
std::array<T, 3> signs_as(PointGroup group, Index d, Index k) {
  const std::array<double, 3> s = pca_signs(group, d, k);
  return {static_cast<T>(s[0]), static_cast<T>(s[1]), static_cast<T>(s[2])};
}

// (1/m) sum_k y_k f_k, where f_k has a factor for channel j in factors[k * cycle + j % cycle].
template <class T>
Tensor<T> weighted_average(const char* name, const std::vector<Tensor<T>>& values, std::vector<T> factors,
                           Index cycle) {
  require<ShapeError>(!values.empty(), name, ": there are no values; an average needs at least one");
  for (const Tensor<T>& v : values)
    require<ShapeError>(v.shape() == values[0].shape(), name, ": shapes ", to_string(values[0].shape()), " and ",
                        to_string(v.shape()), " differ; they must be equal");
  for (T& f : factors) f /= static_cast<T>(values.size());
  const Index count = static_cast<Index>(values.size());
  const auto weights = [factors = std::move(factors), cycle](Index k) {
    return [w = factors.data() + k * cycle, cycle](Index j) { return w[j % cycle]; };
  };
  return values[0].program().record({
      .name = name,
      .inputs = values,
      .shape = values[0].shape(),
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<T> out = call.out();
            for (Index k = 0; k < count; ++k) {
              const MatrixView<const T> in = call.in(static_cast<int>(k));
              const auto weight = weights(k);
              for (Index i = 0; i < out.rows; ++i)
                for (Index j = 0; j < out.cols; ++j) out(i, j) = weight(j) * in(i, j) + (k == 0 ? T(0) : out(i, j));
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> dout = call.out_gradient();
            for (Index k = 0; k < count; ++k) {
              const MatrixView<T> din = call.in_gradient(static_cast<int>(k));
              const auto weight = weights(k);
              for (Index i = 0; din && i < dout.rows; ++i)
                for (Index j = 0; j < dout.cols; ++j) din(i, j) += weight(j) * dout(i, j);
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
}

}  // namespace

template <class T>
Pca pca(MatrixView<const T> x, PointGroup group, double min_gap) {
  check_cloud("pca", x.rows, x.cols, min_gap);
  const auto d = static_cast<std::size_t>(x.cols);
  Pca r;
  Square c{}, v = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  const double size = moments(x, has_translations(group), r, c);
  // A sum of finite moments tells whether all of them are; Jacobi rotations of NaN would spoil the axes.
  if (!std::isfinite(size)) {
    r.axes = v;
    return r;
  }
  jacobi(d, c, v);
  sorted_axes(d, c, v, r);
  const double rounding = 64 * static_cast<double>(std::numeric_limits<T>::epsilon());
  if (!(r.eigenvalues[0] > rounding * rounding * size)) return r;
  r.gap = 1;
  for (std::size_t k = 0; k + 1 < d; ++k)
    r.gap = std::min(r.gap, (r.eigenvalues[k] - r.eigenvalues[k + 1]) / r.eigenvalues[0]);
  r.defined = r.gap >= min_gap;
  return r;
}

std::array<double, 3> pca_signs(PointGroup group, Index d, Index k) {
  std::array<double, 3> s = {1, 1, 1};
  for (Index i = 0; i < d; ++i)
    if (k >> i & 1) s[i] = -1;
  if (!has_reflections(group)) s[d - 1] = d == 2 ? s[0] : s[0] * s[1];
  return s;
}

template <class T>
void pca_form(const Pca& frame, PointGroup group, Index k, MatrixView<const T> x, MatrixView<T> y) {
  const auto d = static_cast<std::size_t>(x.cols);
  const std::array<double, 3> signs = pca_signs(group, x.cols, k);
  for (Index p = 0; p < x.rows; ++p) {
    std::array<double, 3> z{};
    for (std::size_t a = 0; a < d; ++a)
      for (std::size_t i = 0; i < d; ++i)
        z[a] += (static_cast<double>(x.row(p)[i]) - frame.centre[i]) * frame.axes[3 * i + a];
    for (std::size_t a = 0; a < d; ++a) y.row(p)[a] = static_cast<T>(signs[a] * z[a]);
  }
}

namespace {

// Gives the axes the signs of canonical_frame. An axis along which all is rounding keeps its sign: none shows.
// along(p, k) is coordinate k of point p in the axes.
void choose_signs(Index points, std::size_t d, FunctionRef<double(Index, std::size_t)> along, bool reflections,
                  double min_gap, double rounding, Pca& r) {
  double product = 1, size = 0;
  for (std::size_t k = 0; k < d; ++k) {
    double high = 0, low = 0;
    for (Index p = 0; p < points; ++p) {
      const double z = along(p, k);
      high = std::max(high, z);
      low = std::max(low, -z);
    }
    const double largest = std::max(high, low);
    size = std::max(size, largest);
    const bool ruled = k < d - 1 || reflections, shows = largest > rounding * size;
    if (ruled && shows && std::abs(high - low) < min_gap * largest) r.defined = false;
    const double sign = ruled ? (low > high ? -1 : 1) : product;
    product *= sign;
    for (std::size_t i = 0; i < d; ++i) r.axes[3 * i + k] *= sign;
  }
}

// The frame of one cloud.
template <class T>
Pca canonical_pca(MatrixView<const T> x, PointGroup group, double min_gap) {
  Pca r = pca(x, group, min_gap);
  const auto d = static_cast<std::size_t>(x.cols);
  const auto along = [&](Index p, std::size_t k) {
    double z = 0;
    for (std::size_t i = 0; i < d; ++i) z += (static_cast<double>(x.row(p)[i]) - r.centre[i]) * r.axes[3 * i + k];
    return z;
  };
  choose_signs(x.rows, d, along, has_reflections(group), min_gap,
               64 * static_cast<double>(std::numeric_limits<T>::epsilon()), r);
  return r;
}

// Recording is cold: it runs once, and its code is kept small.
template <class T>
[[gnu::cold]] PcaFrame<T> record_frame(const char* name, Tensor<T> x, PointGroup group, double min_gap,
                                       bool canonical) {
  check_examples(name, x);
  const Index n = x.shape().points, d = x.shape().channels;
  check_cloud(name, n, d, min_gap);
  const Tensor<T> value = x.program().record({
      .name = name,
      .inputs = {x},
      .shape = {x.shape().examples, d + 2, d},
      .forward =
          [=](const Call<T>& call) {
            for (Index e = 0; e < call.examples(); ++e) {
              const MatrixView<const T> cloud = example_rows(call.in(0), e, n);
              store_frame(canonical ? canonical_pca(cloud, group, min_gap) : pca(cloud, group, min_gap),
                          example_rows(call.out(), e, d + 2), call.scratch().data() + 3 * e);
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> dframe = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index e = 0; dx && e < call.examples(); ++e)
              frame_backward<T>(example_rows(call.in(0), e, n), example_rows(call.out(), e, d + 2),
                                example_rows(dframe, e, d + 2), call.scratch().data() + 3 * e,
                                has_translations(group), example_rows(dx, e, n));
          },
      .scratch = x.program().capacity() * 3,
  });
  return {value, group};
}

}  // namespace

template <class T>
PcaFrame<T> pca_frame(Tensor<T> x, PointGroup group, double min_gap) {
  return record_frame("pca_frame", x, group, min_gap, false);
}

template <class T>
PcaFrame<T> canonical_frame(Tensor<T> x, PointGroup group, double min_gap) {
  return record_frame("canonical_frame", x, group, min_gap, true);
}

template <class T>
Index undefined_frames(Block<const T> frame) {
  Index count = 0;
  for (Index e = 0; e < frame.examples; ++e) count += frame(e, flag_row(frame.channels), 0) != T(1);
  return count;
}

template <class T>
Tensor<T> to_axes(Tensor<T> x, const PcaFrame<T>& frame) {
  check_frame("to_axes", x, frame);
  const Index n = x.shape().points, d = x.shape().channels;
  return x.program().record({
      .name = "to_axes",
      .inputs = {x, frame.value},
      .shape = x.shape(),
      .forward =
          [=](const Call<T>& call) {
            for (Index p = 0; p < call.out().rows; ++p) {
              const MatrixView<const T> u = example_rows(call.in(1), p / n, d + 2);
              for (Index k = 0; k < d; ++k) {
                T sum = 0;
                for (Index i = 0; i < d; ++i) sum += (call.in(0)(p, i) - u(d, i)) * u(i, k);
                call.out()(p, k) = sum;
              }
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> x0 = call.in(0), dz = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0), all = call.in_gradient(1);
            for (Index p = 0; p < dz.rows; ++p) {
              const MatrixView<const T> u = example_rows(call.in(1), p / n, d + 2);
              const MatrixView<T> du = all ? example_rows(all, p / n, d + 2) : MatrixView<T>{};
              for (Index i = 0; i < d; ++i) {
                T back = 0;
                for (Index k = 0; k < d; ++k) {
                  back += u(i, k) * dz(p, k);
                  if (du) du(i, k) += (x0(p, i) - u(d, i)) * dz(p, k);
                }
                if (dx) dx(p, i) += back;
                if (du) du(d, i) -= back;
              }
            }
          },
      .backward_reads_output = false,
  });
}

template <class T>
Tensor<T> from_axes(Tensor<T> w, const PcaFrame<T>& frame, Equivariant kind) {
  check_frame("from_axes", w, frame);
  const Index n = w.shape().points, d = w.shape().channels;
  const bool moved = kind == Equivariant::positions;
  return w.program().record({
      .name = "from_axes",
      .inputs = {w, frame.value},
      .shape = w.shape(),
      .forward =
          [=](const Call<T>& call) {
            for (Index p = 0; p < call.out().rows; ++p) {
              const MatrixView<const T> u = example_rows(call.in(1), p / n, d + 2);
              for (Index i = 0; i < d; ++i) {
                T sum = moved ? u(d, i) : T(0);
                for (Index k = 0; k < d; ++k) sum += call.in(0)(p, k) * u(i, k);
                call.out()(p, i) = sum;
              }
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> w0 = call.in(0), dv = call.out_gradient();
            const MatrixView<T> dw = call.in_gradient(0), all = call.in_gradient(1);
            for (Index p = 0; p < dv.rows; ++p) {
              const MatrixView<const T> u = example_rows(call.in(1), p / n, d + 2);
              const MatrixView<T> du = all ? example_rows(all, p / n, d + 2) : MatrixView<T>{};
              for (Index i = 0; i < d; ++i) {
                for (Index k = 0; k < d; ++k) {
                  if (dw) dw(p, k) += u(i, k) * dv(p, i);
                  if (du) du(i, k) += w0(p, k) * dv(p, i);
                }
                if (du && moved) du(d, i) += dv(p, i);
              }
            }
          },
      .backward_reads_output = false,
  });
}

template <class T>
Tensor<T> frame_element(Tensor<T> z, const PcaFrame<T>& frame, Index k) {
  check_frame("frame_element", z, frame);
  require(k >= 0 && k < frame.size(), "frame_element: element ", k, " of a frame of ", frame.size(),
          "; elements are numbered from 0");
  const std::array<T, 3> signs = signs_as<T>(frame.group, frame.dimension(), k);
  const auto flip = [signs](MatrixView<const T> from, MatrixView<T> to, bool accumulate) {
    for (Index i = 0; to && i < from.rows; ++i)
      for (Index j = 0; j < from.cols; ++j) to(i, j) = signs[j] * from(i, j) + (accumulate ? to(i, j) : T(0));
  };
  return z.program().record({
      .name = "frame_element",
      .inputs = {z},
      .shape = z.shape(),
      .forward = [flip](const Call<T>& call) { flip(call.in(0), call.out(), false); },
      .backward = [flip](const Call<T>& call) { flip(call.out_gradient(), call.in_gradient(0), true); },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
}

template <class T>
Tensor<T> frame_points(Tensor<T> z, const PcaFrame<T>& frame) {
  check_frame("frame_points", z, frame);
  const Index n = z.shape().points, d = frame.dimension(), count = frame.size();
  const PointGroup group = frame.group;
  return z.program().record({
      .name = "frame_points",
      .inputs = {z},
      .shape = {z.shape().examples, count, n * d},
      .forward =
          [=](const Call<T>& call) {
            for (Index k = 0; k < count; ++k) {
              const std::array<T, 3> signs = signs_as<T>(group, d, k);
              for (Index p = 0; p < call.in(0).rows; ++p)
                for (Index j = 0; j < d; ++j)
                  call.out()(p / n * count + k, p % n * d + j) = signs[j] * call.in(0)(p, j);
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dz = call.in_gradient(0);
            for (Index k = 0; dz && k < count; ++k) {
              const std::array<T, 3> signs = signs_as<T>(group, d, k);
              for (Index p = 0; p < dz.rows; ++p)
                for (Index j = 0; j < d; ++j) dz(p, j) += signs[j] * dy(p / n * count + k, p % n * d + j);
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
}

template <class T>
Tensor<T> average(const std::vector<Tensor<T>>& values) {
  return weighted_average("average", values, std::vector<T>(values.size(), T(1)), 1);
}

template <class T>
Tensor<T> average_elements(const std::vector<Tensor<T>>& values, const PcaFrame<T>& frame) {
  require<ShapeError>(static_cast<Index>(values.size()) == frame.size(), "average_elements: ", values.size(),
                      " values for a frame of ", frame.size(), " elements; give one for each element");
  check_frame("average_elements", values[0], frame);
  std::vector<T> factors;
  const Index d = frame.dimension();
  for (Index k = 0; k < frame.size(); ++k) {
    const std::array<T, 3> signs = signs_as<T>(frame.group, d, k);
    factors.insert(factors.end(), signs.begin(), signs.begin() + d);
  }
  return weighted_average("average_elements", values, std::move(factors), d);
}

#define EQNN_INSTANTIATE(T)                                                                  \
  template Pca pca(MatrixView<const T>, PointGroup, double);                                 \
  template void pca_form(const Pca&, PointGroup, Index, MatrixView<const T>, MatrixView<T>); \
  template PcaFrame<T> pca_frame(Tensor<T>, PointGroup, double);                             \
  template PcaFrame<T> canonical_frame(Tensor<T>, PointGroup, double);                       \
  template Index undefined_frames(Block<const T>);                                           \
  template Tensor<T> to_axes(Tensor<T>, const PcaFrame<T>&);                                 \
  template Tensor<T> from_axes(Tensor<T>, const PcaFrame<T>&, Equivariant);                  \
  template Tensor<T> frame_element(Tensor<T>, const PcaFrame<T>&, Index);                    \
  template Tensor<T> frame_points(Tensor<T>, const PcaFrame<T>&);                            \
  template Tensor<T> average(const std::vector<Tensor<T>>&);                                 \
  template Tensor<T> average_elements(const std::vector<Tensor<T>>&, const PcaFrame<T>&);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
