// gnn-degree-parity: golden values, the realising network, the sampler, and what is refused.
#include <doctest/doctest.h>
#include <eqnn/core/spelling.h>
#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "support/golden.h"
#include "support/thrown.h"

namespace test_degree_parity {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

Matrix<double> matrix_of(const nlohmann::json& rows) {
  const auto n = static_cast<Index>(rows.size());
  Matrix<double> a(n, n);
  for (Index i = 0; i < n; ++i) {
    const auto row = rows[i].get<std::string>();
    for (Index j = 0; j < n; ++j) a(i, j) = row[j] == '1';
  }
  return a;
}

template <class T>
struct Graphs {
  Graphs(Index examples, Index n)
      : memory(examples * n, n), block{memory.data(), examples, n, n, memory.stride()} {}
  Block<const T> inputs() const { return {block.data, block.examples, block.points, block.channels, block.stride}; }
  MatrixView<const double> graph(Index e) const {
    return {block.row(e), block.points, block.channels, block.stride};
  }
  Matrix<T> memory;
  Block<T> block;
};

// g by the definition, one node at a time and without tables.
template <class T>
int naive(const Block<T>& x, Index e, bool self_loops, const std::vector<Index>& classes, int b) {
  int g = b;
  for (const Index i : classes)
    for (Index v = 0; v < x.points; ++v) {
      Index degree = 0;
      for (Index j = 0; j < x.points; ++j) degree += (j != v || self_loops) && x(e, v, j) == T(1);
      g += degree == i - 1;
    }
  return g % 2;
}

DegreeParity random_member(Index n, bool self_loops, std::uint64_t seed) {
  return DegreeParity::draw({n, self_loops, 1.0, 0.0}, seed);
}

// Largest |network - g| over the graphs; computed in T.
template <class T>
double network_error(const DegreeParity& f, const Graphs<T>& graphs) {
  Params<T> params;
  const DegreeParityNetwork<T> network(params, f);
  network.set_weights(params);
  Program<T> program(graphs.block.examples, Mode::evaluate);
  const auto ones = program.input("ones", {Shape::kCapacity, f.n(), 1});
  const auto adjacency = program.input("adjacency", {Shape::kCapacity, f.n(), f.n()});
  program.output("g", network(ones, adjacency));
  program.finish();
  Workspace<T> workspace(program);
  workspace.bind({graphs.block.examples, 0, 0, 0});
  for (Index e = 0; e < graphs.block.examples; ++e)
    for (Index i = 0; i < f.n(); ++i) {
      workspace.input("ones")(e, i) = T(1);
      for (Index j = 0; j < f.n(); ++j) workspace.input("adjacency")(e, i, j) = graphs.block(e, i, j);
    }
  program.forward(workspace, params.values().data());
  double largest = 0;
  for (Index e = 0; e < graphs.block.examples; ++e) {
    const double g = naive(graphs.block, e, f.self_loops(), f.classes(), f.b());
    largest = std::max(largest, std::abs(static_cast<double>(workspace.output("g")(e)) - g));
  }
  return largest;
}

// All graphs on n nodes, n <= 4.
template <class T>
Graphs<T> all_graphs(Index n, bool self_loops) {
  const Index bits = n * (self_loops ? n : n - 1);
  Graphs<T> graphs(Index{1} << bits, n);
  for (Index e = 0; e < graphs.block.examples; ++e) {
    Index left = e;
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        if (self_loops || i != j) {
          graphs.block(e, i, j) = static_cast<T>(left % 2);
          left /= 2;
        }
  }
  return graphs;
}

// Every member on n nodes: all S that are not refused, both b.
std::vector<DegreeParity> all_members(Index n, bool self_loops) {
  const Index levels = degree_classes(n, self_loops);
  std::vector<DegreeParity> members;
  for (Index u = 1; u + 1 < Index{1} << levels; ++u) {
    std::vector<Index> classes;
    for (Index i = 0; i < levels; ++i)
      if ((u >> i & 1) != 0) classes.push_back(i + 1);
    for (const int b : {0, 1}) members.emplace_back(n, self_loops, classes, b);
  }
  return members;
}

}  // namespace

