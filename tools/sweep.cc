// `eqnn sweep`.

#include "commands.h"

namespace tools {

void add_sweep(CLI::App& app, Commands& commands) { add_not_built(app, commands, "sweep"); }

}  // namespace tools
