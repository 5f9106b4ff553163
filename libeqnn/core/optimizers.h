// Optimisers: how a step changes the parameters. Each is a struct that holds its settings, what they may be, the
// vectors that it keeps from step to step (moments), and its update. To add one, write such a struct, its functions
// in optimizers.cc, and put it into `Optimizer`; everything else, the command included, works from that list.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "matrix.h"

namespace eqnn {

// The elements that one call of an update works on: [first, first + size) of the parameters, of their gradient and
// of every moment. Both numbers are whole lines.
template <class T>
struct UpdateRange {
  Index first, size;
  T* all_parameters;
  const T* all_gradient;
  std::span<AlignedBuffer<T>> moments;

  T* parameters() const { return all_parameters + first; }
  const T* gradient() const { return all_gradient + first; }
  T* moment(int k) const { return moments[k].data() + first; }
};

// What an update needs to know of its step.
struct UpdateStep {
  std::uint64_t step = 0;     // updates that were made before
  double rate_factor = 1;     // of the schedule, times that of the parameter's group
  double gradient_scale = 1;  // of clipping; g below is the scaled gradient
  double decay_factor = 1;    // of the parameter's group
};

// In the formulas p is a parameter, g its gradient, r the rate of the step (rate times the factors of schedule and
// group), weight_decay that of the optimiser times the group's factor, and t = 1, 2, .. the step. All moments are
// zero before the first. A parameter to which no gradient arrives, as the loss does not read it, is updated with
// g = 0: weight decay acts on it as on any other. What must not move is frozen (ParameterGroup).
//
// An optimiser O has
//   name                  by which `make_optimizer` and the command know it
//   settings(o, each)     calls each("name", o.name) for each setting, a double or a bool; `rate` is one of them
//   check()               throws ValueError, with the value, for a setting that is out of range
//   moments()             the names of its moments
//   update(step, range)   the new parameters and moments, element by element; it may run on many ranges at a time

// g += weight_decay p; without momentum p -= r g, with it b = momentum b + g (b = g at the first step) and
// p -= r b, or p -= r (g + momentum b) with nesterov. The formulas of torch.optim.SGD.
struct Sgd {
  static constexpr std::string_view name = "sgd";
  double rate = 1e-2, momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;

  template <class O, class Each>
  static void settings(O& o, const Each& each) {
    each("rate", o.rate);
    each("momentum", o.momentum);
    each("nesterov", o.nesterov);
    each("weight_decay", o.weight_decay);
  }
  void check() const;
  std::vector<std::string> moments() const;  // "momentum", where it is above 0
  template <class T>
  void update(const UpdateStep& step, const UpdateRange<T>& range) const;
};

// g += weight_decay p; m = beta1 m + (1-beta1) g; v = beta2 v + (1-beta2) g^2;
// p -= r / (1-beta1^t) m / (sqrt(v) / sqrt(1-beta2^t) + epsilon).  Kingma and Ba 2015; torch.optim.Adam.
struct Adam {
  static constexpr std::string_view name = "adam";
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;

  template <class O, class Each>
  static void settings(O& o, const Each& each) {
    each("rate", o.rate);
    each("beta1", o.beta1);
    each("beta2", o.beta2);
    each("epsilon", o.epsilon);
    each("weight_decay", o.weight_decay);
  }
  void check() const;
  std::vector<std::string> moments() const;  // "m", "v"
  template <class T>
  void update(const UpdateStep& step, const UpdateRange<T>& range) const;
};

// p *= 1 - r weight_decay, then Adam without decay. Loshchilov and Hutter 2019; torch.optim.AdamW.
struct AdamW {
  static constexpr std::string_view name = "adamw";
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 1e-2;

  template <class O, class Each>
  static void settings(O& o, const Each& each) {
    Adam::settings(o, each);
  }
  void check() const;
  std::vector<std::string> moments() const;  // "m", "v"
  template <class T>
  void update(const UpdateStep& step, const UpdateRange<T>& range) const;
};

// p -= r sign(g + weight_decay p), sign(0) = 0.  Bernstein et al. 2018.
struct SignSgd {
  static constexpr std::string_view name = "sign-sgd";
  double rate = 1e-3, weight_decay = 0;

  template <class O, class Each>
  static void settings(O& o, const Each& each) {
    each("rate", o.rate);
    each("weight_decay", o.weight_decay);
  }
  void check() const;
  std::vector<std::string> moments() const;  // none
  template <class T>
  void update(const UpdateStep& step, const UpdateRange<T>& range) const;
};

// One of the optimisers, with its settings.
using Optimizer = std::variant<Sgd, Adam, AdamW, SignSgd>;

// By name, for a command or a file. `optimizer_names` has all, in the order of Optimizer, and `optimizer_settings`
// the settings of one. A setting's value is its number, of a bool 0 or 1; make_optimizer leaves those that are not
// given as they are by default, and does not check ranges (a Trainer does). Both throw ValueError, with the nearest
// name, for an optimiser or a setting that is not there, and for a bool that is neither 0 nor 1.
std::vector<std::string> optimizer_names();
std::vector<std::string> optimizer_settings(std::string_view name);
Optimizer make_optimizer(std::string_view name, const std::vector<std::pair<std::string, double>>& settings = {});

// The functions of whichever optimiser `o` holds.
void check_optimizer(const Optimizer& o);
double optimizer_rate(const Optimizer& o);
std::vector<std::string> optimizer_moments(const Optimizer& o);
template <class T>
void optimizer_update(const Optimizer& o, const UpdateStep& step, const UpdateRange<T>& range);

}  // namespace eqnn
