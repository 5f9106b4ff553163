// Errors. The library never prints and never aborts: it throws one of these, with one line that says
// what was wrong, the value seen, what is allowed, and what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace eqnn {

// Sizes and numbers of elements, signed: differences and loops downwards are safe.
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
// A part of a message: text, or a number as std::to_string writes it.
class Part {
 public:
  template <class V>
  explicit Part(const V& v) {
    if constexpr (std::is_floating_point_v<V>) {
      kind_ = Kind::real;
      real_ = static_cast<double>(v);
    } else if constexpr (std::is_integral_v<V> && std::is_unsigned_v<V>) {
      kind_ = Kind::natural;
      natural_ = v;
    } else if constexpr (std::is_integral_v<V>) {
      kind_ = Kind::whole;
      whole_ = v;
    } else {
      const std::string_view s = v;
      text_ = s.data();
      size_ = s.size();
    }
  }
  void append_to(std::string& s) const {
    if (kind_ == Kind::text) s.append(text_, size_);
    if (kind_ == Kind::whole) s.append(std::to_string(whole_));
    if (kind_ == Kind::natural) s.append(std::to_string(natural_));
    if (kind_ == Kind::real) s.append(std::to_string(real_));
  }

 private:
  enum class Kind : std::uint8_t { text, whole, natural, real };
  Kind kind_ = Kind::text;
  union {
    const char* text_;
    long long whole_;
    unsigned long long natural_;
    double real_;
  };
  std::size_t size_ = 0;
};

// Two functions for all messages: one for each combination of types would be a tenth of the library.
[[gnu::noinline]] inline std::string joined(const Part* parts, std::size_t count) {
  std::string s;
  for (std::size_t i = 0; i < count; ++i) parts[i].append_to(s);
  return s;
}
template <class E>
[[noreturn, gnu::noinline, gnu::cold]] void fail(const Part* parts, std::size_t count) {
  throw E(joined(parts, count));
}
}  // namespace detail

// The parts as one string: concat("n is ", 3) == "n is 3".
template <class... Parts>
[[gnu::always_inline]] inline std::string concat(const Parts&... parts) {
  const detail::Part list[] = {detail::Part(parts)...};
  return detail::joined(list, sizeof...(parts));
}

// Throws E with the concatenated parts unless `ok`.
template <class E = ValueError, class... Parts>
[[gnu::always_inline]] inline void require(bool ok, const Parts&... parts) {
  if (ok) [[likely]]
    return;
  const detail::Part list[] = {detail::Part(parts)...};
  detail::fail<E>(list, sizeof...(parts));
}

}  // namespace eqnn
