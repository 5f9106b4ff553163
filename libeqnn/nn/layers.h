// Layers: structs that take a name, sizes and slices of Params, and record operations when called.
#pragma once

#include <string>
#include <vector>

#include "ops.h"
#include "../core/params.h"

namespace eqnn {

enum class Activation : std::uint8_t { none, relu, tanh, gelu, square };
template <class T>
Tensor<T> activate(Tensor<T> x, Activation f);

// y = x W + b over the channels of every point: equivariant under every permutation of points.
// Parameters: NAME.weight, NAME.bias.
template <class T>
class Linear {
 public:
  Linear(Params<T>& p, const std::string& name, Index in, Index out, bool with_bias = true)
      : weight(p.weight(name + ".weight", in, out)), bias(with_bias ? p.bias(name + ".bias", out) : Param{}) {}
  Tensor<T> operator()(Tensor<T> x) const {
    auto& g = x.program();
    return linear(x, g.param(weight), bias ? g.param(bias) : Tensor<T>{});
  }

  Param weight, bias;
};

// A chain of Linear layers with an activation between them, none after the last.
// widths = {in, hidden..., out}. Parameters: NAME.0.weight, NAME.0.bias, NAME.1.weight, ...
template <class T>
class Mlp {
 public:
  Mlp(Params<T>& p, const std::string& name, const std::vector<Index>& widths, Activation f = Activation::relu)
      : activation(f) {
    for (std::size_t i = 0; i + 1 < widths.size(); ++i)
      layers.emplace_back(p, name + "." + std::to_string(i), widths[i], widths[i + 1]);
  }
  Tensor<T> operator()(Tensor<T> x) const {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      x = layers[i](x);
      if (i + 1 < layers.size()) x = activate(x, activation);
    }
    return x;
  }

  std::vector<Linear<T>> layers;
  Activation activation;
};

// Message passing on dense graphs, x' = x W_self + A' x W_nbr + b: [b, n, in], [b, n, n] -> [b, n, out].
// Equivariant under permutations of the nodes. One weight [W_self ; W_nbr]: in a file NAME.weight is
// [out, 2 in], what torch.nn.Linear(2 in, out) takes for cat([x, A' x], -1).
template <class T>
class MessagePassing {
 public:
  MessagePassing(Params<T>& p, const std::string& name, Index in, Index out) : linear_(p, name, 2 * in, out) {}
  Tensor<T> operator()(Tensor<T> x, Tensor<T> adjacency) const { return linear_(with_neighbors(x, adjacency)); }

  Param weight() const { return linear_.weight; }
  Param bias() const { return linear_.bias; }

 private:
  Linear<T> linear_;
};

template <class T>
Tensor<T> activate(Tensor<T> x, Activation f) {
  switch (f) {
    case Activation::none: return x;
    case Activation::relu: return relu(x);
    case Activation::tanh: return tanh(x);
    case Activation::gelu: return gelu(x);
    case Activation::square: return square(x);
  }
  return x;
}

}  // namespace eqnn
