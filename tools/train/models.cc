#include "train/models.h"

#include <algorithm>
#include <cmath>

#include <eqnn/nn/clouds.h>
#include <eqnn/nn/convolution.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/dropout.h>
#include <eqnn/nn/frames.h>
#include <eqnn/nn/group_convolution.h>
#include <eqnn/nn/norm.h>
#include <eqnn/nn/point_frames.h>
#include <eqnn/nn/poly_network.h>
#include <eqnn/nn/sets.h>
#include <eqnn/nn/sparse_graphs.h>
#include <eqnn/nn/weighted_frames.h>
#include <eqnn/so3/tensor_field.h>

#include "train/choices.h"

namespace tools {
namespace {

using eqnn::Mlp;
using eqnn::Params;
using eqnn::Program;
using eqnn::Tensor;
using eqnn::hard::InputLayout;

eqnn::Activation activation(const TrainConfig& c) { return activations()[c.activation]; }

template <class T>
Tensor<T> make_input(Program<T>& g, const InputLayout& layout) {
  return g.input(layout.name, {.points = layout.points, .channels = layout.channels});
}

// width -> head_width -> outputs, or linear.
template <class T>
Mlp<T> make_head(Params<T>& p, const TrainConfig& c, Index width, Index outputs) {
  std::vector<Index> widths{width, outputs};
  if (c.head_width > 0) widths.insert(widths.begin() + 1, c.head_width);
  return Mlp<T>(p, "head", widths, activation(c));
}

// The norm, activation and dropout after a layer.
template <class T>
class AfterLayer {
 public:
  AfterLayer(Params<T>& p, const TrainConfig& c, Index layer) : activation_(activation(c)), dropout_(c.dropout) {
    const std::string name = concat("norms.", layer);
    const Norm norm = norms()[c.norm];
    if (norm == Norm::layer) layer_norm_.emplace(p, name, c.width);
    if (norm == Norm::graph) graph_norm_.emplace(p, name, c.width);
  }
  Tensor<T> operator()(Tensor<T> x) const { return finish(graph_norm_ ? (*graph_norm_)(x) : x); }
  Tensor<T> operator()(Tensor<T> x, eqnn::GraphInput graph) const {
    return finish(graph_norm_ ? (*graph_norm_)(x, graph) : x);
  }

 private:
  Tensor<T> finish(Tensor<T> x) const {
    if (layer_norm_) x = (*layer_norm_)(x);
    x = eqnn::activate(x, activation_);
    return dropout_ > 0 ? eqnn::dropout(x, dropout_) : x;
  }
  eqnn::Activation activation_;
  double dropout_;
  std::optional<eqnn::LayerNorm<T>> layer_norm_;
  std::optional<eqnn::GraphNorm<T>> graph_norm_;
};

// Layers of any kind with what follows each, pooling over the points, and a head.
template <class T, class Layer>
class PointNetwork {
 public:
  // make(i, in) gives layer number i.
  template <class Make>
  PointNetwork(Params<T>& p, const TrainConfig& c, Index in, Index outputs, const Make& make)
      : layers_(), after_(), head_(), pool_(pools()[c.pool]) {
    for (Index i = 0; i < c.depth; ++i) {
      layers_.push_back(make(i, i == 0 ? in : c.width));
      after_.emplace_back(p, c, i);
    }
    head_.push_back(make_head(p, c, c.width, outputs));
  }
  template <class... Others>
  Tensor<T> operator()(Tensor<T> x, const Others&... others) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) x = after_[i](layers_[i](x, others...));
    return head_[0](pool(x));
  }

 private:
  Tensor<T> pool(Tensor<T> x) const {
    if (pool_ == Pool::mean) return mean_points(x);
    if (pool_ == Pool::sum) return sum_points(x);
    return scale(sum_points(x), 1 / std::sqrt(static_cast<double>(x.shape().points)));
  }
  std::vector<Layer> layers_;
  std::vector<AfterLayer<T>> after_;
  std::vector<Mlp<T>> head_;  // one
  Pool pool_;
};

// x' = A' x W + b on a fixed graph.
template <class T>
struct NeighborLinear {
  eqnn::Linear<T> linear;
  Tensor<T> operator()(Tensor<T> x, Tensor<T> a) const { return linear(neighbor_sum(x, a)); }
};

// x' = mlp(x + sum of neighbours) on a dense adjacency.
template <class T>
struct DenseGin {
  Mlp<T> mlp;
  Tensor<T> operator()(Tensor<T> x, Tensor<T> a) const { return mlp(add(x, neighbor_sum(x, a))); }
};

