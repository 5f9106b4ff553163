// Random architectures: layers of the library, one after the other, on random inputs. What a case says builds a
// network whatever it says, so that rapidcheck may leave out layers and make numbers smaller.
#pragma once

#include <eqnn/core/params.h>
#include <eqnn/core/program.h>
#include <eqnn/core/sparse_graph.h>
#include <eqnn/groups/permutation_group.h>
#include <eqnn/nn/convolution.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/dropout.h>
#include <eqnn/nn/frames.h>
#include <eqnn/nn/group_actions.h>
#include <eqnn/nn/group_convolution.h>
#include <eqnn/nn/norm.h>
#include <eqnn/nn/points.h>
#include <eqnn/nn/sets.h>
#include <eqnn/nn/sparse_graphs.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "properties/property.h"
#include "support/evaluate.h"
#include "support/reference.h"

namespace eqnn::testing {

using reference::Dense;

// What the points are, and with it the group: sets and graphs S_n, cycles and tori their shifts, `group` one of
// those by name.
enum class Domain : std::uint8_t { set, cycle, torus, group, dense_graph, sparse_graph };
inline constexpr std::array kDomains = {"set", "cycle", "torus", "group", "dense graph", "sparse graph"};
inline constexpr std::array kGroups = {"C2", "C5", "D4", "S3", "C2xC3", "S3+C2", "D3+1", "C2xC2"};

// Layers of every domain, and `own`, those that know its structure: DeepSets, a cyclic convolution, a lifting with
// a group convolution or an average over the group, dense and sparse message passing.
enum class Kind : std::uint8_t {
  own,
  linear,
  mlp,
  activation,
  layer_norm,
  graph_norm,
  dropout,
  residual,
  gate,
  join,
  count
};
inline constexpr std::array kKinds = {"own",        "linear",  "mlp",      "activation", "layer norm",
                                      "graph norm", "dropout", "residual", "gate",       "join"};

// What follows the layers. none: a value at each point. own: a readout that is invariant, SetReadout,
// GroupAveragedMlp or max_nodes. front: the layers see the canonical form of the input (sets, cycles) or its
// transforms by all of a small group, and what follows them has no symmetry of its own.
enum class Head : std::uint8_t { none, mean, sum, own, front, count };
inline constexpr std::array kHeads = {"none", "mean", "sum", "own", "front"};

struct LayerSpec {
  Kind kind = Kind::own;
  Index width = 1;
  Index option = 0;  // which activation, filter, aggregation, ...
};

struct Architecture {
  Domain domain = Domain::set;
  Index size = 1, channels = 1;  // of the input; a torus has size + 1 rows
  Index option = 0;              // which group, which form of the adjacency, which frame
  std::vector<LayerSpec> layers;
  Head head = Head::none;
  std::uint64_t seed = 0;  // of parameters and inputs

