// Each operation and its gradient stand side by side, in one function.

#include "loss.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "../kernels/kernels.h"
#include "elementwise.h"
#include "points.h"
#include "sparse_graphs.h"

namespace eqnn {
namespace {

// sum_j (a_ij - b_ij)^2 of rows i, .., i + R - 1, each in the order of j: sums side by side do not wait for each
// other.
template <int R, class T>
void squared_distances(MatrixView<const T> a, MatrixView<const T> b, Index i, T* sums) {
  std::fill(sums, sums + R, T(0));
  for (Index j = 0; j < a.cols; ++j)
    for (int r = 0; r < R; ++r) {
      const T d = a(i + r, j) - b(i + r, j);
      sums[r] += d * d;
    }
}

}  // namespace

template <class T>
Tensor<T> squared_error(Tensor<T> f, Tensor<T> y) {
  check_same_shape("squared_error", f, y);
  check_examples("squared_error", f);
  const Index points = f.shape().points, channels = f.shape().channels;
  const T unit = static_cast<T>(1.0 / static_cast<double>(points * channels));
  return f.program().record({
      .name = "squared_error",
      .inputs = {f, y},
      .shape = {f.shape().examples, 1, 1},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1);
            const MatrixView<T> out = call.out();
            std::fill(out.data, out.data + out.rows * out.stride, T(0));
            constexpr int kAtOnce = 8;
            const Index together = points == 1 ? out.rows / kAtOnce * kAtOnce : 0;
            T sums[kAtOnce];
            for (Index e = 0; e < together; e += kAtOnce) {
              squared_distances<kAtOnce>(a, b, e, sums);
              for (int r = 0; r < kAtOnce; ++r) out(e + r, 0) = sums[r] * unit;
            }
            for (Index e = together; e < out.rows; ++e) {
              T sum = 0;
              for (Index i = e * points; i < (e + 1) * points; ++i)
                for (Index j = 0; j < channels; ++j) sum += (a(i, j) - b(i, j)) * (a(i, j) - b(i, j));
              out(e, 0) = sum * unit;
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1);
            const MatrixView<T> da = call.in_gradient(0);
            if (!da) return;
            for (Index i = 0; i < a.rows; ++i) {
              const T weight = 2 * unit * call.out_gradient()(i / points, 0);
              kernels::scaled_difference(channels, weight, a.row(i), b.row(i), da.row(i), call.accumulate(0));
            }
            if (!call.accumulate(0)) clear_padding(da);
          },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = points == 1,
      .differentiable = 0b01,
  });
}

namespace {

// loss_i = mean over points and channels of value(f, y), with the derivative slope(f, y) in f.
template <class T, class Value, class Slope>
Tensor<T> mean_of_elements(const char* name, Tensor<T> f, Tensor<T> y, Value value, Slope slope) {
  check_same_shape(name, f, y);
  check_examples(name, f);
  const Index points = f.shape().points, channels = f.shape().channels;
  const T unit = static_cast<T>(1.0 / static_cast<double>(points * channels));
  return f.program().record({
      .name = name,
      .inputs = {f, y},
      .shape = {f.shape().examples, 1, 1},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1);
            for (Index e = 0; e < call.out().rows; ++e) {
              T sum = 0;
              for (Index i = e * points; i < (e + 1) * points; ++i)
                for (Index j = 0; j < channels; ++j) sum += value(a(i, j), b(i, j));
              call.out()(e, 0) = sum * unit;
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1);
            const MatrixView<T> da = call.in_gradient(0);
            if (!da) return;
            for (Index i = 0; i < a.rows; ++i) {
              const T weight = unit * call.out_gradient()(i / points, 0);
              for (Index j = 0; j < channels; ++j) da(i, j) += weight * slope(a(i, j), b(i, j));
            }
          },
      .backward_reads_output = false,
      .by_rows = points == 1,
      .differentiable = 0b01,
  });
}

}  // namespace

template <class T>
Tensor<T> absolute_error(Tensor<T> f, Tensor<T> y) {
  return mean_of_elements(
      "absolute_error", f, y, [](T a, T b) { return std::abs(a - b); },
      [](T a, T b) {
        return static_cast<T>(a - b > 0 ? 1 : a - b < 0 ? -1 : 0);
      });
}

template <class T>
Tensor<T> huber_error(Tensor<T> f, Tensor<T> y, double delta) {
  require(std::isfinite(delta) && delta > 0, "huber_error: delta is ", delta, "; it must be finite and above 0");
  const T limit = static_cast<T>(delta);
  return mean_of_elements(
      "huber_error", f, y,
      [=](T a, T b) {
        const T d = a - b, size = std::abs(d);
        return size <= limit ? d * d / 2 : limit * (size - limit / 2);
      },
      [=](T a, T b) { return std::clamp(a - b, -limit, limit); });
}

