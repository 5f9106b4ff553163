// GROWING-BASIS: golden queries and counts, exact answers on random targets, learning from samples, what is
// refused.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/learners/growing_basis.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "support/golden.h"

namespace test_growing_basis {

using namespace eqnn;
using namespace eqnn::hard;
using Status = GrowingBasisResult::Status;

namespace {

Law law_of(const std::string& measure) {
  return measure == "gauss" ? Law::gauss : measure == "chi2" ? Law::chi2 : Law::exponential;
}
constexpr Law kLaws[] = {Law::gauss, Law::chi2, Law::exponential};

Monomial monomial_of(const nlohmann::json& list) {
  Monomial monomial;
  for (const auto& pair : list) monomial.push_back({pair.at(0), pair.at(1)});
  return monomial;
}
std::vector<PolynomialTerm> terms_of(const nlohmann::json& list) {
  std::vector<PolynomialTerm> terms;
  for (const auto& t : list) terms.push_back({t.at("coef"), monomial_of(t.at("monomial"))});
  return terms;
}

// The detection of a whole monomial, the last factor being the new one.
double detection(SquaredLabelOracle& oracle, Monomial basis) {
  const Factor last = basis.back();
  basis.pop_back();
  return oracle.detection(basis, last.generator, last.degree);
}

void check_found(const std::vector<PolynomialTerm>& found, const nlohmann::json& expected) {
  const auto terms = terms_of(expected);
  REQUIRE(found.size() == terms.size());
  for (std::size_t k = 0; k < terms.size(); ++k) {
    CHECK(found[k].monomial == terms[k].monomial);
    CHECK(near(found[k].coefficient, terms[k].coefficient));
  }
}
void check_queries(const GrowingBasisResult& result, const nlohmann::json& expected) {
  CHECK(result.energy_queries == expected.at("energy").get<Index>());
  CHECK(result.detection_queries == expected.at("detect").get<Index>());
  CHECK(result.coefficient_queries == expected.at("coef").get<Index>());
  CHECK(result.queries() == expected.at("total").get<Index>());
  CHECK(result.queries() <= result.query_limit);
}

// The degrees (s_0, ..., s_{r-1}).
std::vector<Index> degrees(const Monomial& monomial, Index r) {
  std::vector<Index> list(r);
  for (const Factor& f : monomial) list[f.generator] = f.degree;
  return list;
}

// Distinct monomials of degree 1 to `degree`, squarefree ones of exactly that degree on request; sizes of
// coefficients in [low, 1], before they are normalised.
std::vector<PolynomialTerm> random_target(Index r, Index degree, Index terms, bool squarefree, double low,
                                          std::uint64_t seed) {
  Draws draws({seed, Stream::user, 4, 0});
  std::map<Monomial, double> chosen;
  for (int tries = 0; static_cast<Index>(chosen.size()) < terms && tries < 1000; ++tries) {
    std::map<Index, Index> powers;
    const Index total = squarefree ? degree : 1 + draws.below(static_cast<std::uint32_t>(degree));
    for (Index k = 0; k < total;) {
      Index& power = powers[draws.below(static_cast<std::uint32_t>(r))];
      if (squarefree && power == 1) continue;
      ++power;
      ++k;
    }
    Monomial monomial;
    for (const auto& [generator, s] : powers) monomial.push_back({generator, s});
    chosen[monomial] = (draws.below(2) == 0 ? 1 : -1) * (low + (1 - low) * draws.uniform());
  }
  double norm = 0;
  for (const auto& [monomial, c] : chosen) norm += c * c;
  std::vector<PolynomialTerm> target;
  for (const auto& [monomial, c] : chosen) target.push_back({c / std::sqrt(norm), monomial});
  return target;
}

double smallest(const std::vector<PolynomialTerm>& terms) {
  double a = 1;
  for (const PolynomialTerm& t : terms) a = std::min(a, std::abs(t.coefficient));
  return a;
}

// Samples of independent generators and the labels of a target, with noise.
struct Sample {
  Sample(Law law, Index count, Index r, const std::vector<PolynomialTerm>& target, double noise, std::uint64_t seed)
      : z(count, r) {
    for (Index e = 0; e < count; ++e) {
      Draws draws({seed, Stream::user, 5, static_cast<std::uint64_t>(e)});
      std::vector<double> row;
      for (Index i = 0; i < r; ++i) {
        const double x = law == Law::exponential ? 0 : draws.normal();
        row.push_back(law == Law::gauss ? x : law == Law::chi2 ? x * x : -std::log(1 - draws.uniform()));
        z(e, i) = row.back();
      }
      y.push_back(polynomial_value(law, target, row) + (noise > 0 ? noise * draws.normal() : 0));
    }
  }
  GrownPolynomial learn(Law law, const GrowingBasisOptions& options, Damping damping) const {
    return learn_growing_basis(law, z.view(), y, options, damping);
  }
  Matrix<double> z;
  std::vector<double> y;
};

// The same monomials, and coefficients within `tolerance`.
bool same(std::vector<PolynomialTerm> a, std::vector<PolynomialTerm> b, double tolerance) {
  const auto ascending = [](const PolynomialTerm& x, const PolynomialTerm& y) { return x.monomial < y.monomial; };
  std::sort(a.begin(), a.end(), ascending);
  std::sort(b.begin(), b.end(), ascending);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const auto& x, const auto& y) {
    return x.monomial == y.monomial && std::abs(x.coefficient - y.coefficient) <= tolerance;
  });
}

}  // namespace

