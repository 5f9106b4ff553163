// Random members of all families: what they promise of values, targets, inputs and files.
#include <doctest/doctest.h>
#include <eqnn/hard/family.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "properties/family_parameters.h"
#include "properties/property.h"
#include "support/reference.h"

namespace test_family_members {

using namespace eqnn;
using eqnn::hard::Member;
using testing::any_family;
using testing::between;
using testing::check_property;
using testing::DrawnFamily;

namespace {

// Examples in memory of their own.
template <class T>
struct Examples {
  Examples(const hard::InputLayout& layout, Index count)
      : points(layout.points), all(count * layout.points, layout.channels) {}
  Block<T> block(Index first, Index last) {
    return {all.view().row(first * points), last - first, points, all.cols(), all.stride()};
  }
  Block<const T> const_block() {
    const Block<T> b = block(0, all.rows() / points);
    return {b.data, b.examples, b.points, b.channels, b.stride};
  }
  MatrixView<const T> example(Index e) { return example_rows<const T>(all.view(), e, points); }
  bool operator==(const Examples& o) const {
    return std::memcmp(all.data(), o.all.data(), static_cast<std::size_t>(all.view().size()) * sizeof(T)) == 0;
  }

  Index points;
  Matrix<T> all;
};

struct Drawn {
  DrawnFamily family;
  std::uint64_t seed = 0;
  std::unique_ptr<Member> member;
};
// Rows of a few bits have members that are constant: these are refused, and drawn again.
Drawn drawn_member() {
  Drawn d;
  d.family = *any_family();
  d.seed = *between<std::uint64_t>(0, 1000);
  try {
    d.member = hard::family(d.family.id).draw(d.family.values, d.seed);
  } catch (const ValueError& e) {
    RC_DISCARD(e.what());
  }
  return d;
}

constexpr Index kExamples = 7;

template <class T>
Examples<T> sampled(const Member& f, std::uint64_t seed, Index count = kExamples) {
  Examples<T> x(f.input(), count);
  f.sample({seed, Stream::user, 5, 100}, x.block(0, count));
  return x;
}

template <class T>
std::vector<T> targets(const Member& f, Examples<T>& x) {
  std::vector<T> y(kExamples);
  f.targets(x.const_block(), y.data());
  return y;
}
template <class T>
std::vector<T> controls(const Member& f, Examples<T>& x) {
  std::vector<T> y(kExamples);
  f.controls(x.const_block(), y.data());
  return y;
}

Array array_of(MatrixView<const double> x) {
  Array a = Array::zeros(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) a(i, j) = x(i, j);
  return a;
}
double value_of(const Member& f, const Array& a) { return f.value({a.values.data(), a.rows, a.cols, a.cols}); }

// What is not near a kink of h or a tie of a frame is the same function in float, up to rounding.
double float_tolerance(const Member& f, double value) { return f.two_valued() ? 0 : 2e-3 * (1 + std::abs(value)); }

}  // namespace

TEST_CASE("properties of members: invariant under the symmetries of their family") {
  std::map<std::string, int> moved;  // elements by family
  const bool all = check_property("invariance", 800, [&] {
    const Drawn d = drawn_member();
    const Member& f = *d.member;
    Examples<double> x = sampled<double>(f, d.seed);
    const std::vector<GroupElement> elements = f.symmetries(4, d.seed);
    for (Index e = 0; e < 3; ++e) {
      const Array input = array_of(x.example(e));
      const double value = value_of(f, input);
      for (const GroupElement& g : elements) {
        const Array other = g.on_input({{f.input().name, input}}).at(f.input().name);
        moved[d.family.id] += other.values != input.values;
        const double error = std::abs(value_of(f, other) - value);
        if (!(error <= (f.two_valued() ? 0 : 1e-9 * (1 + std::abs(value)))))
          RC_FAIL(concat("input ", e, ", ", g.name, ": off by ", error));
      }
    }
  });
  for (const hard::Family& f : hard::families()) {
    CAPTURE(f.id);
    if (all) CHECK(moved[f.id] > 0);
  }
}

TEST_CASE("properties of members: random elements of the group move inputs, and leave targets as they are") {
  std::map<std::string, int> moved;  // inputs by family
  const bool all = check_property("actions", 600, [&] {
    const Drawn d = drawn_member();
    const Member& f = *d.member;
    const auto action = f.action();
    if (!action) return;
    Examples<double> x = sampled<double>(f, d.seed), y = sampled<double>(f, d.seed);
    action->require_fits(f.input().points, f.input().channels);
    action->apply({d.seed, Stream::augment, 3, 4}, y.block(0, kExamples));
    moved[d.family.id] += !(x == y);
    for (Index e = 0; e < kExamples; ++e) {
      const double value = f.value(x.example(e)), error = std::abs(f.value(y.example(e)) - value);
      if (!(error <= (f.two_valued() ? 0 : 1e-9 * (1 + std::abs(value)))))
        RC_FAIL(concat("input ", e, ": off by ", error));
    }
  });
  for (const hard::Family& f : hard::families()) {
    CAPTURE(f.id);
    if (all) CHECK(moved[f.id] > 0);
  }
}

TEST_CASE("properties of members: targets in float and double are the value") {
  std::set<double> seen;
  const bool all = check_property("targets", 800, [&] {
    const Drawn d = drawn_member();
    const Member& f = *d.member;
    Examples<float> single = sampled<float>(f, d.seed);
    Examples<double> x(f.input(), kExamples);
    for (Index i = 0; i < single.all.rows(); ++i)
      for (Index j = 0; j < single.all.cols(); ++j) x.all(i, j) = single.all(i, j);
    const std::vector<float> in_float = targets(f, single);
    const std::vector<double> in_double = targets(f, x);
    for (Index e = 0; e < kExamples; ++e) {
      const double value = f.value(x.example(e)), target = f.two_valued() ? 1 - 2 * value : value;
      seen.insert(target);
      if (!(std::abs(in_double[e] - target) <= (f.two_valued() ? 0 : 1e-9 * (1 + std::abs(target)))))
        RC_FAIL(concat("example ", e, " in double: ", in_double[e], ", and the value says ", target));
      if (!(std::abs(in_float[e] - target) <= float_tolerance(f, target)))
        RC_FAIL(concat("example ", e, " in float: ", in_float[e], ", and the value says ", target));
    }
    const std::vector<float> control = controls(f, single);
    const std::vector<double> precise = controls(f, x);
    for (Index e = 0; e < kExamples; ++e)
      if (!(std::abs(control[e] - precise[e]) <= 2e-3 * (1 + std::abs(precise[e]))))
        RC_FAIL(concat("control ", e, ": ", control[e], " in float, ", precise[e], " in double"));
  });
  if (all) CHECK(seen.size() > 100);
}

TEST_CASE("properties of members: an input is a function of its counter, however blocks are cut") {
  check_property("inputs", 600, [] {
    const Drawn d = drawn_member();
    const Member& f = *d.member;
    const Index cut = *between<Index>(0, kExamples);
    const auto check = [&]<class T>(T) {
      Examples<T> whole = sampled<T>(f, d.seed);
      Examples<T> parts(f.input(), kExamples);
      Counter at{d.seed, Stream::user, 5, 100};
      f.sample(at, parts.block(0, cut));
      at.example += static_cast<std::uint64_t>(cut);
      f.sample(at, parts.block(cut, kExamples));
      RC_ASSERT((parts == whole));
      // Another seed, and another example, have other inputs: unless all are equal, as of few bits they may be.
      at.example += 1;
      at.seed += 1;
      Examples<T> others(f.input(), kExamples);
      f.sample(at, others.block(0, kExamples));
      RC_ASSERT((f.input().bits || !(others == whole)));
      return whole;
    };
    const Examples<float> single = check(0.0f);
    const Examples<double> x = check(0.0);
    for (Index i = 0; i < x.all.rows(); ++i)
      for (Index j = 0; j < x.all.cols(); ++j) RC_ASSERT(static_cast<float>(x.all(i, j)) == single.all(i, j));
  });
}

TEST_CASE("properties of members: a member's file holds the same function; the same seed draws the same member") {
  std::set<std::string> files;
  const bool all = check_property("files", 400, [&] {
    const Drawn d = drawn_member();
    const Member& f = *d.member;
    const hard::Family& family = hard::family(d.family.id);
    files.insert(f.json());
    Examples<double> x = sampled<double>(f, d.seed);
    const std::vector<double> y = targets(f, x), z = controls(f, x);
    for (const auto& again : {family.parse(f.json()), family.draw(d.family.values, d.seed)}) {
      RC_ASSERT(again->json() == f.json());
      RC_ASSERT((sampled<double>(*again, d.seed) == x));
      RC_ASSERT(targets(*again, x) == y);
      RC_ASSERT(controls(*again, x) == z);
      for (Index e = 0; e < kExamples; ++e) RC_ASSERT(again->value(x.example(e)) == f.value(x.example(e)));
    }
  });
  if (all) CHECK(files.size() > 20);
}

}  // namespace test_family_members
