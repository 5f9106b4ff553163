// The blocks of code of README.md and the guides.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/paths.h"

namespace blocks {

// A fenced block: its language (empty: what a program printed), its lines, and the line of the page where it opens.
struct Block {
  std::string language, text;
  int line;
};

// README.md and all of docs/, by their paths from the root.
inline std::vector<std::string> pages() {
  std::vector<std::string> found = {"README.md"};
  const std::filesystem::path root = paths::source("");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") found.push_back(entry.path().lexically_relative(root).generic_string());
  std::sort(found.begin(), found.end());
  return found;
}

inline std::vector<Block> of(const std::string& page) {
  std::vector<Block> found;
  std::ifstream in(paths::source(page));
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::size_t fence = line.find_first_not_of(' ');
    if (fence != line.npos && line.compare(fence, 3, "```") == 0) {
      if (!inside) found.push_back({line.substr(fence + 3), "", number});
      inside = !inside;
    } else if (inside) {
      found.back().text += line + "\n";
    }
  }
  return found;
}

}  // namespace blocks
