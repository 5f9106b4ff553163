// eqnn-bench: what `eqnn bench` runs. It takes the same arguments, the word "bench" first or left out.

#include <string_view>

#include "bench.h"
#include "cli/command_line.h"
#include "cli/guard.h"
#include "cli/machine.h"
#include "cli/programs.h"
#include "ranks/ranks.h"

namespace tools {
namespace {

void add_measurements(CommandLine& line, BenchFlags& flags) {
  add_bench(line, flags).runs([&flags](const Common& common) {
    const bench::BenchOptions options{
        .rows = flags.rows,
        .threads = common.threads > 0 ? std::vector<int>{common.threads} : std::vector<int>{},
        .json = common.json,
        .quiet = common.quiet,
        .peers = !flags.no_peers,
        .profile = flags.profile,
        .scaling = flags.scaling,
        .mpi = flags.mpi,
        .minutes = flags.minutes};
    return bench::run_bench(options);
  });
}

int run(int argc, char** argv) {
  CommandLine line("eqnn", "The speed of libeqnn.", concat("eqnn ", version_text()));
  BenchFlags flags;
  add_measurements(line, flags);
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
