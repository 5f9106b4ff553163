#include "interchange/torch.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <set>

#include <fmt/core.h>

namespace tools {
namespace {

// Lists of so many whole numbers at most stand in the text.
constexpr std::size_t kInline = 16;

bool is_inline(const eqnn::NamedArray& a) {
  const std::size_t count = a.bytes.size() / (a.dtype == "F32" ? 4 : 8);
  return a.dtype == "I64" ? a.shape.size() <= 1 && count <= kInline : a.shape.empty();
}

class Module {
 public:
  explicit Module(const NetworkGraph& graph) : graph_(graph) {
    for (const eqnn::NamedArray& a : graph.constants) constants_[a.name] = &a;
    for (const eqnn::NamedArray& a : graph.parameters) parameters_.insert(a.name);
  }

  // The lines of forward().
  std::string forward();

  // A value as an expression.
  std::string value(const GraphNode& n, std::size_t k) const {
    const std::string& name = n.inputs.at(k);
    if (parameters_.contains(name)) return fmt::format("p(\"{}\")", name);
    if (!is_constant(n, k)) return name;
    const eqnn::NamedArray& a = constant(n, k);
    if (!is_inline(a)) return "self." + name;
    if (a.dtype != "I64") return real(a);
    return a.shape.empty() ? concat(one(n, k)) : list(n, k);
  }
  bool is_constant(const GraphNode& n, std::size_t k) const { return constants_.contains(n.inputs.at(k)); }
  const eqnn::NamedArray& constant(const GraphNode& n, std::size_t k) const {
    require(is_constant(n, k), "operator ", n.op, ": input ", k, " is no constant, and has to be one here");
    return *constants_.at(n.inputs[k]);
  }
  // Whole numbers of a constant.
  std::vector<Index> whole(const GraphNode& n, std::size_t k) const {
    const eqnn::NamedArray& a = constant(n, k);
    std::vector<Index> values(a.bytes.size() / sizeof(Index));
    if (!values.empty()) std::memcpy(values.data(), a.bytes.data(), a.bytes.size());
    return values;
  }
  Index one(const GraphNode& n, std::size_t k) const { return whole(n, k).at(0); }
  std::string list(const GraphNode& n, std::size_t k) const { return list_text(whole(n, k)); }
  static std::string list_text(const std::vector<Index>& values) {
    std::string text;
    for (const Index v : values) text += concat(text.empty() ? "" : ", ", v);
    return "[" + text + "]";
  }
  // A scalar: what is real is given to the shortest digits that read as it.
  bool is_real(const GraphNode& n, std::size_t k) const {
    return is_constant(n, k) && constant(n, k).dtype != "I64" && is_inline(constant(n, k));
  }
  // A value that is a list of Python, a shape, and not a tensor.
  bool is_list(const std::string& name) const {
    const auto found = constants_.find(name);
    return lists_.contains(name) || (found != constants_.end() && found->second->dtype == "I64");
  }
  void note_list(const std::string& name) { lists_.insert(name); }
  const std::string& first_input() const { return graph_.inputs.at(0).name; }

 private:
  static std::string real(const eqnn::NamedArray& a) {
    double v = 0;
    float single = 0;
    if (a.dtype == "F32") {
      std::memcpy(&single, a.bytes.data(), sizeof single);
      v = static_cast<double>(single);
    } else {
      std::memcpy(&v, a.bytes.data(), sizeof v);
    }
    return fmt::format("{}", v);
  }

