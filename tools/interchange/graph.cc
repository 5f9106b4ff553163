#include "interchange/graph.h"

#include <cstring>

namespace tools {
namespace {

template <class To, class From>
std::vector<std::byte> bytes_of(const std::vector<From>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(To));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const To v = static_cast<To>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(To), &v, sizeof(To));
  }
  return bytes;
}

const GraphAttribute* find_attribute(const GraphNode& node, const std::string& name) {
  for (const GraphAttribute& a : node.attributes)
    if (a.name == name) return &a;
  return nullptr;
}

}  // namespace

Index GraphNode::integer(const std::string& name, Index fallback) const {
  const GraphAttribute* a = find_attribute(*this, name);
  return a != nullptr && a->integers.size() == 1 ? a->integers[0] : fallback;
}

const std::vector<Index>& GraphNode::integers(const std::string& name) const {
  const GraphAttribute* a = find_attribute(*this, name);
  require(a != nullptr, "operator ", op, " has no attribute '", name, "'; it needs a list");
  return a->integers;
}

std::vector<std::string> GraphBuilder::nodes(const std::string& op, std::vector<std::string> inputs,
                                             std::vector<GraphAttribute> attributes, int outputs) {
  std::vector<std::string> names;
  for (int i = 0; i < outputs; ++i) names.push_back(concat("v", values_++));
  graph_.nodes.push_back({op, std::move(inputs), names, std::move(attributes)});
  return names;
}

std::string GraphBuilder::whole(const std::vector<Index>& values, std::vector<Index> shape) {
  return constant({"", "I64", std::move(shape), bytes_of<std::int64_t>(values)});
}

std::string GraphBuilder::reals(const std::vector<double>& values, std::vector<Index> shape) {
  const bool single = graph_.real == ElementType::f32;
  return constant(
      {"", dtype_of(graph_.real), std::move(shape), single ? bytes_of<float>(values) : bytes_of<double>(values)});
}

std::string GraphBuilder::constant(eqnn::NamedArray array) {
  std::string key = array.dtype;
  for (const Index size : array.shape) key += concat(" ", size);
  key += ':';
  key.append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
  const auto [found, added] = constants_.emplace(key, concat("c", constants_.size()));
  if (added) {
    array.name = found->second;
    graph_.constants.push_back(std::move(array));
  }
  return found->second;
}

GraphAttribute integer_attribute(const std::string& name, Index value) {
  return {name, GraphAttribute::Kind::integer, {value}};
}
GraphAttribute integers_attribute(const std::string& name, std::vector<Index> values) {
  return {name, GraphAttribute::Kind::integers, std::move(values)};
}
GraphAttribute text_attribute(const std::string& name, const std::string& text) {
  return {name, GraphAttribute::Kind::text, {}, text};
}

std::string dtype_of(ElementType type) {
  return type == ElementType::f32 ? "F32" : type == ElementType::f64 ? "F64" : "I64";
}
ElementType type_of(const std::string& dtype) {
  return dtype == "F32" ? ElementType::f32 : dtype == "F64" ? ElementType::f64 : ElementType::i64;
}

}  // namespace tools