// max(f, 0) - f y + log(1 + e^-|f|), and sigmoid(f) - y.
template <class T>
Tensor<T> binary_cross_entropy(Tensor<T> logits, Tensor<T> y) {
  return mean_of_elements(
      "binary_cross_entropy", logits, y,
      [](T f, T t) { return (f < 0 ? T(0) : f) - f * t + std::log1p(std::exp(-std::abs(f))); },
      [](T f, T t) { return 1 / (1 + std::exp(-f)) - t; });
}

template <class T>
Tensor<T> cross_entropy(Tensor<T> logits, IndexInput labels) {
  const Shape& s = logits.shape();
  require<ShapeError>(s.examples == Shape::kCapacity && s.points == 1, "cross_entropy: the logits are ",
                      to_string(s), "; [b, 1, classes] is needed");
  const std::int32_t limit = logits.program().limit(labels);
  require(limit <= s.channels, "cross_entropy: the labels have limit ", limit, " and there are ", s.channels,
          " classes; the limit must not be above the classes");
  // log sum_j exp(f_j - top) with the largest logit `top`, which every other term is taken against too: a loss and
  // a gradient depend on differences of logits alone, also where these are large.
  const auto largest = [](MatrixView<const T> f, Index i) {
    return *std::max_element(f.row(i), f.row(i) + f.cols);
  };
  const auto log_sum = [](MatrixView<const T> f, Index i, T top) {
    T sum = 0;
    for (Index j = 0; j < f.cols; ++j) sum += std::exp(f(i, j) - top);
    return std::log(sum);
  };
  return logits.program().record({
      .name = "cross_entropy",
      .inputs = {logits},
      .shape = {},
      .forward =
          [=](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i) {
              const std::int32_t label = call.indices(labels)(call.first_row() + i, 0);
              T* out = call.out().row(i);
              std::fill(out, out + call.out().stride, T(0));
              const T top = largest(call.in(0), i);
              out[0] = log_sum(call.in(0), i, top) - (call.in(0)(i, label) - top);
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> f = call.in(0);
            const MatrixView<T> df = call.in_gradient(0);
            for (Index i = 0; i < f.rows; ++i) {
              const T top = largest(f, i), total = log_sum(f, i, top), weight = call.out_gradient()(i, 0);
              const std::int32_t label = call.indices(labels)(call.first_row() + i, 0);
              for (Index j = 0; j < f.cols; ++j) {
                const T d = weight * (std::exp(f(i, j) - top - total) - (j == label ? T(1) : T(0)));
                df(i, j) = call.accumulate(0) ? df(i, j) + d : d;
              }
            }
            if (!call.accumulate(0)) clear_padding(df);
          },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
  });
}

namespace {

template <class T>
void check_labels(const char* name, Tensor<T> logits, IndexInput labels, const LabelWeights<T>& weights) {
  check_examples(name, logits);
  const Shape &s = logits.shape(), &l = logits.program().shape(labels);
  const Shape one{s.examples, s.points, 1};
  require<ShapeError>(l == one, name, ": the logits are ", to_string(s), " and the labels ", to_string(l),
                      "; one label a row is needed");
  require<ShapeError>(!weights.mask || weights.mask.shape() == one, name, ": the mask is ",
                      weights.mask ? to_string(weights.mask.shape()) : "", "; it must be ", to_string(one));
  const std::int32_t limit = logits.program().limit(labels);
  require(limit <= s.channels, name, ": the labels have limit ", limit, " and there are ", s.channels,
          " classes; the limit must not be above the classes");
  const auto classes = static_cast<Index>(weights.classes.size());
  require(classes == 0 || classes == s.channels, name, ": ", classes, " class weights are given for ", s.channels,
          " classes");
  for (const double w : weights.classes)
    require(std::isfinite(w) && w >= 0, name, ": a class weight is ", w, "; it must be finite and not below 0");
}

// The largest of a row of logits, and log sum_k exp(f_k - largest).
template <class T>
struct LogSum {
  LogSum(MatrixView<const T> f, Index i) : top(*std::max_element(f.row(i), f.row(i) + f.cols)) {
    T sum = 0;
    for (Index j = 0; j < f.cols; ++j) sum += std::exp(f(i, j) - top);
    rest = std::log(sum);
  }
  T top, rest;
};

// sum / weight, and 0 / tiny where there is no weight.
template <class T>
Tensor<T> weighted_mean(Tensor<T> sum, Tensor<T> weight) {
  constexpr double tiny = 1e-30, huge = 1e30;
  return div(sum, clamp(weight, tiny, huge));
}

}  // namespace

