#include "data/dataset_text.h"

#include "cli/text.h"

#include <eqnn/io/files.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

namespace tools {
namespace {

using eqnn::concat;

constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// The field as a T, if it is one from end to end.
template <class T>
std::errc parse(std::string_view text, T& value) {
  const std::string_view field = without_plus(text);
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  return error == std::errc() && end != field.data() + field.size() ? std::errc::invalid_argument : error;
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string shown(text.substr(0, most));
  for (char& c : shown)
    if (c < ' ' || c > '~') c = '?';
  return concat("'", shown, text.size() > most ? "...'" : "'");
}

Lines::Lines(std::string path, Separator separator)
    : path_(std::move(path)), text_(eqnn::read_file(path_)), separator_(separator) {
  eqnn::require<eqnn::FileError>(!text_.starts_with("\x1f\x8b") && !text_.starts_with("PK\x03\x04"), path_,
                                 ": it is compressed; text is needed: unpack it first");
  rest_ = text_;
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // the byte order mark of some spreadsheets
  const std::size_t last = rest_.find_last_not_of(" \t\r\v\f\n");
  rest_ = rest_.substr(0, last == rest_.npos ? 0 : last + 1);
}

bool Lines::next() {
  if (rest_.empty()) return false;
  const std::size_t end = std::min(rest_.find('\n'), rest_.size());
  split(rest_.substr(0, end));
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  ++number_;
  return true;
}

void Lines::split(std::string_view line) {
  fields_.clear();
  line = trimmed(line);
  if (line.empty()) return;
  const std::string_view stops = separator_ == Separator::commas ? "," : kBlanks;
  for (;;) {
    const std::size_t end = line.find_first_of(stops);
    fields_.push_back(trimmed(line.substr(0, end)));
    if (end == line.npos) return;
    line.remove_prefix(end + 1);
    if (separator_ == Separator::blanks) line = trimmed(line);
  }
}

std::int64_t Lines::integer(std::size_t i, std::string_view what, std::int64_t low, std::int64_t high) const {
  std::int64_t value = 0;
  check(i < fields_.size(), what, " is missing");
  check(parse(fields_[i], value) == std::errc() && value >= low && value <= high, what, " is ",
        in_quotes(fields_[i]), "; a whole number from ", low, " to ", high, " is needed");
  return value;
}

double Lines::real(std::size_t i, std::string_view what) const {
  double value = 0;
  check(i < fields_.size(), what, " is missing");
  check(parse(fields_[i], value) == std::errc() && std::isfinite(value), what, " is ", in_quotes(fields_[i]),
        "; a finite number is needed");
  return value;
}

NumberKind number_kind(std::string_view field) {
  double value = 0;
  const std::errc error = parse(field, value);
  if (error == std::errc::invalid_argument) return NumberKind::none;
  return error == std::errc() && std::isfinite(value) ? NumberKind::finite : NumberKind::not_finite;
}

std::vector<std::int32_t> positions(const std::vector<std::int64_t>& numbers, std::vector<std::int64_t>& values) {
  values = numbers;
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::vector<std::int32_t> result;
  result.reserve(numbers.size());
  for (const std::int64_t n : numbers)
    result.push_back(static_cast<std::int32_t>(std::lower_bound(values.begin(), values.end(), n) - values.begin()));
  return result;
}

}  // namespace tools
