// Kernel ridge regression against its definition, its choice of lambda, and what is refused.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/hard/learners/kernel_ridge.h>

#include <cmath>
#include <cstdint>

#include "polynomial_samples.h"
#include "support/thrown.h"

namespace test_kernel_ridge {

using namespace eqnn;
using namespace eqnn::hard;
using namespace samples;

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
      double left = lambda * scale * r.weights[k], right = 0;
      for (Index e = 0; e < m; ++e) {
        double f = 0;
        for (Index j = 0; j < p; ++j) f += features(e, j) * r.weights[j];
        left += features(e, k) * f;
        right += features(e, k) * y[e];
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

}  // namespace test_kernel_ridge
