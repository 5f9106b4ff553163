#include "results/document.h"

#include <filesystem>

#include "cli/json.h"

namespace tools {

std::string claim_document(const std::string& directory, const std::string& name, bool force) {
  const std::string path = concat(directory, "/", name);
  claim_output(path, force);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  require<eqnn::FileError>(std::filesystem::is_directory(directory, error), directory,
                           ": no folder, and none can be made there; choose another --out");
  return path;
}

Json parameters_json(const eqnn::hard::ParameterValues& values) {
  Json all = Json::object();
  for (const auto& [name, value] : values) {
    const auto typed = parse_json_if(value);
    all[name] = typed.is_number() || typed.is_boolean() ? typed : Json(value);
  }
  return all;
}

}  // namespace tools
