// Learners beside gradient descent: products of orthonormal functions against a naive second implementation, the
// lasso and all correlations on sparse polynomials, all parities, tables of orbits, low-degree estimates, kernel
// regression, GROWING-BASIS through oracles, and what is refused.
#include <doctest/doctest.h>
#include <eqnn/hard/learners/answered_queries.h>
#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/learners/brute_force.h>
#include <eqnn/hard/learners/kernel_ridge.h>
#include <eqnn/hard/learners/lasso.h>
#include <eqnn/hard/learners/low_degree.h>
#include <eqnn/hard/learners/orbit_table.h>
#include <eqnn/core/rng.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "support/thrown.h"

using namespace eqnn;
using namespace eqnn::hard;

namespace {

constexpr std::optional<Law> kLaws[] = {std::nullopt, Law::gauss, Law::chi2, Law::exponential};

// Independent values of a law, +-1 where there is none.
Matrix<double> inputs(std::optional<Law> law, Index count, Index variables, std::uint64_t seed) {
  Matrix<double> x(count, variables);
  for (Index e = 0; e < count; ++e) {
    Draws draws({seed, Stream::user, 80, static_cast<std::uint64_t>(e)});
    for (Index j = 0; j < variables; ++j) {
      const double z = draws.normal(), u = draws.uniform();
      x(e, j) = !law                       ? (u < 0.5 ? -1.0 : 1.0)
                : *law == Law::exponential ? -std::log(1 - u)
                : *law == Law::chi2        ? z * z
                                           : z;
    }
  }
  return x;
}

std::vector<double> row(const Matrix<double>& x, Index e) { return {&x(e, 0), &x(e, 0) + x.cols()}; }

double naive_product(std::optional<Law> law, const Monomial& monomial, const std::vector<double>& x) {
  double v = 1;
  for (const Factor& f : monomial) {
    const double z = x[static_cast<std::size_t>(f.generator)];
    v *= law ? orthonormal_polynomial(*law, f.degree, z) : z;
  }
  return v;
}

// T squarefree terms of degree D with coefficients +-1/sqrt(T), and a sample of it.
struct Labelled {
  Labelled(Law of, Index count, Index r, Index degree, Index terms, std::uint64_t seed, double noise = 0)
      : law(of), z(inputs(of, count, r, seed + 1000)), target(draw_terms_of(r, degree, terms, seed)) {
    for (Index e = 0; e < count; ++e) {
      Draws draws({seed, Stream::noise, 81, static_cast<std::uint64_t>(e)});
      y.push_back(polynomial_value(law, target, row(z, e)) + noise * draws.normal());
    }
  }
  static std::vector<PolynomialTerm> draw_terms_of(Index r, Index degree, Index terms, std::uint64_t seed) {
    Draws draws({seed, Stream::member, 82, 0});
    std::set<Monomial> monomials;
    while (static_cast<Index>(monomials.size()) < terms) {
      std::set<Index> generators;
      while (static_cast<Index>(generators.size()) < degree)
        generators.insert(draws.below(static_cast<std::uint32_t>(r)));
      Monomial m;
      for (const Index i : generators) m.push_back({i, 1});
      monomials.insert(m);
    }
    std::vector<PolynomialTerm> list;
    for (const Monomial& m : monomials)
      list.push_back({(draws.uniform() < 0.5 ? -1 : 1) / std::sqrt(static_cast<double>(terms)), m});
    return list;
  }
  Law law;
  Matrix<double> z;
  std::vector<PolynomialTerm> target;
  std::vector<double> y;
};

bool same(std::vector<PolynomialTerm> a, std::vector<PolynomialTerm> b, double tolerance) {
  const auto ascending = [](const PolynomialTerm& s, const PolynomialTerm& t) { return s.monomial < t.monomial; };
  std::sort(a.begin(), a.end(), ascending);
  std::sort(b.begin(), b.end(), ascending);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const PolynomialTerm& s, const PolynomialTerm& t) {
    return s.monomial == t.monomial && std::abs(s.coefficient - t.coefficient) <= tolerance;
  });
}

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

}  // namespace

