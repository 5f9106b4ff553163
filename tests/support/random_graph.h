// Random graphs of operations, built-in ones and a user's, and the same graphs run without any plan: each value
// and gradient of an example has memory of its own.
#pragma once

#include <eqnn/core/params.h>
#include <eqnn/core/program.h>
#include <eqnn/core/rng.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/loss.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/reference.h"

namespace eqnn::testing {

using kernels::Unary;
using reference::Dense;

// --- custom operations, as a user writes them ---------------------------------------------------------------

// y = x^3 + 1: adds in backward, knows nothing of padding, and f(0) is not 0.
template <class T>
Tensor<T> cube_plus_one(Tensor<T> x) {
  return x.program().record({.name = "cube_plus_one",
                             .inputs = {x},
                             .shape = x.shape(),
                             .forward =
                                 [](const Call<T>& call) {
                                   for (Index i = 0; i < call.out().rows; ++i)
                                     for (Index j = 0; j < call.out().cols; ++j)
                                       call.out()(i, j) =
                                           call.in(0)(i, j) * call.in(0)(i, j) * call.in(0)(i, j) + 1;
                                 },
                             .backward =
                                 [](const Call<T>& call) {
                                   for (Index i = 0; i < call.out().rows; ++i)
                                     for (Index j = 0; j < call.out().cols; ++j)
                                       call.in_gradient(0)(i, j) +=
                                           3 * call.in(0)(i, j) * call.in(0)(i, j) * call.out_gradient()(i, j);
                                 }});
}

// y = x + 1/2 in the memory of x: fills the whole rows, padding too.
template <class T>
Tensor<T> shift(Tensor<T> x) {
  return x.program().record({
      .name = "shift",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            const MatrixView<T> y = call.out();
            for (Index i = 0; i < y.rows * y.stride; ++i) y.data[i] = call.in(0).data[i] + T(0.5);
          },
      .backward =
          [](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              for (Index j = 0; j < call.out().cols; ++j) call.in_gradient(0)(i, j) += call.out_gradient()(i, j);
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .elementwise = true,
  });
}

// y = tanh x, with its slope kept in scratch and the row numbers in index scratch: backward reads nothing else.
template <class T>
Tensor<T> scratch_tanh(Tensor<T> x) {
  const Index rows = x.program().capacity() * x.shape().points, cols = x.shape().channels;
  return x.program().record({
      .name = "scratch_tanh",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i) {
              call.index_scratch()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i);
              for (Index j = 0; j < call.out().cols; ++j) {
                const T y = std::tanh(call.in(0)(i, j));
                call.out()(i, j) = y;
                call.scratch()[static_cast<std::size_t>(i * call.out().cols + j)] = 1 - y * y;
              }
            }
          },
      .backward =
          [](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i) {
              const Index row = call.index_scratch()[static_cast<std::size_t>(i)];
              for (Index j = 0; j < call.out().cols; ++j)
                call.in_gradient(0)(row, j) +=
                    call.out_gradient()(row, j) * call.scratch()[static_cast<std::size_t>(i * call.out().cols + j)];
            }
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .elementwise = true,
      .scratch = rows * cols,
      .index_scratch = rows,
  });
}

// --- random graphs of operations ------------------------------------------------------------------------------

enum class Kind {
  input,
  linear,
  relu,
  tanh,
  gelu,
  square,
  scale,
  add,
  mul,
  neighbors,
  both,
  shift,
  cube,
  scratch,
  count
};

// One operation of a random graph, on earlier values a and b; values are [b, n, channels].
struct Step {
  Kind kind = Kind::input;
  int a = -1, b = -1, weight = -1;
  double factor = 1;
  Index channels = 1;
  bool output = false;
};

struct Graph {
  Index points = 1, inputs = 2;
  std::vector<Step> steps;
  std::vector<std::pair<Index, Index>> weights;  // in x out; every weight has a bias
  std::vector<std::pair<int, double>> losses;    // factor * squared_error(value, 1/4)
};

