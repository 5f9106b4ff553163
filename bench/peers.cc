#include "peers.h"

#include <eqnn/kernels/blas.h>
#include <eqnn/kernels/kernels.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <fstream>
#include <string_view>
#include <vector>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/process.h"

namespace bench {
namespace {

// The JSON object that a program prints; an empty one when it prints none.
Json printed_by(const std::vector<std::string>& words) {
  const Json result = parse_json_if(tools::Process{.words = words}.run().output);
  return result.is_object() ? result : Json::object();
}

}  // namespace

std::filesystem::path bench_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "../bench";
}

void restart_with_best_blas() {
  if (blas_info().up_to_date || std::getenv("EQNN_BENCH_RESTARTED")) return;
  const char* core = std::string_view(kernels::target_name()).starts_with("AVX3") ? "SkylakeX" : "Haswell";
  tools::note(
      "eqnn: OpenBLAS does not know this processor and runs kernels for '{}'; starting again with "
      "OPENBLAS_CORETYPE={}, so that the yardstick is at its best\n",
      blas_info().core, core);
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  setenv("OPENBLAS_CORETYPE", core, 1);
  setenv("EQNN_BENCH_RESTARTED", "1", 1);
  try {
    tools::become("/proc/self/exe", words);
  } catch (const FileError&) {
    tools::note("eqnn: starting again failed; going on with slower OpenBLAS kernels\n");
  }
}

Peers::Peers() {
  const char *python = std::getenv("EQNN_PYTHON"), *script = std::getenv("EQNN_BENCH_PEERS");
  python_ = python ? python : "python3";
  script_ = script ? script : (bench_folder() / "peers.py").string();
  using Stream = tools::Process::Stream;
  const tools::Process probe{
      .words = {python_, "-c", "import torch"}, .output = Stream::dropped, .errors = Stream::dropped};
  if (!std::filesystem::exists(script_))
    missing = "bench/peers.py is not beside this build (EQNN_BENCH_PEERS names it)";
  else if (!probe.run().succeeded())
    missing = python_ + " cannot import torch (EQNN_PYTHON names another interpreter)";
}

Json Peers::run(const Row& r) const {
  return printed_by({python_, script_, "--model", model_name(r.model), "--n", concat(r.n), "--width",
                     concat(r.width), "--batch", concat(r.batch), "--layers", concat(r.layers), "--edges",
                     concat(r.edges)});
}

Json Peers::run_sweep(int runs, int steps, int workers) const {
  const std::string script = (std::filesystem::path(script_).parent_path() / "peers_sweep.py").string();
  return printed_by(
      {python_, script, "--runs", concat(runs), "--steps", concat(steps), "--workers", concat(workers)});
}

}  // namespace bench