// --- products
// --------------------------------------------------------------------------------------------------------

TEST_CASE("products: their number, and every monomial once, at 20 random settings") {
  CHECK(product_count(true, 5, 2) == 16);
  CHECK(product_count(true, 3, 9) == 8);
  CHECK(product_count(false, 100, 4) == 4598126);
  CHECK(product_count(false, 1, 7) == 8);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Draws draws({seed, Stream::user, 83, 0});
    const auto law = kLaws[draws.below(4)];
    const Index variables = 1 + draws.below(7), degree = 1 + draws.below(4);
    CAPTURE(seed);
    const ProductBasis basis(law, variables, degree);
    CHECK(static_cast<double>(basis.size()) == product_count(!law, variables, degree));
    std::set<Monomial> all;
    for (Index k = 0; k < basis.size(); ++k) {
      const Monomial m = basis.monomial(k);
      CHECK(total_degree(m) <= degree);
      CHECK((k == 0) == m.empty());
      for (std::size_t i = 0; i < m.size(); ++i) {
        CHECK((m[i].degree >= 1 && (law || m[i].degree == 1)));
        CHECK((m[i].generator < variables && (i == 0 || m[i - 1].generator < m[i].generator)));
      }
      all.insert(m);
    }
    CHECK(static_cast<Index>(all.size()) == basis.size());
  }
}

TEST_CASE("products: sums, values and columns agree with a naive implementation at 20 random settings") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Draws draws({seed, Stream::user, 84, 0});
    const auto law = kLaws[seed % 4];
    const Index variables = 1 + draws.below(6), degree = 1 + draws.below(4), count = 1 + draws.below(600);
    CAPTURE(seed);
    const ProductBasis basis(law, variables, degree);
    const Matrix<double> x = inputs(law, count, variables, seed);
    std::vector<double> weight, c, sums(static_cast<std::size_t>(basis.size()), 1.0);
    for (Index e = 0; e < count; ++e) weight.push_back(draws.normal());
    for (Index k = 0; k < basis.size(); ++k) c.push_back(draws.normal());
    basis.correlate(x.view(), weight.data(), sums.data());
    std::vector<double> y(static_cast<std::size_t>(count));
    basis.evaluate(x.view(), c.data(), y.data());
    Matrix<double> columns(basis.size(), count + 3);
    basis.expand(x.view(), 3, columns.view());
    std::vector<double> naive_y(y.size());
    double worst = 0;
    for (Index k = 0; k < basis.size(); ++k) {
      const Monomial m = basis.monomial(k);
      double sum = 1, size = 1;
      for (Index e = 0; e < count; ++e) {
        const auto at = static_cast<std::size_t>(e);
        const double v = naive_product(law, m, row(x, e));
        worst = std::max(worst, std::abs(columns(k, 3 + e) - v) / (1 + std::abs(v)));
        sum += weight[at] * v;
        size += std::abs(weight[at] * v);
        naive_y[at] += c[static_cast<std::size_t>(k)] * v;
      }
      worst = std::max(worst, std::abs(sums[static_cast<std::size_t>(k)] - sum) / size);
    }
    for (std::size_t e = 0; e < y.size(); ++e)
      worst = std::max(worst, std::abs(y[e] - naive_y[e]) / (100 + std::abs(naive_y[e])));
    CHECK(worst < 1e-11);
  }
}

TEST_CASE("products: what is not allowed is refused") {
  CHECK(contains(message([] { ProductBasis(Law::gauss, 0, 1); }), "0 variables"));
  CHECK(contains(message([] { ProductBasis(Law::gauss, 3, 0); }), "1 to 12"));
  CHECK(contains(message([] { ProductBasis({}, 3, 13); }), "1 to 12"));
  CHECK(contains(message([] { ProductBasis({}, 1000, 4); }), "has 41583792251 products"));
}

