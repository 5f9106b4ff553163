// Trains on one big graph, on the ranks that it is started on, as a program that links the library does; rank 0
// saves the model. For test_ranks.cc.
#include <eqnn/core/trainer.h>
#include <eqnn/io/safetensors.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/sparse_graphs.h>

#include <utility>
#include <vector>

#include "ranks/ranks.h"

using namespace eqnn;

namespace {

constexpr Index kNodes = 700;

// A ring with chords.
SparseGraph graph() {
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  for (Index v = 0; v < kNodes; ++v)
    for (const Index step : {1, 17, 290})
      edges.emplace_back(static_cast<std::int32_t>(v), static_cast<std::int32_t>((v * step + 1) % kNodes));
  return SparseGraph::from_edges(kNodes, edges);
}

void train(const char* path) {
  const SparseGraph big = graph();
  Params<float> params;
  const GraphConv<float> first(params, "first", 3, 12), second(params, "second", 12, 1);
  params.initialize(kaiming_uniform, 4);
  tools::RankGroup* const ranks = tools::rank_group();
  Trainer<float> trainer(params, {.batch = kNodes, .row_block = 64, .threads = 2, .ranks = ranks},
                         [&](Program<float>& g) {
                           const GraphInput in = g.graph_of_examples("graph", big.edges());
                           const auto x = relu(first(g.input("x", {.channels = 3}), in));
                           return squared_error(second(x, in), g.input("y", {}));
                         });
  for (int step = 0; step < 30; ++step)
    trainer.step([&](Batch<float>& b) {
      b.bind_graph("graph", big);
      for (Index v = b.first; v < b.last; ++v) {
        Draws draws({9, Stream::train, b.step, static_cast<std::uint64_t>(v)});
        for (Index c = 0; c < 3; ++c) b.example("x", v)(0, 0, c) = static_cast<float>(draws.normal());
        b.example("y", v)(0) = static_cast<float>(draws.normal());
      }
    });
  if (ranks == nullptr || ranks->leads()) save_model(path, params, {});
}

}  // namespace

int main(int, char** argv) {
  train(argv[1]);
  tools::end_ranks(0);
  return 0;
}
