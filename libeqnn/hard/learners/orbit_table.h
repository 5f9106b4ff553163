// A table of labels by orbit, for random functions of orbits (boolean_orbit.h).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "../families/boolean_orbit/boolean_orbit.h"

namespace eqnn::hard {

// Remembers every orbit that it has seen, and answers with the majority of its labels (two values) or their mean;
// for orbits not seen with the best constant, the mean of all labels. Nothing learns these functions better: the
// labels of different orbits are independent.
class OrbitTable {
 public:
  OrbitTable(const OrbitLaw& law, bool majority) : law_(law), majority_(majority) {}
  // Inputs [b, n, 1] (adjacency: [b, m, m]) of 0 and 1, one target each. Throws ValueError for other entries.
  void add(Block<const double> x, std::span<const double> y);
  void values(Block<const double> x, double* y) const;
  Index seen() const { return static_cast<Index>(orbits_.size()); }
  // Good and Turing's estimate of the mass of the orbits not seen: those seen once, over the samples.
  double unseen_mass() const;

 private:
  using Words = std::vector<std::uint64_t>;
  struct Hash {
    std::size_t operator()(const Words& words) const;
  };
  struct Cell {
    double sum = 0;
    Index count = 0;
  };
  Words representative(const Block<const double>& x, Index e) const;

  OrbitLaw law_;
  bool majority_;
  std::unordered_map<Words, Cell, Hash> orbits_;
  double sum_ = 0;
  Index samples_ = 0;
};

}  // namespace eqnn::hard
