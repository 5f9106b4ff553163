// The operations: each records itself into the Program of its inputs. Shapes are [b, n, c] = [examples,
// points, channels]. All throw ShapeError, with the operation's name and both shapes, while recording.
#pragma once

#include "../core/program.h"

namespace eqnn {

// y = x W (+ b): [b, n, in] x [in, out] -> [b, n, out]. W and b (may be empty) are parameters.
template <class T>
Tensor<T> linear(Tensor<T> x, Tensor<T> weight, Tensor<T> bias = {});

// Every element is `value`: [b, n, c], no gradient.
template <class T>
Tensor<T> constant(Program<T>& program, Shape shape, double value);

// [b, n, c] -> [b, 1, n c], point after point.
template <class T>
Tensor<T> flatten(Tensor<T> x);

// x with a bias b (a parameter [1, c]) added to every row.
template <class T>
Tensor<T> add_bias(Tensor<T> x, Tensor<T> bias);

// Elementwise, any shape. gelu is the tanh form, 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
template <class T>
Tensor<T> relu(Tensor<T> x);
template <class T>
Tensor<T> tanh(Tensor<T> x);
template <class T>
Tensor<T> gelu(Tensor<T> x);
template <class T>
Tensor<T> square(Tensor<T> x);
template <class T>
Tensor<T> scale(Tensor<T> x, double factor);
template <class T>
Tensor<T> add(Tensor<T> x, Tensor<T> y);
template <class T>
Tensor<T> mul(Tensor<T> x, Tensor<T> y);

// A' of a 0/1 adjacency matrix A [b, n, n]; the diagonal counts as given for raw, mean and sqrt.
//   raw      A' = A
//   mean     A'_ij = A_ij / max(1, sum_j A_ij)
//   sqrt     A' = A / sqrt(n)
//   centred  A'_ij = (A_ij - 1/2) 2 / sqrt(n) for i != j, 0 on the diagonal
enum class Adjacency : std::uint8_t { raw, mean, sqrt, centred };
// No gradient flows to A.
template <class T>
Tensor<T> normalize_adjacency(Tensor<T> adjacency, Adjacency form);

// y_i = sum_j A_ij x_j: adjacency [b, n, n], x [b, n, c] -> [b, n, c]. No gradient flows to A.
template <class T>
Tensor<T> neighbor_sum(Tensor<T> x, Tensor<T> adjacency);
// [x | A x]: [b, n, c] -> [b, n, 2c]; the input of a message-passing layer, whose two products are one.
template <class T>
Tensor<T> with_neighbors(Tensor<T> x, Tensor<T> adjacency);

// Pooling over points: [b, n, c] -> [b, 1, c].
template <class T>
Tensor<T> sum_points(Tensor<T> x);
template <class T>
Tensor<T> mean_points(Tensor<T> x);

// loss_i = mean over points and channels of (f - y)^2: [b, n, c] -> [b, 1, 1]. No gradient flows to y.
template <class T>
Tensor<T> squared_error(Tensor<T> f, Tensor<T> y);

}  // namespace eqnn
