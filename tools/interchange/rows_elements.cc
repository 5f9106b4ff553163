// Single elements, points and channels, norms.

#include <cmath>

#include "interchange/translation.h"

namespace tools {
namespace {

TranslationRow of_one(const char* op) {
  return [op](Translation& t, const RecordedValue& v) { return t.g.node(op, {t.in(v, 0)}); };
}
TranslationRow of_two(const char* op) {
  return [op](Translation& t, const RecordedValue& v) { return t.g.node(op, {t.in(v, 0), t.in(v, 1)}); };
}

std::string square_row(Translation& t, const RecordedValue& v) { return t.g.node("Mul", {t.in(v, 0), t.in(v, 0)}); }

// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
std::string gelu_row(Translation& t, const RecordedValue& v) {
  GraphBuilder& g = t.g;
  const std::string& x = t.in(v, 0);
  const std::string square = g.node("Mul", {x, x});
  const std::string factor = g.node(
      "Add", {g.node("Mul", {square, g.number(0.044715 * std::sqrt(2 / M_PI))}), g.number(std::sqrt(2 / M_PI))});
  const std::string bent = g.node("Tanh", {g.node("Mul", {x, factor})});
  return g.node("Mul", {g.node("Mul", {x, g.number(0.5)}), g.node("Add", {bent, g.number(1)})});
}

// relu(x) - s relu(-x); the slope of ONNX's own operator is a float.
std::string leaky_relu_row(Translation& t, const RecordedValue& v) {
  const std::string below = t.g.node("Relu", {t.g.node("Mul", {t.in(v, 0), t.g.number(-1)})});
  return t.g.node("Sub", {t.g.node("Relu", {t.in(v, 0)}), t.g.node("Mul", {below, t.g.number(v.numbers.at(0))})});
}
std::string clamp_row(Translation& t, const RecordedValue& v) {
  return t.g.node("Clip", {t.in(v, 0), t.g.number(v.numbers.at(0)), t.g.number(v.numbers.at(1))});
}
std::string scale_row(Translation& t, const RecordedValue& v) {
  return t.g.node("Mul", {t.in(v, 0), t.g.number(v.numbers.at(0))});
}
std::string constant_row(Translation& t, const RecordedValue& v) {
  return t.g.node("Expand", {t.g.number(v.numbers.at(0)), t.sizes(v.shape)});
}

std::string sum_points_row(Translation& t, const RecordedValue& v) {
  return t.g.node("ReduceSum", {t.in(v, 0), t.g.whole({1})}, kept());
}
std::string mean_points_row(Translation& t, const RecordedValue& v) {
  return t.g.node("ReduceMean", {t.in(v, 0), t.g.whole({1})}, kept());
}
std::string max_points_row(Translation& t, const RecordedValue& v) {
  return t.g.node("ReduceMax", {t.in(v, 0), t.g.whole({1})}, kept());
}
std::string flatten_row(Translation& t, const RecordedValue& v) {
  return t.g.node("Reshape", {t.in(v, 0), t.g.whole({0, 1, v.shape.channels})});
}
std::string transpose_row(Translation& t, const RecordedValue& v) {
  return t.g.node("Transpose", {t.in(v, 0)}, {integers_attribute("perm", {0, 2, 1})});
}

template <Index axis>
std::string join_row(Translation& t, const RecordedValue& v) {
  std::vector<std::string> parts;
  for (int k = 0; k < static_cast<int>(v.inputs.size()); ++k) parts.push_back(t.in(v, k));
  return t.g.node("Concat", parts, along(axis));
}

template <Index axis>
std::string slice_row(Translation& t, const RecordedValue& v) {
  const auto first = static_cast<Index>(v.numbers.at(0)), count = axis == 1 ? v.shape.points : v.shape.channels;
  return t.g.node("Slice", {t.in(v, 0), t.g.whole({first}), t.g.whole({first + count}), t.g.whole({axis})});
}

// o / sqrt(mean of o^2 + epsilon) gain + bias, the mean as given.
std::string normalized(Translation& t, const RecordedValue& v, const std::string& o,
                       const std::string& mean_square) {
  const std::string deviation = t.g.node("Sqrt", {t.g.node("Add", {mean_square, t.g.number(v.numbers.at(0))})});
  const std::string scaled = t.g.node("Mul", {t.g.node("Div", {o, deviation}), t.in(v, 1)});
  return t.g.node("Add", {scaled, t.in(v, 2)});
}

std::string layer_norm_row(Translation& t, const RecordedValue& v) {
  const std::string axis = t.g.whole({2});
  const std::string o = t.g.node("Sub", {t.in(v, 0), t.g.node("ReduceMean", {t.in(v, 0), axis}, kept())});
  return normalized(t, v, o, t.g.node("ReduceMean", {t.g.node("Mul", {o, o}), axis}, kept()));
}

// Over the points of an example, or the nodes of a graph.
std::string graph_norm_row(Translation& t, const RecordedValue& v) {
  const bool sparse = v.shape.examples != eqnn::Shape::kCapacity;
  const auto mean = [&](const std::string& x) {
    if (!sparse) return t.g.node("ReduceMean", {x, t.g.whole({1})}, kept());
    const std::string graph = t.graph_of_node();
    const eqnn::Shape sums{eqnn::Shape::kCapacity, 1, v.shape.channels};
    const std::string ones = t.g.node("Expand", {t.g.number(1), t.sizes({v.shape.examples, 1, 1})});
    const std::string count = t.segment_sum(ones, graph, {eqnn::Shape::kCapacity, 1, 1});
    const std::string means = t.g.node("Div", {t.segment_sum(x, graph, sums), count});
    return t.g.node("Gather", {means, graph}, along(0));
  };
  const std::string o = t.g.node("Sub", {t.in(v, 0), t.g.node("Mul", {t.in(v, 3), mean(t.in(v, 0))})});
  return normalized(t, v, o, mean(t.g.node("Mul", {o, o})));
}

}  // namespace

void add_element_rows(TranslationRows& rows) {
  rows.insert({{"relu", of_one("Relu")},       {"tanh", of_one("Tanh")},
               {"sigmoid", of_one("Sigmoid")}, {"exp", of_one("Exp")},
               {"log", of_one("Log")},         {"sqrt", of_one("Sqrt")},
               {"abs", of_one("Abs")},         {"sin", of_one("Sin")},
               {"cos", of_one("Cos")},         {"add", of_two("Add")},
               {"sub", of_two("Sub")},         {"mul", of_two("Mul")},
               {"div", of_two("Div")},         {"add_bias", of_two("Add")},
               {"square", square_row},         {"gelu", gelu_row},
               {"leaky_relu", leaky_relu_row}, {"clamp", clamp_row},
               {"scale", scale_row},           {"constant", constant_row},
               {"sum_points", sum_points_row}, {"mean_points", mean_points_row},
               {"max_points", max_points_row}, {"flatten", flatten_row},
               {"transpose", transpose_row},   {"join_channels", join_row<2>},
               {"join_points", join_row<1>},   {"slice_channels", slice_row<2>},
               {"slice_points", slice_row<1>}, {"layer_norm", layer_norm_row},
               {"graph_norm", graph_norm_row}});
}

}  // namespace tools
