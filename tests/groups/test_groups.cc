// Permutation groups, their actions as operations, averages over them, and group convolution.
#include <doctest/doctest.h>
#include <eqnn/groups/permutation_group.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/group_actions.h>
#include <eqnn/nn/group_convolution.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "support/equivariance.h"
#include "support/gradcheck.h"
#include "support/reference.h"
#include "support/thrown.h"

namespace test_groups {

using namespace eqnn;
using reference::Dense;
using Group = PermutationGroup;

namespace {

// Cycles that count from 1, as books print them.
Permutation printed(Index points, std::vector<std::vector<std::int32_t>> cycles) {
  for (auto& cycle : cycles)
    for (auto& i : cycle) --i;
  return Permutation::from_cycles(points, cycles);
}

Group mathieu(Index n) {
  if (n == 24)
    return {24,
            {printed(24, {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}}),
             printed(24, {{3, 17, 10, 7, 9}, {4, 13, 14, 19, 5}, {8, 18, 11, 12, 23}, {15, 20, 22, 21, 16}}),
             printed(24, {{1, 24},
                          {2, 23},
                          {3, 12},
                          {4, 16},
                          {5, 18},
                          {6, 10},
                          {7, 20},
                          {8, 14},
                          {9, 21},
                          {11, 17},
                          {13, 22},
                          {15, 19}})}};
  std::vector<Permutation> generators = {printed(n, {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}),
                                         printed(n, {{3, 7, 11, 8}, {4, 10, 5, 6}})};
  if (n == 12) generators.push_back(printed(n, {{1, 12}, {2, 11}, {3, 6}, {4, 8}, {5, 9}, {7, 10}}));
  return {n, generators};
}

Group rubiks_cube() {
  return {
      48,
      {printed(48, {{1, 3, 8, 6}, {2, 5, 7, 4}, {9, 33, 25, 17}, {10, 34, 26, 18}, {11, 35, 27, 19}}),
       printed(48, {{9, 11, 16, 14}, {10, 13, 15, 12}, {1, 17, 41, 40}, {4, 20, 44, 37}, {6, 22, 46, 35}}),
       printed(48, {{17, 19, 24, 22}, {18, 21, 23, 20}, {6, 25, 43, 16}, {7, 28, 42, 13}, {8, 30, 41, 11}}),
       printed(48, {{25, 27, 32, 30}, {26, 29, 31, 28}, {3, 38, 43, 19}, {5, 36, 45, 21}, {8, 33, 48, 24}}),
       printed(48, {{33, 35, 40, 38}, {34, 37, 39, 36}, {3, 9, 46, 32}, {2, 12, 47, 29}, {1, 14, 48, 27}}),
       printed(48, {{41, 43, 48, 46}, {42, 45, 47, 44}, {14, 22, 30, 38}, {15, 23, 31, 39}, {16, 24, 32, 40}})}};
}

// Signed permutations of m axes, on the 2m half-axes: the wreath product of C_2 and S_m, of order 2^m m!.
Group hyperoctahedral(Index m) {
  std::vector<std::int32_t> cycle(static_cast<std::size_t>(2 * m));
  for (Index i = 0; i < 2 * m; ++i) cycle[i] = static_cast<std::int32_t>((i + 2) % (2 * m));
  return {2 * m,
          {Permutation::from_cycles(2 * m, {{0, 1}}), Permutation::from_cycles(2 * m, {{0, 2}, {1, 3}}),
           Permutation(cycle)}};
}

// The group again, from its generators alone.
Group rebuilt(const Group& g) { return {g.points(), g.generators()}; }

// All elements by breadth-first multiplication: what a chain is compared with.
std::set<std::vector<std::int32_t>> closure(const Group& g) {
  const auto key = [](const Permutation& p) {
    return std::vector<std::int32_t>(p.images().begin(), p.images().end());
  };
  std::set<std::vector<std::int32_t>> seen = {key(Permutation::identity(g.points()))};
  std::vector<Permutation> queue = {Permutation::identity(g.points())};
  for (std::size_t i = 0; i < queue.size(); ++i)
    for (const Permutation& s : g.generators()) {
      Permutation p = s * queue[i];
      if (seen.insert(key(p)).second) queue.push_back(std::move(p));
    }
  return seen;
}

// Small groups of every kind, transitive and not.
std::vector<Group> small_groups() {
  return {Group::trivial(1),     Group::trivial(3),     Group::cyclic(1),        Group::cyclic(2),
          Group::cyclic(7),      Group::dihedral(1),    Group::dihedral(2),      Group::dihedral(3),
          Group::dihedral(8),    Group::symmetric(1),   Group::symmetric(2),     Group::symmetric(5),
          Group::named("C3xC4"), Group::named("S3+C4"), Group::named("C2xS3+1"), hyperoctahedral(3)};
}

std::vector<std::int32_t> images(const Permutation& p) { return {p.images().begin(), p.images().end()}; }

}  // namespace

TEST_CASE("permutations multiply from right to left and have inverses") {
  const Permutation p({1, 2, 0, 3}), q({0, 1, 3, 2});
  CHECK(images(p * q) == std::vector<std::int32_t>{1, 2, 3, 0});
  CHECK(images(q * p) == std::vector<std::int32_t>{1, 3, 0, 2});
  CHECK((p * p.inverse()).is_identity());
  CHECK((p.inverse() * p).is_identity());
  CHECK(!p.is_identity());
  CHECK(p.is_even());
  CHECK(!q.is_even());
  CHECK(p == Permutation::from_cycles(4, {{0, 1, 2}}));
  CHECK(to_string(p) == "(0 1 2)");
  CHECK(to_string(Permutation({1, 0, 3, 2})) == "(0 1)(2 3)");
  CHECK(to_string(Permutation::identity(3)) == "()");
}

