// Each operation and its gradient stand side by side, in one function.

#include "ops.h"

#include <algorithm>
#include <cmath>

#include "../kernels/blas.h"
#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
void check_same(const char* name, Tensor<T> x, Tensor<T> y) {
  require<ShapeError>(x.shape() == y.shape(), name, ": shapes ", to_string(x.shape()), " and ",
                      to_string(y.shape()), " differ; they must be equal");
}

template <class T>
Index size(MatrixView<T> m) {
  return m.rows * m.stride;
}

template <class T>
Tensor<T> unary(const char* name, kernels::Unary f, Tensor<T> x) {
  const bool reads_input = kernels::gradient_reads_input(f);
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [f](const Call<T>& call) { kernels::unary(f, size(call.out()), call.in(0).data, call.out().data); },
      .backward =
          [f, reads_input](const Call<T>& call) {
            const T* v = reads_input ? call.in(0).data : call.out().data;
            kernels::unary_gradient(f, size(call.out()), v, call.out_gradient().data, call.in_gradient(0).data,
                                    call.accumulate(0));
          },
      .backward_reads_inputs = reads_input,
      .backward_reads_output = !reads_input,
      .elementwise = true,
      .overwrites = true,
      .by_rows = true,
  });
}

// out rows of example e (+)= A_e x_e, or A_e^T x_e: one small product an example.
template <class T>
void adjacency_product(Index examples, Index n, MatrixView<const T> a, bool transposed, const T* x, Index x_row,
                       Index cols, T* out, Index out_row, bool accumulate) {
  kernels::Product<T> p;
  p.m = p.k = n;
  p.n = cols;
  p.a = a.data;
  p.a_row = transposed ? 1 : a.stride;
  p.a_col = transposed ? a.stride : 1;
  p.b = x;
  p.b_row = x_row;
  p.c = out;
  p.c_row = out_row;
  p.accumulate = accumulate;
  p.count = examples;
  p.a_step = n * a.stride;
  p.b_step = n * x_row;
  p.c_step = n * out_row;
  kernels::product(p);
}

template <class T>
void check_adjacency(const char* name, Tensor<T> x, Tensor<T> adjacency) {
  check_examples(name, x);
  const Shape& a = adjacency.shape();
  require<ShapeError>(a.points == a.channels && a.points == x.shape().points && a.examples == x.shape().examples,
                      name, ": adjacency is ", to_string(a), " and x is ", to_string(x.shape()),
                      "; the adjacency must be [b, n, n] for the n points of x");
}

