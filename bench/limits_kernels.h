// The loops of Limits, compiled for every vector target and chosen when they run.
#pragma once

#include <cstddef>

namespace bench {

// `rounds` rounds of independent fused multiply-adds; returns their number of floating-point operations. `sink`
// takes a value that depends on all of them.
double multiply_add_registers(long rounds, float* sink);
// a = b + s c on n elements, a multiple of 64 and aligned; a is not read.
void triad_pass(std::size_t n, float s, const float* b, const float* c, float* a);

}  // namespace bench
