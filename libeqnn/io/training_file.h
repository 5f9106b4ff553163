// All that training goes on from, in one file: docs/training-control.md, docs/formats.md.
#pragma once

#include <map>
#include <string>

#include "../core/trainer.h"
#include "safetensors.h"

namespace eqnn {

// Parameters and moments as arrays, model.NAME and optimizer.MOMENT.NAME, in the layouts of parameter_arrays().
template <class T>
std::vector<NamedArray> training_arrays(Trainer<T>& trainer);
// The inverse, for the Trainer's optimiser as it is. Throws FileError, and then nothing is changed, where one is
// missing or does not fit, or the file has others under these prefixes.
template <class T>
void load_training_arrays(Trainer<T>& trainer, const SafeTensors& file);

// Numbers of the caller's that are to come back with the rest: the best loss so far, what a plateau waited.
using TrainingNumbers = std::map<std::string, double>;

// Parameters, moments, steps done and since the last restart, optimiser with its settings (the rate as it is now),
// schedule, seed, the other options that decide bits, and `numbers`. The same state gives the same bytes. Replaces
// the file whole (write_atomically). Throws FileError, and ValueError while accumulated gradients wait. Of ranks
// one saves.
template <class T>
void save_training(const std::string& path, Trainer<T>& trainer, const TrainingNumbers& numbers = {});

// Puts it back into a Trainer of the same model; then training goes on in the same bits. Returns the numbers.
// Optimiser settings, the rate among them, and the schedule's numbers become those of the file; a custom schedule
// is not in it and stays this Trainer's. The kinds of optimiser and schedule, and batch, shard, row_block,
// clip_norm, seed, strict, groups and float or double must be the same here as there. Throws FileError where they
// are not, for another model, version or format, and a damaged file; ValueError while accumulated gradients wait.
// Then nothing is changed.
template <class T>
TrainingNumbers load_training(const std::string& path, Trainer<T>& trainer);

}  // namespace eqnn
