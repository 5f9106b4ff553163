// Input laws that families share. Example e of a block is a pure function of (at.seed, at.stream, at.step,
// at.example + e).
#pragma once

#include "../core/matrix.h"
#include "../core/rng.h"

namespace eqnn::hard {

// iid standard normal entries: number i of kernels::normals is entry i of the example, point after point. In double
// the same numbers as in float.
void sample_normals(const Counter& at, Block<float> x);
void sample_normals(const Counter& at, Block<double> x);

}  // namespace eqnn::hard
