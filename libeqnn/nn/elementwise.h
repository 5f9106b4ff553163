// Functions of single elements, sums and products of two values, constants. All throw ShapeError, with the
// operation's name and both shapes, while recording.
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

enum class Activation : std::uint8_t { none, relu, tanh, gelu, square };
// The activation of the same name; x itself for none.
template <class T>
Tensor<T> activate(Tensor<T> x, Activation f);

}  // namespace eqnn
