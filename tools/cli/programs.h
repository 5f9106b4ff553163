// The programs of ours that start one another: `eqnn` and `eqnn-bench`.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"

namespace tools {

// The path of a program of this build, or of the installation that this process is of: beside this program, or in
// the folder of the build tree that makes it. Throws FileError when it is in neither.
std::string program_path(const std::string& name);

// What `eqnn bench` takes: declared here for its help, and read by eqnn-bench.
struct BenchFlags {
  std::vector<std::string> rows;
  double minutes = 2;
  bool no_peers = false, profile = false, mpi = false;
  std::string scaling;
};
Subcommand add_bench(CommandLine& line, BenchFlags& flags);

// Goes on as eqnn-bench with the same arguments; comes back only by an exception.
int run_bench_program(char** argv);

}  // namespace tools