  Index rows() const { return domain == Domain::torus ? 2 : 1; }
  PermutationGroup group() const {
    if (domain == Domain::cycle) return PermutationGroup::cyclic(size);
    if (domain == Domain::torus)
      return PermutationGroup::grid_product(PermutationGroup::cyclic(rows()), PermutationGroup::cyclic(size));
    if (domain == Domain::group)
      return PermutationGroup::named(kGroups[static_cast<std::size_t>(option) % kGroups.size()]);
    return PermutationGroup::symmetric(size);
  }
  Index points() const { return group().points(); }
  bool is_sparse() const { return domain == Domain::sparse_graph; }
  bool has_front() const {
    return head == Head::front && !is_sparse() && (domain != Domain::dense_graph || size <= 3);
  }
  bool is_small_group() const {
    return domain == Domain::cycle || domain == Domain::torus || domain == Domain::group;
  }
};

inline void showValue(const Architecture& a, std::ostream& out) {
  out << kDomains[static_cast<std::size_t>(a.domain)] << " of " << a.points() << " points, " << a.channels
      << " channels, option " << a.option << ", seed " << a.seed << ":";
  for (const LayerSpec& s : a.layers)
    out << " " << kKinds[static_cast<std::size_t>(s.kind)] << " (width " << s.width << ", option " << s.option
        << "),";
  out << " head " << kHeads[static_cast<std::size_t>(a.head)];
}

inline rc::Gen<LayerSpec> any_layer() {
  const auto kind = rc::gen::map(between<int>(0, static_cast<int>(Kind::count) + 3), [](int k) {
    return k < static_cast<int>(Kind::count) ? static_cast<Kind>(k) : Kind::own;
  });
  return rc::gen::build<LayerSpec>(rc::gen::set(&LayerSpec::kind, kind),
                                   rc::gen::set(&LayerSpec::width, rc::gen::element<Index>(1, 2, 3, 5, 8, 17)),
                                   rc::gen::set(&LayerSpec::option, between<Index>(0, 11)));
}

inline rc::Gen<Architecture> any_architecture() {
  const auto domain = rc::gen::map(between<int>(0, static_cast<int>(kDomains.size()) - 1),
                                   [](int d) { return static_cast<Domain>(d); });
  const auto head =
      rc::gen::map(between<int>(0, static_cast<int>(Head::count) - 1), [](int h) { return static_cast<Head>(h); });
  return rc::gen::build<Architecture>(
      rc::gen::set(&Architecture::domain, domain), rc::gen::set(&Architecture::size, between<Index>(1, 7)),
      rc::gen::set(&Architecture::channels, between<Index>(1, 3)),
      rc::gen::set(&Architecture::option, between<Index>(0, 11)),
      rc::gen::set(&Architecture::layers, list_of(any_layer(), 4)), rc::gen::set(&Architecture::head, head),
      rc::gen::set(&Architecture::seed, between<std::uint64_t>(0, 1000)));
}

// --- inputs -----------------------------------------------------------------------------------------------------

// Random inputs of an architecture: points of numbers that float holds exactly, with a graph where the domain has
// one. Sparse graphs have 0 to size nodes, and directed edges, loops and repeats among them.
class Inputs {
 public:
  Inputs(const Architecture& a, Index examples, Index shard) : sparse_(a.is_sparse()), shard_(shard) {
    for (Index e = 0; e < examples; ++e) {
      Draws d({a.seed, Stream::user, 11, static_cast<std::uint64_t>(e)});
      const Index n = sparse_ ? d.below(static_cast<std::uint32_t>(a.size + 1)) : a.points();
      x.emplace_back(n, a.channels);
      for (double& v : x.back().data) v = static_cast<double>(static_cast<float>(2 * d.uniform() - 1));
      adjacency.emplace_back(n, n);
      for (double& v : adjacency.back().data) v = d.below(sparse_ ? 4 : 2) % 3;  // times that the edge is there
    }
    for (Index e = 0; e < examples && !sparse_; ++e)
      for (Index i = 0; i < a.points(); ++i)
        for (Index j = 0; j < i; ++j) adjacency[e](i, j) = adjacency[e](j, i);
    make_batches();
  }
  // The same with point i of example e at place p[e](i).
  Inputs moved(const std::vector<Permutation>& p) const {
    Inputs to = *this;
    for (std::size_t e = 0; e < x.size(); ++e)
      for (Index i = 0; i < x[e].rows; ++i) {
        for (Index c = 0; c < x[e].cols; ++c) to.x[e](p[e](i), c) = x[e](i, c);
        for (Index j = 0; j < x[e].rows; ++j) to.adjacency[e](p[e](i), p[e](j)) = adjacency[e](i, j);
      }
    to.make_batches();
    return to;
  }

  Index examples() const { return static_cast<Index>(x.size()); }
  Index shard() const { return shard_; }
  // The most that a shard holds, for Program::graph.
  Index nodes() const {
    return most([](const SparseGraph& g) { return g.nodes(); });
  }
  Index edges() const {
    return most([](const SparseGraph& g) { return g.edges(); });
  }

