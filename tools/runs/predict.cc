// `eqnn predict`: a trained network's outputs on given inputs.

#include <fmt/core.h>

#include <eqnn/io/npz.h>

#include "cli/json.h"
#include "commands.h"
#include "runs/trained_network.h"
#include "train/elements.h"

namespace tools {
namespace {

// Outputs averaged over inputs moved by each of the elements.
std::vector<double> averaged(TrainedNetwork& network, const InputArray& in, const InputElements& elements) {
  std::vector<double> mean = network(in);
  const Index count = elements.count();
  for (Index element = 1; element < count; ++element) {
    InputArray moved = in;
    elements.move(element,
                  eqnn::Block<double>{moved.values.data(), in.examples, in.points, in.channels, in.channels});
    const std::vector<double> y = network(moved);
    for (std::size_t i = 0; i < y.size(); ++i) mean[i] += y[i];
  }
  for (double& y : mean) y /= static_cast<double>(count);
  return mean;
}

struct PredictFlags {
  std::string run, in, out, average = "none";
  bool force = false;
};

int predict(const PredictFlags& flags, const Common& common) {
  const std::string& path = flags.run;
  const RunDirectory run(path);
  const TrainConfig c = run.config();
  if (!c.data.empty())
    throw NotBuiltError(
        concat(path, " is a run on a file; predict is not built in yet for those, only for families"));
  const auto member = make_member(c);
  const auto network = load_network(run, c, *member);
  auto layout = member->input();
  layout.other_sizes = false;  // the network was trained at one size
  const InputElements elements("average", flags.average, layout, member->action(), c.data_seed);
  elements.count();  // refuses a group that is too large before anything is written
  const InputArray in = read_inputs(flags.in, layout);
  const std::string& out = flags.out;
  claim_output(out, flags.force);
  eqnn::write_npz(out, {{"y", eqnn::npy_array<double>({in.examples}, averaged(*network, in, elements))}});
  if (common.json)
    fmt::print("{}\n", to_text(Json({{"examples", in.examples}, {"out", out}})));
  else if (!common.quiet)
    fmt::print("{} outputs in {}\n", in.examples, out);
  return kDone;
}

}  // namespace

void add_predict(CommandLine& line) {
  Subcommand sub = line.add("predict", "a trained network's outputs on given inputs", "Train");
  auto flags = std::make_shared<PredictFlags>();
  sub.example("eqnn predict runs/parity --in graphs.npz --out outputs.npz");
  sub.required("RUN", flags->run, "run directory");
  sub.takes("RUN", {"/"});
  sub.required("--in", flags->in, "npz with the family's inputs");
  sub.takes("FILE", {".npz"});
  sub.required("-o,--out", flags->out, "npz for the outputs, y (double)");
  sub.takes("FILE", {".npz"});
  sub.option("--average", flags->average, "average over a group, GROUP[:K] as train --test-average has it");
  sub.toggle("--force", flags->force, "replace an existing output");
  sub.runs([flags](const Common& common) { return predict(*flags, common); });
}

}  // namespace tools
