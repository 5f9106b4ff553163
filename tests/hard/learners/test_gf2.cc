// Elimination over GF(2): golden ranks and predictions, a naive second implementation, whole words of unknowns,
// degree parities from graphs up to their complement, inconsistent labels, and what is refused.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/learners/gf2.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "support/golden.h"
#include "support/thrown.h"

namespace test_gf2 {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

using Words = std::vector<std::uint64_t>;
bool bit_of(const Words& x, Index j) { return (x[j / 64] >> (j % 64) & 1) != 0; }

// A random row in which each unknown stands with probability `density`.
Words random_row(Index unknowns, double density, Draws& draws) {
  Words row((unknowns + 63) / 64);
  for (Index j = 0; j < unknowns; ++j)
    if (draws.uniform() < density) row[j / 64] |= std::uint64_t{1} << (j % 64);
  return row;
}

bool dot(const Words& row, const Words& x) {
  int ones = 0;
  for (std::size_t w = 0; w < row.size(); ++w) ones += std::popcount(row[w] & x[w]);
  return ones % 2 != 0;
}

// Gauss-Jordan on a table of bytes; the last column is the right side.
struct Naive {
  std::vector<std::vector<int>> rows;

  static std::vector<int> unpack(const Words& row, Index unknowns, bool right) {
    std::vector<int> v;
    for (Index j = 0; j < unknowns; ++j) v.push_back(bit_of(row, j));
    v.push_back(right);
    return v;
  }
  // The number of independent left sides, by elimination from scratch, column by column.
  Index rank(std::size_t columns) const {
    auto a = rows;
    std::size_t done = 0;
    for (std::size_t c = 0; c < columns; ++c) {
      std::size_t p = done;
      while (p < a.size() && a[p][c] == 0) ++p;
      if (p == a.size()) continue;
      std::swap(a[p], a[done]);
      for (std::size_t i = 0; i < a.size(); ++i)
        if (i != done && a[i][c] != 0)
          for (std::size_t k = 0; k < a[i].size(); ++k) a[i][k] ^= a[done][k];
      ++done;
    }
    return static_cast<Index>(done);
  }
};

// Graphs of the law, one after the other.
struct Graphs {
  Graphs(const DegreeParity& f, Index count, std::uint64_t seed)
      : memory(count * f.n(), f.n()), block{memory.data(), count, f.n(), f.n(), memory.stride()} {
    f.sample({seed, Stream::train, 0, 0}, block);
  }
  MatrixView<const double> operator[](Index e) const {
    return {block.row(e), block.points, block.points, block.stride};
  }
  Matrix<double> memory;
  Block<double> block;
};

DegreeParityLearner learner_of(const DegreeParity& f, const Graphs& graphs) {
  DegreeParityLearner learner(f.n(), f.self_loops());
  for (Index e = 0; e < graphs.block.examples; ++e) learner.add(graphs[e], static_cast<int>(f.value(graphs[e])));
  return learner;
}

}  // namespace

TEST_CASE("gf2: golden ranks after every graph, and golden predictions") {
  const auto& g = golden("F1").at("gf2");
  DegreeParityLearner learner(g.at("n"), false);
  for (std::size_t e = 0; e < g.at("train_counts").size(); ++e) {
    learner.add(g.at("train_counts")[e].get<std::vector<Index>>(), g.at("train_labels")[e]);
    CHECK(learner.system().rank() == g.at("rank_after")[e].get<Index>());
  }
  CHECK(learner.system().rank() == g.at("rank").get<Index>());
  for (std::size_t e = 0; e < g.at("test_counts").size(); ++e) {
    const auto counts = g.at("test_counts")[e].get<std::vector<Index>>();
    const auto decided = learner.decided(counts);
    CHECK(decided.has_value() == g.at("test_determined")[e].get<bool>());
    if (decided) CHECK(*decided == g.at("test_pred")[e].get<int>());
  }
  const LearnedParity f = learner.result();
  CHECK(same_parity(f, g.at("S").get<std::vector<Index>>(), g.at("b")));
  CHECK(f.classes == std::vector<Index>{1, 3, 6});  // the complement of {2, 4, 5} has class 1
  CHECK(f.b == 1);                                  // b + n mod 2
  CHECK(f.free_directions == 0);
  CHECK(f.last_rise == 7);
  CHECK(f.guarantee == doctest::Approx(6.0 / 41));
  CHECK(parity_json(f) == R"({"n": 6, "self_loops": false, "S": [1, 3, 6], "b": 1})");
}

