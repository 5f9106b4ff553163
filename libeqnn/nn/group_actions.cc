// Each operation and its gradient stand side by side, in one function.

#include "group_actions.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

using Point = std::int32_t;
using Points = std::vector<Point>;

template <class T>
void fill_zero(MatrixView<T> m) {
  std::fill(m.data, m.data + m.rows * m.stride, T(0));
}

// y (+)= x over `size` elements.
template <class T>
void put(Index size, const T* x, T* y, bool accumulate) {
  if (!accumulate) {
    std::copy(x, x + size, y);
  } else {
    for (Index i = 0; i < size; ++i) y[i] += x[i];
  }
}

// Row i of each example is the rows t_i1, t_i2, ... of x side by side.
template <class T>
void gather(const Call<T>& call, Index points, Index rows, Index q, const Points& table) {
  const MatrixView<const T> x = call.in(0);
  const MatrixView<T> y = call.out();
  const Index c = x.cols;
  for (Index e = 0; e < call.examples(); ++e) {
    const Point* t = table.data();
    for (Index i = e * rows; i < (e + 1) * rows; ++i) {
      T* row = y.row(i);
      for (Index j = 0; j < q; ++j) {
        const T* from = x.row(e * points + *t++);
        if (c == 1)
          row[j] = *from;
        else
          std::copy(from, from + c, row + j * c);
      }
      std::fill(row + y.cols, row + y.stride, T(0));
    }
  }
}

template <class T>
void gather_gradient(const Call<T>& call, Index points, Index rows, Index q, const Points& table) {
  const MatrixView<const T> dy = call.out_gradient();
  const MatrixView<T> dx = call.in_gradient(0);
  const Index c = dx.cols;
  if (!call.accumulate(0)) fill_zero(dx);
  for (Index e = 0; e < call.examples(); ++e) {
    const Point* t = table.data();
    for (Index i = e * rows; i < (e + 1) * rows; ++i)
      for (Index j = 0; j < q; ++j) put(c, dy.row(i) + j * c, dx.row(e * points + *t++), true);
  }
}

template <class T>
Tensor<T> record_gather(const char* name, Tensor<T> x, Index rows, Points points_table) {
  const Index points = x.shape().points, q = static_cast<Index>(points_table.size()) / rows;
  const auto table = std::make_shared<const Points>(std::move(points_table));
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = {x.shape().examples, rows, q * x.shape().channels},
      .forward = [=](const Call<T>& call) { gather(call, points, rows, q, *table); },
      .backward = [=](const Call<T>& call) { gather_gradient(call, points, rows, q, *table); },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .table = table,
  });
}

Points images_of(const Permutation& p) { return {p.images().begin(), p.images().end()}; }

// y_{p(i)} = x_i, or y_i = x_{p(i)} when `back`, with each example's own p. Its images stay in the index
// scratch for the gradient; the last row there is room to compose them in.
template <class T>
Tensor<T> record_random(const char* name, Tensor<T> x, const RandomElement& element, bool back) {
  const Index n = x.shape().points;
  detail::check_action(name, x, element.group.points());
  const auto images = [n](const Call<T>& call, Index row) { return call.index_scratch().subspan(row * n, n); };
  const Index capacity = x.program().capacity();
  return x.program().record({
      .name = name,
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [=](const Call<T>& call) {
            const std::uint64_t seed = call.span().seed + 0x9E3779B97F4A7C15u * element.key;
            for (Index e = 0; e < call.examples(); ++e) {
              const auto p = images(call, e);
              element.group.random(
                  {seed, Stream::group, call.span().step, static_cast<std::uint64_t>(call.span().first + e)}, p,
                  images(call, capacity));
              for (Index i = 0; i < n; ++i) {
                const Index from = back ? p[i] : i, to = back ? i : p[i];
                put(call.out().stride, call.in(0).row(e * n + from), call.out().row(e * n + to), false);
              }
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index e = 0; e < call.examples(); ++e)
              for (Index i = 0; i < n; ++i) {
                const Index image = images(call, e)[i], from = back ? image : i, to = back ? i : image;
                put(dx.stride, call.out_gradient().row(e * n + to), dx.row(e * n + from), call.accumulate(0));
              }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .index_scratch = (capacity + 1) * n,
  });
}

}  // namespace

template <class T>
void detail::check_action(const char* name, Tensor<T> x, Index points) {
  check_examples(name, x);
  require<ShapeError>(x.shape().points == points, name, ": x is ", to_string(x.shape()),
                      " and the permutation has ", points, " points; it must have one image for each point of x");
}

void detail::check_average(const char* name, Index elements) {
  require(elements >= 1, name, ": ", elements, " group elements are given; at least 1 is needed");
}

template <class T>
Tensor<T> permute_points(Tensor<T> x, const Permutation& p) {
  detail::check_action("permute_points", x, p.points());
  return record_gather("permute_points", x, p.points(), images_of(p.inverse()));
}

template <class T>
Tensor<T> permute_points(Tensor<T> x, const RandomElement& p) {
  return record_random("permute_points", x, p, false);
}

template <class T>
Tensor<T> unpermute_points(Tensor<T> x, const RandomElement& p) {
  return record_random("unpermute_points", x, p, true);
}

