#include "interchange/onnx.h"

#include <cstring>
#include <limits>
#include <optional>
#include <span>

#include <eqnn/io/files.h>

#include "cli/note.h"

namespace tools {
namespace {

using eqnn::FileError;

// Numbers of the fields in onnx.proto.
namespace model_field {
constexpr int format = 1, producer = 2, graph = 7, operators = 8, metadata = 14;
}
namespace graph_field {
constexpr int node = 1, name = 2, initializer = 5, input = 11, output = 12;
}
namespace node_field {
constexpr int input = 1, output = 2, name = 3, op = 4, attribute = 5;
}
namespace attribute_field {
constexpr int name = 1, integer = 3, text = 4, integers = 8, type = 20;
constexpr Index integer_type = 2, text_type = 3, integers_type = 7;
}  // namespace attribute_field
namespace array_field {
constexpr int sizes = 1, type = 2, floats = 4, integers = 7, name = 8, raw = 9, doubles = 10, location = 14;
}
namespace value_field {
constexpr int name = 1, type = 2, array_type = 1, element_type = 1, shape = 2, size = 1, number = 1, size_name = 2;
}

// How a field is written: a number of 7 bits a byte, 8 bytes, a length and bytes, 4 bytes.
enum class Wire : std::uint8_t { number = 0, eight = 1, bytes = 2, four = 5 };

class Message {
 public:
  void number(int field, Index value) {
    tag(field, Wire::number);
    varint(static_cast<std::uint64_t>(value));
  }
  void text(int field, std::string_view value) {
    tag(field, Wire::bytes);
    varint(value.size());
    bytes_ += value;
  }
  void message(int field, const Message& inner) { text(field, inner.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void tag(int field, Wire wire) {
    varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
  }
  void varint(std::uint64_t v) {
    for (; v > 127; v >>= 7) bytes_ += static_cast<char>(v | 128);
    bytes_ += static_cast<char>(v);
  }
  std::string bytes_;
};

Message attribute_message(const GraphAttribute& a) {
  using Kind = GraphAttribute::Kind;
  Message m;
  m.text(attribute_field::name, a.name);
  if (a.kind == Kind::integer) m.number(attribute_field::integer, a.integers.at(0));
  if (a.kind == Kind::text) m.text(attribute_field::text, a.text);
  if (a.kind == Kind::integers)
    for (const Index v : a.integers) m.number(attribute_field::integers, v);
  m.number(attribute_field::type, a.kind == Kind::integer ? attribute_field::integer_type
                                  : a.kind == Kind::text  ? attribute_field::text_type
                                                          : attribute_field::integers_type);
  return m;
}

Message node_message(const GraphNode& node) {
  Message m;
  for (const std::string& name : node.inputs) m.text(node_field::input, name);
  for (const std::string& name : node.outputs) m.text(node_field::output, name);
  m.text(node_field::name, node.outputs.at(0));
  m.text(node_field::op, node.op);
  for (const GraphAttribute& a : node.attributes) m.message(node_field::attribute, attribute_message(a));
  return m;
}

Message array_message(const eqnn::NamedArray& a) {
  Message m;
  for (const Index size : a.shape) m.number(array_field::sizes, size);
  m.number(array_field::type, static_cast<Index>(type_of(a.dtype)));
  m.text(array_field::name, a.name);
  m.text(array_field::raw, {reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size()});
  return m;
}

Message value_message(const GraphValue& value) {
  Message shape, array, type, m;
  for (const std::string& size : value.shape) {
    Message one;
    if (const auto number = whole_number(size))
      one.number(value_field::number, *number);
    else
      one.text(value_field::size_name, size);
    shape.message(value_field::size, one);
  }
  array.number(value_field::element_type, static_cast<Index>(value.type));
  array.message(value_field::shape, shape);
  type.message(value_field::array_type, array);
  m.text(value_field::name, value.name);
  m.message(value_field::type, type);
  return m;
}

Message graph_message(const NetworkGraph& graph) {
  Message m;
  for (const GraphNode& node : graph.nodes) m.message(graph_field::node, node_message(node));
  m.text(graph_field::name, "network");
  for (const auto* list : {&graph.parameters, &graph.constants})
    for (const eqnn::NamedArray& a : *list) m.message(graph_field::initializer, array_message(a));
  for (const GraphValue& v : graph.inputs) m.message(graph_field::input, value_message(v));
  for (const GraphValue& v : graph.outputs) m.message(graph_field::output, value_message(v));
  return m;
}

}  // namespace

std::string encode_onnx(const NetworkGraph& graph, const std::map<std::string, std::string>& metadata) {
  Message operators, m;
  operators.text(1, "");
  operators.number(2, kOnnxOperators);
  m.number(model_field::format, kOnnxFormat);
  m.text(model_field::producer, "eqnn");
  m.message(model_field::graph, graph_message(graph));
  m.message(model_field::operators, operators);
  for (const auto& [key, value] : metadata) {
    Message entry;
    entry.text(1, key);
    entry.text(2, value);
    m.message(model_field::metadata, entry);
  }
  require(m.bytes().size() < static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()),
          "the ONNX file would have ", m.bytes().size(), " bytes, and 2 GB is the most that the format holds; ",
          "--to safetensors writes the weights");
  return m.bytes();
}

namespace {

struct Field {
  int field = 0;
  Wire wire = Wire::number;
  std::uint64_t number = 0;
  std::string_view bytes;

