#include "sparse_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace eqnn {

SparseGraph::SparseGraph(Index node_capacity, Index edge_capacity, Index graph_capacity) {
  require(node_capacity >= 0 && edge_capacity >= 0 && graph_capacity >= 0, "a batch of graphs has room for ",
          node_capacity, " nodes, ", edge_capacity, " edges and ", graph_capacity, " graphs; none may be negative");
  const auto nodes = static_cast<std::size_t>(node_capacity), edges = static_cast<std::size_t>(edge_capacity);
  for (auto* v : {&offsets_, &reverse_offsets_}) v->reserve(nodes + 1);
  for (auto* v : {&neighbors_, &targets_, &reverse_targets_, &reverse_edges_}) v->reserve(edges);
  for (auto* v : {&inverse_degree_, &inverse_sqrt_degree_}) v->reserve(nodes);
  starts_.reserve(static_cast<std::size_t>(graph_capacity) + 1);
}

SparseGraph::SparseGraph(std::span<const std::int32_t> offsets, std::span<const std::int32_t> neighbors) {
  require(!offsets.empty() &&
              offsets.size() - 1 < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) &&
              neighbors.size() < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
          "a graph has ", offsets.size(), " row offsets and ", neighbors.size(),
          " edges; 1 to 2^31 - 1 offsets are allowed");
  const auto n = static_cast<std::int32_t>(offsets.size() - 1);
  require(offsets.front() == 0, "a graph's first row offset is ", offsets.front(), "; it must be 0");
  for (std::size_t v = 0; v + 1 < offsets.size(); ++v)
    require(offsets[v] <= offsets[v + 1], "row offset ", v + 1, " of a graph is ", offsets[v + 1],
            ", less than the one before, ", offsets[v]);
  require(static_cast<std::size_t>(offsets.back()) == neighbors.size(), "a graph's last row offset is ",
          offsets.back(), " and it has ", neighbors.size(), " edges; they must be equal");
  for (std::size_t e = 0; e < neighbors.size(); ++e)
    require(neighbors[e] >= 0 && neighbors[e] < n, "edge ", e, " of a graph leads to node ", neighbors[e],
            "; nodes are 0 to ", n - 1);
  offsets_.assign(offsets.begin(), offsets.end());
  neighbors_.assign(neighbors.begin(), neighbors.end());
  starts_ = {0, n};
  transpose();
  degrees(0);
}

SparseGraph SparseGraph::from_edges(Index nodes, std::span<const std::pair<std::int32_t, std::int32_t>> edges) {
  require(nodes >= 0 && nodes < std::numeric_limits<std::int32_t>::max(), "a graph has ", nodes,
          " nodes; 0 to 2^31 - 2 are allowed");
  std::vector<std::int32_t> offsets(static_cast<std::size_t>(nodes) + 1), neighbors(edges.size());
  for (const auto& [v, j] : edges) {
    require(v >= 0 && v < nodes, "an edge starts at node ", v, "; nodes are 0 to ", nodes - 1);
    ++offsets[v + 1];
  }
  for (std::size_t v = 1; v < offsets.size(); ++v) offsets[v] += offsets[v - 1];
  std::vector<std::int32_t> next = offsets;
  for (const auto& [v, j] : edges) neighbors[next[v]++] = j;
  return SparseGraph(offsets, neighbors);
}

// Counting sort by neighbour: within a reverse row, edges keep their order.
void SparseGraph::transpose() {
  const std::size_t n = offsets_.size() - 1, edges = neighbors_.size();
  targets_.resize(edges);
  reverse_offsets_.assign(n + 1, 0);
  reverse_targets_.resize(edges);
  reverse_edges_.resize(edges);
  for (std::int32_t j : neighbors_) ++reverse_offsets_[j + 1];
  for (std::size_t v = 1; v <= n; ++v) reverse_offsets_[v] += reverse_offsets_[v - 1];
  std::vector<std::int32_t> next(reverse_offsets_.begin(), reverse_offsets_.end());
  for (std::size_t v = 0; v < n; ++v)
    for (auto e = static_cast<std::size_t>(offsets_[v]); e < static_cast<std::size_t>(offsets_[v + 1]); ++e) {
      targets_[e] = static_cast<std::int32_t>(v);
      const auto place = static_cast<std::size_t>(next[neighbors_[e]]++);
      reverse_targets_[place] = static_cast<std::int32_t>(v);
      reverse_edges_[place] = static_cast<std::int32_t>(e);
    }
}

void SparseGraph::degrees(Index first) {
  for (auto v = static_cast<std::size_t>(first); v + 1 < offsets_.size(); ++v) {
    const double degree = offsets_[v + 1] - offsets_[v];
    inverse_degree_.push_back(1 / std::max(1.0, degree));
    inverse_sqrt_degree_.push_back(1 / std::sqrt(degree + 1));
  }
}

void SparseGraph::clear() {
  for (auto* v : {&offsets_, &reverse_offsets_, &starts_}) v->assign(1, 0);
  for (auto* v : {&neighbors_, &targets_, &reverse_targets_, &reverse_edges_}) v->clear();
  inverse_degree_.clear();
  inverse_sqrt_degree_.clear();
}

namespace {
void append_shifted(std::vector<std::int32_t>& to, const std::vector<std::int32_t>& from, std::size_t skip,
                    Index shift) {
  for (std::size_t i = skip; i < from.size(); ++i) to.push_back(from[i] + static_cast<std::int32_t>(shift));
}
}  // namespace

void SparseGraph::append(const SparseGraph& g) {
  if (&g == this) return append(SparseGraph(g));
  constexpr Index most = std::numeric_limits<std::int32_t>::max() - 1;
  require(nodes() + g.nodes() <= most && edges() + g.edges() <= most, "a batch of graphs would have ",
          nodes() + g.nodes(), " nodes and ", edges() + g.edges(), " edges; at most ", most, " are allowed");
  const Index nodes_before = nodes(), edges_before = edges();
  append_shifted(offsets_, g.offsets_, 1, edges_before);
  append_shifted(reverse_offsets_, g.reverse_offsets_, 1, edges_before);
  append_shifted(neighbors_, g.neighbors_, 0, nodes_before);
  append_shifted(targets_, g.targets_, 0, nodes_before);
  append_shifted(reverse_targets_, g.reverse_targets_, 0, nodes_before);
  append_shifted(reverse_edges_, g.reverse_edges_, 0, edges_before);
  append_shifted(starts_, g.starts_, 1, nodes_before);
  degrees(nodes_before);
}

}  // namespace eqnn
