// Graphs, as adjacency matrices and as lists of edges.

#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/sparse_graphs.h>

#include <cmath>

#include "interchange/translation.h"

namespace tools {
namespace {

using eqnn::Adjacency;
using eqnn::Aggregation;
using eqnn::Shape;

std::string normalize_adjacency_row(Translation& t, const RecordedValue& v) {
  GraphBuilder& g = t.g;
  const Index n = v.shape.points;
  const std::string& a = t.in(v, 0);
  const double unit = 1 / std::sqrt(static_cast<double>(n));
  const auto form = static_cast<Adjacency>(static_cast<int>(v.numbers.at(0)));
  if (form == Adjacency::mean) {
    const std::string degree = g.node("ReduceSum", {a, g.whole({2})}, kept());
    return g.node("Div", {a, g.node("Max", {degree, g.number(1)})});
  }
  if (form == Adjacency::sqrt) return g.node("Mul", {a, g.number(unit)});
  std::vector<double> factors(static_cast<std::size_t>(n * n), 2 * unit);
  for (Index i = 0; i < n; ++i) factors[static_cast<std::size_t>(i * (n + 1))] = 0;
  return g.node("Mul", {g.node("Sub", {a, g.number(0.5)}), g.reals(factors, {1, n, n})});
}

std::string neighbor_sum_row(Translation& t, const RecordedValue& v) {
  return t.g.node("MatMul", {t.in(v, 1), t.in(v, 0)});
}
std::string with_neighbors_row(Translation& t, const RecordedValue& v) {
  return t.g.node("Concat", {t.in(v, 0), t.g.node("MatMul", {t.in(v, 1), t.in(v, 0)})}, along(2));
}

// The sum over the rows of each place of `index`, or their mean, or 0 of none.
std::string over_segments(Translation& t, const std::string& x, const std::string& index, const Shape& rows,
                          const Shape& result, bool mean) {
  const std::string sum = t.segment_sum(x, index, result);
  if (!mean) return sum;
  const std::string ones = t.g.node("Expand", {t.g.number(1), t.sizes({rows.examples, 1, 1})});
  const std::string count = t.segment_sum(ones, index, {result.examples, 1, 1});
  return t.g.node("Div", {sum, t.g.node("Max", {count, t.g.number(1)})});
}

constexpr Index kEdgeExtent = 2;

std::string aggregate_neighbors_row(Translation& t, const RecordedValue& v) {
  const auto how = static_cast<Aggregation>(static_cast<int>(v.numbers.at(0)));
  if (v.shape.examples == Shape::kCapacity || how == Aggregation::gcn) t.refuse(v);
  const std::string from = t.g.node("Gather", {t.in(v, 0), t.edge_from()}, along(0));
  return over_segments(t, from, t.edge_to(), {kEdgeExtent, 1, v.shape.channels}, v.shape, how == Aggregation::mean);
}

std::string edge_from_row(Translation& t, const RecordedValue& v) {
  return t.g.node("Gather", {t.in(v, 0), t.edge_from()}, along(0));
}
std::string edge_to_row(Translation& t, const RecordedValue& v) {
  return t.g.node("Gather", {t.in(v, 0), t.edge_to()}, along(0));
}
std::string sum_edges_row(Translation& t, const RecordedValue& v) {
  return t.segment_sum(t.in(v, 0), t.edge_to(), v.shape);
}

template <bool mean>
std::string pool_nodes_row(Translation& t, const RecordedValue& v) {
  return over_segments(t, t.in(v, 0), t.graph_of_node(), t.shape(v, 0), v.shape, mean);
}

}  // namespace

void add_graph_rows(TranslationRows& rows) {
  rows.insert({{"normalize_adjacency", normalize_adjacency_row},
               {"neighbor_sum", neighbor_sum_row},
               {"with_neighbors", with_neighbors_row},
               {"aggregate_neighbors", aggregate_neighbors_row},
               {"edge_from", edge_from_row},
               {"edge_to", edge_to_row},
               {"sum_edges", sum_edges_row},
               {"sum_nodes", pool_nodes_row<false>},
               {"mean_nodes", pool_nodes_row<true>}});
}

}  // namespace tools
