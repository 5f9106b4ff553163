#include "cli/machine.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include <eqnn/core/check.h>
#include <eqnn/kernels/blas.h>
#include <eqnn/kernels/kernels.h>

#include "cli/json.h"
#include "module_folder.h"
#include "version.h"

namespace tools {
namespace {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

Json machine() {
  const eqnn::BlasInfo blas = eqnn::blas_info();
  return {{"host", host_name()},
          {"cpu", cpu_name()},
          {"cores", std::thread::hardware_concurrency()},
          {"target", eqnn::kernels::target_name()},
          {"blas", blas.config},
          {"blas_core", blas.core},
          {"blas_up_to_date", blas.up_to_date}};
}

}  // namespace

std::string version_text() { return eqnn::concat(EQNN_VERSION, " (", EQNN_REVISION, ")"); }
std::string mpi_version() { return EQNN_MPI_VERSION; }

namespace {

std::string& known_machine() {
  static std::string text;
  return text;
}

}  // namespace

std::string machine_json() {
  std::string& text = known_machine();
  if (text.empty()) text = to_text(machine());
  return text;
}

void ask_machine_aside() {
  int ends[2];
  if (!known_machine().empty() || pipe2(ends, O_CLOEXEC) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = machine_json();
    _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char part[4096];
  for (ssize_t size = 0; child > 0 && (size = read(ends[0], part, sizeof part)) > 0;)
    text.append(part, static_cast<std::size_t>(size));
  close(ends[0]);
  int status = 1;
  if (child > 0 && waitpid(child, &status, 0) == child && status == 0) known_machine() = text;
}

}  // namespace tools
