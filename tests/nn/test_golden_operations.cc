// Values and gradients of operations and layers are PyTorch's, as support/operation_golden.py recorded them.
#include <doctest/doctest.h>
#include <eqnn/nn/attention.h>
#include <eqnn/nn/gather.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/sparse_graphs.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/golden.h"
#include "support/gradcheck.h"
#include "support/weigh.h"

namespace test_golden_operations {

using namespace eqnn;
using X = Tensor<double>;

namespace {

constexpr Index kExamples = 2, kPoints = 3, kChannels = 4;
const std::vector<std::pair<std::int32_t, std::int32_t>> kEdges = {{0, 1}, {0, 2}, {1, 0}, {2, 2},
                                                                   {2, 1}, {2, 0}, {4, 0}};
constexpr std::int32_t kLabels[] = {0, 2, 3, 1, 1, 2}, kIndex[] = {2, 0, 2, 1, 1, 0};
constexpr double kMask[] = {1, 0, 1, 1, 1, 0};
const std::vector<double> kClasses = {0.5, 1, 2, 0.25};

// Number k of the script's numbers(.., a, b).
double number(Index k, Index a, Index b) { return static_cast<double>((a * k + b) % 97 - 48) / 64; }

// A parameter as the script has it: numbers in the order of its file shape, [out, in] for a weight.
void set(Params<double>& p, Param to, Index a, Index b) {
  const MatrixView<double> v = p.view(to);
  for (Index i = 0; i < v.rows; ++i)
    for (Index j = 0; j < v.cols; ++j) v(i, j) = number(j * v.rows + i, a, b);
}

// What cases are made of: x and y as the script has them, and inputs by name.
struct Inputs {
  Program<double>& g;
  X x, y;
  Param rows;  // those of x
  IndexInput labels, index;
  X mask, distinct;
};
using Case = std::function<X(const Inputs&)>;

// The rows of a value as nodes of one graph with as many.
X as_nodes(X x, GraphInput graph) {
  return x.program().record({
      .name = "as_nodes",
      .inputs = {x},
      .shape = {graph.nodes.id, 1, x.shape().channels},
      .forward =
          [](const Call<double>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              std::copy_n(call.in(0).row(i), call.out().cols, call.out().row(i));
          },
      .backward =
          [](const Call<double>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              for (Index j = 0; j < call.out().cols; ++j) call.in_gradient(0)(i, j) += call.out_gradient()(i, j);
          },
  });
}

// sum of number(k, 43, 7) z_k over all rows of z, in the first loss; the other is zero.
X weighted(X z) {
  const auto weight = [c = z.shape().channels](Index i, Index j) { return number(i * c + j, 43, 7); };
  return eqnn::testing::weigh(z, weight);
}

std::map<std::string, Case> plain_cases() {
  const auto above = [](X x) { return add(square(x), constant(x.program(), x.shape(), 0.5)); };
  const auto labelled = [](std::vector<double> classes, bool masked) {
    return [=](const Inputs& in) {
      return cross_entropy(in.x, in.labels, LabelWeights<double>{classes, masked ? in.mask : X{}});
    };
  };
  return {
      {"sigmoid", [](const Inputs& in) { return sigmoid(in.x); }},
      {"exp", [](const Inputs& in) { return exp(in.x); }},
      {"log", [=](const Inputs& in) { return log(above(in.x)); }},
      {"sqrt", [=](const Inputs& in) { return sqrt(above(in.x)); }},
      {"abs", [](const Inputs& in) { return abs(in.x); }},
      {"sin", [](const Inputs& in) { return sin(in.x); }},
      {"cos", [](const Inputs& in) { return cos(in.x); }},
      {"leaky_relu", [](const Inputs& in) { return leaky_relu(in.x, 0.2); }},
      {"clamp", [](const Inputs& in) { return clamp(in.x, -0.25, 0.375); }},
      {"gelu", [](const Inputs& in) { return gelu(in.x); }},
      {"sub", [](const Inputs& in) { return sub(in.x, in.y); }},
      {"div", [=](const Inputs& in) { return div(in.x, above(in.y)); }},
      {"softmax", [](const Inputs& in) { return softmax(in.x); }},
      {"log_softmax", [](const Inputs& in) { return log_softmax(in.x); }},
      {"softmax_masked",
       [](const Inputs& in) {
         return softmax(in.x, relu(sub(in.y, constant(in.g, in.y.shape(), 0.25 - 1.0 / 128))));
       }},
      {"max_points", [](const Inputs& in) { return max_points(in.x); }},
      {"join_channels",
       [](const Inputs& in) {
         return join_channels(std::vector<X>{in.x, in.y});
       }},
      {"join_points", [](const Inputs& in) { return join_points(in.x, in.y); }},
      {"slice_channels", [](const Inputs& in) { return slice_channels(in.x, 1, 2); }},
      {"slice_points", [](const Inputs& in) { return slice_points(in.x, 1, 2); }},
      {"transpose", [](const Inputs& in) { return transpose(in.x); }},
      {"product", [](const Inputs& in) { return product(in.x, transpose(in.y)); }},
      {"gather_points", [](const Inputs& in) { return gather_points(in.x, in.index); }},
      {"embedding", [](const Inputs& in) { return embedding(in.index, in.g.param(in.rows)); }},
      {"l1", [](const Inputs& in) { return absolute_error(in.x, in.y); }},
      {"huber", [](const Inputs& in) { return huber_error(in.x, in.y, 0.5); }},
      {"binary_cross_entropy", [](const Inputs& in) { return binary_cross_entropy(in.x, square(in.y)); }},
      {"cross_entropy", labelled({}, false)},
      {"cross_entropy_classes", labelled(kClasses, false)},
      {"cross_entropy_mask", labelled(kClasses, true)},
  };
}

// Runs a case whose layers are in `p`, and compares with the section of its name.
void compare(const std::string& name, Params<double>& p, const Case& record) {
  const Param x = p.weight("x", kExamples * kPoints, kChannels), y = p.weight("y", kExamples * kPoints, kChannels);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) {
      p.view(x)(i, j) = number(i * kChannels + j, 29, 3);
      p.view(y)(i, j) = number(i * kChannels + j, 37, 11);
    }
  Program<double> g(kExamples, Mode::train);
  const Inputs in{g,
                  testing::parameter_as_input(g, x, kPoints),
                  testing::parameter_as_input(g, y, kPoints),
                  x,
                  g.index_input("labels", {.points = kPoints}, 4),
                  g.index_input("index", {.points = kPoints}, kPoints),
                  g.input("mask", {.points = kPoints}),
                  g.input("distinct", {.points = kPoints, .channels = kPoints})};
  const X z = record(in);
  g.output("z", z);
  g.finish(weighted(z));
  Workspace<double> w(g);
  w.bind({kExamples});
  const SparseGraph graph = SparseGraph::from_edges(kExamples * kPoints, kEdges);
  SparseGraph batch(8, 8, 2);
  batch.append(graph);
  batch.append(SparseGraph::from_edges(0, {}));
  if (name.starts_with("gat_")) w.bind_graph("graph", batch);
  for (Index k = 0; k < kExamples * kPoints; ++k) {
    w.index_input("labels").row(0, k)[0] = kLabels[k];
    w.index_input("index").row(0, k)[0] = kIndex[k];
    w.input("mask").row(0, k)[0] = kMask[k];
    for (Index j = 0; j < kPoints; ++j) w.input("distinct").row(0, k)[j] = j == (k % kPoints + 1) % kPoints ? 0 : 1;
  }
  w.weights()[0] = 1;
  AlignedBuffer<double> gradient(p.size());
  g.forward(w, p.values().data());
  g.backward(w, gradient.data(), true);
  const nlohmann::json& expected = golden(name, "golden_operations.json");
  const auto check = [&](const std::string& what, const double* data, Index rows, Index cols, Index stride) {
    const auto values = expected.at(what).get<std::vector<double>>();
    REQUIRE(static_cast<Index>(values.size()) == rows * cols);
    double error = 0;
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j)
        error = reference::worse(error,
                                 std::abs(data[i * stride + j] - values[static_cast<std::size_t>(i * cols + j)]));
    INFO(name, " ", what);
    CHECK(error <= 1e-14);
  };
  const Block<const double> out = w.output("z");
  check("z", out.data, out.examples * out.points, out.channels, out.stride);
  check("dx", gradient.data() + x.offset, x.rows, x.cols, x.stride);
  check("dy", gradient.data() + y.offset, y.rows, y.cols, y.stride);
}

}  // namespace

