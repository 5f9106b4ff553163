#include "cli/name_table.h"

#include <algorithm>

#include <eqnn/core/check.h>
#include <eqnn/core/spelling.h>

namespace tools {

std::string comma_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

std::string nearest_of(std::string_view word, const std::vector<std::string>& allowed) {
  const std::string near = eqnn::nearest(word, allowed);
  return near.empty() ? "" : "; the nearest is '" + near + "'";
}

std::size_t place_of(std::string_view name, const std::vector<std::string>& names, const std::string& flag) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw eqnn::ValueError(
        eqnn::concat(flag, " is '", name, "'; allowed are ", comma_list(names), nearest_of(name, names)));
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace tools
