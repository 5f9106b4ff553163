// Checks that the three families of planar.h share. Internal.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "../../checks.h"
#include "planar.h"

namespace eqnn::hard {

// Random inputs: options.samples of them, or fewer where one value costs much.
CheckInputs planar_inputs(const PlanarMember& f, const CheckOptions& options, std::uint64_t step);

// The network against the definition, of the target or of the control.
Check check_network(const PlanarMember& f, const CheckInputs& inputs, Signs signs, const PlantedNetwork& network);

// Writes the moved input of number i.
using PlanarMove = std::function<void(Index i, MatrixView<const double> x, MatrixView<double> moved)>;
void unmoved(Index, MatrixView<const double> x, MatrixView<double> moved);
// Largest |g(move(x)) - sign f(x)| / (1 + |f(x)|), f the member of `inputs`. g is mostly f itself.
Check check_equal(const CheckInputs& inputs, const std::string& name, const PlanarMember& g, double sign,
                  const PlanarMove& move);
// B R, R the rotation of the plane by `angle`.
Matrix<double> rotated_plane(const Matrix<double>& b, double angle);

// Means and variances of target and control, batch values against the definition, kernels against closed forms.
void check_statistics(const PlanarMember& f, const CheckInputs& inputs, std::vector<Check>& checks);

// The whole Gram matrix of the members on random inputs: against `formula`, or, with `bound`, against an upper
// limit for its absolute values off the diagonal.
Check check_gram(const std::vector<const PlanarMember*>& members, const CheckOptions& options, bool bound,
                 const std::function<double(Index, Index)>& formula);

// check_gram of the members draw(options.seed), draw(options.seed + 1), ... and formula(f, g).
template <class Draw, class Formula>
std::vector<Check> check_drawn(Index members, const CheckOptions& options, bool bound, const Draw& draw,
                               const Formula& formula) {
  require_members(members);
  require_samples(options);
  const auto drawn = draw_members(members, options.seed, draw);
  std::vector<const PlanarMember*> pointers;
  for (const auto& f : drawn) pointers.push_back(&f);
  return {check_gram(pointers, options, bound, [&](Index i, Index j) { return formula(drawn[i], drawn[j]); })};
}

}  // namespace eqnn::hard
