// Optimisers against PyTorch and by hand, clipping, schedules.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/loss.h>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "support/optimizer_golden.h"
#include "support/trained_models.h"

namespace test_optimisers {

using namespace eqnn;
using namespace trained;

namespace {

// The network, data and parameters of optimizer_golden.py.
template <class T>
struct GoldenNet {
  GoldenNet() : first(params, "0", 3, 4), second(params, "1", 4, 1) {
    set(first.weight, 5, 3, 7, 0.125);
    set(first.bias, 1, 1, 3, 0.0625);
    set(second.weight, 1, 3, 5, 0.125);
    set(second.bias, 1, 1, 3, 0.25);
  }
  void set(Param p, Index a, Index b, Index m, double unit) {
    const bool bias = p.rows == 1;
    for (Index i = 0; i < p.rows; ++i)
      for (Index o = 0; o < p.cols; ++o) {
        const Index row = bias ? 0 : o, col = bias ? o : i;
        params.view(p)(i, o) = static_cast<T>(static_cast<double>((a * row + b * col) % m - m / 2) * unit);
      }
  }
  std::vector<double> values() const {
    std::vector<double> v;
    for (Param p : {first.weight, first.bias, second.weight, second.bias})
      for (Index o = 0; o < p.cols; ++o)
        for (Index i = 0; i < p.rows; ++i) v.push_back(static_cast<double>(params.view(p)(i, o)));
    return v;
  }
  Params<T> params;
  Linear<T> first, second;
};

template <class T>
std::vector<double> train_golden(TrainerOptions options) {
  options.batch = 6;
  options.shard = 4;
  options.threads = 1;
  GoldenNet<T> net;
  Trainer<T> trainer(net.params, options, [&](Program<T>& g) {
    return squared_error(net.second(square(net.first(g.input("x", {.channels = 3})))), g.input("y", {}));
  });
  for (int step = 0; step < 12; ++step)
    trainer.step([](Batch<T>& b) {
      for (Index e = 0; e < b.last - b.first; ++e) {
        const Index example = static_cast<Index>(b.step) * 6 + b.first + e;
        for (Index i = 0; i < 3; ++i)
          b["x"](e, 0, i) = static_cast<T>(static_cast<double>((7 * example + 4 * i) % 13 - 6) / 8);
        b["y"](e) = static_cast<T>(static_cast<double>((5 * example) % 9 - 4) / 8);
      }
    });
  return net.values();
}

struct OptimizerCase {
  const char* name;
  TrainerOptions options;
};
const Schedule kCosine12{.kind = Schedule::Kind::cosine, .steps = 12, .floor = 0.1};
const Schedule kStep4{.kind = Schedule::Kind::step, .every = 4, .factor = 0.3};
const OptimizerCase kOptimizers[] = {
    {"sgd", {.optimizer = Sgd{.rate = 0.1}}},
    {"sgd_decay", {.optimizer = Sgd{.rate = 0.1, .weight_decay = 0.05}}},
    {"momentum", {.optimizer = Sgd{.rate = 0.05, .momentum = 0.9}}},
    {"momentum_decay", {.optimizer = Sgd{.rate = 0.05, .momentum = 0.9, .weight_decay = 0.05}}},
    {"nesterov", {.optimizer = Sgd{.rate = 0.05, .momentum = 0.8, .nesterov = true}}},
    {"nesterov_decay", {.optimizer = Sgd{.rate = 0.05, .momentum = 0.8, .nesterov = true, .weight_decay = 0.05}}},
    {"sgd_clip", {.optimizer = Sgd{.rate = 0.1, .momentum = 0.9, .weight_decay = 0.05}, .clip_norm = 0.4}},
    {"adam", {.optimizer = Adam{.rate = 0.02}}},
    {"adam_betas", {.optimizer = Adam{.rate = 0.02, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3}}},
    {"adam_decay", {.optimizer = Adam{.rate = 0.02, .weight_decay = 0.05}}},
    {"adam_clip", {.optimizer = Adam{.rate = 0.02}, .clip_norm = 0.4}},
    {"adamw", {.optimizer = AdamW{.rate = 0.02}}},
    {"adamw_decay", {.optimizer = AdamW{.rate = 0.02, .weight_decay = 0.5}}},
    {"adamw_clip", {.optimizer = AdamW{.rate = 0.02, .weight_decay = 0.1}, .clip_norm = 0.4}},
    {"sgd_cosine", {.optimizer = Sgd{.rate = 0.1}, .schedule = kCosine12}},
    {"adam_step", {.optimizer = Adam{.rate = 0.02}, .schedule = kStep4}},
};

}  // namespace

TEST_CASE("optimisers equal PyTorch's to the last digits in double, and to float's in float") {
  REQUIRE(std::size(kOptimizers) == std::size(optimizer_golden::kOptimized));
  for (std::size_t i = 0; i < std::size(kOptimizers); ++i) {
    const optimizer_golden::Optimized& expected = optimizer_golden::kOptimized[i];
    REQUIRE(std::string(kOptimizers[i].name) == expected.name);
    const std::vector<double> values(std::begin(expected.parameters), std::end(expected.parameters));
    INFO("optimiser ", expected.name);
    CHECK(largest_difference(train_golden<double>(kOptimizers[i].options), values, 0.01) <= 1e-13);
    CHECK(largest_difference(train_golden<float>(kOptimizers[i].options), values, 1) <= 3e-6);
  }
}

TEST_CASE_TEMPLATE("sign-SGD moves every parameter by the rate, against its gradient", T, float, double) {
  for (const double decay : {0.0, 0.5}) {
    Regression<T> r({.batch = 5, .threads = 1, .optimizer = SignSgd{.rate = 0.0625, .weight_decay = decay}});
    for (std::uint64_t step = 0; step < 8; ++step) {
      std::vector<double> gradient, expected = r.logical(r.params.values());
      r.naive(step, 5, gradient);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const double g = gradient[i] + decay * expected[i];
        expected[i] -= 0.0625 * static_cast<double>((g > 0) - (g < 0));
      }
      r.trainer.step(Regression<T>::fill);
      CHECK(r.logical(r.params.values()) == expected);
    }
  }
}

