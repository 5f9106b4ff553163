#include "interchange/translate.h"

#include <algorithm>

#include "interchange/translation.h"

namespace tools {
namespace {

const TranslationRows& translation_rows() {
  static const TranslationRows table = [] {
    TranslationRows rows;
    add_element_rows(rows);
    add_linear_rows(rows);
    add_graph_rows(rows);
    add_point_rows(rows);
    return rows;
  }();
  return table;
}

constexpr Index kNodes = 1, kEdges = 2;  // the extents of the first graph of a program

}  // namespace

Translation::Translation(NetworkGraph& graph, std::vector<RecordedValue> values, const TranslatedInputs& inputs)
    : g(graph), graph_(graph), values_(std::move(values)), inputs_(inputs), names_(values_.size()) {}

void Translation::refuse(const RecordedValue& op) const {
  throw NotBuiltError(
      concat("operation '", op.name, "' of this network, of value ", to_string(op.shape),
             ", has no translation to ONNX or PyTorch; --to safetensors or npz writes the weights"));
}

std::string Translation::translate(int value) {
  std::vector<bool> needed(values_.size(), false);
  needed[static_cast<std::size_t>(value)] = true;
  for (std::size_t id = values_.size(); id-- > 0;)
    if (needed[id])
      for (const int in : values_[id].inputs) needed[static_cast<std::size_t>(in)] = true;
  for (std::size_t id = 0; id < values_.size(); ++id)
    if (needed[id] && values_[id].kind == RecordedValue::Kind::input) add_input(values_[id], id);
  for (std::size_t id = 0; id < values_.size(); ++id) {
    const RecordedValue& v = values_[id];
    if (!needed[id] || v.kind == RecordedValue::Kind::input) continue;
    if (v.kind == RecordedValue::Kind::parameter) {
      names_[id] = v.name;
      continue;
    }
    const auto row = translation_rows().find(v.name);
    if (row == translation_rows().end() || v.shape.examples > kEdges) refuse(v);
    names_[id] = row->second(*this, v);
  }
  return names_[static_cast<std::size_t>(value)];
}

void Translation::add_input(const RecordedValue& value, std::size_t id) {
  const eqnn::Shape& s = value.shape;
  if (const auto fixed = inputs_.fixed.find(value.name); fixed != inputs_.fixed.end()) {
    names_[id] = g.reals(fixed->second, {1, s.points, s.channels});
    return;
  }
  if (s.examples > kNodes) refuse(value);
  std::vector<Index> sizes{s.points, s.channels};
  if (s.examples == kNodes) sizes = {s.channels};
  if (const auto found = inputs_.file_sizes.find(value.name); found != inputs_.file_sizes.end())
    sizes = found->second;
  std::vector<std::string> shape{s.examples == kNodes ? "nodes" : "batch"};
  for (const Index size : sizes) shape.push_back(std::to_string(size));
  graph_.inputs.push_back({value.name, graph_.real, shape});
  names_[id] = sizes == std::vector<Index>{s.points, s.channels}
                   ? value.name
                   : g.node("Reshape", {value.name, g.whole({0, s.points, s.channels})});
}

std::string Translation::matrix(const std::string& parameter) {
  return once("matrix " + parameter, [&] {
    const auto array = std::ranges::find(graph_.parameters, parameter, &eqnn::NamedArray::name);
    require(array != graph_.parameters.end(), "a product is with '", parameter, "', which is no parameter");
    std::string name = parameter;
    if (array->shape.size() != 2) name = g.node("Reshape", {name, g.whole({array->shape[0], -1})});
    return g.node("Transpose", {name}, {integers_attribute("perm", {1, 0})});
  });
}

void Translation::add_graph() {
  once("graph", [&] {
    graph_.inputs.push_back({"edge_index", ElementType::i64, {"2", "edges"}});
    graph_.inputs.push_back({"batch", ElementType::i64, {"nodes"}});
    return std::string();
  });
}

std::string Translation::edge_from() {
  add_graph();
  return once("edge from", [&] { return g.node("Gather", {"edge_index", g.whole({0}, {})}, along(0)); });
}
std::string Translation::edge_to() {
  add_graph();
  return once("edge to", [&] { return g.node("Gather", {"edge_index", g.whole({1}, {})}, along(0)); });
}
std::string Translation::graph_of_node() {
  add_graph();
  return "batch";
}

std::string Translation::examples() {
  return once("examples", [&] {
    require(!graph_.inputs.empty(), "a network without inputs cannot be exported");
    if (graph_.inputs[0].shape[0] == "nodes") {
      add_graph();
      return g.node("Add", {g.node("ReduceMax", {"batch", g.whole({0})}, kept()), g.whole({1}, {})});
    }
    return g.node("Shape", {graph_.inputs[0].name}, {integer_attribute("start", 0), integer_attribute("end", 1)});
  });
}

std::string Translation::sizes(const eqnn::Shape& shape) {
  return once("sizes " + to_string(shape), [&] {
    std::string first;
    if (shape.examples == eqnn::Shape::kCapacity) {
      first = examples();
    } else {
      add_graph();
      const bool nodes = shape.examples == kNodes;
      first = g.node("Shape", {nodes ? "batch" : "edge_index"},
                     {integer_attribute("start", nodes ? 0 : 1), integer_attribute("end", nodes ? 1 : 2)});
    }
    return g.node("Concat", {first, g.whole({shape.points, shape.channels})}, along(0));
  });
}

std::string Translation::segment_sum(const std::string& x, const std::string& index, const eqnn::Shape& result) {
  const std::string rows = once("rows " + index, [&] { return g.node("Unsqueeze", {index, g.whole({1})}); });
  const std::string zeros = once("zeros " + to_string(result), [&] {
    return g.node("Expand", {g.number(0), sizes(result)});
  });
  return g.node("ScatterND", {zeros, rows, x}, {text_attribute("reduction", "add")});
}

namespace {

template <class T>
std::vector<RecordedValue> recorded_values(const eqnn::Program<T>& program) {
  std::vector<RecordedValue> values;
  for (int id = 0; id < program.operations(); ++id) {
    const eqnn::Operation<T>& op = program.operation(id);
    RecordedValue v{op.name, RecordedValue::Kind::operation, op.shape, {}, op.numbers, op.table};
    if (!op.forward) v.kind = RecordedValue::Kind::input;
    if (program.parameter(id)) v.kind = RecordedValue::Kind::parameter;
    for (const eqnn::Tensor<T>& in : op.inputs) v.inputs.push_back(in.id());
    values.push_back(std::move(v));
  }
  return values;
}

// An input that is a form of another one becomes the operation that computes it.
void compute_forms(std::vector<RecordedValue>& values, const TranslatedInputs& inputs) {
  for (RecordedValue& v : values) {
    const auto form = inputs.forms.find(v.name);
    if (v.kind != RecordedValue::Kind::input || form == inputs.forms.end()) continue;
    const auto source = std::ranges::find(values, form->second.of, &RecordedValue::name);
    require(source != values.end() && source->shape == v.shape, "input '", v.name, "' is no form of '",
            form->second.of, "'");
    const bool framed = form->second.frame.has_value();
    v = {framed ? "canonical_form" : "scale",
         RecordedValue::Kind::operation,
         v.shape,
         {static_cast<int>(source - values.begin())},
         {framed ? static_cast<double>(*form->second.frame) : 1.0},
         nullptr};
  }
}

void name_outputs(NetworkGraph& graph, GraphBuilder& g, const std::string& value, Index outputs, bool difference) {
  const auto named = [&](const std::string& name) { graph.nodes.back().outputs[0] = name; };
  if (outputs > 1) {
    g.node("Reshape", {value, g.whole({0, outputs})});
    named("logits");
    graph.outputs.push_back({"logits", graph.real, {"batch", std::to_string(outputs)}});
    if (!difference) return;
    g.node("Sub", {g.node("Gather", {"logits", g.whole({0}, {})}, along(1)),
                   g.node("Gather", {"logits", g.whole({1}, {})}, along(1))});
  } else {
    g.node("Reshape", {value, g.whole({-1})});
  }
  named("y");
  graph.outputs.insert(graph.outputs.begin(), {"y", graph.real, {"batch"}});
}

}  // namespace

template <class T>
NetworkGraph translate(const eqnn::Program<T>& program, const eqnn::Params<T>& params, eqnn::Tensor<T> value,
                       const TranslatedInputs& inputs) {
  NetworkGraph graph;
  graph.real = std::is_same_v<T, float> ? ElementType::f32 : ElementType::f64;
  graph.parameters = eqnn::parameter_arrays(params, params.values(), "");
  std::vector<RecordedValue> values = recorded_values(program);
  compute_forms(values, inputs);
  Translation t(graph, std::move(values), inputs);
  const std::string last = t.translate(value.id());
  name_outputs(graph, t.g, last, value.shape().channels, inputs.difference);
  return graph;
}

std::vector<std::string> translated_operations() {
  std::vector<std::string> names;
  for (const auto& [name, row] : translation_rows()) names.push_back(name);
  return names;
}

template NetworkGraph translate(const eqnn::Program<float>&, const eqnn::Params<float>&, eqnn::Tensor<float>,
                                const TranslatedInputs&);
template NetworkGraph translate(const eqnn::Program<double>&, const eqnn::Params<double>&, eqnn::Tensor<double>,
                                const TranslatedInputs&);

}  // namespace tools
