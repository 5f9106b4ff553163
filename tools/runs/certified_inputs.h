// What layers and models are certified on: random inputs and such with ties, and elements of their groups.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <eqnn/groups/certify.h>
#include <eqnn/groups/permutation_group.h>
#include <eqnn/nn/point_frames.h>

#include "cli/options.h"

namespace tools {

// How a sample enters a program.
struct Part {
  std::string name;
  Index rows = 1, cols = 1;
};

// Six samples of these parts: random ones, and such with ties. An "adjacency" is a graph, without loops but one.
std::vector<eqnn::Sample> certified_samples(const std::vector<Part>& parts, std::uint64_t seed);

// Whether the value of a layer stays where its points move, or moves with them.
enum class Output : std::uint8_t { invariant, moves };

// Elements of the group (all up to 1000, or 20 random ones and generators) acting on the rows of every part, and on
// rows and columns of "adjacency" and "edges".
std::vector<eqnn::GroupElement> permutations(const eqnn::PermutationGroup& group, Output output,
                                             std::uint64_t seed);

// Rotations of the part "x", points in d = 2 or 3 dimensions, and where the group has them mirrors and
// translations. `output_translates`: none where the value stays, else whether it moves as positions do or as
// vectors.
std::vector<eqnn::GroupElement> point_motions(eqnn::PointGroup group, Index d, std::uint64_t seed,
                                              std::optional<bool> output_translates);

}  // namespace tools
