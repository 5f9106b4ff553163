// Probabilities of sets of degree classes, in long double. Internal.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "../../../core/check.h"

namespace eqnn::hard {

// Throws ValueError unless 2 <= n <= kMaxNodes.
void require_nodes(Index n);

void require_edge_probability(double q);  // in kLeastEdgeProbability..1 - kLeastEdgeProbability

// S as one flag a class. Throws ValueError for entries outside 1..L or repeated.
std::vector<std::uint8_t> class_flags(std::span<const Index> classes, Index levels);

// p_1, ..., p_L: exact up to L = 64 for fair edges; else each within a relative 1e-15, and those below 1e-4900 are
// 0. Throws ValueError for an edge probability that is not allowed.
std::vector<long double> long_probabilities(Index n, bool self_loops, double edge_probability);

// p_S and 1 - p_S, each summed from its own classes so that the smaller one keeps its digits.
struct ClassSplit {
  long double inside = 0, outside = 0;
  double share() const { return static_cast<double>(std::min(inside, outside)); }
};
ClassSplit class_split(const std::vector<long double>& p, const std::vector<std::uint8_t>& flags);

// (1 - 2 p_S)^n.
long double signed_power(const ClassSplit& s, Index n);

// (1 - 2 share)^n rounds to 1.
inline bool constant_label(double share, Index n) { return share <= 0x1p-55 / static_cast<double>(n); }

}  // namespace eqnn::hard
