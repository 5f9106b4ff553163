// Operations and layers on sparse graphs: one big graph, or batches of graphs of different sizes.
//
// Values on nodes are [nodes, 1, c], on edges [edges, 1, c], on graphs [b, 1, c]. Everything is a segment sum in
// the order of the edges, forward and backward: no atomics, the same bits for any number of threads. All throw
// ShapeError for a value of another extent than the graph's.
#pragma once

#include <string>
#include <vector>

#include "dense.h"
#include "products.h"

namespace eqnn {

// How a node takes in its neighbours N(v), d_v = |N(v)|:
//   sum   sum_{j in N(v)} x_j          mean  sum / max(1, d_v)
//   max   the largest x_j, channel by channel, 0 without neighbours; the gradient goes to the first of equals
//   gcn   sum_{j in N(v) + v} x_j / sqrt((d_v + 1) (d_j + 1))   (Kipf and Welling 2017)
enum class Aggregation : std::uint8_t { sum, mean, max, gcn };

// [nodes, 1, c] -> [nodes, 1, c].
template <class T>
Tensor<T> aggregate_neighbors(Tensor<T> x, GraphInput graph, Aggregation how = Aggregation::sum);

// Values of the two ends of every edge: [nodes, 1, c] -> [edges, 1, c]; `from` the neighbour taken in, `to` the
// node that takes it in.
template <class T>
Tensor<T> edge_from(Tensor<T> x, GraphInput graph);
template <class T>
Tensor<T> edge_to(Tensor<T> x, GraphInput graph);
// Sum over the edges of each node's row: [edges, 1, c] -> [nodes, 1, c].
template <class T>
Tensor<T> sum_edges(Tensor<T> messages, GraphInput graph);

// Softmax over the edges of each node's row, channel by channel: [edges, 1, c] -> [edges, 1, c],
// y_e = e^{x_e} / sum over the edges e' of the same node of e^{x_e'}.
template <class T>
Tensor<T> softmax_edges(Tensor<T> scores, GraphInput graph);

// Pooling over the nodes of each graph of a batch: [nodes, 1, c] -> [b, 1, c]; zero for an empty graph. max sends
// its gradient to the first of equals.
template <class T>
Tensor<T> sum_nodes(Tensor<T> x, GraphInput graph);
template <class T>
Tensor<T> mean_nodes(Tensor<T> x, GraphInput graph);
template <class T>
Tensor<T> max_nodes(Tensor<T> x, GraphInput graph);

// x' = x W_self + (aggregated neighbours) W_nbr + b (Morris et al. 2019; torch_geometric's GraphConv). In files
// NAME.self.weight, NAME.self.bias, NAME.neighbors.weight.
template <class T>
class GraphConv {
 public:
  GraphConv(Params<T>& p, const std::string& name, Index in, Index out, Aggregation how = Aggregation::sum)
      : self_(p, name + ".self", in, out),
        neighbors_(p, name + ".neighbors", in, out, false),
        in_(in),
        out_(out),
        how_(how) {}
  // Aggregates on the narrower side of the product: sum, mean and gcn are linear.
  Tensor<T> operator()(Tensor<T> x, GraphInput graph) const {
    if (how_ != Aggregation::max && out_ < in_)
      return add(self_(x), aggregate_neighbors(neighbors_(x), graph, how_));
    auto& g = x.program();
    return linear_pair(x, g.param(self_.weight), aggregate_neighbors(x, graph, how_), g.param(neighbors_.weight),
                       g.param(self_.bias));
  }

 private:
  Linear<T> self_, neighbors_;
  Index in_, out_;
  Aggregation how_;
};

// x' = (D + 1)^-1/2 (A + 1) (D + 1)^-1/2 x W + b (Kipf and Welling 2017).
template <class T>
class Gcn {
 public:
  Gcn(Params<T>& p, const std::string& name, Index in, Index out)
      : weight_(p.weight(name + ".weight", in, out)), bias_(p.bias(name + ".bias", out)), narrow_(out < in) {}
  Tensor<T> operator()(Tensor<T> x, GraphInput graph) const {
    auto& g = x.program();
    if (narrow_)
      return add_bias(aggregate_neighbors(linear(x, g.param(weight_)), graph, Aggregation::gcn), g.param(bias_));
    return linear(aggregate_neighbors(x, graph, Aggregation::gcn), g.param(weight_), g.param(bias_));
  }

