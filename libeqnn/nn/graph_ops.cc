#include "graph_ops.h"

#include <algorithm>

#include "../kernels/blas.h"
#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
void check_extent(const char* name, Tensor<T> x, Extent extent, const char* what) {
  require<ShapeError>(x.shape().examples == extent.id && x.shape().points == 1, name, ": x is ",
                      to_string(x.shape()), "; one row for each ", what, " of the graph is needed, ",
                      to_string(Shape{extent.id, 1, x.shape().channels}));
}

// Which rows a frame is about: a block of them, or all.
template <class T>
struct Range {
  explicit Range(const Call<T>& call) : first(call.first_row()), last(first + call.out().rows) {}
  Index first, last;
};

// The sums that one operation makes forward, and their transpose, as parts of kernels::GatherSum.
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

// out = gather(forward lists), its gradient gather(backward lists); rows of x and out may be of different
// extents, and then the operation runs whole.
template <class T, class Forward, class Backward>
Tensor<T> record_gather(const char* name, Tensor<T> x, Extent out, bool by_rows, Forward forward,
                        Backward backward) {
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = {out.id, 1, x.shape().channels},
      .forward =
          [=](const Call<T>& call) {
            const Range<T> r(call);
            gather(forward(call), r.first, r.last, call.whole_in(0), call.out().data - r.first * call.out().stride,
                   false);
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            gather(backward(call), call.first_row(), call.first_row() + dx.rows, call.whole_out_gradient(),
                   dx.data - call.first_row() * dx.stride, call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = by_rows,
  });
}

