// What a family's data cost beside a training step of its default network.
#pragma once

#include <string>
#include <vector>

namespace tools {

// Seconds on one thread, for one batch of the family's default settings.
struct FamilyCost {
  std::string id;
  double step = 0;    // a whole training step, data included
  double inputs = 0;  // sampling the inputs
  double labels = 0;  // targets, and the features that the network reads (canonical forms, invariants)
};

// Every family at its defaults: the medians of 7 alternated measurements.
std::vector<FamilyCost> family_costs();

}  // namespace tools
