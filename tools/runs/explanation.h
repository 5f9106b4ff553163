// Whether the lower bounds of its family explain why a run did not learn.
#pragma once

#include <cstdint>
#include <string>

#include "cli/json_fwd.h"
#include "train/config.h"

namespace tools {

// What a run asked of its target, through whose gradients it saw it.
struct Asked {
  double queries = 0;         // steps x parameters: each coordinate of each gradient is one
  Index batch = 0;            // examples of one gradient
  std::uint64_t samples = 0;  // different examples of the whole run
  bool again = false;         // of which some were trained on more than once
};

// {"asked", "batch_tau", "batch_queries", "batch_bound", "run_tau", .., "explains"}: the largest lower bound for
// members as they are drawn and queries of unit norm (eqnn::hard::strongest_bounds) at tau = 1 / sqrt(batch) and at
// 1 / sqrt(samples), which is what the run as a whole could tell apart; `explains` where the latter asks for more
// queries than were asked. Of a run through an oracle "oracle_tau", .. stand in the place of both, at its tau:
// there the bound is a theorem, else a comparison. Through `sq` too, whose queries are correlational for the
// squared error, the only loss that it takes, and whose tolerance is wider. Where the family's bounds are not about
// the run, as its queries are not correlational or its target is no drawn member, "no_bound" says why. Null for a
// file.
Json explanation_json(const TrainConfig& c, const Asked& asked);

// The line of a result's last block; empty where it has no explanation.
std::string explanation_text(const Json& explanation);

}  // namespace tools
