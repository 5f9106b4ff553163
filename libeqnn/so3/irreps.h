// Types of steerable features, and the products that lead from one to another.
#pragma once

#include <string>
#include <vector>

#include "../core/check.h"

namespace eqnn {

// The channels of each degree, from degree 0 on: {8, 4} are 8 scalars and 4 vectors, {0, 1} is one vector.
using Irreps = std::vector<Index>;

// Degrees of a feature, of the harmonics that it is multiplied by, and of the product.
struct TensorPath {
  Index in = 0, filter = 0, out = 0;
};

// 0 for degrees that are not there.
inline Index channels_of(const Irreps& irreps, Index degree) {
  return degree < static_cast<Index>(irreps.size()) ? irreps[static_cast<std::size_t>(degree)] : 0;
}
// The sum of c (2l + 1).
Index dimension(const Irreps& irreps);
// "8x0 + 4x1", as e3nn writes them, without parities.
std::string to_string(const Irreps& irreps);
// All paths from degrees of `in`, times harmonics of degrees 0 .. filter, to degree `out`: |in - filter| <= out <=
// in + filter, in the order of (in, filter).
std::vector<TensorPath> paths_to(const Irreps& in, Index filter, Index out);
// The channels that these paths have together, for each degree of `out`. Throws ValueError, with `name`, where none
// leads to a degree that `out` has, and as check_irreps does.
Irreps product_channels(const std::string& name, const Irreps& in, Index filter, const Irreps& out);
// Throws ValueError, with `name`, unless there are channels, none negative, and no degree is above kMaxDegree.
void check_irreps(const std::string& name, const Irreps& irreps);

// What a gate to `out` reads: one more scalar for each channel of a higher degree. Throws ValueError, with `name`,
// unless out[0] >= 1, and as check_irreps does.
Irreps gated(const std::string& name, const Irreps& out);

}  // namespace eqnn
