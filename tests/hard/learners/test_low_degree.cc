// Low-degree estimates: what they learn, and the noise that they announce.
#include <doctest/doctest.h>
#include <eqnn/hard/learners/low_degree.h>

#include "polynomial_samples.h"
#include "support/thrown.h"

namespace test_low_degree {

using namespace eqnn;
using namespace eqnn::hard;
using namespace samples;

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
        loss += (h[e] - target) * (h[e] - target) / 4000;
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

}  // namespace test_low_degree