TEST_CASE("a permutation that is none is refused with the value") {
  CHECK(message<Error>([] {
          Permutation({0, 3, 1, 3, 4});
        }) ==
        "this is no permutation of 5 points: the value 3 is at positions 1 and 3, and 2 is missing; each of 0 to 4 "
        "must "
        "appear once");
  CHECK(message<Error>([] {
          Permutation({0, 1, 7});
        }) == "a permutation of 3 points holds the value 7 at position 2; allowed are 0 to 2");
  CHECK(message<Error>([] {
          Permutation({0, -1, 1});
        }) == "a permutation of 3 points holds the value -1 at position 1; allowed are 0 to 2");
  CHECK_THROWS_AS(Permutation({0, 0}), ValueError);
  CHECK_THROWS_AS(Permutation::from_cycles(3, {{0, 1}, {1, 2}}), ValueError);
  CHECK_THROWS_AS(Permutation::from_cycles(3, {{0, 3}}), ValueError);
  CHECK_THROWS_AS(Permutation({1, 0}) * Permutation({0, 1, 2}), ValueError);
}

TEST_CASE("groups by name have their orders, by name and from their generators") {
  Index factorial = 1;
  for (Index n = 1; n <= 12; ++n) {
    factorial *= n;
    CHECK(Group::symmetric(n).order() == factorial);
    CHECK(rebuilt(Group::symmetric(n)).order() == factorial);
    CHECK(Group::cyclic(n).order() == n);
    CHECK(rebuilt(Group::cyclic(n)).order() == n);
    const Index dihedral = n < 3 ? n : 2 * n;
    CHECK(Group::dihedral(n).order() == dihedral);
    CHECK(rebuilt(Group::dihedral(n)).order() == dihedral);
    CHECK(Group::trivial(n).order() == 1);
  }
  CHECK(Group::cyclic(4096).order() == 4096);
  CHECK(Group::dihedral(1000).order() == 2000);
}

TEST_CASE("well-known groups have their orders") {
  CHECK(mathieu(11).order() == 7920);
  CHECK(mathieu(12).order() == 95040);
  CHECK(mathieu(24).order() == 244823040);
  CHECK(hyperoctahedral(4).order() == 384);
  CHECK(hyperoctahedral(10).order() == 3715891200);
  CHECK(rubiks_cube().order_text() == "43252003274489856000");
  CHECK(!rubiks_cube().order());
  CHECK(rubiks_cube().log2_order() == doctest::Approx(std::log2(43252003274489856000.0)).epsilon(1e-14));
  // The symmetries of the Fano plane, PSL(2, 7); A_7 from three-cycles.
  CHECK(Group(7, {printed(7, {{1, 2, 3, 4, 5, 6, 7}}), printed(7, {{1, 2}, {3, 6}})}).order() == 168);
  CHECK(Group(7, {printed(7, {{1, 2, 3}}), printed(7, {{3, 4, 5, 6, 7}})}).order() == 2520);
}

TEST_CASE("orders of any size are exact") {
  const std::string hundred =
      "933262154439441526816992388562667004907159682643816214685929638952175999932299156089414639761565182862536979"
      "208272"
      "23758251185210916864000000000000000000000000";
  CHECK(Group::symmetric(100).order_text() == hundred);
  CHECK(rebuilt(Group::symmetric(100)).order_text() == hundred);
  CHECK(Group::symmetric(100).log2_order() == doctest::Approx(std::lgamma(101.0) / std::log(2.0)).epsilon(1e-13));
  CHECK(Group::symmetric(20).order() == 2432902008176640000);
  CHECK(!Group::symmetric(21).order());
  CHECK(Group::symmetric(21).order_text() == "51090942171709440000");
  CHECK(Group::grid_product(Group::symmetric(20), Group::symmetric(20)).order_text() ==
        "5919012181389927685417441689600000000");
}

TEST_CASE("an order is a number below 2 to the 63 and text from there on") {
  std::vector<Permutation> swaps;
  for (std::int32_t i = 0; i < 63; ++i) swaps.push_back(Permutation::from_cycles(126, {{2 * i, 2 * i + 1}}));
  CHECK(!Group(126, swaps).order());
  CHECK(Group(126, swaps).order_text() == "9223372036854775808");
  swaps.pop_back();
  CHECK(Group(126, swaps).order() == Index{1} << 62);
}

TEST_CASE("chains with long orbits are completed where random elements do not generate them") {
  for (const std::int32_t m : {180, 210, 240, 300}) {  // the wreath product of C_m and C_3, of order 3 m^3
    std::vector<std::int32_t> cycle(static_cast<std::size_t>(m)), blocks;
    std::iota(cycle.begin(), cycle.end(), 0);
    for (std::int32_t i = 0; i < 3 * m; ++i) blocks.push_back((i + m) % (3 * m));
    const Group g(3 * m, {Permutation::from_cycles(3 * m, {cycle}), Permutation(blocks)});
    CHECK(g.order() == Index{3} * m * m * m);
    for (const Permutation& p : g.sample(5, 1)) CHECK(g.contains(p));
    CHECK(!g.contains(Permutation::from_cycles(3 * m, {{0, 1}})));
    CHECK(g.element(g.rank(g.generators()[1])) == g.generators()[1]);
  }
}

