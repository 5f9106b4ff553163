// Errors. The library never prints and never aborts: it throws one of these, with one line that says
// what was wrong, the value seen, what is allowed, and what to do.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace eqnn {

using Index = std::int64_t;

// Base of everything the library throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An argument, option or parameter has a value that is not allowed.
class ValueError : public Error {
 public:
  using Error::Error;
};

// Two shapes disagree; thrown while a Program is recorded, with the operation's name and both shapes.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// A file cannot be read, is malformed, or cannot be written.
class FileError : public Error {
 public:
  using Error::Error;
};

namespace detail {
inline std::string text(std::string_view s) { return std::string(s); }
inline std::string text(const char* s) { return s; }
inline std::string text(const std::string& s) { return s; }
template <class T>
std::string text(T v) requires std::is_arithmetic_v<T> {
  return std::to_string(v);
}
}  // namespace detail

// The parts as one string: concat("n is ", 3) == "n is 3".
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string s;
  (s.append(detail::text(parts)), ...);
  return s;
}

// Throws E with the concatenated parts unless `ok`.
template <class E = ValueError, class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]]
    throw E(concat(parts...));
}

}  // namespace eqnn