TEST_CASE("growing basis: with exact answers it finds the golden targets, in order, in as many queries") {
  for (const auto& c : golden("F5").at("growing_basis_exact_oracle")) {
    const Law law = law_of(c.at("measure"));
    for (const double damping : {0.0, default_damping(law)}) {
      PopulationOracle oracle(law, c.at("r"), terms_of(c.at("target")), damping);
      const GrowingBasisResult result = grow_basis(oracle, {c.at("D"), c.at("T_max"), c.at("a_min"), 0}, damping);
      check_found(result.terms, c.at("found_in_order"));
      check_queries(result, c.at("queries"));
      CHECK(status_name(result.status) == c.at("status").get<std::string>());
    }
  }
}

TEST_CASE("growing basis: exact answers agree with the golden population statistics") {
  const auto& c = golden("F5").at("population_stats");
  PopulationOracle oracle(law_of(c.at("measure")), 6, terms_of(c.at("target")), 0);
  for (const auto& s : c.at("stats")) CHECK(near(detection(oracle, monomial_of(s.at("basis"))), s.at("value")));
  CHECK(near(oracle.energy(), 1));
}

TEST_CASE("growing basis: on samples it makes the golden queries and finds the golden terms") {
  const auto& c = golden("F5").at("sample");
  const Law law = law_of(c.at("measure"));
  const auto y = c.at("y").get<std::vector<double>>();
  Matrix<double> z(static_cast<Index>(y.size()), 4);
  for (Index e = 0; e < z.rows(); ++e)
    for (Index i = 0; i < 4; ++i) z(e, i) = c.at("Z").at(e).at(i);
  for (const auto& run : c.at("runs")) {
    const double damping = run.at("damp");
    SampleOracle oracle(law, z.view(), y, damping);
    CHECK(near(oracle.energy(), run.at("energy")));
    for (const auto& s : run.at("stats")) CHECK(near(detection(oracle, monomial_of(s.at("basis"))), s.at("value")));
    for (const auto& s : run.at("coefs"))
      CHECK(near(oracle.coefficient(monomial_of(s.at("basis"))), s.at("value")));
    const GrownPolynomial learned = learn_growing_basis(law, z.view(), y, {2, 2, 0.6, 0}, damping);
    check_found(learned.search.terms, run.at("found_in_order"));
    check_queries(learned.search, run.at("queries"));
    CHECK(status_name(learned.search.status) == run.at("status").get<std::string>());
    CHECK(learned.verified);
    CHECK(learned.samples == static_cast<Index>(y.size()));
    REQUIRE(learned.terms.size() == run.at("least_squares").size());
    for (std::size_t k = 0; k < learned.terms.size(); ++k)
      CHECK(std::abs(learned.terms[k].coefficient - run.at("least_squares").at(k).get<double>()) < 1e-14);
  }
}

