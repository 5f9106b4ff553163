// Products of features and harmonics, as matrix products. Recording is cold: it runs once, and its code is kept
// small.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "../kernels/kernels.h"
#include "steerable.h"

namespace eqnn {
namespace {

// y (+)= x z over whole lines.
template <bool add, class T>
void multiply_lines(Index size, const T* __restrict x, const T* __restrict z, T* __restrict y) {
  constexpr Index lanes = kLine / sizeof(T);
  for (Index k = 0; k < size; k += lanes)
    for (Index l = k; l < k + lanes; ++l) y[l] = add ? y[l] + x[l] * z[l] : x[l] * z[l];
}

// What a product along a path is made of, whatever its type.
struct Contraction {
  struct Term {
    Index in, filter, out;
    double value;
  };
  std::vector<Term> terms;  // coefficients that are not 0
  Index in = 0, out = 0;    // components
  Index neighbours = 1;     // of a point; without pairs a point is its own neighbour, and the only one
  Index channels = 0;
  bool pairs = false, weighted = false, shared = false;

  Index width() const { return neighbours * in; }
  bool itself(Index i, Index j) const { return pairs && i % neighbours == j; }
  Index pair(Index i, Index j) const { return i * neighbours + j; }
  // The first row of neighbour j of point i in x.
  Index source(Index i, Index j) const { return (pairs ? i / neighbours * neighbours + j : i) * in; }
  Index weight(Index i, Index j) const { return shared ? 0 : pair(i, j); }
};

[[gnu::cold]] Contraction make_contraction(const char* name, const Shape& x, const Shape& y, const Shape* w,
                                           TensorPath path, bool pairs, double factor) {
  Contraction c;
  const std::vector<double> all = clebsch_gordan(path.in, path.filter, path.out);
  c.in = 2 * path.in + 1;
  c.out = 2 * path.out + 1;
  const Index filter = 2 * path.filter + 1, first = path.filter * path.filter;
  for (Index k = 0; k < c.in * filter * c.out; ++k)
    if (const double value = factor * all[static_cast<std::size_t>(k)]; value != 0)
      c.terms.push_back({k / (filter * c.out), first + k / c.out % filter, k % c.out, value});
  const Index n = x.points / c.in, m = pairs ? n * n : n;
  require<ShapeError>(
      x.examples != Shape::kShared && x.points % c.in == 0 && y.examples == x.examples && y.points == m, name,
      ": x is ", to_string(x), ", of degree ", path.in, ", and the harmonics are ", to_string(y),
      "; they must be [b, ", pairs ? "n n" : "n", ", h] for x [b, n (2l + 1), c]");
  require<ShapeError>(y.channels >= first + filter, name, ": the harmonics are ", to_string(y),
                      "; those of degree ", path.filter, " are channels ", first, " to ", first + filter - 1);
  c.pairs = pairs;
  c.neighbours = pairs ? n : 1;
  c.channels = x.channels;
  c.weighted = w != nullptr;
  if (!c.weighted) return c;
  c.shared = !pairs && *w == Shape{Shape::kShared, 1, x.channels};
  const Shape own{x.examples, m, x.channels};
  require<ShapeError>(c.shared || *w == own, name, ": x is ", to_string(x), " and the weights are ", to_string(*w),
                      "; they must be ", to_string(own),
                      pairs ? "" : ", or a parameter with as many channels as x");
  return c;
}

// One replay. Of a point i, with the rows (j, a) of B the components of its neighbours times their weights:
//   z_i = A B,   A_{c, (j, a)} = sum_b <in a, filter b | out c> y_{ij b}
// and the gradients are A^T dz_i for B, and dz_i B^T for A.
template <class T>
class Replay {
 public:
  Replay(const Contraction& c, const Call<T>& call)
      : c_(c), call_(call), x_(call.in(0)), y_(call.in(1)), w_(c.weighted ? call.in(2) : MatrixView<const T>{}) {
    const Index width = c.width(), stride = x_.stride;
    T *a = call.scratch().data(), *b = a + padded<T>(c.out * width);
    a_ = {a, c.out, width, width};
    b_ = {b, width, stride, stride};
    da_ = {a + scratch(c) / 2, c.out, width, width};
    db_ = {b + scratch(c) / 2, width, stride, stride};
  }
  static Index scratch(const Contraction& c) {
    return 2 * (padded<T>(c.out * c.width()) + padded<T>(c.width() * padded<T>(c.channels)));
  }

