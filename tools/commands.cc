#include "commands.h"

#include <algorithm>
#include <string_view>

#include "cli/machine.h"
#include "cli/programs.h"

namespace tools {

int run_command(int argc, char** argv) {
  const auto is_word = [&](int at, std::string_view word) { return argc > at && argv[at] == word; };
  // Its help is here: the program may not be built.
  const bool help = std::any_of(argv, argv + argc, [](std::string_view w) { return w == "-h" || w == "--help"; });
  if (is_word(1, "bench") && !help) return run_bench_program(argv);
  CommandLine line(
      "eqnn",
      "Equivariant networks, and function families that they represent and gradient descent does not learn.",
      concat("eqnn ", version_text()));
  // In the order of the map that `eqnn` shows.
  add_families(line);
  add_certify(line);
  add_train(line);
  add_predict(line);
  add_export(line);
  add_import(line);
  add_sweep(line);
  add_reproduce(line);
  add_table(line);
  add_diff(line);
  add_tag(line);
  add_collect(line);
  add_plot(line);
  add_report(line);
  add_learn(line);
  add_reduce(line);
  add_bound(line);
  add_gradvar(line);
  add_tau_threshold(line);
  add_doctor(line);
  BenchFlags bench;
  add_bench(line, bench).runs([argv](const Common&) { return run_bench_program(argv); });
  return line.run(argc, argv);
}

}  // namespace tools
