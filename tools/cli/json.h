// JSON, as all of the command reads and writes it.
#pragma once

#include <eqnn/io/json.h>

namespace tools {

using eqnn::Json;
using eqnn::parse_json;
using eqnn::parse_json_if;
using eqnn::to_text;

}  // namespace tools