  // Fills the examples first, ..., last - 1: `input` gives the block of a name, `bind` takes the graph.
  template <class Input, class Bind>
  void fill(Index first, Index last, const Input& input, const Bind& bind) const {
    if (sparse_) bind(batches_[static_cast<std::size_t>(first / shard_)]);
    const auto points = input("x");
    Index row = 0;
    for (Index e = first; e < last; ++e) {
      const auto example = static_cast<std::size_t>(e);
      copy(x[example], points.row(0, row), points.stride);
      row += x[example].rows;
      if (sparse_) continue;
      const auto a = input("adjacency");
      copy(adjacency[example], a.row(e - first), a.stride);
    }
  }

  std::vector<Dense> x, adjacency;

 private:
  template <class T>
  static void copy(const Dense& from, T* to, Index stride) {
    for (Index i = 0; i < from.rows; ++i)
      for (Index j = 0; j < from.cols; ++j) to[i * stride + j] = static_cast<T>(from(i, j));
  }
  template <class Count>
  Index most(const Count& count) const {
    Index largest = 1;
    for (const SparseGraph& g : batches_) largest = std::max(largest, count(g));
    return largest;
  }
  void make_batches() {
    batches_.clear();
    for (Index first = 0; first < examples(); first += shard_) {
      SparseGraph& batch = batches_.emplace_back();
      for (Index e = first; e < std::min(first + shard_, examples()); ++e) {
        std::vector<std::pair<std::int32_t, std::int32_t>> list;
        const Dense& a = adjacency[static_cast<std::size_t>(e)];
        for (std::int32_t i = 0; i < a.rows; ++i)
          for (std::int32_t j = 0; j < a.rows; ++j)
            for (int k = 0; k < a(i, j); ++k) list.emplace_back(i, j);
        batch.append(SparseGraph::from_edges(a.rows, list));
      }
    }
  }

  bool sparse_;
  Index shard_;
  std::vector<SparseGraph> batches_;  // one a shard
};

// --- networks ---------------------------------------------------------------------------------------------------

// y_ij = x_ij (1 + size u_ij), u uniform in [-1, 1]: what rounding does, made larger. No gradient.
template <class T>
Tensor<T> jitter(Tensor<T> x, double size, std::uint64_t seed) {
  return x.program().record({.name = "jitter",
                             .inputs = {x},
                             .shape = x.shape(),
                             .forward =
                                 [=](const Call<T>& call) {
                                   for (Index i = 0; i < call.out().rows; ++i) {
                                     Draws d({seed, Stream::user, static_cast<std::uint64_t>(call.operation()),
                                              static_cast<std::uint64_t>(i)});
                                     for (Index j = 0; j < call.out().cols; ++j)
                                       call.out()(i, j) =
                                           call.in(0)(i, j) * static_cast<T>(1 + size * (2 * d.uniform() - 1));
                                   }
                                 },
                             .backward = nullptr});
}

// What layers may look at beside x.
template <class T>
struct Surroundings {
  Tensor<T> adjacency;
  GraphInput graph;
};

template <class T>
class Network {
 public:
  using Layer = std::function<Tensor<T>(Tensor<T>, const Surroundings<T>&)>;

  Network(Params<T>& p, const Architecture& a) : p_(p), a_(a), width_(a.channels) {
    linear("embed", 4);
    for (std::size_t i = 0; i < a.layers.size(); ++i) add("layer." + std::to_string(i), a.layers[i]);
    if (a.has_front()) width_ *= a.points();
    if (a.head == Head::own) add_own_head();
    last_ = Linear<T>(p, "last", width_, 2);
    p.freeze();
  }

  // [b, n, 2], or [b, 1, 2] with a head; for a loss always one value for each example. The capacity in nodes and
  // edges is what these inputs need.
  Tensor<T> operator()(Program<T>& g, const Inputs& inputs, bool for_a_loss = false) const {
    Surroundings<T> s;
    const Tensor<T> y = (*last_)(front(record_inputs(g, inputs, s), s));
    return for_a_loss && at_nodes() ? mean_nodes(y, s.graph) : y;
  }

  // Whether the value has a row a node, in a batch of sparse graphs.
  bool at_nodes() const { return a_.is_sparse() && a_.head == Head::none; }
  // Jitter of this size after every layer.
  void set_jitter(double size, std::uint64_t seed) { jitter_ = size, jitter_seed_ = seed; }

