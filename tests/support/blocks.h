// The blocks of code of README.md and the guides.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
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

// Calls open(language, line number) where a block opens, inside(line) for its lines, and outside(line) for the
// others.
template <class Open, class Inside, class Outside>
void walk(const std::string& page, const Open& open, const Inside& inside, const Outside& outside) {
  std::ifstream in(paths::source(page));
  bool within = false;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::size_t fence = line.find_first_not_of(' ');
    if (fence != line.npos && line.compare(fence, 3, "```") == 0) {
      if (!within) open(line.substr(fence + 3), number);
      within = !within;
    } else if (within) {
      inside(line);
    } else {
      outside(line);
    }
  }
}

inline std::vector<Block> of(const std::string& page) {
  std::vector<Block> found;
  walk(
      page,
      [&](const std::string& language, int line) {
        found.push_back({language, "", line});
      },
      [&](const std::string& line) { found.back().text += line + "\n"; }, [](const std::string&) {});
  return found;
}

// The page without its blocks.
inline std::string outside(const std::string& page) {
  std::string text;
  walk(
      page, [](const std::string&, int) {}, [](const std::string&) {},
      [&](const std::string& line) { text += line + "\n"; });
  return text;
}

}  // namespace blocks
