// What a run amounts to, in one word.
#pragma once

#include <string>

#include "train/config.h"

namespace tools {

// The first that holds of diverged, learned, memorised, cannot-fit, partly-learned, undecided, from normalised
// losses.
std::string verdict(const TrainConfig& c, bool diverged, double train, double test);

}  // namespace tools
