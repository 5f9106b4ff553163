// What MemberOf<Derived> does, for the sources that instantiate it. Not in family.h: a compiler may inline what it
// sees there into sources that do not see Derived's templates.
#pragma once

#include "family.h"

namespace eqnn::hard {

template <class Derived>
void MemberOf<Derived>::sample(const Counter& at, Block<float> x) const {
  derived().inputs_of(at, x);
}
template <class Derived>
void MemberOf<Derived>::sample(const Counter& at, Block<double> x) const {
  derived().inputs_of(at, x);
}
template <class Derived>
void MemberOf<Derived>::targets(Block<const float> x, float* y) const {
  derived().targets_of(x, y);
}
template <class Derived>
void MemberOf<Derived>::targets(Block<const double> x, double* y) const {
  derived().targets_of(x, y);
}
template <class Derived>
void MemberOf<Derived>::controls(Block<const float> x, float* y) const {
  derived().controls_of(x, y);
}
template <class Derived>
void MemberOf<Derived>::controls(Block<const double> x, double* y) const {
  derived().controls_of(x, y);
}

}  // namespace eqnn::hard
