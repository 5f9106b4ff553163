// What a run's record says of where it ran.
#pragma once

#include <string>

namespace tools {

// name, version, git revision
std::string version_text();
// What MPI this build has, such as "Open MPI 4.1.4"; "" in one without.
std::string mpi_version();
// {"host", "cpu", "cores", "target", "blas", "blas_core", ...} as JSON text.
std::string machine_json();

}  // namespace tools
