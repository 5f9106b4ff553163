// The flags of `eqnn bench`; bench.cc measures.

#include "bench.h"
#include "commands.h"

namespace tools {

void add_bench(CLI::App& app, Commands& commands) {
  CLI::App* sub =
      app.add_subcommand("bench", "time per step against the hand-written step and the machine's GEMM limit");
  auto options = std::make_shared<eqnn::tools::BenchOptions>();
  auto no_peers = std::make_shared<bool>(false);
  sub->add_option("--rows", options->rows, "ids, separated by commas (default: all but sweep)")
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sub->add_option("--minutes", options->minutes, "time for the measurements (default 2)");
  sub->add_flag("--no-peers", *no_peers, "leave PyTorch and JAX out");
  commands.push_back({sub, [options, no_peers](const Common& common) {
                        if (common.threads > 0) options->threads = {common.threads};
                        options->json = common.json;
                        options->quiet = common.quiet;
                        options->peers = !*no_peers;
                        return eqnn::tools::run_bench(*options);
                      }});
}

}  // namespace tools
