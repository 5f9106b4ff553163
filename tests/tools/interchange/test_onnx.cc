// The bytes of ONNX files, against what the onnx package wrote, and files that are damaged.
#include <doctest/doctest.h>

#include <eqnn/io/files.h>

#include <cstring>
#include <string>
#include <vector>

#include "interchange/evaluate.h"
#include "interchange/onnx.h"
#include "interchange/torch.h"
#include "interchange/weights_file.h"
#include "support/paths.h"
#include "support/thrown.h"

namespace test_onnx {

namespace {

template <class T>
eqnn::NamedArray array(const std::string& name, const std::string& dtype, std::vector<eqnn::Index> shape,
                       const std::vector<T>& values) {
  eqnn::NamedArray a{name, dtype, std::move(shape), std::vector<std::byte>(values.size() * sizeof(T))};
  std::memcpy(a.bytes.data(), values.data(), a.bytes.size());
  return a;
}

// relu(x W^T + b) added up, and two numbers more: each attribute's kind once. tests/tools/interchange_golden.py
// makes the same.
tools::NetworkGraph small_graph() {
  tools::NetworkGraph graph;
  graph.parameters = {array<float>("layer.0.weight", "F32", {2, 3}, {0.5f, -1.25f, 3, 1e-30f, 7, -0.0f}),
                      array<float>("layer.0.bias", "F32", {2}, {0.1f, -300.5f})};
  tools::GraphBuilder g(graph);
  graph.inputs = {{"x", tools::ElementType::f32, {"batch", "3"}}};
  graph.outputs = {{"y", tools::ElementType::f32, {"batch"}}};
  const auto turned = g.node("Transpose", {"layer.0.weight"}, {tools::integers_attribute("perm", {1, 0})});
  const auto y = g.node("Add", {g.node("MatMul", {"x", turned}), "layer.0.bias"});
  const auto bent = g.node("Relu", {y});
  const auto sum = g.node("ReduceSum", {bent, g.whole({1})}, {tools::integer_attribute("keepdims", 0)});
  const auto rows = g.node("Unsqueeze", {g.whole({0, 300}), g.whole({1})});
  g.node("ScatterND", {sum, rows, g.reals({0.25, -2}, {2})}, {tools::text_attribute("reduction", "add")});
  graph.nodes.back().outputs[0] = "y";
  return graph;
}

std::string golden(const char* name) { return eqnn::read_file(paths::source(std::string("tests/golden/") + name)); }

}  // namespace

TEST_CASE("onnx: the bytes of a small graph are those of the onnx package") {
  std::string written = tools::encode_onnx(small_graph(), {{"run_id", "0123456789abcdef"}});
  CHECK(written == golden("interchange.onnx"));
}

TEST_CASE("onnx: what the package wrote is read, arrays as bytes or as lists of numbers") {
  for (const char* name : {"interchange.onnx", "interchange_lists.onnx"}) {
    INFO(name);
    const auto read = tools::decode_onnx(golden(name), name), made = small_graph();
    std::vector<eqnn::NamedArray> all = made.parameters;
    all.insert(all.end(), made.constants.begin(), made.constants.end());
    CHECK(tools::first_difference(all, read.constants).empty());
    REQUIRE(read.nodes.size() == made.nodes.size());
    for (std::size_t i = 0; i < made.nodes.size(); ++i) {
      CHECK(read.nodes[i].op == made.nodes[i].op);
      CHECK(read.nodes[i].inputs == made.nodes[i].inputs);
      CHECK(read.nodes[i].outputs == made.nodes[i].outputs);
    }
    CHECK(read.nodes[0].integers("perm") == std::vector<eqnn::Index>{1, 0});
    CHECK(read.nodes[4].integer("keepdims", 1) == 0);
    REQUIRE(read.inputs.size() == 1);
    CHECK(read.inputs[0].shape == std::vector<std::string>{"batch", "3"});
  }
}

TEST_CASE("onnx: a file that is cut off or damaged is refused, never misread") {
  const std::string whole = golden("interchange.onnx");
  int refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size)
    refused += message<eqnn::FileError>([&] { tools::decode_onnx(whole.substr(0, size), "f"); }) != "no error";
  CHECK(refused >
        static_cast<int>(whole.size()) * 9 / 10);  // all but those that end between two fields of the model
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x85);
    message<eqnn::FileError>([&] { tools::decode_onnx(damaged, "f"); });  // whatever it says, it ends
  }
  CHECK(message<eqnn::FileError>([] { tools::decode_onnx("", "f"); }).find("holds no graph") != std::string::npos);
}

TEST_CASE("torch: the module of a small graph is the one that was looked at") {
  CHECK(tools::torch_module(small_graph(), "A small graph.") == golden("interchange_model.py"));
  tools::NetworkGraph other = small_graph();
  other.nodes[3].op = "Selu";
  CHECK(message<eqnn::Error>([&] { tools::torch_module(other, ""); }).find("Selu") != std::string::npos);
  CHECK(message<eqnn::Error>([&] {
          tools::evaluate(other, {{"x", {{1, 3}, {1, 2, 3}}}});
        }).find("Selu") != std::string::npos);
}

}  // namespace test_onnx