template <class T>
Tensor<T> pool(const char* name, Tensor<T> x, double factor) {
  const Shape& s = x.shape();
  check_examples(name, x);
  const T scale = static_cast<T>(factor);
  const Index points = s.points;
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = {s.examples, 1, s.channels},
      .forward =
          [=](const Call<T>& call) {
            kernels::pool(call.examples(), points, call.in(0).stride, scale, call.in(0).data, call.out().data);
          },
      .backward =
          [=](const Call<T>& call) {
            kernels::pool_gradient(call.examples(), points, call.in(0).stride, scale, call.out_gradient().data,
                                   call.in_gradient(0).data, call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

// dW (+)= x^T dy, db (+)= column sums of dy, dx (+)= dy W^T.
template <class T>
void linear_backward(const Call<T>& call, bool has_bias) {
  const MatrixView<const T> x = call.in(0), w = call.in(1), dy = call.out_gradient();
  if (const MatrixView<T> dw = call.in_gradient(1)) {
    kernels::Product<T> p;
    p.m = dw.rows;
    p.n = dw.stride;
    p.k = x.rows;
    p.a = x.data;
    p.a_row = 1;
    p.a_col = x.stride;
    p.b = dy.data;
    p.b_row = dy.stride;
    p.c = dw.data;
    p.c_row = dw.stride;
    p.accumulate = call.accumulate(1);
    matrix_product(p, call.strict());
  }
  if (has_bias)
    if (const MatrixView<T> db = call.in_gradient(2))
      kernels::column_sums(dy.rows, dy.stride, dy.data, dy.stride, db.data, call.accumulate(2));
  if (const MatrixView<T> dx = call.in_gradient(0)) {
    kernels::Product<T> p;
    p.m = dx.rows;
    p.n = dx.cols;
    p.k = w.cols;
    p.a = dy.data;
    p.a_row = dy.stride;
    p.b = w.data;
    p.b_row = w.stride;
    p.b_transposed = true;
    p.c = dx.data;
    p.c_row = dx.stride;
    p.accumulate = call.accumulate(0);
    matrix_product(p, call.strict());
    clear_padding(dx);
  }
}

}  // namespace

template <class T>
Tensor<T> linear(Tensor<T> x, Tensor<T> weight, Tensor<T> bias) {
  const Shape &s = x.shape(), &w = weight.shape();
  require<ShapeError>(w.examples == Shape::kShared && w.points == s.channels, "linear: x is ", to_string(s),
                      " and the weight is ", to_string(w),
                      "; the weight must be a parameter with one row a channel of x");
  if (bias)
    require<ShapeError>(bias.shape() == Shape{Shape::kShared, 1, w.channels}, "linear: the weight is ",
                        to_string(w), " and the bias is ", to_string(bias.shape()),
                        "; the bias must have one entry an output channel");
  std::vector<Tensor<T>> inputs = {x, weight};
  if (bias) inputs.push_back(bias);
  const bool has_bias = static_cast<bool>(bias);
  return x.program().record({
      .name = "linear",
      .inputs = std::move(inputs),
      .shape = {s.examples, s.points, w.channels},
      .forward =
          [has_bias](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0), matrix = call.in(1);
            const MatrixView<T> out = call.out();
            kernels::Product<T> p;
            p.m = out.rows;
            p.n = out.stride;  // padding columns of W and b are zero, and so become those of y
            p.k = in.cols;
            p.a = in.data;
            p.a_row = in.stride;
            p.b = matrix.data;
            p.b_row = matrix.stride;
            p.c = out.data;
            p.c_row = out.stride;
            p.bias = has_bias ? call.in(2).data : nullptr;
            matrix_product(p, call.strict());
          },
      .backward = [has_bias](const Call<T>& call) { linear_backward(call, has_bias); },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
      .multiply_adds = static_cast<double>(s.points * s.channels * w.channels),
  });
}

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
Tensor<T> flatten(Tensor<T> x) {
  check_examples("flatten", x);
  const Shape& s = x.shape();
  const Index points = s.points, channels = s.channels;
  return x.program().record({
      .name = "flatten",
      .inputs = {x},
      .shape = {s.examples, 1, points * channels},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            for (Index e = 0; e < call.examples(); ++e)
              kernels::copy_columns(points, channels, in.row(e * points), in.stride, call.out().row(e), channels,
                                    false);
            clear_padding(call.out());
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index e = 0; e < call.examples(); ++e)
              kernels::copy_columns(points, channels, call.out_gradient().row(e), channels, dx.row(e * points),
                                    dx.stride, call.accumulate(0));
            clear_padding(dx);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
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
          [f](const Call<T>& call) { kernels::axpy(size(call.out()), f, call.in(0).data, call.out().data, false); },
      .backward =
          [f](const Call<T>& call) {
            kernels::axpy(size(call.out()), f, call.out_gradient().data, call.in_gradient(0).data,
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
  check_same("add", x, y);
  return x.program().record({
      .name = "add",
      .inputs = {x, y},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            kernels::axpy(size(call.out()), T(1), call.in(0).data, call.out().data, false);
            kernels::axpy(size(call.out()), T(1), call.in(1).data, call.out().data, true);
          },
      .backward =
          [](const Call<T>& call) {
            for (int k = 0; k < 2; ++k)
              if (const MatrixView<T> dx = call.in_gradient(k))
                kernels::axpy(size(dx), T(1), call.out_gradient().data, dx.data, call.accumulate(k));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
  });
}

template <class T>
Tensor<T> add_bias(Tensor<T> x, Tensor<T> bias) {
  require<ShapeError>(bias.shape() == Shape{Shape::kShared, 1, x.shape().channels}, "add_bias: x is ",
                      to_string(x.shape()), " and the bias is ", to_string(bias.shape()),
                      "; the bias must have one entry a channel");
  return x.program().record({
      .name = "add_bias",
      .inputs = {x, bias},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            for (Index i = 0; i < in.rows; ++i) {
              kernels::axpy(in.stride, T(1), in.row(i), call.out().row(i), false);
              kernels::axpy(in.stride, T(1), call.in(1).data, call.out().row(i), true);
            }
          },
      .backward =
          [](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            if (const MatrixView<T> dx = call.in_gradient(0))
              kernels::axpy(size(dx), T(1), dy.data, dx.data, call.accumulate(0));
            if (const MatrixView<T> db = call.in_gradient(1))
              kernels::column_sums(dy.rows, dy.stride, dy.data, dy.stride, db.data, call.accumulate(1));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .elementwise = true,
      .overwrites = true,
      .by_rows = true,
  });
}

template <class T>
Tensor<T> mul(Tensor<T> x, Tensor<T> y) {
  check_same("mul", x, y);
  return x.program().record({
      .name = "mul",
      .inputs = {x, y},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            kernels::multiply(size(call.out()), call.in(0).data, call.in(1).data, call.out().data, false);
          },
      .backward =
          [](const Call<T>& call) {
            for (int k = 0; k < 2; ++k)
              if (const MatrixView<T> dx = call.in_gradient(k))
                kernels::multiply(size(dx), call.out_gradient().data, call.in(1 - k).data, dx.data,
                                  call.accumulate(k));
          },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
  });
}

template <class T>
Tensor<T> normalize_adjacency(Tensor<T> adjacency, Adjacency form) {
  const Shape& s = adjacency.shape();
  require<ShapeError>(s.points == s.channels, "normalize_adjacency: ", to_string(s), "; an adjacency is [b, n, n]");
  if (form == Adjacency::raw) return adjacency;
  const Index n = s.points;
  return adjacency.program().record({
      .name = "normalize_adjacency",
      .inputs = {adjacency},
      .shape = s,
      .forward =
          [form, n](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const MatrixView<T> out = call.out();
            const T unit = static_cast<T>(1 / std::sqrt(static_cast<double>(n)));
            for (Index i = 0; i < in.rows; ++i) {
              T factor = unit, shift = 0;
              if (form == Adjacency::mean) {
                T degree = 0;
                for (Index j = 0; j < n; ++j) degree += in(i, j);
                factor = 1 / std::max(T(1), degree);
              } else if (form == Adjacency::centred) {
                factor = 2 * unit;
                shift = T(0.5);
              }
              for (Index j = 0; j < n; ++j) out(i, j) = (in(i, j) - shift) * factor;
              if (form == Adjacency::centred) out(i, i % n) = 0;
            }
            clear_padding(out);
          },
      .backward = nullptr,
      .overwrites = true,
  });
}

template <class T>
Tensor<T> neighbor_sum(Tensor<T> x, Tensor<T> adjacency) {
  check_adjacency("neighbor_sum", x, adjacency);
  const Index n = x.shape().points;
  return x.program().record({
      .name = "neighbor_sum",
      .inputs = {x, adjacency},
      .shape = x.shape(),
      .forward =
          [n](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            adjacency_product(call.examples(), n, call.in(1), false, in.data, in.stride, in.stride, call.out().data,
                              in.stride, false);
          },
      .backward =
          [n](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            adjacency_product(call.examples(), n, call.in(1), true, call.out_gradient().data, dx.stride, dx.stride,
                              dx.data, dx.stride, call.accumulate(0));
          },
      .backward_reads_output = false,
      .overwrites = true,
      .differentiable = 0b01,
      .multiply_adds = static_cast<double>(n * n * x.shape().channels),
  });
}

template <class T>
Tensor<T> with_neighbors(Tensor<T> x, Tensor<T> adjacency) {
  check_adjacency("with_neighbors", x, adjacency);
  const Index n = x.shape().points, c = x.shape().channels;
  return x.program().record({
      .name = "with_neighbors",
      .inputs = {x, adjacency},
      .shape = {x.shape().examples, n, 2 * c},
      .forward =
          [n, c](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const MatrixView<T> out = call.out();
            kernels::copy_columns(in.rows, c, in.data, in.stride, out.data, out.stride, false);
            adjacency_product(call.examples(), n, call.in(1), false, in.data, in.stride, c, out.data + c,
                              out.stride, false);
            clear_padding(out);
          },
      .backward =
          [n, c](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            kernels::copy_columns(dx.rows, c, dy.data, dy.stride, dx.data, dx.stride, call.accumulate(0));
            adjacency_product(call.examples(), n, call.in(1), true, dy.data + c, dy.stride, c, dx.data, dx.stride,
                              true);
            clear_padding(dx);
          },
      .backward_reads_output = false,
      .overwrites = true,
      .differentiable = 0b01,
      .multiply_adds = static_cast<double>(n * n * c),
  });
}

template <class T>
Tensor<T> sum_points(Tensor<T> x) {
  return pool("sum_points", x, 1.0);
}
template <class T>
Tensor<T> mean_points(Tensor<T> x) {
  return pool("mean_points", x, 1.0 / static_cast<double>(x.shape().points));
}

template <class T>
Tensor<T> squared_error(Tensor<T> f, Tensor<T> y) {
  check_same("squared_error", f, y);
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
            for (Index e = 0; e < call.out().rows; ++e) {
              T sum = 0;
              for (Index i = e * points; i < (e + 1) * points; ++i)
                for (Index j = 0; j < channels; ++j) sum += (a(i, j) - b(i, j)) * (a(i, j) - b(i, j));
              T* out = call.out().row(e);
              std::fill(out, out + call.out().stride, T(0));
              out[0] = sum * unit;
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1);
            const MatrixView<T> da = call.in_gradient(0);
            if (!da) return;
            for (Index i = 0; i < a.rows; ++i) {
              const T weight = 2 * unit * call.out_gradient()(i / points, 0);
              for (Index j = 0; j < channels; ++j) {
                const T d = weight * (a(i, j) - b(i, j));
                da(i, j) = call.accumulate(0) ? da(i, j) + d : d;
              }
            }
            if (!call.accumulate(0)) clear_padding(da);
          },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = points == 1,
      .differentiable = 0b01,
  });
}