TEST_CASE("degree parity: counts, values and means agree with the golden cases") {
  for (const auto& c : golden("F1").at("cases")) {
    const Index n = c.at("n");
    const bool loops = c.at("self_loops");
    const auto a = matrix_of(c.at("adjacency"));
    CHECK(degree_counts(a.view(), loops) == c.at("counts").get<std::vector<Index>>());
    for (const auto& q : c.at("queries")) {
      const auto classes = q.at("S").get<std::vector<Index>>();
      const int b = q.at("b");
      CHECK(near(mean_sign(n, loops, classes, b), q.at("mean_sign")));
      if (classes.empty() || static_cast<Index>(classes.size()) == degree_classes(n, loops)) {
        CHECK_THROWS_AS(DegreeParity(n, loops, classes, b), ValueError);
        continue;
      }
      const DegreeParity f(n, loops, classes, b);
      CHECK(f.value(a.view()) == q.at("g").get<double>());
      double target = 0;
      f.targets({a.data(), 1, n, n, a.stride()}, &target);
      CHECK(target == q.at("sign").get<double>());
      CHECK(near(f.mean_sign(), q.at("mean_sign")));
    }
  }
}

TEST_CASE("degree parity: correlations and collision probabilities agree with the golden values") {
  for (const auto& c : golden("F1").at("correlations")) {
    const auto s = c.at("S").get<std::vector<Index>>(), t = c.at("T").get<std::vector<Index>>();
    const Index n = c.at("n");
    const bool loops = c.at("self_loops");
    CHECK(near(sign_correlation(n, loops, s, c.at("b"), t, c.at("bT")), c.at("corr")));
    if (!t.empty())
      CHECK(near(correlation(DegreeParity(n, loops, s, c.at("b")), DegreeParity(n, loops, t, c.at("bT"))),
                 c.at("corr")));
  }
  for (const auto& c : golden("F1").at("collision")) {
    const double probability = collision_probability(c.at("n"), c.at("self_loops"));
    CHECK(near(probability, c.at("collision_probability")));
    CHECK(near(1 / probability, c.at("n_eff")));
  }
}

TEST_CASE("degree parity: effective numbers of functions are those printed in the specification") {
  const auto effective = [](Index n) { return 1 / collision_probability(n, false); };
  CHECK(effective(24) == doctest::Approx(1733).epsilon(3e-4));
  CHECK(effective(48) == doctest::Approx(1.10e5).epsilon(5e-3));
  CHECK(std::log2(effective(96)) == doctest::Approx(25.5).epsilon(2e-3));
  CHECK(std::log2(effective(128)) == doctest::Approx(30.3).epsilon(2e-3));
  CHECK(std::log2(effective(128)) / std::sqrt(128.0) == doctest::Approx(2.7).epsilon(0.02));
  // It goes on growing where factorials of 2n leave the range of double.
  CHECK(effective(256) > effective(128));
  CHECK(effective(1024) > effective(256));
  CHECK(std::isfinite(effective(1024)));
  CHECK(1 / *largest_cell(8, false) == doctest::Approx(17.8).epsilon(3e-3));
  CHECK(1 / *largest_cell(16, false) == doctest::Approx(132).epsilon(4e-3));
  CHECK(!largest_cell(21, false).has_value());
  // |1 - 2 p_i|^16 of i = 1..16 is at most 1/2 for degrees 4 to 11 only: p_4 = 455 / 2^15, p_5 = 1365 / 2^15.
  CHECK(spread_classes(16, false, 0.5) == 8);
}

TEST_CASE("degree parity: the sampler accepts as many sets as the golden values and the specification say") {
  for (const auto& c : golden("F1").at("accepted_subsets")) {
    const double sets = c.at("subsets");
    CHECK(DegreeParitySampler{c.at("n"), false, 0.01, 0}.acceptance().value * sets ==
          c.at("accepted_001").get<double>());
    CHECK(DegreeParitySampler{c.at("n"), false, 0.05, 0}.acceptance().value * sets ==
          c.at("accepted_005").get<double>());
  }
  struct Printed {
    Index n;
    double value, half_digit;
  };
  for (const Printed p : {Printed{4, .50, .005},
                          {6, .53, .005},
                          {8, .52, .005},
                          {12, .57, .005},
                          {15, .60, .005},
                          {16, .65, .005},
                          {24, .91, .005},
                          {32, .974, .0005},
                          {48, .997, .0005}}) {
    const Estimate a = DegreeParitySampler{p.n, false, 0.01, 5}.acceptance();
    CHECK(std::abs(a.value - p.value) <= p.half_digit + 5 * a.error);
    CHECK((a.error == 0) == (p.n <= 24));
  }
}

