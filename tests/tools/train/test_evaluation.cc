// The interval of the correlation, and what is not defined.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>

#include <cmath>
#include <functional>
#include <vector>

#include "runs/verdict.h"
#include "support/sanitized.h"
#include "train/evaluation.h"

namespace test_evaluation {

using namespace eqnn;
using tools::Evaluation;
using tools::Outcomes;
using tools::summarize;

namespace {

struct Pair {
  double f, y;
};
using Law = std::function<Pair(Draws&)>;

Evaluation sample(const Law& law, Index examples, std::uint64_t seed) {
  Draws d({seed, Stream::user, 0, 0});
  Outcomes o;
  for (Index i = 0; i < examples; ++i) {
    const Pair p = law(d);
    o.f.push_back(p.f);
    o.y.push_back(p.y);
  }
  return summarize(o, 1);
}

// The shares of 2,000 samples whose interval holds the truth, and that have none.
struct Coverage {
  double held = 0, none = 0;
};
Coverage coverage(const Law& law, double truth, Index examples) {
  constexpr int kTrials = 2000;
  Coverage c;
  for (int t = 0; t < kTrials; ++t) {
    const Evaluation e = sample(law, examples, static_cast<std::uint64_t>(t));
    if (!std::isfinite(e.correlation_low)) c.none += 1.0 / kTrials;
    if (e.correlation_low <= truth && truth <= e.correlation_high) c.held += 1.0 / kTrials;
  }
  return c;
}

}  // namespace

TEST_CASE("correlation: the 95 % interval holds the truth, for normal pairs and for heavy tails") {
  if (kSanitized) return;  // thousands of samples, of which one would find what all do
  // y = x + noise of the same variance: correlation sqrt(1 / 2).
  const Law normals = [](Draws& d) {
    const double x = d.normal();
    return Pair{x, x + d.normal()};
  };
  // Products of three normals have kurtosis 27, where Fisher's interval holds the truth in a third of the samples.
  const Law products = [](Draws& d) {
    const double x = d.normal() * d.normal() * d.normal();
    return Pair{x, x + d.normal() * d.normal() * d.normal()};
  };
  // Signs that agree with probability 0.9: correlation 0.8.
  const Law signs = [](Draws& d) {
    const double y = d.uniform() < 0.5 ? -1 : 1;
    return Pair{d.uniform() < 0.9 ? y : -y, y};
  };
  const Law apart = [](Draws& d) { return Pair{d.normal(), d.normal() * d.normal()}; };
  const double half = std::sqrt(0.5);
  struct Case {
    Law law;
    double truth;
    Index examples;
  };
  for (const Case& a :
       {Case{normals, half, 200}, Case{normals, half, 2000}, Case{signs, 0.8, 500}, Case{apart, 0, 500}}) {
    const Coverage c = coverage(a.law, a.truth, a.examples);
    CAPTURE(a.truth);
    CAPTURE(a.examples);
    CHECK(c.held / (1 - c.none) >= 0.93);
    CHECK(c.held / (1 - c.none) <= 0.97);
    CHECK(c.none < 0.05);
  }
  const Coverage heavy = coverage(products, half, 3000);
  CHECK(heavy.held / (1 - heavy.none) >= 0.92);
  CHECK(heavy.none < 0.3);
}

TEST_CASE("correlation: no interval where a handful of examples decide it") {
  const Law rare = [](Draws& d) {
    const double x = d.uniform() < 0.02 ? 100.0 : d.normal();
    return Pair{x + d.normal(), x};
  };
  CHECK(!std::isfinite(sample(rare, 200, 1).correlation_low));
  CHECK(std::isfinite(sample(rare, 20000, 1).correlation_low));
}

TEST_CASE("evaluation: the cross entropy is of differences of logits, however large they are") {
  const double mean = (std::log(2.0) + std::log(1 + std::exp(-1.0))) / 2;
  for (const double shift : {0.0, 1e8, -1e15})
    CHECK(tools::mean_cross_entropy({2, {shift, shift, shift + 1, shift}, {1, 0}}) ==
          doctest::Approx(mean).epsilon(1e-12));
  CHECK(tools::mean_cross_entropy({3, {0, 800, -800}, {2}}) == 1600);
}

TEST_CASE("evaluation: what is not defined is no number") {
  const auto of = [](std::vector<double> f, std::vector<double> y) { return summarize({1, f, y}, 0.5); };
  CHECK(std::isnan(of({1, 2, 3}, {4, 4, 4}).normalized()));
  CHECK(std::isnan(of({1, 2, 3}, {4, 4, 4}).correlation));
  CHECK(std::isnan(of({2, 2, 2}, {4, 5, 6}).correlation));
  CHECK(std::isnan(of({2, INFINITY, 2}, {4, 5, 6}).correlation));
  CHECK(std::isnan(of({2, NAN, 2}, {4, 5, 6}).correlation_high));
  CHECK(of({1, 2, 3}, {2, 4, 6}).correlation == 1);
  CHECK(of({1, 2, 3}, {-2, -4, -6}).correlation == doctest::Approx(-1));
}

namespace {

// The expected loss of an output g where the label is y = 1, flipped with probability q.
double noisy_loss(const std::string& loss, double g, double q) {
  const auto one = [&](double y) {
    const double d = std::abs(g - y);
    if (loss == "cross-entropy") return std::log1p(std::exp(-y * g));  // g: the difference of the logits
    if (loss == "abs") return d;
    return loss == "huber" ? (d <= 1 ? d * d / 2 : d - 0.5) : d * d;
  };
  return (1 - q) * one(1) + q * one(-1);
}

}  // namespace

TEST_CASE("noise floor: what the output that minimises the expected loss has on labels without noise") {
  for (const std::string loss : {"mse", "abs", "huber", "cross-entropy"})
    for (const double q : {0.05, 0.2, 0.4}) {
      CAPTURE(loss);
      CAPTURE(q);
      double best = 0;
      for (double g = -4; g <= 4; g += 1e-4)
        if (noisy_loss(loss, g, q) < noisy_loss(loss, best, q)) best = g;
      tools::TrainConfig c;
      c.noise = q;
      c.loss = loss;
      const double spread = loss == "cross-entropy" ? 0.6 : 0.9;
      const tools::NoiseFloor floor = tools::noise_floor(c, true, spread);
      const double clean = loss == "cross-entropy" ? noisy_loss(loss, best, 0) : (best - 1) * (best - 1);
      CHECK(floor.test == doctest::Approx(clean / spread).epsilon(1e-3));
      if (loss == "mse" || loss == "cross-entropy")
        CHECK(floor.train == doctest::Approx(noisy_loss(loss, best, q) / spread).epsilon(1e-3));
      CHECK(floor.judged_test(floor.test) == doctest::Approx(0));
      CHECK(floor.judged_test(1) == doctest::Approx(1));
      // A set can be had by heart; labels of which half are flipped say nothing.
      c.samples = 100;
      CHECK(tools::noise_floor(c, true, spread).train == 0);
      c.noise = 0.5;
      CHECK(tools::noise_floor(c, true, spread).test == 0);
    }
  tools::TrainConfig c;
  c.noise = 0.3;
  const tools::NoiseFloor added = tools::noise_floor(c, false, 2);
  CHECK(added.test == 0);
  CHECK(added.train == doctest::Approx(0.045));
  CHECK(added.judged_train(1.045) == doctest::Approx(1));  // the best constant
  c.label_transform = "square";
  CHECK(tools::noise_floor(c, false, 2).train == 0);
}

}  // namespace test_evaluation