  bool is(int wanted, Wire how) const { return field == wanted && wire == how; }
};

// The fields of a message, one after the other.
class Fields {
 public:
  Fields(std::string_view bytes, std::string_view path) : bytes_(bytes), path_(path) {}

  std::optional<Field> next() {
    if (bytes_.empty()) return std::nullopt;
    const std::uint64_t tag = varint();
    Field f{static_cast<int>(tag >> 3), static_cast<Wire>(tag & 7), 0, {}};
    if (f.wire == Wire::number)
      f.number = varint();
    else if (f.wire == Wire::bytes)
      f.bytes = cut(varint());
    else if (f.wire == Wire::four || f.wire == Wire::eight)
      f.bytes = cut(f.wire == Wire::four ? 4 : 8);
    else
      fail();
    return f;
  }

 private:
  [[noreturn]] void fail() const {
    throw FileError(concat(path_, ": is cut off, damaged or no ONNX file; write it again"));
  }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(cut(1)[0]);
      v |= static_cast<std::uint64_t>(byte & 127) << shift;
      if (byte < 128) return v;
    }
    fail();
  }
  std::string_view cut(std::uint64_t size) {
    if (size > bytes_.size()) fail();
    const std::string_view part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }
  std::string_view bytes_, path_;
};

template <class Visit>
void each_field(std::string_view bytes, std::string_view path, const Visit& visit) {
  Fields fields(bytes, path);
  while (const auto f = fields.next()) visit(*f);
}

// A list of numbers, packed or one a field.
void add_numbers(const Field& f, std::string_view path, std::vector<Index>& list) {
  if (f.wire == Wire::number) list.push_back(static_cast<Index>(f.number));
  if (f.wire != Wire::bytes) return;
  std::string_view rest = f.bytes;
  while (!rest.empty()) {  // a number each, as the field before it would be
    std::size_t size = 1;
    while (size < rest.size() && (static_cast<std::uint8_t>(rest[size - 1]) & 128) != 0) ++size;
    const std::string one = std::string(1, '\x08') + std::string(rest.substr(0, size));
    each_field(one, path, [&](const Field& number) { list.push_back(static_cast<Index>(number.number)); });
    rest.remove_prefix(size);
  }
}

std::vector<std::byte> copied(std::string_view bytes) {
  const auto all = std::as_bytes(std::span(bytes));
  return {all.begin(), all.end()};
}

// Elements may stand as bytes, or typed: floats and doubles packed or one a field, whole numbers as numbers.
eqnn::NamedArray read_array(std::string_view bytes, std::string_view path) {
  eqnn::NamedArray a;
  Index type = 0;
  std::vector<Index> integers;
  std::string typed;
  bool elsewhere = false;
  each_field(bytes, path, [&](const Field& f) {
    if (f.field == array_field::sizes) add_numbers(f, path, a.shape);
    if (f.is(array_field::type, Wire::number)) type = static_cast<Index>(f.number);
    if (f.is(array_field::name, Wire::bytes)) a.name = f.bytes;
    if (f.is(array_field::raw, Wire::bytes)) a.bytes = copied(f.bytes);
    if (f.field == array_field::floats || f.field == array_field::doubles) typed += f.bytes;
    if (f.field == array_field::integers) add_numbers(f, path, integers);
    if (f.is(array_field::location, Wire::number)) elsewhere = f.number == 1;
  });
  require<FileError>(!elsewhere, path, ": array '", one_line(a.name),
                     "' is kept in another file; write the model with its data inside");
  const bool known = type == 1 || type == 7 || type == 11;
  a.dtype = known ? dtype_of(static_cast<ElementType>(type)) : concat("ONNX type ", type);
  if (!known) return a;
  if (a.bytes.empty() && type != 7) a.bytes = copied(typed);
  if (a.bytes.empty() && type == 7)
    a.bytes = copied({reinterpret_cast<const char*>(integers.data()), integers.size() * sizeof(Index)});
  const auto size = eqnn::array_bytes(a.shape, type == 1 ? 4 : 8);
  require<FileError>(size && *size == static_cast<Index>(a.bytes.size()), path, ": array '", one_line(a.name),
                     "' of shape ", eqnn::shape_text(a.shape), " has ", a.bytes.size(),
                     " bytes, which do not fit; the file is damaged");
  return a;
}

GraphAttribute read_attribute(std::string_view bytes, std::string_view path) {
  GraphAttribute a{"", GraphAttribute::Kind::text, {}, ""};
  each_field(bytes, path, [&](const Field& f) {
    using Kind = GraphAttribute::Kind;
    if (f.is(attribute_field::name, Wire::bytes)) a.name = f.bytes;
    if (f.is(attribute_field::text, Wire::bytes)) a.text = f.bytes;
    if (f.field == attribute_field::integer || f.field == attribute_field::integers)
      add_numbers(f, path, a.integers);
    if (f.is(attribute_field::type, Wire::number)) {
      const auto type = static_cast<Index>(f.number);
      a.kind = type == attribute_field::integer_type    ? Kind::integer
               : type == attribute_field::integers_type ? Kind::integers
                                                        : Kind::text;
    }
  });
  return a;
}

GraphNode read_node(std::string_view bytes, std::string_view path) {
  GraphNode node;
  each_field(bytes, path, [&](const Field& f) {
    if (f.is(node_field::input, Wire::bytes)) node.inputs.emplace_back(f.bytes);
    if (f.is(node_field::output, Wire::bytes)) node.outputs.emplace_back(f.bytes);
    if (f.is(node_field::op, Wire::bytes)) node.op = f.bytes;
    if (f.is(node_field::attribute, Wire::bytes)) node.attributes.push_back(read_attribute(f.bytes, path));
  });
  return node;
}

std::vector<std::string> read_shape(std::string_view bytes, std::string_view path) {
  std::vector<std::string> shape;
  each_field(bytes, path, [&](const Field& f) {
    if (!f.is(value_field::size, Wire::bytes)) return;
    std::string& size = shape.emplace_back();
    each_field(f.bytes, path, [&](const Field& s) {
      if (s.is(value_field::number, Wire::number)) size = std::to_string(s.number);
      if (s.is(value_field::size_name, Wire::bytes)) size = s.bytes;
    });
  });
  return shape;
}

GraphValue read_value(std::string_view bytes, std::string_view path) {
  GraphValue value;
  each_field(bytes, path, [&](const Field& f) {
    if (f.is(value_field::name, Wire::bytes)) value.name = f.bytes;
    if (!f.is(value_field::type, Wire::bytes)) return;
    each_field(f.bytes, path, [&](const Field& type) {
      if (!type.is(value_field::array_type, Wire::bytes)) return;
      each_field(type.bytes, path, [&](const Field& array) {
        if (array.is(value_field::element_type, Wire::number)) value.type = static_cast<ElementType>(array.number);
        if (array.is(value_field::shape, Wire::bytes)) value.shape = read_shape(array.bytes, path);
      });
    });
  });
  return value;
}

}  // namespace

NetworkGraph decode_onnx(std::string_view bytes, std::string_view path) {
  NetworkGraph graph;
  bool found = false;
  each_field(bytes, path, [&](const Field& f) {
    if (!f.is(model_field::graph, Wire::bytes)) return;
    found = true;
    each_field(f.bytes, path, [&](const Field& part) {
      if (part.wire != Wire::bytes) return;
      if (part.field == graph_field::node) graph.nodes.push_back(read_node(part.bytes, path));
      if (part.field == graph_field::initializer) graph.constants.push_back(read_array(part.bytes, path));
      if (part.field == graph_field::input) graph.inputs.push_back(read_value(part.bytes, path));
      if (part.field == graph_field::output) graph.outputs.push_back(read_value(part.bytes, path));
    });
  });
  require<FileError>(found, path, ": holds no graph; is it an ONNX file?");
  if (!graph.outputs.empty()) graph.real = graph.outputs[0].type;
  return graph;
}

}  // namespace tools
