// How much work the runs of a plan are, and from those that are done how long the others will take.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sweep/plan.h"

namespace tools {

// Runs that differ in seeds alone are of one point: they stop at about the same step. Runs that differ in seeds,
// rates and steps alone are of one kind: they need the same work a step. Of learners and other commands nothing is
// known beforehand, and 0 is their work.
class SweepWork {
 public:
  // Builds one network of each kind. What cannot be built has 0: its run will say why.
  explicit SweepWork(const SweepPlan& plan);

  // Floating-point operations of the matrix products of all steps that a run is given.
  double operations(std::size_t run) const { return operations_[run]; }

  // A run took so long.
  void took(std::size_t run, double seconds);
  // Trains and tests a network of each kind of these runs for a moment, on one thread; the kinds with most work
  // first, and no further one after `budget` seconds. seconds() is then that of all steps, where no run of the kind
  // is done. Returns how many of the runs it knows nothing of: learners, runs through an oracle, and what cannot be
  // built.
  std::size_t measure(const std::vector<std::size_t>& runs, double budget);
  bool knows() const { return all_.runs > 0; }
  // How long a run will take: as those of its point that are done, or else of its kind, or else all; NaN where
  // knows() is false.
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
  const SweepPlan& plan_;
  std::vector<double> operations_;
  std::vector<int> kinds_;
  std::map<std::size_t, Measured> of_point_;
  std::map<int, Measured> of_kind_;
  Measured all_;
};

// Seconds until the last of these ends: so many are at work and take so much longer, the others wait in their order
// for one of `places`.
double seconds_until_done(std::vector<double> at_work, const std::vector<double>& waiting, std::size_t places);

}  // namespace tools