 private:
  Tensor<T> record_inputs(Program<T>& g, const Inputs& inputs, Surroundings<T>& s) const {
    if (a_.is_sparse()) {
      s.graph = g.graph("graph", inputs.nodes(), inputs.edges());
      return g.input("x", s.graph.nodes, a_.channels);
    }
    const Index n = a_.points();
    s.adjacency = normalize_adjacency(g.input("adjacency", {.points = n, .channels = n}),
                                      static_cast<Adjacency>(a_.option % 4));
    return g.input("x", {.points = n, .channels = a_.channels});
  }

  void push(Layer layer) { layers_.push_back(std::move(layer)); }
  template <class L>
  void plain(const L& layer, Index width) {
    push([layer](Tensor<T> x, const Surroundings<T>&) { return layer(x); });
    width_ = width;
  }
  void linear(const std::string& name, Index width) { plain(Linear<T>(p_, name, width_, width), width); }

  void add(const std::string& name, const LayerSpec& s) {
    switch (s.kind) {
      case Kind::own:
        return add_own(name, s);
      case Kind::mlp:
        return plain(Mlp<T>(p_, name, {width_, s.width, 3}, activation(s.option)), 3);
      case Kind::activation:
        return plain([f = activation(s.option)](Tensor<T> x) { return activate(x, f); }, width_);
      case Kind::layer_norm:
        return ++norms_ > 2 ? void() : plain(LayerNorm<T>(p_, name, width_), width_);
      case Kind::graph_norm:
        return ++norms_ > 2 ? void() : add_graph_norm(name);
      case Kind::dropout:
        return plain([](Tensor<T> x) { return dropout(x, 0.3); }, width_);
      case Kind::residual: {
        const Linear<T> inner(p_, name, width_, width_);
        return plain([inner](Tensor<T> x) { return eqnn::add(x, tanh(inner(x))); }, width_);
      }
      case Kind::gate: {
        const Linear<T> inner(p_, name, width_, width_);
        return plain([inner](Tensor<T> x) { return mul(x, tanh(inner(x))); }, width_);
      }
      case Kind::join: {
        if (width_ + s.width > 40) return;
        const Linear<T> inner(p_, name, width_, s.width);
        return plain([inner](Tensor<T> x) { return join_channels(x, inner(x)); }, width_ + s.width);
      }
      default:
        return linear(name, s.width);
    }
  }
  // At most one square, so that values keep their size.
  Activation activation(Index option) {
    const auto f = static_cast<Activation>(option % 5);
    return f == Activation::square && ++squares_ > 1 ? Activation::tanh : f;
  }
  void add_graph_norm(const std::string& name) {
    const GraphNorm<T> norm(p_, name, width_);
    if (!a_.is_sparse()) return plain(norm, width_);
    push([norm](Tensor<T> x, const Surroundings<T>& s) { return norm(x, s.graph); });
  }

