// Errors at the border of the command: one line on stderr, and an exit code.
#pragma once

#include <functional>

namespace tools {

// Runs, and turns what it throws into one line on stderr and an exit code.
int guard(const std::function<int()>& run);

// What every program of ours does first: closed standard streams are opened, a write beyond `ulimit -f` fails as
// one to a full disk does instead of ending the process.
void prepare_process();

}  // namespace tools