TEST_CASE("degree parity: exactly 8 sets are accepted at n = 4, among them edge parity") {
  std::vector<std::vector<Index>> accepted;
  for (const DegreeParity& f : all_members(4, false))
    if (f.b() == 0 && DegreeParitySampler{4}.accepts(f.classes())) accepted.push_back(f.classes());
  // p = (1, 3, 3, 1) / 8, and both limits leave exactly the sets of p_S = 1/2, 3/8 and 5/8.
  const std::vector<std::vector<Index>> expected = {{2}, {1, 2}, {3}, {1, 3}, {2, 4}, {1, 2, 4}, {3, 4}, {1, 3, 4}};
  CHECK(accepted == expected);
  CHECK(!DegreeParitySampler{4}.accepts(std::vector<Index>{}));
}

TEST_CASE("degree parity: drawn members obey the limits, depend on the seed alone, and cover what is accepted") {
  std::vector<std::vector<Index>> seen;
  int ones = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const DegreeParity f = DegreeParity::draw({4}, seed);
    CHECK(f.bias() <= 0.01);
    CHECK(f.least_expected_count() >= 4.0 / 3);
    CHECK(f.classes() == DegreeParity::draw({4}, seed).classes());
    CHECK(f.b() == DegreeParity::draw({4}, seed).b());
    ones += f.b();
    if (std::find(seen.begin(), seen.end(), f.classes()) == seen.end()) seen.push_back(f.classes());
  }
  CHECK(seen.size() == 8);
  CHECK(std::abs(ones - 200) <= 50);  // five standard errors
  for (const Index n : {15, 24, 64}) {
    const DegreeParity f = DegreeParity::draw({n}, 3);
    CHECK(f.bias() <= 0.01);
    CHECK(f.least_expected_count() >= 5);
  }
}

TEST_CASE("degree parity: the realising network equals the definition on every graph of up to 4 nodes") {
  for (const bool loops : {false, true})
    for (const Index n : {2, 3}) {
      const auto graphs = all_graphs<double>(n, loops);
      const auto graphs_f = all_graphs<float>(n, loops);
      for (const DegreeParity& f : all_members(n, loops)) {
        CHECK(network_error(f, graphs) == 0);
        CHECK(network_error(f, graphs_f) == 0);
      }
    }
  const auto graphs = all_graphs<double>(4, false);
  for (const DegreeParity& f : all_members(4, false)) CHECK(network_error(f, graphs) == 0);
  CHECK(network_error(DegreeParity(4, true, {2, 3, 5}, 1), all_graphs<float>(4, true)) == 0);
}

TEST_CASE("degree parity: the realising network equals the definition on random graphs of up to 128 nodes") {
  for (const bool loops : {false, true})
    for (const Index n : {8, 15, 33, 64, 128}) {
      const DegreeParity f = random_member(n, loops, 11);
      Graphs<double> graphs(16, n);
      Graphs<float> graphs_f(16, n);
      f.sample({5, Stream::test, 0, 0}, graphs.block);
      f.sample({5, Stream::test, 0, 0}, graphs_f.block);
      CHECK(network_error(f, graphs) == 0);
      CHECK(network_error(f, graphs_f) == 0);
    }
}

TEST_CASE("degree parity: values, targets and controls agree with a naive count on 1000 random members") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Index n = 2 + static_cast<Index>(seed % 19);
    const bool loops = seed % 3 == 0;
    const DegreeParity f = random_member(n, loops, seed);
    Graphs<double> graphs(2, n);
    f.sample({seed, Stream::user, 0, 0}, graphs.block);
    if (!loops) graphs.block(0, 0, 0) = graphs.block(1, n - 1, n - 1) = 1;  // ignored
    double target[2], control[2];
    f.targets(graphs.inputs(), target);
    f.controls(graphs.inputs(), control);
    const double nodes = static_cast<double>(n), p = f.set_probability();
    for (Index e = 0; e < 2; ++e) {
      const int g = naive(graphs.block, e, loops, f.classes(), f.b());
      CHECK(f.value(graphs.graph(e)) == g);
      CHECK(target[e] == 1 - 2 * g);
      int count = 0;
      for (const Index i : f.classes()) count += static_cast<int>(degree_counts(graphs.graph(e), loops)[i - 1]);
      CHECK(control[e] == doctest::Approx((count - nodes * p) / std::sqrt(nodes * p * (1 - p))).epsilon(1e-9));
      CHECK((count + f.b()) % 2 == g);
    }
  }
}

