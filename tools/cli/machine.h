// What a run's record says of where it ran.
#pragma once

#include <string>

namespace tools {

// name, version, git revision
std::string version_text();
// What MPI this build has, such as "Open MPI 4.1.4"; "" in one without.
std::string mpi_version();
// {"host", "cpu", "cores", "target", "blas", "blas_core", ...} as JSON text.
// One thread at a time.
std::string machine_json();
// Lets another process find it out, once: OpenBLAS, which is loaded for its name, takes milliseconds, and processes
// that are forked from this one need not load it again. Where that fails nothing changes.
void ask_machine_aside();

}  // namespace tools
