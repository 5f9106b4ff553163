// Frames of permutations and of signs: golden values, exhaustive comparison with the definitions, exact symmetry
// of averaged models on inputs with ties, gradients.
#include <doctest/doctest.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/frames.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/equivariance.h"
#include "support/evaluate.h"
#include "support/golden.h"
#include "support/gradcheck.h"
#include "support/thrown.h"

namespace test_frames {

using namespace eqnn;
using reference::Dense;
using testing::Permutation;

namespace {

constexpr PermutationFrame kFrames[] = {PermutationFrame::sort, PermutationFrame::sort_absolute,
                                        PermutationFrame::rotate_to_maximum};

// The canonical form of one input by the function on raw arrays.
template <class T>
Dense canonical(PermutationFrame frame, const Dense& x) {
  Matrix<T> in(x.rows, x.cols), out(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) in(i, j) = static_cast<T>(x(i, j));
  std::vector<std::int32_t> order(static_cast<std::size_t>(x.rows));
  canonical_form<T>(frame, in.view(), order, out.view());
  return reference::dense(out.view());
}

Dense column(const std::vector<double>& values) {
  Dense d(static_cast<Index>(values.size()), 1);
  d.data = values;
  return d;
}

Dense permuted(const Dense& x, const Permutation& p) {
  Dense y(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) y(p[static_cast<std::size_t>(i)], j) = x(i, j);
  return y;
}

// All elements of the group that a frame is for.
std::vector<Permutation> elements(PermutationFrame frame, Index n) {
  Permutation p(static_cast<std::size_t>(n));
  std::iota(p.begin(), p.end(), Index{0});
  std::vector<Permutation> list;
  if (frame == PermutationFrame::rotate_to_maximum)
    for (Index i = 0; i < n; ++i, std::rotate(p.begin(), p.begin() + 1, p.end())) list.push_back(p);
  else
    do list.push_back(p);
    while (std::next_permutation(p.begin(), p.end()));
  return list;
}

std::vector<double> absolute(std::vector<double> v) {
  for (double& x : v) x = std::abs(x);
  return v;
}

// By the definition: the best of all arrangements in the group.
Dense naive_canonical(PermutationFrame frame, const Dense& x) {
  Dense best = x;
  const auto key = [&](const Dense& d) {
    std::vector<double> k;
    if (frame == PermutationFrame::rotate_to_maximum) k = absolute(d.data);
    for (Index i = 0; i < d.rows; ++i) {
      const std::vector<double> row(d.data.begin() + i * d.cols, d.data.begin() + (i + 1) * d.cols);
      const std::vector<double> size = absolute(row);
      if (frame == PermutationFrame::sort_absolute) k.insert(k.end(), size.begin(), size.end());
      k.insert(k.end(), row.begin(), row.end());
    }
    return k;
  };
  std::vector<double> largest = key(x);
  for (const Permutation& p : elements(frame, x.rows)) {
    const Dense y = permuted(x, p);
    if (std::vector<double> k = key(y); k > largest) {
      best = y;
      largest = std::move(k);
    }
  }
  return best;
}

// Inputs [n, c] with entries of few values, so that ties of every kind are among them; some without ties.
std::vector<Dense> tied_inputs(Index n, Index c, int count) {
  Draws d({3, Stream::user, 0, static_cast<std::uint64_t>(n * 10 + c)});
  std::vector<Dense> list;
  for (int k = 0; k < count; ++k) {
    Dense x(n, c);
    const std::uint32_t values = 2 + d.below(4);
    for (double& v : x.data) v = k % 4 == 0 ? d.normal() : static_cast<double>(d.below(values)) - values / 2;
    list.push_back(x);
  }
  list.emplace_back(n, c);  // zeros
  Dense twice(n, c);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < c; ++j) twice(i, j) = 1 + static_cast<double>(i % 2);  // a period of 2 for even n
  list.push_back(twice);
  return list;
}

// The inputs moved by every element, grouped by element: list[g * inputs.size() + k] is input k moved by g.
std::vector<Dense> orbit(const std::vector<Permutation>& group, const std::vector<Dense>& inputs) {
  std::vector<Dense> list;
  for (const Permutation& p : group)
    for (const Dense& x : inputs) list.push_back(permuted(x, p));
  return list;
}

// Every pattern of signs of c channels applied to x.
Dense flipped(const Dense& x, std::uint32_t pattern) {
  Dense y = x;
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j)
      if (pattern >> j & 1u) y(i, j) = -y(i, j);
  return y;
}

