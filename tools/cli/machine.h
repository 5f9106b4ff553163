// What a run's record says of where it ran.
#pragma once

#include <string>

namespace tools {

// name, version, git revision
std::string version_text();
// {"host", "cpu", "cores", "target", "blas", "blas_core", ...} as JSON text.
std::string machine_json();

}  // namespace tools
