// Proper learning of degree networks is as hard as learning halfspaces by halfspaces: the reduction, both ways.
//
// The class: c(A) = sign(sum_v phi(outdeg_v) - theta) on directed graphs, one message-passing layer, sum readout
// and a threshold, phi any function of the degree. A vector x in {0,1}^m becomes the graph in which node i = 1..m
// has out-degree i if x_i = 1 and 0 otherwise, and so have all nodes beyond m. Then
//   sum_v phi(outdeg_v) - theta = sum_i x_i (phi(i) - phi(0)) - (theta - n phi(0)):
// on these graphs the class is that of the halfspaces sign(w.x - theta), and the most examples that a member of one
// agrees with are the most for the other. For halfspaces that number is NP-hard to find, and to approximate well
// enough to beat a coin: Feldman, Gopalan, Khot, Ponnuswami 2006; Guruswami, Raghavendra 2009.
//
// sign(0) = 1, in both classes. Labels are -1 and 1. Signs and counts are exact for all finite weights up to
// 2^900: sums are taken without rounding. Everything here is free of state; any number of threads may call it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../../core/check.h"

namespace eqnn::hard {

// Examples of a linear class: whole numbers and a label each. For the reduction they are bits.
struct LabelledVectors {
  Index count = 0, width = 0;
  std::vector<std::int32_t> features;  // [count, width]
  std::vector<int> labels;             // [count], -1 or 1

  std::span<const std::int32_t> row(Index e) const {
    return {features.data() + e * width, static_cast<std::size_t>(width)};
  }
};

// Graphs on n nodes: adjacency[e, v, j] = 1 for an edge from v to j.
struct LabelledGraphs {
  Index count = 0, n = 0;
  std::vector<std::uint8_t> adjacency;  // [count, n, n]
  std::vector<int> labels;              // [count], -1 or 1
};

// x -> sign(w.x - theta).
struct Halfspace {
  std::vector<double> w;
  double theta = 0;
};

// A -> sign(sum_v phi[outdeg_v] - theta).
struct DegreeNetwork {
  std::vector<double> phi;  // [n], of degree 0, 1, ..., n - 1
  double theta = 0;
};

// --- Examples

// The graphs of the vectors. Node i's edges lead to the i nodes after it (n is followed by 1), so there are no self
// loops. n = 0 stands for m + 1, the fewest. Throws ValueError for n < m + 1, m < 1, entries that are no bits, and
// more than 2^32 bytes of adjacencies.
LabelledGraphs to_graphs(const LabelledVectors& vectors, Index n = 0);

// The vectors of graphs that to_graphs made: x_i = 1 when a node has degree i, i = 1..m. Throws ValueError unless
// 1 <= m < n, and for graphs that are none of these: two nodes of one degree above 0, or a degree above m.
LabelledVectors to_vectors(const LabelledGraphs& graphs, Index m);

// What degree networks see of a graph: feature d is the number of nodes of out-degree d = 0..n-1, so that a network
// is the halfspace w = phi. Throws ValueError for self loops, entries that are no bits, and sizes that do not fit.
LabelledVectors degree_counts(const LabelledGraphs& graphs);

// --- Classifiers

// phi(i) = w_i for i = 1..m, 0 for the other degrees; the same theta. Exact. Throws ValueError for n < m + 1.
DegreeNetwork to_network(const Halfspace& halfspace, Index n);

// w_i = phi(i) - phi(0) for i = 1..m, and theta - n phi(0), rounded to doubles. `rounding` bounds how far that
// moves the value on any vector of bits: 0 when it is exact (whole numbers whose results stay below 2^53 are).
// Otherwise only vectors whose value is nearer to 0 than that may change sides.
struct RoundedHalfspace {
  Halfspace halfspace;
  double rounding = 0;
};
// Throws ValueError unless phi has n entries and 1 <= m < n, and for values that are not finite or above 2^900.
RoundedHalfspace to_halfspace(const DegreeNetwork& network, Index n, Index m);

// --- Agreement

// 1 when the sum of the terms is at least 0, else -1, without rounding. REQUIRES: finite terms whose sums are
// finite.
int sign_of_sum(std::span<const double> terms);
// sign(w.features - theta). Throws ValueError for different lengths and weights that are not finite or above 2^900.
int classify(const Halfspace& halfspace, std::span<const std::int32_t> features);
// The number of examples whose label is the classifier's.
Index agreements(const Halfspace& halfspace, const LabelledVectors& vectors);
Index agreements(const DegreeNetwork& network, const LabelledGraphs& graphs);

// Do the examples `subset` prove that no halfspace over these features agrees with all of them? True when whole
// numbers l_e > 0 with sum_e l_e y_e = 0 and sum_e l_e y_e f_e = 0 exist and are unique up to a factor (a minimal
// such set: at most width + 2 examples): weights that agreed with all would give 0 < sum_e l_e y_e (w.f_e - theta).
// By elimination in whole numbers; false, which proves nothing, also when they pass 2^63.
bool is_minimal_conflict(const LabelledVectors& vectors, std::span<const Index> subset);

}  // namespace eqnn::hard
