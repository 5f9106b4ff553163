// Parameters: slices of one padded vector, and how they start.
#include <doctest/doctest.h>
#include <eqnn/core/params.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/reference.h"

namespace test_params {

using namespace eqnn;

namespace {

constexpr Initializer kInitializers[] = {kaiming_uniform, kaiming_normal, xavier_uniform, xavier_normal,
                                         orthogonal};

double expected_variance(const Initializer& init, double in, double out) {
  using Kind = Initializer::Kind;
  const bool kaiming = init.kind == Kind::kaiming_uniform || init.kind == Kind::kaiming_normal;
  return init.scale * init.scale * 2 / (kaiming ? in : in + out);
}

// W W^T, or W^T W when W is tall.
reference::Dense small_gram(const reference::Dense& w) {
  const reference::Dense t = reference::transposed(w);
  return w.rows <= w.cols ? reference::product(w, t) : reference::product(t, w);
}

template <class T>
bool padding_is_zero(const Params<T>& p) {
  Index zeros = 0;
  for (const ParamInfo& info : p.list())
    for (Index i = 0; i < info.slice.rows; ++i)
      for (Index j = info.slice.cols; j < info.slice.stride; ++j)
        zeros += p.values()[info.slice.offset + i * info.slice.stride + j] == T(0);
  return zeros == p.size() - p.count();
}

}  // namespace

TEST_CASE_TEMPLATE("parameters are named slices whose rows start on lines", T, float, double) {
  Params<T> p;
  const Param w = p.weight("layers.0.weight", 3, 5), b = p.bias("layers.0.bias", 5), v = p.weight("head", 20, 33);
  CHECK(!Param{});
  CHECK(static_cast<bool>(w));
  CHECK(p.count() == 15 + 5 + 660);
  CHECK(p.size() == 3 * padded<T>(5) + padded<T>(5) + 20 * padded<T>(33));
  REQUIRE(p.list().size() == 3);
  CHECK(p.list()[0].name == "layers.0.weight");
  CHECK(p.list()[1].name == "layers.0.bias");
  CHECK(!p.list()[0].is_bias);
  CHECK(p.list()[1].is_bias);
  CHECK(w.offset == 0);
  CHECK(b.offset == 3 * padded<T>(5));
  CHECK(v.offset == b.offset + padded<T>(5));
  CHECK((w.rows == 3 && w.cols == 5 && b.rows == 1 && b.cols == 5));
  CHECK(static_cast<Index>(p.values().size()) == p.size());
  for (const Param& slice : {w, b, v}) {
    const MatrixView<T> view = p.view(slice);
    CHECK(view.data == p.values().data() + slice.offset);
    for (Index i = 0; i < view.rows; ++i) CHECK(reinterpret_cast<std::uintptr_t>(view.row(i)) % kLine == 0);
  }
  const bool zero = std::all_of(p.values().begin(), p.values().end(), [](T x) { return x == T(0); });
  CHECK(zero);
}

TEST_CASE_TEMPLATE("initialisers leave biases and padding at zero", T, float, double) {
  for (const Initializer& init : kInitializers) {
    Params<T> p;
    p.weight("a", 7, 9);
    const Param b = p.bias("b", 9);
    p.weight("c", 17, 3);
    p.initialize(init, 4);
    CHECK(padding_is_zero(p));
    bool zero = true, nonzero = true;
    for (Index j = 0; j < 9; ++j) zero = zero && p.view(b)(0, j) == T(0);
    for (Index j = 0; j < 9; ++j) nonzero = nonzero && p.view(p.list()[0].slice)(0, j) != T(0);
    CHECK(zero);
    CHECK(nonzero);
  }
}

TEST_CASE_TEMPLATE("initialisers have the variance and range of their formulas", T, float, double) {
  for (const double scale : {1.0, 0.3})
    for (const Initializer& plain : kInitializers) {
      if (plain.kind == Initializer::Kind::orthogonal) continue;
      const Initializer init = plain.scaled(scale);
      Params<T> p;
      const Index in = 150, out = 250;
      const Param w = p.weight("w", in, out);
      p.initialize(init, 6);
      double sum = 0, squares = 0, largest = 0;
      for (Index i = 0; i < in; ++i)
        for (Index j = 0; j < out; ++j) {
          const double x = static_cast<double>(p.view(w)(i, j));
          sum += x;
          squares += x * x;
          largest = std::max(largest, std::abs(x));
        }
      const double n = static_cast<double>(in * out), variance = expected_variance(init, in, out);
      INFO("initialiser ", static_cast<int>(init.kind), " scale ", scale);
      CHECK(std::abs(sum / n) < 5 * std::sqrt(variance / n));
      CHECK(std::abs(squares / n / variance - 1) < 5 * std::sqrt(2 / n));
      const bool uniform =
          init.kind == Initializer::Kind::kaiming_uniform || init.kind == Initializer::Kind::xavier_uniform;
      if (uniform) {
        CHECK(largest <= std::sqrt(3 * variance) * (1 + 1e-6));
        CHECK(largest > std::sqrt(3 * variance) * 0.999);
      } else {
        CHECK(largest > 3.5 * std::sqrt(variance));
      }
    }
}

TEST_CASE_TEMPLATE("the orthogonal initialiser gives orthonormal rows or columns", T, float, double) {
  const double tolerance = sizeof(T) == 4 ? 1e-6 : 5e-15;
  for (const auto& [rows, cols] : {std::pair<Index, Index>{8, 8}, {5, 20}, {20, 5}, {1, 7}, {7, 1}, {150, 150}})
    for (const double scale : {1.0, 2.0}) {
      Params<T> p;
      const Param w = p.weight("w", rows, cols);
      p.initialize(orthogonal.scaled(scale), 8);
      const reference::Dense gram = small_gram(reference::dense(p.view(w)));
      double error = 0;
      for (Index i = 0; i < gram.rows; ++i)
        for (Index j = 0; j < gram.cols; ++j)
          error = reference::worse(error, std::abs(gram(i, j) - (i == j ? scale * scale : 0)));
      CHECK(error < tolerance * scale * scale);
    }
}

TEST_CASE("orthogonal matrices have no preferred sign") {
  int positive = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Params<double> p;
    const Param w = p.weight("w", 3, 3);
    p.initialize(orthogonal, seed);
    positive += p.view(w)(0, 0) > 0;
  }
  CHECK(std::abs(positive - 100) < 36);
}

