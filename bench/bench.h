// `eqnn bench`: time per training step beside the same step written by hand, the machine's limit for
// matrix products, and, where Python has them, PyTorch and JAX.
#pragma once

#include <string>
#include <vector>

namespace bench {

struct BenchOptions {
  std::vector<std::string> rows;  // ids of the table in bench/README.md; empty: all but sweep
  std::vector<int> threads;       // thread counts to measure; empty: 1 and one for each core
  bool json = false;              // one JSON document instead of the table
  bool quiet = false;             // no progress on stderr
  bool peers = true;              // PyTorch and JAX, when python3 (or $EQNN_PYTHON) can import them
  bool profile = false;           // instead of all that: where the time of each row's step goes
  std::string scaling;            // instead of all that: cost curves, drawn into this file (.svg, .pdf, .png)
  bool mpi = false;               // instead of all that: a step on 1, 2 and 4 ranks of this machine
  double minutes = 2;             // time for the alternated pairs of all rows; at least 7 pairs are taken
};

// Measures, and prints the result to stdout. Returns the exit code: 0, or 4 when a hand-written step or a
// peer does not compute the engine's loss and gradient. Throws ValueError for an unknown row, listing the known
// ones, for thread counts outside 1..64, and for a time that is not positive.
//
// May replace the process by itself: where OpenBLAS does not know the processor it is started again with
// OPENBLAS_CORETYPE set, so that what the engine is compared with is at its best. Call it first.
int run_bench(const BenchOptions& options);

}  // namespace bench