template <class T>
struct Inner {  // position by position, channel by channel different
  Inner(Params<T>& p, Index in, Index out) : mlp(p, "inner", {in, 5, out}, Activation::tanh) {}
  Tensor<T> operator()(Tensor<T> x) const { return mlp(testing::mix_points(x)); }
  Mlp<T> mlp;
};

}  // namespace

// --- canonical forms -----------------------------------------------------------------------------------

TEST_CASE("canonical forms agree with the golden values of frame-averaged parity") {
  int cases = 0;
  for (const auto& c : golden("F4").at("cases")) {
    if (c.at("frame") == "none") continue;
    const auto frame =
        c.at("frame") == "sort" ? PermutationFrame::sort_absolute : PermutationFrame::rotate_to_maximum;
    CHECK(canonical<double>(frame, column(c.at("x"))).data == c.at("canonical").get<std::vector<double>>());
    ++cases;
  }
  CHECK(cases >= 10);
  for (const auto& c : golden("F4").at("ties")) {
    const Dense x = column(c.at("x"));
    const std::vector<double> sorted = c.at("sort"), rotated = c.at("cyclic");
    CHECK(canonical<double>(PermutationFrame::sort_absolute, x).data == sorted);
    CHECK(canonical<float>(PermutationFrame::rotate_to_maximum, x).data == rotated);
  }
}

TEST_CASE_TEMPLATE("canonical forms are the largest arrangement in the group, ties or not", T, float, double) {
  for (const PermutationFrame frame : kFrames) {
    for (Index n = 1; n <= 5; ++n)  // all vectors over {-1, 0, 1}
      for (Index code = 0; code < static_cast<Index>(std::pow(3, n)); ++code) {
        Dense x(n, 1);
        for (Index i = 0, rest = code; i < n; ++i, rest /= 3) x(i, 0) = static_cast<double>(rest % 3 - 1);
        REQUIRE(canonical<T>(frame, x).data == naive_canonical(frame, x).data);
      }
    for (const Index c : {1, 2, 3})
      for (const Dense& drawn : tied_inputs(5, c, 40)) {
        Dense x = drawn;
        for (double& v : x.data) v = static_cast<double>(static_cast<float>(v));
        REQUIRE(canonical<T>(frame, x).data == naive_canonical(frame, x).data);
      }
  }
  for (Index n = 1; n <= 24; ++n)  // longer rotations: periods of all kinds
    for (const Dense& x : tied_inputs(n, 1, 12)) {
      Dense rounded = x;
      for (double& v : rounded.data) v = std::round(v);
      REQUIRE(canonical<T>(PermutationFrame::rotate_to_maximum, rounded).data ==
              naive_canonical(PermutationFrame::rotate_to_maximum, rounded).data);
    }
}

