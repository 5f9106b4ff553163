// Graphs and weights in ONNX.
#include "interchange/onnx.h"

#include "harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::reads([&] {
    const tools::NetworkGraph graph = tools::decode_onnx(fuzz::text_of(data, size), "input");
    bool known = true;
    for (const eqnn::NamedArray& a : graph.constants) {
      known = known && a.dtype.size() == 3;
      for (const std::byte b : a.bytes) fuzz::sink = std::to_integer<int>(b);
    }
    for (const tools::GraphNode& n : graph.nodes) {
      known = known && !n.outputs.empty();
      for (const tools::GraphAttribute& a : n.attributes) {
        fuzz::add_up(a.integers);
        known = known && (a.kind != tools::GraphAttribute::Kind::integer || a.integers.size() == 1);
      }
    }
    if (!known) return;  // what eqnn writes can be read again
    const tools::NetworkGraph again = tools::decode_onnx(tools::encode_onnx(graph, {}), "what was written");
    fuzz::expect(again.nodes.size() == graph.nodes.size() && again.constants.size() == graph.constants.size(),
                 "what is written is read back");
  });
  return 0;
}