TEST_CASE("degree parity: an example's bits depend on its counter alone, and are those of Philox in order") {
  for (const bool loops : {false, true})
    for (const Index n : {2, 5, 15, 31, 32, 33, 34, 70, 100}) {
      const DegreeParity f = random_member(n, loops, 0);
      const Counter at{123456789012345u, Stream::train, 77, 40};
      Graphs<double> whole(9, n);
      f.sample(at, whole.block);
      Graphs<float> single(9, n);
      f.sample(at, single.block);
      // The same examples in blocks of 4 and 5, into rows without padding.
      std::vector<double> tight(9 * n * n);
      f.sample(at, {tight.data(), 4, n, n, n});
      f.sample({at.seed, at.stream, at.step, at.example + 4}, {tight.data() + 4 * n * n, 5, n, n, n});
      bool same = true, zeros = true;
      for (Index e = 0; e < 9; ++e) {
        Draws words({at.seed, at.stream, at.step, at.example + static_cast<std::uint64_t>(e)});
        Index position = 0;
        std::uint32_t word = 0;
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < n; ++j) {
            double bit = 0;
            if (i != j || loops) {
              if (position % 32 == 0) word = words.word();
              bit = word >> position % 32 & 1;
              ++position;
            }
            same = same && whole.block(e, i, j) == bit && single.block(e, i, j) == static_cast<float>(bit) &&
                   tight[(e * n + i) * n + j] == bit;
          }
        for (Index i = 0; i < n; ++i)
          for (Index j = n; j < whole.block.stride; ++j) zeros = zeros && whole.block.row(e, i)[j] == 0;
      }
      CHECK(same);
      CHECK(zeros);
    }
}

TEST_CASE("degree parity: sampled entries are fair, and independent of their neighbours") {
  const Index n = 15, examples = 4000;
  const DegreeParity f = random_member(n, false, 0);
  Graphs<float> graphs(examples, n);
  f.sample({1, Stream::train, 0, 0}, graphs.block);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      double ones = 0, agree = 0;
      for (Index e = 0; e < examples; ++e) {
        ones += static_cast<double>(graphs.block(e, i, j));
        agree += graphs.block(e, i, j) == graphs.block((e + 1) % examples, j, i);
      }
      if (i == j) {
        CHECK(ones == 0);
      } else {
        CHECK(std::abs(ones / examples - 0.5) < 5 * 0.5 / std::sqrt(examples));
        CHECK(std::abs(agree / examples - 0.5) < 5 * 0.5 / std::sqrt(examples));
      }
    }
}

namespace {

// Probabilities of all graphs, as `f.list_inputs` numbers them for fair edges, under edges of probability q.
struct WeightedGraphs {
  WeightedGraphs(Index n, bool self_loops, double q) : self_loops_(self_loops) {
    const DegreeParity any(n, self_loops, {1}, 0, {.bias_max = 1, .min_count = 0});
    const Index bits = n * (self_loops ? n : n - 1);
    Graphs<double> graphs(any.input_count(), n);
    any.list_inputs(0, graphs.block);
    for (Index e = 0; e < any.input_count(); ++e) {
      double edges = 0;
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) edges += graphs.block(e, i, j);
      weights.push_back(std::pow(q, edges) * std::pow(1 - q, static_cast<double>(bits) - edges));
      counts.push_back(degree_counts(graphs.graph(e), self_loops));
    }
  }
  double mean_sign(const std::vector<Index>& classes) const {
    double mean = 0;
    for (std::size_t e = 0; e < weights.size(); ++e) {
      Index sum = 0;
      for (const Index i : classes) sum += counts[e][static_cast<std::size_t>(i - 1)];
      mean += sum % 2 == 0 ? weights[e] : -weights[e];
    }
    return mean;
  }
  // P(c = v mod 2) by v.
  std::map<std::vector<Index>, double> cells() const {
    std::map<std::vector<Index>, double> all;
    for (std::size_t e = 0; e < weights.size(); ++e) {
      std::vector<Index> v = counts[e];
      for (Index& c : v) c %= 2;
      all[v] += weights[e];
    }
    return all;
  }
  bool self_loops_;
  std::vector<double> weights;
  std::vector<std::vector<Index>> counts;
};

}  // namespace

