// The growth of the samples to learn along the sizes of a slice.
#pragma once

#include "figures/slices.h"
#include "results/growth.h"

namespace tools {

// Target or control, each size at the best of its grid points (a choice that favours learning). The laws of the
// target have the family's effective number of functions, 1 / lambda of its second moment, where one is known at
// every size, and n^p with the power at which that grows. No laws along what is no size.
Growth growth_of(const FrontierSlice& slice, bool control);

}  // namespace tools
