// Linear maps of the channels: equivariant under every permutation of the points.
#pragma once

#include <string>
#include <vector>

#include "../core/params.h"
#include "elementwise.h"

namespace eqnn {

// y = x W (+ b): [b, n, in] x [in, out] -> [b, n, out]. W and b (may be empty) are parameters.
template <class T>
Tensor<T> linear(Tensor<T> x, Tensor<T> weight, Tensor<T> bias = {});

// y = x W + z V + b: [b, n, c] x [c, out] + [b, n, d] x [d, out] -> [b, n, out]; W, V and b are parameters. One
// pass over y where linear and add make several. Throws ShapeError for weights or a bias of another shape.
template <class T>
Tensor<T> linear_pair(Tensor<T> x, Tensor<T> w, Tensor<T> z, Tensor<T> v, Tensor<T> bias);

// x with a bias b (a parameter [1, c]) added to every row.
template <class T>
Tensor<T> add_bias(Tensor<T> x, Tensor<T> bias);

namespace detail {
// Of input k, a bias that is added to every row: db (+)= the sum of the rows of dy.
template <class T>
void bias_gradient(const Call<T>& call, int k);
}  // namespace detail

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
// widths = {in, hidden..., out}. Parameters: NAME.0.weight, NAME.0.bias, NAME.1.weight, ... Throws ValueError for
// fewer than two widths.
template <class T>
class Mlp {
 public:
  Mlp(Params<T>& p, const std::string& name, const std::vector<Index>& widths, Activation f = Activation::relu)
      : activation(f) {
    require(widths.size() >= 2, "Mlp '", name, "': ", widths.size(), " widths; at least 2 are needed: in, out");
    for (std::size_t i = 0; i + 1 < widths.size(); ++i)
      layers.emplace_back(p, name + "." + std::to_string(i), widths[i], widths[i + 1]);
  }
  Tensor<T> operator()(Tensor<T> x) const { return layers.back()(hidden(x)); }
  // All layers but the last, and the activation after each.
  Tensor<T> hidden(Tensor<T> x) const {
    for (std::size_t i = 0; i + 1 < layers.size(); ++i) x = activate(layers[i](x), activation);
    return x;
  }

  std::vector<Linear<T>> layers;
  Activation activation;
};

}  // namespace eqnn
