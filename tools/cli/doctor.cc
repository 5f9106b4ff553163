// `eqnn doctor`: what this build runs on, and what it chose.

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/core.h>
#include <tbb/version.h>
#include <zlib.h>

#include <eqnn/kernels/blas.h>

#include "cli/json.h"
#include "cli/machine.h"
#include "commands.h"

namespace tools {
namespace {

int doctor(const Common& common) {
  Json j = parse_json(machine_json());
  j["version"] = version_text();
  j["targets"] = eqnn::kernels::target_names();
  j["threads"] = common.thread_count();
  j["tbb"] = fmt::format("{}.{}", TBB_VERSION_MAJOR, TBB_VERSION_MINOR);
  j["zlib"] = zlibVersion();
  j["mpi"] = mpi_version().empty() ? "none: built without it" : mpi_version();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  j["open_files_limit"] = files.rlim_cur;
  j["memory_bytes"] = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  if (common.json) {
    fmt::print("{}\n", to_text(j));
    return kDone;
  }
  for (const auto& [key, value] : j.items())
    fmt::print("{:<18} {}\n", key, value.is_string() ? value.get<std::string>() : to_text(value));
  if (!j["blas_up_to_date"].get<bool>())
    fmt::print(
        "note: OpenBLAS does not know this processor and runs kernels for {}; eqnn then uses its own kernels for\n"
        "      products of every size. OPENBLAS_CORETYPE in the environment (Haswell, SkylakeX) makes OpenBLAS "
        "faster.\n",
        j["blas_core"].get<std::string>());
  return kDone;
}

}  // namespace

void add_doctor(CommandLine& line) {
  Subcommand sub = line.add("doctor", "processor, SIMD targets, BLAS, threads, versions, limits", "This machine");
  sub.uses("--threads", "the threads that a command would take");
  sub.runs(doctor);
}

}  // namespace tools
