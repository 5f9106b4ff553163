#include "collator.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace eqnn {
namespace {

// The largest `count` of the numbers, added.
Index sum_of_largest(std::vector<Index> numbers, Index count) {
  const auto end = numbers.begin() + std::min(count, static_cast<Index>(numbers.size()));
  std::partial_sort(numbers.begin(), end, numbers.end(), std::greater<>());
  Index sum = 0;
  for (auto i = numbers.begin(); i != end; ++i) sum += *i;
  return sum;
}

}  // namespace

template <class T>
void write_node_features(const LabelledExamples& data, std::span<const Index> examples, Block<T> to) {
  const auto labels = static_cast<Index>(data.label_values.size());
  Index row = 0;
  for (const Index e : examples)
    for (Index v = data.node_starts[e]; v < data.node_starts[static_cast<std::size_t>(e) + 1]; ++v, ++row) {
      T* out = to.row(row);
      std::fill(out, out + data.channels, T(0));
      if (labels > 0) out[data.node_labels[v]] = T(1);
      for (Index i = 0; i < data.attributes; ++i)
        out[labels + i] = static_cast<T>(data.node_attributes[v * data.attributes + i]);
    }
}
template void write_node_features(const LabelledExamples&, std::span<const Index>, Block<float>);
template void write_node_features(const LabelledExamples&, std::span<const Index>, Block<double>);

GraphRoom graph_room(const LabelledExamples& data, Index shard) {
  require(shard >= 1, "a shard has ", shard, " examples; 1 at least is needed");
  require(data.has_graphs(), data.path, ": the examples are arrays; graphs are needed");
  std::vector<Index> nodes, edges;
  for (const SparseGraph& g : data.graphs) {
    nodes.push_back(g.nodes());
    edges.push_back(g.edges());
  }
  return {sum_of_largest(nodes, shard), sum_of_largest(edges, shard), std::min(shard, data.examples)};
}

Collator::Collator(const LabelledExamples& data, Index shard)
    : data_(data), room_(graph_room(data, shard)), batch_(room_.nodes, room_.edges, room_.graphs) {}

const SparseGraph& Collator::collate(std::span<const Index> examples) {
  Index nodes = 0, edges = 0;
  for (const Index e : examples) {
    require(e >= 0 && e < data_.examples, "there is no example ", e, "; examples are 0 to ", data_.examples - 1);
    nodes += data_.graphs[e].nodes();
    edges += data_.graphs[e].edges();
  }
  const auto graphs = static_cast<Index>(examples.size());
  require(graphs <= room_.graphs && nodes <= room_.nodes && edges <= room_.edges, "a batch has ", graphs,
          " graphs, ", nodes, " nodes and ", edges, " edges; there is room for ", room_.graphs, ", ", room_.nodes,
          " and ", room_.edges, ": make the shard larger, or let no example occur twice");
  batch_.clear();
  for (const Index e : examples) batch_.append(data_.graphs[e]);
  return batch_;
}

}  // namespace eqnn
