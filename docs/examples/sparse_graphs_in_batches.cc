// Graphs of different sizes in batches: a graph isomorphism network (Xu et al. 2019) on a GraphDataset.
// docs/data-in-cpp.md explains it.
#include <eqnn/data/dataset.h>
#include <eqnn/eqnn.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace eqnn;

// Two layers of messages, the sums over the nodes of each graph, and a perceptron.
struct Network {
  Network(Params<float>& p, Index features, Index classes)
      : first(p, "layers.0", {features, 32, 32}),
        second(p, "layers.1", {32, 32, 32}),
        head(p, "head", {32, 32, classes}) {}
  Tensor<float> operator()(Tensor<float> x, GraphInput graph) const {
    x = relu(second(relu(first(x, graph)), graph));
    return head(sum_nodes(x, graph));
  }
  Gin<float> first, second;
  Mlp<float> head;
};

// Random trees of 6 to 13 nodes. Class 1: some node has four neighbours or more.
LabelledExamples random_trees(Index count) {
  LabelledExamples trees;
  for (Index e = 0; e < count; ++e) {
    Draws draw({3, Stream::user, 0, static_cast<std::uint64_t>(e)});
    const auto nodes = static_cast<std::int32_t>(6 + draw.below(8));
    std::vector<std::pair<std::int32_t, std::int32_t>> edges;
    std::vector<int> neighbors(static_cast<std::size_t>(nodes));
    for (std::int32_t v = 1; v < nodes; ++v) {
      const auto parent = static_cast<std::int32_t>(draw.below(static_cast<std::uint32_t>(v)));
      edges.insert(edges.end(), {{v, parent}, {parent, v}});
      for (const auto end : {v, parent}) ++neighbors[static_cast<std::size_t>(end)];
    }
    trees.graphs.push_back(SparseGraph::from_edges(nodes, edges));
    trees.classes.push_back(*std::max_element(neighbors.begin(), neighbors.end()) >= 4 ? 1 : 0);
  }
  return trees;
}

int main() {
  const GraphDataset data = random_trees(1000);
  const Split<GraphDataset> parts = data.split({.train = 0.8, .validation = 0, .test = 0.2}, 0);

  Params<float> params;
  const Network network(params, data.channels(), data.classes());
  params.initialize(kaiming_uniform, 0);
  Trainer<float> trainer(params, {.batch = 32, .optimizer = Adam{.rate = 3e-3}}, [&](Program<float>& g) {
    const GraphRoom room = data.room(g.capacity());
    const GraphInput graph = g.graph("graph", room.nodes, room.edges);
    const auto logits = network(g.input("nodes", graph.nodes, data.channels()), graph);
    g.output("logits", logits);
    return cross_entropy(logits, g.index_input("label", {}, static_cast<std::int32_t>(data.classes())));
  });

  const auto steps = static_cast<Index>(Epochs(0, parts.train.size(), 32).steps());
  for (Index epoch = 0; epoch < 100; ++epoch)
    for (Index step = 0; step < steps; ++step)
      trainer.step(parts.train.batches("graph", "nodes", "label", trainer.options()));

  const double right = accuracy(trainer, parts.test.in_order("graph", "nodes", "label"), "logits");
  std::printf("%d trees to train on, %d to test: %.3f of them right\n", int(parts.train.size()),
              int(parts.test.size()), right);
  return right > 0.95 ? 0 : 1;
}
