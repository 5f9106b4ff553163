#include "sparse_graphs.h"

#include <algorithm>

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
void check_extent(const char* name, Tensor<T> x, Extent extent, const char* what) {
  require<ShapeError>(x.shape().examples == extent.id && x.shape().points == 1, name, ": x is ",
                      to_string(x.shape()), "; one row for each ", what, " of the graph is needed, ",
                      to_string(Shape{extent.id, 1, x.shape().channels}));
}

// The part of kernels::GatherSum that the graph gives.
struct Lists {
  const std::int32_t* offsets;
  const std::int32_t* index;
  const double* from = nullptr;
  const double* to = nullptr;
  bool self = false;
};

template <class T>
void gather(const Lists& l, Index first, Index last, MatrixView<const T> in, T* out, bool accumulate) {
  kernels::gather_sum<T>(
      {first, last, l.offsets, l.index, l.from, l.to, l.self, in.stride, in.data, out, accumulate});
}

// The sums over the neighbours of every node, or, transposed, over the nodes that take it in.
Lists neighbor_lists(const SparseGraph& s, Aggregation how, bool transposed) {
  const bool gcn = how == Aggregation::gcn;
  const double* root = gcn ? s.inverse_sqrt_degree() : nullptr;
  const double* degree = how == Aggregation::mean ? s.inverse_degree() : root;
  return transposed ? Lists{s.reverse_offsets(), s.reverse_targets(), degree, root, gcn}
                    : Lists{s.offsets(), s.neighbors(), root, degree, gcn};
}