TEST_CASE("gf2: rank, span, solutions and contradictions agree with a naive elimination at 20 random settings") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Draws draws({seed, Stream::user, 70, 0});
    const Index unknowns = 1 + draws.below(90), equations = 1 + draws.below(110);
    const double density = seed % 3 == 0 ? 0.04 : 0.5;
    CAPTURE(seed);
    const Words truth = random_row(unknowns, 0.5, draws);
    Gf2System system(unknowns);
    Naive naive;
    Index contradictions = 0;
    const auto columns = static_cast<std::size_t>(unknowns);
    for (Index e = 0; e < equations; ++e) {
      const Words row = random_row(unknowns, density, draws);
      const bool right = dot(row, truth) != (draws.uniform() < (seed % 2 == 0 ? 0.0 : 0.1));
      const Index before = naive.rank(columns), whole_before = naive.rank(columns + 1);
      naive.rows.push_back(Naive::unpack(row, unknowns, right));
      const bool independent = naive.rank(columns) > before;
      // With the right side the rank rises where the left side did not: a contradiction.
      const bool contradiction = !independent && naive.rank(columns + 1) > whole_before;
      const Gf2System::Kind kind = system.add(row, right);
      CHECK((kind == Gf2System::Kind::independent) == independent);
      CHECK((kind == Gf2System::Kind::contradiction) == contradiction);
      if (contradiction) naive.rows.pop_back();
      contradictions += contradiction;
    }
    CHECK(system.rank() == naive.rank(columns));
    CHECK(system.contradictions() == contradictions);
    const Words x = system.solution();
    const auto free = system.free_directions();
    CHECK(static_cast<Index>(free.size()) == unknowns - system.rank());
    for (const auto& row : naive.rows) {
      int left = 0;
      std::vector<int> homogeneous(free.size());
      for (Index j = 0; j < unknowns; ++j) {
        left ^= row[j] & static_cast<int>(bit_of(x, j));
        for (std::size_t k = 0; k < free.size(); ++k)
          homogeneous[k] ^= row[j] & static_cast<int>(bit_of(free[k], j));
      }
      CHECK(left == row.back());
      CHECK(std::count(homogeneous.begin(), homogeneous.end(), 1) == 0);
    }
    for (int t = 0; t < 20; ++t) {
      const Words row = random_row(unknowns, density, draws);
      Naive more = naive;
      more.rows.push_back(Naive::unpack(row, unknowns, false));
      const auto implied = system.implied(row);
      CHECK(implied.has_value() == (more.rank(columns) == system.rank()));
      // Every solution gives what is implied, and one outside of the span is undecided by the free directions.
      bool undecided = false;
      for (const Words& f : free) undecided |= dot(row, f);
      CHECK(implied.has_value() != undecided);
      if (implied) CHECK(*implied == dot(row, x));
    }
  }
}

TEST_CASE("gf2: unknowns at the ends of words, and bits beyond them") {
  for (const Index unknowns : {1, 2, 63, 64, 65, 127, 128, 129, 1500}) {
    CAPTURE(unknowns);
    Draws draws({static_cast<std::uint64_t>(unknowns), Stream::user, 71, 0});
    const Words truth = random_row(unknowns, 0.5, draws);
    Gf2System system(unknowns);
    while (system.rank() < unknowns && system.equations() < 2 * unknowns + 60) {
      Words row = random_row(unknowns, 0.5, draws);
      const bool right = dot(row, truth);
      if (unknowns % 64 != 0) row.back() |= ~std::uint64_t{0} << (unknowns % 64);
      system.add(row, right);
    }
    CHECK(system.rank() == unknowns);
    CHECK(system.last_rise() == system.equations());
    CHECK(system.solution() == truth);
    CHECK(system.free_directions().empty());
    CHECK(system.contradictions() == 0);
    Words unit(truth.size());
    unit.back() = std::uint64_t{1} << ((unknowns - 1) % 64);
    CHECK(system.add(unit, !bit_of(truth, unknowns - 1)) == Gf2System::Kind::contradiction);
    CHECK(system.add(unit, bit_of(truth, unknowns - 1)) == Gf2System::Kind::dependent);
    CHECK(system.solution() == truth);
  }
}

TEST_CASE("gf2: no equations, and the row of zeros") {
  Gf2System system(70);
  CHECK(system.rank() == 0);
  CHECK(system.solution() == Words{0, 0});
  CHECK(system.free_directions().size() == 70);
  CHECK(system.implied(Words{0, 0}) == false);
  CHECK(!system.implied(Words{0, 1}));
  CHECK(system.add(Words{0, 0}, false) == Gf2System::Kind::dependent);
  CHECK(system.add(Words{0, 0}, true) == Gf2System::Kind::contradiction);
  CHECK(system.rank() == 0);
}