TEST_CASE("products act on the disjoint union and on the grid") {
  const Group c = Group::cyclic(3), s = Group::symmetric(4), sum = Group::disjoint_product(c, s),
              grid = Group::grid_product(c, s);
  CHECK(sum.points() == 7);
  CHECK(sum.order() == 72);
  CHECK(sum.contains(Permutation({1, 2, 0, 3, 4, 6, 5})));
  CHECK(!sum.contains(Permutation({1, 0, 2, 3, 4, 5, 6})));
  CHECK(!sum.contains(Permutation({3, 1, 2, 0, 4, 5, 6})));
  CHECK(grid.points() == 12);
  CHECK(grid.order() == 72);
  CHECK(grid.contains(Permutation({5, 4, 6, 7, 9, 8, 10, 11, 1, 0, 2, 3})));
  CHECK(!grid.contains(Permutation({1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})));
  CHECK(Group::disjoint_product(c, c).order() == 9);
  const Group torus = Group::grid_product(Group::cyclic(3), Group::cyclic(4));
  for (Index number = 0; number < 12; ++number)
    for (Index i = 0; i < 3; ++i)
      for (Index j = 0; j < 4; ++j)
        CHECK(torus.element(number)(i * 4 + j) == (i + number / 4) % 3 * 4 + (j + number % 4) % 4);
}

TEST_CASE("a chain agrees with all products of generators") {
  for (const Group& g : small_groups()) {
    CAPTURE(g.points());
    const auto all = closure(g);
    CHECK(g.order() == static_cast<Index>(all.size()));
    CHECK(rebuilt(g).order() == g.order());
    CHECK(g.element(0).is_identity());
    std::set<std::vector<std::int32_t>> seen;
    Index number = 0;
    for (const Permutation& p : g.elements()) {
      CHECK(all.count(images(p)) == 1);
      CHECK(g.rank(p) == number++);
      seen.insert(images(p));
    }
    CHECK(seen == all);
    const auto elements = g.elements();
    const auto table = g.product_table(elements);
    const Permutation left = g.left_multiplication(elements.back());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      CHECK(left(static_cast<Index>(i)) == g.rank(elements.back() * elements[i]));
      for (std::size_t j = 0; j < elements.size(); ++j)
        CHECK(table[i * elements.size() + j] == g.rank(elements[i] * elements[j]));
    }
    Index members = 0;
    for (const Permutation& p : Group::symmetric(std::min<Index>(g.points(), 6)).elements()) {
      std::vector<std::int32_t> moved = images(Permutation::identity(g.points()));
      for (Index i = 0; i < p.points(); ++i) moved[i] = p(i);
      const bool member = g.contains(Permutation(moved));
      CHECK(member == (all.count(moved) == 1));
      members += member;
    }
    CHECK(members >= 1);
  }
}

TEST_CASE("elements of the cyclic group are numbered by their shift") {
  for (const Index n : {1, 2, 5, 64}) {
    const Group g = Group::cyclic(n);
    for (Index t = 0; t < n; ++t)
      for (Index i = 0; i < n; ++i) CHECK(g.element(t)(i) == (i + t) % n);
  }
}

TEST_CASE("names of groups") {
  CHECK(Group::named("C12").order() == 12);
  CHECK(Group::named("D8").order() == 16);
  CHECK(Group::named("S5").order() == 120);
  CHECK(Group::named("1").points() == 1);
  CHECK(Group::named("C3xC4").points() == 12);
  CHECK(Group::named("C3+C4").points() == 7);
  CHECK(Group::named("C2xC3+S3xC2").points() == 12);
  CHECK(Group::named("C2xC3+S3xC2").order() == 72);
  for (const char* bad :
       {"", "C", "Q8", "C0", "C-3", "C3x", "+C3", "C3 x C4", "c3", "C3.5", "C99999999999999999999"})
    CHECK_THROWS_AS(Group::named(bad), ValueError);
  CHECK(message<Error>([] { Group::named("C3xQ8"); }) ==
        "group 'C3xQ8': 'Q8' is no group; write C12 (cyclic), D8 (dihedral), S5 (symmetric) or 1, and products of "
        "them: "
        "C8xC8 on the grid, S3+C4 on the disjoint union");
}

TEST_CASE("bad groups are refused") {
  CHECK(message<Error>([] {
          Group(6, {Permutation::identity(6), Permutation::identity(5)});
        }) ==
        "generator 1 permutes 5 points and the group 6; each generator must have one image for each point of the "
        "group");
  CHECK_THROWS_AS(Group(0, {}), ValueError);
  CHECK_THROWS_AS(Group::cyclic(0), ValueError);
  CHECK_THROWS_AS(Group::symmetric(-1), ValueError);
  CHECK_THROWS_AS(Group::cyclic(4).contains(Permutation::identity(5)), ValueError);
  CHECK(message<Error>([] {
          Group::cyclic(4).rank(Permutation({1, 0, 2, 3}));
        }) == "rank: (0 1) is not in the group of order 4");
  CHECK_THROWS_AS(Group::cyclic(4).element(4), ValueError);
  CHECK_THROWS_AS(Group::cyclic(4).left_multiplication(Permutation({1, 0, 2, 3})), ValueError);
  CHECK_THROWS_AS(Group::cyclic(4).product_table({Permutation({1, 0, 2, 3})}), ValueError);
}

TEST_CASE("a group too large to enumerate is an error that names its order and the limit") {
  CHECK(message<Error>([] { Group::symmetric(10).elements(); }) ==
        "elements: the group has 3628800 elements, above the limit of 1000000; raise the limit, or take random "
        "elements "
        "(random, sample)");
  CHECK(message<Error>([] { Group::symmetric(21).elements(); }).find("51090942171709440000") != std::string::npos);
  CHECK_THROWS_AS(Group::symmetric(4).elements(23), ValueError);
  CHECK(Group::symmetric(4).elements(24).size() == 24);
  CHECK_THROWS_AS(Group::symmetric(21).element(0), ValueError);
}

