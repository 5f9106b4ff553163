// A recorded layer or model as a function of samples, as certify() asks it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <eqnn/eqnn.h>
#include <eqnn/groups/certify.h>

#include "cli/options.h"

namespace tools {

template <class T>
class CertifiedProgram {
 public:
  using Model = std::function<eqnn::Tensor<T>(eqnn::Program<T>&, eqnn::Params<T>&)>;

  // A program named output "frame" says where the value is undefined. With `sparse` the parts "adjacency" and
  // "edges" become the graph input "graph" and its edge features, and "x" its nodes'.
  CertifiedProgram(const Model& model, std::uint64_t seed, bool frame, bool sparse)
      : program_(1, eqnn::Mode::evaluate), frame_(frame), sparse_(sparse) {
    program_.output("y", model(program_, params_));
    program_.finish();
    params_.initialize(eqnn::kaiming_uniform, seed);
    perturb(seed);
    workspace_.emplace(program_);
  }

  std::optional<eqnn::Array> operator()(const eqnn::Sample& sample) {
    eqnn::Array y = value(sample);
    if (frame_ && undefined_frames(workspace_->output("frame")) > 0) return {};
    return y;
  }
  // Whether it is defined or not.
  eqnn::Array value(const eqnn::Sample& sample) {
    auto& w = *workspace_;
    eqnn::SparseGraph graph;
    w.bind({.examples = 1});
    if (sparse_) {
      graph = to_graph(sample.at("adjacency"));
      w.bind_graph("graph", graph);
    }
    for (const auto& [name, part] : sample) fill(w, name, part, graph);
    program_.forward(w, params_.values().data());
    const auto y = w.output("y");
    eqnn::Array out = eqnn::Array::zeros(y.examples * y.points, y.channels);
    for (Index i = 0; i < out.rows; ++i)
      for (Index j = 0; j < out.cols; ++j) out(i, j) = static_cast<double>(y.row(0, i)[j]);
    return out;
  }

 private:
  // Gains start as ones and biases as zeros: nothing may hide behind that.
  void perturb(std::uint64_t seed) {
    eqnn::Draws draws({seed, eqnn::Stream::check, 1, 0});
    for (const eqnn::ParamInfo& p : params_.list())
      for (Index j = 0; p.is_bias && j < p.slice.cols; ++j)
        params_.view(p.slice)(0, j) += static_cast<T>(draws.uniform() - 0.5);
  }
  static eqnn::SparseGraph to_graph(const eqnn::Array& a) {
    std::vector<std::pair<std::int32_t, std::int32_t>> edges;
    for (Index i = 0; i < a.rows; ++i)
      for (Index j = 0; j < a.cols; ++j)
        if (a(i, j) != 0) edges.emplace_back(static_cast<std::int32_t>(i), static_cast<std::int32_t>(j));
    return eqnn::SparseGraph::from_edges(a.rows, edges);
  }
  void fill(eqnn::Workspace<T>& w, const std::string& name, const eqnn::Array& part,
            const eqnn::SparseGraph& graph) {
    if (sparse_ && name == "adjacency") return;
    const auto x = w.input(name);
    if (sparse_ && name == "edges") {
      for (Index v = 0, e = 0; v < graph.nodes(); ++v)
        for (; e < graph.offsets()[v + 1]; ++e) x.row(e)[0] = static_cast<T>(part(v, graph.neighbors()[e]));
      return;
    }
    for (Index i = 0; i < part.rows; ++i)
      for (Index j = 0; j < part.cols; ++j) x.row(0, i)[j] = static_cast<T>(part(i, j));
  }

  eqnn::Params<T> params_;
  eqnn::Program<T> program_;
  bool frame_, sparse_;
  std::optional<eqnn::Workspace<T>> workspace_;
};

}  // namespace tools
