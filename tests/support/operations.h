// Operations of two inputs against plain loops, and their gradients against differences.
#pragma once

#include <doctest/doctest.h>
#include <eqnn/core/program.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "support/gradcheck.h"
#include "support/reference.h"

namespace eqnn::testing {

using reference::Dense;

// Channels below, at and above whole lines, for float and double.
inline constexpr Index kWidths[] = {1, 3, 5, 7, 8, 9, 13, 15, 16, 17, 24, 33};

template <class T>
using Binary = std::function<Tensor<T>(Tensor<T>, Tensor<T>)>;
// The result for one example, from the two inputs of that example.
using Naive = std::function<Dense(const Dense&, const Dense&)>;

// Evaluates `record` on two random inputs (the second 0/1 if `binary`), and compares every example with
// `naive`. The program has a larger capacity than the examples it is given, and its padding must be zero.
template <class T>
void check_operation(const Binary<T>& record, const Naive& naive, Shape xs, Shape ys, bool binary = false) {
  constexpr Index examples = 3;
  Program<T> g(examples + 2, Mode::evaluate);
  const auto x = g.input("x", xs), y = g.input("y", ys);
  g.output("z", record(x, y));
  g.finish();
  Workspace<T> w(g);
  w.bind({examples});
  std::vector<Dense> a, b;
  Draws d({3, Stream::user, 0, 0});
  const auto fill = [&](Block<T> block, std::vector<Dense>& copies, bool zero_one) {
    for (Index e = 0; e < examples; ++e) {
      copies.emplace_back(block.points, block.channels);
      for (Index i = 0; i < block.points; ++i)
        for (Index j = 0; j < block.channels; ++j) {
          copies.back()(i, j) = zero_one ? d.below(2) : d.below(33) / 8.0 - 2;
          block(e, i, j) = static_cast<T>(copies.back()(i, j));
        }
    }
  };
  fill(w.input("x"), a, false);
  fill(w.input("y"), b, binary);
  g.forward(w, nullptr);
  const Block<const T> z = w.output("z");
  double error = 0;
  bool clean = true;
  for (Index e = 0; e < examples; ++e) {
    const Dense expected = naive(a[static_cast<std::size_t>(e)], b[static_cast<std::size_t>(e)]);
    REQUIRE((expected.rows == z.points && expected.cols == z.channels));
    for (Index i = 0; i < z.points; ++i) {
      for (Index j = 0; j < z.channels; ++j)
        error = reference::worse(error, std::abs(static_cast<double>(z(e, i, j)) - expected(i, j)) /
                                            std::max(1.0, std::abs(expected(i, j))));
      for (Index j = z.channels; j < z.stride; ++j) clean = clean && z.row(e, i)[j] == T(0);
    }
  }
  CHECK(error <= 20 * static_cast<double>(std::numeric_limits<T>::epsilon()));
  CHECK(clean);
}

// Checks the gradient of `record` with respect to both inputs, [3, 4, channels] each.
inline void check_gradients(const Binary<double>& record, Index channels) {
  Params<double> p;
  const Param a = p.weight("a", 12, channels), b = p.weight("b", 12, channels);
  draw_off_zero(p, 21);
  check_gradient(
      p, [&](Program<double>& g) { return record(parameter_as_input(g, a, 4), parameter_as_input(g, b, 4)); });
}

}  // namespace eqnn::testing
