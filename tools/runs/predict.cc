// `eqnn predict`: a trained network's outputs on given inputs.

#include <fmt/core.h>

#include <eqnn/io/npz.h>

#include "cli/json.h"
#include "commands.h"
#include "runs/trained_network.h"

namespace tools {
namespace {

int predict(const std::string& path, const std::string& in_path, const std::string& out, bool force,
            const Common& common) {
  const RunDirectory run(path);
  const TrainConfig c = run.config();
  if (!c.data.empty())
    throw NotBuiltError(
        concat(path, " is a run on a file; predict is not built in yet for those, only for families"));
  const auto member = make_member(c);
  const auto network = load_network(run, c, *member);
  auto layout = member->input();
  layout.other_sizes = false;  // the network was trained at one size
  const InputArray in = read_inputs(in_path, layout);
  claim_output(out, force);
  const std::vector<double> y = (*network)(in);
  eqnn::write_npz(out, {{"y", eqnn::npy_array<double>({in.examples}, y)}});
  if (common.json)
    fmt::print("{}\n", to_text(Json({{"examples", in.examples}, {"out", out}})));
  else if (!common.quiet)
    fmt::print("{} outputs in {}\n", in.examples, out);
  return kDone;
}

}  // namespace

void add_predict(CommandLine& line) {
  Subcommand sub = line.add("predict", "a trained network's outputs on given inputs");
  struct Flags {
    std::string run, in, out;
    bool force = false;
  };
  auto flags = std::make_shared<Flags>();
  sub.required("RUN", flags->run, "run directory");
  sub.required("--in", flags->in, "npz with the family's inputs");
  sub.required("-o,--out", flags->out, "npz for the outputs, y (double)");
  sub.toggle("--force", flags->force, "replace an existing output");
  sub.runs(
      [flags](const Common& common) { return predict(flags->run, flags->in, flags->out, flags->force, common); });
}

}  // namespace tools
