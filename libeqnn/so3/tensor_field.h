// Layers on steerable features: linear maps, gates, products with harmonics, and tensor field networks.
//
// A feature of several degrees is a list, one value for each degree from 0 on, and an empty Tensor for a degree
// that is not there. Its type is Irreps.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "../nn/dense.h"
#include "../nn/elementwise.h"
#include "../nn/points.h"
#include "irreps.h"
#include "steerable.h"

namespace eqnn {

// Features of several degrees: element l is that of degree l, [b, n (2l + 1), c], or empty.
template <class T>
using Steerable = std::vector<Tensor<T>>;

namespace detail {
template <class T>
Tensor<T> part_of(const Steerable<T>& x, Index degree) {
  return degree < static_cast<Index>(x.size()) ? x[static_cast<std::size_t>(degree)] : Tensor<T>{};
}
}  // namespace detail

// A linear map of the channels of each degree, the same for all its components; degree 0 with a bias. Degrees that
// `in` or `out` lacks are left out. Equivariant under SO(3), and O(3) where degrees have one parity. Parameters:
// NAME.l.weight, NAME.0.bias.
template <class T>
class SteerableLinear {
 public:
  SteerableLinear(Params<T>& p, const std::string& name, const Irreps& in, const Irreps& out,
                  bool with_bias = true) {
    check_irreps(name, in);
    check_irreps(name, out);
    for (std::size_t l = 0; l < out.size(); ++l)
      if (const Index c = channels_of(in, static_cast<Index>(l)); c > 0 && out[l] > 0)
        maps.emplace_back(static_cast<Index>(l),
                          Linear<T>(p, name + "." + std::to_string(l), c, out[l], with_bias && l == 0));
  }
  Steerable<T> operator()(const Steerable<T>& x) const {
    Steerable<T> y;
    for (const auto& [degree, map] : maps) {
      y.resize(static_cast<std::size_t>(degree) + 1);
      y.back() = map(detail::part_of(x, degree));
    }
    return y;
  }

  std::vector<std::pair<Index, Linear<T>>> maps;
};

// The fully connected product of a feature with harmonics y of degrees 0 .. filter, [b, n, (filter + 1)^2]: every
// path to a degree of `out`, and a linear map (without bias) of all their channels. As e3nn's
// FullyConnectedTensorProduct with second irreps 1x0 + 1x1 + .., whose weights w of a path are these times sqrt(fan
// in). Paths are in the order of their degrees (in, filter). Parameters: NAME.l.weight. Throws ValueError for a
// degree of `out` that no path leads to.
template <class T>
class TensorProduct {
 public:
  TensorProduct(Params<T>& p, const std::string& name, const Irreps& in, Index filter, const Irreps& out)
      : mix(p, name, product_channels(name, in, filter, out), out, false), in_(in), out_(out), filter_(filter) {}
  Steerable<T> operator()(const Steerable<T>& x, Tensor<T> y) const {
    Steerable<T> z(out_.size());
    for (std::size_t l = 0; l < out_.size(); ++l) {
      std::vector<Tensor<T>> list;
      for (const TensorPath& path : paths_to(in_, filter_, static_cast<Index>(l)))
        if (out_[l] > 0) list.push_back(tensor_product(detail::part_of(x, path.in), y, {}, path));
      if (!list.empty()) z[l] = join_channels(list);
    }
    return mix(z);
  }
  SteerableLinear<T> mix;