  void forward() const {
    const MatrixView<T> z = call_.out();
    for (Index i = 0; i * c_.out < z.rows; ++i) {
      fill(i);
      kernels::product(kernels::Product<T>::plain(a_, b_, example_rows(z, i, c_.out)));
    }
  }
  void backward() const {
    const MatrixView<const T> dz = call_.out_gradient();
    const MatrixView<T> dx = call_.in_gradient(0), dy = call_.in_gradient(1),
                        dw = c_.weighted ? call_.in_gradient(2) : MatrixView<T>{};
    for (Index i = 0; i * c_.out < dz.rows; ++i) {
      fill(i);
      const MatrixView<const T> g = example_rows(dz, i, c_.out);
      if (dx || dw) kernels::product(kernels::Product<T>::left_transposed(a_, g, db_));
      if (dy) kernels::product(kernels::Product<T>::right_transposed(g, b_, da_));
      for (Index j = 0; j < c_.neighbours; ++j)
        if (!c_.itself(i, j)) add_neighbour(i, j, dx, dy, dw);
    }
  }

 private:
  void fill(Index i) const {
    std::fill_n(a_.data, a_.size(), T(0));
    for (Index j = 0; j < c_.neighbours; ++j) {
      T* rows = b_.row(j * c_.in);
      if (c_.itself(i, j)) {
        std::fill_n(rows, c_.in * b_.stride, T(0));
        continue;
      }
      const T *y = y_.row(c_.pair(i, j)), *x = x_.row(c_.source(i, j));
      for (const auto& t : c_.terms) a_(t.out, j * c_.in + t.in) += static_cast<T>(t.value) * y[t.filter];
      if (!c_.weighted) std::copy_n(x, c_.in * b_.stride, rows);
      for (Index k = 0; c_.weighted && k < c_.in * b_.stride; k += b_.stride)
        multiply_lines<false>(b_.stride, x + k, w_.row(c_.weight(i, j)), rows + k);
    }
  }
  void add_neighbour(Index i, Index j, MatrixView<T> dx, MatrixView<T> dy, MatrixView<T> dw) const {
    const Index stride = b_.stride, source = c_.source(i, j);
    for (Index k = 0; k < c_.in; ++k) {
      const T* d = db_.row(j * c_.in + k);
      if (dx && c_.weighted) multiply_lines<true>(stride, d, w_.row(c_.weight(i, j)), dx.row(source + k));
      if (dx && !c_.weighted) kernels::axpy(stride, T(1), d, dx.row(source + k), true);
      if (dw) multiply_lines<true>(stride, d, x_.row(source + k), dw.row(c_.weight(i, j)));
    }
    if (!dy) return;
    T* row = dy.row(c_.pair(i, j));
    for (const auto& t : c_.terms) row[t.filter] += static_cast<T>(t.value) * da_(t.out, j * c_.in + t.in);
  }

  const Contraction& c_;
  const Call<T>& call_;
  MatrixView<const T> x_, y_, w_;
  MatrixView<T> a_, da_, b_, db_;
};

template <class T>
[[gnu::cold]] Tensor<T> record_path(const char* name, Tensor<T> x, Tensor<T> y, Tensor<T> w, TensorPath path,
                                    bool pairs, double factor) {
  const auto c = std::make_shared<const Contraction>(
      make_contraction(name, x.shape(), y.shape(), w ? &w.shape() : nullptr, path, pairs, factor));
  std::vector<Tensor<T>> inputs = {x, y};
  if (w) inputs.push_back(w);
  const Index n = x.shape().points / c->in;
  return x.program().record({
      .name = name,
      .inputs = std::move(inputs),
      .shape = {x.shape().examples, n * c->out, c->channels},
      .forward = [c](const Call<T>& call) { Replay<T>(*c, call).forward(); },
      .backward = [c](const Call<T>& call) { Replay<T>(*c, call).backward(); },
      .backward_reads_output = false,
      .multiply_adds = static_cast<double>(n * c->out * c->width() * c->channels),
      .scratch = Replay<T>::scratch(*c),
  });
}

}  // namespace

template <class T>
Tensor<T> tensor_product(Tensor<T> x, Tensor<T> y, Tensor<T> w, TensorPath path) {
  return record_path("tensor_product", x, y, w, path, false, 1);
}
template <class T>
Tensor<T> tensor_convolution(Tensor<T> x, Tensor<T> y, Tensor<T> w, TensorPath path, double factor) {
  require(static_cast<bool>(w), "tensor_convolution: the weights are an empty Tensor; it takes [b, n n, c]");
  return record_path("tensor_convolution", x, y, w, path, true, factor);
}

#define EQNN_INSTANTIATE(T)                                                       \
  template Tensor<T> tensor_product(Tensor<T>, Tensor<T>, Tensor<T>, TensorPath); \
  template Tensor<T> tensor_convolution(Tensor<T>, Tensor<T>, Tensor<T>, TensorPath, double);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
