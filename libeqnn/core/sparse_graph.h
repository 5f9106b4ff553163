// Sparse graphs: neighbour lists and their transpose, one graph or a batch of graphs side by side.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "check.h"

namespace eqnn {

// A directed graph on nodes 0..n-1 in compressed rows: row v lists the nodes whose values node v takes in
// (A_vj = 1), in ascending order of insertion; repeated edges and self loops are kept as they are. Edge number
// e is the e-th entry of the concatenated rows. A batch of graphs is one graph whose nodes come graph after
// graph. INVARIANT: every index is in range, so whoever reads needs no checks.
// Threads: any number may read.
class SparseGraph {
 public:
  SparseGraph() = default;
  // An empty batch with room for so much; append() then never allocates.
  SparseGraph(Index node_capacity, Index edge_capacity, Index graph_capacity);
  // From compressed rows: offsets [n + 1], neighbors [edges]. Throws ValueError for offsets that do not start
  // at 0, decrease or do not end at the number of edges, and for a neighbour outside 0..n-1, naming it.
  SparseGraph(std::span<const std::int32_t> offsets, std::span<const std::int32_t> neighbors);
  // From pairs (node, neighbour), in any order. Throws ValueError for an index outside 0..n-1.
  static SparseGraph from_edges(Index nodes, std::span<const std::pair<std::int32_t, std::int32_t>> edges);

  // Empties the batch, keeping its memory; adds a graph's nodes and edges behind those that are there.
  void clear();
  void append(const SparseGraph& graph);

  Index nodes() const { return static_cast<Index>(offsets_.size()) - 1; }
  Index edges() const { return static_cast<Index>(neighbors_.size()); }
  Index graphs() const { return static_cast<Index>(starts_.size()) - 1; }

  const std::int32_t* offsets() const { return offsets_.data(); }      // [n + 1]
  const std::int32_t* neighbors() const { return neighbors_.data(); }  // [edges]: the node taken in
  const std::int32_t* targets() const { return targets_.data(); }      // [edges]: the node that takes it in
  // The transpose: row j lists the nodes that take j in, and the numbers of those edges.
  const std::int32_t* reverse_offsets() const { return reverse_offsets_.data(); }
  const std::int32_t* reverse_targets() const { return reverse_targets_.data(); }
  const std::int32_t* reverse_edges() const { return reverse_edges_.data(); }
  // First node of each graph, and the number of nodes: [graphs + 1].
  const std::int32_t* starts() const { return starts_.data(); }
  // 1 / max(1, degree) and 1 / sqrt(degree + 1), degree = length of row v.
  const double* inverse_degree() const { return inverse_degree_.data(); }
  const double* inverse_sqrt_degree() const { return inverse_sqrt_degree_.data(); }

 private:
  void transpose();
  void degrees(Index first);

  std::vector<std::int32_t> offsets_{0}, neighbors_, targets_;
  std::vector<std::int32_t> reverse_offsets_{0}, reverse_targets_, reverse_edges_;
  std::vector<std::int32_t> starts_{0};
  std::vector<double> inverse_degree_, inverse_sqrt_degree_;
};

}  // namespace eqnn
