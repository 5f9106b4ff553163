// The values that a flag may have, by name, and what each stands for, in one table.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tools {

// The place of `name` among `names`. Throws ValueError, "FLAG is 'NAME'; allowed are ...; the nearest is ...".
std::size_t place_of(std::string_view name, const std::vector<std::string>& names, const std::string& flag);

// What a message says behind a list of what is allowed: "; the nearest is 'B'"; nothing where none is near.
std::string nearest_of(std::string_view word, const std::vector<std::string>& allowed);

// a, b, c
std::string comma_list(const std::vector<std::string>& names);

template <class V>
class NameTable {
 public:
  // `flag` is what messages call it: "--model".
  NameTable(std::string flag, std::vector<std::pair<std::string, V>> rows) : flag_(std::move(flag)) {
    for (auto& [name, value] : rows) {
      names_.push_back(name);
      values_.push_back(std::move(value));
    }
  }

  const std::vector<std::string>& names() const { return names_; }
  const std::vector<V>& values() const { return values_; }  // in the order of names()
  // Throws ValueError for another name.
  const V& operator[](std::string_view name) const { return values_[place_of(name, names_, flag_)]; }
  // Of a value of the table.
  const std::string& name_of(const V& value) const {
    return names_.at(static_cast<std::size_t>(std::find(values_.begin(), values_.end(), value) - values_.begin()));
  }

 private:
  std::string flag_;
  std::vector<std::string> names_;
  std::vector<V> values_;
};

}  // namespace tools
