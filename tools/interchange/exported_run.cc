#include "interchange/exported_run.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "cli/json.h"
#include "data/inputs.h"
#include "interchange/translate.h"
#include "train/choices.h"
#include "train/data_source.h"

namespace tools {
namespace {

constexpr Index kExamples = 32;  // of the program, and of an example file at most

template <class T>
class TypedRun final : public ExportedRun {
 public:
  TypedRun(const TrainConfig& c, const Examples& examples)
      : config_(c), examples_(examples), inputs_(inputs_of(c, examples)) {
    if (predicts_classes(c))
      inputs_.outputs = examples.data ? static_cast<Index>(examples.data->class_names.size()) : 2;
    network_ = make_network<T>(params_, c, inputs_);
    params_.freeze();
  }

  std::vector<eqnn::NamedArray> parameters() const override {
    return eqnn::parameter_arrays(params_, params_.values(), "");
  }
  void set_parameters(const eqnn::SafeTensors& file) override {
    eqnn::load_parameter_arrays(params_, params_.values(), file, "");
  }

  NetworkGraph graph() const override {
    eqnn::Program<T> program(kExamples, eqnn::Mode::evaluate, config_.strict);
    const eqnn::Tensor<T> value = network_(program);
    TranslatedInputs inputs;
    inputs.difference = examples_.member && inputs_.outputs == 2;
    if (examples_.member) {
      for (const auto* layout : {&inputs_.input, inputs_.features ? &*inputs_.features : nullptr})
        if (layout != nullptr && !layout->dims.empty()) inputs.file_sizes[layout->name] = layout->dims;
      if (reads_graph(config_, inputs_)) inputs.fixed["graph"] = fixed_graph();
      if (config_.family == "frame-parity") inputs.forms["canonical"] = {inputs_.input.name, parity_frame()};
    }
    return translate(program, params_, value, inputs);
  }

  GraphArrays example(Index count) override {
    eqnn::Program<T> program(kExamples, eqnn::Mode::evaluate, config_.strict);
    program.output("prediction", network_(program));
    program.finish();
    eqnn::Workspace<T> w(program);
    count = std::min(count, kExamples);
    GraphArrays arrays = examples_.member ? fill_from_family(w, count) : fill_from_file(w, count);
    program.forward(w, params_.values().data());
    const auto f = w.output("prediction");
    const Index outputs = f.channels;
    GraphArray logits{{f.examples, outputs}, {}}, y{{f.examples}, {}};
    for (Index e = 0; e < f.examples; ++e) {
      for (Index k = 0; k < outputs; ++k) logits.values.push_back(static_cast<double>(f(e, 0, k)));
      y.values.push_back(static_cast<double>(f(e)) - (outputs > 1 ? static_cast<double>(f(e, 0, 1)) : 0));
    }
    if (outputs == 1 || examples_.member) arrays["y"] = y;
    if (outputs > 1) arrays["logits"] = logits;
    return arrays;
  }

 private:
  static NetworkInputs inputs_of(const TrainConfig& c, const Examples& examples) {
    // An example file has as many graphs as the program, whatever the batches of the run were.
    return examples.data ? network_inputs(*examples.data, std::max(c.shard, kExamples))
                         : network_inputs(*examples.member);
  }

  static GraphArray array(const eqnn::Block<T>& x, std::vector<Index> shape) {
    GraphArray a{std::move(shape), {}};
    for (Index e = 0; e < x.examples; ++e)
      for (Index p = 0; p < x.points; ++p)
        for (Index j = 0; j < x.channels; ++j) a.values.push_back(static_cast<double>(x(e, p, j)));
    return a;
  }

  // That of the member's canonical forms.
  std::optional<eqnn::PermutationFrame> parity_frame() const {
    const Json member = parse_json(examples_.member->json());
    const std::string frame = member.value("frame", "none");
    if (frame == "sort") return eqnn::PermutationFrame::sort_absolute;
    if (frame == "cyclic") return eqnn::PermutationFrame::rotate_to_maximum;
    return {};
  }

