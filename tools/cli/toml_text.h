// TOML values as the text that flags take.
#pragma once

#include <string>

#include <toml++/toml.h>

namespace tools {

// Parses; `source` names the text in messages. Throws ValueError for what does not parse, with the line, and for
// keys or values that nest more than 64 levels deep: the parser calls itself once a level.
toml::table parse_toml(const std::string& text, const std::string& source);

// A list is joined by commas. Throws ValueError for tables and dates; `path` and `key` name the place.
std::string toml_value(const std::string& path, const std::string& key, const toml::node& node);

}  // namespace tools
