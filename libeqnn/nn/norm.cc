// Each operation and its gradient stand side by side, in one function.

#include "norm.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace eqnn {
namespace {

template <class T>
void check_vector(const char* name, Tensor<T> x, Tensor<T> v) {
  require<ShapeError>(v.shape() == Shape{Shape::kShared, 1, x.shape().channels}, name, ": x is ",
                      to_string(x.shape()), " and a parameter is ", to_string(v.shape()),
                      "; it must have one entry a channel");
}

void check_epsilon(const char* name, double epsilon) {
  require(epsilon > 0 && std::isfinite(epsilon), name, ": epsilon is ", epsilon,
          "; it must be positive and finite");
}

template <class T>
void layer_norm_forward(const Call<T>& call, T epsilon) {
  const MatrixView<const T> x = call.in(0), gain = call.in(1), bias = call.in(2);
  const MatrixView<T> y = call.out();
  const T unit = T(1) / static_cast<T>(x.cols);
  T* saved = call.scratch().data() + 2 * call.first_row();  // mean and 1 / deviation of each row
  for (Index i = 0; i < x.rows; ++i) {
    T mean = 0, variance = 0;
    for (Index j = 0; j < x.cols; ++j) mean += x(i, j);
    mean *= unit;
    for (Index j = 0; j < x.cols; ++j) variance += (x(i, j) - mean) * (x(i, j) - mean);
    const T inverse = 1 / std::sqrt(variance * unit + epsilon);
    for (Index j = 0; j < x.cols; ++j) y(i, j) = (x(i, j) - mean) * inverse * gain(0, j) + bias(0, j);
    saved[2 * i] = mean;
    saved[2 * i + 1] = inverse;
  }
  clear_padding(y);
}

// With z = (x - mean) / deviation and h = dy gain: dx = (h - mean(h) - z mean(h z)) / deviation.
template <class T>
void layer_norm_backward(const Call<T>& call) {
  const MatrixView<const T> x = call.in(0), gain = call.in(1), dy = call.out_gradient();
  const MatrixView<T> dx = call.in_gradient(0), dgain = call.in_gradient(1), dbias = call.in_gradient(2);
  const T unit = T(1) / static_cast<T>(x.cols);
  const T* saved = call.scratch().data() + 2 * call.first_row();
  for (int k = 1; k <= 2; ++k)
    if (const MatrixView<T> v = call.in_gradient(k); v && !call.accumulate(k)) std::fill_n(v.data, v.stride, T(0));
  for (Index i = 0; i < x.rows; ++i) {
    const T mean = saved[2 * i], inverse = saved[2 * i + 1];
    T mean_h = 0, mean_hz = 0;
    for (Index j = 0; j < x.cols; ++j) {
      const T z = (x(i, j) - mean) * inverse, h = dy(i, j) * gain(0, j);
      mean_h += h * unit;
      mean_hz += h * z * unit;
      if (dgain) dgain(0, j) += dy(i, j) * z;
      if (dbias) dbias(0, j) += dy(i, j);
    }
    if (!dx) continue;
    for (Index j = 0; j < x.cols; ++j) {
      const T z = (x(i, j) - mean) * inverse, d = (dy(i, j) * gain(0, j) - mean_h - z * mean_hz) * inverse;
      dx(i, j) = call.accumulate(0) ? dx(i, j) + d : d;
    }
  }
  if (dx && !call.accumulate(0)) clear_padding(dx);
}

// Runs of rows that are normalised together: the points of an example, or the nodes of a graph.
struct Segments {
  Index points = 0;  // > 0: runs of so many rows
  GraphInput graph;

