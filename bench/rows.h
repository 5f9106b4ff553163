// The rows of `eqnn bench`: their networks, their data, and a training step of each.
#pragma once

#include <eqnn/core/sparse_graph.h>
#include <eqnn/eqnn.h>
#include <eqnn/nn/convolution.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace bench {

using namespace eqnn;

// One row of the table in bench/README.md. Float, squared error, plain SGD.
//   gnn     message passing on graphs of n nodes, raw adjacency, one constant channel, sum pool, a head of two
//   layers cnn     full-length cyclic convolutions on n positions, relu after each, mean pool, a linear layer to 1
//   frame   the group average over C_n of a network on n numbers with one hidden layer
//   sparse  GraphConv layers on one graph of n nodes; the batch is its nodes, and the loss is at each
struct Row {
  enum class Model : std::uint8_t { gnn, cnn, frame, sparse };
  const char* id;
  Model model;
  Index n, width, batch;
  Index layers = 3;
  Index shard = 8;  // examples a worker replays at a time
  Index edges = 0;
  Index group = 0;  // frame: the order of a group of shifts, a divisor of n; 0: all n of them
};
const char* model_name(Row::Model model);
std::span<const Row> bench_rows();

// One batch of random examples, made once: whoever takes a step copies it into buffers of its own.
struct RowData {
  explicit RowData(const Row& row);
  void fill(Batch<float>& batch) const;

  Row row;
  std::vector<float> x, adjacency, y;  // [batch, n, 1] (sparse: [n, width]), [batch, n, n], [batch] (sparse: as x)
  SparseGraph graph;                   // sparse
};

// Small enough that thousands of steps leave the network where it was: neither infinities nor dead units.
constexpr double kBenchRate = 1e-7;

// The engine's training step of one row on `data`, which must outlive it.
class RowEngine {
 public:
  RowEngine(const RowData& data, int threads, ConvolutionMethod method = ConvolutionMethod::automatic,
            Ranks* ranks = nullptr);
  RowEngine(const RowEngine&) = delete;
  RowEngine& operator=(const RowEngine&) = delete;

  double step() {
    return trainer->step([this](Batch<float>& b) { data_.fill(b); });
  }
  // Floating-point operations of a step's matrix products: 2 m n k of forward, dW and dX; no gradient for inputs.
  double products() const { return 2 * trainer->multiply_adds(); }
  // Bytes that the operations of a step read and write, each value once, but in sums over neighbours one row and
  // one index for each edge.
  double bytes() const;
  // The same of one operation and one replay.
  OperationCost cost(int operation) const;

  Params<float> params;
  std::unique_ptr<Trainer<float>> trainer;

 private:
  const RowData& data_;
};

// Multiply-adds of a cnn row's convolutions as the engine does them, over those of the direct way. Empty elsewhere.
std::optional<double> convolution_work_ratio(const Row& row);

}  // namespace bench
