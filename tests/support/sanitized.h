// Whether sanitizers are at work: they make computations some ten times as slow, take terabytes of address space
// and own malloc. gcc says so by macros, clang by features: tests ask here, and nowhere else.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EQNN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EQNN_SANITIZED 1
#endif
#endif

#ifdef EQNN_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
