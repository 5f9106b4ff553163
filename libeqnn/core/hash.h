// FNV-1a, 64 bits: for ids that need to be stable and spread, not secret.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace eqnn {

// The hash of all that was added, in that order: numbers by their bytes, lists with their lengths.
class Hash {
 public:
  template <class V>
  requires std::is_arithmetic_v<V>
  void add(const V* values, std::size_t count) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values);
    for (std::size_t i = 0; i < count * sizeof(V); ++i) hash_ = (hash_ ^ bytes[i]) * 0x100000001b3u;
  }
  template <class V>
  requires std::is_arithmetic_v<V>
  void add(V value) { add(&value, 1); }
  // With its length first, so that one list's end is not another's beginning.
  template <class V>
  void add(const std::vector<V>& values) {
    add(static_cast<std::uint64_t>(values.size()));
    add(values.data(), values.size());
  }
  std::uint64_t value() const { return hash_; }
  // 16 hexadecimal digits.
  std::string text() const {
    std::string id;
    for (int shift = 60; shift >= 0; shift -= 4) id += "0123456789abcdef"[hash_ >> shift & 15u];
    return id;
  }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace eqnn
