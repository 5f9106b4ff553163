// Run directories into the results database.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "results/database.h"

namespace tools {

struct CollectFlags {
  std::vector<std::string> folders;
  std::string db, csv;  // csv "": none
  bool prune = false;   // drop what is in no folder
};

// Reads every run, sweep record and document below the folders into the database, and writes the csv. One line to
// stderr, or JSON to stdout. Returns kDone, or kFile when some could not be read, each said on stderr.
int collect(const CollectFlags& flags, const Common& common);

// What is below the folders now, in a database in memory; what could not be read is said on stderr.
Database collected(const std::vector<std::string>& folders, const Common& common);

// Of one name that is no folder the database, of folders what is below them now. Throws FileError.
Database open_results(const std::vector<std::string>& paths, const Common& common);

}  // namespace tools
