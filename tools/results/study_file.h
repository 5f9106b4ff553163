// The record that a sweep leaves of itself: NAME.sweep.json.
#pragma once

#include <string>
#include <vector>

#include "results/database.h"

namespace tools {

struct StudyFile {
  std::string name;
  std::vector<std::vector<Cell>> studies, runs;  // rows of tables `studies` and `study_runs`
};

// Throws FileError for a file that is missing, malformed or of another format.
StudyFile read_study(const std::string& path);

// The title that the file of a sweep, as TOML, has above those of its sweeps; "" for none, and for what is no TOML.
std::string file_title(const std::string& toml);

// The flags that any study of a database sweeps, each once, in the order of the studies and of their grids.
std::vector<std::string> swept_flags(const Database& db);

}  // namespace tools