TEST_CASE("degree parity: all facts of G(n, q) are those of a sum over all graphs with their probabilities") {
  for (const double q : {0.1, 0.35, 0.5, 0.9})
    for (const auto& [n, loops] :
         std::vector<std::pair<Index, bool>>{{2, true}, {3, false}, {3, true}, {4, false}}) {
      CAPTURE(q);
      const WeightedGraphs graphs(n, loops, q);
      const Index levels = degree_classes(n, loops);
      const auto p = class_probabilities(n, loops, q);
      for (Index set = 0; set < Index{1} << levels; ++set) {
        std::vector<Index> classes, rest;
        double share = 0;
        for (Index i = 1; i <= levels; ++i) {
          ((set >> (i - 1) & 1) != 0 ? classes : rest).push_back(i);
          if ((set >> (i - 1) & 1) != 0) share += p[static_cast<std::size_t>(i - 1)];
        }
        const double mean = graphs.mean_sign(classes);
        CHECK(mean_sign(n, loops, classes, 0, q) == doctest::Approx(mean).epsilon(1e-12));
        CHECK(sign_correlation(n, loops, classes, 1, {}, 0, q) == doctest::Approx(-mean).epsilon(1e-12));
        CHECK(set_probability(n, loops, classes, q) == doctest::Approx(share).epsilon(1e-14));
      }
      double collision = 0, largest = 0;
      for (const auto& [v, probability] : graphs.cells()) {
        collision += probability * probability;
        largest = std::max(largest, probability);
      }
      CHECK(collision_probability(n, loops, q) == doctest::Approx(collision).epsilon(1e-11));
      CHECK(*largest_cell(n, loops, q) == doctest::Approx(largest).epsilon(1e-11));
    }
}

TEST_CASE("degree parity: class probabilities of G(n, q) are binomial, and near q = 1/2 those of fair edges") {
  for (const double q : {1e-3, 0.2, 0.7, 1 - 1e-6})
    for (const Index n : {5, 60, 700}) {
      const auto p = class_probabilities(n, false, q);
      double worst = 0, sum = 0;
      for (Index i = 0; i < n; ++i) {
        const double degree = static_cast<double>(i), top = static_cast<double>(n - 1);
        const double log_p = std::lgamma(top + 1) - std::lgamma(degree + 1) - std::lgamma(top - degree + 1) +
                             degree * std::log(q) + (top - degree) * std::log1p(-q);
        const double expected = std::exp(log_p), value = p[static_cast<std::size_t>(i)];
        worst = std::max(worst, std::abs(value - expected) / (expected + 1e-290));
        sum += value;
      }
      CHECK(worst < 1e-8);  // the logarithms' own errors
      CHECK(sum == doctest::Approx(1).epsilon(1e-14));
    }
  const auto fair = class_probabilities(40, false), nearly = class_probabilities(40, false, 0.5 + 1e-15);
  for (std::size_t i = 0; i < fair.size(); ++i) CHECK(nearly[i] == doctest::Approx(fair[i]).epsilon(1e-12));
}

TEST_CASE("degree parity: collision probabilities do not underflow where nearly all nodes have one degree") {
  for (const auto& [n, q] : std::vector<std::pair<Index, double>>{{700, 1e-4}, {1000, 1 - 1e-5}, {400, 1e-3}}) {
    // (2n)! [t^2n] prod cosh(p_i t), each power series at t = 2n u in long double.
    const auto p = class_probabilities(n, false, q);
    const long double t = 2 * static_cast<long double>(n);
    std::vector<long double> product(static_cast<std::size_t>(n) + 1);
    product[0] = 1;
    for (const double p_i : p) {
      if (p_i < 1e-40) continue;
      std::vector<long double> next(product.size());
      long double even = std::exp(-t * static_cast<long double>(p_i));
      for (std::size_t j = 0; j < product.size(); ++j) {
        for (std::size_t k = 0; k + j < product.size(); ++k) next[k + j] += even * product[k];
        const auto two_j = 2 * static_cast<long double>(j);
        even *= t * static_cast<long double>(p_i) * t * static_cast<long double>(p_i) / ((two_j + 1) * (two_j + 2));
      }
      product = next;
    }
    const long double at_total = std::exp(t * std::log(t) - t - std::lgamma(t + 1));
    const auto expected = static_cast<double>(product.back() / at_total);
    CHECK(expected > 0);
    CHECK(collision_probability(n, false, q) == doctest::Approx(expected).epsilon(1e-9));
  }
}

