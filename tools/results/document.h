// Commands that leave one JSON document in a folder.
#pragma once

#include <string>


#include <eqnn/hard/family.h>

#include "cli/options.h"
#include "cli/json.h"

namespace tools {

// Claims DIR/NAME as claim_output does, and makes the folder; its path. Throws ValueError for a file that is there
// (unless `force`), FileError for a folder that cannot be made.
std::string claim_document(const std::string& directory, const std::string& name, bool force);

// Family parameters as numbers, booleans and texts.
Json parameters_json(const eqnn::hard::ParameterValues& values);

}  // namespace tools
