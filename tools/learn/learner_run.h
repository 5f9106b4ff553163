// One run of a learner: from a resolved configuration to its result.
#pragma once

#include <string>

#include "learn/learner.h"

namespace tools {

struct LearnOptions {
  std::string out;  // run directory; empty: none
  bool force = false;
  std::string expect;  // "", "learned" or "fails"
};

// The configuration as JSON text: run.json's "config".
std::string learn_config_json(const LearnConfig& c);
std::string learn_run_id(const LearnConfig& c);

// Learns, tests, prints the result as `common` says, and writes the run directory. Returns an exit code: done, or
// answered no (expect). Throws ValueError for a directory that exists and for what a learner refuses; nothing is
// left then.
int run_learner(const LearnConfig& c, const eqnn::hard::Member& member, const LearnOptions& options,
                const Common& common);

}  // namespace tools
