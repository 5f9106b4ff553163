// Many runs at a time, each in a process of its own: what crashes takes nothing else with it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "cli/options.h"

namespace tools {

// How a process ended. `error`: the last line that it wrote to stderr, without "eqnn: error: ". `stopping`: after
// the pool was told to end.
struct Ended {
  int code = 0, signal = 0;
  std::string error;
  bool stopping = false;
};

struct PoolTasks {
  // The next to do; none when there is none left. Not asked again after that.
  std::function<std::optional<std::size_t>()> next;
  std::function<int(std::size_t)> work;                  // in the child; its exit code. Errors become one
  std::function<void(std::size_t, const Ended&)> ended;  // in the parent, as they end
  std::function<void()> waiting = {};                    // in the parent, five times a second or more
};

// Runs work(i) for each i that next() gives, in children of this process, `jobs` at a time. Children are forked, so
// the caller must not have started threads that hold locks; they die with the parent, whatever ends it; their
// stdout goes nowhere. At SIGINT, SIGTERM or SIGUSR1 no more are started, those at work get SIGTERM and are waited
// for. Returns that signal's number, or 0. Throws FileError when the system gives no process.
int run_pool(const PoolTasks& tasks, int jobs);

}  // namespace tools