TEST_CASE("random elements are uniform and pure functions of their counter") {
  // Chi square of `draws` draws over |G| cells: mean |G| - 1, variance 2 (|G| - 1); six deviations allowed.
  for (const Group& g : {Group::symmetric(4), rebuilt(Group::symmetric(4)), hyperoctahedral(3), Group::dihedral(9),
                         Group::named("C5xC6"), Group::named("S3+C4")}) {
    const Index order = *g.order(), draws = 200 * order;
    std::vector<Index> counts(static_cast<std::size_t>(order));
    for (Index k = 0; k < draws; ++k) {
      const Permutation p = g.random({7, Stream::user, 1, static_cast<std::uint64_t>(k)});
      ++counts[g.rank(p)];
    }
    double chi = 0;
    for (const Index count : counts) chi += static_cast<double>((count - 200) * (count - 200)) / 200;
    const auto freedom = static_cast<double>(order - 1);
    CHECK(std::abs(chi - freedom) < 6 * std::sqrt(2 * freedom));
  }
  const Group cube = rubiks_cube();
  const auto sample = cube.sample(20, 3), again = cube.sample(20, 3), other = cube.sample(20, 4);
  for (std::size_t k = 0; k < sample.size(); ++k) {
    CHECK(cube.contains(sample[k]));
    CHECK(sample[k] == again[k]);
    CHECK(!(sample[k] == other[k]));
  }
  CHECK(!cube.contains(Permutation::from_cycles(48, {{1, 33}})));
}

TEST_CASE("orbits of points") {
  const Orbits o = Group::named("S3+1+C4").orbits();
  CHECK(o.count == 3);
  CHECK(o.label == std::vector<std::int32_t>{0, 0, 0, 1, 2, 2, 2, 2});
  CHECK(Group::trivial(5).orbits().count == 5);
  // Corners and edges of the cube.
  CHECK(rubiks_cube().orbits().count == 2);
}

TEST_CASE("orbits on pairs number what Burnside's lemma counts") {
  for (const Group& g : small_groups()) {
    Index fixed = 0;
    for (const Permutation& p : g.elements()) {
      Index points = 0;
      for (Index i = 0; i < g.points(); ++i) points += p(i) == i;
      fixed += points * points;
    }
    const Orbits o = g.pair_orbits();
    CHECK(o.count * *g.order() == fixed);
    std::set<std::int32_t> labels(o.label.begin(), o.label.end());
    CHECK(static_cast<Index>(labels.size()) == o.count);
    for (const Permutation& p : g.generators())
      for (Index i = 0; i < g.points(); ++i)
        for (Index j = 0; j < g.points(); ++j)
          CHECK(o.label[i * g.points() + j] == o.label[p(i) * g.points() + p(j)]);
  }
  CHECK(Group::symmetric(9).pair_orbits().count == 2);
  CHECK(Group::cyclic(9).pair_orbits().count == 9);
  CHECK(mathieu(12).pair_orbits().count == 2);
}

namespace {

Dense random_points(Index n, Index c, std::uint64_t seed) {
  Dense x(n, c);
  Draws d({seed, Stream::user, 5, 0});
  for (double& v : x.data) v = d.below(65) / 32.0 - 1;  // exact in float, with ties
  return x;
}

// (p x)_{p(i)} = x_i.
Dense moved(const Permutation& p, const Dense& x) {
  Dense y(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) y(p(i), j) = x(i, j);
  return y;
}
Dense moved_pairs(const Permutation& p, const Dense& a) {
  Dense b(a.rows, a.cols);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.cols; ++j) b(p(i), p(j)) = a(i, j);
  return b;
}

double difference(const Dense& a, const Dense& b) {
  REQUIRE((a.rows == b.rows && a.cols == b.cols));
  double worst = 0, scale = 1;
  for (std::size_t k = 0; k < a.data.size(); ++k) {
    scale = std::max(scale, std::abs(b.data[k]));
    worst = reference::worse(worst, std::abs(a.data[k] - b.data[k]));
  }
  return worst / scale;
}

// What `model` makes of examples, as a callable: recorded once, replayed on batches.
template <class T>
class Runner {
 public:
  template <class Model>
  Runner(const Params<T>& params, Index capacity, Index points, Index channels, const Model& model)
      : params_(params), program_(capacity, Mode::evaluate) {
    program_.output("y", model(program_.input("x", {.points = points, .channels = channels})));
    program_.finish();
    workspace_ = std::make_unique<Workspace<T>>(program_);
  }
  std::vector<Dense> operator()(const std::vector<Dense>& batch, std::uint64_t step = 0, Index first = 0) {
    workspace_->bind({static_cast<Index>(batch.size()), first, step, 11});
    const Block<T> x = workspace_->input("x");
    for (Index e = 0; e < x.examples; ++e)
      for (Index i = 0; i < x.points; ++i)
        for (Index j = 0; j < x.channels; ++j) x(e, i, j) = static_cast<T>(batch[e](i, j));
    program_.forward(*workspace_, params_.values().data());
    const Block<const T> y = workspace_->output("y");
    std::vector<Dense> list;
    for (Index e = 0; e < y.examples; ++e) {
      Dense d(y.points, y.channels);
      for (Index i = 0; i < y.points; ++i) {
        for (Index j = 0; j < y.channels; ++j) d(i, j) = static_cast<double>(y(e, i, j));
        for (Index j = y.channels; j < y.stride; ++j) CHECK(y.row(e, i)[j] == T(0));
      }
      list.push_back(d);
    }
    return list;
  }
  Dense operator()(const Dense& x) { return (*this)(std::vector<Dense>{x})[0]; }

 private:
  const Params<T>& params_;
  Program<T> program_;
  std::unique_ptr<Workspace<T>> workspace_;
};

// The largest |f(p x) - act(p, f(x))| over the group, relative to max(1, max|f|), inputs with ties.
template <class T, class Model, class Act>
double violation(const Params<T>& params, const Group& g, Index points, Index channels, const Model& model,
                 const Act& act, const std::function<Dense(const Permutation&, const Dense&)>& move = moved) {
  Runner<T> run(params, 1, points, channels, model);
  double worst = 0;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    const Dense x = random_points(points, channels, seed), y = run(x);
    for (const Permutation& p : g.elements())
      worst = reference::worse(worst, difference(run(move(p, x)), act(p, y)));
  }
  return worst;
}