// --- sparse polynomials
// ----------------------------------------------------------------------------------------------

TEST_CASE("lasso: it finds sparse polynomials exactly, by validation and by theory") {
  for (const auto choice : {LassoOptions::Choice::validation, LassoOptions::Choice::theory})
    for (const Law law : {Law::gauss, Law::chi2, Law::exponential}) {
      const Labelled s(law, 1500, 12, 2, 3, 7);
      const LassoResult r = learn_lasso(law, s.z.view(), s.y, {.degree = 2, .choice = choice});
      CAPTURE(static_cast<int>(law));
      CHECK(r.products == 90);
      CHECK(r.fit.verified);
      CHECK(same(r.fit.terms, s.target, 1e-9));
      CHECK(r.nonzero >= 3);
    }
}

TEST_CASE("lasso: its coefficients meet the conditions of the minimum, and shrink with lambda") {
  const Labelled s(Law::gauss, 400, 6, 2, 3, 3, 0.5);
  double before = 1e300;
  for (const double lambda : {0.01, 0.05, 0.2, 10.0}) {
    const LassoResult r = learn_lasso(Law::gauss, s.z.view(), s.y,
                                      {.degree = 2, .choice = LassoOptions::Choice::given, .lambda = lambda});
    CHECK(r.lambda == lambda);
    CHECK(static_cast<double>(r.nonzero) <= before);
    before = static_cast<double>(r.nonzero);
  }
  CHECK(before == 0);
  // One product of one variable: the soft threshold in closed form, then least squares without it.
  const Matrix<double> z = inputs(Law::gauss, 50, 1, 5);
  std::vector<double> y;
  for (Index e = 0; e < 50; ++e) y.push_back(2 * z(e, 0));
  const LassoResult one =
      learn_lasso(Law::gauss, z.view(), y, {.degree = 1, .choice = LassoOptions::Choice::given, .lambda = 0.5});
  CHECK(one.nonzero == 1);
  CHECK(one.fit.terms.at(0).coefficient == doctest::Approx(2).epsilon(1e-12));
}

TEST_CASE("lasso: noise, zero labels, and what is refused") {
  const Labelled noisy(Law::gauss, 1500, 10, 2, 2, 11, 0.3);
  const LassoResult r =
      learn_lasso(Law::gauss, noisy.z.view(), noisy.y, {.degree = 2, .choice = LassoOptions::Choice::theory});
  CHECK(!r.fit.verified);
  for (const PolynomialTerm& t : noisy.target) {
    const auto found = std::find_if(r.fit.terms.begin(), r.fit.terms.end(),
                                    [&](const PolynomialTerm& f) { return f.monomial == t.monomial; });
    REQUIRE(found != r.fit.terms.end());
    CHECK(std::abs(found->coefficient - t.coefficient) < 0.1);
  }
  const std::vector<double> zeros(1500);
  const LassoResult nothing = learn_lasso(Law::gauss, noisy.z.view(), zeros, {.degree = 2});
  CHECK(nothing.fit.terms.empty());

  const Matrix<double> wide = inputs(Law::gauss, 100, 100, 1);
  const std::vector<double> y(100);
  CHECK(contains(message([&] { learn_lasso(Law::gauss, wide.view(), y, {.degree = 4}); }),
                 "all 4598126 products of 100 generators up to degree 4"));
  CHECK(contains(message([&] {
                   learn_lasso(Law::gauss, wide.view(), y,
                               {.degree = 1, .choice = LassoOptions::Choice::given, .lambda = 0});
                 }),
                 "above 0"));
  CHECK(contains(message([&] { learn_lasso(Law::gauss, wide.view(), zeros, {.degree = 1}); }), "1500 labels"));
}

