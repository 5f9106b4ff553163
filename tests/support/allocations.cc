#include "support/allocations.h"

#ifdef EQNN_TEST_COUNTS_ALLOCATIONS
namespace eqnn::testing {
std::atomic<std::int64_t> allocations{0};
}
// Every allocation comes through here: operator new calls malloc.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept {
  ++eqnn::testing::allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  ++eqnn::testing::allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) noexcept {
  ++eqnn::testing::allocations;
  return __libc_realloc(old, size);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
  ++eqnn::testing::allocations;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  ++eqnn::testing::allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t size) noexcept {
  ++eqnn::testing::allocations;
  *result = __libc_memalign(alignment, size);
  return *result == nullptr ? 12 : 0;  // ENOMEM
}
}
#endif
