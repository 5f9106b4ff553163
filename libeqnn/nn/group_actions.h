// Permutation groups in networks: their action on points and pairs as operations, and averages over them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../groups/permutation_group.h"
#include "elementwise.h"

namespace eqnn {

// A random element for each example, drawn anew each step. That of example i in step s is
// group.random({seed + 0x9E3779B97F4A7C15 key, kGroupStream, s, i}), where seed, s and i are those of the
// Span of the replay: with the same key the same element, whatever the shards and threads.
struct RandomElement {
  PermutationGroup group;
  std::uint64_t key = 0;
};

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

namespace detail {
// Throws ShapeError unless x has the points that a group acts on; ValueError for no elements.
template <class T>
void check_action(const char* name, Tensor<T> x, Index points);
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

}  // namespace eqnn