TEST_CASE("growing basis: with exact answers it finds every random target, in descending order, within the bound") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Law law = kLaws[seed % 3];
    const Index r = 2 + static_cast<Index>(seed % 7), degree = 1 + static_cast<Index>(seed / 3 % 5);
    const auto target = random_target(r, degree, 1 + static_cast<Index>(seed % 4), false, 0.2, seed);
    const Damping damping = seed % 4 == 0   ? Damping(0)
                            : seed % 4 == 1 ? Damping(default_damping(law))
                                            : default_damping(law, r);
    PopulationOracle oracle(law, r, target, damping);
    const auto terms = static_cast<Index>(target.size());
    const GrowingBasisResult result = grow_basis(oracle, {degree, terms, smallest(target), 0}, damping);
    INFO(law_name(law), " r ", r, " degree ", degree, " terms ", terms, " seed ", seed);
    CHECK(result.status == Status::converged);
    CHECK(same(result.terms, target, 1e-9));
    CHECK(result.queries() <= terms * (r * degree + 2) + 1);
    CHECK(result.attempts == 1);
    for (std::size_t k = 0; k + 1 < result.terms.size(); ++k)
      CHECK(degrees(result.terms[k].monomial, r) > degrees(result.terms[k + 1].monomial, r));
  }
}

TEST_CASE("growing basis: answers from samples are the means of their definition") {
  const auto target = random_target(5, 3, 3, false, 0.5, 1);
  for (const Law law : kLaws)
    for (const Damping damping : {Damping(0), Damping(0.75), Damping(0.75, 1.5, 0.4)}) {
      const Sample s(law, 700, 5, target, 0.1, 2);
      SampleOracle oracle(law, s.z.view(), s.y, damping);
      const PolynomialTerm removed{0.3, {{0, 1}, {4, 2}}};
      oracle.detection({}, 2, 3);  // nothing of it may remain
      oracle.subtract(removed);
      const Monomial prefix = {{1, 2}, {3, 1}};
      double sums[4] = {}, sizes = 0;
      for (Index e = 0; e < 700; ++e) {
        const std::span<const double> z(s.z.view().row(e), 5);
        const double res = s.y[e] - removed.coefficient * monomial_value(law, removed.monomial, z);
        const auto rest = [&](double v) {
          return std::exp(-detector_decay(law, damping.rest, v)) / rest_mean(law, damping.rest);
        };
        const double w = res * res * detector(law, 2, damping.chosen, z[1]) *
                         detector(law, 1, damping.chosen, z[3]) * rest(z[0]) * rest(z[2]);
        sums[0] += res * res / 700;
        sums[1] += w * detector(law, 2, damping.tested, z[4]) / 700;
        sums[2] += w * detector(law, 1, damping.tested, z[4]) / 700;
        sums[3] += res * monomial_value(law, prefix, z) / 700;
        sizes += std::abs(w * detector(law, 2, damping.tested, z[4])) / 700;
      }
      CHECK(near(oracle.energy(), sums[0]));
      CHECK(std::abs(oracle.detection(prefix, 4, 2) - sums[1]) < 1e-11 * (1 + sizes));
      CHECK(std::abs(oracle.detection(prefix, 4, 1) - sums[2]) < 1e-11 * (1 + sizes));
      CHECK(near(oracle.coefficient(prefix), sums[3]));
      oracle.restart();
      SampleOracle fresh(law, s.z.view(), s.y, damping);
      CHECK(oracle.energy() == fresh.energy());
      CHECK(oracle.detection(prefix, 4, 2) == fresh.detection(prefix, 4, 2));
    }
}

namespace {

// Exact answers, but that it says yes to a generator that is not there, and to another behind the right one.
class Liar final : public SquaredLabelOracle {
 public:
  Liar(const std::vector<PolynomialTerm>& target, bool always)
      : exact_(Law::gauss, 6, target, 0), always_(always) {}
  Law law() const override { return exact_.law(); }
  Index generators() const override { return exact_.generators(); }
  double energy() override { return exact_.energy(); }
  double detection(const Monomial& prefix, Index i, Index t) override {
    const bool lie = always_ || (prefix.empty() && i == 0) || (prefix == Monomial{{1, 1}} && i == 2);
    return lie && t == 1 ? 100 : exact_.detection(prefix, i, t);
  }
  double coefficient(const Monomial& monomial) override { return exact_.coefficient(monomial); }
  void subtract(const PolynomialTerm& term) override { exact_.subtract(term); }
  void restart() override { exact_.restart(); }

