// `eqnn reproduce`.

#include "commands.h"

namespace tools {

void add_reproduce(CLI::App& app, Commands& commands) { add_not_built(app, commands, "reproduce"); }

}  // namespace tools