Dense invariant(const Permutation&, const Dense& y) { return y; }

// A gradient check of an operation of one value [examples, n, c].
template <class Operation>
void check_operation(Index n, Index c, const Operation& operation) {
  Params<double> params;
  const Param x = params.weight("x", 3 * n, c);
  testing::draw_off_zero(params, 4);
  // Twice, so that the operation also has to add to a gradient that is there.
  testing::check_gradient(params, [&](Program<double>& g) {
    const auto input = testing::parameter_as_input(g, x, n);
    return add(square(operation(input)), operation(input));
  });
}

// A model that has no symmetry: all points and channels into one dense layer.
template <class T>
struct DenseModel {
  DenseModel(Params<T>& p, Index points, Index channels, Index out) : mlp(p, "f", {points * channels, 6, out}) {}
  Tensor<T> operator()(Tensor<T> x) const { return mlp(flatten(x)); }
  Mlp<T> mlp;
};

}  // namespace

TEST_CASE_TEMPLATE("permutations of points and of pairs move values along", T, float, double) {
  const Params<T> params;
  for (const Index c : {1, 2, 17}) {
    const Dense x = random_points(5, c, 1);
    for (const Permutation& p : Group::symmetric(5).sample(10, 1)) {
      Runner<T> run(params, 2, 5, c, [&](Tensor<T> t) { return permute_points(t, p); });
      CHECK(difference(run(x), moved(p, x)) == 0);
    }
  }
  const Dense a = random_points(5, 5, 2), twice = random_points(5, 5, 3);
  for (const Permutation& p : Group::symmetric(5).sample(10, 2)) {
    Runner<T> run(params, 2, 5, 5, [&](Tensor<T> t) { return permute_pairs(t, p); });
    const auto result = run({a, twice});
    CHECK(difference(result[0], moved_pairs(p, a)) == 0);
    CHECK(difference(result[1], moved_pairs(p, twice)) == 0);
  }
  // y_t = x_{t-g} for the shift by g.
  Runner<T> run(params, 1, 5, 2, [&](Tensor<T> t) { return permute_points(t, Group::cyclic(5).element(2)); });
  const Dense x = random_points(5, 2, 4), y = run(x);
  for (Index t = 0; t < 5; ++t) CHECK(y(t, 1) == x((t + 3) % 5, 1));
}

TEST_CASE_TEMPLATE("rows of an orbit are the transformed inputs", T, float, double) {
  const Params<T> params;
  const Group g = Group::named("C2xS3");
  const auto elements = g.elements();
  for (const Index c : {1, 3}) {
    Runner<T> run(params, 1, 6, c, [&](Tensor<T> t) { return orbit(t, elements); });
    const Dense x = random_points(6, c, 1), y = run(x);
    CHECK(y.rows == 12);
    for (Index e = 0; e < 12; ++e) {
      const Dense expected = moved(elements[e], x);
      for (Index k = 0; k < 6 * c; ++k) CHECK(y(e, k) == expected.data[k]);
    }
  }
}

TEST_CASE_TEMPLATE("projections to points average the elements that lead there", T, float, double) {
  const Params<T> params;
  const Group g = Group::named("S3+C2");
  const auto elements = g.elements();
  Runner<T> run(params, 2, 12, 3, [&](Tensor<T> f) { return project_to_points(f, g); });
  const Dense f = random_points(12, 3, 1), y = run(f);
  Dense expected(5, 3);
  for (Index i = 0; i < 5; ++i)
    for (std::size_t e = 0; e < 12; ++e)  // points 0 and 3 are the least of their orbits, of 3 and 2 points
      for (Index j = 0; j < 3; ++j)
        if (elements[e](i < 3 ? 0 : 3) == i) expected(i, j) += f(static_cast<Index>(e), j) / (i < 3 ? 4 : 6);
  CHECK(difference(y, expected) <= testing::equivariance_tolerance<T>());
}

TEST_CASE("gradients of the actions, of orbits, gathers and projections") {
  const Group g = Group::named("S3+C2");
  const auto elements = g.elements();
  for (const Index c : {1, 2, 9}) {
    check_operation(5, c, [&](Tensor<double> x) { return permute_points(x, elements[7]); });
    check_operation(5, c, [&](Tensor<double> x) { return permute_points(x, RandomElement{g, 2}); });
    check_operation(5, c, [&](Tensor<double> x) { return unpermute_points(x, RandomElement{g, 2}); });
    check_operation(5, c, [&](Tensor<double> x) { return orbit(x, elements); });
    check_operation(5, c, [&](Tensor<double> x) { return gather_points(x, 3, {0, 4, 4, 4, 1, 0}); });
    check_operation(12, c, [&](Tensor<double> f) { return project_to_points(f, g); });
  }
  check_operation(5, 5, [&](Tensor<double> a) { return permute_pairs(a, elements[7]); });
}

TEST_CASE_TEMPLATE("a group average of any model is invariant and one over fewer elements is not", T, float,
                   double) {
  const double tolerance = testing::equivariance_tolerance<T>();
  for (const Group& g : {Group::cyclic(5), Group::dihedral(5), Group::symmetric(4), Group::named("C2xC3")}) {
    const Index n = g.points();
    Params<T> params;
    const DenseModel<T> f(params, n, 2, 3);
    params.initialize(kaiming_uniform, 3);
    const auto elements = g.elements();
    const auto average = [&](Tensor<T> x) { return group_average(f, x, elements); };
    CHECK(violation<T>(params, g, n, 2, average, invariant) <= tolerance);
    // The copies as points: the same function.
    const auto copies = [&](Tensor<T> x) { return mean_points(f.mlp(orbit(x, elements))); };
    CHECK(violation<T>(params, g, n, 2, copies, invariant) <= tolerance);
    Runner<T> one(params, 1, n, 2, average), other(params, 1, n, 2, copies);
    const Dense x = random_points(n, 2, 9);
    CHECK(difference(one(x), other(x)) <= tolerance);
    const std::vector<Permutation> fewer(elements.begin(), elements.end() - 1);
    CHECK(violation<T>(
              params, g, n, 2, [&](Tensor<T> t) { return group_average(f, t, fewer); }, invariant) > 1e-3);
    CHECK(violation<T>(params, g, n, 2, f, invariant) > 1e-3);
  }
}

