#include "learn/agreement.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "learn/agreement_cbc.h"
#include "module_folder.h"

namespace tools {
namespace {

// Beside the command where it was built, in lib*/eqnn/ where it was installed.
decltype(&eqnn_cbc_agreement) load_solver() {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const fs::path built = folder / "eqnn_cbc.so", installed = folder / EQNN_MODULE_FOLDER / "eqnn_cbc.so";
  // Of a path that cannot be followed nothing is there, and what cannot be loaded is told below.
  const fs::path path = fs::exists(built, ignored) ? built : installed.lexically_normal();
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const char* why = module ? "" : dlerror();
  require<eqnn::FileError>(module, path.string(), ": the solver cannot be loaded: ", why ? why : "unknown",
                           "; install libeqnn again, and the package coinor-libcbc3");
  auto* solve = reinterpret_cast<decltype(&eqnn_cbc_agreement)>(dlsym(module, "eqnn_cbc_agreement"));
  require<eqnn::FileError>(solve, path.string(), ": is not of this version; install libeqnn again");
  return solve;
}

// Neither the user's input nor the output belong to the solver.
class StreamsAside {
 public:
  StreamsAside() {
    std::fflush(nullptr);
    for (int stream = 0; stream < 3; ++stream) kept_[stream] = fcntl(stream, F_DUPFD_CLOEXEC, 3);
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int stream = 0; nothing >= 0 && stream < 3; ++stream) dup2(nothing, stream);
    if (nothing >= 0) close(nothing);
  }
  ~StreamsAside() {
    std::cout.flush();
    std::fflush(nullptr);
    for (int stream = 0; stream < 3; ++stream) {
      const int kept = kept_[stream];
      if (kept < 0) continue;
      dup2(kept, stream);
      close(kept);
    }
  }
  StreamsAside(const StreamsAside&) = delete;
  StreamsAside& operator=(const StreamsAside&) = delete;

 private:
  std::array<int, 3> kept_{};
};

}  // namespace

AgreementResult maximum_agreement(const eqnn::hard::LabelledVectors& vectors, double seconds) {
  static const auto solve = load_solver();
  AgreementResult result;
  std::string error;
  {
    const StreamsAside aside;
    solve(vectors, seconds, result, error);
  }
  if (!error.empty()) throw ValueError(error);
  return result;
}

}  // namespace tools
