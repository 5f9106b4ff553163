// The `eqnn` command.

#include "cli/guard.h"
#include "commands.h"

int main(int argc, char** argv) {
  tools::prepare_process();
  return tools::guard([&] { return tools::run_command(argc, argv); });
}