// The layers of `make` on a graph: the input's adjacency with a constant node input, or the fixed graph with
// the input as node features.
template <class T, class Layer, class Make>
Recorder<T> graph_network(Params<T>& p, const TrainConfig& c, const NetworkInputs& in, const Make& make) {
  const InputLayout layout = in.input;
  const bool fixed = in.fixed_graph;
  require(fixed || (layout.bits && layout.points == layout.channels), "--model ", c.model,
          " needs graphs; this input is '", layout.name, "', [", layout.points, ", ", layout.channels,
          "]; mlp takes any input");
  PointNetwork<T, Layer> net(p, c, fixed ? layout.channels : 1, in.outputs, make);
  const auto form = adjacency_forms()[c.adjacency];
  return [=](Program<T>& g) {
    const auto x = make_input(g, layout);
    if (fixed) return net(x, g.input("graph", {.points = layout.points, .channels = layout.points}));
    return net(constant(g, {.points = layout.points}, 1.0), normalize_adjacency(x, form));
  };
}

template <class T>
Recorder<T> gnn(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  if (in.fixed_graph)
    return graph_network<T, NeighborLinear<T>>(p, c, in, [&](Index i, Index width) {
      return NeighborLinear<T>{{p, concat("layers.", i), width, c.width}};
    });
  return graph_network<T, eqnn::MessagePassing<T>>(p, c, in, [&](Index i, Index width) {
    return eqnn::MessagePassing<T>(p, concat("layers.", i), width, c.width);
  });
}

// GIN on sparse graphs (Xu et al. 2019): the head reads the pooled values of every layer, side by side.
template <class T>
class SparseGin {
 public:
  SparseGin(Params<T>& p, const TrainConfig& c, Index in, Index outputs) : pool_(pools()[c.pool]) {
    for (Index i = 0; i < c.depth; ++i) {
      layers_.emplace_back(p, concat("layers.", i), std::vector<Index>{i == 0 ? in : c.width, c.width, c.width});
      after_.emplace_back(p, c, i);
    }
    head_.push_back(make_head(p, c, c.depth * c.width, outputs));
  }
  Tensor<T> operator()(Tensor<T> x, eqnn::GraphInput graph) const {
    Tensor<T> all;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      x = after_[i](layers_[i](x, graph), graph);
      const auto pooled = pool_ == Pool::sum ? sum_nodes(x, graph) : mean_nodes(x, graph);
      all = all ? join_channels(all, pooled) : pooled;
    }
    return head_[0](all);
  }

 private:
  std::vector<eqnn::Gin<T>> layers_;
  std::vector<AfterLayer<T>> after_;
  std::vector<Mlp<T>> head_;  // one
  Pool pool_;
};

template <class T>
Recorder<T> gin(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  if (!in.sparse())
    return graph_network<T, DenseGin<T>>(p, c, in, [&](Index i, Index width) {
      return DenseGin<T>{{p, concat("layers.", i), {width, c.width, c.width}, activation(c)}};
    });
  require(pools()[c.pool] != Pool::sqrt, "--pool sqrt is for graphs of one size; allowed here are sum and mean");
  SparseGin<T> net(p, c, in.input.channels, in.outputs);
  const Index nodes = in.graph_nodes, edges = in.graph_edges, channels = in.input.channels;
  return [=](Program<T>& g) {
    const auto graph = g.graph("graph", nodes, edges);
    return net(g.input("nodes", graph.nodes, channels), graph);
  };
}

template <class T>
Recorder<T> cnn(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  const Index n = in.input.points;
  require(c.filter <= n, "--filter is ", c.filter, "; this input has ", n,
          " positions, and a filter at most as many");
  PointNetwork<T, eqnn::CyclicConvolution<T>> net(p, c, in.input.channels, in.outputs, [&](Index i, Index width) {
    return eqnn::CyclicConvolution<T>(p, concat("layers.", i), width, c.width,
                                      eqnn::Torus::cycle(n, i == 0 ? 0 : c.filter));
  });
  return [net, layout = in.input](Program<T>& g) { return net(make_input(g, layout)); };
}

template <class T>
Recorder<T> deepsets(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  PointNetwork<T, eqnn::DeepSets<T>> net(p, c, in.input.channels, in.outputs, [&](Index i, Index width) {
    return eqnn::DeepSets<T>(p, concat("layers.", i), width, c.width);
  });
  return [net, layout = in.input](Program<T>& g) { return net(make_input(g, layout)); };
}

