#include "cli/programs.h"

#include <filesystem>

#include <eqnn/core/check.h>

#include "cli/process.h"

namespace tools {

std::string program_path(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* folder : {".", "../bench", "../tools"}) {
    const fs::path path = (here / folder / name).lexically_normal();
    if (fs::is_regular_file(path, error)) return path.string();
  }
  throw eqnn::FileError(eqnn::concat(name, " is not beside this program in ", here.string(),
                                     "; build or install it: it is part of the same build"));
}

Subcommand add_bench(CommandLine& line, BenchFlags& flags) {
  Subcommand sub =
      line.add("bench", "time per step against the hand-written step and the machine's GEMM limit", "This machine");
  sub.note(
      "It is a program of its own, for the machine that built it, and never installed: ninja -C build "
      "bench/eqnn-bench bench/eqnn_hand.so makes it.");
  sub.list("--rows", flags.rows, "ids, separated by commas (default: all but sweep)", ',');
  sub.number("--minutes", flags.minutes, "time for the measurements (default 2)");
  sub.toggle("--no-peers", flags.no_peers, "leave PyTorch and JAX out");
  sub.toggle("--profile", flags.profile, "where the time of a step goes, operation by operation");
  sub.toggle("--mpi", flags.mpi,
             "a step on 1, 2 and 4 ranks of this machine, beside a model of what it should take");
  sub.option("--scaling", flags.scaling,
             "draw how a step's time grows with its sizes into this .svg, .pdf or .png");
  sub.takes("FILE", {".svg", ".pdf", ".png"});
  sub.uses("--threads", "threads of the steps that are measured");
  sub.example("eqnn bench --rows gnn-15-32 --no-peers --minutes 0.2");
  sub.example("eqnn bench --profile --rows cnn-50-64x3 # where a step's time goes, operation by operation");
  return sub;
}

int run_bench_program(char** argv) {
  std::vector<std::string> words;
  for (; *argv != nullptr; ++argv) words.emplace_back(*argv);
  become(program_path("eqnn-bench"), words);
}

}  // namespace tools
