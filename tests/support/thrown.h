// What a call throws, as text, for tests of messages.
#pragma once

#include <string>

#include <eqnn/core/check.h>

// The message of the E that `f` throws, or "no error".
template <class E = eqnn::ValueError, class F>
std::string message(const F& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
