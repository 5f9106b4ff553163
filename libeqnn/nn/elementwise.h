// Functions of single elements, sums, differences, products and quotients of two values, constants. All throw
// ShapeError, with the operation's name and both shapes, while recording.
#pragma once

#include <cstdint>

#include "../core/program.h"

namespace eqnn {

// Every element is `value`: [b, n, c], no gradient.
template <class T>
Tensor<T> constant(Program<T>& program, Shape shape, double value);

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

// Elementwise, two values of the same shape: x - y, x / y.
template <class T>
Tensor<T> sub(Tensor<T> x, Tensor<T> y);
template <class T>
Tensor<T> div(Tensor<T> x, Tensor<T> y);

// Elementwise, any shape. What is not defined is not a number, as in <cmath>: log and sqrt of negative elements;
// the gradients of log and sqrt at 0 are infinite. log, sin and cos are those of <cmath> in double, rounded once.
//   sigmoid  1 / (1 + e^-x)        exp  e^x       log  the natural logarithm of x
//   sqrt     the root of x         abs  |x|, of slope 0 at 0
//   leaky_relu  x where x > 0, else slope x
//   clamp    the nearest element of [low, high]; the gradient is passed on where low < x < high
// leaky_relu throws ValueError unless slope is finite, clamp unless low <= high.
template <class T>
Tensor<T> sigmoid(Tensor<T> x);
template <class T>
Tensor<T> exp(Tensor<T> x);
template <class T>
Tensor<T> log(Tensor<T> x);
template <class T>
Tensor<T> sqrt(Tensor<T> x);
template <class T>
Tensor<T> abs(Tensor<T> x);
template <class T>
Tensor<T> sin(Tensor<T> x);
template <class T>
Tensor<T> cos(Tensor<T> x);
template <class T>
Tensor<T> leaky_relu(Tensor<T> x, double slope = 0.01);
template <class T>
Tensor<T> clamp(Tensor<T> x, double low, double high);

// Activations by name, for layers that take one.
enum class Activation : std::uint8_t { none, relu, tanh, gelu, square };
// The activation of the same name; x itself for none.
template <class T>
Tensor<T> activate(Tensor<T> x, Activation f);

}  // namespace eqnn