TEST_CASE("gf2: degree parities from graphs are right wherever the sample decides them") {
  for (const bool self_loops : {false, true})
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const Index n = 2 + static_cast<Index>(seed) * 3;
      const auto f = DegreeParity::draw({n, self_loops, 1.0, 0.0}, seed);
      const Graphs train(f, 4 * n, seed), test(f, 300, seed + 100);
      CAPTURE(n);
      CAPTURE(self_loops);
      const DegreeParityLearner learner = learner_of(f, train);
      const LearnedParity h = learner.result();
      const Index classes = degree_classes(n, self_loops);
      CHECK(h.rank <= classes);
      CHECK(h.rank + h.free_directions == classes);
      CHECK(2 * static_cast<Index>(h.classes.size()) <= classes);
      Index wrong = 0;
      for (Index e = 0; e < 300; ++e) {
        const int g = static_cast<int>(f.value(test[e])), guess = parity_value(h, test[e]);
        const auto decided = learner.decided(degree_counts(test[e], self_loops));
        if (decided) CHECK(*decided == g);
        if (decided) CHECK(guess == g);
        wrong += guess != g;
      }
      for (Index e = 0; e < 4 * n; ++e) CHECK(parity_value(h, train[e]) == static_cast<int>(f.value(train[e])));
      // The exact error of what was learned against the error on fresh graphs: 6 standard errors.
      const double p = parity_error(h, f.classes(), f.b());
      CHECK(std::abs(static_cast<double>(wrong) / 300 - p) <= 6 * std::sqrt(p * (1 - p) / 300) + 1e-12);
      if (h.free_directions == 0) CHECK(same_parity(h, f.classes(), f.b()));
      if (same_parity(h, f.classes(), f.b())) CHECK(p <= 1e-12);
    }
}

TEST_CASE("gf2: S and its complement with b + n are one function, and b alone is another") {
  for (const Index n : {4, 5}) {
    const std::vector<Index> s = {1, 3}, other = n == 4 ? std::vector<Index>{2, 4} : std::vector<Index>{2, 4, 5};
    LearnedParity f{.n = n, .classes = s, .b = 1};
    const int b = static_cast<int>((1 + n) % 2);
    CHECK(same_parity(f, s, 1));
    CHECK(!same_parity(f, s, 0));
    CHECK(complement(f).classes == other);
    CHECK(complement(f).b == b);
    CHECK(same_parity(f, other, b));
    CHECK(!same_parity(f, other, 1 - b));
    CHECK(parity_error(f, other, b) == doctest::Approx(0));
    CHECK(parity_error(f, other, 1 - b) == doctest::Approx(1));
    CHECK(!same_parity(f, std::vector<Index>{1}, 1));
    const DegreeParity left(n, false, s, 1), right(n, false, other, b);
    const Graphs graphs(left, 50, 3);
    for (Index e = 0; e < 50; ++e) {
      CHECK(left.value(graphs[e]) == right.value(graphs[e]));
      CHECK(parity_value(f, graphs[e]) == static_cast<int>(left.value(graphs[e])));
    }
  }
}

TEST_CASE("gf2: the mean error stays below its guarantee, L / (m + 1)") {
  for (const Index m : {10, 40, 160}) {
    double error = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      const auto f = DegreeParity::draw({16, false, 0.01, 5}, seed);
      const LearnedParity h = learner_of(f, Graphs(f, m, seed + 1000)).result();
      error += parity_error(h, f.classes(), f.b()) / 40;
    }
    CHECK(error <= 16.0 / static_cast<double>(m + 1));
  }
}

TEST_CASE("gf2: one wrong label of many is found, and says so") {
  const auto f = DegreeParity::draw({8, false, 0.5, 0}, 1);
  const Graphs graphs(f, 200, 1);
  DegreeParityLearner learner = learner_of(f, graphs);
  CHECK(same_parity(learner.result(), f.classes(), f.b()));
  learner.add(graphs[0], 1 - static_cast<int>(f.value(graphs[0])));
  CHECK(contains(message([&] { learner.result(); }),
                 "inconsistent labels: the sample is not realisable by any (S,b); 1 of 201"));
}

TEST_CASE("gf2: what is not allowed is refused") {
  CHECK(contains(message([] { Gf2System(0); }), "1 to 65536"));
  CHECK(contains(message([] { Gf2System(65537); }), "65537 unknowns"));
  Gf2System system(65);
  CHECK(contains(message([&] { system.add(Words{1}, true); }), "65 unknowns take 2"));
  CHECK(contains(message([&] { system.implied(Words{1, 2, 3}); }), "a row of 3 words"));
  CHECK(contains(message([] { DegreeParityLearner(1, false); }), "n"));
  DegreeParityLearner learner(4, false);
  const std::vector<Index> counts = {1, 1, 1, 1}, few = {1, 1, 2}, wrong = {1, 1, 1, 2}, negative = {-1, 2, 2, 1};
  CHECK(contains(message([&] { learner.add(counts, 2); }), "must be 0 or 1"));
  CHECK(contains(message([&] { learner.add(few, 1); }), "3 degree counts"));
  CHECK(contains(message([&] { learner.add(wrong, 1); }), "have sum 5"));
  CHECK(contains(message([&] { learner.add(negative, 1); }), "negative"));
  const Matrix<double> big(5, 5);
  CHECK(contains(message([&] { learner.add(big.view(), 1); }), "5 nodes"));
  CHECK(learner.system().equations() == 0);
}

}  // namespace test_gf2
