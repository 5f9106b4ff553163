// Normalisation of rows and of graphs.
//
// There is no batch normalisation: statistics over a batch couple the examples of different shards, and a result
// would depend on how a batch was cut. LayerNorm works row by row, GraphNorm graph by graph.
#pragma once

#include <string>

#include "../core/params.h"
#include "../core/program.h"

namespace eqnn {

// y = (x - mean) / sqrt(var + epsilon) gain + bias, mean and variance over the channels of each row: any shape;
// gain and bias are parameters [1, c] (Ba et al. 2016).
template <class T>
Tensor<T> layer_norm(Tensor<T> x, Tensor<T> gain, Tensor<T> bias, double epsilon = 1e-5);

// Channel by channel over the nodes of each graph: o = x - shift mean(x), y = o / sqrt(mean(o^2) + epsilon) gain +
// bias; gain, bias and shift are parameters [1, c] (Cai et al. 2021). Dense: the points of [b, n, c]. Sparse: the
// nodes of each graph of a batch.
template <class T>
Tensor<T> graph_norm(Tensor<T> x, Tensor<T> gain, Tensor<T> bias, Tensor<T> shift, double epsilon = 1e-5);
template <class T>
Tensor<T> graph_norm(Tensor<T> x, GraphInput graph, Tensor<T> gain, Tensor<T> bias, Tensor<T> shift,
                     double epsilon = 1e-5);

// layer_norm with its parameters NAME.weight (ones at first) and NAME.bias.
template <class T>
class LayerNorm {
 public:
  LayerNorm(Params<T>& p, const std::string& name, Index channels)
      : gain_(p.vector(name + ".weight", channels, 1)), bias_(p.bias(name + ".bias", channels)) {}
  Tensor<T> operator()(Tensor<T> x) const {
    auto& g = x.program();
    return layer_norm(x, g.param(gain_), g.param(bias_));
  }

 private:
  Param gain_, bias_;
};

// graph_norm with its parameters NAME.weight, NAME.bias and NAME.mean_scale (ones at first).
template <class T>
class GraphNorm {
 public:
  GraphNorm(Params<T>& p, const std::string& name, Index channels)
      : gain_(p.vector(name + ".weight", channels, 1)),
        bias_(p.bias(name + ".bias", channels)),
        shift_(p.vector(name + ".mean_scale", channels, 1)) {}
  Tensor<T> operator()(Tensor<T> x) const {
    auto& g = x.program();
    return graph_norm(x, g.param(gain_), g.param(bias_), g.param(shift_));
  }
  Tensor<T> operator()(Tensor<T> x, GraphInput graph) const {
    auto& g = x.program();
    return graph_norm(x, graph, g.param(gain_), g.param(bias_), g.param(shift_));
  }

 private:
  Param gain_, bias_, shift_;
};

}  // namespace eqnn
