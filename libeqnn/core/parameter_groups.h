// Parameters by name that learn at a rate, or decay by a weight, of their own; or stay as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "params.h"

namespace eqnn {

// The parameters whose name is `pattern`, in which * stands for any characters, dots too, or none: "head.*",
// "*.bias", "layers.0.weight". A parameter that several groups match is of the last of these: put the rule first,
// and its exceptions behind. One that none matches has factors 1.
struct ParameterGroup {
  std::string pattern;
  // Of the step's rate. 0: frozen. No step changes a bit of the parameter or of its moments, whatever momentum and
  // weight decay are, and its gradient is no part of the norm that clipping takes. It is still computed.
  double rate = 1;
  double decay = 1;  // of the optimiser's weight decay
};

// Whether the whole name is of the pattern, as above.
bool matches_pattern(std::string_view name, std::string_view pattern);

// Elements [first, last) of the flat vector and the factors of all of them.
struct UpdatePart {
  Index first, last;
  double rate, decay;
};

// The flat vector of `size` elements in parts, in order and as few as there can be. Throws ValueError for a factor
// that is negative or not finite, a group that matches no parameter, and one whose parameters are all of later
// ones.
std::vector<UpdatePart> update_parts(const std::vector<ParamInfo>& parameters, Index size,
                                     const std::vector<ParameterGroup>& groups);

}  // namespace eqnn
