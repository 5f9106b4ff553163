// Where the tests find what they read and run. The build tells these folders to paths.cc alone: every other object
// is the same in every folder, and a compiler cache serves them all.
#pragma once

#include <string>

namespace paths {

std::string source(const std::string& name);  // of the repository, as "docs/database.md"
std::string golden(const std::string& name);  // of tests/golden
std::string data(const std::string& name);    // of tests/data
std::string command();                        // the `eqnn` that was built

}  // namespace paths
