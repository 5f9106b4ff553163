// Where a planned run is in the folder of its sweep, whether it is done, and who is at work on it.
#pragma once

#include <string>

#include "sweep/plan.h"

namespace tools {

std::string directory_of(const PlannedRun& run, const std::string& folder);
// The file that means: done.
const char* final_file(const PlannedRun& run);
bool has(const std::string& directory, const char* file);
bool is_done(const PlannedRun& run, const std::string& folder);
// What `time.wall_seconds` of a document says; NaN where there is none.
double wall_seconds(const std::string& json);
// How long a run that is done took, by its final file; NaN where that does not say.
double seconds_taken(const PlannedRun& run, const std::string& folder);

// Takes the run for this process and for a program that takes its place; false where another has it. It ends with
// the process, however that ends. One byte of FOLDER/.lock a run, by locks that NFS keeps too; on file systems
// without any it is always given.
bool lock_run(const PlannedRun& run, const std::string& folder);
// Whether another process has it, or is at work in its directory without a sweep. Disturbs none.
bool is_at_work(const PlannedRun& run, const std::string& folder);
// Whether the file system of the folder has such locks.
bool locks_hold(const std::string& folder);

}  // namespace tools
