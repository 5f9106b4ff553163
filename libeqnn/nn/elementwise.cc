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
  template Tensor<T> activate(Tensor<T>, Activation);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