std::vector<Index> hidden_widths(const TrainConfig& c, Index in, Index outputs) {
  std::vector<Index> widths(c.depth, c.width);
  widths.insert(widths.begin(), in);
  widths.push_back(outputs);
  return widths;
}

Index entries(const InputLayout& layout) { return layout.points * layout.channels; }

template <class T>
Recorder<T> mlp(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  const Mlp<T> net(p, "layers", hidden_widths(c, entries(in.input), in.outputs), activation(c));
  return [net, layout = in.input](Program<T>& g) { return net(flatten(make_input(g, layout))); };
}

// The frame of the group on the points.
eqnn::PermutationFrame group_frame(const NetworkInputs& in) {
  using eqnn::PermutationFrame;
  if (in.group) {
    const Index n = in.input.points;
    const auto order = in.group->order();
    if (order == n && in.group->orbits().count == 1) return PermutationFrame::rotate_to_maximum;
    if (in.group->order_text() == eqnn::PermutationGroup::symmetric(n).order_text())
      return PermutationFrame::sort_absolute;
  }
  throw ValueError(
      "--model frame-mlp needs an input whose points a symmetric or cyclic group permutes; mlp takes any input");
}

template <class T>
Recorder<T> frame_mlp(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  const InputLayout layout = in.features ? *in.features : in.input;
  const Mlp<T> net(p, "layers", hidden_widths(c, entries(layout), in.outputs), activation(c));
  if (in.features)
    return [net, in](Program<T>& g) {
      make_input(g, in.input);
      return net(flatten(make_input(g, *in.features)));
    };
  return [net, layout, frame = group_frame(in)](Program<T>& g) {
    return invariant_average(make_input(g, layout), frame, [&](Tensor<T> z) { return net(flatten(z)); });
  };
}

template <class T>
Recorder<T> group_mlp(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  require(in.group.has_value(),
          "--model group-mlp needs an input whose points a group permutes; mlp takes any input");
  auto widths = hidden_widths(c, in.input.channels, in.outputs);
  const eqnn::GroupAveragedMlp<T> net(p, "layers", *in.group, widths, activation(c));
  return [net, layout = in.input](Program<T>& g) { return net(make_input(g, layout)); };
}

template <class T>
Recorder<T> poly(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  const InputLayout layout = in.features ? *in.features : in.input;
  require(in.outputs == 1, "--model poly has one output; take --loss mse");
  const eqnn::PolyNetwork<T> net(p, "layers", entries(layout), c.width);
  return [net, in](Program<T>& g) {
    const auto x = make_input(g, in.input);
    return net(flatten(in.features ? make_input(g, *in.features) : x));
  };
}

void require_cloud(const TrainConfig& c, const InputLayout& layout) {
  require((layout.channels == 2 || layout.channels == 3) && layout.points >= layout.channels, "--model ", c.model,
          " needs points in 2 or 3 dimensions, at least as many as dimensions; this input has ", layout.points,
          " points of ", layout.channels, " channels; mlp takes any input");
}

// All points look alike to egnn and tfn: a target that tells them apart, or the origin from others, is beyond them.
void require_unlabelled(const TrainConfig& c, const NetworkInputs& in) {
  const auto all = eqnn::PermutationGroup::symmetric(in.input.points);
  require(in.group && in.group->order_text() == all.order_text(), "--model ", c.model,
          " does not see which point is which, nor where the origin is, and this target depends on both; "
          "take labelled-egnn");
}

template <class T, bool labelled>
Recorder<T> egnn_network(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  const InputLayout layout = in.input;
  require_cloud(c, layout);
  if (!labelled) require_unlabelled(c, in);
  std::vector<eqnn::Egnn<T>> layers;
  const Index features = labelled ? layout.points + 1 : 1;
  for (Index i = 0; i < c.depth; ++i)
    layers.emplace_back(p, concat("layers.", i), i == 0 ? features : c.width, c.width, c.width, activation(c));
  const Mlp<T> head = make_head(p, c, c.width, in.outputs);
  return [=](Program<T>& g) {
    const auto x = make_input(g, layout);
    eqnn::Cloud<T> cloud{labelled ? label_points(x) : constant(g, {.points = layout.points}, 1.0), x};
    for (const auto& layer : layers) cloud = layer(cloud);
    return head(mean_points(cloud.h));
  };
}