inline Graph random_graph(std::uint64_t seed, bool smooth) {
  Draws d({seed, Stream::user, 0, 0});
  const auto below = [&](std::size_t n) { return static_cast<int>(d.below(static_cast<std::uint32_t>(n))); };
  const std::array<Index, 6> widths = {1, 3, 7, 8, 13, 17};
  Graph g;
  g.points = 1 + below(5);
  const Index width = widths[static_cast<std::size_t>(below(6))];
  for (int i = 0; i < g.inputs; ++i) g.steps.push_back({.channels = width});
  const std::size_t length = g.steps.size() + 3 + static_cast<std::size_t>(below(14));
  while (g.steps.size() < length) {
    Step s;
    s.kind = static_cast<Kind>(1 + below(static_cast<std::size_t>(Kind::count) - 1));
    if (smooth && s.kind == Kind::relu) continue;
    // Mostly the newest value, so that chains grow, and sometimes any, so that values are shared.
    const int newest = static_cast<int>(g.steps.size()) - 1;
    s.a = below(3) > 0 ? newest : below(g.steps.size());
    s.channels = g.steps[static_cast<std::size_t>(s.a)].channels;
    if (s.kind == Kind::both) s.channels *= 2;
    if (s.channels > 40) continue;
    if (s.kind == Kind::add || s.kind == Kind::mul) {
      s.b = below(4) == 0 ? s.a : below(g.steps.size());
      if (g.steps[static_cast<std::size_t>(s.b)].channels != s.channels) continue;
    }
    if (s.kind == Kind::linear) {
      const Index out = widths[static_cast<std::size_t>(below(6))];
      for (std::size_t w = 0; w < g.weights.size(); ++w)
        if (g.weights[w].first == s.channels && below(2) == 0) s.weight = static_cast<int>(w);  // tied
      if (s.weight < 0) {
        g.weights.emplace_back(s.channels, out);
        s.weight = static_cast<int>(g.weights.size()) - 1;
      }
      s.channels = g.weights[static_cast<std::size_t>(s.weight)].second;
    }
    s.factor = 0.5 + 0.4 * d.uniform();
    s.output = below(5) == 0;
    g.steps.push_back(s);
  }
  g.losses.emplace_back(static_cast<int>(g.steps.size()) - 1, 1.0);
  for (int extra = below(3); extra > 0; --extra) g.losses.emplace_back(below(g.steps.size()), 0.5);
  return g;
}

// The parameters of a graph: weight 0, bias 0, weight 1, ...
template <class T>
struct GraphParams {
  explicit GraphParams(const Graph& g, std::uint64_t seed) {
    for (std::size_t w = 0; w < g.weights.size(); ++w) {
      weights.push_back(params.weight(concat("w", w), g.weights[w].first, g.weights[w].second));
      biases.push_back(params.bias(concat("b", w), g.weights[w].second));
    }
    params.weight("unused", 2, 2);
    params.initialize(kaiming_uniform.scaled(0.6), seed);
    for (Param b : biases)
      for (Index j = 0; j < b.cols; ++j)
        params.view(b)(0, j) = static_cast<T>(0.1 * static_cast<double>(j % 5) - 0.2);
  }
  Params<T> params;
  std::vector<Param> weights, biases;
};

template <class T>
Tensor<T> record(Program<T>& g, const Graph& graph, const GraphParams<T>& p, bool outputs) {
  std::vector<Tensor<T>> v;
  const auto adjacency = g.input("adjacency", {.points = graph.points, .channels = graph.points});
  for (std::size_t i = 0; i < graph.steps.size(); ++i) {
    const Step& s = graph.steps[i];
    const auto a = s.a >= 0 ? v[static_cast<std::size_t>(s.a)] : Tensor<T>{};
    const auto b = s.b >= 0 ? v[static_cast<std::size_t>(s.b)] : Tensor<T>{};
    const auto w = static_cast<std::size_t>(s.weight);
    switch (s.kind) {
      case Kind::input:
        v.push_back(g.input(concat("x", i), {.points = graph.points, .channels = s.channels}));
        break;
      case Kind::linear:
        v.push_back(linear(a, g.param(p.weights[w]), g.param(p.biases[w])));
        break;
      case Kind::relu:
        v.push_back(relu(a));
        break;
      case Kind::tanh:
        v.push_back(tanh(a));
        break;
      case Kind::gelu:
        v.push_back(gelu(a));
        break;
      case Kind::square:
        v.push_back(square(a));
        break;
      case Kind::scale:
        v.push_back(scale(a, s.factor));
        break;
      case Kind::add:
        v.push_back(add(a, b));
        break;
      case Kind::mul:
        v.push_back(mul(a, b));
        break;
      case Kind::neighbors:
        v.push_back(neighbor_sum(a, adjacency));
        break;
      case Kind::both:
        v.push_back(with_neighbors(a, adjacency));
        break;
      case Kind::shift:
        v.push_back(shift(a));
        break;
      case Kind::cube:
        v.push_back(cube_plus_one(a));
        break;
      case Kind::scratch:
        v.push_back(scratch_tanh(a));
        break;
      case Kind::count:
        break;
    }
    if (outputs && s.output) g.output(concat("o", i), v.back());
  }
  Tensor<T> loss;
  for (const auto& [id, factor] : graph.losses) {
    const auto x = v[static_cast<std::size_t>(id)];
    const auto term = scale(squared_error(x, constant(g, x.shape(), 0.25)), factor);
    loss = loss ? add(loss, term) : term;
  }
  return loss;
}