namespace {
// A dense layer from all points to all points, [b, n, in] -> [b, n, out]: no symmetry.
template <class T>
struct PointModel {
  PointModel(Params<T>& p, Index n, Index in, Index c) : mix(p, "mix", n * in, n * c), points(n), out(c) {}
  Tensor<T> operator()(Tensor<T> x) const {
    return x.program().record({
        .name = "unflatten",
        .inputs = {relu(mix(flatten(x)))},
        .shape = {Shape::kCapacity, points, out},
        .forward =
            [n = points, c = out](const Call<T>& call) {
              for (Index r = 0; r < call.out().rows; ++r)
                for (Index j = 0; j < c; ++j) call.out()(r, j) = call.in(0)(r / n, r % n * c + j);
            },
        .backward =
            [n = points, c = out](const Call<T>& call) {
              for (Index r = 0; r < call.out_gradient().rows; ++r)
                for (Index j = 0; j < c; ++j)
                  call.in_gradient(0)(r / n, r % n * c + j) += call.out_gradient()(r, j);
            },
    });
  }
  Linear<T> mix;
  Index points, out;
};
}  // namespace

TEST_CASE_TEMPLATE("an equivariant group average of any model is equivariant", T, float, double) {
  for (const Group& g : {Group::cyclic(6), Group::dihedral(4), Group::symmetric(4), Group::named("S2+C3")}) {
    const Index n = g.points();
    Params<T> params;
    const PointModel<T> f(params, n, 2, 3);
    params.initialize(kaiming_uniform, 3);
    const auto elements = g.elements();
    const auto average = [&](Tensor<T> x) { return equivariant_group_average(f, x, elements); };
    CHECK(violation<T>(params, g, n, 2, average, moved) <= testing::equivariance_tolerance<T>());
    CHECK(violation<T>(params, g, n, 2, f, moved) > 1e-3);
  }
}

TEST_CASE("a group average over graphs is invariant under permutations of both inputs") {
  Params<double> params;
  const Mlp<double> f(params, "f", {8, 5, 1});
  params.initialize(kaiming_uniform, 5);
  const auto elements = Group::symmetric(4).elements();
  const auto model = [&](Tensor<double> x, Tensor<double> a) { return f(flatten(with_neighbors(x, a))); };
  testing::EquivarianceOptions o{.points = 4, .channels = 1};
  const auto average = [&](Tensor<double> x, Tensor<double> a) { return group_average(model, x, a, elements); };
  testing::check_equivariance(params, average, o);
  CHECK(testing::equivariance_error(params, model, o) > 1e-3);
}

TEST_CASE("gradients of averages reach weights and inputs") {
  const Group g = Group::dihedral(4);
  const auto elements = g.elements();
  Params<double> params;
  const Param x = params.weight("x", 3 * 4, 2);
  const PointModel<double> f(params, 4, 2, 2);
  const DenseModel<double> h(params, 4, 2, 2);
  testing::draw_off_zero(params, 4);
  const testing::GradcheckOptions o{.step = 1e-5};
  const auto none = [](Workspace<double>&) {};
  const auto input = [&](Program<double>& p) { return testing::parameter_as_input(p, x, 4); };
  const auto check = [&](const auto& model) { testing::check_gradient(params, model, none, o, 1e-7); };
  check([&](Program<double>& p) { return group_average(h, input(p), elements); });
  check([&](Program<double>& p) { return equivariant_group_average(f, input(p), elements); });
  check([&](Program<double>& p) { return sampled_group_average(h, input(p), g, 3); });
  check([&](Program<double>& p) { return sampled_equivariant_group_average(f, input(p), g, 3); });
}

TEST_CASE_TEMPLATE("sampled elements belong to their example and step alone", T, float, double) {
  const Params<T> params;
  const Group g = Group::symmetric(9);
  const RandomElement element{g, 5};
  Runner<T> run(params, 4, 9, 2, [&](Tensor<T> x) { return permute_points(x, element); });
  const Dense x = random_points(9, 2, 1);
  const auto all = run({x, x, x, x}, 3, 20), later = run({x, x}, 3, 22), next = run({x, x, x, x}, 4, 20);
  for (std::size_t e = 0; e < 4; ++e) {
    const Permutation p = g.random({11 + 0x9E3779B97F4A7C15u * 5, Stream::group, 3, 20 + e});
    CHECK(difference(all[e], moved(p, x)) == 0);
    CHECK(difference(all[e], next[e]) > 0);
  }
  CHECK(difference(all[2], later[0]) == 0);
  CHECK(difference(all[3], later[1]) == 0);
  CHECK(difference(all[0], all[1]) > 0);
  Runner<T> back(params, 4, 9, 2,
                 [&](Tensor<T> t) { return unpermute_points(permute_points(t, element), element); });
  CHECK(difference(back({x, x, x}, 3, 7)[2], x) == 0);
}

