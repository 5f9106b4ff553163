#include "interchange/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>

namespace tools {
namespace {

using Sizes = std::vector<Index>;
using Inputs = std::vector<const GraphArray*>;
using Outputs = std::vector<GraphArray>;
using Operator = std::function<Outputs(const GraphNode&, const Inputs&)>;

void require_fits(bool fits, const GraphNode& node, const char* what) {
  require(fits, "operator ", node.op, " of value '", node.outputs.empty() ? "" : node.outputs[0], "': ", what,
          "; the graph is not one that eqnn writes");
}

Index size_of(const Sizes& shape) {
  return std::accumulate(shape.begin(), shape.end(), Index{1}, std::multiplies<>());
}

std::size_t place(Index axis, const Sizes& shape) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<Index>(shape.size()) : axis);
}

GraphArray filled(Sizes shape, double value = 0) {
  const auto size = static_cast<std::size_t>(size_of(shape));
  return {std::move(shape), std::vector<double>(size, value)};
}

// Elements before, along and after an axis.
struct Split {
  Index before = 1, along = 1, after = 1;
  Split(const Sizes& shape, std::size_t axis) {
    for (std::size_t k = 0; k < shape.size(); ++k) (k < axis ? before : k == axis ? along : after) *= shape[k];
  }
};

// The steps of an array in one of another shape, to which it is broadcast.
Sizes steps_in(const Sizes& shape, const Sizes& wide) {
  Sizes steps(wide.size(), 0);
  Index step = 1;
  for (std::size_t k = shape.size(); k-- > 0; step *= shape[k])
    if (shape[k] > 1) steps[k + wide.size() - shape.size()] = step;
  return steps;
}

Sizes broadcast_shape(const GraphNode& node, const Sizes& a, const Sizes& b) {
  Sizes wide(std::max(a.size(), b.size()), 1);
  for (const Sizes* s : {&a, &b})
    for (std::size_t k = 0; k < s->size(); ++k) {
      Index& size = wide[k + wide.size() - s->size()];
      require_fits((*s)[k] == size || (*s)[k] == 1 || size == 1, node, "shapes that do not fit each other");
      if (size == 1) size = (*s)[k];
    }
  return wide;
}

// Calls visit(position, offset of a, offset of b) for every element of a shape, in order.
template <class Visit>
void each_element(const Sizes& shape, const Sizes& a_steps, const Sizes& b_steps, const Visit& visit) {
  Sizes at(shape.size(), 0);
  Index a = 0, b = 0;
  for (Index i = 0, size = size_of(shape); i < size; ++i) {
    visit(i, a, b);
    for (std::size_t k = shape.size(); k-- > 0;) {
      a += a_steps[k];
      b += b_steps[k];
      if (++at[k] < shape[k]) break;
      a -= a_steps[k] * shape[k];
      b -= b_steps[k] * shape[k];
      at[k] = 0;
    }
  }
}

template <class F>
Operator unary(F f) {
  return [f](const GraphNode&, const Inputs& in) -> Outputs {
    GraphArray y = *in[0];
    for (double& v : y.values) v = f(v);
    return {y};
  };
}

template <class F>
Operator binary(F f) {
  return [f](const GraphNode& node, const Inputs& in) -> Outputs {
    GraphArray y = filled(broadcast_shape(node, in[0]->shape, in[1]->shape));
    each_element(y.shape, steps_in(in[0]->shape, y.shape), steps_in(in[1]->shape, y.shape),
                 [&](Index i, Index a, Index b) {
                   y.values[static_cast<std::size_t>(i)] =
                       f(in[0]->values[static_cast<std::size_t>(a)], in[1]->values[static_cast<std::size_t>(b)]);
                 });
    return {y};
  };
}

Sizes whole_numbers(const GraphArray& a) {
  Sizes list;
  for (const double v : a.values) list.push_back(static_cast<Index>(v));
  return list;
}

Outputs expand(const GraphNode& node, const Inputs& in) {
  GraphArray y = filled(broadcast_shape(node, in[0]->shape, whole_numbers(*in[1])));
  const Sizes steps = steps_in(in[0]->shape, y.shape);
  each_element(y.shape, steps, steps, [&](Index i, Index a, Index) {
    y.values[static_cast<std::size_t>(i)] = in[0]->values[static_cast<std::size_t>(a)];
  });
  return {y};
}

