// Each operation and its gradient stand side by side, in one function.

#include "elementwise.h"

#include <algorithm>
#include <cmath>

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
Tensor<T> unary(const char* name, kernels::Unary f, Tensor<T> x) {
  const bool reads_input = kernels::gradient_reads_input(f);
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [f](const Call<T>& call) { kernels::unary(f, call.out().size(), call.in(0).data, call.out().data); },
      .backward =
          [f, reads_input](const Call<T>& call) {
            const T* v = reads_input ? call.in(0).data : call.out().data;
            kernels::unary_gradient(f, call.out().size(), v, call.out_gradient().data, call.in_gradient(0).data,
                                    call.accumulate(0));
          },
      .backward_reads_inputs = reads_input,
      .backward_reads_output = !reads_input,
      .elementwise = true,
      .overwrites = true,
      .by_rows = true,
      .relu = f == kernels::Unary::relu,
  });
}

// y (+)= value(i) for every i, a line at once: loops of a length that the compiler knows, and vectorises.
template <class T, class Value>
void each_line(Index size, T* y, bool accumulate, const Value& value) {
  constexpr auto kLanes = static_cast<Index>(kLine / sizeof(T));
  for (Index i = 0; i < size; i += kLanes) {
    T line[kLanes];
    for (Index j = 0; j < kLanes; ++j) line[j] = value(i + j);
    if (accumulate)
      for (Index j = 0; j < kLanes; ++j) line[j] += y[i + j];
    std::copy_n(line, kLanes, y + i);
  }
}

enum class Pointwise : std::uint8_t { sigmoid, exp, log, sqrt, abs, sin, cos, leaky_relu, clamp };

// With the slope of leaky_relu, or the limits of clamp.
template <class T>
struct PointwiseFunction {
  Pointwise kind;
  T low = 0, high = 0;

  bool gradient_reads_output() const {
    return kind == Pointwise::sigmoid || kind == Pointwise::exp || kind == Pointwise::sqrt;
  }
  void values(Index size, const T* x, T* y) const;
  void gradient(Index size, const T* x_or_y, const T* dy, T* dx, bool accumulate) const;
};

template <class T>
void PointwiseFunction<T>::values(Index size, const T* x, T* y) const {
  const auto each = [=](auto f) { each_line(size, y, false, [=](Index i) { return f(x[i]); }); };
  const auto rounded = [=](double (*f)(double)) {
    each_line(size, y, false, [=](Index i) { return static_cast<T>(f(static_cast<double>(x[i]))); });
  };
  switch (kind) {
    case Pointwise::sigmoid:
      each([](T v) { return -v; });
      kernels::exp(size, y, y);
      return each_line(size, y, false, [=](Index i) { return 1 / (1 + y[i]); });
    case Pointwise::exp:
      return kernels::exp(size, x, y);
    case Pointwise::log:
      return rounded(std::log);
    case Pointwise::sqrt:
      return each([](T v) { return std::sqrt(v); });
    case Pointwise::abs:
      return each([](T v) { return std::abs(v); });
    case Pointwise::sin:
      return rounded(std::sin);
    case Pointwise::cos:
      return rounded(std::cos);
    case Pointwise::leaky_relu:
      return each([s = low](T v) { return v > 0 ? v : s * v; });
    case Pointwise::clamp:
      return each([a = low, b = high](T v) { return v < a ? a : v > b ? b : v; });
  }
}

template <class T>
void PointwiseFunction<T>::gradient(Index size, const T* v, const T* dy, T* dx, bool accumulate) const {
  const auto each = [=](auto slope) {
    each_line(size, dx, accumulate, [=](Index i) { return slope(v[i]) * dy[i]; });
  };
  switch (kind) {
    case Pointwise::sigmoid:
      return each([](T y) { return y * (1 - y); });
    case Pointwise::exp:
      return kernels::multiply(size, v, dy, dx, accumulate);
    case Pointwise::log:
      return each_line(size, dx, accumulate, [=](Index i) { return dy[i] / v[i]; });
    case Pointwise::sqrt:
      return each([](T y) { return T(0.5) / y; });
    case Pointwise::abs:
      return each([](T x) { return static_cast<T>(x > 0) - static_cast<T>(x < 0); });
    case Pointwise::sin:
      return each([](T x) { return static_cast<T>(std::cos(static_cast<double>(x))); });
    case Pointwise::cos:
      return each([](T x) { return static_cast<T>(-std::sin(static_cast<double>(x))); });
    case Pointwise::leaky_relu:
      return each([s = low](T x) { return x > 0 ? T(1) : s; });
    case Pointwise::clamp:
      return each([a = low, b = high](T x) { return static_cast<T>(x > a && x < b); });
  }
}

