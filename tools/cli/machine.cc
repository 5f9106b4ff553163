#include "cli/machine.h"

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
std::string machine_json() { return to_text(machine()); }

}  // namespace tools
