// Text files of numbers, line by line, with errors that name the line. Not installed.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "../core/check.h"

namespace eqnn {

// A piece of a file for a message: in quotes, at most 40 characters, nothing but visible ones.
std::string in_quotes(std::string_view text);

// The lines of a file and their fields. Lines end in \n or \r\n, the last one also without; blank lines at the end
// of the file are not there. All errors are FileErrors that name the file and the line.
class Lines {
 public:
  enum class Separator { blanks, commas };

  // Throws FileError for a file that cannot be read, or is compressed.
  Lines(std::string path, Separator separator);
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  // Goes to the next line and splits it; false behind the last one.
  bool next();
  Index number() const { return number_; }  // of the current line, from 1
  bool last() const { return rest_.empty(); }
  const std::string& path() const { return path_; }
  // Of the current line, without blanks around them; a line of blanks has none. Between commas a field may stand in
  // quotes, with commas and doubled quotes in it (RFC 4180).
  const std::vector<std::string_view>& fields() const { return fields_; }
  // Whether the line is a header: no field is a number. Throws where some are.
  bool is_header() const;

  // Field i as a whole number from low to high, or as a finite number; `what` is its name in the error.
  std::int64_t integer(std::size_t i, std::string_view what, std::int64_t low, std::int64_t high) const;
  double real(std::size_t i, std::string_view what) const;

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    const detail::Part list[] = {detail::Part(parts)...};
    fail_with(list, sizeof...(parts));
  }
  template <class... Parts>
  [[gnu::always_inline]] void check(bool ok, const Parts&... parts) const {
    if (ok) [[likely]]
      return;
    fail(parts...);
  }

 private:
  [[noreturn, gnu::cold]] void fail_with(const detail::Part* parts, std::size_t count) const;
  void split(std::string_view line);
  std::string_view take_quoted(std::string_view& line);

  std::string path_, text_;
  std::string_view rest_;
  Separator separator_;
  Index number_ = 0;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // fields of the line with doubled quotes in them
};

// What a field can be read as.
enum class NumberKind { finite, not_finite, none };
NumberKind number_kind(std::string_view field);

// Numbers a file may give to classes and labels.
constexpr std::int64_t kLowestName = std::numeric_limits<std::int32_t>::min();
constexpr std::int64_t kHighestName = std::numeric_limits<std::int32_t>::max();
// More nodes, edges or graphs than that are not allowed in one graph or file.
constexpr std::int64_t kMostItems = std::numeric_limits<std::int32_t>::max() - 1;

// The position of each number among the different ones, which are left in `values`, ascending.
std::vector<std::int32_t> positions(const std::vector<std::int64_t>& numbers, std::vector<std::int64_t>& values);

}  // namespace eqnn
