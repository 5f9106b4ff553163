#include "support/paths.h"

namespace paths {

std::string source(const std::string& name) { return EQNN_SOURCE_ROOT "/" + name; }
std::string golden(const std::string& name) { return source("tests/golden/" + name); }
std::string data(const std::string& name) { return source("tests/data/" + name); }
std::string command() { return EQNN_COMMAND; }

}  // namespace paths