TEST_CASE_TEMPLATE("the same seed gives the same parameters, another seed others", T, float, double) {
  for (const Initializer& init : kInitializers) {
    const auto make = [&](std::uint64_t seed) {
      Params<T> p;
      p.weight("a", 4, 6);
      p.bias("b", 6);
      p.weight("c", 4, 6);
      p.initialize(init, seed);
      return std::vector<T>(p.values().begin(), p.values().end());
    };
    CHECK(make(1) == make(1));
    CHECK(make(1) != make(2));
    const std::vector<T> v = make(1);
    const std::size_t third = static_cast<std::size_t>(5 * padded<T>(6));
    CHECK(!std::equal(v.begin(), v.begin() + 4, v.begin() + static_cast<std::ptrdiff_t>(third)));
  }
}

TEST_CASE("initialising again replaces every value, and float rounds what double draws") {
  Params<double> d;
  Params<float> f;
  const Param wd = d.weight("w", 5, 5), wf = f.weight("w", 5, 5);
  const Param bias = d.bias("b", 3);
  d.initialize(kaiming_normal, 1);
  d.view(bias)(0, 0) = 5;
  d.initialize(xavier_uniform, 2);
  f.initialize(xavier_uniform, 2);
  CHECK(d.view(bias)(0, 0) == 0);
  bool same = true;
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 5; ++j) same = same && f.view(wf)(i, j) == static_cast<float>(d.view(wd)(i, j));
  CHECK(same);
}

TEST_CASE("a parameter keeps its draw when another one grows") {
  const auto second = [](Index first_width) {
    Params<double> p;
    p.weight("a", 2, first_width);
    const Param b = p.weight("b", 3, 3);
    p.initialize(kaiming_uniform, 5);
    return p.view(b)(2, 2);
  };
  CHECK(second(1) == second(40));
}

TEST_CASE("wrong parameters are refused with a message that says what to do") {
  Params<float> p;
  p.weight("w", 2, 2);
  CHECK_THROWS_WITH_AS(p.weight("w", 3, 3), "parameter 'w' exists already; give each layer its own name",
                       ValueError);
  CHECK_THROWS_WITH_AS(p.weight("v", 0, 3), "parameter 'v' is 0 x 3; sizes start at 1", ValueError);
  CHECK_THROWS_WITH_AS(p.bias("v", -1), "parameter 'v' is 1 x -1; sizes start at 1", ValueError);
  CHECK_THROWS_AS(p.initialize(kaiming_uniform.scaled(std::numeric_limits<double>::infinity()), 0), ValueError);
  CHECK(p.list().size() == 1);
  p.freeze();
  CHECK_THROWS_WITH_AS(p.weight("late", 1, 1),
                       "parameter 'late' is added after the parameters were allocated; construct all layers first",
                       ValueError);
}

}  // namespace test_params
