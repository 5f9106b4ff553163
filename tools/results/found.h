// What folders hold that collect reads.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"

namespace tools {

struct FoundDocument {
  std::string kind, path, key;  // key: the folder's name
};

// Each once, in the order of the paths.
struct Found {
  std::vector<std::string> runs, studies;  // run directories; .sweep.json files
  std::vector<FoundDocument> documents;
  std::vector<std::string> problems;  // folders that cannot be read, each a line
};

// Looks through the folders at any depth; symbolic links are followed, each folder is read once. Throws FileError
// for a name that is no folder.
Found find_runs(const std::vector<std::string>& folders);

// Whether a run directory is no longer one. Not known: no.
bool was_removed(const std::string& path);

}  // namespace tools
