// `eqnn learn`.

#include "commands.h"

namespace tools {

void add_learn(CLI::App& app, Commands& commands) { add_not_built(app, commands, "learn"); }

}  // namespace tools