  const NetworkGraph& graph_;
  std::map<std::string, const eqnn::NamedArray*> constants_;
  std::set<std::string> parameters_;
  std::set<std::string> lists_;
};

using Printer = std::function<std::string(Module& m, const GraphNode& n)>;

// {0}, {1}, {2}: inputs; {axis}: the attribute.
Printer plain(const std::string& text) {
  return [text](Module& m, const GraphNode& n) {
    std::string line = text;
    const auto replace = [&](const std::string& what, const std::string& by) {
      for (std::size_t at; (at = line.find(what)) != std::string::npos;) line.replace(at, what.size(), by);
    };
    replace("{axis}", std::to_string(n.integer("axis", 0)));
    for (std::size_t k = 0; k < n.inputs.size(); ++k) replace(concat("{", k, "}"), m.value(n, k));
    return line;
  };
}

Printer reduced(const std::string& function) {
  return [function](Module& m, const GraphNode& n) {
    return fmt::format("{}.{}(dim={}, keepdim={})", m.value(n, 0), function, m.list(n, 1),
                       n.integer("keepdims", 1) == 1 ? "True" : "False");
  };
}

std::string print_reshape(Module& m, const GraphNode& n) {
  std::string sizes;
  const std::vector<Index> shape = m.whole(n, 1);
  for (std::size_t k = 0; k < shape.size(); ++k)
    sizes +=
        concat(k == 0 ? "" : ", ", shape[k] == 0 ? concat(m.value(n, 0), ".shape[", k, "]") : concat(shape[k]));
  return fmt::format("{}.reshape({})", m.value(n, 0), sizes);
}

std::string print_expand(Module& m, const GraphNode& n) {
  if (m.is_real(n, 0)) return fmt::format("{}.new_full({}, {})", m.first_input(), m.value(n, 1), m.value(n, 0));
  return fmt::format("expand({}, {})", m.value(n, 0), m.value(n, 1));
}

std::string print_join(Module& m, const GraphNode& n) {
  const bool list = m.is_list(n.inputs.back());
  std::string text;
  for (std::size_t k = 0; k < n.inputs.size(); ++k) {
    const std::string part = m.value(n, k) + (list && !m.is_list(n.inputs[k]) ? ".tolist()" : "");
    text += concat(k == 0 ? "" : list ? " + " : ", ", part);
  }
  if (!list) return fmt::format("torch.cat(({}), dim={})", text, n.integer("axis", 0));
  m.note_list(n.outputs[0]);
  return text;
}

std::string print_gather(Module& m, const GraphNode& n) {
  const Index axis = n.integer("axis", 0);
  if (m.is_constant(n, 1) && m.constant(n, 1).shape.empty())
    return fmt::format("{}.select({}, {})", m.value(n, 0), axis, m.one(n, 1));
  const bool listed = m.is_constant(n, 1) && is_inline(m.constant(n, 1));
  const std::string index =
      listed ? fmt::format("torch.tensor({}, device={}.device)", m.value(n, 1), m.first_input()) : m.value(n, 1);
  return fmt::format("torch.index_select({}, {}, {})", m.value(n, 0), axis, index);
}

std::string print_shape(Module& m, const GraphNode& n) {
  m.note_list(n.outputs[0]);
  const Index end = n.integer("end", -1);
  return fmt::format("list({}.shape[{}:{}])", m.value(n, 0), n.integer("start", 0), end < 0 ? "" : concat(end));
}

std::string print_slice(Module& m, const GraphNode& n) {
  const Index first = m.one(n, 1);
  return fmt::format("{}.narrow({}, {}, {})", m.value(n, 0), m.one(n, 3), first, m.one(n, 2) - first);
}

const std::map<std::string, Printer, std::less<>>& printers() {
  static const std::map<std::string, Printer, std::less<>> table{
      {"Relu", plain("torch.relu({0})")},
      {"Tanh", plain("torch.tanh({0})")},
      {"Sigmoid", plain("torch.sigmoid({0})")},
      {"Exp", plain("torch.exp({0})")},
      {"Log", plain("torch.log({0})")},
      {"Sqrt", plain("torch.sqrt({0})")},
      {"Abs", plain("torch.abs({0})")},
      {"Sin", plain("torch.sin({0})")},
      {"Cos", plain("torch.cos({0})")},
      {"Sign", plain("torch.sign({0})")},
      {"Clip", plain("torch.clamp({0}, {1}, {2})")},
      {"Add", plain("{0} + {1}")},
      {"Sub", plain("{0} - {1}")},
      {"Mul", plain("{0} * {1}")},
      {"Div", plain("{0} / {1}")},
      {"Max", plain("torch.clamp({0}, min={1})")},
      {"MatMul", plain("{0} @ {1}")},
      {"Transpose",
       [](Module& m, const GraphNode& n) {
         return fmt::format("{}.permute({})", m.value(n, 0), Module::list_text(n.integers("perm")));
       }},
      {"Reshape", print_reshape},
      {"Unsqueeze",
       [](Module& m, const GraphNode& n) { return fmt::format("{}.unsqueeze({})", m.value(n, 0), m.one(n, 1)); }},
      {"Concat", print_join},
      {"Slice", print_slice},
      {"Gather", print_gather},
      {"GatherElements", plain("torch.gather({0}, {axis}, {1})")},
      {"TopK", plain("torch.sort({0}, dim={axis}, descending=True, stable=True)")},
      {"ArgMax", plain("torch.argmax({0}, dim={axis}, keepdim=True)")},
      {"ReduceSum", reduced("sum")},
      {"ReduceMean", reduced("mean")},
      {"ReduceMax", reduced("amax")},
      {"ReduceMin", reduced("amin")},
      {"Expand", print_expand},
      {"Shape", print_shape},
      {"ScatterND", plain("{0}.index_add(0, {1}.squeeze(1), {2})")}};
  return table;
}

std::string joined_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += concat(text.empty() ? "" : ", ", name);
  return text;
}
std::string joined_names(const std::vector<GraphValue>& values) {
  std::vector<std::string> names;
  for (const GraphValue& v : values) names.push_back(v.name);
  return joined_names(names);
}

std::string Module::forward() {
  std::string text;
  for (const GraphNode& n : graph_.nodes) {
    const auto printer = printers().find(n.op);
    require(printer != printers().end(), "operator ", n.op, " cannot be written as PyTorch here");
    const std::string right = printer->second(*this, n);
    text += fmt::format("        {} = {}\n", joined_names(n.outputs), right);
  }
  return text;
}

constexpr const char* kHead = R"python(import json
import os
import struct

import numpy as np
import torch


def read_arrays(path):
    """The arrays of a safetensors file, by name."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    types = {"F32": np.float32, "F64": np.float64, "I64": np.int64}
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = (8 + length + offset for offset in entry["data_offsets"])
            array = np.frombuffer(data[first:last], types[entry["dtype"]]).reshape(entry["shape"])
            arrays[name] = torch.from_numpy(array.copy())
    return arrays


def expand(x, shape):
    return x.expand(torch.broadcast_shapes(x.shape, tuple(shape)))


class Network(torch.nn.Module):
    def __init__(self, parameters, constants):
        super().__init__()
        for name, value in parameters.items():
            module = self
            *parts, last = name.split(".")
            for part in parts:
                if part not in module._modules:
                    module.add_module(part, torch.nn.Module())
                module = module._modules[part]
            module.register_parameter(last, torch.nn.Parameter(value))
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

)python";

constexpr const char* kTail = R"python(

def load(folder=os.path.dirname(os.path.abspath(__file__))):
    """The network with the weights that were exported beside it."""
    constants = os.path.join(folder, "constants.safetensors")
    return Network(read_arrays(os.path.join(folder, "weights.safetensors")),
                   read_arrays(constants) if os.path.exists(constants) else {})
)python";

}  // namespace

std::string torch_module(const NetworkGraph& graph, const std::string& description) {
  Module module(graph);
  std::string shapes;
  for (const auto& [title, values] : {std::pair{"Takes", &graph.inputs}, std::pair{"Gives", &graph.outputs}})
    for (const GraphValue& v : *values)
      shapes += fmt::format("{} {}: {} [{}].\n", title, v.name,
                            v.type == ElementType::i64   ? "int64"
                            : v.type == ElementType::f64 ? "float64"
                                                         : "float32",
                            joined_names(v.shape));
  const std::string lines = module.forward();
  const bool reads_parameters = lines.find("p(\"") != std::string::npos;
  return fmt::format("\"\"\"{}\n\n{}\"\"\"\n\n{}    def forward(self, {}):\n{}{}        return {}\n{}", description,
                     shapes, kHead, joined_names(graph.inputs),
                     reads_parameters ? "        p = self.get_parameter\n" : "", lines, joined_names(graph.outputs),
                     kTail);
}

std::vector<eqnn::NamedArray> torch_constants(const NetworkGraph& graph) {
  std::vector<eqnn::NamedArray> list;
  for (const eqnn::NamedArray& a : graph.constants)
    if (!is_inline(a)) list.push_back(a);
  return list;
}

std::vector<std::string> torch_operators() {
  std::vector<std::string> names;
  for (const auto& [name, printer] : printers()) names.push_back(name);
  return names;
}

}  // namespace tools
