#include "support/golden.h"

#include <fstream>
#include <map>

#include "support/paths.h"

const nlohmann::json& golden(const std::string& section, const std::string& file) {
  static std::map<std::string, nlohmann::json> files;
  auto [found, added] = files.try_emplace(file);
  if (added) found->second = nlohmann::json::parse(std::ifstream(paths::golden(file)));
  return found->second.at(section);
}