// Over the last two axes; those before them are broadcast. The first value has two axes at least.
Outputs mat_mul(const GraphNode& node, const Inputs& in) {
  const Sizes &a = in[0]->shape, &b = in[1]->shape;
  require_fits(a.size() >= 2 && b.size() >= 2 && a.back() == b[b.size() - 2], node, "matrices that do not fit");
  const Index n = a[a.size() - 2], inner = a.back(), m = b.back();
  const Sizes a_outer(a.begin(), a.end() - 2), b_outer(b.begin(), b.end() - 2);
  Sizes outer = broadcast_shape(node, a_outer, b_outer), shape = outer;
  shape.insert(shape.end(), {n, m});
  GraphArray y = filled(shape);
  each_element(outer, steps_in(a_outer, outer), steps_in(b_outer, outer), [&](Index e, Index ea, Index eb) {
    const double *x = in[0]->values.data() + ea * n * inner, *w = in[1]->values.data() + eb * inner * m;
    double* out = y.values.data() + e * n * m;
    for (Index i = 0; i < n; ++i)
      for (Index k = 0; k < inner; ++k)
        for (Index j = 0; j < m; ++j) out[i * m + j] += x[i * inner + k] * w[k * m + j];
  });
  return {y};
}

Outputs transpose(const GraphNode& node, const Inputs& in) {
  const Sizes& order = node.integers("perm");
  const Sizes steps = steps_in(in[0]->shape, in[0]->shape);
  require_fits(order.size() == steps.size(), node, "an order of other axes");
  Sizes shape, from;
  for (const Index axis : order) {
    shape.push_back(in[0]->shape.at(static_cast<std::size_t>(axis)));
    from.push_back(steps[static_cast<std::size_t>(axis)]);
  }
  GraphArray y = filled(shape);
  each_element(shape, from, from, [&](Index i, Index a, Index) {
    y.values[static_cast<std::size_t>(i)] = in[0]->values[static_cast<std::size_t>(a)];
  });
  return {y};
}

// 0 is the size that was there, -1 what is left.
Outputs reshape(const GraphNode& node, const Inputs& in) {
  Sizes shape = whole_numbers(*in[1]);
  Index known = 1, *open = nullptr;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (shape[k] == 0) shape[k] = in[0]->shape.at(k);
    if (shape[k] < 0)
      open = &shape[k];
    else
      known *= shape[k];
  }
  if (open != nullptr) *open = size_of(in[0]->shape) / std::max<Index>(known, 1);
  require_fits(size_of(shape) == size_of(in[0]->shape), node, "a shape of another size");
  return {{shape, in[0]->values}};
}

Outputs unsqueeze(const GraphNode&, const Inputs& in) {
  Sizes shape = in[0]->shape;
  for (const Index axis : whole_numbers(*in[1])) shape.insert(shape.begin() + axis, 1);
  return {{shape, in[0]->values}};
}

Outputs join(const GraphNode& node, const Inputs& in) {
  const std::size_t axis = place(node.integer("axis", 0), in[0]->shape);
  Sizes shape = in[0]->shape;
  shape.at(axis) = 0;
  for (const GraphArray* part : in) shape[axis] += part->shape.at(axis);
  GraphArray y = filled(shape);
  const Split to(shape, axis);
  Index done = 0;
  for (const GraphArray* part : in) {
    const Split from(part->shape, axis);
    require_fits(from.before == to.before && from.after == to.after, node, "parts of different shapes");
    const Index run = from.along * from.after;
    for (Index i = 0; i < from.before; ++i)
      std::copy_n(part->values.begin() + i * run, run, y.values.begin() + (i * to.along + done) * to.after);
    done += from.along;
  }
  return {y};
}

// Places along an axis, one after the other: [before, count, after].
GraphArray taken(const GraphNode& node, const GraphArray& x, std::size_t axis, const Sizes& places, Sizes shape) {
  const Split from(x.shape, axis);
  GraphArray y = filled(std::move(shape));
  auto to = y.values.begin();
  for (Index i = 0; i < from.before; ++i)
    for (const Index k : places) {
      require_fits(k >= 0 && k < from.along, node, "a place that is not there");
      to = std::copy_n(x.values.begin() + (i * from.along + k) * from.after, from.after, to);
    }
  return y;
}

Outputs slice(const GraphNode& node, const Inputs& in) {
  const std::size_t axis = place(static_cast<Index>(in[3]->values.at(0)), in[0]->shape);
  Sizes places, shape = in[0]->shape;
  for (auto k = static_cast<Index>(in[1]->values.at(0)); k < static_cast<Index>(in[2]->values.at(0)); ++k)
    places.push_back(k);
  shape.at(axis) = static_cast<Index>(places.size());
  return {taken(node, *in[0], axis, places, shape)};
}

Outputs gather(const GraphNode& node, const Inputs& in) {
  const std::size_t axis = place(node.integer("axis", 0), in[0]->shape);
  Sizes shape = in[0]->shape;
  shape.erase(shape.begin() + static_cast<Index>(axis));
  shape.insert(shape.begin() + static_cast<Index>(axis), in[1]->shape.begin(), in[1]->shape.end());
  return {taken(node, *in[0], axis, whole_numbers(*in[1]), shape)};
}

