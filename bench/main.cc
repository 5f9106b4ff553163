// eqnn-bench: what `eqnn bench` runs. It takes the same arguments, the word "bench" first or left out.

#include <string_view>

#include "bench.h"
#include "cli/command_line.h"
#include "cli/guard.h"
#include "cli/machine.h"
#include "ranks/ranks.h"

namespace tools {
namespace {

void add_bench(CommandLine& line) {
  Subcommand sub =
      line.add("bench", "time per step against the hand-written step and the machine's GEMM limit", "This machine");
  auto options = std::make_shared<bench::BenchOptions>();
  auto no_peers = std::make_shared<bool>(false);
  sub.example("eqnn bench --rows gnn-15-32 --no-peers --minutes 0.2");
  sub.example("eqnn bench --profile --rows cnn-50-64x3 # where a step's time goes, operation by operation");
  sub.list("--rows", options->rows, "ids, separated by commas (default: all but sweep)", ',');
  sub.number("--minutes", options->minutes, "time for the measurements (default 2)");
  sub.toggle("--no-peers", *no_peers, "leave PyTorch and JAX out");
  sub.toggle("--profile", options->profile, "where the time of a step goes, operation by operation");
  sub.toggle("--mpi", options->mpi,
             "a step on 1, 2 and 4 ranks of this machine, beside a model of what it should take");
  sub.option("--scaling", options->scaling,
             "draw how a step's time grows with its sizes into this .svg, .pdf or .png");
  sub.runs([options, no_peers](const Common& common) {
    if (common.threads > 0) options->threads = {common.threads};
    options->json = common.json;
    options->quiet = common.quiet;
    options->peers = !*no_peers;
    return bench::run_bench(*options);
  });
}

int run(int argc, char** argv) {
  CommandLine line("eqnn", "The speed of libeqnn.", concat("eqnn ", version_text()));
  add_bench(line);
  static char command[] = "eqnn", word[] = "bench";
  std::vector<char*> arguments = {command, word};
  const int first = argc > 1 && std::string_view(argv[1]) == "bench" ? 2 : 1;
  arguments.insert(arguments.end(), argv + std::min(first, argc), argv + argc);
  return line.run(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) {
  tools::prepare_process();
  const int code = tools::guard([&] { return tools::run(argc, argv); });
  tools::end_ranks(code);
  return code;
}
