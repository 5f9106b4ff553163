// Is a function symmetric? f(g x) = g f(x), measured for given inputs and group elements, with a witness where
// it fails. Works on plain arrays in double, so on anything that can be evaluated: a layer, a trained network.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "permutation_group.h"

namespace eqnn {

// [rows, cols], row-major and dense.
struct Array {
  Index rows = 0, cols = 0;
  std::vector<double> values = {};

  static Array zeros(Index rows, Index cols) {
    return {rows, cols, std::vector<double>(static_cast<std::size_t>(rows * cols))};
  }
  double& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(Index i, Index j) const { return values[static_cast<std::size_t>(i * cols + j)]; }
};
// One input of a function: its parts by name, such as "x" and "adjacency".
using Sample = std::map<std::string, Array>;

// One group element: what it does to an input, and to the function's value. Without `on_output` the value
// should not change (invariance).
struct GroupElement {
  std::string name;  // "(0 1 2)", "rotation 5"
  std::function<Sample(const Sample&)> on_input;
  std::function<Array(const Array&)> on_output = {};
};

// Row p(i) of the result is row i of `a`; and entry (p(i), p(j)) of the second form entry (i, j).
Array permute_rows(const Array& a, const Permutation& p);
Array permute_pairs(const Array& a, const Permutation& p);

// The elements of a permutation group that are worth trying: all of them up to `all_up_to`, else the identity,
// every generator and its inverse, the longest products of generators, and `random` random elements.
std::vector<Permutation> telling_elements(const PermutationGroup& group, Index all_up_to = 1000, Index random = 20,
                                          std::uint64_t seed = 0);

// What certify() found: the largest error over all pairs, and where it is.
struct Certificate {
  double error = 0;  // the largest |f(g x) - g f(x)| / max(1, max |f(x)|); infinite for NaN
  double tolerance = 0;
  Index elements = 0, inputs = 0;
  Index compared = 0;   // pairs of input and element
  Index undefined = 0;  // ... at which f is undefined: neither pass nor fail
  // Where the largest error is: the number of the input, the element, and both values there.
  Index witness_input = -1;
  std::string witness_element;
  double value = 0, expected = 0;

  bool pass() const { return error <= tolerance; }
};

// Allowed errors: 1e-5 in float, 1e-12 in double.
template <class T>
constexpr double symmetry_tolerance() {
  return sizeof(T) == 4 ? 1e-5 : 1e-12;
}

// A function of one input; empty where it is undefined (a frame without a gap).
using SampleFunction = std::function<std::optional<Array>(const Sample&)>;

// Compares f(g x) with g f(x) for every input and element. Throws ValueError when f(g x) has another shape than
// g f(x), and for no inputs or elements. Threads: calls f from the calling thread only.
Certificate certify(const SampleFunction& f, std::span<const Sample> inputs, std::span<const GroupElement> elements,
                    double tolerance);

}  // namespace eqnn
