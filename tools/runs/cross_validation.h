// Cross-validation: one run a fold, and what they say together.
#pragma once

#include "runs/training_run.h"

namespace tools {

// Trains the network of `c` once for each of its folds, in `out`/fold-0, fold-1, ..., each on one thread and as
// many at a time as there are threads, and writes `out`/result.json: the means over the folds, and the accuracy at
// the evaluation where the mean over the folds is best (the protocol of the GIN benchmark: Xu et al. 2019) with its
// standard deviation over the folds. A run that was interrupted goes on with options.resume. Returns and throws as
// run_training.
int run_folds(const TrainConfig& c, const Examples& examples, const RunOptions& options, const Common& common);

}  // namespace tools
