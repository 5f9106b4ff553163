#include "learn/agreement.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "cli/modules.h"
#include "learn/agreement_cbc.h"

namespace tools {
namespace {

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
  static const auto solve = reinterpret_cast<decltype(&eqnn_cbc_agreement)>(
      load_function("eqnn_cbc", "eqnn_cbc_agreement", "install libeqnn again, and the package coinor-libcbc3"));
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
