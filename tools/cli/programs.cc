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

int run_bench_program(char** argv) {
  std::vector<std::string> words;
  for (; *argv != nullptr; ++argv) words.emplace_back(*argv);
  become(program_path("eqnn-bench"), words);
}

}  // namespace tools
