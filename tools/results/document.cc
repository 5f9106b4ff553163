#include "results/document.h"

#include <filesystem>

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

nlohmann::ordered_json parameters_json(const eqnn::hard::ParameterValues& values) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const auto& [name, value] : values) {
    const auto typed = nlohmann::ordered_json::parse(value, nullptr, false);
    all[name] = typed.is_number() || typed.is_boolean() ? typed : nlohmann::ordered_json(value);
  }
  return all;
}

}  // namespace tools
