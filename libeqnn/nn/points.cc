// Each operation and its gradient stand side by side, in one function.

#include "points.h"

#include <algorithm>
#include <utility>

#include "../kernels/kernels.h"

namespace eqnn {
namespace {

template <class T>
Operation<T> pool(const char* name, Tensor<T> x, double factor, bool relu = false) {
  const Shape& s = x.shape();
  const T scale = static_cast<T>(factor);
  const Index points = s.points;
  return {
      .name = concat(name, relu ? " of relu" : ""),
      .inputs = {x},
      .shape = {s.examples, 1, s.channels},
      .forward =
          [=](const Call<T>& call) {
            kernels::pool(relu, call.examples(), points, call.in(0).stride, scale, call.in(0).data,
                          call.out().data);
          },
      .backward =
          [=](const Call<T>& call) {
            kernels::pool_gradient(relu, call.examples(), points, call.in(0).stride, scale, call.in(0).data,
                                   call.out_gradient().data, call.in_gradient(0).data, call.accumulate(0));
          },
      .backward_reads_inputs = relu,
      .backward_reads_output = false,
      .overwrites = true,
      .of_relu = [=](Tensor<T> y) { return pool(name, y, factor, true); },
  };
}

// Inputs side by side along their points or their channels; or of one input what follows point or channel `first`.
template <class T>
Tensor<T> record_parts(const char* name, std::vector<Tensor<T>> inputs, Shape shape, bool along_points,
                       Index first = 0) {
  // visit(input, its row, the row of the output, the first channel in each, channels) for every row of every part.
  const auto each_row = [=, n = shape.points, inputs = static_cast<int>(inputs.size())](const Call<T>& call,
                                                                                        const auto& visit) {
    const Index examples = call.out().rows / n;
    Index done = 0;
    for (int k = 0; examples > 0 && k < inputs; ++k) {
      const Index in_points = call.in(k).rows / examples, points = std::min(in_points - along_points * first, n);
      const Index channels = std::min(call.in(k).cols, call.out().cols);
      for (Index e = 0; e < examples; ++e)
        for (Index i = 0; i < points; ++i) {
          if (along_points)
            visit(k, e * in_points + first + i, e * n + done + i, 0, 0, channels);
          else
            visit(k, e * n + i, e * n + i, first, done, channels);
        }
      done += along_points ? points : channels;
    }
  };
  const Tensor<T> x = inputs[0];
  return x.program().record({
      .name = name,
      .inputs = std::move(inputs),
      .shape = shape,
      .forward =
          [each_row](const Call<T>& call) {
            each_row(call, [&](int k, Index from, Index to, Index from_channel, Index to_channel, Index channels) {
              std::copy_n(call.in(k).row(from) + from_channel, channels, call.out().row(to) + to_channel);
            });
          },
      .backward =
          [each_row](const Call<T>& call) {
            each_row(call, [&](int k, Index from, Index to, Index from_channel, Index to_channel, Index channels) {
              const MatrixView<T> dx = call.in_gradient(k);
              for (Index j = 0; dx && j < channels; ++j)
                dx(from, from_channel + j) += call.out_gradient()(to, to_channel + j);
            });
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .by_rows = !along_points,
      .numbers = {static_cast<double>(first)},
  });
}

// `what` of x, first .. first + count - 1 of `size`.
template <class T>
void check_slice(const char* name, Tensor<T> x, Index first, Index count, Index size, const char* what) {
  check_examples(name, x);
  require<ShapeError>(first >= 0 && count >= 1 && first <= size - count, name, ": ", count, " ", what, " from ",
                      first, " on are asked for of ", to_string(x.shape()), ", which has ", size);
}

}  // namespace

template <class T>
Tensor<T> sum_points(Tensor<T> x) {
  check_examples("sum_points", x);
  return x.program().record(pool("sum_points", x, 1.0));
}
template <class T>
Tensor<T> mean_points(Tensor<T> x) {
  check_examples("mean_points", x);
  return x.program().record(pool("mean_points", x, 1.0 / static_cast<double>(x.shape().points)));
}

template <class T>
Tensor<T> flatten(Tensor<T> x) {
  check_examples("flatten", x);
  const Shape& s = x.shape();
  const Index points = s.points, channels = s.channels;
  return x.program().record({
      .name = "flatten",
      .inputs = {x},
      .shape = {s.examples, 1, points * channels},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            for (Index e = 0; e < call.examples(); ++e)
              kernels::copy_columns(points, channels, in.row(e * points), in.stride, call.out().row(e), channels,
                                    false);
            clear_padding(call.out());
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index e = 0; e < call.examples(); ++e)
              kernels::copy_columns(points, channels, call.out_gradient().row(e), channels, dx.row(e * points),
                                    dx.stride, call.accumulate(0));
            clear_padding(dx);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

template <class T>
Tensor<T> join_channels(Tensor<T> x, Tensor<T> y) {
  check_same_points("join_channels", x, y);
  const Index c = x.shape().channels;
  return x.program().record({
      .name = "join_channels",
      .inputs = {x, y},
      .shape = {x.shape().examples, x.shape().points, c + y.shape().channels},
      .forward =
          [c](const Call<T>& call) {
            const MatrixView<T> out = call.out();
            for (int k = 0; k < 2; ++k) {
              const MatrixView<const T> in = call.in(k);
              kernels::copy_columns(in.rows, in.cols, in.data, in.stride, out.data + k * c, out.stride, false);
            }
            clear_padding(out);
          },
      .backward =
          [c](const Call<T>& call) {
            const MatrixView<const T> dy = call.out_gradient();
            for (int k = 0; k < 2; ++k) {
              const MatrixView<T> dx = call.in_gradient(k);
              if (!dx) continue;
              kernels::copy_columns(dx.rows, dx.cols, dy.data + k * c, dy.stride, dx.data, dx.stride,
                                    call.accumulate(k));
              clear_padding(dx);
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .overwrites = true,
  });
}

template <class T>
Tensor<T> max_points(Tensor<T> x) {
  check_examples("max_points", x);
  const Shape& s = x.shape();
  const Index n = s.points, c = s.channels;
  return x.program().record({
      .name = "max_points",
      .inputs = {x},
      .shape = {s.examples, 1, c},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            std::int32_t* which = call.index_scratch().data();
            for (Index e = 0; e < call.out().rows; ++e, which += c) {
              T* best = call.out().row(e);
              std::copy_n(in.row(e * n), c, best);
              std::fill_n(which, c, static_cast<std::int32_t>(e * n));
              for (Index i = e * n + 1; i < (e + 1) * n; ++i)
                for (Index j = 0; j < c; ++j)
                  if (const T v = in(i, j); v > best[j] || v != v) {
                    best[j] = v;
                    which[j] = static_cast<std::int32_t>(i);
                  }
            }
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index e = 0; e < call.out_gradient().rows; ++e)
              for (Index j = 0; j < c; ++j)
                dx(call.index_scratch()[static_cast<std::size_t>(e * c + j)], j) += call.out_gradient()(e, j);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .index_scratch = x.program().capacity({s.examples}) * c,
  });
}

template <class T>
Tensor<T> join_channels(const std::vector<Tensor<T>>& list) {
  require<ShapeError>(!list.empty(), "join_channels: no values are given; at least one is needed");
  Shape shape = list[0].shape();
  shape.channels = 0;
  for (const Tensor<T>& x : list) {
    check_same_points("join_channels", list[0], x);
    shape.channels += x.shape().channels;
  }
  return record_parts("join_channels", list, shape, false);
}

template <class T>
Tensor<T> join_points(const std::vector<Tensor<T>>& list) {
  require<ShapeError>(!list.empty(), "join_points: no values are given; at least one is needed");
  Shape shape = list[0].shape();
  shape.points = 0;
  for (const Tensor<T>& x : list) {
    check_examples("join_points", x);
    require<ShapeError>(x.shape().channels == shape.channels && x.shape().examples == shape.examples,
                        "join_points: shapes ", to_string(list[0].shape()), " and ", to_string(x.shape()),
                        " differ in their channels; they must have the same");
    shape.points += x.shape().points;
  }
  return record_parts("join_points", list, shape, true);
}
template <class T>
Tensor<T> join_points(Tensor<T> x, Tensor<T> y) {
  return join_points<T>(std::vector<Tensor<T>>{x, y});
}

template <class T>
Tensor<T> slice_channels(Tensor<T> x, Index first, Index count) {
  const Shape s = x.shape();
  check_slice("slice_channels", x, first, count, s.channels, "channels");
  return record_parts<T>("slice_channels", {x}, {s.examples, s.points, count}, false, first);
}
template <class T>
Tensor<T> slice_points(Tensor<T> x, Index first, Index count) {
  const Shape s = x.shape();
  check_slice("slice_points", x, first, count, s.points, "points");
  return record_parts<T>("slice_points", {x}, {s.examples, count, s.channels}, true, first);
}

template <class T>
Tensor<T> transpose(Tensor<T> x) {
  check_examples("transpose", x);
  const Shape& s = x.shape();
  const Index n = s.points, c = s.channels;
  return x.program().record({
      .name = "transpose",
      .inputs = {x},
      .shape = {s.examples, c, n},
      .forward =
          [=](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            const MatrixView<T> out = call.out();
            for (Index e = 0; e < in.rows / n; ++e)
              kernels::transpose(n, c, in.row(e * n), in.stride, out.row(e * c), out.stride);
          },
      .backward =
          [=](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            if (!dx) return;
            for (Index i = 0; i < dx.rows; ++i)
              for (Index j = 0; j < c; ++j) dx(i, j) += call.out_gradient()(i / n * c + j, i % n);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
  });
}

#define EQNN_INSTANTIATE(T)                                        \
  template Tensor<T> sum_points(Tensor<T>);                        \
  template Tensor<T> mean_points(Tensor<T>);                       \
  template Tensor<T> flatten(Tensor<T>);                           \
  template Tensor<T> join_channels(Tensor<T>, Tensor<T>);          \
  template Tensor<T> max_points(Tensor<T>);                        \
  template Tensor<T> join_channels(const std::vector<Tensor<T>>&); \
  template Tensor<T> join_points(const std::vector<Tensor<T>>&);   \
  template Tensor<T> join_points(Tensor<T>, Tensor<T>);            \
  template Tensor<T> slice_channels(Tensor<T>, Index, Index);      \
  template Tensor<T> slice_points(Tensor<T>, Index, Index);        \
  template Tensor<T> transpose(Tensor<T>);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
