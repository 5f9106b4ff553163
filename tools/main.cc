// The `eqnn` command.

#include "cli/guard.h"
#include "commands.h"
#include "ranks/ranks.h"

int main(int argc, char** argv) {
  tools::prepare_process();
  const int code = tools::guard([&] {
    tools::check_shared(argc > 1 ? argv[1] : "");
    return tools::run_command(argc, argv);
  });
  tools::end_ranks(code);
  return code;
}