template <class T>
Tensor<T> permute_pairs(Tensor<T> a, const Permutation& p) {
  const Index n = p.points();
  detail::check_action("permute_pairs", a, n);
  require<ShapeError>(a.shape().channels == n, "permute_pairs: ", to_string(a.shape()),
                      "; an adjacency is [b, n, n]");
  const auto back = std::make_shared<const Points>(images_of(p.inverse()));
  return a.program().record({
      .name = "permute_pairs",
      .inputs = {a},
      .shape = a.shape(),
      .forward =
          [=](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i) {
              const T* from = call.in(0).row(i / n * n + (*back)[i % n]);
              T* to = call.out().row(i);
              for (Index j = 0; j < n; ++j) to[j] = from[(*back)[j]];
              std::fill(to + n, to + call.out().stride, T(0));
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> da = call.in_gradient(0);
            if (!call.accumulate(0)) fill_zero(da);
            for (Index i = 0; i < da.rows; ++i) {
              const T* from = call.out_gradient().row(i);
              T* to = da.row(i / n * n + (*back)[i % n]);
              for (Index j = 0; j < n; ++j) to[(*back)[j]] += from[j];
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
      .table = back,
  });
}

template <class T>
Tensor<T> orbit(Tensor<T> x, std::span<const Permutation> elements) {
  detail::check_average("orbit", static_cast<Index>(elements.size()));
  Points table;
  for (const Permutation& p : elements) {
    detail::check_action("orbit", x, p.points());
    const Permutation back = p.inverse();
    table.insert(table.end(), back.images().begin(), back.images().end());
  }
  return record_gather("orbit", x, static_cast<Index>(elements.size()), std::move(table));
}

template <class T>
Tensor<T> gather_points(Tensor<T> x, Index rows, std::vector<std::int32_t> table) {
  check_examples("gather_points", x);
  const auto size = static_cast<Index>(table.size());
  require<ShapeError>(rows >= 1 && size >= 1 && size % rows == 0, "gather_points: a table of ", size,
                      " entries is cut into ", rows, " rows; all rows must have the same length, at least 1");
  for (Index i = 0; i < size; ++i)
    require<ShapeError>(table[i] >= 0 && table[i] < x.shape().points, "gather_points: entry ", i,
                        " of the table is ", table[i], " and x is ", to_string(x.shape()), "; allowed are 0 to ",
                        x.shape().points - 1);
  return record_gather("gather_points", x, rows, std::move(table));
}

template <class T>
Tensor<T> project_to_points(Tensor<T> f, const PermutationGroup& group) {
  check_examples("project_to_points", f);
  const std::vector<Permutation> elements = group.elements();
  const Index n = group.points(), order = static_cast<Index>(elements.size());
  require<ShapeError>(f.shape().points == order, "project_to_points: f is ", to_string(f.shape()),
                      " and the group has ", order, " elements; f must have one row an element");
  const Orbits orbits = group.orbits();
  Points root(orbits.count, -1), sources, start = {0};
  for (Index i = 0; i < n; ++i)
    if (Point& r = root[orbits.label[i]]; r < 0) r = static_cast<Point>(i);
  for (Index i = 0; i < n; ++i) {
    for (Index g = 0; g < order; ++g)
      if (elements[g](root[orbits.label[i]]) == i) sources.push_back(static_cast<Point>(g));
    start.push_back(static_cast<Point>(sources.size()));
  }
  // Calls visit(row of f, row of y, 1 / number of sources) for all sources, point after point.
  const auto walk = [=](Index examples, const auto& visit) {
    for (Index e = 0; e < examples; ++e)
      for (Index i = 0; i < n; ++i)
        for (Point k = start[i]; k < start[i + 1]; ++k)
          visit(e * order + sources[k], e * n + i, T(1) / static_cast<T>(start[i + 1] - start[i]));
  };
  return f.program().record({
      .name = "project_to_points",
      .inputs = {f},
      .shape = {f.shape().examples, n, f.shape().channels},
      .forward =
          [walk](const Call<T>& call) {
            fill_zero(call.out());
            walk(call.examples(), [&](Index from, Index to, T weight) {
              kernels::axpy(call.out().stride, weight, call.in(0).row(from), call.out().row(to), true);
            });
          },
      .backward =
          [walk](const Call<T>& call) {
            const MatrixView<T> df = call.in_gradient(0);
            if (!call.accumulate(0)) fill_zero(df);
            walk(call.examples(), [&](Index to, Index from, T weight) {
              kernels::axpy(df.stride, weight, call.out_gradient().row(from), df.row(to), true);
            });
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

#define EQNN_INSTANTIATE(T)                                                      \
  template void detail::check_action(const char*, Tensor<T>, Index);             \
  template Tensor<T> permute_points(Tensor<T>, const Permutation&);              \
  template Tensor<T> permute_points(Tensor<T>, const RandomElement&);            \
  template Tensor<T> unpermute_points(Tensor<T>, const RandomElement&);          \
  template Tensor<T> permute_pairs(Tensor<T>, const Permutation&);               \
  template Tensor<T> orbit(Tensor<T>, std::span<const Permutation>);             \
  template Tensor<T> gather_points(Tensor<T>, Index, std::vector<std::int32_t>); \
  template Tensor<T> project_to_points(Tensor<T>, const PermutationGroup&);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
