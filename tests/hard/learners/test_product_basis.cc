// Products of orthonormal functions against a naive second implementation.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/learners/product_basis.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>

#include "polynomial_samples.h"
#include "support/thrown.h"

namespace test_product_basis {

using namespace eqnn;
using namespace eqnn::hard;
using namespace samples;

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
    std::vector<double> y(count);
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
        naive_y[at] += c[k] * v;
      }
      worst = std::max(worst, std::abs(sums[k] - sum) / size);
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

}  // namespace test_product_basis