 private:
  Irreps in_, out_;
  Index filter_;
};

// x of the channels of gated(name, out): silu(x) = x sigmoid(x) of the first out[0] scalars, and each channel of a
// higher degree times the sigmoid of a scalar of its own; so lengths change, and directions do not.
template <class T>
Steerable<T> gate(const Steerable<T>& x, const Irreps& out) {
  Steerable<T> y(out.size());
  Index first = out[0];
  Tensor<T> one;
  for (std::size_t l = 1; l < out.size(); ++l) {
    const Index degree = static_cast<Index>(l);
    if (out[l] == 0) continue;
    // Times the harmonic of degree 0, which is 1, and weights.
    if (!one) one = constant(x[0].program(), {x[0].shape().examples, x[0].shape().points, 1}, 1.0);
    y[l] = tensor_product(x[l], one, sigmoid(slice_channels(x[0], first, out[l])), {degree, 0, degree});
    first += out[l];
  }
  const Tensor<T> scalars = first == out[0] ? x[0] : slice_channels(x[0], 0, out[0]);
  y[0] = mul(scalars, sigmoid(scalars));
  return y;
}

// What the layers of a tensor field network know of the pairs of a cloud: harmonics [b, n n, (filter + 1)^2] of
// x_j - x_i, softened by a twentieth of the cutoff, so that they are smooth where points meet; and the radial
// basis.
struct TensorFieldOptions {
  Index filter = 2;   // the highest degree of the harmonics
  Index basis = 8;    // functions of the distance
  Index radial = 16;  // width of the radial networks
  double cutoff = 5;  // the distance from which on points are no neighbours
};
template <class T>
struct PairGeometry {
  Tensor<T> harmonics, basis;
  Index points = 1;  // of the cloud
};
template <class T>
PairGeometry<T> pair_geometry(Tensor<T> x, const TensorFieldOptions& o = {}) {
  const Tensor<T> v = pair_vectors(x);
  return {spherical_harmonics(v, o.filter, HarmonicScale::component, o.cutoff / 20),
          radial_basis(v, o.basis, o.cutoff), x.shape().points};
}

// A layer of a tensor field network (Thomas et al. 2018) with gates (Weiler et al. 2018):
//   m_i = (n - 1)^(-1/2) sum_{j != i} R_path(|x_j - x_i|) (h_j times Y(x_j - x_i))_path, for every path,
//   h'_i = gate(mix(m_i) + self(h_i)),
// R_path, a number for each channel of the path, a linear map of silu(basis W): without biases, so that messages
// vanish smoothly at the cutoff. Equivariant under rotations and permutations of the points, and invariant under
// translations; not under reflections: it tells mirror images apart. Smooth everywhere. Time grows as n^2.
// Parameters: NAME.radial.weight, NAME.paths.IN-FILTER-OUT.weight, NAME.mix.l.weight and .bias, NAME.self.l.weight.
// Throws ValueError for out[0] = 0, or a degree of `out` that no path leads to.
template <class T>
class TensorFieldLayer {
 public:
  TensorFieldLayer(Params<T>& p, const std::string& name, const Irreps& in, const Irreps& out,
                   const TensorFieldOptions& o)
      : radial(p, name + ".radial", o.basis, o.radial, false),
        mix(p, name + ".mix", product_channels(name, in, o.filter, out), gated(name, out)),
        self(p, name + ".self", in, gated(name, out), false),
        out_(out) {
    for (std::size_t l = 0; l < out.size(); ++l)
      for (const TensorPath& t : paths_to(in, o.filter, static_cast<Index>(l)))
        if (out[l] > 0)
          paths.emplace_back(t, Linear<T>(p, concat(name, ".paths.", t.in, "-", t.filter, "-", t.out), o.radial,
                                          channels_of(in, t.in), false));
  }
  Steerable<T> operator()(const Steerable<T>& h, const PairGeometry<T>& pairs) const {
    const Tensor<T> z = radial(pairs.basis), r = mul(z, sigmoid(z));
    const double others = static_cast<double>(std::max<Index>(1, pairs.points - 1));
    std::vector<std::vector<Tensor<T>>> messages(out_.size());
    for (const auto& [path, weights] : paths)
      messages[static_cast<std::size_t>(path.out)].push_back(tensor_convolution(
          detail::part_of(h, path.in), pairs.harmonics, weights(r), path, 1 / std::sqrt(others)));
    Steerable<T> m(out_.size());
    for (std::size_t l = 0; l < m.size(); ++l)
      if (!messages[l].empty()) m[l] = join_channels(messages[l]);
    Steerable<T> y = mix(m);
    const Steerable<T> own = self(h);
    for (std::size_t l = 0; l < own.size(); ++l)
      if (own[l]) y[l] = add(y[l], own[l]);
    return gate(y, out_);
  }

  Linear<T> radial;
  std::vector<std::pair<TensorPath, Linear<T>>> paths;
  SteerableLinear<T> mix, self;

 private:
  Irreps out_;
};

}  // namespace eqnn
