// Products of features and harmonics, as matrix products. Recording is cold: it runs once, and its code is kept
// small.

#include <algorithm>
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

// The products of one path as matrix products: of a point i, with the rows (j, a) of B the components of its
// neighbours times their weights, z_i = A B, A_{c, (j, a)} = sum_b <in a, filter b | out c> y_{ij b}. Without pairs
// a point is its own neighbour, and the only one.
template <class T>
struct Contraction {
  struct Term {
    Index in, filter, out;
    T value;
  };
  std::vector<Term> terms;  // coefficients that are not 0
  Index in = 0, out = 0, neighbours = 1;
  Index stride = 0;  // of the rows of x, w and z
  bool pairs = false, shared = false;
  std::vector<T> ones;  // in the place of w where there is none

  Contraction(TensorPath path, double factor) : in(2 * path.in + 1), out(2 * path.out + 1) {
    const Index filter = 2 * path.filter + 1;
    const std::vector<double> all = clebsch_gordan(path.in, path.filter, path.out);
    for (Index k = 0; k < in * filter * out; ++k)
      if (const double value = factor * all[static_cast<std::size_t>(k)]; value != 0)
        terms.push_back(
            {k / (filter * out), path.filter * path.filter + k / out % filter, k % out, static_cast<T>(value)});
  }

  Index width() const { return neighbours * in; }
  Index scratch() const { return 2 * (padded<T>(out * width()) + width() * stride); }
  // Part 0 and 1 of the scratch: A and B, 2 and 3: their gradients.
  MatrixView<T> a(const Call<T>& call, int part) const {
    return {call.scratch().data() + part * scratch() / 2, out, width(), width()};
  }
  MatrixView<T> b(const Call<T>& call, int part) const {
    return {a(call, part).data + padded<T>(out * width()), width(), stride, stride};
  }

  bool itself(Index i, Index j) const { return pairs && i % neighbours == j; }
  Index pair(Index i, Index j) const { return i * neighbours + j; }
  // The first row of neighbour j of point i in x.
  Index source(Index i, Index j) const { return (pairs ? i / neighbours * neighbours + j : i) * in; }
  Index weight_row(Index i, Index j) const { return shared ? 0 : pair(i, j); }
  const T* weight(const Call<T>& call, Index i, Index j) const {
    return ones.empty() ? call.in(2).row(weight_row(i, j)) : ones.data();
  }

  MatrixView<T> weight_gradient(const Call<T>& call) const {
    return ones.empty() ? call.in_gradient(2) : MatrixView<T>{};
  }

  void fill(const Call<T>& call, Index i) const {
    const MatrixView<T> left = a(call, 0), right = b(call, 0);
    std::fill_n(left.data, left.size(), T(0));
    for (Index j = 0; j < neighbours; ++j) {
      T* rows = right.row(j * in);
      if (itself(i, j)) {
        std::fill_n(rows, in * stride, T(0));
        continue;
      }
      const T *y = call.in(1).row(pair(i, j)), *w = weight(call, i, j);
      for (const Term& t : terms) left(t.out, j * in + t.in) += t.value * y[t.filter];
      for (Index k = 0; k < in; ++k)
        multiply_lines<false>(stride, call.in(0).row(source(i, j) + k), w, rows + k * stride);
    }
  }

  void forward(const Call<T>& call) const {
    const MatrixView<T> z = call.out();
    for (Index i = 0; i * out < z.rows; ++i) {
      fill(call, i);
      kernels::product(kernels::Product<T>::plain(a(call, 0), b(call, 0), rows_of_point(z, i)));
    }
  }
  void backward(const Call<T>& call) const {
    const MatrixView<const T> dz = call.out_gradient();
    const bool to_rows = call.in_gradient(0) || weight_gradient(call), to_harmonics{call.in_gradient(1)};
    for (Index i = 0; i * out < dz.rows; ++i) {
      fill(call, i);
      const MatrixView<const T> g = rows_of_point(dz, i);
      if (to_rows) {
        kernels::product(kernels::Product<T>::left_transposed(a(call, 0), g, b(call, 1)));
        add_to_rows(call, i);
      }
      if (to_harmonics) {
        kernels::product(kernels::Product<T>::right_transposed(g, b(call, 0), a(call, 1)));
        add_to_harmonics(call, i);
      }
    }
  }

