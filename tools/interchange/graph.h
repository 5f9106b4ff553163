// A network as a graph of ONNX operators: what a run is translated to, from which an ONNX file and a PyTorch module
// are written, and which is evaluated here to check both.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <eqnn/io/safetensors.h>

#include "cli/options.h"

namespace tools {

// Of an element, numbered as ONNX does.
enum class ElementType : std::uint8_t { f32 = 1, i64 = 7, f64 = 11 };

// A value that the graph is fed, or gives: a size is a number, or the name of one that is not fixed ("batch").
struct GraphValue {
  std::string name;
  ElementType type = ElementType::f32;
  std::vector<std::string> shape;
};

// A whole number, text, or a list of whole numbers.
struct GraphAttribute {
  enum class Kind : std::uint8_t { integer, text, integers };
  std::string name;
  Kind kind = Kind::integer;
  std::vector<Index> integers;  // one of them for an integer
  std::string text = {};
};

// An operator of ONNX, with its attributes; an input that is left out is "".
struct GraphNode {
  std::string op;
  std::vector<std::string> inputs, outputs;
  std::vector<GraphAttribute> attributes;

  // The attribute of that name; `fallback` where it is not given.
  Index integer(const std::string& name, Index fallback) const;
  const std::vector<Index>& integers(const std::string& name) const;
};

// Nodes stand after those whose values they read. Parameters have the names, shapes and order of a run's file.
struct NetworkGraph {
  ElementType real = ElementType::f32;
  std::vector<GraphValue> inputs, outputs;
  std::vector<eqnn::NamedArray> parameters, constants;
  std::vector<GraphNode> nodes;
};

// Adds nodes and constants to a graph; equal constants are kept once.
class GraphBuilder {
 public:
  explicit GraphBuilder(NetworkGraph& graph) : graph_(graph) {}

  // The name of the node's value.
  std::string node(const std::string& op, std::vector<std::string> inputs,
                   std::vector<GraphAttribute> attributes = {}) {
    return nodes(op, std::move(inputs), std::move(attributes), 1)[0];
  }
  std::vector<std::string> nodes(const std::string& op, std::vector<std::string> inputs,
                                 std::vector<GraphAttribute> attributes, int outputs);
  // Constants: whole numbers as a list, or of another shape; reals; one real number of shape [].
  std::string whole(const std::vector<Index>& values) { return whole(values, {static_cast<Index>(values.size())}); }
  std::string whole(const std::vector<Index>& values, std::vector<Index> shape);
  std::string reals(const std::vector<double>& values, std::vector<Index> shape);
  std::string number(double value) { return reals({value}, {}); }

 private:
  std::string constant(eqnn::NamedArray array);

  NetworkGraph& graph_;
  std::map<std::string, std::string> constants_;  // name by type, shape and bytes
  int values_ = 0;
};

GraphAttribute integer_attribute(const std::string& name, Index value);
GraphAttribute integers_attribute(const std::string& name, std::vector<Index> values);
GraphAttribute text_attribute(const std::string& name, const std::string& text);

// "F32", "F64" or "I64", as arrays have it, and bytes of an element.
std::string dtype_of(ElementType type);
ElementType type_of(const std::string& dtype);

}  // namespace tools
