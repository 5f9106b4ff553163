#include "cli/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <eqnn/core/check.h>

extern char** environ;

namespace tools {
namespace {

// A file in memory that has no name: unlike a pipe it needs nobody at its other end while the program runs.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("eqnn", MFD_CLOEXEC)) {
    eqnn::require<eqnn::FileError>(descriptor_ >= 0, "a file in memory cannot be made: ", std::strerror(errno));
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }
  void write(const std::string& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = ::write(descriptor_, bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      eqnn::require<eqnn::FileError>(n > 0, "a file in memory cannot be written: ", std::strerror(errno));
      done += static_cast<std::size_t>(n);
    }
    lseek(descriptor_, 0, SEEK_SET);
  }
  std::string read() const {
    std::string bytes;
    std::array<char, 65536> part{};
    for (off_t at = 0;;) {
      const ssize_t n = pread(descriptor_, part.data(), part.size(), at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return bytes;
      bytes.append(part.data(), static_cast<std::size_t>(n));
      at += n;
    }
  }

 private:
  int descriptor_;
};

// What posix_spawn does with the streams of the new program.
class StreamActions {
 public:
  StreamActions() { posix_spawn_file_actions_init(&actions_); }
  ~StreamActions() { posix_spawn_file_actions_destroy(&actions_); }
  StreamActions(const StreamActions&) = delete;
  StreamActions& operator=(const StreamActions&) = delete;

  void connect(int stream, const MemoryFile& file) {
    posix_spawn_file_actions_adddup2(&actions_, file.descriptor(), stream);
  }
  void drop(int stream) { posix_spawn_file_actions_addopen(&actions_, stream, "/dev/null", O_WRONLY, 0); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

}  // namespace

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

ProcessResult Process::run() const {
  StreamActions actions;
  std::optional<MemoryFile> in, out, err;
  if (input) {
    in.emplace().write(*input);
    actions.connect(STDIN_FILENO, *in);
  }
  const auto connect = [&](Stream how, int stream, std::optional<MemoryFile>& file) {
    if (how == Stream::captured) actions.connect(stream, file.emplace());
    if (how == Stream::dropped) actions.drop(stream);
  };
  connect(output, STDOUT_FILENO, out);
  connect(errors, STDERR_FILENO, err);
  std::vector<std::string> argument_words = words, variables = environment.value_or(std::vector<std::string>{});
  const std::vector<char*> arguments = pointers(argument_words), named = pointers(variables);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], actions.get(), nullptr, arguments.data(),
                                  environment ? named.data() : environ);
  ProcessResult result;
  if (failed != 0) {
    result.code = 127;  // as shells have it
    result.start_error = std::strerror(failed);
    return result;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (out) result.output = out->read();
  if (err) result.errors = err->read();
  return result;
}

std::vector<std::string> environment_without(std::initializer_list<const char*> prefixes) {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::none_of(prefixes.begin(), prefixes.end(),
                     [&](const char* prefix) { return std::string_view(*variable).starts_with(prefix); }))
      kept.emplace_back(*variable);
  return kept;
}

void become(const std::string& path, std::vector<std::string> words) {
  execv(path.c_str(), pointers(words).data());
  throw eqnn::FileError(eqnn::concat(path, ": cannot be started: ", std::strerror(errno)));
}

}  // namespace tools
