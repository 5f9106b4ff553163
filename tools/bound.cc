// `eqnn bound`.

#include "commands.h"

namespace tools {

void add_bound(CLI::App& app, Commands& commands) { add_not_built(app, commands, "bound"); }

}  // namespace tools
