// DeepSets: layers on sets of points.
#pragma once

#include <string>

#include "dense.h"
#include "points.h"

namespace eqnn {

// [x | mean over the points of x, at every point]: [b, n, c] -> [b, n, 2c].
template <class T>
Tensor<T> with_mean(Tensor<T> x);

// x_i' = x_i W_self + mean_j x_j W_mean + b: [b, n, in] -> [b, n, out], all that a linear map which commutes
// with every permutation of the points can be (Zaheer et al. 2017). One weight [W_self ; W_mean]: in a file
// NAME.weight is [out, 2 in], what torch.nn.Linear(2 in, out) takes for cat([x, mean], -1).
template <class T>
class DeepSets {
 public:
  DeepSets(Params<T>& p, const std::string& name, Index in, Index out) : linear_(p, name, 2 * in, out) {}
  Tensor<T> operator()(Tensor<T> x) const { return linear_(with_mean(x)); }

  Param weight() const { return linear_.weight; }
  Param bias() const { return linear_.bias; }

 private:
  Linear<T> linear_;
};

// rho(mean_i phi(x_i)), invariant under permutations of the points: [b, n, in] -> [b, 1, out], phi an Mlp
// in-width-width and rho an Mlp width-width-out. Parameters: NAME.phi, NAME.rho.
template <class T>
class SetReadout {
 public:
  SetReadout(Params<T>& p, const std::string& name, Index in, Index width, Index out,
             Activation f = Activation::relu)
      : phi(p, name + ".phi", {in, width, width}, f), rho(p, name + ".rho", {width, width, out}, f) {}
  Tensor<T> operator()(Tensor<T> x) const { return rho(mean_points(activate(phi(x), phi.activation))); }

  Mlp<T> phi, rho;
};

}  // namespace eqnn