template <class T>
Tensor<T> linear_aggregation(Tensor<T> x, GraphInput graph, Aggregation how) {
  const bool mean = how == Aggregation::mean, gcn = how == Aggregation::gcn;
  return record_gather(
      "aggregate_neighbors", x, graph.nodes, true,
      [=](const Call<T>& call) {
        const SparseGraph& s = call.graph(graph);
        const double* root = gcn ? s.inverse_sqrt_degree() : nullptr;
        return Lists{s.offsets(), s.neighbors(), root, mean ? s.inverse_degree() : root, gcn};
      },
      [=](const Call<T>& call) {
        const SparseGraph& s = call.graph(graph);
        const double* root = gcn ? s.inverse_sqrt_degree() : nullptr;
        return Lists{s.reverse_offsets(), s.reverse_targets(), mean ? s.inverse_degree() : root, root, gcn};
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
            const Range<T> r(call);
            for (Index v = r.first; v < r.last; ++v)
              largest(call.whole_in(0), s.neighbors(), s.offsets()[v], s.offsets()[v + 1],
                      call.out().row(v - r.first), call.index_scratch().data() + v * c);
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

// out (+)= in matrix (+ bias), rows of out whole: the padding of the matrix is zero.
template <class T>
void add_product(const Call<T>& call, MatrixView<const T> in, MatrixView<const T> matrix, MatrixView<T> out,
                 const T* bias, bool accumulate) {
  kernels::Product<T> p;
  p.m = out.rows;
  p.n = out.stride;
  p.k = in.cols;
  p.a = in.data;
  p.a_row = in.stride;
  p.b = matrix.data;
  p.b_row = matrix.stride;
  p.c = out.data;
  p.c_row = out.stride;
  p.bias = bias;
  p.accumulate = accumulate;
  matrix_product(p, call.strict());
}

// Of inputs k, in, and k + 1, its matrix: d matrix (+)= in^T dy, d in (+)= dy matrix^T.
template <class T>
void product_gradients(const Call<T>& call, int k) {
  const MatrixView<const T> in = call.in(k), matrix = call.in(k + 1), dy = call.out_gradient();
  kernels::Product<T> p;
  if (const MatrixView<T> d = call.in_gradient(k + 1)) {
    p.m = d.rows;
    p.n = p.b_row = p.c_row = d.stride;
    p.k = in.rows;
    p.a = in.data;
    p.a_row = 1;
    p.a_col = in.stride;
    p.b = dy.data;
    p.c = d.data;
    p.accumulate = call.accumulate(k + 1);
    matrix_product(p, call.strict());
  }
  if (const MatrixView<T> d = call.in_gradient(k)) {
    p = {};
    p.m = d.rows;
    p.n = d.cols;
    p.k = matrix.cols;
    p.a = dy.data;
    p.a_row = dy.stride;
    p.b = matrix.data;
    p.b_row = matrix.stride;
    p.b_transposed = true;
    p.c = d.data;
    p.c_row = d.stride;
    p.accumulate = call.accumulate(k);
    matrix_product(p, call.strict());
    for (Index i = 0; d.cols < d.stride && i < d.rows; ++i) std::fill(d.row(i) + d.cols, d.row(i) + d.stride, T(0));
  }
}

// Sum or mean over each graph's run of nodes, and its gradient.
template <class T>
Tensor<T> pool_nodes(const char* name, Tensor<T> x, GraphInput graph, bool mean) {
  check_extent(name, x, graph.nodes, "node");
  const auto factor = [mean](const SparseGraph& s, Index g) {
    return mean ? T(1) / static_cast<T>(std::max(1, s.starts()[g + 1] - s.starts()[g])) : T(1);
  };
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = {Shape::kCapacity, 1, x.shape().channels},
      .forward =
          [=](const Call<T>& call) {
            const SparseGraph& s = call.graph(graph);
            const MatrixView<const T> in = call.in(0);
            for (Index i = 0; i < call.examples(); ++i)
              kernels::pool(1, s.starts()[i + 1] - s.starts()[i], in.stride, factor(s, i), in.row(s.starts()[i]),
                            call.out().row(i));
          },
      .backward =
          [=](const Call<T>& call) {
            const SparseGraph& s = call.graph(graph);
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index i = 0; i < call.examples(); ++i)
              kernels::pool_gradient(1, s.starts()[i + 1] - s.starts()[i], dx.stride, factor(s, i),
                                     call.out_gradient().row(i), dx.row(s.starts()[i]), call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

}  // namespace

template <class T>
Tensor<T> aggregate_neighbors(Tensor<T> x, GraphInput graph, Aggregation how) {
  check_extent("aggregate_neighbors", x, graph.nodes, "node");
  return how == Aggregation::max ? max_aggregation(x, graph) : linear_aggregation(x, graph, how);
}

template <class T>
Tensor<T> edge_from(Tensor<T> x, GraphInput graph) {
  check_extent("edge_from", x, graph.nodes, "node");
  return x.program().record({
      .name = "edge_from",
      .inputs = {x},
      .shape = {graph.edges.id, 1, x.shape().channels},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const std::int32_t* from = call.graph(graph).neighbors();
            for (Index e = 0; e < call.out().rows; ++e)
              std::copy(in.row(from[e]), in.row(from[e]) + in.stride, call.out().row(e));
          },
      .backward =
          [=](const Call<T>& call) {
            const SparseGraph& s = call.graph(graph);
            if (const MatrixView<T> dx = call.in_gradient(0))
              gather<T>({s.reverse_offsets(), s.reverse_edges()}, 0, dx.rows, call.out_gradient(), dx.data,
                        call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

template <class T>
Tensor<T> edge_to(Tensor<T> x, GraphInput graph) {
  check_extent("edge_to", x, graph.nodes, "node");
  return x.program().record({
      .name = "edge_to",
      .inputs = {x},
      .shape = {graph.edges.id, 1, x.shape().channels},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const std::int32_t* to = call.graph(graph).targets();
            for (Index e = 0; e < call.out().rows; ++e)
              std::copy(in.row(to[e]), in.row(to[e]) + in.stride, call.out().row(e));
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            const std::int32_t* offsets = call.graph(graph).offsets();
            const MatrixView<const T> dy = call.out_gradient();
            for (Index v = 0; v < dx.rows; ++v)
              kernels::column_sums(offsets[v + 1] - offsets[v], dy.stride, dy.row(offsets[v]), dy.stride, dx.row(v),
                                   call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

template <class T>
Tensor<T> sum_edges(Tensor<T> messages, GraphInput graph) {
  check_extent("sum_edges", messages, graph.edges, "edge");
  return messages.program().record({
      .name = "sum_edges",
      .inputs = {messages},
      .shape = {graph.nodes.id, 1, messages.shape().channels},
      .forward =
          [=](const Call<T>& call) {
            const std::int32_t* offsets = call.graph(graph).offsets();
            const MatrixView<const T> in = call.in(0);
            for (Index v = 0; v < call.out().rows; ++v)
              kernels::column_sums(offsets[v + 1] - offsets[v], in.stride, in.row(offsets[v]), in.stride,
                                   call.out().row(v), false);
          },
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
Tensor<T> linear_pair(Tensor<T> x, Tensor<T> w, Tensor<T> z, Tensor<T> v, Tensor<T> bias) {
  const Shape &a = x.shape(), &b = z.shape();
  const Index out = w.shape().channels;
  require<ShapeError>(a.examples == b.examples && a.points == b.points && a.examples != Shape::kShared,
                      "linear_pair: x is ", to_string(a), " and z is ", to_string(b),
                      "; they must have the same rows");
  require<ShapeError>(w.shape() == Shape{Shape::kShared, a.channels, out} &&
                          v.shape() == Shape{Shape::kShared, b.channels, out} &&
                          bias.shape() == Shape{Shape::kShared, 1, out},
                      "linear_pair: x is ", to_string(a), ", z is ", to_string(b), ", and the parameters are ",
                      to_string(w.shape()), ", ", to_string(v.shape()), " and ", to_string(bias.shape()),
                      "; weights have one row a channel, and the bias one entry an output channel");
  return x.program().record({
      .name = "linear_pair",
      .inputs = {x, w, z, v, bias},
      .shape = {a.examples, a.points, out},
      .forward =
          [](const Call<T>& call) {
            add_product(call, call.in(0), call.in(1), call.out(), call.in(4).data, false);
            add_product<T>(call, call.in(2), call.in(3), call.out(), nullptr, true);
          },
      .backward =
          [](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            if (const MatrixView<T> db = call.in_gradient(4))
              kernels::column_sums(dy.rows, dy.stride, dy.data, dy.stride, db.data, call.accumulate(4));
            product_gradients(call, 0);
            product_gradients(call, 2);
          },
      .backward_reads_output = false,
      .overwrites = true,
      .by_rows = true,
      .multiply_adds = static_cast<double>(a.points * (a.channels + b.channels) * out),
  });
}

template <class T>
Tensor<T> sum_nodes(Tensor<T> x, GraphInput graph) {
  return pool_nodes("sum_nodes", x, graph, false);
}
template <class T>
Tensor<T> mean_nodes(Tensor<T> x, GraphInput graph) {
  return pool_nodes("mean_nodes", x, graph, true);
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
                if (const std::int32_t v = call.index_scratch()[static_cast<std::size_t>(i * c + k)]; v >= 0)
                  dx(v, k) += call.out_gradient()(i, k);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .index_scratch = x.program().capacity() * c,
  });
}

#define EQNN_INSTANTIATE(T)                                                              \
  template Tensor<T> aggregate_neighbors(Tensor<T>, GraphInput, Aggregation);            \
  template Tensor<T> edge_from(Tensor<T>, GraphInput);                                   \
  template Tensor<T> edge_to(Tensor<T>, GraphInput);                                     \
  template Tensor<T> sum_edges(Tensor<T>, GraphInput);                                   \
  template Tensor<T> linear_pair(Tensor<T>, Tensor<T>, Tensor<T>, Tensor<T>, Tensor<T>); \
  template Tensor<T> sum_nodes(Tensor<T>, GraphInput);                                   \
  template Tensor<T> mean_nodes(Tensor<T>, GraphInput);                                  \
  template Tensor<T> max_nodes(Tensor<T>, GraphInput);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
