// How much work the runs of a plan are, and from those that are done how long the others will take.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sweep/plan.h"

namespace tools {

// Floating-point operations of the matrix products of all steps that a run is given. Runs that differ in seeds,
// rates and steps alone are of one kind: they need the same work a step. Of learners and other commands nothing is
// known beforehand, and 0 is their work.
class SweepWork {
 public:
  // Builds one network of each kind. What cannot be built has 0: its run will say why.
  explicit SweepWork(const SweepPlan& plan);

  double operations(std::size_t run) const { return operations_[run]; }

  // A run took so long.
  void took(std::size_t run, double seconds);
  // How long a run will take, from those of its kind that are done, or else from all; NaN before any is.
  double seconds(std::size_t run) const;

 private:
  struct Measured {
    double seconds = 0, operations = 0;
    Index runs = 0;

    void add(double s, double o) { seconds += s, operations += o, ++runs; }
    // Of a run of so many operations; by the number of runs where operations are not known.
    double expected(double o) const {
      return o > 0 && operations > 0 ? seconds * (o / operations) : seconds / static_cast<double>(runs);
    }
  };
  std::vector<double> operations_;
  std::vector<int> kinds_;
  std::map<int, Measured> of_kind_;
  Measured all_;
};

}  // namespace tools
