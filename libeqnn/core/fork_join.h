// What a parallel loop of oneTBB promises, told to the thread sanitizer. Not installed.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define EQNN_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EQNN_THREAD_SANITIZER 1
#endif
#endif

#ifdef EQNN_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
// Of what oneTBB calls, which calls ForkJoin::task: it reads its captures before that.
#define EQNN_BEFORE_FORK __attribute__((no_sanitize("thread")))
#else
#define EQNN_BEFORE_FORK
#endif

namespace eqnn {

// Stands around a loop: what is before it has happened for every task, and what its tasks did for what is after it.
// oneTBB is not built with the sanitizer, which cannot see that. The tasks are not ordered among each other, so
// that their races are found as ever. Without the sanitizer it is nothing.
class ForkJoin {
 public:
#ifdef EQNN_THREAD_SANITIZER
  ForkJoin() { __tsan_release(&begin_); }
  ~ForkJoin() { __tsan_acquire(&end_); }
  ForkJoin(const ForkJoin&) = delete;
  ForkJoin& operator=(const ForkJoin&) = delete;
  // The work of one task.
  template <class Work>
  void task(const Work& work) {
    struct End {
      explicit End(char* at) : at_(at) {}
      ~End() { __tsan_release(at_); }
      char* at_;
    } const end(&end_);
    __tsan_acquire(&begin_);
    work();
  }

 private:
  char begin_ = 0, end_ = 0;
#else
  template <class Work>
  void task(const Work& work) {
    work();
  }
#endif
};

}  // namespace eqnn
