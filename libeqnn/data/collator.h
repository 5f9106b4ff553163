// Batches of graphs of examples: their features, the room they need, and the graphs side by side.
#pragma once

#include <span>

#include "labelled_examples.h"

namespace eqnn {

// Writes the node features of the given examples, one after the other: row i of `to`, its first data.channels
// entries. REQUIRES: data.has_graphs(); `to` has that many channels, and a row (an example of one point) for each
// node. T: float or double. Allocates nothing.
template <class T>
void write_node_features(const LabelledExamples& data, std::span<const Index> examples, Block<T> to);

// Room for any `shard` different examples (all when there are fewer): the most nodes, and the most edges, that they
// have together. What Program::graph must be recorded with.
struct GraphRoom {
  Index nodes = 0, edges = 0, graphs = 0;
};
// Throws ValueError for shard < 1 and for data without graphs.
GraphRoom graph_room(const LabelledExamples& data, Index shard);

// Puts examples side by side into one SparseGraph, in memory of its own that is taken once.
// Threads: one a Collator; several may share the examples, which must outlive them. A graph that a Trainer's
// callback binds must last until the shard has been replayed: take one Collator for each thread, and input, at
// least.
class Collator {
 public:
  // Room for any `shard` different examples. Throws ValueError for shard < 1 and for data without graphs.
  Collator(const LabelledExamples& data, Index shard);

  // The batch of these examples, in their order, until the next call. Allocates nothing. Throws ValueError for an
  // example that does not exist, and for more graphs, nodes or edges than there is room for (examples that occur
  // twice can need more).
  const SparseGraph& collate(std::span<const Index> examples);

 private:
  const LabelledExamples& data_;
  GraphRoom room_;
  SparseGraph batch_;
};

}  // namespace eqnn
