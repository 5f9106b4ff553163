// Permutation groups in networks: their action on points and pairs as operations, averages over them, and group
// convolution.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "convolution.h"
#include "../groups/permutation_group.h"
#include "layers.h"
#include "ops.h"
#include "../core/params.h"

namespace eqnn {

// A random element for each example, drawn anew each step. That of example i in step s is
// group.random({seed + 0x9E3779B97F4A7C15 key, Stream::group, s, i}), where seed, s and i are those of the
// Span of the replay: with the same key the same element, whatever the shards and threads.
struct RandomElement {
  PermutationGroup group;
  std::uint64_t key = 0;
};

// --- operations ------------------------------------------------------------------------------------------

// y_{p(i)} = x_i: [b, n, c] -> [b, n, c].
template <class T>
Tensor<T> permute_points(Tensor<T> x, const Permutation& p);
// The same by an element of each example's own, and by its inverse, y_i = x_{p(i)}.
template <class T>
Tensor<T> permute_points(Tensor<T> x, const RandomElement& p);
template <class T>
Tensor<T> unpermute_points(Tensor<T> x, const RandomElement& p);

// Y_{p(i) p(j)} = A_ij: [b, n, n] -> [b, n, n].
template <class T>
Tensor<T> permute_pairs(Tensor<T> a, const Permutation& p);

// Row e is e x, flattened point after point, for each of `elements`: [b, n, c] -> [b, |E|, n c]. The elements
// become points, so a model of single points (Mlp) runs over all transformed copies at once, and mean_points
// of its result is the group average. Throws ValueError for no elements.
template <class T>
Tensor<T> orbit(Tensor<T> x, std::span<const Permutation> elements);

// Row i is [x_{t_i1} | x_{t_i2} | ...], t = `table` of `rows` rows, row-major: [b, n, c] -> [b, rows, q c].
// What group convolutions gather before their matrix product. Throws ShapeError for a table that is not a
// whole number of rows, or holds a point that x has not.
template <class T>
Tensor<T> gather_points(Tensor<T> x, Index rows, std::vector<std::int32_t> table);

// A function on the group as one on points: y_i = mean of f_g over the g with g(r) = i, where r is the least
// point of the orbit of i: [b, |G|, c] -> [b, n, c], f in the order of group.elements(). For the invariant
// mean over the group take mean_points. Throws ValueError where |G| is above PermutationGroup::kElements.
template <class T>
Tensor<T> project_to_points(Tensor<T> f, const PermutationGroup& group);

// --- averages --------------------------------------------------------------------------------------------

namespace detail {
void check_average(const char* name, Index elements);
template <class T>
Tensor<T> running_sum(Tensor<T> sum, Tensor<T> y) {
  return sum ? add(sum, y) : y;
}
}  // namespace detail

// (1/|E|) sum_e f(e x), invariant under a group whose elements are `elements` (Yarotsky 2018). f is any
// callable that records a value of any shape; it is recorded once an element, with tied weights. Where f
// begins with a dense layer, GroupAveragedMlp makes no copies. Throws ValueError for no elements.
template <class T, class F>
Tensor<T> group_average(const F& f, Tensor<T> x, std::span<const Permutation> elements) {
  detail::check_average("group_average", static_cast<Index>(elements.size()));
  Tensor<T> sum;
  for (const Permutation& p : elements) sum = detail::running_sum(sum, f(permute_points(x, p)));
  return scale(sum, 1.0 / static_cast<double>(elements.size()));
}
// The same for graphs: (1/|E|) sum_e f(e x, e A).
template <class T, class F>
Tensor<T> group_average(const F& f, Tensor<T> x, Tensor<T> adjacency, std::span<const Permutation> elements) {
  detail::check_average("group_average", static_cast<Index>(elements.size()));
  Tensor<T> sum;
  for (const Permutation& p : elements)
    sum = detail::running_sum(sum, f(permute_points(x, p), permute_pairs(adjacency, p)));
  return scale(sum, 1.0 / static_cast<double>(elements.size()));
}

// (1/|E|) sum_e e^-1 f(e x), equivariant under a group whose elements are `elements`. f records a value with
// the points of x, [b, n, c'].
template <class T, class F>
Tensor<T> equivariant_group_average(const F& f, Tensor<T> x, std::span<const Permutation> elements) {
  detail::check_average("equivariant_group_average", static_cast<Index>(elements.size()));
  Tensor<T> sum;
  for (const Permutation& p : elements)
    sum = detail::running_sum(sum, permute_points(f(permute_points(x, p)), p.inverse()));
  return scale(sum, 1.0 / static_cast<double>(elements.size()));
}

// The same over `count` random elements, drawn anew for each example and step: RandomElement, whose key is the
// number of operations recorded before it. Unbiased estimates of the averages over the whole group, symmetric
// in expectation only. For elements that stay, take the functions above with group.sample(count, seed).
template <class T, class F>
Tensor<T> sampled_group_average(const F& f, Tensor<T> x, const PermutationGroup& group, Index count) {
  detail::check_average("sampled_group_average", count);
  Tensor<T> sum;
  for (Index k = 0; k < count; ++k) {
    const RandomElement p{group, static_cast<std::uint64_t>(x.program().operations())};
    sum = detail::running_sum(sum, f(permute_points(x, p)));
  }
  return scale(sum, 1.0 / static_cast<double>(count));
}
template <class T, class F>
Tensor<T> sampled_equivariant_group_average(const F& f, Tensor<T> x, const PermutationGroup& group, Index count) {
  detail::check_average("sampled_equivariant_group_average", count);
  Tensor<T> sum;
  for (Index k = 0; k < count; ++k) {
    const RandomElement p{group, static_cast<std::uint64_t>(x.program().operations())};
    sum = detail::running_sum(sum, unpermute_points(f(permute_points(x, p)), p));
  }
  return scale(sum, 1.0 / static_cast<double>(count));
}

// --- group convolution (Cohen and Welling 2016; Kondor and Trivedi 2018) ---------------------------------
//
// Rows k in to k in + in - 1 of a weight, [size in, out], are the filter's matrix W_k. Where the elements act as
// the shifts of a cycle or a torus in their order, so for cyclic(n), grid_product(cyclic(n), cyclic(m)) and a
// filter on all of the group, the layers run as cyclic_convolution, direct or spectral, and nothing is copied;
// then the weight is laid out as that of CyclicConvolution: W_k is rows k, k + size, k + 2 size, ...

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
  Tensor<T> operator()(const char* name, Tensor<T> x) const;

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
  Tensor<T> operator()(Tensor<T> x) const { return mean_points(rest_(activate(lifting_(x), rest_.activation))); }

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
