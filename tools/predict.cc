// `eqnn predict`: a trained network's outputs on given inputs.

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <eqnn/checkpoint.h>
#include <eqnn/npz.h>

#include "commands.h"
#include "inputs.h"
#include "network.h"
#include "run_directory.h"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

// Replays the network, forward only, over all examples.
template <class T>
std::vector<double> outputs(const RunDirectory& run, const TrainConfig& c, const eqnn::hard::InputLayout& layout,
                            const InputArray& in) {
  eqnn::Params<T> params;
  const Network<T> network(params, c, layout);
  eqnn::load_model(run.file("model.safetensors"), params);
  constexpr Index capacity = 32;
  eqnn::Program<T> program(capacity, eqnn::Mode::evaluate, c.strict);
  program.output("prediction", network(program.input(layout.name, {.points = layout.points, .channels = layout.channels})));
  program.finish();
  eqnn::Workspace<T> w(program);
  std::vector<double> result;
  for (Index first = 0; first < in.examples; first += capacity) {
    w.bind({.examples = std::min(capacity, in.examples - first), .first = first});
    const auto x = w.input(layout.name);
    for (Index e = 0; e < x.examples; ++e)
      for (Index p = 0; p < x.points; ++p)
        for (Index j = 0; j < x.channels; ++j) x(e, p, j) = static_cast<T>(in.example(first + e)(p, j));
    program.forward(w, params.values().data());
    for (Index e = 0; e < x.examples; ++e) result.push_back(static_cast<double>(w.output("prediction")(e)));
  }
  return result;
}

int predict(const std::string& path, const std::string& in_path, const std::string& out, bool force, const Common& common) {
  const RunDirectory run(path);
  require<eqnn::FileError>(run.exists(), path, ": there is no such run directory; train one first");
  const TrainConfig c = run.config();
  require<eqnn::FileError>(run.finished(), path, ": the run has no result yet; finish it with eqnn train --resume --out ", path);
  const auto member = make_member(c);
  const InputArray in = read_inputs(in_path, member->input());
  claim_output(out, force);
  const std::vector<double> y =
      c.dtype == "f64" ? outputs<double>(run, c, member->input(), in) : outputs<float>(run, c, member->input(), in);
  eqnn::write_npz(out, {{"y", eqnn::npy_array<double>({in.examples}, y)}});
  if (common.json)
    fmt::print("{}\n", Json({{"examples", in.examples}, {"out", out}}).dump(-1, ' ', false, Json::error_handler_t::replace));
  else if (!common.quiet)
    fmt::print("{} outputs in {}\n", in.examples, out);
  return kDone;
}

}  // namespace

void add_predict(CLI::App& app, Commands& commands) {
  CLI::App* sub = app.add_subcommand("predict", "a trained network's outputs on given inputs");
  struct Flags {
    std::string run, in, out;
    bool force = false;
  };
  auto flags = std::make_shared<Flags>();
  sub->add_option("RUN", flags->run, "run directory")->required();
  sub->add_option("--in", flags->in, "npz with the family's inputs")->required();
  sub->add_option("-o,--out", flags->out, "npz for the outputs, y (double)")->required();
  sub->add_flag("--force", flags->force, "replace an existing output");
  commands.push_back(
      {sub, [flags](const Common& common) { return predict(flags->run, flags->in, flags->out, flags->force, common); }});
}

}  // namespace tools