 private:
  PopulationOracle exact_;
  bool always_;
};

}  // namespace

TEST_CASE("growing basis: a false detection costs queries and not the run, and too many of them end it as stuck") {
  const std::vector<PolynomialTerm> target = {{0.8, {{1, 1}, {3, 1}}}, {0.6, {{1, 1}}}};
  Liar some(target, false);
  PopulationOracle honest(Law::gauss, 6, target, 0);
  const GrowingBasisOptions options{2, 2, 0.6, 0};
  const GrowingBasisResult found = grow_basis(some, options, 0), plain = grow_basis(honest, options, 0);
  CHECK(found.status == Status::converged);
  CHECK(same(found.terms, target, 1e-12));
  CHECK(found.coefficient_queries > plain.coefficient_queries);
  CHECK(found.queries() > plain.queries());
  Liar all(target, true);
  const GrowingBasisResult lost = grow_basis(all, {6, 2, 0.6, 0}, 0);
  CHECK(lost.detection_queries <= 8 * lost.query_limit);
}

TEST_CASE("growing basis: it learns from samples under every law, and verifies what it found") {
  struct Setting {
    Law law;
    Index r, degree, terms, samples;
  };
  for (const Setting s : {Setting{Law::gauss, 20, 2, 3, 6000},
                          {Law::gauss, 10, 3, 1, 6000},
                          {Law::chi2, 10, 2, 2, 6000},
                          {Law::chi2, 10, 3, 1, 20000},
                          {Law::exponential, 10, 3, 2, 10000}}) {
    int exact = 0;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const auto target = random_target(s.r, s.degree, s.terms, true, 1, seed);
      const GrownPolynomial learned =
          Sample(s.law, s.samples, s.r, target, 0, seed)
              .learn(s.law, {s.degree, s.terms, smallest(target), 0}, default_damping(s.law, s.r));
      exact += same(learned.terms, target, 1e-13);
      CHECK(learned.verified == same(learned.terms, target, 1e-13));
      CHECK(learned.search.queries() <= 9 * learned.search.query_limit);
    }
    INFO(law_name(s.law), " degree ", s.degree);
    CHECK(exact >= 3);
  }
}

TEST_CASE("growing basis: not told a_min, it finds equal and unequal coefficients, and counts every attempt") {
  const auto equal = random_target(12, 2, 4, true, 1, 3);
  const GrownPolynomial a = Sample(Law::gauss, 12000, 12, equal, 0, 3).learn(Law::gauss, {2, 6, 0, 0}, 1);
  CHECK(a.verified);
  CHECK(same(a.terms, equal, 1e-13));
  CHECK(a.search.a_min == doctest::Approx(0.5).epsilon(0.3));
  CHECK(a.search.attempts >= 3);
  CHECK(a.search.queries() <= a.search.attempts * a.search.query_limit + 1);

  const std::vector<PolynomialTerm> unequal = {{0.9, {{0, 1}, {3, 1}}}, {std::sqrt(0.19), {{1, 1}, {2, 1}}}};
  const GrownPolynomial b = Sample(Law::gauss, 12000, 8, unequal, 0, 4).learn(Law::gauss, {2, 3, 0, 0}, 1);
  CHECK(b.verified);
  CHECK(same(b.terms, unequal, 1e-13));

  // With noise nothing is verified, and the support is found all the same.
  const GrownPolynomial c = Sample(Law::gauss, 12000, 8, unequal, 0.3, 5).learn(Law::gauss, {2, 3, 0, 0.09}, 1);
  CHECK(!c.verified);
  CHECK(same(c.terms, unequal, 0.05));
}

TEST_CASE("growing basis: label noise changes coefficients, not the monomials") {
  const auto target = random_target(15, 2, 2, true, 1, 8);
  for (const double noise : {0.3, 1.0}) {
    const GrownPolynomial learned = Sample(Law::gauss, 15000, 15, target, noise, 8)
                                        .learn(Law::gauss, {2, 2, smallest(target), noise * noise}, 1);
    CHECK(same(learned.terms, target, 0.1));
    CHECK(!learned.verified);
    CHECK(learned.residual == doctest::Approx(noise * noise / (1 + noise * noise)).epsilon(0.1));
  }
}