TEST_CASE("all correlations: the largest are the target's, in as many queries as there are products") {
  for (const Law law : {Law::gauss, Law::exponential}) {
    const Index degree = law == Law::gauss ? 3 : 2;  // the tails of the products grow with the degree
    const Labelled s(law, 6000, 10, degree, 3, 5);
    const ExhaustiveResult r = learn_exhaustively(law, s.z.view(), s.y, degree, 3);
    CHECK(r.queries == (degree == 3 ? 285 : 65));
    CHECK(r.fit.verified);
    CHECK(same(r.fit.terms, s.target, 1e-9));
  }
  const Labelled s(Law::gauss, 50, 3, 1, 1, 5);
  CHECK(learn_exhaustively(Law::gauss, s.z.view(), s.y, 1, 9).fit.terms.size() == 3);
  CHECK(contains(message([&] { learn_exhaustively(Law::gauss, s.z.view(), s.y, 1, 0); }), "terms is 0"));
  const Matrix<double> wide = inputs(Law::gauss, 100, 500, 1);
  CHECK(contains(message([&] { learn_exhaustively(Law::gauss, wide.view(), std::vector<double>(100), 4, 1); }),
                 "at most 30000000000"));
}

// --- parities and orbits
// ---------------------------------------------------------------------------------------------

TEST_CASE("all parities: the largest correlation, noise or not, against one parity after the other") {
  for (const bool self_loops : {false, true})
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      const Index n = 4 + static_cast<Index>(seed);
      const auto f = DegreeParity::draw({n, self_loops, 0.5, 0}, seed);
      const Graphs graphs(f, 900, seed);
      CAPTURE(n);
      ParityCorrelations all(n, self_loops);
      std::vector<double> y;
      for (Index e = 0; e < 900; ++e) {
        const double sign = 1 - 2 * f.value(graphs[e]);
        y.push_back(e % 5 == 0 ? -sign : sign);  // a fifth of the labels is wrong
        all.add(graphs[e], y.back());
      }
      const Index classes = degree_classes(n, self_loops);
      CHECK(all.queries() == Index{1} << classes);
      double correlation = 0;
      const LearnedParity found = all.best(&correlation);
      // No parity does better.
      double most = 0, of_found = 0;
      for (Index e = 0; e < 900; ++e)
        of_found += y[static_cast<std::size_t>(e)] * (1 - 2 * parity_value(found, graphs[e])) / 900;
      for (Index s = 0; s < Index{1} << classes; ++s) {
        double sum = 0;
        LearnedParity g{.n = n, .self_loops = self_loops};
        for (Index i = 0; i < classes; ++i)
          if ((s >> i & 1) != 0) g.classes.push_back(i + 1);
        if (seed > 1 && s % 37 != 0) continue;
        for (Index e = 0; e < 900; ++e)
          sum += y[static_cast<std::size_t>(e)] * (1 - 2 * parity_value(g, graphs[e])) / 900;
        most = std::max(most, std::abs(sum));
      }
      CHECK(of_found == doctest::Approx(std::abs(correlation)));
      CHECK(of_found >= most - 1e-12);
      CHECK(of_found >= 0.6 - 1e-12);
      CHECK(parity_error(found, f.classes(), f.b()) < 0.05);
    }
  CHECK(contains(message([] { ParityCorrelations(40, false); }), "2^40"));
  CHECK(contains(message([] { ParityCorrelations(5, false).best(); }), "no samples"));
}

