#include "frames.h"

#include <algorithm>
#include <cmath>

namespace eqnn {
namespace {

// Order of numbers with NaN below them: -1, 0, 1. A total preorder, so that sorting stays within bounds.
template <class T>
int three_way(T a, T b) {
  if (a > b) return 1;
  if (a < b) return -1;
  return static_cast<int>(std::isnan(b)) - static_cast<int>(std::isnan(a));
}

template <class T>
int compare_rows(Index cols, const T* a, const T* b) {
  for (Index j = 0; j < cols; ++j)
    if (const int c = three_way(a[j], b[j])) return c;
  return 0;
}
template <class T>
int compare_absolute_rows(Index cols, const T* a, const T* b) {
  for (Index j = 0; j < cols; ++j)
    if (const int c = three_way(std::abs(a[j]), std::abs(b[j]))) return c;
  return 0;
}

// Start of the lexicographically largest rotation of m symbols, of which compare(i, j) compares numbers i and
// j. Two candidates race; the loser and all starts that it covers are out: O(m) comparisons.
template <class Compare>
Index largest_rotation(Index m, const Compare& compare) {
  Index i = 0, j = 1, k = 0;
  while (i < m && j < m && k < m) {
    const int c = compare((i + k) % m, (j + k) % m);
    if (c == 0) {
      ++k;
      continue;
    }
    (c < 0 ? i : j) += k + 1;
    if (i == j) ++j;
    k = 0;
  }
  return std::min(i, j);
}

// The smallest p that divides n with equal(i, i + p mod n) for all i.
template <class Equal>
Index period(Index n, const Equal& equal) {
  for (Index p = 1; p < n; ++p) {
    if (n % p != 0) continue;
    Index i = 0;
    while (i < n && equal(i, (i + p) % n)) ++i;
    if (i == n) return p;
  }
  return n;
}

// First |x| alone, then x among the rotations that agree in |x|: they start p apart, so blocks of p rows are
// the symbols of the second race.
template <class T>
Index rotation_start(MatrixView<const T> x) {
  const Index n = x.rows;
  const auto absolute = [&](Index i, Index j) { return compare_absolute_rows(x.cols, x.row(i), x.row(j)); };
  const Index start = largest_rotation(n, absolute);
  const Index p = period(n, [&](Index i, Index j) { return absolute(i, j) == 0; });
  const auto rotated = [&](Index i) { return x.row((start + i) % n); };
  const auto blocks = [&](Index i, Index j) {
    for (Index t = 0; t < p; ++t)
      if (const int c = compare_rows(x.cols, rotated(i * p + t), rotated(j * p + t))) return c;
    return 0;
  };
  return (start + p * largest_rotation(n / p, blocks)) % n;
}

// Places of the canonical form that a stabiliser of x permutes form classes: place i, where counts[i] > 0, leads
// the class i, i + step, .., of counts[i] places. Returns step.
template <class T>
Index tied_places(PermutationFrame frame, MatrixView<const T> x, std::span<const std::int32_t> order,
                  std::span<std::int32_t> counts) {
  const Index n = x.rows;
  const auto equal = [&](Index i, Index j) { return compare_rows(x.cols, x.row(i), x.row(j)) == 0; };
  std::fill(counts.begin(), counts.end(), 0);
  if (frame == PermutationFrame::rotate_to_maximum) {
    const Index p = period(n, equal);
    std::fill_n(counts.begin(), p, static_cast<std::int32_t>(n / p));
    return p;
  }
  for (Index i = 0, first = 0; i < n; ++i) {
    if (!equal(order[first], order[i])) first = i;
    ++counts[first];
  }
  return 1;
}

template <class T>
void add_row(Index cols, const T* from, T* to) {
  for (Index j = 0; j < cols; ++j) to[j] += from[j];
}
template <class T>
void divide_row(Index cols, std::int32_t count, T* row) {
  if (count == 1) return;
  for (Index j = 0; j < cols; ++j) row[j] /= static_cast<T>(count);
}

// The order and the tied places of all examples, in the index scratch of restore_order: for each example n
// places, n counts and the step.
struct Ties {
  std::span<const std::int32_t> order, counts;
  Index step;
};
Ties ties_of(std::span<const std::int32_t> scratch, Index e, Index n) {
  const auto all = scratch.subspan(e * (2 * n + 1), 2 * n + 1);
  return {all.first(n), all.subspan(n, n), all.back()};
}

// Calls visit(row of x) for the rows of the class that place i leads.
template <class Visit>
void for_class(const Ties& ties, Index i, const Visit& visit) {
  for (std::int32_t k = 0; k < ties.counts[i]; ++k) {
    const Index place = i + k * ties.step;
    visit(place, static_cast<Index>(ties.order[place]));
  }
}

template <class T>
void restore_forward(PermutationFrame frame, Index n, const Call<T>& call) {
  const std::span<std::int32_t> scratch = call.index_scratch();
  for (Index e = 0; e < call.examples(); ++e) {
    const auto mine = scratch.subspan(e * (2 * n + 1), 2 * n + 1);
    const MatrixView<const T> x = example_rows(call.in(1), e, n), y = example_rows(call.in(0), e, n);
    const MatrixView<T> out = example_rows(call.out(), e, n);
    canonical_order(frame, x, mine.first(n));
    mine.back() = static_cast<std::int32_t>(tied_places<T>(frame, x, mine.first(n), mine.subspan(n, n)));
    const Ties ties = ties_of(scratch, e, n);
    for (Index i = 0; i < n; ++i) {
      const std::int32_t count = ties.counts[i];
      if (count == 0) continue;
      T* mean = out.row(ties.order[i]);
      std::fill(mean, mean + out.cols, T(0));
      for_class(ties, i, [&](Index place, Index) { add_row(out.cols, y.row(place), mean); });
      divide_row(out.cols, count, mean);
      for_class(ties, i, [&](Index, Index row) {
        if (out.row(row) != mean) std::copy_n(mean, out.cols, out.row(row));
      });
    }
  }
}

template <class T>
void restore_backward(Index n, const Call<T>& call) {
  const MatrixView<T> all = call.in_gradient(0);
  if (!all) return;
  T* mean = call.scratch().data();
  for (Index e = 0; e < call.examples(); ++e) {
    const MatrixView<const T> dout = example_rows(call.out_gradient(), e, n);
    const MatrixView<T> dy = example_rows(all, e, n);
    const Ties ties = ties_of(call.index_scratch(), e, n);
    for (Index i = 0; i < n; ++i) {
      const std::int32_t count = ties.counts[i];
      if (count == 0) continue;
      std::fill(mean, mean + dy.cols, T(0));
      for_class(ties, i, [&](Index, Index row) { add_row(dy.cols, dout.row(row), mean); });
      divide_row(dy.cols, count, mean);
      for_class(ties, i, [&](Index place, Index) { add_row(dy.cols, mean, dy.row(place)); });
    }
  }
}

// y (+)= x s, the signs of example e from s[e * channels]; s is constant, so forward and backward are alike.
template <class T>
void multiply_signs(Index examples, Index points, const T* s, MatrixView<const T> x, MatrixView<T> y,
                    bool accumulate) {
  for (Index e = 0; e < examples; ++e)
    for (Index i = e * points; i < (e + 1) * points; ++i)
      for (Index j = 0; j < x.cols; ++j) y(i, j) = s[e * x.cols + j] * x(i, j) + (accumulate ? y(i, j) : T(0));
}

template <class T>
void find_signs(Index examples, Index points, MatrixView<const T> x, std::span<T> s) {
  for (Index e = 0; e < examples; ++e)
    for (Index j = 0; j < x.cols; ++j) s[e * x.cols + j] = channel_sign(example_rows(x, e, points), j);
}

}  // namespace

template <class T>
void canonical_order(PermutationFrame frame, MatrixView<const T> x, std::span<std::int32_t> order) {
  const Index n = x.rows;
  if (frame == PermutationFrame::rotate_to_maximum) {
    const Index start = n == 0 ? 0 : rotation_start(x);
    for (Index i = 0; i < n; ++i) order[i] = static_cast<std::int32_t>((start + i) % n);
    return;
  }
  for (Index i = 0; i < n; ++i) order[i] = static_cast<std::int32_t>(i);
  const bool absolute = frame == PermutationFrame::sort_absolute;
  std::sort(order.begin(), order.end(), [&](std::int32_t i, std::int32_t j) {
    int c = absolute ? compare_absolute_rows(x.cols, x.row(i), x.row(j)) : 0;
    if (c == 0) c = compare_rows(x.cols, x.row(i), x.row(j));
    return c != 0 ? c > 0 : i < j;
  });
}

template <class T>
void canonical_form(PermutationFrame frame, MatrixView<const T> x, std::span<std::int32_t> order, MatrixView<T> y) {
  canonical_order(frame, x, order);
  for (Index i = 0; i < x.rows; ++i) std::copy_n(x.row(order[i]), x.cols, y.row(i));
}

template <class T>
Tensor<T> canonical_form(Tensor<T> x, PermutationFrame frame) {
  check_examples("canonical_form", x);
  const Index n = x.shape().points;
  const auto order_of = [n](const Call<T>& call, Index e) { return call.index_scratch().subspan(e * n, n); };
  return x.program().record({
      .name = "canonical_form",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [=](const Call<T>& call) {
            for (Index e = 0; e < call.examples(); ++e)
              canonical_form(frame, example_rows(call.in(0), e, n), order_of(call, e),
                             example_rows(call.out(), e, n));
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index e = 0; dx && e < call.examples(); ++e)
              for (Index i = 0; i < n; ++i)
                add_row(dx.cols, call.out_gradient().row(e * n + i), dx.row(e * n + order_of(call, e)[i]));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .index_scratch = x.program().capacity() * n,
      .numbers = {static_cast<double>(frame)},
  });
}

template <class T>
Tensor<T> restore_order(Tensor<T> y, Tensor<T> x, PermutationFrame frame) {
  check_examples("restore_order", x);
  require<ShapeError>(y.shape().points == x.shape().points && y.shape().examples == x.shape().examples,
                      "restore_order: y is ", to_string(y.shape()), " and x is ", to_string(x.shape()),
                      "; both must have the same points");
  const Index n = x.shape().points;
  return x.program().record({
      .name = "restore_order",
      .inputs = {y, x},
      .shape = y.shape(),
      .forward = [=](const Call<T>& call) { restore_forward(frame, n, call); },
      .backward = [=](const Call<T>& call) { restore_backward(n, call); },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .differentiable = 0b01,
      .scratch = y.shape().channels,
      .index_scratch = x.program().capacity() * (2 * n + 1),
  });
}

template <class T>
T channel_sign(MatrixView<const T> x, Index j) {
  T largest = 0, sign = 0;
  for (Index i = 0; i < x.rows; ++i)
    if (std::abs(x(i, j)) > largest) {
      largest = std::abs(x(i, j));
      sign = x(i, j) > 0 ? T(1) : T(-1);
    }
  return sign;
}

template <class T>
Tensor<T> canonical_signs(Tensor<T> x) {
  check_examples("canonical_signs", x);
  const Index n = x.shape().points;
  return x.program().record({
      .name = "canonical_signs",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [n](const Call<T>& call) {
            find_signs(call.examples(), n, call.in(0), call.scratch());
            multiply_signs<T>(call.examples(), n, call.scratch().data(), call.in(0), call.out(), false);
          },
      .backward =
          [n](const Call<T>& call) {
            if (const MatrixView<T> dx = call.in_gradient(0))
              multiply_signs<T>(call.examples(), n, call.scratch().data(), call.out_gradient(), dx, true);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .scratch = x.program().capacity() * x.shape().channels,
  });
}

template <class T>
Tensor<T> restore_signs(Tensor<T> y, Tensor<T> x) {
  check_examples("restore_signs", x);
  require<ShapeError>(y.shape().channels == x.shape().channels && y.shape().examples == x.shape().examples,
                      "restore_signs: y is ", to_string(y.shape()), " and x is ", to_string(x.shape()),
                      "; both must have the same channels");
  const Index n = x.shape().points, m = y.shape().points;
  return x.program().record({
      .name = "restore_signs",
      .inputs = {y, x},
      .shape = y.shape(),
      .forward =
          [=](const Call<T>& call) {
            find_signs(call.examples(), n, call.in(1), call.scratch());
            multiply_signs<T>(call.examples(), m, call.scratch().data(), call.in(0), call.out(), false);
          },
      .backward =
          [=](const Call<T>& call) {
            if (const MatrixView<T> dy = call.in_gradient(0))
              multiply_signs<T>(call.examples(), m, call.scratch().data(), call.out_gradient(), dy, true);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .differentiable = 0b01,
      .scratch = x.program().capacity() * x.shape().channels,
  });
}

#define EQNN_INSTANTIATE(T)                                                                                    \
  template void canonical_order(PermutationFrame, MatrixView<const T>, std::span<std::int32_t>);               \
  template void canonical_form(PermutationFrame, MatrixView<const T>, std::span<std::int32_t>, MatrixView<T>); \
  template Tensor<T> canonical_form(Tensor<T>, PermutationFrame);                                              \
  template Tensor<T> restore_order(Tensor<T>, Tensor<T>, PermutationFrame);                                    \
  template T channel_sign(MatrixView<const T>, Index);                                                         \
  template Tensor<T> canonical_signs(Tensor<T>);                                                               \
  template Tensor<T> restore_signs(Tensor<T>, Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
