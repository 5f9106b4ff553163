// `eqnn plot`.

#include "commands.h"

namespace tools {

void add_plot(CLI::App& app, Commands& commands) { add_not_built(app, commands, "plot"); }

}  // namespace tools
