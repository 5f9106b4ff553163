// How the command ends where nothing can be caught any more.
#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>

#include "cli/guard.h"
#include "cli/options.h"

namespace test_guard {

namespace {

template <class Error>
struct Throws {
  ~Throws() noexcept { fail(); }
  static void fail() { throw Error(); }
};

struct Broken : std::logic_error {
  Broken() : std::logic_error("broken") {}
};

// What a process leaves that is guarded and has a destructor throw: its stderr, and how it ended.
template <class Error>
std::pair<std::string, int> ended() {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    dup2(ends[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);  // not to the test program's handler
    tools::prepare_process();
    _exit(tools::guard([] {
      const Throws<Error> at_the_end;
      return 0;
    }));
  }
  close(ends[1]);
  std::string said;
  char buffer[256];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  return {said, status};
}

}  // namespace

TEST_CASE("guard: memory that ends in a destructor is told in one line") {
  const auto [said, status] = ended<std::bad_alloc>();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == tools::kUsage);
  CHECK(said.starts_with("eqnn: error: not enough memory"));
  CHECK(said.find('\n') == said.size() - 1);
}

TEST_CASE("guard: any other error there is a crash, as before") {
  const int status = ended<Broken>().second;
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

}  // namespace test_guard