template <class T>
Tensor<T> linear_aggregation(Tensor<T> x, GraphInput graph, Aggregation how) {
  return x.program().record({
      .name = "aggregate_neighbors",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [=](const Call<T>& call) {
            const Index first = call.first_row();
            gather(neighbor_lists(call.graph(graph), how, false), first, first + call.out().rows, call.whole_in(0),
                   call.out().data - first * call.out().stride, false);
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            const Index first = call.first_row();
            gather(neighbor_lists(call.graph(graph), how, true), first, first + dx.rows, call.whole_out_gradient(),
                   dx.data - first * dx.stride, call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
      .numbers = {static_cast<double>(how)},
  });
}

// For row `v` and each channel, the first of the rows list[begin..end) with the largest value; -1 for none.
template <class T>
void largest(MatrixView<const T> in, const std::int32_t* list, std::int32_t begin, std::int32_t end, T* out,
             std::int32_t* which) {
  for (Index j = 0; j < in.cols; ++j) {
    std::int32_t best = -1;
    for (std::int32_t e = begin; e < end; ++e) {
      const std::int32_t row = list ? list[e] : e;
      if (best < 0 || in(row, j) > in(best, j)) best = row;
    }
    which[j] = best;
    out[j] = best < 0 ? T(0) : in(best, j);
  }
  std::fill(out + in.cols, out + in.stride, T(0));
}

// Backward of a node walks over whoever took it in: each row of the gradient has one writer.
template <class T>
Tensor<T> max_aggregation(Tensor<T> x, GraphInput graph) {
  const Index c = x.shape().channels;
  return x.program().record({
      .name = "aggregate_neighbors (max)",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [=](const Call<T>& call) {
            const SparseGraph& s = call.graph(graph);
            const Index first = call.first_row();
            for (Index i = 0; i < call.out().rows; ++i) {
              const Index v = first + i;
              largest(call.whole_in(0), s.neighbors(), s.offsets()[v], s.offsets()[v + 1], call.out().row(i),
                      call.index_scratch().data() + v * c);
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            const SparseGraph& s = call.graph(graph);
            const MatrixView<const T> dy = call.whole_out_gradient();
            for (Index i = 0; i < dx.rows; ++i) {
              const Index j = call.first_row() + i;
              if (!call.accumulate(0)) std::fill(dx.row(i), dx.row(i) + dx.stride, T(0));
              std::int32_t before = -1;  // a repeated edge takes in once
              for (std::int32_t e = s.reverse_offsets()[j]; e < s.reverse_offsets()[j + 1]; ++e) {
                const std::int32_t v = s.reverse_targets()[e];
                if (v == before) continue;
                before = v;
                const std::int32_t* which = call.index_scratch().data() + static_cast<Index>(v) * c;
                for (Index k = 0; k < c; ++k)
                  if (which[k] == j) dx(i, k) += dy(v, k);
              }
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
      .index_scratch = x.program().capacity(graph.nodes) * c,
  });
}

// Row v of `nodes` (+)= the sum over the edges of its row, which stand side by side.
template <class T>
void sum_rows_of_edges(const SparseGraph& s, MatrixView<const T> edges, MatrixView<T> nodes, bool accumulate) {
  const std::int32_t* offsets = s.offsets();
  for (Index v = 0; v < nodes.rows; ++v)
    kernels::column_sums(offsets[v + 1] - offsets[v], edges.stride, edges.row(offsets[v]), edges.stride,
                         nodes.row(v), accumulate);
}

// Row e of the result is the value of one end of edge e. Its gradient, sum(graph, dy, dx, accumulate), adds up
// the edges that end so in each node.
template <class T, class Sum>
Tensor<T> record_ends(const char* name, Tensor<T> x, GraphInput graph,
                      const std::int32_t* (SparseGraph::*end)() const, Sum sum) {
  check_extent(name, x, graph.nodes, "node");
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = {graph.edges.id, 1, x.shape().channels},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const std::int32_t* node = (call.graph(graph).*end)();
            for (Index e = 0; e < call.out().rows; ++e) std::copy_n(in.row(node[e]), in.stride, call.out().row(e));
          },
      .backward =
          [=](const Call<T>& call) {
            if (const MatrixView<T> dx = call.in_gradient(0))
              sum(call.graph(graph), call.out_gradient(), dx, call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

// Sum or mean over each graph's run of nodes, and its gradient.
template <class T>
Operation<T> pool_nodes(const char* name, Tensor<T> x, GraphInput graph, bool mean, bool relu = false) {
  const auto factor = [mean](const SparseGraph& s, Index g) {
    return mean ? T(1) / static_cast<T>(std::max(1, s.starts()[g + 1] - s.starts()[g])) : T(1);
  };
  return {
      .name = concat(name, relu ? " of relu" : ""),
      .inputs = {x},
      .shape = {Shape::kCapacity, 1, x.shape().channels},
      .forward =
          [=](const Call<T>& call) {
            const SparseGraph& s = call.graph(graph);
            const MatrixView<const T> in = call.in(0);
            for (Index i = 0; i < call.examples(); ++i)
              kernels::pool(relu, 1, s.starts()[i + 1] - s.starts()[i], in.stride, factor(s, i),
                            in.row(s.starts()[i]), call.out().row(i));
          },
      .backward =
          [=](const Call<T>& call) {
            const SparseGraph& s = call.graph(graph);
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index i = 0; i < call.examples(); ++i)
              kernels::pool_gradient(relu, 1, s.starts()[i + 1] - s.starts()[i], dx.stride, factor(s, i),
                                     call.in(0).row(s.starts()[i]), call.out_gradient().row(i),
                                     dx.row(s.starts()[i]), call.accumulate(0));
          },
      .backward_reads_inputs = relu,
      .backward_reads_output = false,
      .overwrites = true,
      .of_relu = [=](Tensor<T> y) { return pool_nodes(name, y, graph, mean, true); },
  };
}

}  // namespace

template <class T>
Tensor<T> aggregate_neighbors(Tensor<T> x, GraphInput graph, Aggregation how) {
  check_extent("aggregate_neighbors", x, graph.nodes, "node");
  return how == Aggregation::max ? max_aggregation(x, graph) : linear_aggregation(x, graph, how);
}

template <class T>
Tensor<T> edge_from(Tensor<T> x, GraphInput graph) {
  const auto sum = [](const SparseGraph& s, MatrixView<const T> edges, MatrixView<T> nodes, bool accumulate) {
    gather<T>({s.reverse_offsets(), s.reverse_edges()}, 0, nodes.rows, edges, nodes.data, accumulate);
  };
  return record_ends("edge_from", x, graph, &SparseGraph::neighbors, sum);
}

template <class T>
Tensor<T> edge_to(Tensor<T> x, GraphInput graph) {
  return record_ends("edge_to", x, graph, &SparseGraph::targets, sum_rows_of_edges<T>);
}

template <class T>
Tensor<T> sum_edges(Tensor<T> messages, GraphInput graph) {
  check_extent("sum_edges", messages, graph.edges, "edge");
  return messages.program().record({
      .name = "sum_edges",
      .inputs = {messages},
      .shape = {graph.nodes.id, 1, messages.shape().channels},
      .forward = [=](const Call<T>& call) { sum_rows_of_edges(call.graph(graph), call.in(0), call.out(), false); },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dm = call.in_gradient(0);
            if (!dm) return;
            const std::int32_t* to = call.graph(graph).targets();
            for (Index e = 0; e < dm.rows; ++e)
              kernels::axpy(dm.stride, T(1), call.out_gradient().row(to[e]), dm.row(e), call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

template <class T>
Tensor<T> softmax_edges(Tensor<T> scores, GraphInput graph) {
  check_extent("softmax_edges", scores, graph.edges, "edge");
  // visit(first edge, last edge, channel) for every node that has any.
  const auto each_row = [graph, c = scores.shape().channels](const Call<T>& call, const auto& visit) {
    const SparseGraph& s = call.graph(graph);
    for (Index v = 0; v < s.nodes(); ++v)
      for (Index j = 0; s.offsets()[v] < s.offsets()[v + 1] && j < c; ++j)
        visit(s.offsets()[v], s.offsets()[v + 1], j);
  };
  return scores.program().record({
      .name = "softmax_edges",
      .inputs = {scores},
      .shape = scores.shape(),
      .forward =
          [each_row](const Call<T>& call) {
            const MatrixView<const T> x = call.in(0);
            const MatrixView<T> y = call.out();
            each_row(call, [&](Index first, Index last, Index j) {
              T top = x(first, j);
              for (Index e = first; e < last; ++e) top = std::max(top, x(e, j));
              for (Index e = first; e < last; ++e) y(e, j) = x(e, j) - top;
            });
            clear_padding(y);
            kernels::exp(y.size(), y.data, y.data);
            each_row(call, [&](Index first, Index last, Index j) {
              T sum = 0;
              for (Index e = first; e < last; ++e) sum += y(e, j);
              for (Index e = first; e < last; ++e) y(e, j) /= sum;
            });
          },
      .backward =
          [each_row](const Call<T>& call) {
            const MatrixView<const T> y = call.out(), dy = call.out_gradient();
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            each_row(call, [&](Index first, Index last, Index j) {
              T sum = 0;
              for (Index e = first; e < last; ++e) sum += dy(e, j) * y(e, j);
              for (Index e = first; e < last; ++e) dx(e, j) += y(e, j) * (dy(e, j) - sum);
            });
          },
      .backward_reads_inputs = false,
  });
}

template <class T>
Tensor<T> sum_nodes(Tensor<T> x, GraphInput graph) {
  check_extent("sum_nodes", x, graph.nodes, "node");
  return x.program().record(pool_nodes("sum_nodes", x, graph, false));
}
template <class T>
Tensor<T> mean_nodes(Tensor<T> x, GraphInput graph) {
  check_extent("mean_nodes", x, graph.nodes, "node");
  return x.program().record(pool_nodes("mean_nodes", x, graph, true));
}

template <class T>
Tensor<T> max_nodes(Tensor<T> x, GraphInput graph) {
  check_extent("max_nodes", x, graph.nodes, "node");
  const Index c = x.shape().channels;
  return x.program().record({
      .name = "max_nodes",
      .inputs = {x},
      .shape = {Shape::kCapacity, 1, c},
      .forward =
          [=](const Call<T>& call) {
            const std::int32_t* starts = call.graph(graph).starts();
            for (Index i = 0; i < call.examples(); ++i)
              largest(call.in(0), nullptr, starts[i], starts[i + 1], call.out().row(i),
                      call.index_scratch().data() + i * c);
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            if (!call.accumulate(0)) std::fill(dx.data, dx.data + dx.rows * dx.stride, T(0));
            for (Index i = 0; i < call.examples(); ++i)
              for (Index k = 0; k < c; ++k)
                if (const std::int32_t v = call.index_scratch()[i * c + k]; v >= 0)
                  dx(v, k) += call.out_gradient()(i, k);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .index_scratch = x.program().capacity() * c,
  });
}

#define EQNN_INSTANTIATE(T)                                                   \
  template Tensor<T> aggregate_neighbors(Tensor<T>, GraphInput, Aggregation); \
  template Tensor<T> edge_from(Tensor<T>, GraphInput);                        \
  template Tensor<T> edge_to(Tensor<T>, GraphInput);                          \
  template Tensor<T> sum_edges(Tensor<T>, GraphInput);                        \
  template Tensor<T> softmax_edges(Tensor<T>, GraphInput);                    \
  template Tensor<T> sum_nodes(Tensor<T>, GraphInput);                        \
  template Tensor<T> mean_nodes(Tensor<T>, GraphInput);                       \
  template Tensor<T> max_nodes(Tensor<T>, GraphInput);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
