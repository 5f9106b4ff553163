#include "lines.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "../io/files.h"

namespace eqnn {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// std::from_chars takes no plus sign.
std::string_view without_plus(std::string_view number) {
  const bool plus = number.size() > 1 && number[0] == '+' && number[1] != '-' && number[1] != '+';
  return plus ? number.substr(1) : number;
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
    : path_(std::move(path)), text_(read_file(path_)), separator_(separator) {
  require<FileError>(!text_.starts_with("\x1f\x8b") && !text_.starts_with("PK\x03\x04"), path_,
                     ": it is compressed; text is needed: unpack it first");
  rest_ = text_;
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // the byte order mark of some spreadsheets
  const std::size_t last = rest_.find_last_not_of(" \t\r\v\f\n");
  rest_ = rest_.substr(0, last == rest_.npos ? 0 : last + 1);
}

void Lines::fail_with(const detail::Part* parts, std::size_t count) const {
  throw FileError(concat(path_, ": line ", number_, ": ", detail::joined(parts, count)));
}

bool Lines::next() {
  if (rest_.empty()) return false;
  const std::size_t end = std::min(rest_.find('\n'), rest_.size());
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  ++number_;
  split(line);
  return true;
}

void Lines::split(std::string_view line) {
  fields_.clear();
  unquoted_.clear();
  line = trimmed(line);
  if (line.empty()) return;
  const bool commas = separator_ == Separator::commas;
  for (;;) {
    line = trimmed(line);
    if (commas && line.starts_with('"')) {
      fields_.push_back(take_quoted(line));
    } else {
      const std::size_t end = std::min(line.find_first_of(commas ? "," : kBlanks), line.size());
      fields_.push_back(trimmed(line.substr(0, end)));
      line.remove_prefix(end);
    }
    if (line.empty()) return;
    line.remove_prefix(1);
  }
}

// The field in quotes at the beginning of the line, which is left at the comma behind it, or empty.
std::string_view Lines::take_quoted(std::string_view& line) {
  std::size_t end = 1;
  bool doubled = false;
  for (;; end += 2) {
    end = line.find('"', end);
    check(end != line.npos, "field ", fields_.size() + 1,
          " begins with a quote that the line does not close; a quoted field stands in one line");
    if (end + 1 >= line.size() || line[end + 1] != '"') break;
    doubled = true;
  }
  std::string_view field = line.substr(1, end - 1);
  if (doubled) {
    std::string& text = unquoted_.emplace_back();
    for (std::size_t i = 0; i < field.size(); ++i) {
      text += field[i];
      if (field[i] == '"') ++i;
    }
    field = text;
  }
  field = trimmed(field);
  line = trimmed(line.substr(end + 1));
  check(line.empty() || line.starts_with(','), "field ", fields_.size() + 1, " has ", in_quotes(line),
        " behind its closing quote; a comma is needed, and quotes in a field are doubled");
  return field;
}

bool Lines::is_header() const {
  const auto is_name = [](std::string_view field) { return number_kind(field) == NumberKind::none; };
  const auto name = std::find_if(fields_.begin(), fields_.end(), is_name);
  if (name == fields_.end()) return false;
  check(std::all_of(fields_.begin(), fields_.end(), is_name), "field ", name - fields_.begin() + 1, " is ",
        in_quotes(*name),
        " and other fields are numbers; an example needs a number in every field, and a header has "
        "none");
  return true;
}

std::int64_t Lines::integer(std::size_t i, std::string_view what, std::int64_t low, std::int64_t high) const {
  std::int64_t value = 0;
  check(i < fields_.size(), what, " is missing");
  if (parse(fields_[i], value) != std::errc() || value < low || value > high) [[unlikely]]
    fail(what, " is ", in_quotes(fields_[i]), "; a whole number from ", low, " to ", high, " is needed");
  return value;
}

double Lines::real(std::size_t i, std::string_view what) const {
  double value = 0;
  check(i < fields_.size(), what, " is missing");
  if (parse(fields_[i], value) != std::errc() || !std::isfinite(value)) [[unlikely]]
    fail(what, " is ", in_quotes(fields_[i]), "; a finite number is needed");
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

}  // namespace eqnn
