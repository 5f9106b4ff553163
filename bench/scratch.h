// A folder of its own for files that others read, gone at the end.
#pragma once

#include <eqnn/core/check.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace bench {

class Scratch {
 public:
  Scratch() : path_((std::filesystem::temp_directory_path() / ("eqnn-bench-" + std::string(6, 'X'))).string()) {
    eqnn::require<eqnn::FileError>(mkdtemp(path_.data()) != nullptr, path_,
                                   ": cannot be made; set TMPDIR to a folder that can be written");
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace bench