TEST_CASE("a sampled average is the average over its elements, and unbiased") {
  Params<double> params;
  const DenseModel<double> f(params, 4, 1, 2);
  params.initialize(kaiming_uniform, 3);
  const Group g = Group::symmetric(4);
  const auto elements = g.elements();
  Runner<double> exact(params, 1, 4, 1, [&](Tensor<double> x) { return group_average(f, x, elements); });
  Runner<double> sampled(params, 100, 4, 1, [&](Tensor<double> x) { return sampled_group_average(f, x, g, 4); });
  const Dense x = random_points(4, 1, 3), expected = exact(x);
  double sum = 0, squares = 0;
  const int steps = 50, count = steps * 100;
  for (int step = 0; step < steps; ++step)
    for (const Dense& y : sampled(std::vector<Dense>(100, x), static_cast<std::uint64_t>(step))) {
      sum += y(0, 0);
      squares += y(0, 0) * y(0, 0);
    }
  const double mean = sum / count, deviation = std::sqrt(squares / count - mean * mean);
  CHECK(deviation > 1e-3);
  CHECK(std::abs(mean - expected(0, 0)) < 5 * deviation / std::sqrt(count));
}

TEST_CASE_TEMPLATE("group convolutions compute their formulas", T, float, double) {
  const Group g = Group::named("S3+C2");
  const auto elements = g.elements();
  const Index order = 12, n = 5, in = 2, out = 3;
  Params<T> params;
  const GroupLifting<T> lift(params, "lift", g, in, out);
  const GroupConvolution<T> conv(params, "conv", g, in, out);
  testing::draw_off_zero(params, 1);
  Runner<T> lifted(params, 1, n, in, lift), convolved(params, 1, order, in, conv);
  const Dense x = random_points(n, in, 1), f = random_points(order, in, 2);
  const auto entry = [&](Param p, Index i, Index j) { return static_cast<double>(params.view(p)(i, j)); };
  Dense y(order, out), z(order, out);
  for (Index a = 0; a < order; ++a) {
    const Permutation p = elements[a];
    for (Index o = 0; o < out; ++o) {
      y(a, o) = entry(lift.bias(), 0, o);
      z(a, o) = entry(conv.bias(), 0, o);
      for (Index c = 0; c < in; ++c) {
        for (Index i = 0; i < n; ++i) y(a, o) += x(i, c) * entry(lift.weight(), p.inverse()(i) * in + c, o);
        for (Index h = 0; h < order; ++h)
          z(a, o) += f(h, c) * entry(conv.weight(), g.rank(p.inverse() * elements[h]) * in + c, o);
      }
    }
  }
  CHECK(difference(lifted(x), y) <= testing::equivariance_tolerance<T>());
  CHECK(difference(convolved(f), z) <= testing::equivariance_tolerance<T>());
}

TEST_CASE_TEMPLATE("on cycles and tori group convolutions are cyclic convolutions", T, float, double) {
  const Index in = 2, out = 3;
  for (const char* name : {"C1", "C2", "C7", "C16", "C3xC4", "C4xC3", "C1xC5", "C5xC1", "C2xC2"}) {
    CAPTURE(name);
    const Group g = Group::named(name);
    const Index n = g.points();
    Params<T> params;
    const GroupLifting<T> lift(params, "lift", g, in, out);
    const GroupConvolution<T> conv(params, "conv", g, in, out);
    testing::draw_off_zero(params, 1);
    const Dense f = random_points(n, in, 2);
    const auto expected = [&](Param weight, Param bias) {
      Dense y(n, out);
      for (Index t = 0; t < n; ++t)
        for (Index o = 0; o < out; ++o) {
          y(t, o) = static_cast<double>(params.view(bias)(0, o));
          for (Index c = 0; c < in; ++c)
            for (Index k = 0; k < n; ++k)
              y(t, o) += f(g.element(t)(k), c) * static_cast<double>(params.view(weight)(c * n + k, o));
        }
      return y;
    };
    Runner<T> lifted(params, 1, n, in, lift), convolved(params, 1, n, in, conv);
    CHECK(difference(lifted(f), expected(lift.weight(), lift.bias())) <= testing::equivariance_tolerance<T>());
    CHECK(difference(convolved(f), expected(conv.weight(), conv.bias())) <= testing::equivariance_tolerance<T>());
  }
  Params<T> params;
  const GroupConvolution<T> cycle(params, "cycle", Group::cyclic(6), in, out);
  const GroupConvolution<T> torus(params, "torus", Group::named("C2xC3"), in, out);
  const GroupConvolution<T> mirrored(params, "mirrored", Group::dihedral(3), in, out);
  CHECK(params.list()[0].file_shape == std::vector<Index>{3, 2, 6});
  CHECK(params.list()[2].file_shape == std::vector<Index>{3, 2, 2, 3});
  CHECK(params.list()[4].file_shape == std::vector<Index>{3, 12});
}

TEST_CASE("a dense first layer averaged over a cycle costs a convolution and not a copy for each shift") {
  const Index n = 128, width = 16;
  Params<float> params;
  const GroupAveragedMlp<float> net(params, "net", Group::cyclic(n), {width, width, 1});
  Program<float> program(8, Mode::train);
  const auto x = program.input("x", {.points = n, .channels = width});
  program.finish(net(x));
  const double copies = static_cast<double>(n * n * width);  // elements an example of n transformed inputs
  CHECK(static_cast<double>(program.memory_bytes()) < copies * 8 * sizeof(float));
  CHECK(program.multiply_adds() < copies * width);
}

