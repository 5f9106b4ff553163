// The networks that `eqnn train` knows, from their configuration.
#pragma once

#include <vector>

#include <eqnn/layers.h>

#include "train_config.h"

namespace tools {

// A configured network on one input, [b, n, c] -> [b, 1, 1].
//   gnn  constant node input 1, `depth` MessagePassing layers of `width` on the given form of the adjacency
//        with an activation after each, pooling, head width -> head_width -> 1
//   mlp  the input flattened, `depth` hidden layers of `width`
// Parameters: layers.0.weight, layers.0.bias, ..., head.0.weight, ...
template <class T>
class Network {
 public:
  // Throws ValueError when the model does not take such an input.
  Network(eqnn::Params<T>& p, const TrainConfig& c, const eqnn::hard::InputLayout& input)
      : adjacency_(adjacency_form(c.adjacency)), activation_(activation(c.activation)), pool_(c.pool) {
    if (c.model == "gnn") {
      require(input.points == input.channels && input.bits, "--model gnn needs graphs; this family's input is '",
              input.name, "', [", input.points, ", ", input.channels, "]");
      for (Index i = 0; i < c.depth; ++i)
        layers_.emplace_back(p, concat("layers.", i), i == 0 ? 1 : c.width, c.width);
      head_.emplace_back(p, "head", std::vector<Index>{c.width, c.head_width, 1}, activation_);
    } else {
      std::vector<Index> widths(static_cast<std::size_t>(c.depth), c.width);
      widths.insert(widths.begin(), input.points * input.channels);
      widths.push_back(1);
      head_.emplace_back(p, "layers", widths, activation_);
    }
  }

  eqnn::Tensor<T> operator()(eqnn::Tensor<T> input) const {
    if (layers_.empty()) return head_[0](flatten(input));
    const auto a = normalize_adjacency(input, adjacency_);
    auto x = constant(input.program(), {.points = input.shape().points}, 1.0);
    for (const auto& layer : layers_) x = activate(layer(x, a), activation_);
    return head_[0](pool(x));
  }

 private:
  static eqnn::Adjacency adjacency_form(const std::string& name) {
    return name == "raw"    ? eqnn::Adjacency::raw
           : name == "mean" ? eqnn::Adjacency::mean
           : name == "sqrt" ? eqnn::Adjacency::sqrt
                            : eqnn::Adjacency::centred;
  }
  static eqnn::Activation activation(const std::string& name) {
    return name == "tanh"     ? eqnn::Activation::tanh
           : name == "gelu"   ? eqnn::Activation::gelu
           : name == "square" ? eqnn::Activation::square
                              : eqnn::Activation::relu;
  }
  eqnn::Tensor<T> pool(eqnn::Tensor<T> x) const {
    if (pool_ == "mean") return mean_points(x);
    if (pool_ == "sum") return sum_points(x);
    return scale(sum_points(x), 1 / std::sqrt(static_cast<double>(x.shape().points)));
  }

  eqnn::Adjacency adjacency_;
  eqnn::Activation activation_;
  std::string pool_;
  std::vector<eqnn::MessagePassing<T>> layers_;
  std::vector<eqnn::Mlp<T>> head_;  // one
};

inline eqnn::Initializer initializer(const TrainConfig& c) {
  const eqnn::Initializer base = c.init == "kaiming-normal"   ? eqnn::kaiming_normal
                                 : c.init == "xavier-uniform" ? eqnn::xavier_uniform
                                 : c.init == "xavier-normal"  ? eqnn::xavier_normal
                                 : c.init == "orthogonal"     ? eqnn::orthogonal
                                                              : eqnn::kaiming_uniform;
  return base.scaled(c.init_scale);
}

}  // namespace tools