template <class T>
Recorder<T> tensor_field_network(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  const InputLayout layout = in.input;
  require_cloud(c, layout);
  require(layout.channels == 3, "--model tfn needs points in 3 dimensions; these are in ", layout.channels,
          "; egnn takes them");
  require_unlabelled(c, in);
  const eqnn::TensorFieldOptions o{.cutoff = 6};
  const eqnn::Irreps hidden{c.width, (c.width + 1) / 2, (c.width + 3) / 4}, last{c.width};
  std::vector<eqnn::TensorFieldLayer<T>> layers;
  for (Index i = 0; i < c.depth; ++i)
    layers.emplace_back(p, concat("layers.", i), i == 0 ? eqnn::Irreps{1} : hidden, i + 1 < c.depth ? hidden : last,
                        o);
  const Mlp<T> head = make_head(p, c, c.width, in.outputs);
  return [=](Program<T>& g) {
    const auto pairs = pair_geometry(make_input(g, layout), o);
    eqnn::Steerable<T> h{constant(g, {.points = layout.points}, 1.0)};
    for (const auto& layer : layers) h = layer(h, pairs);
    return head(mean_points(h[0]));
  };
}

// What an mlp of clouds is averaged over.
enum class CloudFrame : std::uint8_t { canonical, pca, weighted };

template <class T, CloudFrame kind>
Recorder<T> cloud_mlp(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  const InputLayout layout = in.input;
  require_cloud(c, layout);
  const Mlp<T> net(p, "layers", hidden_widths(c, entries(layout), in.outputs), activation(c));
  return [net, layout, group = point_groups()[c.frame_group]](Program<T>& g) {
    const auto x = make_input(g, layout);
    if constexpr (kind == CloudFrame::weighted) {
      const auto frame = weighted_frame(x, group);
      return weighted_sum(net(frame.forms), frame.weights);
    } else {
      const bool one = kind == CloudFrame::canonical;
      const auto frame = one ? canonical_frame(x, group) : pca_frame(x, group);
      g.output("frame", frame.value);
      const auto z = to_axes(x, frame);
      return one ? net(flatten(z)) : mean_points(net(frame_points(z, frame)));
    }
  };
}

}  // namespace

NetworkInputs network_inputs(const eqnn::hard::Member& member) {
  NetworkInputs in;
  in.input = member.input();
  if (member.features() != nullptr) in.features = *member.features();
  in.fixed_graph = member.graph() != nullptr;
  in.group = member.group();
  return in;
}

NetworkInputs network_inputs(const LabelledExamples& data, Index shard) {
  NetworkInputs in;
  in.input = {data.has_graphs() ? "nodes" : "x", data.points, data.channels};
  if (data.has_graphs()) {
    const eqnn::GraphRoom room = graph_room(data, shard);
    in.graph_nodes = room.nodes;
    in.graph_edges = room.edges;
  } else {
    in.group = eqnn::PermutationGroup::symmetric(data.points);
  }
  return in;
}

const NameTable<ModelChoice>& models() {
  using enum Invariance;
  static const std::vector<std::string> hidden{"depth", "width", "activation"},
      pooled{"depth", "width", "activation", "head-width", "pool", "norm", "dropout"},
      on_graphs{"depth", "width", "activation", "head-width", "pool", "norm", "dropout", "adjacency"},
      moving{"depth", "width", "activation", "head-width"}, framed{"depth", "width", "activation", "frame-group"},
      convolving{"depth", "width", "activation", "head-width", "pool", "norm", "dropout", "filter"};
  static const NameTable<ModelChoice> table(
      "--model",
      {{"mlp", {hidden, nothing, {}, mlp<float>, mlp<double>}},
       {"gnn", {on_graphs, nodes, {.graph = true}, gnn<float>, gnn<double>}},
       {"gin", {on_graphs, nodes, {.graph = true, .sparse_graphs = true}, gin<float>, gin<double>}},
       {"cnn", {convolving, shifts, {}, cnn<float>, cnn<double>}},
       {"frame-mlp", {hidden, points, {.features = true}, frame_mlp<float>, frame_mlp<double>}},
       {"group-mlp", {hidden, group, {}, group_mlp<float>, group_mlp<double>}},
       {"deepsets", {pooled, points, {}, deepsets<float>, deepsets<double>}},
       {"poly", {{"width"}, features, {.features = true}, poly<float>, poly<double>}},
       {"egnn", {moving, motions, {}, egnn_network<float, false>, egnn_network<double, false>}},
       {"labelled-egnn", {moving, rotations, {}, egnn_network<float, true>, egnn_network<double, true>}},
       {"tfn", {moving, turns, {}, tensor_field_network<float>, tensor_field_network<double>}},
       {"pca-mlp", {framed, frame, {}, cloud_mlp<float, CloudFrame::pca>, cloud_mlp<double, CloudFrame::pca>}},
       {"canonical-mlp",
        {framed, frame, {}, cloud_mlp<float, CloudFrame::canonical>, cloud_mlp<double, CloudFrame::canonical>}},
       {"weighted-mlp",
        {framed, frame, {}, cloud_mlp<float, CloudFrame::weighted>, cloud_mlp<double, CloudFrame::weighted>}}});
  return table;
}

