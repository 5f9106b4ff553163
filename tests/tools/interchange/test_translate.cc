// Every operation that can be said, as a graph of operators: recorded, translated, written as an ONNX file, read
// again and evaluated, beside the replay.
#include <doctest/doctest.h>

#include <eqnn/eqnn.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "interchange/evaluate.h"
#include "interchange/onnx.h"
#include "interchange/torch.h"
#include "interchange/translate.h"
#include "support/thrown.h"

namespace test_translate {

using namespace eqnn;

namespace {

constexpr Index kExamples = 5, kPoints = 6, kChannels = 3;

// x is [b, 6, 3] of numbers, a [b, 6, 6] of 0 and 1; parameters are made in the first call, a value in the second.
template <class T>
struct Inputs {
  Program<T>& g;
  Tensor<T> x() const { return g.input("x", {.points = kPoints, .channels = kChannels}); }
  Tensor<T> line() const { return g.input("x", {.points = kPoints, .channels = 1}); }
  Tensor<T> cloud() const { return g.input("x", {.points = kPoints, .channels = 2}); }
  Tensor<T> graph() const { return g.input("a", {.points = kPoints, .channels = kPoints}); }
};
template <class T>
using Recorded = std::function<Tensor<T>(Program<T>&)>;
template <class T>
struct Case {
  std::string name;
  std::function<Recorded<T>(Params<T>&)> make;
};

template <class T>
Case<T> of_x(const std::string& name, Tensor<T> (*f)(Tensor<T>)) {
  return {name, [f](Params<T>&) { return [f](Program<T>& g) { return f(Inputs<T>{g}.x()); }; }};
}
// A case that has no parameters.
template <class T>
Case<T> plain(const std::string& name, const std::function<Tensor<T>(Inputs<T>)>& f) {
  return {name, [f](Params<T>&) { return [f](Program<T>& g) { return f(Inputs<T>{g}); }; }};
}
template <class T>
Case<T> framed(const std::string& name, PermutationFrame frame, bool line) {
  return plain<T>(name, [=](Inputs<T> in) { return canonical_form(line ? in.line() : in.x(), frame); });
}
template <class T>
Case<T> convolved(const std::string& name, const Torus& torus, ConvolutionMethod method) {
  return {name, [=](Params<T>& p) {
            const auto w = p.weight("w", kChannels * torus.filter_points(), 4, torus.file_shape(kChannels, 4));
            const auto b = p.bias("b", 4);
            return [=](Program<T>& g) {
              return cyclic_convolution(Inputs<T>{g}.x(), g.param(w), g.param(b), torus, method);
            };
          }};
}
template <class T>
Case<T> on_graphs(const std::string& name, const std::function<Tensor<T>(Tensor<T>, GraphInput)>& f) {
  return {name, [f](Params<T>&) {
            return [f](Program<T>& g) {
              const auto graph = g.graph("graph", 60, 200);
              return f(g.input("nodes", graph.nodes, kChannels), graph);
            };
          }};
}

template <class T>
std::vector<Case<T>> element_cases() {
  std::vector<Case<T>> list{of_x<T>("relu", relu),       of_x<T>("tanh", tanh), of_x<T>("gelu", gelu),
                            of_x<T>("sigmoid", sigmoid), of_x<T>("exp", exp),   of_x<T>("abs", abs),
                            of_x<T>("sin", sin),         of_x<T>("cos", cos),   of_x<T>("square", square)};
  list.push_back(plain<T>("log", [](Inputs<T> in) { return log(exp(in.x())); }));
  list.push_back(plain<T>("sqrt", [](Inputs<T> in) { return sqrt(square(in.x())); }));
  list.push_back(plain<T>("leaky_relu", [](Inputs<T> in) { return leaky_relu(in.x(), 0.2); }));
  list.push_back(plain<T>("clamp", [](Inputs<T> in) { return clamp(in.x(), -0.5, 0.75); }));
  list.push_back(plain<T>("scale", [](Inputs<T> in) { return scale(in.x(), -1.7); }));
  list.push_back(plain<T>("arithmetic", [](Inputs<T> in) {
    const auto x = in.x(), y = add(square(x), constant(in.g, {.points = kPoints, .channels = kChannels}, 0.5));
    return div(sub(mul(x, y), x), y);
  }));
  return list;
}

template <class T>
std::vector<Case<T>> point_cases() {
  std::vector<Case<T>> list{of_x<T>("sum_points", sum_points), of_x<T>("mean_points", mean_points),
                            of_x<T>("max_points", max_points), of_x<T>("transpose", transpose),
                            of_x<T>("with_mean", with_mean)};
  list.push_back(plain<T>("parts", [](Inputs<T> in) {
    const auto x = in.x();
    const auto wide = join_channels(slice_channels(x, 1, 2), x);
    return join_points<T>({slice_points(wide, 2, 3), wide});
  }));
  list.push_back(plain<T>("product", [](Inputs<T> in) {
    const auto x = in.x();
    return product(product_transposed(x, tanh(x)), x);
  }));
  list.push_back({"norms", [](Params<T>& p) {
                    const LayerNorm<T> layer(p, "layer", kChannels);
                    const GraphNorm<T> graph(p, "graph", kChannels);
                    return [=](Program<T>& g) { return graph(layer(Inputs<T>{g}.x())); };
                  }});
  list.push_back({"linear", [](Params<T>& p) {
                    const Linear<T> first(p, "first", kChannels, 5);
                    const auto w = p.weight("w", kChannels, 2), v = p.weight("v", 5, 2), b = p.bias("b", 2);
                    return [=](Program<T>& g) {
                      const auto x = Inputs<T>{g}.x();
                      const auto y = linear_pair(x, g.param(w), first(x), g.param(v), g.param(b));
                      return add_bias(y, g.param(b));
                    };
                  }});
  list.push_back({"egnn", [](Params<T>& p) {
                    const Egnn<T> first(p, "a", kPoints + 1, 4, 4), second(p, "b", 4, 4, 3);
                    return [=](Program<T>& g) {
                      const auto x = Inputs<T>{g}.cloud();
                      const auto cloud = second(first(label_points(x), x));
                      return join_channels(cloud.h, cloud.x);
                    };
                  }});
  return list;
}

template <class T>
std::vector<Case<T>> symmetric_cases() {
  const auto turn = Permutation({1, 2, 3, 4, 5, 0}), swap = Permutation({0, 2, 1, 3, 4, 5});
  std::vector<Case<T>> list;
  for (const bool line : {true, false}) {
    list.push_back(framed<T>("sort", PermutationFrame::sort, line));
    list.push_back(framed<T>("sort_absolute", PermutationFrame::sort_absolute, line));
    list.push_back(framed<T>("rotate_to_maximum", PermutationFrame::rotate_to_maximum, line));
  }
  for (const auto method : {ConvolutionMethod::direct, ConvolutionMethod::spectral})
    for (const Torus& torus : {Torus::cycle(6, 0), Torus::cycle(6, 1), Torus::cycle(6, 4), Torus{2, 3, 2, 2}})
      list.push_back(convolved<T>("convolution", torus, method));
  list.push_back(plain<T>("permuted", [=](Inputs<T> in) {
    const auto x = in.x();
    return product(permute_pairs(in.graph(), swap), permute_points(x, turn));
  }));
  list.push_back(plain<T>("orbit", [=](Inputs<T> in) {
    return orbit(in.x(), std::vector<Permutation>{turn, swap, turn.inverse()});
  }));
  list.push_back(plain<T>("gather", [](Inputs<T> in) { return gather_points(in.x(), 2, {5, 0, 3, 3}); }));
  list.push_back({"group average", [](Params<T>& p) {
                    const GroupAveragedMlp<T> mlp(p, "mlp", PermutationGroup::dihedral(kPoints), {kChannels, 4, 2});
                    return [=](Program<T>& g) { return mlp(Inputs<T>{g}.x()); };
                  }});
  return list;
}

template <class T>
std::vector<Case<T>> graph_cases() {
  std::vector<Case<T>> list;
  for (const Adjacency form : {Adjacency::raw, Adjacency::mean, Adjacency::sqrt, Adjacency::centred})
    list.push_back(plain<T>("adjacency", [=](Inputs<T> in) {
      const auto x = in.x(), a = normalize_adjacency(in.graph(), form);
      return add(neighbor_sum(x, a), slice_channels(with_neighbors(x, a), 1, kChannels));
    }));
  for (const Aggregation how : {Aggregation::sum, Aggregation::mean})
    list.push_back(on_graphs<T>("aggregation", [=](Tensor<T> x, GraphInput graph) {
      return join_channels(sum_nodes(aggregate_neighbors(x, graph, how), graph), mean_nodes(x, graph));
    }));
  list.push_back(on_graphs<T>("edges", [](Tensor<T> x, GraphInput graph) {
    return sum_nodes(sum_edges(mul(edge_from(x, graph), edge_to(x, graph)), graph), graph);
  }));
  list.push_back({"norm of graphs", [](Params<T>& p) {
                    const GraphNorm<T> norm(p, "norm", kChannels);
                    return [=](Program<T>& g) {
                      const auto graph = g.graph("graph", 60, 200);
                      const auto x = norm(g.input("nodes", graph.nodes, kChannels), graph);
                      const auto one = constant(g, {graph.nodes.id, 1, kChannels}, 1.0);
                      return sum_nodes(mul(add(x, one), x), graph);
                    };
                  }});
  return list;
}

// Graphs of different sizes; nodes without neighbours, and edges that are there twice.
SparseGraph some_graphs() {
  SparseGraph batch(60, 200, kExamples);
  for (Index e = 0; e < kExamples; ++e) {
    const Index n = 1 + 2 * e;
    std::vector<std::pair<std::int32_t, std::int32_t>> edges;
    for (Index i = 1; i < n; ++i) {
      edges.emplace_back(static_cast<std::int32_t>(i), static_cast<std::int32_t>(i * 5 % n));
      edges.emplace_back(static_cast<std::int32_t>(i * 3 % n), static_cast<std::int32_t>(i));
      if (i == 2) edges.push_back(edges.back());
    }
    batch.append(SparseGraph::from_edges(n, edges));
  }
  return batch;
}

// Few different numbers, so that frames meet ties.
template <class T>
tools::GraphArray filled(Block<T> block, bool nodes, bool zero_one, std::uint64_t seed) {
  Draws d({seed, Stream::user, 0, 0});
  tools::GraphArray a{nodes ? std::vector<Index>{block.examples, block.channels}
                            : std::vector<Index>{block.examples, block.points, block.channels},
                      {}};
  for (Index e = 0; e < block.examples; ++e)
    for (Index i = 0; i < block.points; ++i)
      for (Index j = 0; j < block.channels; ++j) {
        block(e, i, j) = zero_one ? static_cast<T>(d.below(2)) : static_cast<T>(d.below(9)) / 4 - 1;
        a.values.push_back(static_cast<double>(block(e, i, j)));
      }
  return a;
}

tools::GraphArrays edges_of(const SparseGraph& graph) {
  tools::GraphArray edges{{2, graph.edges()}, {}}, batch{{graph.nodes()}, {}};
  edges.values.assign(graph.neighbors(), graph.neighbors() + graph.edges());
  edges.values.insert(edges.values.end(), graph.targets(), graph.targets() + graph.edges());
  for (Index e = 0; e < graph.graphs(); ++e)
    for (Index v = graph.starts()[e]; v < graph.starts()[e + 1]; ++v)
      batch.values.push_back(static_cast<double>(e));
  return {{"edge_index", edges}, {"batch", batch}};
}

// What the checks below have met.
struct Met {
  std::set<std::string> operations, operators;
};

template <class T>
void check_case(const Case<T>& c, Met& met) {
  INFO(c.name, sizeof(T));
  Params<T> params;
  const auto record = c.make(params);
  Draws d({7, Stream::user, 0, 0});
  for (T& v : params.values()) v = static_cast<T>(d.normal());
  const auto value = [&](Program<T>& g) {
    const Tensor<T> y = record(g);
    return y.shape().points > 1 ? flatten(y) : y;
  };
  Program<T> program(kExamples, Mode::evaluate);
  const Tensor<T> y = value(program);
  for (int id = 0; id < program.operations(); ++id)
    if (program.operation(id).forward) met.operations.insert(program.operation(id).name);
  const tools::NetworkGraph graph = tools::translate(program, params, y, {});
  program.output("y", y);
  program.finish();

  Workspace<T> w(program);
  w.bind({.examples = kExamples});
  const SparseGraph graphs = some_graphs();
  tools::GraphArrays inputs = edges_of(graphs);
  if (graph.inputs[0].name == "nodes") w.bind_graph("graph", graphs);
  for (const tools::GraphValue& in : graph.inputs)
    if (in.type != tools::ElementType::i64)
      inputs[in.name] = filled(w.input(in.name), in.name == "nodes", in.name == "a", 3);
  program.forward(w, params.values().data());

  for (const tools::GraphNode& n : graph.nodes) met.operators.insert(n.op);
  const std::string file = tools::encode_onnx(graph, {{"key", "value"}});
  CHECK(file == tools::encode_onnx(graph, {{"key", "value"}}));
  const tools::NetworkGraph read = tools::decode_onnx(file, "file");
  REQUIRE(read.nodes.size() == graph.nodes.size());
  const auto found = tools::evaluate(read, inputs).at(graph.outputs.back().name);
  const Block<const T> wanted = w.output("y");
  REQUIRE(static_cast<Index>(found.values.size()) == kExamples * wanted.channels);
  double error = 0, size = 0;
  for (Index e = 0; e < kExamples; ++e)
    for (Index k = 0; k < wanted.channels; ++k) {
      const double v = static_cast<double>(wanted(e, 0, k)),
                   f = found.values[static_cast<std::size_t>(e * wanted.channels + k)];
      error = std::max(error, std::abs(v - f) / std::max(1.0, std::abs(v)));
      size = std::max(size, std::abs(v));
    }
  CHECK(error <= (sizeof(T) == 4 ? 1e-5 : 1e-13));
  CHECK(size > 0.1);
  CHECK(tools::torch_module(graph, "text") == tools::torch_module(graph, "text"));
}

template <class T>
void check_all(Met& met) {
  for (const auto& list : {element_cases<T>(), point_cases<T>(), symmetric_cases<T>(), graph_cases<T>()})
    for (const Case<T>& c : list) check_case(c, met);
}

}  // namespace

TEST_CASE("interchange: what every operation is translated to is what it computes") {
  Met met;
  check_all<double>(met);
  check_all<float>(met);
  for (const std::string& name : tools::translated_operations()) {
    INFO(name);
    CHECK(met.operations.count(name) == 1);
  }
  // The operators that rows write are those that are evaluated and printed, and no others.
  for (const auto& list : {tools::evaluated_operators(), tools::torch_operators()})
    CHECK(std::set<std::string>(list.begin(), list.end()) == met.operators);
}

TEST_CASE("interchange: an operation without a translation is named") {
  Params<double> none;
  Program<double> g(2, Mode::evaluate);
  const auto x = g.input("x", {.points = 4, .channels = 2});
  const auto value = flatten(to_axes(x, pca_frame(x, PointGroup::o)));
  CHECK(message<tools::NotBuiltError>([&] { tools::translate(g, none, value, {}); }).find("'pca_frame'") !=
        std::string::npos);
}

}  // namespace test_translate