TEST_CASE("orbit tables: what was seen is remembered under every group, what was not is the mean") {
  for (const auto& [group, n] : {std::pair{OrbitGroup::cyclic, Index{10}},
                                 {OrbitGroup::symmetric, Index{12}},
                                 {OrbitGroup::adjacency, Index{9}}}) {
    const BooleanOrbit f(group, n, 3);
    const InputLayout& layout = f.input();
    Matrix<double> memory(3000 * layout.points, layout.channels);
    const Block<double> x{memory.data(), 3000, layout.points, layout.channels, memory.stride()};
    f.sample({1, Stream::train, 0, 0}, x);
    std::vector<double> y(3000), h(3000);
    f.targets({x.data, 3000, x.points, x.channels, x.stride}, y.data());
    const Block<const double> seen{x.data, 2000, x.points, x.channels, x.stride},
        all{x.data, 3000, x.points, x.channels, x.stride};
    OrbitTable table(f.law(), true);
    CHECK(table.unseen_mass() == 1);
    table.add(seen, {y.data(), 2000});
    table.values(all, h.data());
    CHECK(table.seen() <= static_cast<Index>(orbit_count(f.law())));
    Index wrong = 0, unseen = 0;
    for (std::size_t e = 0; e < 3000; ++e) {
      unseen += std::abs(h[e]) != 1;
      wrong += std::abs(h[e]) == 1 && h[e] != y[e];
    }
    CHECK(wrong == 0);
    CHECK(static_cast<double>(unseen) / 1000 <= table.unseen_mass() + 0.05);
    // Noise: the majority.
    for (std::size_t e = 0; e < 2000; ++e) y[e] = e % 10 == 0 ? -y[e] : y[e];
    if (group != OrbitGroup::symmetric) continue;
    OrbitTable noisy(f.law(), true);
    noisy.add(seen, {y.data(), 2000});
    noisy.values({x.row(2000), 1000, x.points, x.channels, x.stride}, h.data());
    Index agree = 0;
    for (std::size_t e = 0; e < 1000; ++e) agree += h[e] == y[2000 + e];
    CHECK(agree >= 970);
  }
  OrbitTable means({OrbitGroup::symmetric, 2}, false);
  const std::vector<double> bits = {0, 1, 1, 0, 1, 1}, labels = {1, 4, -2};
  const Block<const double> x{bits.data(), 3, 2, 1, 1};
  means.add(x, labels);
  double h[3];
  means.values(x, h);
  CHECK(h[0] == 2.5);
  CHECK(h[2] == -2);
  const double zero[] = {0, 0}, wrong[] = {0, 0.5};
  means.values({zero, 1, 2, 1, 1}, h);
  CHECK(h[0] == 1);
  CHECK(means.unseen_mass() == doctest::Approx(1.0 / 3));
  CHECK(contains(message([&] { means.values({wrong, 1, 2, 1, 1}, h); }), "0 or 1"));
  CHECK(contains(message([&] { means.values({wrong, 1, 1, 1, 1}, h); }), "must have 2"));
}

// --- low degree
// ------------------------------------------------------------------------------------------------------

TEST_CASE("low degree: it learns what has low degree, and of the rest the noise it announces") {
  for (const auto& law : kLaws) {
    const Index m = 20000;
    const Matrix<double> x = inputs(law, m, 6, 17), fresh = inputs(law, 4000, 6, 18);
    const Monomial pair = {{1, 1}, {4, 1}}, four = {{0, 1}, {1, 1}, {2, 1}, {3, 1}};
    for (const bool low : {true, false}) {
      LowDegreeLearner learner(law, 6, 2);
      std::vector<double> y, h(4000);
      for (Index e = 0; e < m; ++e) y.push_back(0.5 + naive_product(law, low ? pair : four, row(x, e)));
      learner.add({x.data(), 12345, 6, x.stride()}, {y.data(), 12345});
      learner.add({&x(12345, 0), m - 12345, 6, x.stride()}, {y.data() + 12345, y.size() - 12345});
      CHECK(learner.samples() == m);
      learner.values(fresh.view(), h.data());
      double loss = 0;
      for (Index e = 0; e < 4000; ++e) {
        const double target = 0.5 + naive_product(law, low ? pair : four, row(fresh, e));
        loss += (h[static_cast<std::size_t>(e)] - target) * (h[static_cast<std::size_t>(e)] - target) / 4000;
      }
      CAPTURE(low);
      CHECK(learner.mass() == doctest::Approx(low ? 1.25 : 0.25).epsilon(law ? 0.5 : 0.1));
      CHECK(learner.estimation_mass() > 0);
      if (low) CHECK(loss < (law ? 0.2 : 0.01));
      if (!low && !law) CHECK(loss == doctest::Approx(1).epsilon(0.02));
    }
  }
  LowDegreeLearner learner({}, 3, 1);
  double y = 0;
  const Matrix<double> x(1, 3), narrow(1, 2);
  CHECK(contains(message([&] { learner.values(x.view(), &y); }), "no samples"));
  CHECK(contains(message([&] { learner.add(narrow.view(), {&y, 1}); }), "3 variables"));
}