std::optional<eqnn::PointGroup> point_group(const TrainConfig& c) {
  switch (models()[c.model].invariance) {
    case Invariance::motions:
      return eqnn::PointGroup::e;
    case Invariance::turns:
      return eqnn::PointGroup::se;
    case Invariance::rotations:
      return eqnn::PointGroup::o;
    case Invariance::frame:
      return point_groups()[c.frame_group];
    default:
      return {};
  }
}

namespace {

// The place in the rows of `a` of each row of `b`, all numbers of which are different; empty: it is none of them.
std::vector<Index> places_of_rows(const eqnn::Array& a, const eqnn::Array& b) {
  std::vector<Index> places;
  for (Index i = 0; i < b.rows; ++i)
    for (Index j = 0; j < a.rows; ++j) {
      const auto row = [](const eqnn::Array& m, Index r) { return m.values.begin() + r * m.cols; };
      if (std::equal(row(a, j), row(a, j) + a.cols, row(b, i))) places.push_back(j);
    }
  return static_cast<Index>(places.size()) == b.rows ? places : std::vector<Index>();
}

bool is_shift(const std::vector<Index>& places) {
  const Index n = static_cast<Index>(places.size());
  for (Index i = 0; i < n; ++i)
    if (places[static_cast<std::size_t>(i)] != (places[0] + i) % n) return false;
  return true;
}

}  // namespace

bool lacks_symmetry(const TrainConfig& c, const eqnn::hard::Member& member) {
  const Invariance known = models()[c.model].invariance;
  const NetworkInputs in = network_inputs(member);
  const std::vector<eqnn::GroupElement> elements = member.symmetries(4, 0);
  if (elements.empty() || reads_features(c, in)) return false;
  if (known == Invariance::nothing || known == Invariance::features) return true;
  if ((known != Invariance::shifts && known != Invariance::points) || in.fixed_graph) return false;
  if (known == Invariance::points && in.group) return false;  // the network has the group's own frame, or S_n
  eqnn::Array numbers = eqnn::Array::zeros(in.input.points, in.input.channels);
  for (std::size_t i = 0; i < numbers.values.size(); ++i) numbers.values[i] = static_cast<double>(i + 1);
  return std::any_of(elements.begin(), elements.end(), [&](const eqnn::GroupElement& g) {
    const std::vector<Index> places =
        places_of_rows(numbers, g.on_input({{in.input.name, numbers}}).at(in.input.name));
    return places.empty() || (known == Invariance::shifts && !is_shift(places));
  });
}

bool may_be_undefined(const TrainConfig& c) { return c.model == "pca-mlp" || c.model == "canonical-mlp"; }

bool reads_features(const TrainConfig& c, const NetworkInputs& in) {
  return in.features.has_value() && models()[c.model].reads.features;
}

bool reads_graph(const TrainConfig& c, const NetworkInputs& in) {
  return in.fixed_graph && models()[c.model].reads.graph;
}

template <class T>
Recorder<T> make_network(Params<T>& p, const TrainConfig& c, const NetworkInputs& in) {
  const ModelChoice& model = models()[c.model];
  require(!in.sparse() || model.reads.sparse_graphs, "--model ", c.model,
          " does not take graphs of different sizes; gin does");
  require(c.pool == "mean" || in.sparse() || in.input.points > 1 ||
              std::find(model.fields.begin(), model.fields.end(), "pool") == model.fields.end(),
          "--pool is ", c.pool, ", and the input has one point, of which the mean is the sum; leave it out");
  return model.record<T>()(p, c, in);
}

template Recorder<float> make_network(Params<float>&, const TrainConfig&, const NetworkInputs&);
template Recorder<double> make_network(Params<double>&, const TrainConfig&, const NetworkInputs&);

}  // namespace tools
