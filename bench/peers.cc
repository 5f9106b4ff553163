#include "peers.h"

#include <eqnn/kernels/blas.h>
#include <eqnn/kernels/kernels.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <vector>

#include "cli/json.h"

namespace bench {
namespace {

std::string shell_quoted(const std::string& s) {
  std::string quoted = "'";
  for (char c : s) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The JSON object that a command prints; an empty one when it prints none.
Json printed_by(const std::string& command) {
  const auto nothing = Json::object();
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return nothing;
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), size);
  pclose(pipe);
  auto result = parse_json_if(text);
  return result.is_object() ? result : nothing;
}

}  // namespace

std::filesystem::path bench_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "../bench";
}

void restart_with_best_blas() {
  if (blas_info().up_to_date || std::getenv("EQNN_BENCH_RESTARTED")) return;
  const char* core = std::string_view(kernels::target_name()).starts_with("AVX3") ? "SkylakeX" : "Haswell";
  fmt::print(stderr,
             "eqnn: OpenBLAS does not know this processor and runs kernels for '{}'; starting again with "
             "OPENBLAS_CORETYPE={}, so that the yardstick is at its best\n",
             blas_info().core, core);
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  setenv("OPENBLAS_CORETYPE", core, 1);
  setenv("EQNN_BENCH_RESTARTED", "1", 1);
  execv("/proc/self/exe", arguments.data());
  fmt::print(stderr, "eqnn: starting again failed; going on with slower OpenBLAS kernels\n");
}

Peers::Peers() {
  const char *python = std::getenv("EQNN_PYTHON"), *script = std::getenv("EQNN_BENCH_PEERS");
  python_ = python ? python : "python3";
  script_ = script ? script : (bench_folder() / "peers.py").string();
  const std::string probe = shell_quoted(python_) + " -c 'import torch' >/dev/null 2>&1";
  if (!std::filesystem::exists(script_))
    missing = "bench/peers.py is not beside this build (EQNN_BENCH_PEERS names it)";
  else if (std::system(probe.c_str()) != 0)
    missing = python_ + " cannot import torch (EQNN_PYTHON names another interpreter)";
}

Json Peers::run(const Row& r) const {
  return printed_by(fmt::format("{} {} --model {} --n {} --width {} --batch {} --layers {} --edges {}",
                                shell_quoted(python_), shell_quoted(script_), model_name(r.model), r.n, r.width,
                                r.batch, r.layers, r.edges));
}

Json Peers::run_sweep(int runs, int steps, int workers) const {
  const std::string script = (std::filesystem::path(script_).parent_path() / "peers_sweep.py").string();
  return printed_by(fmt::format("{} {} --runs {} --steps {} --workers {}", shell_quoted(python_),
                                shell_quoted(script), runs, steps, workers));
}

}  // namespace bench
