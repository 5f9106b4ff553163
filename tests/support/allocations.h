// Allocations of the process, the library's too, where malloc can be counted. Link support/allocations.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "support/sanitized.h"

#if defined(__GLIBC__) && !defined(EQNN_SANITIZED)
#define EQNN_TEST_COUNTS_ALLOCATIONS 1

namespace eqnn::testing {
extern std::atomic<std::int64_t> allocations;
}
#endif
