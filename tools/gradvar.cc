// `eqnn gradvar`.

#include "commands.h"

namespace tools {

void add_gradvar(CLI::App& app, Commands& commands) { add_not_built(app, commands, "gradvar"); }

}  // namespace tools