TEST_CASE_TEMPLATE("an averaged dense network is the group average of the dense network", T, float, double) {
  const Index in = 2, hidden = 5;
  for (const char* name : {"C6", "C2xC4", "D5", "S4", "S3+C2"}) {
    CAPTURE(name);
    const Group g = Group::named(name);
    const Index n = g.points();
    Params<T> params;
    const GroupAveragedMlp<T> net(params, "net", g, {in, hidden, 4, 3});
    const Linear<T> first(params, "first", n * in, hidden);
    testing::draw_off_zero(params, 2);
    // The lifting's weights, where a dense layer of flattened points has them.
    const bool cyclic = name[0] == 'C';
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < in; ++c)
        for (Index j = 0; j < hidden; ++j)
          params.view(first.weight)(i * in + c, j) =
              params.view(net.lifting().weight())(cyclic ? c * n + i : i * in + c, j);
    for (Index j = 0; j < hidden; ++j) params.view(first.bias)(0, j) = params.view(net.lifting().bias())(0, j);
    const auto elements = g.elements();
    const auto inner = [&](Tensor<T> x) { return net.rest()(relu(first(flatten(x)))); };
    Runner<T> fast(params, 1, n, in, net);
    Runner<T> plain(params, 1, n, in, [&](Tensor<T> x) { return group_average(inner, x, elements); });
    const Dense x = random_points(n, in, 4);
    CHECK(difference(fast(x), plain(x)) <= testing::equivariance_tolerance<T>());
    CHECK(violation<T>(params, g, n, in, net, invariant) <= testing::equivariance_tolerance<T>());
  }
  Params<T> params;
  CHECK_THROWS_AS(GroupAveragedMlp<T>(params, "net", Group::cyclic(3), {2, 1}), ValueError);
}

TEST_CASE_TEMPLATE("networks of group convolutions are equivariant and a dense layer among them breaks it", T,
                   float, double) {
  const double tolerance = testing::equivariance_tolerance<T>();
  for (const Group& g : {Group::cyclic(8), Group::dihedral(5), Group::symmetric(4), Group::named("C3xC4"),
                         Group::named("S3+C2"), hyperoctahedral(3)}) {
    const Index n = g.points(), order = *g.order();
    Params<T> params;
    const GroupLifting<T> lift(params, "lift", g, 2, 3);
    const GroupConvolution<T> full(params, "full", g, 3, 3);
    std::vector<Permutation> support = g.generators();
    support.push_back(Permutation::identity(n));
    const GroupConvolution<T> part(params, "part", g, 3, 2, support, false);
    const PointModel<T> dense(params, order, 3, 3);
    params.initialize(kaiming_uniform, 2);
    const auto left = [&](const Permutation& p, const Dense& y) { return moved(g.left_multiplication(p), y); };
    CHECK(violation<T>(params, g, n, 2, lift, left) <= tolerance);
    CHECK(violation<T>(params, g, order, 3, full, left, left) <= tolerance);
    CHECK(violation<T>(params, g, order, 3, part, left, left) <= tolerance);
    const auto net = [&](Tensor<T> x) { return part(relu(full(relu(lift(x))))); };
    const auto to_points = [&](Tensor<T> x) { return project_to_points(net(x), g); };
    const auto to_value = [&](Tensor<T> x) { return mean_points(net(x)); };
    CHECK(violation<T>(params, g, n, 2, to_points, moved) <= tolerance);
    CHECK(violation<T>(params, g, n, 2, to_value, invariant) <= tolerance);
    const auto broken = [&](Tensor<T> x) { return full(dense(lift(x))); };
    CHECK(violation<T>(params, g, n, 2, broken, left) > 1e-3);
  }
}

TEST_CASE("gradients of group convolutions") {
  for (const char* name : {"S3", "C4", "C2xC3"}) {
    const Group g = Group::named(name);
    const Index n = g.points();
    Params<double> params;
    const Param x = params.weight("x", 3 * n, 2);
    const GroupLifting<double> lift(params, "lift", g, 2, 3);
    const GroupConvolution<double> full(params, "full", g, 3, 2);
    const GroupConvolution<double> part(params, "part", g, 2, 2, g.generators());
    testing::draw_off_zero(params, 4, 0.1, 0.6);
    testing::check_gradient(params, [&](Program<double>& p) {
      return project_to_points(part(square(full(lift(testing::parameter_as_input(p, x, n))))), g);
    });
  }
}

TEST_CASE("operations of groups refuse other shapes") {
  const Group g = Group::cyclic(4);
  Params<float> params;
  const GroupLifting<float> lift(params, "lift", g, 2, 3);
  const GroupConvolution<float> conv(params, "conv", Group::symmetric(3), 2, 3);
  Program<float> program(2, Mode::evaluate);
  const auto x = program.input("x", {.points = 5, .channels = 2});
  CHECK(message<Error>([&] { permute_points(x, g.element(1)); }) ==
        "permute_points: x is [b, 5, 2] and the permutation has 4 points; it must have one image for each point of "
        "x");
  CHECK_THROWS_AS(permute_points(x, RandomElement{g, 0}), ShapeError);
  CHECK_THROWS_AS(permute_pairs(x, Permutation::identity(5)), ShapeError);
  CHECK_THROWS_AS(orbit(x, g.elements()), ShapeError);
  CHECK_THROWS_AS(orbit(x, {}), ValueError);
  CHECK_THROWS_AS(gather_points(x, 2, {0, 1, 2}), ShapeError);
  CHECK_THROWS_AS(gather_points(x, 2, {0, 5}), ShapeError);
  CHECK_THROWS_AS(gather_points(x, 0, {}), ShapeError);
  CHECK_THROWS_AS(project_to_points(x, g), ShapeError);
  CHECK_THROWS_AS(lift(x), ShapeError);
  CHECK_THROWS_AS(conv(x), ShapeError);
  CHECK_THROWS_AS(group_average([](Tensor<float> t) { return t; }, x, {}), ValueError);
  CHECK_THROWS_AS(sampled_group_average([](Tensor<float> t) { return t; }, x, g, 0), ValueError);
  CHECK_THROWS_AS(permute_points(program.param(lift.weight()), Permutation::identity(8)), ShapeError);
  CHECK_THROWS_AS(GroupConvolution<float>(params, "wide", Group::symmetric(8), 1, 1), ValueError);
  CHECK_THROWS_AS(GroupLifting<float>(params, "large", Group::symmetric(12), 1, 1), ValueError);
  CHECK_THROWS_AS(GroupConvolution<float>(params, "support", g, 1, 1, {Permutation({1, 0, 2, 3})}), ValueError);
}

}  // namespace test_groups
