// Parts of a set of examples in which the classes are as frequent as in all of it. Pure functions of classes, sizes
// and seed: the same on every machine. With equal classes these are plain shuffled parts (for real targets).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "../core/check.h"

namespace eqnn {

// The fold of each example, 0 .. folds - 1: the examples of each class in turn, shuffled by (seed, Stream::order),
// are dealt to the folds one by one, each class beginning where the last one ended. Sizes of folds differ by one at
// most, and so do those of a class within the folds.
// Throws ValueError for folds < 2, a negative class, and a class with fewer examples than folds.
std::vector<int> stratified_folds(const std::vector<std::int32_t>& classes, int folds, std::uint64_t seed);

// The same for what is set apart of a training set, in an order of its own and without a least size of a class: the
// part of each example, 0 .. parts - 1.
std::vector<int> stratified_parts(const std::vector<std::int32_t>& classes, int parts, std::uint64_t seed);

// How much of a set is for what. Not below 0, and 1 together.
struct Fractions {
  double train = 0.8, validation = 0.1, test = 0.1;
};

// The part of each example, 0 training, 1 validation, 2 test: the examples of each class in turn, shuffled in an
// order of their own, each to the part that then lacks most of its fraction. Sizes of parts are those of the
// fractions but for less than one example, and those of a class within them but for less than two. Throws
// ValueError for fractions that are negative, not finite, or not 1 together (to 1e-9), and a negative class.
std::vector<int> stratified_split(const std::vector<std::int32_t>& classes, const Fractions& fractions,
                                  std::uint64_t seed);

}  // namespace eqnn
