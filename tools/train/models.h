// The networks that `eqnn train` knows, from their configuration.
#pragma once

#include <functional>
#include <optional>

#include <eqnn/core/params.h>
#include <eqnn/core/program.h>
#include <eqnn/groups/permutation_group.h>
#include <eqnn/nn/point_frames.h>

#include "cli/name_table.h"
#include "data/dataset.h"
#include "train/config.h"

namespace tools {

// What a network may be fed, and how much it gives.
struct NetworkInputs {
  eqnn::hard::InputLayout input;                    // the family's or the file's
  std::optional<eqnn::hard::InputLayout> features;  // canonical forms or invariants of it
  bool fixed_graph = false;                         // its points are the nodes of one graph: input "graph"
  std::optional<eqnn::PermutationGroup> group;      // under which the target is invariant, acting on the points
  Index outputs = 1;
  // Sparse graphs instead: input "nodes" [nodes, input.channels] of a graph input "graph".
  Index graph_nodes = 0, graph_edges = 0;  // the most of one shard; 0: no sparse graphs

  bool sparse() const { return graph_nodes > 0; }
};

// What a member, or a file in shards of so many examples, offers to networks.
NetworkInputs network_inputs(const eqnn::hard::Member& member);
NetworkInputs network_inputs(const LabelledExamples& data, Index shard);

// Records the network of a configuration and returns its value, [b, 1, outputs]. It makes the inputs that it
// reads: `input`, and where it takes them the features, and "graph" [n, n]. Parameters are made at once, in `p`:
//   gnn        constant node input 1, `depth` MessagePassing layers of `width` on the given form of the
//              adjacency; with a fixed graph relu(A' x W + b) layers on the node features
//   gin        the same with GIN layers, x' = mlp(x + sum of neighbours); also on sparse graphs, whose pooled
//              layers are all read by the head
//   cnn        CyclicConvolution layers of `width`, the first of full length, the others over --filter points
//   deepsets   DeepSets layers of `width`
//   mlp        the input flattened, `depth` hidden layers of `width`, no symmetry
//   frame-mlp  mlp on the features; without such on the canonical form of the group's frame
//   group-mlp  mlp averaged over the whole group
//   poly       PolyNetwork on the features, or on the input flattened
//   egnn       Egnn layers on points in 2 or 3 dimensions, all alike
//   labelled-egnn  the same on points told apart: their features are label_points
//   tfn            TensorFieldLayers on points in 3 dimensions, all alike: `width` scalars, half as many vectors, a
//                  quarter of features of degree 2; neighbours up to a distance of 6; the last layer has scalars
//                  alone
//   pca-mlp        mlp averaged over the frame of principal axes of points in 2 or 3 dimensions
//   canonical-mlp  mlp on one element of that frame, canonical_frame
//   weighted-mlp   mlp averaged over the weighted frame, which is continuous
// All but the mlps and poly: norm, activation and dropout after each layer, pooling, head width -> head_width ->
// outputs (head_width 0: linear). Throws ValueError when the model does not take such an input.
template <class T>
using Recorder = std::function<eqnn::Tensor<T>(eqnn::Program<T>&)>;
template <class T>
Recorder<T> make_network(eqnn::Params<T>& p, const TrainConfig& c, const NetworkInputs& inputs);

// What a model's value does not change under, whatever its parameters.
enum class Invariance : std::uint8_t {
  nothing,
  nodes,      // relabelling the nodes of its graph: S_n
  points,     // permuting its points: S_n
  shifts,     // shifting its points: C_n
  group,      // the group on its points that it is given
  motions,    // permuting its points, and rotating, reflecting and translating them: S_n x E(d)
  turns,      // the same without reflections: S_n x SE(d)
  rotations,  // rotating and reflecting its points: O(d)
  frame,      // the group of its frame of points, --frame-group
  features,   // what its features do not change under
};

// A row of the table of models. A new model is a function that records it and a row.
struct ModelChoice {
  std::vector<std::string> fields;  // of the configuration, those that no other part of a run reads
  Invariance invariance = Invariance::nothing;
  // What it reads besides the input: features and the fixed graph where there are such, or sparse graphs.
  struct Reads {
    bool features = false, graph = false, sparse_graphs = false;
  } reads;
  template <class T>
  using Record = Recorder<T> (*)(eqnn::Params<T>&, const TrainConfig&, const NetworkInputs&);
  Record<float> record_float = nullptr;
  Record<double> record_double = nullptr;

  template <class T>
  Record<T> record() const {
    if constexpr (std::is_same_v<T, float>)
      return record_float;
    else
      return record_double;
  }
};
const NameTable<ModelChoice>& models();

// The group that the values of the network of `c` do not change under, where it moves points in space.
std::optional<eqnn::PointGroup> point_group(const TrainConfig& c);
// Whether the network of `c` is sure to lack symmetries of the target: a network without any, or one that knows
// orders of the points alone, of a target whose group does more.
bool lacks_symmetry(const TrainConfig& c, const eqnn::hard::Member& member);
// Whether its program has an output "frame", a PcaFrame's value, which says where its value is undefined.
bool may_be_undefined(const TrainConfig& c);

// Whether the network of `c` reads the member's features, or the fixed graph.
bool reads_features(const TrainConfig& c, const NetworkInputs& inputs);
bool reads_graph(const TrainConfig& c, const NetworkInputs& inputs);

extern template Recorder<float> make_network(eqnn::Params<float>&, const TrainConfig&, const NetworkInputs&);
extern template Recorder<double> make_network(eqnn::Params<double>&, const TrainConfig&, const NetworkInputs&);

}  // namespace tools
