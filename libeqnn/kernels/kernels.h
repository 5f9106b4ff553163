// The inner loops, as plain functions of pointers and sizes. Highway compiles each for every SIMD target
// and picks the best one for this machine at the first call.
//
// For all of them: T is float or double; matrices are row-major with rows on 64-byte lines (matrix.h)
// unless said otherwise; strides are in elements; counts may be zero; nothing is allocated or threaded.
// One SIMD lane is one output column and sums run in index order, so a result does not depend on the
// vector length of the target (it does depend on whether the target has fused multiply-add).
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "../core/check.h"
#include "../core/matrix.h"
#include "../core/rng.h"

namespace eqnn::kernels {

// C (+)= A B for small and middle sizes, `count` times.
//   A is m x k, element (i, p) at a[i*a_row + p*a_col]: a transposed matrix is a swap of strides.
//   B is k x n, element (p, j) at b[p*b_row + j], or at b[j*b_row + p] when b_transposed. n need not be a
//   whole number of vectors, but rows of B must be readable up to the next whole line.
//   C is m x n, rows c_row apart. Only columns 0..n-1 of C are written.
// C starts from `bias` (n values, may be null: zero) unless `accumulate`, then from C.
template <class T>
struct Product {
  Index m = 0, n = 0, k = 0;
  const T* a = nullptr;
  Index a_row = 0, a_col = 1;
  const T* b = nullptr;
  Index b_row = 0;
  bool b_transposed = false;
  T* c = nullptr;
  Index c_row = 0;
  const T* bias = nullptr;
  bool accumulate = false;
  Index count = 1, a_step = 0, b_step = 0, c_step = 0;  // from one product of the batch to the next

