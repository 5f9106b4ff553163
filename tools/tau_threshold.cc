// `eqnn tau-threshold`.

#include "commands.h"

namespace tools {

void add_tau_threshold(CLI::App& app, Commands& commands) { add_not_built(app, commands, "tau-threshold"); }

}  // namespace tools
