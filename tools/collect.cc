// `eqnn collect`.

#include "commands.h"

namespace tools {

void add_collect(CLI::App& app, Commands& commands) { add_not_built(app, commands, "collect"); }

}  // namespace tools
