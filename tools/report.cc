// `eqnn report`.

#include "commands.h"

namespace tools {

void add_report(CLI::App& app, Commands& commands) { add_not_built(app, commands, "report"); }

}  // namespace tools