TEST_CASE("operations and their gradients are PyTorch's") {
  for (const auto& [name, record] : plain_cases()) {
    Params<double> p;
    compare(name, p, record);
  }
}

TEST_CASE("attention and its gradient are PyTorch's") {
  for (const auto& [name, heads] : {std::pair{"attention_1", 1}, {"attention_2", 2}, {"attention_masked", 2}}) {
    Params<double> p;
    const Attention<double> layer(p, "layer", kChannels, heads);
    const Param weights[] = {layer.query.weight, layer.key.weight, layer.value.weight, layer.output.weight},
                biases[] = {layer.query.bias, layer.key.bias, layer.value.bias, layer.output.bias};
    const bool masked = std::string(name) == "attention_masked";
    compare(name, p, [&](const Inputs& in) {
      for (Index k = 0; k < 4; ++k) {
        set(p, weights[k], 17 + 2 * k, k);
        set(p, biases[k], 19, 5 * k);
      }
      return masked ? layer(in.x, in.distinct) : layer(in.x);
    });
  }
}

TEST_CASE("graph attention and its gradient are torch_geometric's") {
  for (const Index heads : {1, 2}) {
    Params<double> p;
    const Gat<double> layer(p, "layer", kChannels, kChannels, heads);
    const auto slice = [&](std::size_t k) { return p.list()[k].slice; };
    compare(concat("gat_", heads), p, [&](const Inputs& in) {
      set(p, slice(0), 17, 1);
      set(p, slice(1), 31, 4);
      set(p, slice(2), 19, 2);
      set(p, slice(3), 23, 3);
      const GraphInput graph = in.g.graph("graph", 8, 8);
      return layer(as_nodes(in.x, graph), graph);
    });
  }
}

}  // namespace test_golden_operations