namespace {

// The weight of each row, times its cross entropy if `losses`.
template <class T>
Tensor<T> record_labels(const char* name, Tensor<T> logits, IndexInput labels, const LabelWeights<T>& weights,
                        bool losses) {
  check_labels(name, logits, labels, weights);
  std::vector<Tensor<T>> inputs = {logits};
  if (weights.mask) inputs.push_back(weights.mask);
  const auto label = [labels](const Call<T>& call, Index i) {
    return static_cast<Index>(call.indices(labels)(call.first_row() + i, 0));
  };
  const auto classes =
      weights.classes.empty() ? nullptr : std::make_shared<const std::vector<double>>(weights.classes);
  const auto weight = [label, classes, masked = static_cast<bool>(weights.mask)](const Call<T>& call, Index i) {
    const T w = classes ? static_cast<T>((*classes)[static_cast<std::size_t>(label(call, i))]) : T(1);
    return masked ? w * call.in(1)(i, 0) : w;
  };
  return logits.program().record({
      .name = name,
      .inputs = std::move(inputs),
      .shape = {logits.shape().examples, logits.shape().points, 1},
      .forward =
          [label, weight, losses](const Call<T>& call) {
            const MatrixView<const T> f = call.in(0);
            for (Index i = 0; i < f.rows; ++i) {
              T value = weight(call, i);
              if (losses && value != 0) {
                const LogSum<T> sum(f, i);
                value *= sum.rest - (f(i, label(call, i)) - sum.top);
              }
              call.out()(i, 0) = value;
            }
          },
      .backward =
          [label, weight](const Call<T>& call) {
            const MatrixView<const T> f = call.in(0);
            const MatrixView<T> df = call.in_gradient(0);
            if (!df) return;
            for (Index i = 0; i < f.rows; ++i) {
              const T w = weight(call, i) * call.out_gradient()(i, 0);
              if (w == 0) continue;
              const LogSum<T> sum(f, i);
              for (Index j = 0; j < f.cols; ++j) df(i, j) += w * std::exp(f(i, j) - sum.top - sum.rest);
              df(i, label(call, i)) -= w;
            }
          },
      .backward_reads_output = false,
      .by_rows = true,
      .differentiable = losses ? 0b01u : 0b00u,
  });
}

}  // namespace

template <class T>
Tensor<T> label_losses(Tensor<T> logits, IndexInput labels, const LabelWeights<T>& weights) {
  return record_labels("label_losses", logits, labels, weights, true);
}
template <class T>
Tensor<T> label_weights(Tensor<T> logits, IndexInput labels, const LabelWeights<T>& weights) {
  return record_labels("label_weights", logits, labels, weights, false);
}

template <class T>
Tensor<T> cross_entropy(Tensor<T> logits, IndexInput labels, const LabelWeights<T>& weights) {
  const Tensor<T> sum = sum_points(label_losses(logits, labels, weights));
  return weighted_mean(sum, sum_points(label_weights(logits, labels, weights)));
}
template <class T>
Tensor<T> cross_entropy(Tensor<T> logits, IndexInput labels, GraphInput graph, const LabelWeights<T>& weights) {
  const Tensor<T> sum = sum_nodes(label_losses(logits, labels, weights), graph);
  return weighted_mean(sum, sum_nodes(label_weights(logits, labels, weights), graph));
}

#define EQNN_INSTANTIATE(T)                                                        \
  template Tensor<T> squared_error(Tensor<T>, Tensor<T>);                          \
  template Tensor<T> absolute_error(Tensor<T>, Tensor<T>);                         \
  template Tensor<T> huber_error(Tensor<T>, Tensor<T>, double);                    \
  template Tensor<T> cross_entropy(Tensor<T>, IndexInput);                         \
  template Tensor<T> binary_cross_entropy(Tensor<T>, Tensor<T>);                   \
  template Tensor<T> label_losses(Tensor<T>, IndexInput, const LabelWeights<T>&);  \
  template Tensor<T> label_weights(Tensor<T>, IndexInput, const LabelWeights<T>&); \
  template Tensor<T> cross_entropy(Tensor<T>, IndexInput, const LabelWeights<T>&); \
  template Tensor<T> cross_entropy(Tensor<T>, IndexInput, GraphInput, const LabelWeights<T>&);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
