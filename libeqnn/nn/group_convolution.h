// Group convolution (Cohen and Welling 2016; Kondor and Trivedi 2018).
//
// Rows k in to k in + in - 1 of a weight, [size in, out], are the filter's matrix W_k. Where the elements act as
// the shifts of a cycle or a torus in their order, so for cyclic(n), grid_product(cyclic(n), cyclic(m)) and a
// filter on all of the group, the layers run as cyclic_convolution, direct or spectral, and nothing is copied;
// then the weight is laid out as that of CyclicConvolution: W_k is rows k, k + size, k + 2 size, ...
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../groups/permutation_group.h"
#include "convolution.h"
#include "dense.h"
#include "points.h"

namespace eqnn {

namespace detail {
// Rows of points, all of the same length.
struct Table {
  Index rows = 0;
  std::vector<std::int32_t> entries;
};
// y_r = b + sum_k x_{t_rk} W_k for a table t.
template <class T>
struct GroupFilter {
  GroupFilter(Params<T>& p, const std::string& name, Table rows_of_points, Index in, Index out, bool with_bias);
  Tensor<T> operator()(Tensor<T> x) const;

  Table table;
  std::optional<Torus> torus;  // where t_rk is k shifted by r
  Param weight, bias;
};
}  // namespace detail

// From points to functions on the group: y_g = b + sum_i x_{g(i)} W_i, [b, n, in] -> [b, |G|, out], group
// elements in the order of group.elements(). Equivariant: p x gives y with rows moved by
// group.left_multiplication(p). Parameters: NAME.weight, NAME.bias.
// Throws ValueError where |G| is above PermutationGroup::kElements, or |G| n above 2^26.
template <class T>
class GroupLifting {
 public:
  GroupLifting(Params<T>& p, const std::string& name, const PermutationGroup& group, Index in, Index out,
               bool with_bias = true);
  Tensor<T> operator()(Tensor<T> x) const;

  Param weight() const { return filter_.weight; }
  Param bias() const { return filter_.bias; }

 private:
  Index points_;
  detail::GroupFilter<T> filter_;
};

// From functions on the group to such: y_g = b + sum_h f_h W_{g^-1 h} = b + sum_k f_{g k} W_k, [b, |G|, in] ->
// [b, |G|, out]. k runs over `support`, the elements where the filter may differ from zero (empty: all, in
// the order of group.elements()). Equivariant: group.left_multiplication(p) of the rows of f is that of the
// rows of y. Parameters: NAME.weight, NAME.bias.
// Throws ValueError where |G| is above PermutationGroup::kElements, |G| |support| above 2^26, or an element of
// the support is not in the group.
template <class T>
class GroupConvolution {
 public:
  GroupConvolution(Params<T>& p, const std::string& name, const PermutationGroup& group, Index in, Index out,
                   const std::vector<Permutation>& support = {}, bool with_bias = true);
  Tensor<T> operator()(Tensor<T> f) const;

  Param weight() const { return filter_.weight; }
  Param bias() const { return filter_.bias; }

 private:
  detail::GroupFilter<T> filter_;
};

// The group average of a dense network, y = (1/|G|) sum_g mlp(flatten(g x)): [b, n, in] -> [b, 1, out], invariant
// under the group. Its first layer over all g is a GroupLifting (g^-1 in the place of g), so on cyclic(n) and
// tori it is one cyclic convolution and no transformed copy of x is made; the others work on single elements.
// widths = {in, hidden..., out}, one hidden layer or more. Parameters: NAME.0.weight, NAME.0.bias (of the
// lifting), NAME.1.0.weight, ... (of the Mlp after it). Throws ValueError as GroupLifting does, and for fewer
// than three widths.
template <class T>
class GroupAveragedMlp {
 public:
  GroupAveragedMlp(Params<T>& p, const std::string& name, const PermutationGroup& group,
                   const std::vector<Index>& widths, Activation f = Activation::relu)
      : lifting_(p, name + ".0", group, checked(widths)[0], widths[1]),
        rest_(p, name + ".1", {widths.begin() + 1, widths.end()}, f) {}
  // The last layer is affine: it runs once, on the mean, not on every element.
  Tensor<T> operator()(Tensor<T> x) const {
    return rest_.layers.back()(mean_points(rest_.hidden(activate(lifting_(x), rest_.activation))));
  }

  const GroupLifting<T>& lifting() const { return lifting_; }
  const Mlp<T>& rest() const { return rest_; }

 private:
  static const std::vector<Index>& checked(const std::vector<Index>& widths) {
    require(widths.size() >= 3, "GroupAveragedMlp: ", widths.size(),
            " widths are given; at least 3 are needed: in, hidden, out");
    return widths;
  }
  GroupLifting<T> lifting_;
  Mlp<T> rest_;
};

extern template struct detail::GroupFilter<float>;
extern template struct detail::GroupFilter<double>;
extern template class GroupLifting<float>;
extern template class GroupLifting<double>;
extern template class GroupConvolution<float>;
extern template class GroupConvolution<double>;

}  // namespace eqnn
