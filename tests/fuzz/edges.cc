// A graph as a list of edges, for --graph.
#include <eqnn/hard/families/planar/gnn_feature.h>

#include "harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  const auto nodes = static_cast<eqnn::Index>(1 + fuzz::take_choice(text, 64));
  const fuzz::InputFile file(text);
  fuzz::reads([&] {
    const auto graph = eqnn::hard::feature_graph(file.path(), nodes);
    for (eqnn::Index i = 0; i < nodes; ++i)
      for (eqnn::Index j = 0; j < nodes; ++j)
        fuzz::expect(graph(i, j) == graph(j, i) && (graph(i, j) == 0 || graph(i, j) == 1),
                     "the graph is undirected");
  });
  return 0;
}