  void add_own(const std::string& name, const LayerSpec& s) {
    if (a_.domain == Domain::set) return plain(DeepSets<T>(p_, name, width_, s.width), s.width);
    if (a_.domain == Domain::cycle || a_.domain == Domain::torus) return add_convolution(name, s);
    if (a_.domain == Domain::group) return add_group_layer(name, s);
    if (a_.is_sparse()) return add_sparse(name, s);
    const MessagePassing<T> layer(p_, name, width_, s.width);
    push([layer](Tensor<T> x, const Surroundings<T>& around) { return layer(x, around.adjacency); });
    width_ = s.width;
  }
  void add_convolution(const std::string& name, const LayerSpec& s) {
    Torus torus{a_.rows(), a_.size, 1 + s.option % a_.rows(), 1 + (s.option / 2) % a_.size};
    const auto method = static_cast<ConvolutionMethod>(s.option % 3);
    plain(CyclicConvolution<T>(p_, name, width_, s.width, torus, method), s.width);
  }
  void add_group_layer(const std::string& name, const LayerSpec& s) {
    const PermutationGroup group = a_.group();
    if (s.option % 3 == 0) {
      const std::vector<Permutation> elements = group.elements();
      return plain(
          [elements](Tensor<T> x) {
            return equivariant_group_average([](Tensor<T> y) { return tanh(mix_points(y)); }, x, elements);
          },
          width_);
    }
    const GroupLifting<T> lifting(p_, name + ".lifting", group, width_, 3);
    const GroupConvolution<T> convolution(p_, name + ".convolution", group, 3, s.width);
    plain([lifting, convolution,
           group](Tensor<T> x) { return project_to_points(convolution(tanh(lifting(x))), group); },
          s.width);
  }
  void add_sparse(const std::string& name, const LayerSpec& s) {
    const Index in = std::exchange(width_, s.width);
    if (s.option % 7 < 4)
      return graph_layer(GraphConv<T>(p_, name, in, s.width, static_cast<Aggregation>(s.option % 7)));
    if (s.option % 7 == 4) return graph_layer(Gcn<T>(p_, name, in, s.width));
    if (s.option % 7 == 5) return graph_layer(Gin<T>(p_, name, {in, 3, s.width}, 0.1));
    const Linear<T> features(p_, name + ".features", in, in);
    const Gine<T> layer(p_, name, {in, 3, s.width});
    push([features, layer](Tensor<T> x, const Surroundings<T>& around) {
      return layer(x, edge_to(features(x), around.graph), around.graph);
    });
  }
  template <class L>
  void graph_layer(const L& layer) {
    push([layer](Tensor<T> x, const Surroundings<T>& around) { return layer(x, around.graph); });
  }
  void add_own_head() {
    if (a_.domain == Domain::set) return own_head(SetReadout<T>(p_, "head", width_, 5, 3));
    if (a_.is_small_group()) return own_head(GroupAveragedMlp<T>(p_, "head", a_.group(), {width_, 5, 3}));
  }
  template <class L>
  void own_head(const L& head) {
    own_head_ = [head](Tensor<T> x, const Surroundings<T>&) { return head(x); };
    width_ = 3;
  }

  Tensor<T> through(Tensor<T> x, const Surroundings<T>& s) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      x = layers_[i](x, s);
      if (jitter_ > 0) x = jitter(x, jitter_, jitter_seed_);
    }
    return x;
  }
  Tensor<T> front(Tensor<T> x, const Surroundings<T>& s) const {
    if (!a_.has_front()) return head(through(x, s), s);
    const auto inner = [&](Tensor<T> z) { return flatten(through(z, s)); };
    if (a_.domain == Domain::set)
      return invariant_average(x, a_.option % 2 == 0 ? PermutationFrame::sort : PermutationFrame::sort_absolute,
                               inner);
    if (a_.domain == Domain::cycle && a_.option % 2 == 0)
      return invariant_average(x, PermutationFrame::rotate_to_maximum, inner);
    const std::vector<Permutation> elements = a_.group().elements();
    if (a_.domain != Domain::dense_graph) return group_average(inner, x, elements);
    const auto of_graph = [&](Tensor<T> z, Tensor<T> adjacency) {
      return flatten(through(z, {adjacency, s.graph}));
    };
    return group_average(of_graph, x, s.adjacency, elements);
  }
  Tensor<T> head(Tensor<T> x, const Surroundings<T>& s) const {
    if (a_.head == Head::none) return x;
    if (a_.is_sparse())
      return a_.head == Head::mean  ? mean_nodes(x, s.graph)
             : a_.head == Head::sum ? sum_nodes(x, s.graph)
                                    : max_nodes(x, s.graph);
    if (own_head_) return own_head_(x, s);
    return a_.head == Head::mean ? mean_points(x) : sum_points(x);
  }

  Params<T>& p_;
  Architecture a_;
  Index width_;
  int norms_ = 0, squares_ = 0;
  std::vector<Layer> layers_;
  Layer own_head_;
  std::optional<Linear<T>> last_;
  double jitter_ = 0;
  std::uint64_t jitter_seed_ = 0;
};

}  // namespace eqnn::testing