 private:
  template <class V>
  MatrixView<V> rows_of_point(MatrixView<V> z, Index i) const {
    return {z.row(i * out), out, z.cols, z.stride};
  }
  void add_to_rows(const Call<T>& call, Index i) const {
    const MatrixView<T> dx = call.in_gradient(0), dw = weight_gradient(call);
    for (Index j = 0; j < neighbours; ++j)
      for (Index k = 0; !itself(i, j) && k < in; ++k) {
        const T* d = b(call, 1).row(j * in + k);
        if (dx) multiply_lines<true>(stride, d, weight(call, i, j), dx.row(source(i, j) + k));
        if (dw) multiply_lines<true>(stride, d, call.in(0).row(source(i, j) + k), dw.row(weight_row(i, j)));
      }
  }
  void add_to_harmonics(const Call<T>& call, Index i) const {
    const MatrixView<T> dy = call.in_gradient(1);
    for (Index j = 0; j < neighbours; ++j)
      for (const Term& t : terms)
        if (!itself(i, j)) dy(pair(i, j), t.filter) += t.value * a(call, 1)(t.out, j * in + t.in);
  }
};

template <class T>
void check_path(const char* name, Tensor<T> x, Tensor<T> y, Tensor<T> w, TensorPath path, bool pairs) {
  check_examples(name, x);
  check_examples(name, y);
  const Shape &s = x.shape(), &t = y.shape();
  const Index in = 2 * path.in + 1, n = s.points / in, m = pairs ? n * n : n;
  require<ShapeError>(s.points % in == 0 && t.examples == s.examples && t.points == m, name, ": x is ",
                      to_string(s), ", of degree ", path.in, ", and the harmonics are ", to_string(t),
                      "; they must be [b, ", pairs ? "n n" : "n", ", h] for x [b, n (2l + 1), c]");
  const Index first = path.filter * path.filter;
  require<ShapeError>(t.channels >= first + 2 * path.filter + 1, name, ": the harmonics are ", to_string(t),
                      "; those of degree ", path.filter, " are channels ", first, " to ", first + 2 * path.filter);
  if (!w) return;
  const bool shared = !pairs && w.shape() == Shape{Shape::kShared, 1, s.channels};
  require<ShapeError>(shared || w.shape() == Shape{s.examples, m, s.channels}, name, ": x is ", to_string(s),
                      " and the weights ", to_string(w), "; they must be ",
                      to_string(Shape{s.examples, m, s.channels}),
                      pairs ? "" : ", or a parameter with as many channels as x");
}

template <class T>
[[gnu::cold]] Tensor<T> record_path(const char* name, Tensor<T> x, Tensor<T> y, Tensor<T> w, TensorPath path,
                                    bool pairs, double factor) {
  Contraction<T> c(path, factor);
  check_path(name, x, y, w, path, pairs);
  const Shape& s = x.shape();
  const Index n = s.points / c.in;
  c.pairs = pairs;
  c.neighbours = pairs ? n : 1;
  c.stride = padded<T>(s.channels);
  c.shared = w && w.shape().examples == Shape::kShared;
  std::vector<Tensor<T>> inputs = {x, y};
  if (w)
    inputs.push_back(w);
  else
    c.ones.assign(static_cast<std::size_t>(c.stride), T(1));
  const Index scratch = c.scratch();
  const double work = static_cast<double>(n * c.out * c.width() * s.channels);
  return x.program().record({
      .name = name,
      .inputs = std::move(inputs),
      .shape = {s.examples, n * c.out, s.channels},
      .forward = [c](const Call<T>& call) { c.forward(call); },
      .backward = [c](const Call<T>& call) { c.backward(call); },
      .backward_reads_output = false,
      .multiply_adds = work,
      .scratch = scratch,
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