TEST_CASE(
    "degree parity: sampled entries are 1 with the probability of an edge, and a pure function of their counter") {
  for (const double q : {0.03, 0.4, 0.97}) {
    constexpr Index kNodes = 9, kGraphs = 2000;
    DegreeParitySampler sampler{kNodes, false, 1, 0};
    sampler.edge_probability = q;
    const DegreeParity f(kNodes, false, {1, 2, 8}, 0, sampler);
    Graphs<float> graphs(kGraphs, kNodes), one(1, kNodes);
    f.sample({3, Stream::user, 1, 10}, graphs.block);
    f.sample({3, Stream::user, 1, 17}, one.block);
    double edges = 0, diagonal = 0, both = 0;
    for (Index e = 0; e < kGraphs; ++e)
      for (Index i = 0; i < kNodes; ++i)
        for (Index j = 0; j < kNodes; ++j) {
          const double a = graphs.block(e, i, j);
          CHECK((a == 0 || a == 1));
          if (e == 7) CHECK(a == one.block(0, i, j));
          (i == j ? diagonal : edges) += a;
          if (i != j) both += a * graphs.block(e, j, i);
        }
    const double pairs = kGraphs * kNodes * (kNodes - 1);
    CHECK(diagonal == 0);
    CHECK(std::abs(edges / pairs - q) < 5 * std::sqrt(q * (1 - q) / pairs));
    CHECK(std::abs(both / pairs - q * q) < 5 * std::sqrt(2 * q * q * (1 - q * q) / pairs));
    // Independent variables have mean 0 and variance 1.
    CHECK(f.input_count() == 0);
    Graphs<double> again(kGraphs, kNodes);
    f.sample({3, Stream::user, 1, 10}, again.block);
    Matrix<double> z(kGraphs, f.variables().count);
    f.variables(again.inputs(), z.view());
    double sum = 0, squares = 0;
    for (Index e = 0; e < kGraphs; ++e)
      for (Index i = 0; i < z.cols(); ++i) {
        sum += z(e, i);
        squares += z(e, i) * z(e, i);
      }
    CHECK(std::abs(sum / pairs) < 5 / std::sqrt(pairs));
    const double fourth = (std::pow(q, 3) + std::pow(1 - q, 3)) / (q * (1 - q));
    CHECK(std::abs(squares / pairs - 1) < 5 * std::sqrt((fourth - 1) / pairs) + 1e-12);
  }
}

TEST_CASE(
    "degree parity: acceptance counts all sets, and members of G(n, q) are drawn, checked, read and refused") {
  for (const double q : {0.2, 0.5}) {
    DegreeParitySampler sampler{7, false, 0.05, 2};
    sampler.edge_probability = q;
    Index accepted = 0;
    for (Index set = 0; set < 128; ++set) {
      std::vector<Index> classes;
      for (Index i = 1; i <= 7; ++i)
        if ((set >> (i - 1) & 1) != 0) classes.push_back(i);
      accepted += sampler.accepts(classes);
    }
    CHECK(sampler.acceptance().value == static_cast<double>(accepted) / 128);
  }
  const Family& family = eqnn::hard::family("gnn-degree-parity");
  for (const char* q : {"0.1", "0.9"}) {
    const auto f = family.draw({{"edge-probability", q}}, 3);
    CHECK(contains(f->json(), std::string("\"edge_probability\":") + q));
    CHECK(family.parse(f->json())->json() == f->json());
    for (const Check& c : f->check({0, 1000})) {
      INFO(q, ": ", c.name, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance);
      CHECK(c.pass());
    }
    for (const Check& c : family.check_members({{"edge-probability", q}}, 6, {0, 1000})) CHECK(c.pass());
    CHECK(contains(message([&] {
                     correlation(dynamic_cast<const DegreeParity&>(*f),
                                 DegreeParity(15, false, {1, 2, 3}, 0, {15, false, 1, 0}));
                   }),
                   "edge probability"));
  }
  CHECK(!contains(family.draw({}, 3)->json(), "edge"));
  for (const char* q : {"0", "1", "-0.5", "1.5", "1e-12"})
    CHECK(contains(message([&] { family.draw({{"edge-probability", q}}, 0); }), "must lie between 0 and 1"));
  CHECK(contains(message([&] { family.parse(R"({"n": 4, "S": [1, 2], "edge_probability": 1})"); }),
                 "edge-probability is 1"));
}

