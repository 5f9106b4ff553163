// The name of a JSON value, for headers: <nlohmann/json.hpp> costs seconds in each source that has it.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace tools {

using Json = nlohmann::ordered_json;

}  // namespace tools
