// TOML values as the text that flags take.
#pragma once

#include <string>

#include <toml++/toml.h>

namespace tools {

// A list is joined by commas. Throws ValueError for tables and dates; `path` and `key` name the place.
std::string toml_value(const std::string& path, const std::string& key, const toml::node& node);

}  // namespace tools