#define EQNN_INSTANTIATE(T)                                     \
  template Tensor<T> linear(Tensor<T>, Tensor<T>, Tensor<T>);   \
  template Tensor<T> constant(Program<T>&, Shape, double);      \
  template Tensor<T> flatten(Tensor<T>);                        \
  template Tensor<T> relu(Tensor<T>);                           \
  template Tensor<T> tanh(Tensor<T>);                           \
  template Tensor<T> gelu(Tensor<T>);                           \
  template Tensor<T> square(Tensor<T>);                         \
  template Tensor<T> scale(Tensor<T>, double);                  \
  template Tensor<T> add(Tensor<T>, Tensor<T>);                 \
  template Tensor<T> add_bias(Tensor<T>, Tensor<T>);            \
  template Tensor<T> mul(Tensor<T>, Tensor<T>);                 \
  template Tensor<T> normalize_adjacency(Tensor<T>, Adjacency); \
  template Tensor<T> neighbor_sum(Tensor<T>, Tensor<T>);        \
  template Tensor<T> with_neighbors(Tensor<T>, Tensor<T>);      \
  template Tensor<T> sum_points(Tensor<T>);                     \
  template Tensor<T> mean_points(Tensor<T>);                    \
  template Tensor<T> squared_error(Tensor<T>, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
