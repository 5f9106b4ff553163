// What the runs of a database amount to, as a table for the terminal: what `reproduce`, `sweep run` and `table`
// print.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "results/database.h"

namespace tools {

struct TableFilter {
  std::string study = {}, family = {};  // "": all; of a file of several sweeps its name is that of all of them
};

// A row a question, what is swept and not tuned: all its finished runs, then the best point of the grid; below them
// the loss of each seed there. Runs of no study are a table of their own, by family and the settings that they
// differ in. Throws ValueError for a study or family that the database does not hold, naming the nearest one.
void print_tables(const Database& db, const TableFilter& filter);

// The same rows as JSON: [{"study", "title", "rows": [..]}].
void print_tables_json(const Database& db, const TableFilter& filter);

}  // namespace tools