  template <class T>
  std::pair<Index, Index> run(const Call<T>& call, Index i) const {
    if (points > 0) return {i * points, (i + 1) * points};
    const std::int32_t* starts = call.graph(graph).starts();
    return {starts[i], starts[i + 1]};
  }
};

// Scratch: mean and 1 / deviation of each channel of each run.
template <class T>
void graph_norm_forward(const Call<T>& call, const Segments& segments, T epsilon) {
  const MatrixView<const T> x = call.in(0), gain = call.in(1), bias = call.in(2), shift = call.in(3);
  const MatrixView<T> y = call.out();
  for (Index e = 0; e < call.examples(); ++e) {
    const auto [first, last] = segments.run(call, e);
    const T unit = T(1) / static_cast<T>(std::max<Index>(1, last - first));
    T* mean = call.scratch().data() + 2 * e * x.stride;
    T* inverse = mean + x.stride;
    std::fill(mean, mean + 2 * x.stride, T(0));
    for (Index i = first; i < last; ++i)
      for (Index j = 0; j < x.cols; ++j) mean[j] += x(i, j) * unit;
    for (Index i = first; i < last; ++i)
      for (Index j = 0; j < x.cols; ++j) {
        const T o = x(i, j) - shift(0, j) * mean[j];
        inverse[j] += o * o * unit;
      }
    for (Index j = 0; j < x.cols; ++j) inverse[j] = 1 / std::sqrt(inverse[j] + epsilon);
    for (Index i = first; i < last; ++i)
      for (Index j = 0; j < x.cols; ++j)
        y(i, j) = (x(i, j) - shift(0, j) * mean[j]) * inverse[j] * gain(0, j) + bias(0, j);
  }
  clear_padding(y);
}

// With o = x - shift mean and r = 1 / deviation: do = r h - o r^3 mean(h o), h = dy gain; dx = do - shift mean(do);
// d shift = -mean sum(do).
template <class T>
void graph_norm_backward(const Call<T>& call, const Segments& segments) {
  const MatrixView<const T> x = call.in(0), gain = call.in(1), shift = call.in(3), dy = call.out_gradient();
  const MatrixView<T> dx = call.in_gradient(0), dgain = call.in_gradient(1), dbias = call.in_gradient(2),
                      dshift = call.in_gradient(3);
  for (int k = 1; k <= 3; ++k)
    if (const MatrixView<T> v = call.in_gradient(k); v && !call.accumulate(k)) std::fill_n(v.data, v.stride, T(0));
  for (Index e = 0; e < call.examples(); ++e) {
    const auto [first, last] = segments.run(call, e);
    const T unit = T(1) / static_cast<T>(std::max<Index>(1, last - first));
    const T* mean = call.scratch().data() + 2 * e * x.stride;
    const T* inverse = mean + x.stride;
    for (Index j = 0; j < x.cols; ++j) {
      const T r = inverse[j];
      T sum_dy = 0, sum_dyo = 0, sum_o = 0;
      for (Index i = first; i < last; ++i) {
        const T o = x(i, j) - shift(0, j) * mean[j];
        sum_dy += dy(i, j);
        sum_dyo += dy(i, j) * o;
        sum_o += o;
      }
      if (dgain) dgain(0, j) += sum_dyo * r;
      if (dbias) dbias(0, j) += sum_dy;
      const T slope = r * r * r * gain(0, j) * sum_dyo * unit, sum_do = r * gain(0, j) * sum_dy - sum_o * slope;
      if (dshift) dshift(0, j) -= mean[j] * sum_do;
      if (!dx) continue;
      for (Index i = first; i < last; ++i) {
        const T o = x(i, j) - shift(0, j) * mean[j];
        const T d = r * gain(0, j) * dy(i, j) - o * slope - shift(0, j) * sum_do * unit;
        dx(i, j) = call.accumulate(0) ? dx(i, j) + d : d;
      }
    }
  }
  if (dx && !call.accumulate(0)) clear_padding(dx);
}

template <class T>
Tensor<T> record_graph_norm(Tensor<T> x, const Segments& segments, Tensor<T> gain, Tensor<T> bias, Tensor<T> shift,
                            double epsilon) {
  for (Tensor<T> v : {gain, bias, shift}) check_vector("graph_norm", x, v);
  check_epsilon("graph_norm", epsilon);
  const T eps = static_cast<T>(epsilon);
  return x.program().record({
      .name = "graph_norm",
      .inputs = {x, gain, bias, shift},
      .shape = x.shape(),
      .forward = [=](const Call<T>& call) { graph_norm_forward(call, segments, eps); },
      .backward = [=](const Call<T>& call) { graph_norm_backward(call, segments); },
      .backward_reads_output = false,
      .overwrites = true,
      .scratch = x.program().capacity() * 2 * padded<T>(x.shape().channels),
      .numbers = {epsilon},
  });
}

}  // namespace

template <class T>
Tensor<T> layer_norm(Tensor<T> x, Tensor<T> gain, Tensor<T> bias, double epsilon) {
  check_vector("layer_norm", x, gain);
  check_vector("layer_norm", x, bias);
  check_epsilon("layer_norm", epsilon);
  const Shape& s = x.shape();
  check_examples("layer_norm", x);
  const T eps = static_cast<T>(epsilon);
  return x.program().record({
      .name = "layer_norm",
      .inputs = {x, gain, bias},
      .shape = s,
      .forward = [eps](const Call<T>& call) { layer_norm_forward(call, eps); },
      .backward = [](const Call<T>& call) { layer_norm_backward(call); },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
      .scratch = x.program().capacity(Extent{s.examples}) * s.points * 2,
      .numbers = {epsilon},
  });
}

template <class T>
Tensor<T> graph_norm(Tensor<T> x, Tensor<T> gain, Tensor<T> bias, Tensor<T> shift, double epsilon) {
  require<ShapeError>(x.shape().examples == Shape::kCapacity, "graph_norm: x is ", to_string(x.shape()),
                      "; [b, n, c] is needed");
  return record_graph_norm(x, {x.shape().points, {}}, gain, bias, shift, epsilon);
}

template <class T>
Tensor<T> graph_norm(Tensor<T> x, GraphInput graph, Tensor<T> gain, Tensor<T> bias, Tensor<T> shift,
                     double epsilon) {
  require<ShapeError>(
      x.shape().examples == graph.nodes.id && graph.nodes.id != Shape::kCapacity && x.shape().points == 1,
      "graph_norm: x is ", to_string(x.shape()), "; one row for each node of a batch of graphs is needed");
  return record_graph_norm(x, {0, graph}, gain, bias, shift, epsilon);
}

#define EQNN_INSTANTIATE(T)                                                          \
  template Tensor<T> layer_norm(Tensor<T>, Tensor<T>, Tensor<T>, double);            \
  template Tensor<T> graph_norm(Tensor<T>, Tensor<T>, Tensor<T>, Tensor<T>, double); \
  template Tensor<T> graph_norm(Tensor<T>, GraphInput, Tensor<T>, Tensor<T>, Tensor<T>, double);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
