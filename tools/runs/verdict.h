// What a run amounts to: the keys of its evaluation, its verdict in one word, and whether that was expected.
#pragma once

#include <optional>
#include <string>

#include "cli/json_fwd.h"
#include "train/config.h"
#include "train/evaluation.h"

namespace tools {

// The first that holds of diverged, learned, memorised, cannot-fit, partly-learned, undecided, from normalised
// losses. None where a loss that it needs is no number, as of targets that are all the same.
std::optional<std::string> verdict(const TrainConfig& c, bool diverged, double train, double test);

// The keys of an evaluation on test examples; what is not defined is null.
struct Shown {
  bool accuracy = false;  // predictions are right or wrong
  bool entropy = false;   // the targets are classes under cross entropy
};
Json evaluation_json(const Evaluation& e, Shown shown);
Json thresholds_json(const TrainConfig& c);

// The lines of a result that say how well it did. `kind` of samples: "fresh", "held-out".
void print_outcome(const Json& result, const std::string& kind);

// --expect learned or fails, empty: nothing. The exit code, and a line on stderr where it is not met. A run that
// diverged, or whose loss is no number, has not failed to learn.
int check_expectation(const Json& result, const std::string& expect, double fails_from);

}  // namespace tools