// Functions of 0 that are not 0, or slopes that are not finite, do not stay in the padding.
template <class T>
Tensor<T> pointwise(const char* name, PointwiseFunction<T> f, Tensor<T> x) {
  const bool reads_output = f.gradient_reads_output();
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [f](const Call<T>& call) {
            f.values(call.out().size(), call.in(0).data, call.out().data);
            clear_padding(call.out());
          },
      .backward =
          [f, reads_output](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            const T* v = reads_output ? call.out().data : call.in(0).data;
            f.gradient(dx.size(), v, call.out_gradient().data, dx.data, call.accumulate(0));
            clear_padding(dx);
          },
      .backward_reads_inputs = !reads_output,
      .backward_reads_output = reads_output,
      .elementwise = true,
      .overwrites = true,
      .by_rows = true,
      .numbers = {static_cast<double>(f.low), static_cast<double>(f.high)},
  });
}

}  // namespace

template <class T>
Tensor<T> constant(Program<T>& program, Shape shape, double value) {
  require(std::isfinite(value), "constant: the value is ", value, "; it must be finite");
  const T v = static_cast<T>(value);
  return program.record({
      .name = "constant",
      .inputs = {},
      .shape = shape,
      .forward =
          [v](const Call<T>& call) {
            const MatrixView<T> out = call.out();
            for (Index i = 0; i < out.rows; ++i) std::fill(out.row(i), out.row(i) + out.cols, v);
          },
      .backward = nullptr,
      .by_rows = true,
      .numbers = {value},
  });
}

template <class T>
Tensor<T> relu(Tensor<T> x) {
  return unary("relu", kernels::Unary::relu, x);
}
template <class T>
Tensor<T> tanh(Tensor<T> x) {
  return unary("tanh", kernels::Unary::tanh, x);
}
template <class T>
Tensor<T> gelu(Tensor<T> x) {
  return unary("gelu", kernels::Unary::gelu, x);
}
template <class T>
Tensor<T> square(Tensor<T> x) {
  return unary("square", kernels::Unary::square, x);
}

template <class T>
Tensor<T> scale(Tensor<T> x, double factor) {
  require(std::isfinite(factor), "scale: the factor is ", factor, "; it must be finite");
  const T f = static_cast<T>(factor);
  return x.program().record({
      .name = "scale",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [f](const Call<T>& call) {
            kernels::axpy(call.out().size(), f, call.in(0).data, call.out().data, false);
          },
      .backward =
          [f](const Call<T>& call) {
            kernels::axpy(call.out().size(), f, call.out_gradient().data, call.in_gradient(0).data,
                          call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .elementwise = true,
      .overwrites = true,
      .by_rows = true,
      .numbers = {factor},
  });
}

template <class T>
Tensor<T> add(Tensor<T> x, Tensor<T> y) {
  check_same_shape("add", x, y);
  return x.program().record({
      .name = "add",
      .inputs = {x, y},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            kernels::axpy(call.out().size(), T(1), call.in(0).data, call.out().data, false);
            kernels::axpy(call.out().size(), T(1), call.in(1).data, call.out().data, true);
          },
      .backward =
          [](const Call<T>& call) {
            for (int k = 0; k < 2; ++k)
              if (const MatrixView<T> dx = call.in_gradient(k))
                kernels::axpy(dx.size(), T(1), call.out_gradient().data, dx.data, call.accumulate(k));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
  });
}

template <class T>
Tensor<T> mul(Tensor<T> x, Tensor<T> y) {
  check_same_shape("mul", x, y);
  return x.program().record({
      .name = "mul",
      .inputs = {x, y},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            kernels::multiply(call.out().size(), call.in(0).data, call.in(1).data, call.out().data, false);
          },
      .backward =
          [](const Call<T>& call) {
            for (int k = 0; k < 2; ++k)
              if (const MatrixView<T> dx = call.in_gradient(k))
                kernels::multiply(dx.size(), call.out_gradient().data, call.in(1 - k).data, dx.data,
                                  call.accumulate(k));
          },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
  });
}

template <class T>
Tensor<T> sub(Tensor<T> x, Tensor<T> y) {
  check_same_shape("sub", x, y);
  return x.program().record({
      .name = "sub",
      .inputs = {x, y},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            kernels::scaled_difference(call.out().size(), T(1), call.in(0).data, call.in(1).data, call.out().data,
                                       false);
          },
      .backward =
          [](const Call<T>& call) {
            for (int k = 0; k < 2; ++k)
              if (const MatrixView<T> dx = call.in_gradient(k))
                kernels::axpy(dx.size(), T(1 - 2 * k), call.out_gradient().data, dx.data, call.accumulate(k));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
  });
}

template <class T>
Tensor<T> div(Tensor<T> x, Tensor<T> y) {
  check_same_shape("div", x, y);
  return x.program().record({
      .name = "div",
      .inputs = {x, y},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            const T *a = call.in(0).data, *b = call.in(1).data;
            each_line(call.out().size(), call.out().data, false, [=](Index i) { return a[i] / b[i]; });
            clear_padding(call.out());
          },
      .backward =
          [](const Call<T>& call) {
            const T *b = call.in(1).data, *z = call.out().data, *dz = call.out_gradient().data;
            if (const MatrixView<T> da = call.in_gradient(0)) {
              each_line(da.size(), da.data, call.accumulate(0), [=](Index i) { return dz[i] / b[i]; });
              clear_padding(da);
            }
            if (const MatrixView<T> db = call.in_gradient(1)) {
              each_line(db.size(), db.data, call.accumulate(1), [=](Index i) { return -(dz[i] * z[i]) / b[i]; });
              clear_padding(db);
            }
          },
      .overwrites = true,
      .by_rows = true,
  });
}

