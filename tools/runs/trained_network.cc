#include "runs/trained_network.h"

#include <filesystem>

#include <eqnn/io/safetensors.h>

#include "train/choices.h"
#include "train/data_source.h"

namespace tools {
namespace {

constexpr Index kCapacity = 32;

template <class T>
class Typed final : public TrainedNetwork {
 public:
  Typed(const RunDirectory& run, const TrainConfig& c, const eqnn::hard::Member& member)
      : config_(c),
        member_(member),
        inputs_(network_inputs(member)),
        program_(kCapacity, eqnn::Mode::evaluate, c.strict) {
    if (predicts_classes(c)) inputs_.outputs = 2;
    const Recorder<T> network = make_network<T>(params_, c, inputs_);
    eqnn::load_model(run.file("model.safetensors"), params_);
    program_.output("prediction", network(program_));
    program_.finish();
    workspace_.emplace(program_);
  }

  std::vector<double> operator()(const InputArray& in) override {
    eqnn::Workspace<T>& w = *workspace_;
    std::vector<double> result;
    undefined_ = 0;
    for (Index first = 0; first < in.examples; first += kCapacity) {
      w.bind({.examples = std::min(kCapacity, in.examples - first), .first = first});
      const auto x = w.input(inputs_.input.name);
      for (Index e = 0; e < x.examples; ++e)
        for (Index p = 0; p < x.points; ++p)
          for (Index j = 0; j < x.channels; ++j) x(e, p, j) = static_cast<T>(in.example(first + e)(p, j));
      fill_derived<T>(
          config_, member_, inputs_, [&](const std::string& name) { return w.input(name); }, 0, x.examples);
      program_.forward(w, params_.values().data());
      if (may_be_undefined(config_)) undefined_ += undefined_frames(w.output("frame"));
      const auto f = w.output("prediction");
      for (Index e = 0; e < x.examples; ++e)
        result.push_back(static_cast<double>(f(e)) - (inputs_.outputs > 1 ? static_cast<double>(f(e, 0, 1)) : 0));
    }
    return result;
  }
  Index undefined() const override { return undefined_; }

 private:
  const TrainConfig config_;
  Index undefined_ = 0;
  const eqnn::hard::Member& member_;
  NetworkInputs inputs_;
  eqnn::Params<T> params_;
  eqnn::Program<T> program_;
  std::optional<eqnn::Workspace<T>> workspace_;
};

// A run on a file.
template <class T>
class OnFile {
 public:
  OnFile(const RunDirectory& run, const TrainConfig& c, const LabelledExamples& data)
      : framed_(may_be_undefined(c)),
        inputs_(network_inputs(data, c.shard)),
        program_(1, eqnn::Mode::evaluate, c.strict) {
    if (predicts_classes(c)) inputs_.outputs = static_cast<Index>(data.class_names.size());
    const Recorder<T> network = make_network<T>(params_, c, inputs_);
    eqnn::load_model(run.file("model.safetensors"), params_);
    program_.output("prediction", network(program_));
    program_.finish();
    workspace_.emplace(program_);
  }

  std::optional<eqnn::Array> operator()(const eqnn::Sample& sample) {
    auto& w = *workspace_;
    w.bind({.examples = 1});
    eqnn::SparseGraph graph;
    if (inputs_.sparse()) {
      const eqnn::Array& a = sample.at("adjacency");
      std::vector<std::pair<std::int32_t, std::int32_t>> edges;
      for (Index i = 0; i < a.rows; ++i)
        for (Index j = 0; j < a.cols; ++j)
          for (int k = 0; k < static_cast<int>(a(i, j)); ++k)
            edges.emplace_back(static_cast<std::int32_t>(i), static_cast<std::int32_t>(j));
      graph = eqnn::SparseGraph::from_edges(a.rows, edges);
      w.bind_graph("graph", graph);
    }
    const eqnn::Array& x = sample.at(inputs_.input.name);
    const auto to = w.input(inputs_.input.name);
    for (Index i = 0; i < x.rows; ++i)
      for (Index j = 0; j < x.cols; ++j) to.row(0, i)[j] = static_cast<T>(x(i, j));
    program_.forward(w, params_.values().data());
    if (framed_ && undefined_frames(w.output("frame")) > 0) return {};
    eqnn::Array y = eqnn::Array::zeros(1, inputs_.outputs);
    for (Index k = 0; k < y.cols; ++k) y(0, k) = static_cast<double>(w.output("prediction")(0, 0, k));
    return y;
  }

 private:
  bool framed_;
  NetworkInputs inputs_;
  eqnn::Params<T> params_;
  eqnn::Program<T> program_;
  std::optional<eqnn::Workspace<T>> workspace_;
};

void require_finished(const RunDirectory& run) {
  require<eqnn::FileError>(run.finished(), run.path(),
                           ": the run has no result yet; finish it with eqnn train --resume --out ", run.path());
  require<eqnn::FileError>(std::filesystem::exists(run.file("model.safetensors")), run.path(),
                           ": holds folds; name one of them: ", run.path(), "/fold-0");
}

template <class T>
eqnn::SampleFunction on_file(const RunDirectory& run, const TrainConfig& c, const LabelledExamples& data) {
  auto network = std::make_shared<OnFile<T>>(run, c, data);
  return [network](const eqnn::Sample& x) { return (*network)(x); };
}

}  // namespace

std::unique_ptr<TrainedNetwork> load_network(const RunDirectory& run, const TrainConfig& c,
                                             const eqnn::hard::Member& member) {
  require_finished(run);
  return dispatch(c.dtype, [&]<class T>() -> std::unique_ptr<TrainedNetwork> {
    return std::make_unique<Typed<T>>(run, c, member);
  });
}

eqnn::SampleFunction load_network(const RunDirectory& run, const TrainConfig& c, const LabelledExamples& data) {
  require_finished(run);
  return dispatch(c.dtype, [&]<class T>() { return on_file<T>(run, c, data); });
}

eqnn::Sample dataset_sample(const LabelledExamples& data, Index example) {
  if (!data.has_graphs()) {
    const auto x = data.example(example);
    return {{"x", {x.rows, x.cols, {x.data, x.data + x.rows * x.cols}}}};
  }
  const eqnn::SparseGraph& g = data.graphs[example];
  eqnn::Array adjacency = eqnn::Array::zeros(g.nodes(), g.nodes());
  for (Index v = 0; v < g.nodes(); ++v)
    for (Index e = g.offsets()[v]; e < g.offsets()[v + 1]; ++e) ++adjacency(v, g.neighbors()[e]);
  eqnn::Array nodes = eqnn::Array::zeros(g.nodes(), data.channels);
  write_node_features<double>(data, std::span(&example, 1),
                              {nodes.values.data(), g.nodes(), 1, data.channels, data.channels});
  return {{"nodes", nodes}, {"adjacency", adjacency}};
}

}  // namespace tools
