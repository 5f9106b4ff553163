// How random and numbered elements of groups move inputs: values by hand, uniformity, what they depend on.
#include <doctest/doctest.h>
#include <eqnn/hard/input_action.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

namespace test_input_action {

using namespace eqnn;
using eqnn::hard::InputAction;
using Moves = InputAction::Moves;

namespace {

template <class T>
struct Inputs {
  Inputs(Index examples, Index points, Index channels)
      : memory(examples * points * padded<T>(channels)),
        x{memory.data(), examples, points, channels, padded<T>(channels)} {
    for (Index e = 0; e < examples; ++e)
      for (Index i = 0; i < points; ++i)
        for (Index j = 0; j < channels; ++j) x(e, i, j) = static_cast<T>(1 + i * channels + j);
  }
  std::vector<T> example(Index e) const {
    std::vector<T> values;
    for (Index i = 0; i < x.points; ++i) values.insert(values.end(), x.row(e, i), x.row(e, i) + x.channels);
    return values;
  }
  AlignedBuffer<T> memory;
  Block<T> x;
};

Counter at(std::uint64_t step, std::uint64_t example = 0) { return {3, Stream::augment, step, example}; }

}  // namespace

TEST_CASE_TEMPLATE("input action: elements by number, by hand", T, float, double) {
  const auto moved = [](const InputAction& a, Index element, Index points, Index channels) {
    Inputs<T> in(1, points, channels);
    a.require_fits(points, channels);
    a.apply_element(element, in.x);
    return in.example(0);
  };
  const PermutationGroup c3 = PermutationGroup::cyclic(3);
  CHECK(moved(InputAction::permutations(c3, Moves::points), 1, 3, 2) == std::vector<T>{5, 6, 1, 2, 3, 4});
  CHECK(moved(InputAction::permutations(c3, Moves::channels), 1, 1, 3) == std::vector<T>{3, 1, 2});
  CHECK(moved(InputAction::permutations(c3, Moves::pairs), 1, 3, 3) == std::vector<T>{9, 7, 8, 3, 1, 2, 6, 4, 5});
  CHECK(moved(InputAction::signs(), 5, 2, 2) == std::vector<T>{-1, 2, -3, 4});
  CHECK(moved(InputAction::orthogonal(1), 1, 2, 1) == std::vector<T>{-1, -2});
  for (const InputAction& a : {InputAction::permutations(c3, Moves::points), InputAction::signs()})
    CHECK(moved(a, 0, 3, 1) == std::vector<T>{1, 2, 3});
  CHECK(InputAction::named("S5", Moves::points).order(5) == 120);
  CHECK(InputAction::signs().order(10) == 1024);
  CHECK(!InputAction::signs().order(63).has_value());
  CHECK(!InputAction::named("SO3", Moves::points).order(9).has_value());
  CHECK(InputAction::named("O1", Moves::points).order(9) == 2);
}

TEST_CASE("input action: subgroups of shifts, and quarter turns of images, by hand") {
  const InputAction coarse = InputAction::named("C6^2", Moves::points);
  CHECK(coarse.order(6) == 3);
  std::set<std::vector<double>> seen;
  for (Index e = 0; e < 3; ++e) {
    Inputs<double> in(1, 6, 1);
    coarse.apply_element(e, in.x);
    seen.insert(in.example(0));
  }
  CHECK(seen == std::set<std::vector<double>>{{1, 2, 3, 4, 5, 6}, {5, 6, 1, 2, 3, 4}, {3, 4, 5, 6, 1, 2}});
  CHECK(InputAction::named("C6^6", Moves::points).order(6) == 1);
  CHECK(InputAction::named("C6^1", Moves::points).order(6) == 6);

  const InputAction turns = InputAction::named("Q3", Moves::points);
  CHECK(turns.order(9) == 4);
  std::set<std::vector<double>> images;
  for (Index e = 0; e < 4; ++e) {
    Inputs<double> in(1, 9, 1);
    turns.apply_element(e, in.x);
    images.insert(in.example(0));
  }
  CHECK(images == std::set<std::vector<double>>{{1, 2, 3, 4, 5, 6, 7, 8, 9},
                                                {7, 4, 1, 8, 5, 2, 9, 6, 3},
                                                {9, 8, 7, 6, 5, 4, 3, 2, 1},
                                                {3, 6, 9, 2, 5, 8, 1, 4, 7}});
  CHECK(InputAction::named("Q1", Moves::points).order(1) == 1);
  for (const char* name : {"C6^4", "C6^0", "C6^", "C^2", "Q0", "Q2000", "Q"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(InputAction::named(name, Moves::points), ValueError);
  }
}

TEST_CASE("input action: every element of a small group comes equally often") {
  constexpr Index kExamples = 12000;
  for (const auto& group : {std::pair{"S3", 6}, {"C3", 3}, {"signs", 8}}) {
    const char* const name = group.first;
    const int order = group.second;
    Inputs<double> in(kExamples, 3, 1);
    InputAction::named(name, Moves::points).apply(at(0), in.x);
    std::map<std::vector<double>, int> seen;
    for (Index e = 0; e < kExamples; ++e) ++seen[in.example(e)];
    CAPTURE(name);
    CHECK(static_cast<int>(seen.size()) == order);
    double chi_sq = 0;
    const double expected = static_cast<double>(kExamples) / order;
    for (const auto& [values, count] : seen) chi_sq += (count - expected) * (count - expected) / expected;
    CHECK(chi_sq < order - 1 + 5 * std::sqrt(2.0 * (order - 1)));
  }
}

TEST_CASE("input action: rotations keep distances, reach both halves of O(n), and have Haar's moments") {
  constexpr Index kExamples = 4000;
  for (const Index n : {1, 2, 3, 5})
    for (const bool proper : {false, true}) {
      Inputs<double> in(kExamples, n, n);
      for (Index e = 0; e < kExamples; ++e)
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < n; ++j) in.x(e, i, j) = i == j ? 1 : 0;  // moved: Q itself
      InputAction::orthogonal(n, proper).apply(at(1), in.x);
      double fourth = 0, trace = 0, off = 0;
      int turned = 0;
      for (Index e = 0; e < kExamples; ++e) {
        for (Index i = 0; i < n; ++i) {
          trace += in.x(e, i, i) / kExamples;
          for (Index k = 0; k < n; ++k) {
            double dot = 0;
            for (Index j = 0; j < n; ++j) dot += in.x(e, i, j) * in.x(e, k, j);
            off = std::max(off, std::abs(dot - (i == k ? 1 : 0)));
          }
        }
        fourth += std::pow(in.x(e, n - 1, 0), 4) / kExamples;
        if (n <= 2)
          turned += (n == 1 ? in.x(e, 0, 0) : in.x(e, 0, 0) * in.x(e, 1, 1) - in.x(e, 0, 1) * in.x(e, 1, 0)) > 0;
      }
      CAPTURE(n);
      CAPTURE(proper);
      CHECK(off < 1e-12);
      // E q^4 = 3 / (n (n + 2)) and E trace = 0, but for SO(1), which is the identity.
      const bool all_one = n == 1 && proper;
      CHECK(std::abs(fourth - 3.0 / static_cast<double>(n * (n + 2))) < 5 / std::sqrt(kExamples));
      CHECK(std::abs(trace - (all_one ? 1 : 0)) < 5 / std::sqrt(kExamples));
      if (n <= 2)
        CHECK(std::abs(turned / static_cast<double>(kExamples) - (proper ? 1 : 0.5)) < (proper ? 1e-9 : 0.04));
    }
}

TEST_CASE("input action: an element is a function of its counter alone, and padding stays") {
  for (const char* name : {"C5", "S5", "signs", "O2"}) {
    const InputAction a = InputAction::named(name, Moves::points);
    Inputs<float> whole(6, 5, 2), cut(6, 5, 2), other(6, 5, 2);
    a.apply(at(7, 10), whole.x);
    for (Index e = 0; e < 6; e += 2)
      a.apply(at(7, static_cast<std::uint64_t>(10 + e)), {cut.x.row(e), 2, 5, 2, cut.x.stride});
    a.apply(at(8, 10), other.x);
    CAPTURE(name);
    CHECK(std::equal(whole.memory.begin(), whole.memory.end(), cut.memory.begin()));
    CHECK(!std::equal(whole.memory.begin(), whole.memory.end(), other.memory.begin()));
    for (Index i = 0; i < 30; ++i)
      for (Index j = 2; j < whole.x.stride; ++j) CHECK(whole.x.row(0, i)[j] == 0);
  }
}

TEST_CASE("input action: shapes and names that are none are refused") {
  CHECK_THROWS_AS(InputAction::named("C5", Moves::points).require_fits(4, 5), ValueError);
  CHECK_THROWS_AS(InputAction::named("C5", Moves::channels).require_fits(5, 4), ValueError);
  CHECK_THROWS_AS(InputAction::named("C5", Moves::pairs).require_fits(5, 4), ValueError);
  CHECK_THROWS_AS(InputAction::named("O3", Moves::points).require_fits(3, 2), ValueError);
  for (const char* name : {"O0", "O", "SO", "SOx", "O-1", "sign", "", "X5", "O99999999999999999999"})
    CHECK_THROWS_AS(InputAction::named(name, Moves::points), ValueError);
}

}  // namespace test_input_action