Outputs gather_elements(const GraphNode& node, const Inputs& in) {
  const std::size_t axis = place(node.integer("axis", 0), in[0]->shape);
  const Split from(in[0]->shape, axis), to(in[1]->shape, axis);
  require_fits(from.before == to.before && from.after == to.after, node, "indices of another shape");
  GraphArray y = filled(in[1]->shape);
  for (Index i = 0; i < static_cast<Index>(y.values.size()); ++i) {
    const auto k = static_cast<Index>(in[1]->values[static_cast<std::size_t>(i)]);
    require_fits(k >= 0 && k < from.along, node, "a place that is not there");
    const Index row = i / (to.along * to.after);
    y.values[static_cast<std::size_t>(i)] =
        in[0]->values[static_cast<std::size_t>((row * from.along + k) * from.after + i % to.after)];
  }
  return {y};
}

// All entries along an axis, the largest first, of equal ones the first.
Outputs top_k(const GraphNode& node, const Inputs& in) {
  const Split s(in[0]->shape, place(node.integer("axis", -1), in[0]->shape));
  require_fits(static_cast<Index>(in[1]->values.at(0)) == s.along, node, "not as many as there are");
  GraphArray values = *in[0], places = *in[0];
  Sizes order(static_cast<std::size_t>(s.along));
  for (Index i = 0; i < s.before; ++i)
    for (Index j = 0; j < s.after; ++j) {
      const auto at = [&](Index k) { return static_cast<std::size_t>((i * s.along + k) * s.after + j); };
      std::iota(order.begin(), order.end(), Index{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](Index a, Index b) { return in[0]->values[at(a)] > in[0]->values[at(b)]; });
      for (Index k = 0; k < s.along; ++k) {
        values.values[at(k)] = in[0]->values[at(order[static_cast<std::size_t>(k)])];
        places.values[at(k)] = static_cast<double>(order[static_cast<std::size_t>(k)]);
      }
    }
  return {values, places};
}

Outputs arg_max(const GraphNode& node, const Inputs& in) {
  const std::size_t axis = place(node.integer("axis", 0), in[0]->shape);
  const Split s(in[0]->shape, axis);
  Sizes shape = in[0]->shape;
  shape[axis] = 1;
  GraphArray y = filled(shape);
  for (Index i = 0; i < s.before; ++i)
    for (Index j = 0; j < s.after; ++j) {
      const auto at = [&](Index k) { return static_cast<std::size_t>((i * s.along + k) * s.after + j); };
      Index best = 0;
      for (Index k = 1; k < s.along; ++k)
        if (in[0]->values[at(k)] > in[0]->values[at(best)]) best = k;
      y.values[static_cast<std::size_t>(i * s.after + j)] = static_cast<double>(best);
    }
  return {y};
}

// f over the axes that the second input names, from `start` on.
template <class F>
Operator reduction(double start, bool mean, F f) {
  return [=](const GraphNode& node, const Inputs& in) -> Outputs {
    Sizes kept = in[0]->shape;
    double count = 1;
    for (const Index axis : whole_numbers(*in[1])) {
      count *= static_cast<double>(kept.at(place(axis, kept)));
      kept[place(axis, kept)] = 1;
    }
    GraphArray y = filled(kept, start);
    const Sizes steps = steps_in(kept, in[0]->shape);
    each_element(in[0]->shape, steps, steps, [&](Index i, Index to, Index) {
      double& v = y.values[static_cast<std::size_t>(to)];
      v = f(v, in[0]->values[static_cast<std::size_t>(i)]);
    });
    for (double& v : y.values) v /= mean ? count : 1;
    if (node.integer("keepdims", 1) == 1) return {y};
    y.shape.clear();
    const Sizes axes = whole_numbers(*in[1]);
    for (std::size_t k = 0; k < kept.size(); ++k)
      if (std::ranges::find(axes, static_cast<Index>(k)) == axes.end()) y.shape.push_back(kept[k]);
    return {y};
  };
}

// Adds row i of the updates to the row of the data that index i names.
Outputs scatter_add(const GraphNode& node, const Inputs& in) {
  GraphArray y = *in[0];
  const Index row = y.shape.at(0) > 0 ? size_of(y.shape) / y.shape[0] : 0;
  require_fits(in[1]->shape.size() == 2 && in[1]->shape[1] == 1 &&
                   static_cast<Index>(in[2]->values.size()) == in[1]->shape[0] * row,
               node, "updates that do not fit");
  for (Index i = 0; i < in[1]->shape[0]; ++i) {
    const auto to = static_cast<Index>(in[1]->values[static_cast<std::size_t>(i)]);
    require_fits(to >= 0 && to < y.shape[0], node, "a row that is not there");
    for (Index j = 0; j < row; ++j)
      y.values[static_cast<std::size_t>(to * row + j)] += in[2]->values[static_cast<std::size_t>(i * row + j)];
  }
  return {y};
}

