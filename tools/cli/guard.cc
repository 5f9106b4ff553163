#include "cli/guard.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <system_error>

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

}  // namespace

void prepare_process() {
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