// --- kernel regression
// -----------------------------------------------------------------------------------------------

TEST_CASE("kernel ridge: the weights are those of ridge regression on the features") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Draws draws({seed, Stream::user, 85, 0});
    const Index m = 5 + draws.below(300), p = 1 + draws.below(12);
    const Matrix<double> features = inputs(Law::gauss, m, p, seed);
    std::vector<double> y;
    for (Index e = 0; e < m; ++e) y.push_back(draws.normal());
    const double lambda = std::pow(10.0, -static_cast<double>(draws.below(4)));
    const RidgeResult r = kernel_ridge(features.view(), y, lambda);
    REQUIRE(static_cast<Index>(r.weights.size()) == p);
    // (Phi^T Phi + lambda s I) w = Phi^T y.
    double scale = 0;
    for (Index e = 0; e < m; ++e)
      for (Index k = 0; k < p; ++k) scale += features(e, k) * features(e, k) / static_cast<double>(m);
    for (Index k = 0; k < p; ++k) {
      double left = lambda * scale * r.weights[static_cast<std::size_t>(k)], right = 0;
      for (Index e = 0; e < m; ++e) {
        double f = 0;
        for (Index j = 0; j < p; ++j) f += features(e, j) * r.weights[static_cast<std::size_t>(j)];
        left += features(e, k) * f;
        right += features(e, k) * y[static_cast<std::size_t>(e)];
      }
      CHECK(left == doctest::Approx(right).epsilon(1e-8).scale(10));
    }
  }
}

TEST_CASE("kernel ridge: validation takes a small lambda for exact labels and a large one for noise") {
  const Matrix<double> features = inputs(Law::gauss, 300, 8, 3);
  std::vector<double> exact, noise;
  Draws draws({9, Stream::user, 86, 0});
  for (Index e = 0; e < 300; ++e) {
    exact.push_back(features(e, 0) - 3 * features(e, 7));
    noise.push_back(draws.normal());
  }
  const RidgeResult good = kernel_ridge(features.view(), exact), bad = kernel_ridge(features.view(), noise);
  CHECK(good.lambda < 1e-4);
  CHECK(good.validation_loss < 1e-6);
  CHECK(good.weights[7] == doctest::Approx(-3).epsilon(1e-3));
  CHECK(bad.lambda >= 1e-2);
  CHECK(bad.validation_loss > 0.5);
  // More features than samples, and features that are all zero.
  const RidgeResult wide = kernel_ridge(inputs(Law::gauss, 20, 100, 4).view(), std::vector<double>(20, 1.0), 1e-6);
  CHECK(wide.weights.size() == 100);
  const RidgeResult none = kernel_ridge(Matrix<double>(10, 3).view(), std::vector<double>(10, 1.0));
  CHECK(none.weights == std::vector<double>{0, 0, 0});
}

TEST_CASE("kernel ridge: what is not allowed is refused") {
  const Matrix<double> x = inputs(Law::gauss, 6, 2, 3), few = inputs(Law::gauss, 4, 2, 3), many(4097, 1);
  const std::vector<double> y(6);
  CHECK(contains(message([&] { kernel_ridge(x.view(), std::vector<double>(5)); }), "5 labels"));
  CHECK(contains(message([&] { kernel_ridge(few.view(), std::vector<double>(4)); }), "5 to 4096"));
  CHECK(contains(message([&] { kernel_ridge(many.view(), std::vector<double>(4097)); }), "5 to 4096"));
  CHECK(contains(message([&] { kernel_ridge(x.view(), y, 0.0); }), "above 0"));
  CHECK(contains(message([&] { kernel_ridge(x.view(), std::vector<double>(6, NAN)); }), "not finite"));
}

