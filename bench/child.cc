#include "child.h"

#include <eqnn/core/check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "cli/process.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Child::Child(std::vector<std::string> words, std::vector<std::string> environment) {
  // A socket, not pipes: writing to one whose other end is gone can be told not to raise a signal.
  std::array<int, 2> ends{};
  eqnn::require<eqnn::FileError>(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0,
                                 "a socket cannot be made: ", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const int failed = posix_spawnp(&process_, words[0].c_str(), &actions, nullptr, tools::pointers(words).data(),
                                  tools::pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) close(ends[0]);
  eqnn::require<eqnn::FileError>(failed == 0, words[0], " cannot be started: ", std::strerror(failed));
  stream_ = ends[0];
}

Child::~Child() {
  shutdown(stream_, SHUT_WR);
  close(stream_);
  for (int tries = 0; tries < 200; ++tries) {
    if (waitpid(process_, nullptr, WNOHANG) != 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

void Child::say(const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = send(stream_, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    done += static_cast<std::size_t>(n);
  }
}

std::optional<std::string> Child::hear(double seconds) {
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  for (std::size_t line = 0; (line = heard_.find('\n')) == std::string::npos;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd ready{stream_, POLLIN, 0};
    const int found = left > 0 ? poll(&ready, 1, static_cast<int>(left)) : 0;
    if (found < 0 && errno == EINTR) continue;
    if (found <= 0) return std::nullopt;
    std::array<char, 4096> part{};
    const ssize_t n = read(stream_, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    heard_.append(part.data(), static_cast<std::size_t>(n));
  }
  const std::size_t line = heard_.find('\n');
  const std::string first = heard_.substr(0, line);
  heard_.erase(0, line + 1);
  return first;
}

}  // namespace bench
