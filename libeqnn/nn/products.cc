// Each operation and its gradient stand side by side, in one function.

#include "products.h"

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

// The product `p` of the first example, and those of the others: the matrices of an example are so many elements
// from those of the one before.
template <class T>
void each_example(kernels::Product<T> p, Index examples, Index a_step, Index b_step, Index c_step) {
  p.count = examples;
  p.a_step = a_step;
  p.b_step = b_step;
  p.c_step = c_step;
  kernels::product(p);
}

// The first example of a value of `points` points.
template <class T>
MatrixView<T> first_example(MatrixView<T> m, Index points) {
  return example_rows(m, 0, points);
}

template <class T>
Tensor<T> record_product(const char* name, Tensor<T> x, Tensor<T> y, bool transposed) {
  check_examples(name, x);
  const Shape &s = x.shape(), &t = y.shape();
  const Index n = s.points, k = s.channels, rows = t.points, m = transposed ? t.points : t.channels;
  require<ShapeError>(s.examples == t.examples && k == (transposed ? t.channels : t.points), name, ": x is ",
                      to_string(s), " and y is ", to_string(t), "; y must have ", k,
                      transposed ? " channels" : " points", ", as many as x has channels");
  return x.program().record({
      .name = name,
      .inputs = {x, y},
      .shape = {s.examples, n, m},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1);
            const MatrixView<T> z = call.out();
            const auto p = transposed ? kernels::Product<T>::right_transposed(
                                            first_example(a, n), first_example(b, rows), first_example(z, n))
                                      : kernels::Product<T>::plain(first_example(a, n), first_example(b, rows),
                                                                   first_example(z, n));
            each_example(p, z.rows / n, n * a.stride, rows * b.stride, n * z.stride);
            clear_padding(z);
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1), dz = call.out_gradient();
            const Index examples = dz.rows / n;
            if (const MatrixView<T> da = call.in_gradient(0)) {
              const bool more = call.accumulate(0);
              const auto p = transposed
                                 ? kernels::Product<T>::plain(first_example(dz, n), first_example(b, rows),
                                                              first_example(da, n), more)
                                 : kernels::Product<T>::right_transposed(
                                       first_example(dz, n), first_example(b, rows), first_example(da, n), more);
              each_example(p, examples, n * dz.stride, rows * b.stride, n * da.stride);
              clear_padding(da);
            }
            if (const MatrixView<T> db = call.in_gradient(1)) {
              const MatrixView<const T> left = transposed ? dz : a, right = transposed ? a : dz;
              const auto p = kernels::Product<T>::left_transposed(first_example(left, n), first_example(right, n),
                                                                  first_example(db, rows), call.accumulate(1));
              each_example(p, examples, n * left.stride, n * right.stride, rows * db.stride);
              clear_padding(db);
            }
          },
      .backward_reads_output = false,
      .overwrites = true,
      .multiply_adds = static_cast<double>(n * k * m),
  });
}

}  // namespace

template <class T>
Tensor<T> product(Tensor<T> x, Tensor<T> y) {
  return record_product("product", x, y, false);
}
template <class T>
Tensor<T> product_transposed(Tensor<T> x, Tensor<T> y) {
  return record_product("product_transposed", x, y, true);
}

template <class T>
Tensor<T> dot_channels(Tensor<T> x, Tensor<T> z, Index h) {
  check_examples("dot_channels", x);
  const Shape& s = x.shape();
  const bool shared = z.shape().examples == Shape::kShared;
  require<ShapeError>(h >= 1 && s.channels % h == 0, "dot_channels: ", to_string(s), " does not have ", h,
                      " runs of equally many channels");
  require<ShapeError>(shared ? z.shape() == Shape{Shape::kShared, s.channels, 1} : z.shape() == s,
                      "dot_channels: x is ", to_string(s), " and z is ", to_string(z.shape()),
                      "; z must have the shape of x, or be a parameter with a row for each channel");
  const Index run = s.channels / h;
  // Entry j of row i of z, or of its gradient.
  const auto entry = [shared](auto m, Index i, Index j) { return shared ? m.row(j) : m.row(i) + j; };
  return x.program().record({
      .name = "dot_channels",
      .inputs = {x, z},
      .shape = {s.examples, s.points, h},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1);
            for (Index i = 0; i < a.rows; ++i)
              for (Index k = 0; k < h; ++k) {
                T sum = 0;
                for (Index j = k * run; j < (k + 1) * run; ++j) sum += a(i, j) * *entry(b, i, j);
                call.out()(i, k) = sum;
              }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1), dy = call.out_gradient();
            const MatrixView<T> da = call.in_gradient(0), db = call.in_gradient(1);
            for (Index i = 0; i < dy.rows; ++i)
              for (Index j = 0; j < h * run; ++j) {
                const T d = dy(i, j / run);
                if (da) da(i, j) += d * *entry(b, i, j);
                if (db) *entry(db, i, j) += d * a(i, j);
              }
          },
      .backward_reads_output = false,
      .by_rows = true,
  });
}

template <class T>
Tensor<T> mul_channels(Tensor<T> x, Tensor<T> w) {
  check_same_points("mul_channels", x, w);
  const Index c = x.shape().channels, h = w.shape().channels, run = c / h;
  require<ShapeError>(c % h == 0, "mul_channels: x is ", to_string(x.shape()), " and w is ", to_string(w.shape()),
                      "; the channels of x must be a multiple of those of w");
  return x.program().record({
      .name = "mul_channels",
      .inputs = {x, w},
      .shape = x.shape(),
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1);
            for (Index i = 0; i < a.rows; ++i)
              for (Index k = 0; k < h; ++k)
                for (Index j = k * run; j < (k + 1) * run; ++j) call.out()(i, j) = a(i, j) * b(i, k);
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<const T> a = call.in(0), b = call.in(1), dy = call.out_gradient();
            const MatrixView<T> da = call.in_gradient(0), db = call.in_gradient(1);
            for (Index i = 0; i < dy.rows; ++i)
              for (Index k = 0; k < h; ++k) {
                T sum = 0;
                for (Index j = k * run; j < (k + 1) * run; ++j) {
                  if (da) da(i, j) += dy(i, j) * b(i, k);
                  sum += dy(i, j) * a(i, j);
                }
                if (db) db(i, k) += sum;
              }
          },
      .backward_reads_output = false,
      .by_rows = true,
  });
}

#define EQNN_INSTANTIATE(T)                                     \
  template Tensor<T> product(Tensor<T>, Tensor<T>);             \
  template Tensor<T> product_transposed(Tensor<T>, Tensor<T>);  \
  template Tensor<T> dot_channels(Tensor<T>, Tensor<T>, Index); \
  template Tensor<T> mul_channels(Tensor<T>, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
