// The runs of a database as a table.
#pragma once

#include <string>

#include "results/database.h"

namespace tools {

// RFC 4180, one row a run. Columns: run_id, study, seed, status, the swept flags and the keys of result.json,
// nothing that depends on the folder. Rows: by study (runs of none come last), the swept values in the order of its
// grid, seed and run_id.
std::string runs_csv(const Database& db);

}  // namespace tools
