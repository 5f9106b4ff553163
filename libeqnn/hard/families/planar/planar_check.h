// Checks that the three families of planar.h share. Internal.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../../../core/program.h"
#include "planar.h"

namespace eqnn::hard {

// Random inputs of a member's law. Each check has a step of its own, so that no two share randomness.
struct PlanarInputs {
  const PlanarMember& f;
  CheckOptions options;
  std::uint64_t step = 0;

  // options.samples, or fewer where one value costs much.
  Index count() const;
  std::string how() const;
  // Calls visit(first, block) over all inputs, some at a time.
  void visit(const std::function<void(Index first, const Block<double>& x)>& visit_block) const;
};
MatrixView<const double> input_of(const Block<double>& x, Index e);

// Throws ValueError for samples < 1, members < 1.
void require_samples(const CheckOptions& options);
void require_members(Index members);

// A realising network with its weights set: how it is recorded, and how its inputs are filled.
struct PlantedNetwork {
  const Params<double>& params;
  std::function<Tensor<double>(Program<double>&)> record;
  std::function<void(Workspace<double>&, const Block<double>& x)> fill;
};
// Largest |network - definition| / (1 + |definition|), of the target or of the control.
Check check_network(const PlanarInputs& inputs, Signs signs, const PlantedNetwork& network);

// Largest |g(move(x)) - sign f(x)| / (1 + |f(x)|); `move` writes the moved input of number i. g is mostly f itself.
Check check_equal(const PlanarInputs& inputs, const std::string& name, const PlanarMember& g, double sign,
                  const std::function<void(Index i, MatrixView<const double> x, MatrixView<double> moved)>& move);
void unmoved(Index, MatrixView<const double> x, MatrixView<double> moved);
// B R, R the rotation of the plane by `angle`.
Matrix<double> rotated_plane(const Matrix<double>& b, double angle);

// Means and variances of target and control, batch values against the definition, kernels against closed forms.
void check_statistics(const PlanarInputs& inputs, std::vector<Check>& checks);

// The whole Gram matrix of the members on random inputs: against `formula`, or, with `bound`, against an upper
// limit for its absolute values off the diagonal.
std::vector<Check> check_gram(const std::vector<const PlanarMember*>& members, const CheckOptions& options,
                              bool bound, const std::function<double(std::size_t, std::size_t)>& formula);

}  // namespace eqnn::hard
