// Every layer of the library with the group that it is symmetric under, ready to be certified.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <eqnn/groups/certify.h>

#include "cli/options.h"
#include "runs/certified_inputs.h"

namespace tools {

// A function, the inputs and the group elements to try it on.
struct Subject {
  eqnn::SampleFunction f;
  std::vector<eqnn::Sample> inputs;
  std::vector<eqnn::GroupElement> elements;
  double tolerance = 0;
  // Of clouds: such at which a frame may be undefined, and f without a look at that.
  std::vector<DegenerateCloud> degenerate = {};
  eqnn::SampleFunction anyway = {};
};

// One line of the table: a layer or model with random parameters. `claims` is false for models that are not
// symmetric and do not say so: they are left out of "all", and fail when they are asked for.
struct Layer {
  std::string name, group, dtype;
  bool claims = true;
  std::function<Subject(const Tries&)> make;
};

// Layers of the library, and models of `eqnn train` by their names there, each in float and double.
std::vector<Layer> certified_layers();

}  // namespace tools
