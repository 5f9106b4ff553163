#include "cli/guard.h"

#include <cxxabi.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>
#include <typeinfo>

#include <eqnn/core/check.h>

#include "cli/note.h"
#include "cli/options.h"

namespace tools {

namespace {

constexpr const char* kNoOutput = "standard output cannot be written; free some space or choose another place";
constexpr const char* kNoMemory =
    "not enough memory for this; make --width, --batch, --count, --test-samples or --threads smaller";

int report(int code, const char* kind, const char* what) {
  std::fflush(stdout);
  note("eqnn: error: {}{}\n", kind, one_line(what));
  return code;
}

// A stream that was closed (2>&-) would lend its number to the next file, and messages would land in there.
// Opened for reading, it fails every write as a closed one does.
void open_streams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) std::abort();
}

std::terminate_handler g_terminate_before = nullptr;

iovec part(const char* text) { return {const_cast<char*>(text), std::strlen(text)}; }

// Where memory ends while an error is under way, nothing can be caught: the destructor of a JSON value asks for
// memory too, and a message is put together in some. It is told without any.
[[noreturn]] void end_without_memory() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr || *type != typeid(std::bad_alloc)) {
    g_terminate_before();
    std::abort();
  }
  iovec parts[] = {part("eqnn: error: "), part(kNoMemory), part("\n")};
  const ssize_t told = writev(STDERR_FILENO, parts, 3);
  static_cast<void>(told);  // whether anybody listens or not
  _exit(kUsage);
}

}  // namespace

void prepare_process() {
  g_terminate_before = std::set_terminate(end_without_memory);
  // OpenBLAS reads it when it is loaded: a thread more would take 128 MiB of address space, and is never used here.
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  open_streams();
  std::signal(SIGXFSZ, SIG_IGN);
}

int guard(const std::function<int()>& run) {
  try {
    const int code = run();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return report(kFile, "", kNoOutput);
    return code;
  } catch (const SaidElsewhere&) {
    return kDone;
  } catch (const NotBuiltError& e) {
    return report(kNotBuilt, "", e.what());
  } catch (const eqnn::FileError& e) {
    return report(kFile, "", e.what());
  } catch (const eqnn::Error& e) {
    return report(kUsage, "", e.what());
  } catch (const std::bad_alloc&) {
    return report(kUsage, "", kNoMemory);
  } catch (const std::length_error&) {
    return report(kUsage, "", kNoMemory);
  } catch (const std::system_error& e) {  // of fmt::print, when a full buffer could not be written
    return report(kFile, "", std::ferror(stdout) != 0 ? kNoOutput : e.what());
  } catch (const std::exception& e) {
    return report(kInternal, "internal error, please report it with the command: ", e.what());
  }
}

}  // namespace tools
