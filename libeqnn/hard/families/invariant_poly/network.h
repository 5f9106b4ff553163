// An invariant polynomial of degree up to 4 as the network that is trained on the family.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "../../../core/params.h"
#include "../../../nn/poly_network.h"
#include "invariant_poly.h"

namespace eqnn::hard {

// f on its features z (P_1 of the generators), [b, 1, r] -> [b, 1, 1], as a PolyNetwork of width
// realising_units(f.terms()).width(). A monomial is its coefficient, times leading coefficients, times one affine
// function l for each zero of each P_s:
//   degree 1  l, in the last layer        degree 3  a first unit l l', a second one (l l') l''
//   degree 2  a first unit l l'           degree 4  two first units, and a second one, their product
// Parameters: those of PolyNetwork under NAME. Throws ValueError for a member of degree above 4.
template <class T>
struct InvariantPolyNetwork {
  InvariantPolyNetwork(Params<T>& p, const InvariantPoly& f, const std::string& name = "realising")
      : law(f.law()),
        terms(f.terms()),
        width(realising_units(f.terms()).width()),
        network(p, name, f.inputs().r, width) {}

  // Writes all of the network's weights.
  void set_weights(Params<T>& p) const;
  Tensor<T> operator()(Tensor<T> z) const { return network(z); }

  Law law;
  std::vector<PolynomialTerm> terms;
  Index width;
  PolyNetwork<T> network;
};

namespace detail {

// slope * z_generator + shift.
struct AffineFactor {
  Index generator;
  double slope, shift;
};

// Writes an affine function of `first` + its generator into one column of a linear layer.
template <class T>
void set_column(Params<T>& p, const Linear<T>& layer, Index column, Index first, const AffineFactor& l) {
  p.view(layer.weight)(first + l.generator, column) = static_cast<T>(l.slope);
  p.view(layer.bias)(0, column) = static_cast<T>(l.shift);
}

}  // namespace detail

template <class T>
void InvariantPolyNetwork<T>::set_weights(Params<T>& p) const {
  for (const Linear<T>* layer :
       {&network.first.u, &network.first.v, &network.second.u, &network.second.v, &network.out})
    for (const Param& slice : {layer->weight, layer->bias}) {
      const MatrixView<T> m = p.view(slice);
      for (Index i = 0; i < m.rows; ++i)
        for (Index j = 0; j < m.cols; ++j) m(i, j) = T(0);
    }
  const RecurrenceStep first_step = recurrence_step(law, 0);  // z = slope g + shift, g the generator
  const MatrixView<T> out = p.view(network.out.weight), out_bias = p.view(network.out.bias);
  Index h = 0, q = 0;
  const auto first_unit = [&](const detail::AffineFactor& a, const detail::AffineFactor& b) {
    detail::set_column(p, network.first.u, h, 0, a);
    detail::set_column(p, network.first.v, h, 0, b);
    return h++;
  };
  for (const PolynomialTerm& t : terms) {
    double scale = t.coefficient;
    std::vector<detail::AffineFactor> l;  // g - zero, of every zero
    for (const Factor& f : t.monomial) {
      for (const RecurrenceStep& step : recurrence(law, f.degree)) scale *= step.slope;
      for (const double zero : gauss_quadrature(law, f.degree).nodes)
        l.push_back({f.generator, 1 / first_step.slope, -first_step.shift / first_step.slope - zero});
    }
    if (l.size() == 1) {
      out(2 * width + l[0].generator, 0) += static_cast<T>(scale * l[0].slope);
      out_bias(0, 0) += static_cast<T>(scale * l[0].shift);
      continue;
    }
    const Index unit = first_unit(l[0], l[1]);
    if (l.size() == 2) {
      out(width + unit, 0) = static_cast<T>(scale);
      continue;
    }
    detail::set_column(p, network.second.u, q, 0, {unit, 1, 0});
    if (l.size() == 3)
      detail::set_column(p, network.second.v, q, width, l[2]);
    else
      detail::set_column(p, network.second.v, q, 0, {first_unit(l[2], l[3]), 1, 0});
    out(q++, 0) = static_cast<T>(scale);
  }
}

}  // namespace eqnn::hard
