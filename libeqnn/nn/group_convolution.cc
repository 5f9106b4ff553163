#include "group_convolution.h"

#include <utility>

#include "group_actions.h"

namespace eqnn {
namespace {

using Point = std::int32_t;
using Points = std::vector<Point>;

constexpr Index kLargestTable = Index{1} << 26;

void check_table(const char* what, Index rows, Index cols) {
  require(cols <= kLargestTable / rows, what, ": the group has ", rows, " elements and the filter ", cols,
          " entries; their product may be ", kLargestTable, " at most");
}

// The torus of which row t of a square table is point 0, 1, ... shifted by t, if there is one.
std::optional<Torus> torus_of(Index rows, const Points& table) {
  const Index n = static_cast<Index>(table.size()) / rows;
  if (n != rows) return std::nullopt;
  Index width = 1;  // of the cycle of point 0 under the shift by 1
  if (n > 1)
    for (Index t = table[n]; t != 0 && width < n; t = table[n + t]) ++width;
  if (n % width != 0) return std::nullopt;
  const auto shifted_point = [width, n](Index t, Index i) {
    return (t / width + i / width) % (n / width) * width + (t + i) % width;
  };
  for (Index t = 0; t < n; ++t)
    for (Index i = 0; i < n; ++i)
      if (table[t * n + i] != shifted_point(t, i)) return std::nullopt;
  return Torus{n / width, width, n / width, width};
}

detail::Table lifting_table(const PermutationGroup& group) {
  const std::vector<Permutation> elements = group.elements();
  const Index order = static_cast<Index>(elements.size());
  check_table("GroupLifting", order, group.points());
  detail::Table table{order, {}};
  for (const Permutation& g : elements)
    table.entries.insert(table.entries.end(), g.images().begin(), g.images().end());
  return table;
}

detail::Table convolution_table(const PermutationGroup& group, const std::vector<Permutation>& support) {
  const std::vector<Permutation> elements = group.elements();
  const Index order = static_cast<Index>(elements.size());
  const std::vector<Permutation>& filter = support.empty() ? elements : support;
  check_table("GroupConvolution", order, static_cast<Index>(filter.size()));
  return {order, group.product_table(filter)};
}

}  // namespace

template <class T>
detail::GroupFilter<T>::GroupFilter(Params<T>& p, const std::string& name, Table rows_of_points, Index in,
                                    Index out, bool with_bias)
    : table(std::move(rows_of_points)), torus(torus_of(table.rows, table.entries)) {
  const Index size = static_cast<Index>(table.entries.size()) / table.rows;
  if (!torus)
    weight = p.weight(name + ".weight", size * in, out);
  else if (torus->height == 1)
    weight = p.weight(name + ".weight", size * in, out, {out, in, size});
  else
    weight = p.weight(name + ".weight", size * in, out, {out, in, torus->height, torus->width});
  if (with_bias) bias = p.bias(name + ".bias", out);
}

template <class T>
Tensor<T> detail::GroupFilter<T>::operator()(Tensor<T> x) const {
  auto& g = x.program();
  const Tensor<T> w = g.param(weight), b = bias ? g.param(bias) : Tensor<T>{};
  if (torus) return cyclic_convolution(x, w, b, *torus);
  return linear(gather_points(x, table.rows, table.entries), w, b);
}

template <class T>
GroupLifting<T>::GroupLifting(Params<T>& p, const std::string& name, const PermutationGroup& group, Index in,
                              Index out, bool with_bias)
    : points_(group.points()), filter_(p, name, lifting_table(group), in, out, with_bias) {}

template <class T>
Tensor<T> GroupLifting<T>::operator()(Tensor<T> x) const {
  detail::check_action("GroupLifting", x, points_);
  return filter_(x);
}

template <class T>
GroupConvolution<T>::GroupConvolution(Params<T>& p, const std::string& name, const PermutationGroup& group,
                                      Index in, Index out, const std::vector<Permutation>& support, bool with_bias)
    : filter_(p, name, convolution_table(group, support), in, out, with_bias) {}

template <class T>
Tensor<T> GroupConvolution<T>::operator()(Tensor<T> f) const {
  check_examples("GroupConvolution", f);
  require<ShapeError>(f.shape().points == filter_.table.rows, "GroupConvolution: f is ", to_string(f.shape()),
                      " and the group has ", filter_.table.rows, " elements; f must have one row an element");
  return filter_(f);
}

#define EQNN_INSTANTIATE(T)               \
  template struct detail::GroupFilter<T>; \
  template class GroupLifting<T>;         \
  template class GroupConvolution<T>;

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
