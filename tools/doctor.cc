// `eqnn doctor`: what this build runs on, and what it chose.

#include <algorithm>
#include <fstream>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <tbb/version.h>
#include <zlib.h>

#include <eqnn/gemm.h>

#include "commands.h"
#include "version.h"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

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

int doctor(const Common& common) {
  Json j = machine();
  j["version"] = version_text();
  j["targets"] = eqnn::kernels::target_names();
  j["threads"] = common.thread_count();
  j["tbb"] = fmt::format("{}.{}", TBB_VERSION_MAJOR, TBB_VERSION_MINOR);
  j["zlib"] = zlibVersion();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  j["open_files_limit"] = files.rlim_cur;
  j["memory_bytes"] = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  if (common.json) {
    fmt::print("{}\n", j.dump());
    return kDone;
  }
  for (const auto& [key, value] : j.items())
    fmt::print("{:<18} {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  if (!j["blas_up_to_date"].get<bool>())
    fmt::print(
        "note: OpenBLAS does not know this processor and runs kernels for {}; eqnn then uses its own kernels for\n"
        "      products of every size. OPENBLAS_CORETYPE in the environment (Haswell, SkylakeX) makes OpenBLAS "
        "faster.\n",
        j["blas_core"].get<std::string>());
  return kDone;
}

}  // namespace

std::string version_text() { return concat(EQNN_VERSION, " (", EQNN_REVISION, ")"); }
std::string machine_json() { return machine().dump(); }

void add_doctor(CLI::App& app, Commands& commands) {
  commands.push_back(
      {app.add_subcommand("doctor", "processor, SIMD targets, BLAS, threads, versions, limits"), doctor});
}

}  // namespace tools
