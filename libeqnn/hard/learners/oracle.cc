#include "oracle.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace eqnn::hard {
namespace {

constexpr std::array kKinds = {"csq", "sq"};
constexpr std::array kModes = {"exact", "zero", "shrink", "sampled"};

// The number of `name` in a list of names.
template <class Names>
std::size_t find(const char* what, const char* allowed, const Names& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  require(found != names.end(), what, " is '", name, "'; allowed are ", allowed);
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

Oracle::Oracle(Kind kind, double tau, Answer mode) : kind_(kind), tau_(tau), mode_(mode) {
  require(std::isfinite(tau) && tau > 0, "the oracle's tolerance tau is ", tau, "; it must be finite and above 0");
}

double Oracle::answer(double value, double norm, double label_free) {
  require(!(norm < 0), "a query's norm is ", norm, "; it must not be negative");
  const double told = value - label_free;
  ++log_.queries;
  // Not (|told| > ...): what is not a number is no answer that hides anything.
  if (!(std::abs(told) <= tau_ * norm)) ++log_.above_tau;
  if (norm > 0) log_.largest = std::max(log_.largest, std::abs(told) / norm);
  return label_free + oracle_answer(mode_, tau_, told, norm);
}

// Products in place of the quotient v / |q|: a query of norm 0 has the value 0 and needs no case of its own.
double oracle_answer(Oracle::Answer mode, double tau, double value, double norm) {
  const double tolerance = tau * norm;
  if (mode == Oracle::Answer::exact || mode == Oracle::Answer::sampled) return value;
  if (std::abs(value) <= tolerance) return 0;
  return mode == Oracle::Answer::zero ? value : value - std::copysign(tolerance, value);
}

Oracle::Kind oracle_kind(std::string_view name) {
  return static_cast<Oracle::Kind>(find("the oracle", "csq and sq", kKinds, name));
}
Oracle::Answer oracle_mode(std::string_view name) {
  return static_cast<Oracle::Answer>(find("the oracle's answer", "exact, zero, shrink and sampled", kModes, name));
}
const char* kind_name(Oracle::Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
const char* mode_name(Oracle::Answer mode) { return kModes[static_cast<std::size_t>(mode)]; }

}  // namespace eqnn::hard
