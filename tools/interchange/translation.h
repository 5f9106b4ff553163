// What a row of the table of operations works with.
#pragma once

#include <functional>
#include <memory>

#include "interchange/translate.h"

namespace tools {

// A value of a recorded program, whatever its element type.
struct RecordedValue {
  enum class Kind : std::uint8_t { input, parameter, operation };
  std::string name;  // of an operation, an input, or a parameter
  Kind kind = Kind::operation;
  eqnn::Shape shape;
  std::vector<int> inputs;
  std::vector<double> numbers;                             // Operation::numbers
  std::shared_ptr<const std::vector<std::int32_t>> table;  // Operation::table
};

// A graph while a program is translated. The array of a value [b, n, c] has three axes, that of a value on nodes or
// edges is [nodes, 1, c] or [edges, 1, c], and that of a parameter has the shape of the file.
class Translation {
 public:
  Translation(NetworkGraph& graph, std::vector<RecordedValue> values, const TranslatedInputs& inputs);

  // Translates everything that the value depends on; returns its name.
  std::string translate(int value);

  GraphBuilder g;

  // Of input k of an operation.
  const RecordedValue& value(const RecordedValue& op, int k) const {
    return values_[static_cast<std::size_t>(op.inputs[static_cast<std::size_t>(k)])];
  }
  const eqnn::Shape& shape(const RecordedValue& op, int k) const { return value(op, k).shape; }
  const std::string& in(const RecordedValue& op, int k) const {
    return names_[static_cast<std::size_t>(op.inputs[static_cast<std::size_t>(k)])];
  }
  // A weight as [in, out]; as a file has it, it is [out, in] or of more axes.
  std::string matrix(const std::string& parameter);

  // The shape of a value of so many examples, nodes or edges, as a list of whole numbers.
  std::string sizes(const eqnn::Shape& shape);
  // Of the edges of the batch of graphs: the neighbour, the node that takes it in, [edges]. Of its nodes: their
  // graph, [nodes].
  std::string edge_from();
  std::string edge_to();
  std::string graph_of_node();
  // sum of x [rows, 1, c] over the rows with the same index, in the place of it: [size of the extent, 1, c].
  std::string segment_sum(const std::string& x, const std::string& index, const eqnn::Shape& result);

  [[noreturn]] void refuse(const RecordedValue& op) const;

 private:
  void add_input(const RecordedValue& value, std::size_t id);
  void add_graph();
  std::string examples();  // how many, a list of one

  NetworkGraph& graph_;
  std::vector<RecordedValue> values_;
  const TranslatedInputs& inputs_;
  std::vector<std::string> names_;           // by value
  std::map<std::string, std::string> made_;  // what is made once, by what it is made of
  template <class Make>
  const std::string& once(const std::string& key, const Make& make) {
    auto found = made_.find(key);
    if (found == made_.end()) found = made_.emplace(key, make()).first;
    return found->second;
  }
};

// A row: writes the operation, and returns the name of its value.
using TranslationRow = std::function<std::string(Translation& t, const RecordedValue& op)>;
using TranslationRows = std::map<std::string, TranslationRow, std::less<>>;

void add_element_rows(TranslationRows& rows);  // rows_elements.cc: single elements, points and channels, norms
void add_linear_rows(TranslationRows& rows);   // rows_linear.cc: products, convolutions, groups
void add_graph_rows(TranslationRows& rows);    // rows_graphs.cc: graphs, dense and sparse
void add_point_rows(TranslationRows& rows);    // rows_points.cc: sets, clouds, frames

// Attributes of a reduction or a join along an axis.
inline std::vector<GraphAttribute> kept(bool keep = true) { return {integer_attribute("keepdims", keep ? 1 : 0)}; }
inline std::vector<GraphAttribute> along(Index axis) { return {integer_attribute("axis", axis)}; }

}  // namespace tools