// The same graph without any plan: each value and gradient of one example has memory of its own.
struct NaiveExample {
  const Graph& graph;
  const std::vector<Dense>& weights;
  const std::vector<Dense>& biases;
  std::vector<Dense> inputs;
  Dense adjacency;

  std::vector<Dense> values = {}, gradients = {}, weight_gradients = {}, bias_gradients = {};
  double loss = 0, largest = 0;

  static double f(const Step& s, double x) {
    switch (s.kind) {
      case Kind::relu:
        return reference::unary(Unary::relu, x);
      case Kind::tanh:
      case Kind::scratch:
        return std::tanh(x);
      case Kind::gelu:
        return reference::unary(Unary::gelu, x);
      case Kind::square:
        return x * x;
      case Kind::scale:
        return s.factor * x;
      case Kind::shift:
        return x + 0.5;
      case Kind::cube:
        return x * x * x + 1;
      default:
        return x;
    }
  }
  static double slope(const Step& s, double x) {
    switch (s.kind) {
      case Kind::relu:
        return reference::unary_slope(Unary::relu, x);
      case Kind::tanh:
      case Kind::scratch:
        return reference::unary_slope(Unary::tanh, x);
      case Kind::gelu:
        return reference::unary_slope(Unary::gelu, x);
      case Kind::square:
        return 2 * x;
      case Kind::scale:
        return s.factor;
      case Kind::cube:
        return 3 * x * x;
      default:
        return 1;
    }
  }

  Dense value(const Step& s) const {
    const Dense& a = values[static_cast<std::size_t>(s.a)];
    Dense y(graph.points, s.channels);
    if (s.kind == Kind::linear) y = reference::product(a, weights[static_cast<std::size_t>(s.weight)]);
    if (s.kind == Kind::neighbors || s.kind == Kind::both) {
      const Dense sums = reference::product(adjacency, a);
      const Index skip = s.channels - a.cols;
      for (Index i = 0; i < a.rows; ++i)
        for (Index j = 0; j < a.cols; ++j) {
          y(i, j) = a(i, j);
          y(i, skip + j) = sums(i, j);
        }
      return y;
    }
    for (Index i = 0; i < y.rows; ++i)
      for (Index j = 0; j < y.cols; ++j) {
        if (s.kind == Kind::linear)
          y(i, j) += biases[static_cast<std::size_t>(s.weight)](0, j);
        else
          y(i, j) = f(s, a(i, j));
        if (s.kind == Kind::add) y(i, j) += values[static_cast<std::size_t>(s.b)](i, j);
        if (s.kind == Kind::mul) y(i, j) *= values[static_cast<std::size_t>(s.b)](i, j);
      }
    return y;
  }

  void forward() {
    for (std::size_t i = 0; i < graph.steps.size(); ++i) {
      values.push_back(graph.steps[i].kind == Kind::input ? inputs[i] : value(graph.steps[i]));
      gradients.emplace_back(graph.points, graph.steps[i].channels);
      for (double v : values.back().data) largest = reference::worse(largest, std::abs(v));
    }
    for (const auto& [id, factor] : graph.losses) {
      const Dense& x = values[static_cast<std::size_t>(id)];
      for (double v : x.data) loss += factor * (v - 0.25) * (v - 0.25) / static_cast<double>(x.data.size());
    }
  }

  void backward(double weight) {
    for (const Dense& w : weights) weight_gradients.emplace_back(w.rows, w.cols);
    for (const Dense& b : biases) bias_gradients.emplace_back(b.rows, b.cols);
    for (const auto& [id, factor] : graph.losses) {
      const Dense& x = values[static_cast<std::size_t>(id)];
      for (std::size_t i = 0; i < x.data.size(); ++i)
        gradients[static_cast<std::size_t>(id)].data[i] +=
            weight * factor * 2 * (x.data[i] - 0.25) / static_cast<double>(x.data.size());
    }
    for (std::size_t i = graph.steps.size(); i-- > 0;)
      if (graph.steps[i].kind != Kind::input) step_back(graph.steps[i], gradients[i]);
  }