// --- oracles
// ---------------------------------------------------------------------------------------------------------

TEST_CASE("growing basis through oracles: an SQ oracle lets the target out, a CSQ oracle does not") {
  for (const Law law : {Law::gauss, Law::chi2, Law::exponential}) {
    const Index degree = law == Law::gauss ? 3 : 2, terms = 2;
    const Labelled s(law, 4096, 8, degree, terms, 21);
    const double damping = default_damping(law);
    const GrowingBasisOptions options{.degree = degree, .terms = terms, .a_min = 1 / std::sqrt(2.0)};
    for (const auto mode : {Oracle::Answer::exact, Oracle::Answer::zero, Oracle::Answer::shrink}) {
      const double tau = law == Law::gauss ? 0.01 : 0.002;
      Oracle sq(Oracle::Kind::sq, tau, mode), csq(Oracle::Kind::csq, tau, mode);
      AnsweredQueries open(sq, law, s.z.view(), s.y, s.target, damping);
      const GrowingBasisResult found = grow_basis(open, options, damping);
      CAPTURE(static_cast<int>(law));
      CAPTURE(static_cast<int>(mode));
      CHECK(same(found.terms, s.target, mode == Oracle::Answer::shrink ? 2 * tau : 1e-9));
      CHECK(sq.log().queries == found.queries());
      CHECK(sq.log().above_tau > 0);
      CHECK(found.queries() <= found.query_limit);

      AnsweredQueries closed(csq, law, s.z.view(), s.y, s.target, damping);
      const GrowingBasisResult nothing = grow_basis(closed, options, damping);
      CHECK(nothing.terms.empty());
      CHECK(nothing.status == GrowingBasisResult::Status::stuck);
      CHECK(csq.log().above_tau == 0);
      // Told the monomials, it may ask for their coefficients.
      for (const PolynomialTerm& t : s.target)
        CHECK(std::abs(closed.coefficient(t.monomial) - t.coefficient) <= tau + 1e-12);
      CHECK(csq.log().above_tau == terms);
    }
  }
}

TEST_CASE(
    "growing basis through oracles: a tolerance above every query tells nothing, and sampled answers are means") {
  const Labelled s(Law::gauss, 6000, 6, 2, 1, 4);
  const GrowingBasisOptions options{.degree = 2, .terms = 1, .a_min = 1};
  Oracle dumb(Oracle::Kind::sq, 1.01, Oracle::Answer::zero),
      sampled(Oracle::Kind::sq, 0.1, Oracle::Answer::sampled);
  AnsweredQueries shut(dumb, Law::gauss, s.z.view(), s.y, s.target, 1);
  CHECK(grow_basis(shut, options, 1).terms.empty());
  CHECK(dumb.log().above_tau == 0);

  AnsweredQueries means(sampled, Law::gauss, s.z.view(), s.y, s.target, 1);
  SampleOracle plain(Law::gauss, s.z.view(), s.y, 1);
  for (int pass = 0; pass < 2; ++pass) {
    CHECK(means.energy() == doctest::Approx(plain.energy()));
    CHECK(means.detection({{0, 1}}, 3, 1) == doctest::Approx(plain.detection({{0, 1}}, 3, 1)));
    CHECK(means.coefficient({{2, 1}}) == doctest::Approx(plain.coefficient({{2, 1}})));
    const PolynomialTerm term{0.4, {{1, 1}, {2, 1}}};
    means.subtract(term);
    plain.subtract(term);
  }
  means.restart();
  plain.restart();
  CHECK(means.energy() == doctest::Approx(plain.energy()));
  const GrowingBasisResult a = grow_basis(means, options, 1), b = grow_basis(plain, options, 1);
  CHECK(same(a.terms, b.terms, 1e-12));
  CHECK(same(a.terms, s.target, 0.2));
}