 private:
  Param weight_, bias_;
  bool narrow_;
};

// x' = mlp((1 + eps) x + sum over neighbours) (Xu et al. 2019), eps fixed. `mlp` has its own parameters.
template <class T>
class Gin {
 public:
  Gin(Params<T>& p, const std::string& name, const std::vector<Index>& widths, double eps = 0)
      : mlp_(p, name, widths), eps_(eps) {}
  Tensor<T> operator()(Tensor<T> x, GraphInput graph) const {
    return mlp_(add(eps_ == 0 ? x : scale(x, 1 + eps_), aggregate_neighbors(x, graph)));
  }

 private:
  Mlp<T> mlp_;
  double eps_;
};

// Gin with edge features: x' = mlp((1 + eps) x_v + sum_{edges j -> v} relu(x_j + e)) (Hu et al. 2020), features
// [edges, 1, c] as wide as x.
template <class T>
class Gine {
 public:
  Gine(Params<T>& p, const std::string& name, const std::vector<Index>& widths, double eps = 0)
      : mlp_(p, name, widths), eps_(eps) {}
  Tensor<T> operator()(Tensor<T> x, Tensor<T> features, GraphInput graph) const {
    const auto messages = sum_edges(relu(add(edge_from(x, graph), features)), graph);
    return mlp_(add(eps_ == 0 ? x : scale(x, 1 + eps_), messages));
  }

 private:
  Mlp<T> mlp_;
  double eps_;
};

// Graph attention (Velickovic et al. 2018; torch_geometric's GATConv without the loops that it adds): with z = x W
// in h heads of out / h channels, e_vj = leaky_relu(to . z_v + from . z_j) for each head and edge j -> v,
//   x'_v = sum_{j in N(v)} a_vj z_j + b,  a_v = softmax over N(v) of e_v.
// A node without neighbours gets b. Parameters: NAME.weight, NAME.bias, NAME.att_src (from) and NAME.att_dst (to),
// in files [1, heads, out / heads]. Throws ValueError unless out is a multiple of heads.
template <class T>
class Gat {
 public:
  Gat(Params<T>& p, const std::string& name, Index in, Index out, Index heads = 1, double slope = 0.2)
      : weight_(p.weight(name + ".weight", in, out)),
        bias_(p.bias(name + ".bias", out)),
        from_(p.weight(name + ".att_src", out, 1, file_shape(name, out, heads))),
        to_(p.weight(name + ".att_dst", out, 1, file_shape(name, out, heads))),
        heads_(heads),
        slope_(slope) {}
  Tensor<T> operator()(Tensor<T> x, GraphInput graph) const {
    auto& g = x.program();
    const Tensor<T> z = linear(x, g.param(weight_));
    const Tensor<T> scores = leaky_relu(add(edge_from(dot_channels(z, g.param(from_), heads_), graph),
                                            edge_to(dot_channels(z, g.param(to_), heads_), graph)),
                                        slope_);
    const Tensor<T> messages = mul_channels(edge_from(z, graph), softmax_edges(scores, graph));
    return add_bias(sum_edges(messages, graph), g.param(bias_));
  }

 private:
  static std::vector<Index> file_shape(const std::string& name, Index out, Index heads) {
    require(heads >= 1 && out % heads == 0, "Gat '", name, "': ", out, " channels and ", heads,
            " heads; the channels must be a multiple of the heads");
    return {1, heads, out / heads};
  }
  Param weight_, bias_, from_, to_;
  Index heads_;
  double slope_;
};

}  // namespace eqnn