template <class T>
Tensor<T> sigmoid(Tensor<T> x) {
  return pointwise<T>("sigmoid", {Pointwise::sigmoid}, x);
}
template <class T>
Tensor<T> exp(Tensor<T> x) {
  return pointwise<T>("exp", {Pointwise::exp}, x);
}
template <class T>
Tensor<T> log(Tensor<T> x) {
  return pointwise<T>("log", {Pointwise::log}, x);
}
template <class T>
Tensor<T> sqrt(Tensor<T> x) {
  return pointwise<T>("sqrt", {Pointwise::sqrt}, x);
}
template <class T>
Tensor<T> abs(Tensor<T> x) {
  return pointwise<T>("abs", {Pointwise::abs}, x);
}
template <class T>
Tensor<T> sin(Tensor<T> x) {
  return pointwise<T>("sin", {Pointwise::sin}, x);
}
template <class T>
Tensor<T> cos(Tensor<T> x) {
  return pointwise<T>("cos", {Pointwise::cos}, x);
}
template <class T>
Tensor<T> leaky_relu(Tensor<T> x, double slope) {
  require(std::isfinite(slope), "leaky_relu: the slope is ", slope, "; it must be finite");
  return pointwise<T>("leaky_relu", {Pointwise::leaky_relu, static_cast<T>(slope)}, x);
}
template <class T>
Tensor<T> clamp(Tensor<T> x, double low, double high) {
  require(low <= high, "clamp: the limits are ", low, " and ", high, "; the first must not be above the second");
  return pointwise<T>("clamp", {Pointwise::clamp, static_cast<T>(low), static_cast<T>(high)}, x);
}

template <class T>
Tensor<T> activate(Tensor<T> x, Activation f) {
  switch (f) {
    case Activation::none:
      return x;
    case Activation::relu:
      return relu(x);
    case Activation::tanh:
      return tanh(x);
    case Activation::gelu:
      return gelu(x);
    case Activation::square:
      return square(x);
  }
  return x;
}

#define EQNN_INSTANTIATE(T)                                \
  template Tensor<T> constant(Program<T>&, Shape, double); \
  template Tensor<T> relu(Tensor<T>);                      \
  template Tensor<T> tanh(Tensor<T>);                      \
  template Tensor<T> gelu(Tensor<T>);                      \
  template Tensor<T> square(Tensor<T>);                    \
  template Tensor<T> scale(Tensor<T>, double);             \
  template Tensor<T> add(Tensor<T>, Tensor<T>);            \
  template Tensor<T> mul(Tensor<T>, Tensor<T>);            \
  template Tensor<T> sub(Tensor<T>, Tensor<T>);            \
  template Tensor<T> div(Tensor<T>, Tensor<T>);            \
  template Tensor<T> sigmoid(Tensor<T>);                   \
  template Tensor<T> exp(Tensor<T>);                       \
  template Tensor<T> log(Tensor<T>);                       \
  template Tensor<T> sqrt(Tensor<T>);                      \
  template Tensor<T> abs(Tensor<T>);                       \
  template Tensor<T> sin(Tensor<T>);                       \
  template Tensor<T> cos(Tensor<T>);                       \
  template Tensor<T> leaky_relu(Tensor<T>, double);        \
  template Tensor<T> clamp(Tensor<T>, double, double);     \
  template Tensor<T> activate(Tensor<T>, Activation);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
