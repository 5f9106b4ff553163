#include "certify.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace eqnn {

Array permute_rows(const Array& a, const Permutation& p) {
  require(p.points() == a.rows, "permute_rows: a permutation of ", p.points(), " points and ", a.rows,
          " rows; they must be as many");
  Array out = Array::zeros(a.rows, a.cols);
  for (Index i = 0; i < a.rows; ++i)
    std::copy_n(a.values.begin() + i * a.cols, a.cols, out.values.begin() + p(i) * a.cols);
  return out;
}

Array permute_pairs(const Array& a, const Permutation& p) {
  require(p.points() == a.rows && a.rows == a.cols, "permute_pairs: a permutation of ", p.points(), " points and [",
          a.rows, ", ", a.cols, "]; pairs of as many points are needed");
  Array out = Array::zeros(a.rows, a.cols);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.cols; ++j) out(p(i), p(j)) = a(i, j);
  return out;
}

std::vector<Permutation> telling_elements(const PermutationGroup& group, Index all_up_to, Index random,
                                          std::uint64_t seed) {
  if (const auto order = group.order(); order && *order <= all_up_to) return group.elements(all_up_to);
  std::vector<Permutation> list{Permutation::identity(group.points())};
  Permutation product = list[0];
  for (const Permutation& g : group.generators()) {
    list.push_back(g);
    list.push_back(g.inverse());
    product = product * g;
  }
  list.push_back(product);
  list.push_back(product.inverse());
  for (Permutation& p : group.sample(random, seed)) list.push_back(std::move(p));
  return list;
}

namespace {

double largest(const Array& a) {
  double size = 1;
  for (double v : a.values) size = std::max(size, std::abs(v));
  return size;
}

}  // namespace

Certificate certify(const SampleFunction& f, std::span<const Sample> inputs, std::span<const GroupElement> elements,
                    double tolerance) {
  require(!inputs.empty() && !elements.empty(), "certify: ", inputs.size(), " inputs and ", elements.size(),
          " elements; at least one of each is needed");
  Certificate c;
  c.tolerance = tolerance;
  c.inputs = static_cast<Index>(inputs.size());
  c.elements = static_cast<Index>(elements.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::optional<Array> y = f(inputs[i]);
    const double size = y ? largest(*y) : 1;
    for (const GroupElement& g : elements) {
      ++c.compared;
      const std::optional<Array> moved = y ? f(g.on_input(inputs[i])) : std::nullopt;
      if (!moved) {
        ++c.undefined;
        continue;
      }
      const Array expected = g.on_output ? g.on_output(*y) : *y;
      require(moved->rows == expected.rows && moved->cols == expected.cols, "certify: f(g x) is [", moved->rows,
              ", ", moved->cols, "] and g f(x) [", expected.rows, ", ", expected.cols,
              "]; they must have one shape");
      for (std::size_t k = 0; k < expected.values.size(); ++k) {
        const double difference = std::abs(moved->values[k] - expected.values[k]) / size;
        const double error = std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
        if (c.witness_input >= 0 && error <= c.error) continue;
        c.error = error;
        c.witness_input = static_cast<Index>(i);
        c.witness_element = g.name;
        c.value = moved->values[k];
        c.expected = expected.values[k];
      }
    }
  }
  return c;
}

}  // namespace eqnn
