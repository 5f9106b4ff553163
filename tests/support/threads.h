// Threads for tests that want more of them than the machine may have.
#pragma once

#include <tbb/global_control.h>

namespace eqnn::testing {

struct EightThreads {
  tbb::global_control control{tbb::global_control::max_allowed_parallelism, 8};
};

}  // namespace eqnn::testing
