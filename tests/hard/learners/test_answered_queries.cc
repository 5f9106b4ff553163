// GROWING-BASIS through statistical-query oracles.
#include <doctest/doctest.h>
#include <eqnn/hard/learners/answered_queries.h>

#include <cmath>

#include "polynomial_samples.h"

namespace test_answered_queries {

using namespace eqnn;
using namespace eqnn::hard;
using namespace samples;

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

}  // namespace test_answered_queries
