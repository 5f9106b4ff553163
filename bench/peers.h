// Processes that `eqnn bench` starts: itself, with better OpenBLAS kernels, and bench/peers.py.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/json.h"
#include "rows.h"

namespace bench {

// Where a build tree has the parts of the benchmark that are not installed.
std::filesystem::path bench_folder();

// Starts the process again where OpenBLAS does not know the processor: it chooses its kernels when it is loaded.
void restart_with_best_blas();

// What bench/peers.py prints for a row, by framework.
class Peers {
 public:
  // Python is $EQNN_PYTHON or python3. Where it cannot import torch, or the script is not beside this build (and
  // $EQNN_BENCH_PEERS does not name it), `missing` says so.
  Peers();
  bool found() const { return missing.empty(); }
  // An empty object when the script fails.
  tools::Json run(const Row& row) const;
  // What bench/peers_sweep.py, beside it, prints for as many small runs in a pool of processes.
  tools::Json run_sweep(int runs, int steps, int workers) const;

  std::string missing;

 private:
  std::string python_, script_;
};

}  // namespace bench
