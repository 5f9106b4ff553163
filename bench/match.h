// The engine against PyTorch and JAX on one row, each at its best number of threads.
#pragma once

#include <string>
#include <vector>

#include "peers.h"

namespace bench {

// One peer as the screening saw it: one short block after its warm-up.
struct Screened {
  std::string variant;
  int threads = 1;
  double seconds = 0;  // a step; 0: it cannot run, and `why` says so
  std::string version, why;
};

struct Match {
  std::string id;
  std::vector<Screened> screened;
  // The faster of the engine's numbers of threads, the fastest peer; medians over blocks that alternate.
  int engine_threads = 1, peer_threads = 1;
  double engine_seconds = 0, peer_seconds = 0;
  std::string peer, version;  // empty: none can run
  double ratio = 0;           // median over the pairs of the peer's time a step over the engine's
  std::size_t pairs = 0;
};

// Every variant computes what the engine does before it is timed, or CheckFailed is thrown; a short block of each
// finds the best of each number of threads; these alternate with the engine on each number of threads.
Match match_row(const Peers& peers, const Row& row, const std::vector<int>& threads, double budget);

}  // namespace bench
