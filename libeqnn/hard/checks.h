// What the checks of all families are made of: random inputs, errors over them, a network beside the definition
// that it realises, statistics of targets and controls, and tolerances. A family's own file says what is special
// about it. Internal.
#pragma once

#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "../core/function_ref.h"
#include "../core/params.h"
#include "../core/program.h"
#include "family.h"

namespace eqnn::hard {

// Throw ValueError for fewer than one.
void require_samples(const CheckOptions& options);
void require_members(Index members);

// --- tolerances

// Standard errors that a mean over random inputs may be off; and those that give the same certainty for the largest
// of `count` deviations, kErrors + sqrt(2 log count).
inline constexpr double kErrors = 5;
double errors_of_largest(double count);
// Half width of an interval for the mean of `samples` values of this variance, none further than `range` from their
// mean: so many standard errors, and Bernstein's term, which rare values need.
double bernstein_width(double variance, double range, double samples, double errors = kErrors);

// |value - expected| / (1 + |expected|).
inline double relative_error(double value, double expected) {
  return std::abs(value - expected) / (1 + std::abs(expected));
}

// Of many comparisons with a formula, the one that is furthest off relative to its tolerance: the first of equals.
class Worst {
 public:
  void compare(double measured, double expected, double tolerance);
  Check check(std::string name, std::string how) const;

 private:
  double ratio_ = -1, value_ = 0, expected_ = 0, tolerance_ = 0;
};

// --- inputs

// The inputs that a check looks at.
struct CheckInputs {
  // `options.samples` random ones. Each check of a member has a step of its own, so that no two share randomness.
  CheckInputs(const Member& f, const CheckOptions& check_options, std::uint64_t check_step);

  const Member& member;
  CheckOptions options;
  std::uint64_t step;
  Index count;                    // of inputs
  Index at_once;                  // in a block
  bool all = false;               // those of Member::list_inputs, `count` of them, in place of random ones
  const char* plural = "inputs";  // in how()
  std::function<void(Index number, MatrixView<double> x)> change = {};  // of each input, once it is drawn; or empty

  // "10000 random inputs, seed 0", or "exhaustive, 4096 graphs".
  std::string how() const;
  // Calls visit_block(first, x) for all inputs, some at a time; rows are dense.
  void visit(FunctionRef<void(Index first, const Block<double>& x)> visit_block) const;
};

inline MatrixView<double> input_of(const Block<double>& x, Index e) {
  return {x.row(e), x.points, x.channels, x.stride};
}
inline Block<const double> read_only(const Block<double>& x) {
  return {x.data, x.examples, x.points, x.channels, x.stride};
}

// Calls visit(number, x) for every input; x may be changed.
template <class Visit>
void for_each_input(const CheckInputs& inputs, const Visit& visit) {
  inputs.visit([&](Index first, const Block<double>& x) {
    for (Index e = 0; e < x.examples; ++e) visit(first + e, input_of(x, e));
  });
}

// The largest error(number, x), or the first that is not a number; and the sum of them.
template <class Error>
double largest_error(const CheckInputs& inputs, const Error& error) {
  double largest = 0;
  for_each_input(inputs, [&](Index number, MatrixView<double> x) {
    if (const double e = error(number, x); !(e <= largest) && !std::isnan(largest)) largest = e;
  });
  return largest;
}
template <class Error>
double sum_of_errors(const CheckInputs& inputs, const Error& error) {
  double sum = 0;
  for_each_input(inputs, [&](Index number, MatrixView<double> x) { sum += error(number, x); });
  return sum;
}

// --- permutations, as images: i goes to p[i]

using Images = std::vector<Index>;
Images identity_images(Index n);
Images rotated(Images p, Index by);      // p[by], p[by + 1], ...
Images transposition(Index n);           // (0 1); REQUIRES: n >= 2
Images shuffled(Images p, Draws draws);  // Fisher and Yates
// The words from which an input's group element is drawn: Counter{seed, Stream::check, step, number}.
Draws draws_of(const CheckInputs& inputs, std::uint64_t step, Index number);

// --- networks

// A realising network with its weights set: how it is recorded, with its one output as result, and how its inputs
// are filled.
struct PlantedNetwork {
  const Params<double>& params;
  std::function<Tensor<double>(Program<double>& program)> record;
  std::function<void(Workspace<double>& workspace, const Block<double>& x)> fill;
};
// Copies the examples into the network's input of that name.
void fill_input(Workspace<double>& workspace, const std::string& name, const Block<double>& x);
// The largest relative_error(network's output, definition(x)).
double network_error(const CheckInputs& inputs, const PlantedNetwork& network,
                     FunctionRef<double(MatrixView<const double> x)> definition);

// --- statistics

// Mean of numbers and its standard error.
struct Moments {
  double count = 0, sum = 0, squares = 0;

  void add(double v) {
    ++count;
    sum += v;
    squares += v * v;
  }
  double mean() const { return sum / count; }
  double error() const { return std::sqrt(std::max(0.0, squares / count - mean() * mean()) / count); }
};

// Of the values of Member::targets and Member::controls in double, and of their squares.
struct Statistics {
  Moments target, target_squared, control, control_squared;
};
// Calls visit(number, x, target, control) for every input.
Statistics statistics_of(
    const CheckInputs& inputs,
    FunctionRef<void(Index number, MatrixView<const double> x, double target, double control)> visit =
        [](Index, MatrixView<const double>, double, double) {});
// The target of one input in float.
double target_in_float(const Member& member, MatrixView<const double> x);

}  // namespace eqnn::hard
