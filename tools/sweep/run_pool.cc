#include "sweep/run_pool.h"

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

#include "cli/guard.h"
#include "cli/machine.h"

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

class RunPool {
 public:
  RunPool(const PoolTasks& tasks, int jobs) : tasks_(tasks), jobs_(static_cast<std::size_t>(jobs)) {
    // Signals are taken one by one from the queue below, so that nothing runs inside a handler.
    sigemptyset(&set_);
    for (int number : {SIGCHLD, SIGINT, SIGTERM, SIGUSR1}) sigaddset(&set_, number);
    sigprocmask(SIG_BLOCK, &set_, &before_);
    // Where it was ignored before, children would leave no trace of how they ended.
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, &child_before_);
  }
  ~RunPool() {
    for (const auto& [pid, child] : children_) kill(pid, SIGKILL);  // only when something was thrown
    for (const auto& [pid, child] : children_) {
      waitpid(pid, nullptr, 0);
      close(child.errors);
    }
    sigaction(SIGCHLD, &child_before_, nullptr);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  RunPool(const RunPool&) = delete;
  RunPool& operator=(const RunPool&) = delete;

  int run() {
    ask_machine_aside();
    for (bool more = true; more || !children_.empty();) {
      while (stopped_ == 0 && more && children_.size() < jobs_) {
        if (!waiting_) waiting_ = tasks_.next();
        more = waiting_.has_value();
        if (!more || !start(*waiting_)) break;
        waiting_.reset();
      }
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

  // False: the system gives no process or file now, and others are at work that will give theirs back.
  bool start(std::size_t task) {
    const int errors = memfd_create("stderr", MFD_CLOEXEC);
    std::fflush(nullptr);  // what is buffered would be written twice
    const pid_t parent = getpid(), pid = errors >= 0 ? fork() : -1;
    if (pid == 0) be_child(task, errors, parent);
    if (pid > 0) {
      children_.emplace(pid, Child{task, errors});
      return true;
    }
    const int reason = errno;
    if (errors >= 0) close(errors);
    require<eqnn::FileError>(!children_.empty(), "no process can be started: ", std::strerror(reason),
                             "; give a smaller --jobs");
    return false;
  }

  [[noreturn]] void be_child(std::size_t task, int errors, pid_t parent) const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(kInterrupted);  // it died before that
    sigprocmask(SIG_SETMASK, &before_, nullptr);
    dup2(errors, STDERR_FILENO);
    close(errors);
    for (const auto& [pid, child] : children_) close(child.errors);
    if (const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC); nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
    _exit(guard([&] { return tasks_.work(task); }));
  }

  // One child that ended; false: none has.
  bool reap(int options) {
    int status = 0;
    pid_t pid = 0;
    do pid = waitpid(-1, &status, options);
    while (pid < 0 && errno == EINTR);
    require<eqnn::FileError>(pid >= 0, "children cannot be waited for: ", std::strerror(errno));
    if (pid == 0) return false;
    const auto found = children_.find(pid);
    if (found == children_.end()) return true;  // a child from before the pool
    Ended ended;
    if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
    if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
    ended.error = last_line(found->second.errors);
    ended.stopping = stopped_ != 0;
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
  struct sigaction child_before_ {};
  std::map<pid_t, Child> children_;
  std::optional<std::size_t> waiting_;  // for a place
  int stopped_ = 0;
};

}  // namespace

int run_pool(const PoolTasks& tasks, int jobs) { return RunPool(tasks, jobs).run(); }

}  // namespace tools