TEST_CASE("degree parity: every certificate passes, and one whose value is off or not a number does not") {
  for (const bool loops : {false, true})
    for (const Index n : {2, 3, 4, 6, 15}) {
      const DegreeParity f = random_member(n, loops, static_cast<std::uint64_t>(n));
      const auto checks = f.check({4, 2000});
      CHECK(checks.size() == (degree_classes(n, loops) <= 16 ? 14 : 13));
      for (const Check& c : checks) {
        INFO(c.name, ", n = ", n, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance, "; ", c.how);
        CHECK(c.pass());
        CHECK(!c.how.empty());
      }
    }
  for (const Check& c : check_degree_parities({15}, 30, {0, 5000})) {
    INFO(c.name, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance);
    CHECK(c.pass());
  }
  CHECK(!Check{"x", 1, 0.5, 0.1, ""}.pass());
  CHECK(!Check{"x", std::nan(""), 0.5, 0.1, ""}.pass());
  CHECK_THROWS_AS(check_degree_parities({15}, 0, {}), ValueError);
  CHECK_THROWS_AS(random_member(4, false, 0).check({0, 0}), ValueError);
}

TEST_CASE("degree parity: facts carry the specification's numbers") {
  const DegreeParity f(4, false, {1, 3}, 0);
  const auto facts = f.facts();
  const auto fact = [&](const std::string& name) {
    const auto found = std::find_if(facts.begin(), facts.end(), [&](const Fact& x) { return x.name == name; });
    REQUIRE(found != facts.end());
    return found->value;
  };
  CHECK(fact("p_S") == 0.5);
  CHECK(fact("bias") == 0);
  CHECK(fact("norm_sq") == 1);
  CHECK(fact("target_variance") == 1);
  CHECK(fact("expected_min_count") == 2);
  CHECK(fact("acceptance") == 0.5);
  CHECK(fact("n_eff") == doctest::Approx(6.643621065436667));
  CHECK(fact("network_message_units") == 12);
  CHECK(fact("network_head_units") == 4);
  Params<float> params;
  const DegreeParityNetwork<float> network(params, f);
  CHECK(fact("network_parameters") == static_cast<double>(params.count()));
  CHECK(f.warnings().empty());
  CHECK(DegreeParity(16, false, {1}, 0).warnings().size() == 2);
  CHECK(DegreeParity(16, false, {1}, 0).bias() == doctest::Approx(0.999).epsilon(1e-4));
}

TEST_CASE("degree parity: members that are not allowed are refused with the reason") {
  const auto refused = [](Index n, bool loops, std::vector<Index> s, int b) {
    return message<ValueError>([&] { DegreeParity(n, loops, s, b); });
  };
  CHECK(refused(1, false, {1}, 0) == "n is 1; need n >= 2 nodes");
  CHECK(contains(refused(5000, false, {1}, 0), "at most 1024 nodes"));
  CHECK(refused(4, false, {5}, 0) == "S contains 5; its entries are degree classes, 1 to 4");
  CHECK(refused(4, true, {5}, 0) == "no error");
  CHECK(contains(refused(4, false, {0}, 0), "S contains 0"));
  CHECK(contains(refused(4, false, {2, 2}, 0), "S contains 2 twice"));
  CHECK(contains(refused(4, false, {}, 0), "S is empty: the label is constant"));
  CHECK(contains(refused(4, false, {4, 2, 3, 1}, 0), "S is all classes: the label is constant"));
  CHECK(contains(refused(4, false, {1}, 2), "b is 2; it must be 0 or 1"));
  CHECK(contains(refused(64, false, {1}, 0), "|1 - 2 p_S|^n is 1 up to rounding"));
  CHECK(refused(16, false, {1}, 0) == "no error");  // the sampler's limits bind the sampler alone

  const DegreeParity f(3, false, {2}, 0);
  Matrix<double> a(3, 3), wide(3, 4);
  CHECK(contains(message<ValueError>([&] { f.value(wide.view()); }), "3 x 4; this member takes 3 x 3"));
  a(1, 2) = 0.5;
  CHECK(message<ValueError>([&] { f.value(a.view()); }) == "adjacency entry (1, 2) is 0.5; entries must be 0 or 1");
  CHECK_THROWS_AS(correlation(f, DegreeParity(3, true, {2}, 0)), ValueError);
}

