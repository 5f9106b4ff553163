// `eqnn reduce`.

#include "commands.h"

namespace tools {

void add_reduce(CLI::App& app, Commands& commands) { add_not_built(app, commands, "reduce"); }

}  // namespace tools