TEST_CASE_TEMPLATE("an order of values that are not numbers is still a permutation", T, float, double) {
  for (const PermutationFrame frame : kFrames)
    for (std::uint32_t pattern = 0; pattern < 256; ++pattern) {
      Matrix<T> x(8, 1);
      for (Index i = 0; i < 8; ++i)
        x(i, 0) = pattern >> i & 1u ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(i * i % 5) - T(2);
      std::vector<std::int32_t> order(8, -1);
      canonical_order<T>(frame, x.view(), order);
      if (frame == PermutationFrame::sort && pattern != 255) CHECK(!std::isnan(x(order[0], 0)));
      std::sort(order.begin(), order.end());
      for (std::int32_t i = 0; i < 8; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
    }
}

// --- symmetry ------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("averages over permutation frames are exactly symmetric for every input", T, float, double) {
  for (const PermutationFrame frame : kFrames)
    for (const Index n : {1, 2, 5, 6})
      for (const Index c : {1, 2}) {
        if (n == 6 && frame != PermutationFrame::rotate_to_maximum) continue;  // 720 elements: 5 have 120
        Params<T> p;
        const Inner<T> inner(p, c, 3);
        p.initialize(kaiming_uniform, 1);
        const std::vector<Dense> inputs = tied_inputs(n, c, 12);
        const std::vector<Permutation> group = elements(frame, n);
        const std::vector<Dense> moved = orbit(group, inputs);
        const auto flat = [&](Tensor<T> x) { return flatten(inner(x)); };
        const auto invariant = testing::evaluate(
            p, [&](Tensor<T> x) { return invariant_average(x, frame, flat); }, moved);
        const auto equivariant = testing::evaluate(
            p, [&](Tensor<T> x) { return equivariant_average(x, frame, inner); }, moved);
        bool exact = true;
        for (std::size_t g = 0; g < group.size(); ++g)
          for (std::size_t k = 0; k < inputs.size(); ++k) {
            const std::size_t at = g * inputs.size() + k;
            exact = exact && invariant[at].data == invariant[k].data;
            exact = exact && equivariant[at].data == permuted(equivariant[k], group[g]).data;
          }
        CHECK(exact);
      }
}

TEST_CASE_TEMPLATE("models without a frame, or restored by any one order of ties, fail", T, float, double) {
  Params<T> p;
  const Inner<T> inner(p, 1, 2);
  p.initialize(kaiming_uniform, 1);
  const std::vector<Dense> inputs = {column({0.5, -2, 1, 0.25}), column({1, 2, 1, 2})};
  const Permutation swap = {2, 1, 0, 3};
  const std::vector<Dense> moved = {permuted(inputs[0], swap), permuted(inputs[1], swap)};
  const auto error = [&](const auto& model, std::size_t k) {
    return testing::relative_error(testing::evaluate(p, model, moved)[k],
                                   permuted(testing::evaluate(p, model, inputs)[k], swap));
  };
  CHECK(error(inner, 0) > 0.01);
  // The rows that `swap` exchanges are equal, so an equivariant model gives them equal results.
  const auto plain = [&](Tensor<T> x) { return inner(canonical_form(x, PermutationFrame::sort)); };
  const Dense y = testing::evaluate(p, plain, inputs)[1];
  CHECK(std::abs(y(0, 0) - y(1, 0)) > 0.001);
  const Dense mean = testing::evaluate(
      p, [&](Tensor<T> x) { return equivariant_average(x, PermutationFrame::sort, inner); }, inputs)[1];
  for (Index j = 0; j < 2; ++j) {
    CHECK(mean(0, j) == mean(2, j));
    CHECK(mean(1, j) == doctest::Approx((y(0, j) + y(1, j)) / 2).epsilon(1e-6));
    CHECK(mean(0, j) == doctest::Approx((y(2, j) + y(3, j)) / 2).epsilon(1e-6));
  }
}

TEST_CASE_TEMPLATE("averages over sign frames are exactly symmetric for every input", T, float, double) {
  for (const Index n : {1, 4})
    for (const Index c : {1, 3}) {
      Params<T> p;
      const Inner<T> inner(p, c, c);
      const Mlp<T> head(p, "head", {n * c, 4, 2});
      p.initialize(kaiming_uniform, 2);
      const std::vector<Dense> inputs = tied_inputs(n, c, 16);
      std::vector<Dense> moved;
      for (std::uint32_t pattern = 0; pattern < 1u << c; ++pattern)
        for (const Dense& x : inputs) moved.push_back(flipped(x, pattern));
      const auto flat = [&](Tensor<T> z) { return head(flatten(z)); };
      const auto invariant = testing::evaluate(
          p, [&](Tensor<T> x) { return invariant_average(x, SignFrame{}, flat); }, moved);
      const auto equivariant = testing::evaluate(
          p, [&](Tensor<T> x) { return equivariant_average(x, SignFrame{}, inner); }, moved);
      bool exact = true, changes = false;
      for (std::size_t at = 0; at < moved.size(); ++at) {
        const std::size_t k = at % inputs.size();
        const auto pattern = static_cast<std::uint32_t>(at / inputs.size());
        exact = exact && invariant[at].data == invariant[k].data;
        exact = exact && equivariant[at].data == flipped(equivariant[k], pattern).data;
        changes = changes || equivariant[at].data != equivariant[k].data;
      }
      CHECK(exact);
      CHECK(changes);
    }
}

