#include "trained.h"

#include <eqnn/checkpoint.h>

#include "run_data.h"

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
    if (c.loss == "cross-entropy") inputs_.outputs = 2;
    const Recorder<T> network = make_network<T>(params_, c, inputs_);
    eqnn::load_model(run.file("model.safetensors"), params_);
    program_.output("prediction", network(program_));
    program_.finish();
    workspace_.emplace(program_);
  }

  std::vector<double> operator()(const InputArray& in) override {
    eqnn::Workspace<T>& w = *workspace_;
    std::vector<double> result;
    for (Index first = 0; first < in.examples; first += kCapacity) {
      w.bind({.examples = std::min(kCapacity, in.examples - first), .first = first});
      const auto x = w.input(inputs_.input.name);
      for (Index e = 0; e < x.examples; ++e)
        for (Index p = 0; p < x.points; ++p)
          for (Index j = 0; j < x.channels; ++j) x(e, p, j) = static_cast<T>(in.example(first + e)(p, j));
      fill_derived<T>(
          config_, member_, inputs_, [&](const std::string& name) { return w.input(name); }, 0, x.examples);
      program_.forward(w, params_.values().data());
      const auto f = w.output("prediction");
      for (Index e = 0; e < x.examples; ++e)
        result.push_back(static_cast<double>(f(e)) - (inputs_.outputs > 1 ? static_cast<double>(f(e, 0, 1)) : 0));
    }
    return result;
  }

 private:
  const TrainConfig config_;
  const eqnn::hard::Member& member_;
  NetworkInputs inputs_;
  eqnn::Params<T> params_;
  eqnn::Program<T> program_;
  std::optional<eqnn::Workspace<T>> workspace_;
};

}  // namespace

std::unique_ptr<TrainedNetwork> load_network(const RunDirectory& run, const TrainConfig& c,
                                             const eqnn::hard::Member& member) {
  require<eqnn::FileError>(run.finished(), run.path(),
                           ": the run has no result yet; finish it with eqnn train --resume --out ", run.path());
  if (c.dtype == "f64") return std::make_unique<Typed<double>>(run, c, member);
  return std::make_unique<Typed<float>>(run, c, member);
}

}  // namespace tools
