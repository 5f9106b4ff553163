// Words that people bring from other programs, and what stands for them here.
#pragma once

#include <string>
#include <vector>

namespace tools {

// What a message says behind a flag, or a key of TOML, that is not known: "; here it is '--steps'", "; the nearest
// is
// '--steps'", or of few "; there are ...". `known` are the flags, with their dashes where `word` has them.
std::string flag_hint(const std::string& word, const std::vector<std::string>& known);

}  // namespace tools
