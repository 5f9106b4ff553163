#include "rows.h"

#include <eqnn/nn/convolution.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/group_convolution.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>
#include <eqnn/nn/sparse_graphs.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>

namespace bench {
namespace {

constexpr Index kNodes = 100'000, kEdges = 1'000'000;
constexpr Index kRowBlock = 4096;

// The spectral way transforms the filter once a shard, so its shards are larger than the trainer's default.
constexpr std::array<Row, 9> kRows = {
    Row{.id = "gnn-15-32", .model = Row::Model::gnn, .n = 15, .width = 32, .batch = 32},
    {.id = "gnn-15-64", .model = Row::Model::gnn, .n = 15, .width = 64, .batch = 32},
    {.id = "gnn-15-128", .model = Row::Model::gnn, .n = 15, .width = 128, .batch = 224},
    {.id = "gnn-64-256", .model = Row::Model::gnn, .n = 64, .width = 256, .batch = 64},
    {.id = "cnn-50-100", .model = Row::Model::cnn, .n = 50, .width = 100, .batch = 64, .layers = 1},
    {.id = "cnn-50-64x3", .model = Row::Model::cnn, .n = 50, .width = 64, .batch = 64, .layers = 3, .shard = 32},
    {.id = "cnn-128-64x2", .model = Row::Model::cnn, .n = 128, .width = 64, .batch = 64, .layers = 2, .shard = 32},
    {.id = "frame-64-256", .model = Row::Model::frame, .n = 64, .width = 256, .batch = 64, .layers = 1},
    {.id = "sparse-gnn",
     .model = Row::Model::sparse,
     .n = kNodes,
     .width = 64,
     .batch = kNodes,
     .layers = 2,
     .edges = kEdges},
};

std::string layer_name(Index i) { return "layers." + std::to_string(i); }

template <class Layer, class... Sizes>
std::vector<Layer> layers_of(Params<float>& p, const Row& r, const Sizes&... rest) {
  std::vector<Layer> layers;
  const Index first = r.model == Row::Model::sparse ? r.width : 1;
  for (Index i = 0; i < r.layers; ++i)
    layers.emplace_back(p, layer_name(i), i == 0 ? first : r.width, r.width, rest...);
  return layers;
}

Model<float> gnn(Params<float>& p, const Row& r) {
  const auto layers = layers_of<MessagePassing<float>>(p, r);
  const Mlp<float> head(p, "head", {r.width, r.width, 1});
  return [=](Program<float>& g) {
    auto x = g.input("x", {.points = r.n, .channels = 1});
    const auto a = g.input("adjacency", {.points = r.n, .channels = r.n});
    for (const auto& layer : layers) x = relu(layer(x, a));
    return squared_error(head(sum_points(x)), g.input("y", {.channels = 1}));
  };
}

Model<float> cnn(Params<float>& p, const Row& r, ConvolutionMethod method) {
  const auto layers = layers_of<CyclicConvolution<float>>(p, r, Torus::cycle(r.n), method);
  const Linear<float> head(p, "head", r.width, 1);
  return [=](Program<float>& g) {
    auto x = g.input("x", {.points = r.n, .channels = 1});
    for (const auto& layer : layers) x = relu(layer(x));
    return squared_error(head(mean_points(x)), g.input("y", {.channels = 1}));
  };
}

// The shifts by multiples of n / order.
PermutationGroup shifts(Index n, Index order) {
  std::vector<std::int32_t> images;
  for (Index i = 0; i < n; ++i) images.push_back(static_cast<std::int32_t>((i + n / order) % n));
  return {n, {Permutation(std::move(images))}};
}

Model<float> frame(Params<float>& p, const Row& r) {
  const PermutationGroup group = r.group > 0 ? shifts(r.n, r.group) : PermutationGroup::cyclic(r.n);
  const GroupAveragedMlp<float> average(p, "average", group, {1, r.width, 1});
  return [=](Program<float>& g) {
    const auto x = g.input("x", {.points = r.n, .channels = 1});
    return squared_error(average(x), g.input("y", {.channels = 1}));
  };
}

Model<float> sparse(Params<float>& p, const Row& r) {
  const auto layers = layers_of<GraphConv<float>>(p, r);
  return [=](Program<float>& g) {
    const GraphInput graph = g.graph_of_examples("graph", r.edges);
    auto x = g.input("x", {.channels = r.width});
    for (std::size_t i = 0; i < layers.size(); ++i) {
      x = layers[i](x, graph);
      if (i + 1 < layers.size()) x = relu(x);
    }
    return squared_error(x, g.input("y", {.channels = r.width}));
  };
}

Model<float> model_of(Params<float>& p, const Row& r, ConvolutionMethod method) {
  switch (r.model) {
    case Row::Model::gnn:
      return gnn(p, r);
    case Row::Model::cnn:
      return cnn(p, r, method);
    case Row::Model::frame:
      return frame(p, r);
    case Row::Model::sparse:
      return sparse(p, r);
  }
  return {};
}

// Raw sums over n / 2 neighbours grow layer by layer; this keeps the output near the targets' size.
double initial_scale(const Row& r) {
  if (r.model == Row::Model::gnn) return 4.0 / static_cast<double>(r.n);
  return r.model == Row::Model::sparse ? 0.3 : 1.0;
}

void copy_rows(const Block<float>& to, Index first_example, const std::vector<float>& from) {
  const float* source = from.data() + first_example * to.points * to.channels;
  const Index rows = to.examples * to.points;
  if (to.channels == 1) {
    for (Index i = 0; i < rows; ++i) to.row(0, i)[0] = source[i];
  } else {
    for (Index i = 0; i < rows; ++i, source += to.channels)
      std::memcpy(to.row(0, i), source, static_cast<std::size_t>(to.channels) * sizeof(float));
  }
}

}  // namespace

const char* model_name(Row::Model model) {
  switch (model) {
    case Row::Model::gnn:
      return "gnn";
    case Row::Model::cnn:
      return "cnn";
    case Row::Model::frame:
      return "frame";
    case Row::Model::sparse:
      return "sparse";
  }
  return "";
}

std::span<const Row> bench_rows() { return kRows; }

RowData::RowData(const Row& r) : row(r) {
  Draws draws({7, Stream::user});
  const auto normal = [&draws](std::vector<float>& v, Index count) {
    for (Index i = 0; i < count; ++i) v.push_back(static_cast<float>(draws.normal()));
  };
  if (r.model == Row::Model::sparse) {
    normal(x, r.n * r.width);
    normal(y, r.n * r.width);
    std::vector<std::pair<std::int32_t, std::int32_t>> edges;
    const auto node = [&] { return static_cast<std::int32_t>(draws.below(static_cast<std::uint32_t>(r.n))); };
    for (Index e = 0; e < r.edges; ++e) {
      const std::int32_t v = node();
      edges.emplace_back(v, node());
    }
    graph = SparseGraph::from_edges(r.n, edges);
    return;
  }
  if (r.model == Row::Model::gnn) {
    x.assign(static_cast<std::size_t>(r.batch * r.n), 1.0f);
    for (Index i = 0; i < r.batch * r.n * r.n; ++i) adjacency.push_back(static_cast<float>(draws.word() >> 31));
  } else {
    normal(x, r.batch * r.n);
  }
  for (Index i = 0; i < r.batch; ++i) y.push_back(draws.word() >> 31 ? 1.0f : -1.0f);
}

void RowData::fill(Batch<float>& batch) const {
  if (row.model == Row::Model::sparse) {
    batch.bind_graph("graph", graph);
    if (batch.step > 0) return;  // one graph: its features stay where they are, as they do in the peers
  }
  if (row.model == Row::Model::gnn) copy_rows(batch["adjacency"], batch.first, adjacency);
  copy_rows(batch["x"], batch.first, x);
  copy_rows(batch["y"], batch.first, y);
}

RowEngine::RowEngine(const RowData& data, int threads, ConvolutionMethod method, Ranks* ranks) : data_(data) {
  const Row& r = data.row;
  const Model<float> model = model_of(params, r, method);
  params.initialize(kaiming_uniform.scaled(initial_scale(r)), 1);
  TrainerOptions options;
  options.batch = r.batch;
  options.shard = r.shard;
  if (r.model == Row::Model::sparse) options.row_block = kRowBlock;
  options.threads = threads;
  options.optimizer = Sgd{.rate = kBenchRate};
  options.ranks = ranks;
  trainer = std::make_unique<Trainer<float>>(params, options, model);
}

OperationCost RowEngine::cost(int operation) const {
  const Program<float>& program = trainer->program();
  OperationCost c = program.operation_cost(operation);
  if (program.operation_name(operation).starts_with("aggregate_neighbors")) {
    const Row& r = data_.row;
    const double row = static_cast<double>(r.width) * sizeof(float);
    const double bytes =
        static_cast<double>(r.edges) * (row + sizeof(std::int32_t)) + static_cast<double>(r.n) * row;
    c.forward_bytes = bytes;
    if (c.backward_bytes > 0) c.backward_bytes = bytes;
  }
  return c;
}

double RowEngine::bytes() const {
  const Program<float>& program = trainer->program();
  double total = 0;
  for (int id = 0; id < program.operations(); ++id) {
    const OperationCost c = cost(id);
    total += c.forward_bytes + c.backward_bytes;
  }
  return total * static_cast<double>(data_.row.batch) / static_cast<double>(program.capacity());
}

std::optional<double> convolution_work_ratio(const Row& r) {
  if (r.model != Row::Model::cnn) return {};
  double ours = 0, direct = 0;
  for (Index i = 0; i < r.layers; ++i) {
    const Index in = i == 0 ? 1 : r.width;
    ours += convolution_work(Torus::cycle(r.n), r.shard, in, r.width, ConvolutionMethod::automatic, i > 0);
    direct += convolution_work(Torus::cycle(r.n), r.shard, in, r.width, ConvolutionMethod::direct, i > 0);
  }
  return ours / direct;
}

}  // namespace bench
