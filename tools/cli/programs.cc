#include "cli/programs.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <eqnn/core/check.h>

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

int run_bench_program(char** argv) {
  const std::string path = program_path("eqnn-bench");
  execv(path.c_str(), argv);
  throw eqnn::FileError(eqnn::concat(path, ": cannot be started: ", std::strerror(errno)));
}

}  // namespace tools