TEST_CASE("growing basis: wrong numbers end it as stuck, out of terms, or converged on nothing") {
  const std::vector<PolynomialTerm> target = {{0.8, {{0, 1}, {1, 1}}}, {0.6, {{2, 2}}}};
  PopulationOracle oracle(Law::gauss, 4, target, 1);
  const GrowingBasisResult few = grow_basis(oracle, {2, 1, 0.6, 0}, 1);
  CHECK(few.status == Status::out_of_terms);
  CHECK(few.terms.size() == 1);
  oracle.restart();
  CHECK(grow_basis(oracle, {2, 3, 1.3, 0}, 1).status == Status::stuck);
  oracle.restart();
  CHECK(grow_basis(oracle, {2, 3, 1.5, 0}, 1).terms.empty());
  oracle.restart();
  CHECK(grow_basis(oracle, {2, 3, 1.5, 0}, 1).status == Status::converged);
  // Labels that are zero: nothing to learn, nothing to divide by.
  Matrix<double> z(5, 2);
  const std::vector<double> zeros(5);
  const GrownPolynomial none = learn_growing_basis(Law::gauss, z.view(), zeros, {2, 2, 0, 0}, 1);
  CHECK(none.terms.empty());
  CHECK(none.residual == 0);
  // One sample twice: two monomials cannot be told apart, and the search's coefficients stay.
  for (Index e = 0; e < 5; ++e) z(e, 0) = z(e, 1) = 1.5;
  const std::vector<double> same_label(5, 1.0);
  CHECK(std::isfinite(learn_growing_basis(Law::gauss, z.view(), same_label, {2, 2, 0.1, 0}, 0).residual));
}

TEST_CASE("growing basis: what is not allowed is refused with the reason") {
  const auto refused = [](const auto& f) -> std::string {
    try {
      f();
    } catch (const ValueError& e) {
      return e.what();
    }
    return "no error";
  };
  const auto contains = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  PopulationOracle oracle(Law::gauss, 3, {{1, {{0, 1}}}}, 0);
  const auto grown = [&](GrowingBasisOptions o, double damping = 0) {
    return refused([&] { grow_basis(oracle, o, damping); });
  };
  CHECK(contains(grown({0, 1, 1, 0}), "degree is 0"));
  CHECK(contains(grown({13, 1, 1, 0}), "double-precision cancellation not checked"));
  CHECK(contains(grown({2, 0, 1, 0}), "terms is 0"));
  CHECK(contains(grown({2, 1, 0, 0}), "a_min is 0"));
  CHECK(contains(grown({2, 1, -1, 0}), "a_min is -1"));
  CHECK(contains(grown({2, 1, 1, -1}), "noise variance is -1"));
  CHECK(contains(grown({2, 1, 1, 0}, -1), "damping is -1"));
  CHECK(contains(refused([] { PopulationOracle(Law::gauss, 0, {}, 0); }), "r is 0"));
  CHECK(contains(refused([] { PopulationOracle(Law::gauss, 2, {{1, {{2, 1}}}}, 0); }), "generator 2"));
  Matrix<double> z(3, 2);
  const std::vector<double> y(3), two(2);
  CHECK(
      contains(refused([&] { learn_growing_basis(Law::gauss, z.view(), two, {}, 0); }), "3 samples and 2 labels"));
  CHECK(contains(refused([&] { learn_growing_basis(Law::gauss, {}, {}, {}, 0); }), "at least one of each"));
  CHECK(contains(refused([&] {
                   learn_growing_basis(Law::gauss, z.view(), y, {2, 1, -0.1, 0}, 0);
                 }),
                 "a_min is -0.1"));
  CHECK(contains(refused([&] { learn_growing_basis(Law::gauss, z.view(), y, {0, 1, 0, 0}, 0); }), "degree is 0"));
  z(1, 1) = std::nan("");
  CHECK(contains(refused([&] { learn_growing_basis(Law::gauss, z.view(), y, {}, 0); }),
                 "generator 1 of sample 1 is nan"));
}

}  // namespace test_growing_basis
