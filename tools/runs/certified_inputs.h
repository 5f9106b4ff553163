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

// n points in d <= n dimensions with X^T X = n I: all singular values are equal, the axes those of space. For n > d
// the mean of the points is 0.
eqnn::Array orthogonal_columns(Index n, Index d, eqnn::Draws& draws);

// A cloud at which a frame is in doubt, and what is special about it.
struct DegenerateCloud {
  std::string name;
  eqnn::Sample sample;
};
// Of n points in d = 2 or 3 dimensions, n >= d: equal singular values, points on a line through the origin,
// coincident points, all points in the origin; and in a random orientation.
std::vector<DegenerateCloud> degenerate_clouds(const std::string& part, Index n, Index d, std::uint64_t seed);

// How many random elements of groups are tried that are not gone through, and their seed.
struct Tries {
  std::uint64_t seed = 0;
  Index random = 20;
};

// Whether the value of a layer stays where its points move, or moves with them.
enum class Output : std::uint8_t { invariant, moves };

// Elements of the group (all up to 1000, or 20 random ones and generators) acting on the rows of every part, and on
// rows and columns of "adjacency" and "edges".
std::vector<eqnn::GroupElement> permutations(const eqnn::PermutationGroup& group, Output output,
                                             std::uint64_t seed);

// Quarter and half turns of a part, points in d = 2 or 3 dimensions, and random rotations of Haar's measure; where
// the group has them mirrors of a third of these, and a translation with each. `output_translates`: none where the
// value stays, else whether it moves as positions do or as vectors.
std::vector<eqnn::GroupElement> point_motions(eqnn::PointGroup group, Index d, const Tries& tries,
                                              std::optional<bool> output_translates, const std::string& part = "x");
// "SO(3)", "E(2)".
std::string group_name(eqnn::PointGroup group, Index d);

}  // namespace tools
