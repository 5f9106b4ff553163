// Parts of the command that are loaded when they are needed: what they link to would cost every start, or is not
// there.
#pragma once

#include <string>

namespace tools {

// The function of that name in the module NAME.so, beside the command where it was built, in lib*/eqnn/ where it
// was installed. Throws FileError, which ends with `cure`, for a module that cannot be loaded, or is of another
// version.
void* load_function(const std::string& module, const char* function, const std::string& cure);

}  // namespace tools
