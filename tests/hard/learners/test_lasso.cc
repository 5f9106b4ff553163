// The lasso on sparse polynomials: what it finds, its minimum, noise, and what is refused.
#include <doctest/doctest.h>
#include <eqnn/hard/learners/lasso.h>
#include <eqnn/hard/learners/product_basis.h>

#include <cmath>

#include "polynomial_samples.h"
#include "support/thrown.h"

namespace test_lasso {

using namespace eqnn;
using namespace eqnn::hard;
using namespace samples;

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

}  // namespace test_lasso
