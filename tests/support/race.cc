// A race between the tasks of a parallel loop, which tests/thread_sanitizer must see: what the sanitizer is told of
// oneTBB must not hide what our own tasks do.
#include <eqnn/core/workers.h>

#include <chrono>
#include <cstdio>
#include <thread>

int main() {
  eqnn::Workers workers(2);
  double sum = 0;
  workers.for_each(16, [&](eqnn::Index task, std::size_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // long enough for both threads to come
    sum += static_cast<double>(task);
  });
  std::printf("%g\n", sum);
}