TEST_CASE("degree parity: member files are read back, and refused when malformed") {
  const Family& family = eqnn::hard::family("gnn-degree-parity");
  const auto f = family.parse(R"({"n": 4, "self_loops": false, "S": [3, 1], "b": 1})");
  CHECK(f->json() == R"({"n":4,"self_loops":false,"S":[1,3],"b":1})");
  CHECK(family.parse(f->json())->json() == f->json());
  CHECK(f->input().name == "adjacency");
  CHECK(f->input().points == 4);
  CHECK(f->input().channels == 4);
  CHECK(f->input().bits);
  CHECK(f->two_valued());
  CHECK(contains(message<FileError>([&] { family.parse(R"({"n": 4, "S": [1)"); }), "not valid JSON"));
  CHECK_THROWS_AS(family.parse(""), FileError);
  CHECK_THROWS_AS(family.parse(R"({"n": 1e999, "S": [1]})"), FileError);
  for (const char* text :
       {"[]", R"({"n": 4})", R"({"S": [1]})", R"({"n": "4", "S": [1]})", R"({"n": 4.5, "S": [1]})",
        R"({"n": 4, "S": 1})", R"({"n": 4, "S": ["1"]})", R"({"n": 4, "S": [1], "b": 2})",
        R"({"n": 4, "S": [1], "b": 4294967296})", R"({"n": 4, "S": [1], "self_loops": 0})",
        R"({"n": 18446744073709551615, "S": [1]})", R"({"n": 4, "S": []})", R"({"n": null, "S": [1]})"}) {
    INFO(text);
    CHECK_THROWS_AS(family.parse(text), ValueError);
  }
  CHECK(contains(message<ValueError>([&] { family.parse(R"({"n": 4, "S": [1], "selfloops": true})"); }),
                 "nearest is 'self_loops'"));
}

TEST_CASE("families: parameters are read, and unknown names and values are refused with the nearest one") {
  const Family& family = eqnn::hard::family("gnn-degree-parity");
  CHECK(family.draw({}, 7)->json() == DegreeParity::draw({}, 7).json());
  CHECK(family.draw({{"n", "6"}, {"self-loops", ""}}, 7)->json() == DegreeParity::draw({6, true}, 7).json());
  CHECK(family.check_members({{"n", "6"}}, 3, {0, 500}).size() == 2);
  const auto refused = [&](const ParameterValues& values) {
    return message<ValueError>([&] { family.draw(values, 0); });
  };
  CHECK(contains(refused({{"bias-mx", "1"}}), "nearest is 'bias-max'"));
  CHECK(contains(refused({{"n", "fifteen"}}), "n is 'fifteen'; it must be a whole number"));
  CHECK(contains(refused({{"n", "15x"}}), "whole number"));
  CHECK(contains(refused({{"n", "1"}}), "need n >= 2 nodes"));
  CHECK(contains(refused({{"self-loops", "maybe"}}), "true or false"));
  CHECK(contains(refused({{"bias-max", "nan"}}), "finite number"));
  CHECK(contains(refused({{"bias-max", "1.5"}}), "must be in [0, 1]"));
  CHECK(contains(refused({{"min-count", "-1"}}), "not negative"));
  // p_S = 1/2 exactly: {2} at n = 3, but one set in 2^32 at n = 64.
  CHECK(refused({{"n", "3"}, {"bias-max", "0"}}) == "no error");
  CHECK(contains(refused({{"n", "64"}, {"bias-max", "0"}}), "no S accepted after 10000 draws"));
  CHECK(contains(message<ValueError>([] { eqnn::hard::family("gnn-degre-parity"); }), "'gnn-degree-parity'"));
  CHECK(families().size() == 8);
}

TEST_CASE("text: edit distance counts insertions, deletions and substitutions") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("flaw", "lawn") == 2);
  CHECK(nearest("stpes", {"batch", "steps", "seed"}) == "steps");
  CHECK(nearest("x", {}).empty());
  CHECK(nearest("q1.toml", {"run", "status", "plan"}).empty());
  CHECK(nearest("foo", {"quick", "size", "time"}).empty());
  CHECK(nearest("--epochs", {"--expect", "--steps"}).empty());
  CHECK(nearest("x", {"n"}).empty());
  CHECK(nearest("rl", {"n", "lr"}) == "lr");
  CHECK(nearest("nn", {"k", "n"}) == "n");
  CHECK(nearest("--N", {"--m", "--n"}) == "--n");
  CHECK(nearest("gnn-degree", {"cnn-cyclic", "gnn-degree-parity"}) == "gnn-degree-parity");
  CHECK(spelling_hint("stpes", {"batch", "steps"}) == "; the nearest is 'steps'");
  CHECK(spelling_hint("foo", {"batch", "steps"}) == "; there are batch, steps");
  CHECK(spelling_hint("foo", std::vector<std::string>(100, "batch")).empty());
}

}  // namespace test_degree_parity