TEST_CASE("clipping scales the gradient down to its norm, and reports the unclipped one") {
  const auto step = [](double clip) {
    Regression<double> r({.batch = 5, .threads = 1, .optimizer = Sgd{.rate = 1}, .clip_norm = clip});
    const std::vector<double> before = r.logical(r.params.values());
    r.trainer.step(Regression<double>::fill);
    const std::vector<double> after = r.logical(r.params.values());
    double squares = 0;
    for (std::size_t i = 0; i < after.size(); ++i) squares += (after[i] - before[i]) * (after[i] - before[i]);
    return std::pair(std::sqrt(squares), r.trainer.last_gradient_norm());
  };
  const auto [free, norm] = step(0);
  CHECK(free == doctest::Approx(norm).epsilon(1e-12));
  const auto [clipped, same_norm] = step(norm / 3);
  CHECK(clipped == doctest::Approx(norm / 3 * norm / (norm + 1e-6)).epsilon(1e-12));
  CHECK(same_norm == doctest::Approx(norm).epsilon(1e-12));
  CHECK(step(100 * norm).first == free);
}

TEST_CASE("optimisers name their moments") {
  const auto names = [](const Optimizer& o) {
    Regression<float> r({.batch = 2, .threads = 1, .optimizer = o});
    std::string list;
    for (const auto& m : r.trainer.moments()) {
      CHECK(m.values.size() == r.params.values().size());
      list += m.name + " ";
    }
    return list;
  };
  CHECK(names(Sgd{}) == "");
  CHECK(names(Sgd{.momentum = 0.9}) == "momentum ");
  CHECK(names(Adam{}) == "m v ");
  CHECK(names(AdamW{}) == "m v ");
  CHECK(names(SignSgd{}) == "");
}

TEST_CASE("schedules equal their formulas") {
  for (const std::uint64_t warmup : {0, 1, 10}) {
    const auto warm = [&](std::uint64_t s) {
      return s < warmup ? static_cast<double>(s + 1) / static_cast<double>(warmup) : 1.0;
    };
    const Schedule constant{.warmup = warmup};
    const Schedule cosine{.kind = Schedule::Kind::cosine, .steps = 50, .warmup = warmup, .floor = 0.1};
    const Schedule step{.kind = Schedule::Kind::step, .warmup = warmup, .every = 7, .factor = 0.5};
    for (std::uint64_t s = 0; s < 80; ++s) {
      const double x = static_cast<double>(s), w = static_cast<double>(warmup);
      const double done = s < warmup ? 0 : std::min(1.0, (x - w) / (50 - w));
      CHECK(constant(s) == warm(s));
      CHECK(std::abs(cosine(s) - warm(s) * (0.1 + 0.45 * (1 + std::cos(std::numbers::pi * done)))) < 1e-15);
      CHECK(step(s) == warm(s) * std::pow(0.5, static_cast<double>(s / 7)));
    }
    CHECK(cosine(49) > 0.1);
    CHECK(cosine(50) == doctest::Approx(0.1).epsilon(1e-15));
    CHECK(cosine(1000000) == doctest::Approx(0.1).epsilon(1e-15));
  }
  CHECK(Schedule{}(123) == 1);
  const Schedule first{.kind = Schedule::Kind::cosine, .steps = 50, .warmup = 4, .first = 30};
  CHECK(first(0) == 30);
  CHECK(first(1) == 0.5);  // the second step of warm-up
}

TEST_CASE("a step uses the rate of its number") {
  const Schedule schedule{.kind = Schedule::Kind::cosine, .steps = 10, .warmup = 3};
  Regression<double> r({.batch = 5, .threads = 1, .optimizer = SignSgd{.rate = 0.25}, .schedule = schedule});
  for (const std::uint64_t step : {0, 1, 2, 3, 7, 9}) {
    r.trainer.set_steps_done(step);
    const double before = r.logical(r.params.values()).back();
    r.trainer.step(Regression<double>::fill);
    CHECK(std::abs(std::abs(r.logical(r.params.values()).back() - before) - 0.25 * schedule(step)) < 1e-15);
  }
}

}  // namespace test_optimisers