TEST_CASE("a channel's sign is that of its first largest entry, and 0 for zeros") {
  const auto sign = [](const std::vector<double>& v) {
    return channel_sign<double>({v.data(), static_cast<Index>(v.size()), 1, 1}, 0);
  };
  CHECK(sign({0.5, -2, 1}) == -1);
  CHECK(sign({0.5, 2, -2}) == 1);
  CHECK(sign({-2, 2}) == -1);
  CHECK(sign({0, -0.0}) == 0);
}

// --- gradients -----------------------------------------------------------------------------------------

TEST_CASE("gradients through permutation and sign frames equal differences") {
  Params<double> p;
  const Param value = p.weight("x", 3 * 5, 2);
  testing::draw_off_zero(p, 21);
  for (const PermutationFrame frame : kFrames) {
    testing::check_gradient(
        p, [&](Program<double>& g) { return canonical_form(testing::parameter_as_input(g, value, 5), frame); });
    testing::check_gradient(p, [&](Program<double>& g) {
      const auto x = testing::parameter_as_input(g, value, 5);
      return equivariant_average(x, frame, [](auto z) { return square(testing::mix_points(z)); });
    });
  }
  testing::check_gradient(
      p, [&](Program<double>& g) { return canonical_signs(testing::parameter_as_input(g, value, 5)); });
  testing::check_gradient(p, [&](Program<double>& g) {
    const auto x = testing::parameter_as_input(g, value, 5);
    return equivariant_average(x, SignFrame{}, [](auto z) { return square(testing::mix_points(z)); });
  });
}

TEST_CASE("gradients through restored ties equal differences") {
  Params<double> p;
  const Param value = p.weight("y", 3 * 6, 2);
  testing::draw_off_zero(p, 22);
  const std::vector<std::vector<double>> tied = {{1, 2, 1, 2, 1, 2}, {3, 3, 3, 3, 3, 3}, {1, -1, 0, -1, 0, 2}};
  const auto fill = [&](Workspace<double>& w) {
    for (Index e = 0; e < 3; ++e)
      for (Index i = 0; i < 6; ++i)
        w.input("x")(e, i) = tied[static_cast<std::size_t>(e)][static_cast<std::size_t>(i)];
  };
  for (const PermutationFrame frame : kFrames)
    testing::check_gradient(
        p,
        [&](Program<double>& g) {
          const auto y = testing::parameter_as_input(g, value, 6);
          return restore_order(square(y), g.input("x", {.points = 6}), frame);
        },
        fill);
}

// --- what is refused -----------------------------------------------------------------------------------

TEST_CASE("frames refuse shapes that do not fit") {
  Params<double> p;
  const Param weight = p.weight("w", 4, 2);
  Program<double> g(2, Mode::train);
  const auto x = g.input("x", {.points = 4, .channels = 2}), y = g.input("y", {.points = 3, .channels = 3});
  CHECK(contains(message<ShapeError>([&] { restore_order(y, x, PermutationFrame::sort); }), "[b, 3, 3]"));
  CHECK(contains(message<ShapeError>([&] { restore_signs(y, x); }), "[b, 4, 2]"));
  CHECK(contains(message<ShapeError>([&] { canonical_form(g.param(weight), PermutationFrame::sort); }), "shared"));
  CHECK(contains(message<ShapeError>([&] { canonical_signs(g.param(weight)); }), "shared"));
}

}  // namespace test_frames