  void step_back(const Step& s, const Dense& dy) {
    const Dense& a = values[static_cast<std::size_t>(s.a)];
    Dense& da = gradients[static_cast<std::size_t>(s.a)];
    const auto add_to = [](Dense& to, const Dense& from) {
      for (std::size_t i = 0; i < to.data.size(); ++i) to.data[i] += from.data[i];
    };
    if (s.kind == Kind::linear) {
      const auto w = static_cast<std::size_t>(s.weight);
      add_to(weight_gradients[w], reference::product(reference::transposed(a), dy));
      add_to(da, reference::product(dy, reference::transposed(weights[w])));
      for (Index i = 0; i < dy.rows; ++i)
        for (Index j = 0; j < dy.cols; ++j) bias_gradients[w](0, j) += dy(i, j);
      return;
    }
    if (s.kind == Kind::neighbors || s.kind == Kind::both) {
      const Index skip = s.channels - a.cols;
      for (Index i = 0; i < a.rows; ++i)
        for (Index j = 0; j < a.cols; ++j) {
          if (skip > 0) da(i, j) += dy(i, j);
          for (Index k = 0; k < a.rows; ++k) da(i, j) += adjacency(k, i) * dy(k, skip + j);
        }
      return;
    }
    for (std::size_t i = 0; i < dy.data.size(); ++i) {
      double d = dy.data[i];
      if (s.kind == Kind::add) gradients[static_cast<std::size_t>(s.b)].data[i] += d;
      if (s.kind == Kind::mul) {
        gradients[static_cast<std::size_t>(s.b)].data[i] += d * a.data[i];
        d *= values[static_cast<std::size_t>(s.b)].data[i];
      }
      da.data[i] += d * slope(s, a.data[i]);
    }
  }
};

inline Dense random_dense(Index rows, Index cols, Draws& d, bool zero_one) {
  Dense m(rows, cols);
  for (double& v : m.data) v = zero_one ? d.below(2) : d.below(33) / 16.0 - 1;
  return m;
}

template <class T>
void fill(Block<T> to, Index example, const Dense& from) {
  for (Index i = 0; i < from.rows; ++i)
    for (Index j = 0; j < from.cols; ++j) to(example, i, j) = static_cast<T>(from(i, j));
}

// The largest relative difference of all outputs and losses; infinite if padding is not zero.
template <class T>
double output_error(const Workspace<T>& w, const std::vector<NaiveExample>& naive) {
  double error = 0;
  for (std::size_t e = 0; e < naive.size(); ++e) {
    const NaiveExample& n = naive[e];
    const auto example = static_cast<Index>(e);
    const double loss = static_cast<double>(w.losses()(example, 0));
    error = reference::worse(error, std::abs(loss - n.loss) / std::max(1.0, std::abs(n.loss)));
    for (std::size_t i = 0; i < n.values.size(); ++i) {
      if (!n.graph.steps[i].output) continue;
      const Block<const T> out = w.output(concat("o", i));
      for (Index r = 0; r < out.points; ++r) {
        for (Index j = 0; j < out.channels; ++j)
          error = reference::worse(error, std::abs(static_cast<double>(out(example, r, j)) - n.values[i](r, j)) /
                                              std::max(1.0, n.largest));
        for (Index j = out.channels; j < out.stride; ++j)
          if (out.row(example, r)[j] != T(0)) return std::numeric_limits<double>::infinity();
      }
    }
  }
  return error;
}

// |gradient - factor * naive gradient| / max(1, |naive gradient|), the largest; infinite for bad padding.
template <class T>
double gradient_error(const GraphParams<T>& p, const AlignedBuffer<T>& gradient,
                      const std::vector<NaiveExample>& naive, double factor) {
  double error = 0, largest = 1;
  const auto compare = [&](Param slice, const auto& pick) {
    for (Index i = 0; i < slice.rows; ++i)
      for (Index j = 0; j < slice.stride; ++j) {
        double expected = 0;
        for (const NaiveExample& n : naive) expected += j < slice.cols ? factor * pick(n)(i, j) : 0;
        const double got = static_cast<double>(gradient[slice.offset + i * slice.stride + j]);
        if (j >= slice.cols && got != 0) error = std::numeric_limits<double>::infinity();
        error = reference::worse(error, std::abs(got - expected));
        largest = std::max(largest, std::abs(expected));
      }
  };
  for (std::size_t w = 0; w < p.weights.size(); ++w) {
    compare(p.weights[w], [w](const NaiveExample& n) -> const Dense& { return n.weight_gradients[w]; });
    compare(p.biases[w], [w](const NaiveExample& n) -> const Dense& { return n.bias_gradients[w]; });
  }
  return error / largest;
}

}  // namespace eqnn::testing