  // The one graph of all examples, in the form that the network takes: entry after entry.
  std::vector<double> fixed_graph() const {
    const Index n = inputs_.input.points;
    eqnn::AlignedBuffer<T> memory(n * eqnn::padded<T>(n));
    const eqnn::Block<T> block{memory.data(), 1, n, n, eqnn::padded<T>(n)};
    fill_derived<T>(
        config_, *examples_.member, inputs_, [&](const std::string&) { return block; }, 0, 1);
    return array(block, {}).values;
  }

  GraphArrays fill_from_family(eqnn::Workspace<T>& w, Index count) {
    const eqnn::hard::Member& member = *examples_.member;
    w.bind({.examples = count});
    const auto x = w.input(inputs_.input.name);
    member.sample({config_.data_seed, eqnn::Stream::test, 0, 0}, x);
    fill_derived<T>(
        config_, member, inputs_, [&](const std::string& name) { return w.input(name); }, 0, count);
    GraphArrays arrays{{inputs_.input.name, array(x, file_shape(count, inputs_.input))}};
    if (reads_features(config_, inputs_))
      arrays[inputs_.features->name] = array(w.input(inputs_.features->name), file_shape(count, *inputs_.features));
    return arrays;
  }

  GraphArrays fill_from_file(eqnn::Workspace<T>& w, Index count) {
    const LabelledExamples& data = *examples_.data;
    count = std::min(count, data.examples);
    w.bind({.examples = count});
    if (data.has_graphs()) return fill_graphs(w, count);
    const auto x = w.input(inputs_.input.name);
    for (Index e = 0; e < count; ++e)
      for (Index p = 0; p < data.points; ++p)
        for (Index j = 0; j < data.channels; ++j) x(e, p, j) = static_cast<T>(data.example(e)(p, j));
    return {{"x", array(x, {count, data.points, data.channels})}};
  }

  GraphArrays fill_graphs(eqnn::Workspace<T>& w, Index count) {
    const LabelledExamples& data = *examples_.data;
    std::vector<Index> which(static_cast<std::size_t>(count));
    std::iota(which.begin(), which.end(), Index{0});
    collator_.emplace(data, count);
    const eqnn::SparseGraph& graph = collator_->collate(which);
    w.bind_graph("graph", graph);
    const auto nodes = w.input(inputs_.input.name);
    write_node_features<T>(data, which, nodes);
    GraphArray edges{{2, graph.edges()}, {}}, batch{{graph.nodes()}, {}};
    edges.values.assign(graph.neighbors(), graph.neighbors() + graph.edges());
    edges.values.insert(edges.values.end(), graph.targets(), graph.targets() + graph.edges());
    for (Index e = 0; e < count; ++e)
      batch.values.insert(batch.values.end(), static_cast<std::size_t>(graph.starts()[e + 1] - graph.starts()[e]),
                          static_cast<double>(e));
    return {{"nodes", array(nodes, {graph.nodes(), data.channels})}, {"edge_index", edges}, {"batch", batch}};
  }

  const TrainConfig config_;
  const Examples examples_;
  NetworkInputs inputs_;
  eqnn::Params<T> params_;
  Recorder<T> network_;
  std::optional<eqnn::Collator> collator_;
};

}  // namespace

std::unique_ptr<ExportedRun> open_run(const RunDirectory& run, const TrainConfig& c, const Examples& examples,
                                      bool with_parameters) {
  require<eqnn::FileError>(c.folds == 0 || c.fold >= 0, run.path(), ": holds folds; name one of them: ", run.path(),
                           "/fold-0");
  std::unique_ptr<ExportedRun> network = dispatch(c.dtype, [&]<class T>() -> std::unique_ptr<ExportedRun> {
    return std::make_unique<TypedRun<T>>(c, examples);
  });
  if (!with_parameters) return network;
  require<eqnn::FileError>(run.finished(), run.path(),
                           ": the run has no result yet; finish it with eqnn train --resume --out ", run.path());
  const std::string path = run.file("model.safetensors");
  network->set_parameters(eqnn::decode_safetensors(eqnn::read_file(path), path));
  return network;
}

}  // namespace tools