  // C (+)= A B, as y = x W. Writes whole rows of C: its padding becomes that of B, zero.
  static Product plain(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c, bool accumulate = false) {
    return {.m = c.rows,
            .n = c.stride,
            .k = a.cols,
            .a = a.data,
            .a_row = a.stride,
            .b = b.data,
            .b_row = b.stride,
            .c = c.data,
            .c_row = c.stride,
            .accumulate = accumulate};
  }
  // C (+)= A^T B, as dW = x^T dy. Writes whole rows of C, likewise.
  static Product left_transposed(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
                                 bool accumulate = false) {
    Product p = plain(a, b, c, accumulate);
    p.k = a.rows;
    std::swap(p.a_row, p.a_col);
    return p;
  }
  // C (+)= A B^T, as dx = dy W^T. Does not write the padding of C.
  static Product right_transposed(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
                                  bool accumulate = false) {
    Product p = plain(a, b, c, accumulate);
    p.n = c.cols;
    p.b_transposed = true;
    return p;
  }
};
// Computes it, on the calling thread.
template <class T>
void product(const Product<T>& p);

// out[j*out_row + i] = in[i*in_row + j] for i < rows, j < cols.
template <class T>
void transpose(Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row);

// Elementwise functions y = f(x) over `size` contiguous elements (padding included: f(0) = 0), and their
// gradients dx (+)= f'(x) dy. relu and tanh take f' from the output y, gelu and square from the input x.
// gelu is 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
enum class Unary : std::uint8_t { relu, tanh, gelu, square };
constexpr bool gradient_reads_input(Unary f) { return f == Unary::gelu || f == Unary::square; }
template <class T>
void unary(Unary f, Index size, const T* x, T* y);
template <class T>
void unary_gradient(Unary f, Index size, const T* x_or_y, const T* dy, T* dx, bool accumulate);

// y = e^x over `size` contiguous elements, padding included; x may be y. To one unit in the last place where the
// result is a normal number; inf above the range of T, NaN of NaN.
template <class T>
void exp(Index size, const T* x, T* y);

// y = (accumulate ? y : 0) + alpha x; the second form y (+)= x * z elementwise.
template <class T>
void axpy(Index size, T alpha, const T* x, T* y, bool accumulate);
template <class T>
void multiply(Index size, const T* x, const T* z, T* y, bool accumulate);
// y (+)= alpha (x - z)
template <class T>
void scaled_difference(Index size, T alpha, const T* x, const T* z, T* y, bool accumulate);

// Copies `cols` columns of `rows` rows; the destination's other columns are untouched.
template <class T>
void copy_columns(Index rows, Index cols, const T* in, Index in_row, T* out, Index out_row, bool accumulate);

// out[j] (+)= sum_i in[i, j], i in order; `cols` a whole number of lines.
template <class T>
void column_sums(Index rows, Index cols, const T* in, Index in_row, T* out, bool accumulate);

// Pooling over the points of each example: out[e, j] = scale * sum_p f(in[e, p, j]), f the identity or relu, and
// its gradient din[e, p, j] (+)= f'(in[e, p, j]) scale dout[e, j]; `in` may be null where f is the identity.
// `stride` is that of in and out (whole lines). Bits are those of f and the pool one after the other.
template <class T>
void pool(bool relu, Index examples, Index points, Index stride, T scale, const T* in, T* out);
template <class T>
void pool_gradient(bool relu, Index examples, Index points, Index stride, T scale, const T* in, const T* dout,
                   T* din, bool accumulate);

// Sums over lists of rows: for v in [first, last)
//   out[v] (+)= to[v] (self ? from[v] in[v] : 0 + sum_{e in [offsets[v], offsets[v+1])} from[index[e]]
//   in[index[e]]),
// edges in order; `from` and `to` (may be null: ones) are factors of rows. All rows have `stride` elements.
template <class T>
struct GatherSum {
  Index first = 0, last = 0;
  const std::int32_t* offsets = nullptr;
  const std::int32_t* index = nullptr;
  const double* from = nullptr;
  const double* to = nullptr;
  bool self = false;
  Index stride = 0;
  const T* in = nullptr;
  T* out = nullptr;
  bool accumulate = false;
};
template <class T>
void gather_sum(const GatherSum<T>& g);

// The words of Philox blocks [first, first + blocks) at `at`, four words a block, in order.
void philox_words(const Counter& at, std::uint32_t first, Index blocks, std::uint32_t* out);

// Standard normals [first, first + count) at `at`: number i is a pure function of (at, i), the same bits on every
// target with fused multiply-add. With w the words at `at`, and i and j = i + 16 in the same group of 32,
//   n_i = r cos(t), n_j = r sin(t), r = sqrt(-2 log((floor(w_i / 2) + 1/2) / 2^31)), t = 2 pi (w_j + 1/2) / 2^32
// (Box and Muller 1958), to 1e-6; |n| < 6.7. REQUIRES: first is a multiple of kNormalGroup, all numbers < 2^34.
inline constexpr Index kNormalGroup = 32;
void normals(const Counter& at, Index count, float* out, Index first = 0);

// Optimiser updates over `size` contiguous elements; formulas in core/optimizers.h.
template <class T>
struct SgdUpdate {
  T rate, momentum, weight_decay, gradient_scale;
  bool nesterov, first;  // first: the momentum buffer starts as the gradient itself
};
template <class T>
void sgd(const SgdUpdate<T>& u, Index size, T* param, const T* gradient, T* buffer);
template <class T>
struct AdamUpdate {
  T rate_over_correction1;  // rate / (1 - beta1^t)
  T sqrt_correction2;       // sqrt(1 - beta2^t)
  T beta1, beta2, epsilon, weight_decay, gradient_scale;
  T keep;  // factor of the parameter before the update: 1, or 1 - rate * weight_decay when decoupled
};
template <class T>
void adam(const AdamUpdate<T>& u, Index size, T* param, const T* gradient, T* m, T* v);
template <class T>
void sign_sgd(T rate, T weight_decay, T gradient_scale, Index size, T* param, const T* gradient);

// sum_i x_i y_i in double: eight interleaved partial sums, added in a fixed order on every machine.
template <class T>
double dot(Index size, const T* x, const T* y);

// The SIMD target that the kernels run on ("AVX3", "AVX2", ...).
const char* target_name();
// All targets that the kernels are compiled for and this machine has, best first: "AVX3 AVX2 SSE4 SCALAR".
std::string target_names();

}  // namespace eqnn::kernels
