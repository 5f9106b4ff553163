#include "cli/modules.h"

#include <dlfcn.h>

#include <filesystem>

#include "cli/options.h"
#include "module_folder.h"

namespace tools {

void* load_function(const std::string& module, const char* function, const std::string& cure) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const std::string file = module + ".so";
  fs::path path;
  // Of a path that cannot be followed nothing is there, and what cannot be loaded is told below.
  for (const char* place : {".", "../tools", EQNN_MODULE_FOLDER})
    if (path = (folder / place / file).lexically_normal(); fs::exists(path, ignored)) break;
  void* const loaded = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const char* why = loaded != nullptr ? "" : dlerror();
  require<eqnn::FileError>(loaded, path.string(), ": cannot be loaded: ", why != nullptr ? why : "unknown", "; ",
                           cure);
  void* const found = dlsym(loaded, function);
  require<eqnn::FileError>(found, path.string(), ": is not of this version; install libeqnn again");
  return found;
}

}  // namespace tools