Outputs shape_of(const GraphNode& node, const Inputs& in) {
  const Sizes& shape = in[0]->shape;
  const auto all = static_cast<Index>(shape.size());
  GraphArray y;
  for (Index k = node.integer("start", 0); k < std::min(node.integer("end", all), all); ++k)
    y.values.push_back(static_cast<double>(shape[static_cast<std::size_t>(k)]));
  y.shape = {static_cast<Index>(y.values.size())};
  return {y};
}

Outputs clip(const GraphNode&, const Inputs& in) {
  GraphArray y = *in[0];
  for (double& v : y.values) v = std::clamp(v, in[1]->values.at(0), in[2]->values.at(0));
  return {y};
}

const std::map<std::string, Operator, std::less<>>& operators() {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  static const std::map<std::string, Operator, std::less<>> table{
      {"Relu", unary([](double v) { return v > 0 ? v : 0; })},
      {"Tanh", unary([](double v) { return std::tanh(v); })},
      {"Sigmoid", unary([](double v) { return 1 / (1 + std::exp(-v)); })},
      {"Exp", unary([](double v) { return std::exp(v); })},
      {"Log", unary([](double v) { return std::log(v); })},
      {"Sqrt", unary([](double v) { return std::sqrt(v); })},
      {"Abs", unary([](double v) { return std::abs(v); })},
      {"Sin", unary([](double v) { return std::sin(v); })},
      {"Cos", unary([](double v) { return std::cos(v); })},
      {"Sign", unary([](double v) { return static_cast<double>((v > 0) - (v < 0)); })},
      {"Clip", clip},
      {"Add", binary([](double a, double b) { return a + b; })},
      {"Sub", binary([](double a, double b) { return a - b; })},
      {"Mul", binary([](double a, double b) { return a * b; })},
      {"Div", binary([](double a, double b) { return a / b; })},
      {"Max", binary([](double a, double b) { return std::max(a, b); })},
      {"MatMul", mat_mul},
      {"Transpose", transpose},
      {"Reshape", reshape},
      {"Unsqueeze", unsqueeze},
      {"Concat", join},
      {"Slice", slice},
      {"Gather", gather},
      {"GatherElements", gather_elements},
      {"TopK", top_k},
      {"ArgMax", arg_max},
      {"ReduceSum", reduction(0, false, [](double a, double b) { return a + b; })},
      {"ReduceMean", reduction(0, true, [](double a, double b) { return a + b; })},
      {"ReduceMax", reduction(-infinite, false, [](double a, double b) { return std::max(a, b); })},
      {"ReduceMin", reduction(infinite, false, [](double a, double b) { return std::min(a, b); })},
      {"Expand", expand},
      {"Shape", shape_of},
      {"ScatterND", scatter_add}};
  return table;
}

GraphArray array_of(const eqnn::NamedArray& a) {
  GraphArray y = filled(a.shape);
  const auto read = [&]<class T>(T v) {
    for (std::size_t i = 0; i < y.values.size(); ++i) {
      std::memcpy(&v, a.bytes.data() + i * sizeof(T), sizeof(T));
      y.values[i] = static_cast<double>(v);
    }
  };
  if (a.dtype == "F32") read(0.0f);
  if (a.dtype == "F64") read(0.0);
  if (a.dtype == "I64") read(std::int64_t{0});
  return y;
}

}  // namespace

GraphArrays evaluate(const NetworkGraph& graph, const GraphArrays& inputs, bool rounded) {
  GraphArrays values = inputs;
  for (const auto* list : {&graph.parameters, &graph.constants})
    for (const eqnn::NamedArray& a : *list) values[a.name] = array_of(a);
  const auto value = [&](const std::string& name) {
    const auto found = values.find(name);
    require(found != values.end(), "a graph reads '", name, "', which is not there");
    return &found->second;
  };
  for (const GraphNode& node : graph.nodes) {
    const auto op = operators().find(node.op);
    require(op != operators().end(), "operator ", node.op, " cannot be evaluated here");
    Inputs in;
    for (const std::string& name : node.inputs) in.push_back(value(name));
    Outputs out = op->second(node, in);
    if (rounded)
      for (GraphArray& a : out)
        for (double& v : a.values) v = static_cast<double>(static_cast<float>(v));
    require_fits(out.size() >= node.outputs.size(), node, "more outputs than it has");
    for (std::size_t k = 0; k < node.outputs.size(); ++k) values[node.outputs[k]] = out[k];
  }
  GraphArrays outputs;
  for (const GraphValue& v : graph.outputs) outputs[v.name] = *value(v.name);
  return outputs;
}

std::vector<std::string> evaluated_operators() {
  std::vector<std::string> names;
  for (const auto& [name, op] : operators()) names.push_back(name);
  return names;
}

}  // namespace tools
