// Run directories into the results database.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"

namespace tools {

struct CollectFlags {
  std::vector<std::string> folders;
  std::string db, csv;  // csv "": none
};

// Reads every run, sweep record and document below the folders into the database, and writes the csv. One line to
// stderr, or JSON to stdout. Returns kDone, or kFile when some could not be read, each said on stderr.
int collect(const CollectFlags& flags, const Common& common);

}  // namespace tools
