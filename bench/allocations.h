// Calls of malloc and its kin by any thread and library of the process.
#pragma once

namespace bench {

// False in sanitizer builds and without glibc, where nothing can stand before the allocator.
bool counts_allocations();
void start_counting_allocations();
long stop_counting_allocations();  // since the start

}  // namespace bench
