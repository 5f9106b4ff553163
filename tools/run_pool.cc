#include "run_pool.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>

#include "commands.h"

namespace tools {
namespace {

// The last line in a file of stderr.
std::string last_line(int file) {
  char buffer[4096];
  const off_t size = lseek(file, 0, SEEK_END), from = std::max<off_t>(0, size - static_cast<off_t>(sizeof buffer));
  const ssize_t got = pread(file, buffer, sizeof buffer, from);
  std::string text(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (const auto line = text.rfind('\n'); line != std::string::npos) text.erase(0, line + 1);
  constexpr std::string_view prefix = "eqnn: error: ";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

class Pool {
 public:
  Pool(const PoolTasks& tasks, int jobs) : tasks_(tasks), jobs_(static_cast<std::size_t>(jobs)) {
    // Signals are taken one by one from the queue below, so that nothing runs inside a handler.
    sigemptyset(&set_);
    for (int number : {SIGCHLD, SIGINT, SIGTERM, SIGUSR1}) sigaddset(&set_, number);
    sigprocmask(SIG_BLOCK, &set_, &before_);
  }
  ~Pool() {
    for (const auto& [pid, child] : children_) kill(pid, SIGKILL);
    while (!children_.empty()) reap(0);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int run() {
    std::size_t next = 0;
    while (next < tasks_.count || !children_.empty()) {
      while (stopped_ == 0 && next < tasks_.count && children_.size() < jobs_) start(next++);
      if (children_.empty()) break;
      const timespec pause{0, 200'000'000};
      const int number = sigtimedwait(&set_, nullptr, &pause);
      if (number == SIGINT || number == SIGTERM || number == SIGUSR1) stop(number);
      while (!children_.empty() && reap(WNOHANG)) {
      }
      if (tasks_.waiting) tasks_.waiting();
    }
    return stopped_;
  }

 private:
  struct Child {
    std::size_t task;
    int errors;  // a file in memory
  };

  void start(std::size_t task) {
    const int errors = memfd_create("stderr", MFD_CLOEXEC);
    require<eqnn::FileError>(errors >= 0, "no file in memory can be made: ", std::strerror(errno));
    std::fflush(nullptr);  // what is buffered would be written twice
    const pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
      const int reason = errno;
      close(errors);
      throw eqnn::FileError(concat("no process can be made: ", std::strerror(reason), "; give a smaller --jobs"));
    }
    if (pid == 0) be_child(task, errors, parent);
    children_.emplace(pid, Child{task, errors});
  }

  [[noreturn]] void be_child(std::size_t task, int errors, pid_t parent) const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(kInterrupted);  // it died before that
    sigprocmask(SIG_SETMASK, &before_, nullptr);
    dup2(errors, STDERR_FILENO);
    if (const int nowhere = open("/dev/null", O_WRONLY); nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
    _exit(guard([&] { return tasks_.work(task); }));
  }

  // One child that ended; false: none has.
  bool reap(int options) {
    int status = 0;
    pid_t pid = 0;
    do pid = waitpid(-1, &status, options);
    while (pid < 0 && errno == EINTR);
    if (pid < 0) children_.clear();  // somebody else waited for them
    const auto found = children_.find(pid);
    if (found == children_.end()) return false;
    Ended ended;
    if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
    if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
    ended.error = last_line(found->second.errors);
    const std::size_t task = found->second.task;
    close(found->second.errors);
    children_.erase(found);
    tasks_.ended(task, ended);
    return true;
  }

  void stop(int number) {
    if (stopped_ == 0) stopped_ = number;
    for (const auto& [pid, child] : children_) kill(pid, SIGTERM);
  }

  const PoolTasks& tasks_;
  const std::size_t jobs_;
  sigset_t set_{}, before_{};
  std::map<pid_t, Child> children_;
  int stopped_ = 0;
};

}  // namespace

int run_pool(const PoolTasks& tasks, int jobs) { return Pool(tasks, jobs).run(); }

}  // namespace tools
