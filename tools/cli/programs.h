// The programs of ours that start one another: `eqnn` and `eqnn-bench`.
#pragma once

#include <string>

namespace tools {

// The path of a program of this build, or of the installation that this process is of: beside this program, or in
// the folder of the build tree that makes it. Throws FileError when it is in neither.
std::string program_path(const std::string& name);

// Goes on as eqnn-bench with the same arguments; comes back only by an exception.
int run_bench_program(char** argv);

}  // namespace tools
