#include "cli/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <eqnn/io/files.h>

#include "cli/paths.h"
#include "cli/text.h"
#include "cli/toml_text.h"

namespace tools {

int Common::thread_count() const {
  return threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::optional<std::int64_t> whole_number(const std::string& given) {
  const std::string_view text = without_plus(given);
  const char* last = text.data() + text.size();
  std::int64_t value = 0;
  if (const auto r = std::from_chars(text.data(), last, value); r.ec == std::errc() && r.ptr == last) return value;
  double real = 0;
  const auto r = std::from_chars(text.data(), last, real);
  const bool whole = r.ec == std::errc() && r.ptr == last && real == std::floor(real) && std::abs(real) <= 0x1p53;
  return whole ? std::optional(static_cast<std::int64_t>(real)) : std::nullopt;
}

std::int64_t parse_integer(const std::string& name, const std::string& text, std::int64_t low, std::int64_t high) {
  const auto value = whole_number(text);
  const std::string allowed = high == std::numeric_limits<std::int64_t>::max()
                                  ? concat("whole numbers from ", low, " on")
                                  : concat("whole numbers from ", low, " to ", high);
  require(value && *value >= low && *value <= high, "--", name, " is '", text, "'; allowed are ", allowed);
  return *value;
}

double parse_number(const std::string& name, const std::string& text) {
  double value = 0;
  const std::string_view digits = without_plus(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  require(error == std::errc() && end == digits.data() + digits.size() && std::isfinite(value), "--", name, " is '",
          text, "'; a finite number is needed, such as 2e-3");
  return value;
}

bool parse_switch(const std::string& name, const std::string& text) {
  if (text.empty() || text == "true" || text == "1") return true;
  require(text == "false" || text == "0", "--", name, " is '", text, "'; allowed are true and false");
  return false;
}

std::uint64_t parse_seed(const std::string& name, const std::string& text) {
  std::uint64_t value = 0;
  const std::string_view digits = without_plus(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  require(error == std::errc() && end == digits.data() + digits.size(), "--", name, " is '", text,
          "'; allowed are whole numbers from 0 to 2^64 - 1");
  return value;
}

namespace {

// The place behind the TOML string that begins at `at`; of one on a line that is not closed, the end of the line.
std::size_t behind_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const std::string three(3, quote);
  const bool of_lines = text.substr(at, 3) == three;
  for (std::size_t i = at + (of_lines ? 3 : 1); i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (!of_lines && (text[i] == quote || text[i] == '\n')) {
      return text[i] == quote ? i + 1 : i;
    } else if (of_lines && text.substr(i, 3) == three) {
      // Two more quotes may stand before the three that close it.
      i += 3;
      for (int more = 0; more < 2 && i < text.size() && text[i] == quote; ++more) ++i;
      return i;
    }
  }
  return text.size();
}

// How deep a TOML text nests: in brackets, and in the dots of keys and of tables' names, which are tables too.
// Right as far as the text is TOML; the parser goes no further.
int toml_depth(const std::string& text) {
  int deepest = 0, depth = 0, dots = 0;  // dots: of the key that is read, or whose value is
  std::vector<int> outer;                // the dots of each key within whose value the place is
  bool in_key = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      i = behind_string(text, i) - 1;
      continue;
    }
    if (c == '#') i = std::min(text.find('\n', i), text.size()) - 1;
    if (c == '[' || c == '{') {
      outer.push_back(std::exchange(dots, 0));
      depth += 1 + outer.back();
    }
    if ((c == ']' || c == '}') && !outer.empty()) {
      dots = outer.back();
      depth -= 1 + dots;
      outer.pop_back();
    }
    if (c == '=' || c == ']' || c == '}') in_key = false;
    if (c == '\n' || c == ',' || c == '{') in_key = true, dots = 0;
    if (c == '.' && in_key) ++dots;
    deepest = std::max(deepest, depth + dots);
  }
  return deepest;
}

}  // namespace

toml::table parse_toml(const std::string& text, const std::string& source) {
  constexpr int most = 64;
  require(toml_depth(text) <= most, source, ": keys or values nest more than ", most,
          " levels deep; no file of this program does");
  try {
    return toml::parse(text, source);
  } catch (const toml::parse_error& e) {
    throw ValueError(concat(source, ": line ", e.source().begin.line, ": ", e.description()));
  }
}

std::string toml_value(const std::string& path, const std::string& key, const toml::node& node) {
  if (const auto* v = node.as_string()) return v->get();
  if (const auto* v = node.as_boolean()) return v->get() ? "true" : "false";
  if (const auto* v = node.as_integer()) return std::to_string(v->get());
  if (const auto* v = node.as_floating_point()) return number_text(v->get());
  if (const auto* list = node.as_array()) {
    std::string joined;
    for (const toml::node& item : *list) joined += concat(joined.empty() ? "" : ",", toml_value(path, key, item));
    return joined;
  }
  throw ValueError(
      concat(path, ": key '", key, "' holds a table or a date; a number, string, boolean or list is needed"));
}

namespace {

void append_toml(const std::string& path, const toml::table& table, RawOptions& out) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (const toml::table* inner = node.as_table()) {
      require(name == "run" || name == "params", path, ": table [", name,
              "] is not known; allowed are [run] and [params]");
      append_toml(path, *inner, out);
    } else {
      out.push_back({name, toml_value(path, name, node)});
    }
  }
}

}  // namespace

RawOptions read_toml(const std::string& path) {
  RawOptions options;
  const std::string text = eqnn::read_file(path);
  append_toml(path, parse_toml(text, path), options);
  for (std::size_t i = 0; i < options.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      require(options[i].name != options[j].name, path, ": key '", options[i].name,
              "' is given twice, in different tables; name it once");
  return options;
}

void claim_output(const std::string& path, bool force) {
  namespace fs = std::filesystem;
  if (!is_taken(path)) return;
  std::error_code error;
  if (fs::is_character_file(path, error) || fs::is_fifo(path, error)) return;
  require(!is_folder(path), path, " is a folder; name a file with --out");
  require(force, path, " exists; give --force to replace it, or another --out");
  remove_file(path);
}

}  // namespace tools
