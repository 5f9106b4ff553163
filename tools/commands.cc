#include "commands.h"

#include <string_view>

#include "cli/machine.h"
#include "cli/programs.h"
#include "ranks/ranks.h"

namespace tools {

int run_command(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "bench") return run_bench_program(argv);
  // Ranks would all write the same files.
  const bool shared = command == "train" || command == "sweep" || command == "reproduce";
  require(shared || started_ranks() == 1, "eqnn ", command, " runs in one process, and ", started_ranks(),
          " ranks were started; leave mpirun or srun out (train, sweep run and reproduce share their work among "
          "ranks)");
  CommandLine line(
      "eqnn",
      "Equivariant networks, and function families that they represent and gradient descent does not learn.",
      concat("eqnn ", version_text()));
  add_families(line);
  add_train(line);
  add_predict(line);
  add_certify(line);
  add_doctor(line);
  line.add("bench", "time per step against the hand-written step and the machine's GEMM limit")
      .runs([argv](const Common&) { return run_bench_program(argv); });
  add_sweep(line);
  add_reproduce(line);
  add_learn(line);
  add_bound(line);
  add_gradvar(line);
  add_tau_threshold(line);
  add_reduce(line);
  add_collect(line);
  add_plot(line);
  add_report(line);
  for (const char* name : {"export", "import"}) line.add_not_built(name);
  return line.run(argc, argv);
}

}  // namespace tools
