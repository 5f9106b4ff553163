#include "cli/paths.h"

#include <filesystem>
#include <system_error>

#include <eqnn/core/check.h>

namespace tools {
namespace {

namespace fs = std::filesystem;

fs::file_type type_at(const std::string& path, bool follow) {
  std::error_code error;
  const fs::file_type type = (follow ? fs::status(path, error) : fs::symlink_status(path, error)).type();
  // Of what is not there the error is set too, and a link in a circle leads nowhere.
  if (type == fs::file_type::not_found || error == std::errc::too_many_symbolic_link_levels)
    return fs::file_type::not_found;
  eqnn::require<eqnn::FileError>(type != fs::file_type::none, path, ": cannot be looked for: ", error.message(),
                                 "; check the permissions and the disk");
  return type;
}

}  // namespace

bool is_there(const std::string& path) { return type_at(path, true) != fs::file_type::not_found; }
bool is_folder(const std::string& path) { return type_at(path, true) == fs::file_type::directory; }
bool is_plain_file(const std::string& path) { return type_at(path, true) == fs::file_type::regular; }
bool is_taken(const std::string& path) { return type_at(path, false) != fs::file_type::not_found; }

void remove_file(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  eqnn::require<eqnn::FileError>(!error, path, ": cannot be removed: ", error.message(),
                                 "; check the permissions and the disk");
}

}  // namespace tools
