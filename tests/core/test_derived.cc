// Derived operations: what depends on parameters alone is computed once a step, and its gradient taken back once.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <vector>

namespace test_derived {

using namespace eqnn;

namespace {

struct Counts {
  std::atomic<int> forward = 0, backward = 0;
};

// w^2 entry by entry, part by part, and how often it was asked for.
Tensor<double> squared(Tensor<double> w, Counts& counts) {
  const auto rows = [](const Call<double>& call, const auto& body) {
    for (Index i = call.first_part(); i < call.last_part(); ++i)
      for (Index j = 0; j < call.in(0).cols; ++j) body(i, j);
  };
  return w.program().record({
      .name = "squared",
      .inputs = {w},
      .shape = w.shape(),
      .forward =
          [&counts, rows](const Call<double>& call) {
            ++counts.forward;
            rows(call, [&](Index i, Index j) { call.out()(i, j) = call.in(0)(i, j) * call.in(0)(i, j); });
          },
      .backward =
          [&counts, rows](const Call<double>& call) {
            ++counts.backward;
            const MatrixView<double> dw = call.in_gradient(0);
            rows(call, [&](Index i, Index j) {
              dw(i, j) = (call.accumulate(0) ? dw(i, j) : 0) + 2 * call.in(0)(i, j) * call.out_gradient()(i, j);
            });
          },
      .overwrites = true,
      .parts = w.shape().points,
  });
}

// y = x w^2, and with `tied` + x w: w is then read by a derived value and by the examples. The same without
// derived values, as a reference: w^2 is a parameter `s` of its own, ds/dw = 2 w.
struct Network {
  Network(bool is_tied, int threads, Index shard) : tied(is_tied) {
    w = params.weight("w", 3, 2);
    params.initialize(kaiming_uniform, 3);
    TrainerOptions o;
    o.batch = 20;
    o.shard = shard;
    o.threads = threads;
    o.optimizer = Sgd{.rate = 0.1};
    trainer = std::make_unique<Trainer<double>>(params, o, [this](Program<double>& g) { return record(g); });
  }
  Tensor<double> record(Program<double>& g) {
    const Tensor<double> x = g.input("x", {0, 1, 3}), weight = g.param(w);
    Tensor<double> y = linear(x, squared(weight, counts), Tensor<double>{});
    if (tied) y = add(y, linear(x, weight, Tensor<double>{}));
    return squared_error(y, g.input("y", {0, 1, 2}));
  }
  static constexpr double input(Index e, Index i) { return 0.1 * static_cast<double>((7 * e + 3 * i) % 11) - 0.4; }
  static constexpr auto fill = [](Batch<double>& b) {
    const auto x = b["x"], y = b["y"];
    for (Index e = 0; e < x.examples; ++e) {
      for (Index i = 0; i < 3; ++i) x(e, 0, i) = input(b.first + e, i);
      for (Index i = 0; i < 2; ++i) y(e, 0, i) = input(b.first + e, i + 5);
    }
  };
  // d loss / d w by the formula.
  std::vector<double> expected() {
    const auto v = params.view(w);
    std::vector<double> gradient(static_cast<std::size_t>(params.size()));
    for (Index e = 0; e < 20; ++e)
      for (Index j = 0; j < 2; ++j) {
        double y = 0;
        for (Index i = 0; i < 3; ++i) y += input(e, i) * (v(i, j) * v(i, j) + (tied ? v(i, j) : 0));
        for (Index i = 0; i < 3; ++i)
          gradient[i * v.stride + j] +=
              (y - input(e, j + 5)) * scale() * input(e, i) * (2 * v(i, j) + (tied ? 1 : 0)) / 20;
      }
    return gradient;
  }
  // squared_error is the mean over channels, or their sum: measured once, by a difference.
  double scale() {
    if (factor == 0) {
      Program<double> g(1, Mode::evaluate);
      g.finish(squared_error(g.input("a", {0, 1, 2}), g.input("b", {0, 1, 2})));
      Workspace<double> space(g);
      space.bind({1, 0, 0, 0});
      space.input("a")(0, 0, 0) = 1;
      g.forward(space, params.values().data());
      factor = 2 * space.losses()(0, 0);
    }
    return factor;
  }

  bool tied;
  Params<double> params;
  Param w;
  Counts counts;
  std::unique_ptr<Trainer<double>> trainer;
  double factor = 0;
};

}  // namespace

TEST_CASE("derived values: gradients equal the formula, for any shards, alone and beside a direct use") {
  for (const bool tied : {false, true})
    for (const Index shard : {20, 8, 3, 1})
      for (const int threads : {1, 3}) {
        CAPTURE(tied);
        CAPTURE(shard);
        Network net(tied, threads, shard);
        const std::vector<double> expected = net.expected();
        for (int noisy = 0; noisy < 2; ++noisy) {
          GradientNoise noise;
          net.trainer->gradient(Network::fill, noisy != 0 ? &noise : nullptr);
          for (std::size_t i = 0; i < expected.size(); ++i)
            CHECK(net.trainer->last_gradient()[i] == doctest::Approx(expected[i]).epsilon(1e-12));
          if (noisy != 0 && shard < 20) CHECK(noise.noise > 0);
        }
      }
}

TEST_CASE("derived values: computed and taken back once a step, whatever the shards") {
  Network net(false, 2, 1);
  net.counts.forward = 0;
  net.trainer->step(Network::fill);
  CHECK(net.counts.forward <= 3);  // in blocks of its 3 parts
  CHECK(net.counts.backward <= 3);
  CHECK(net.counts.backward >= 1);
}

TEST_CASE("derived values: the noise of the gradient is that of the formula") {
  // One example a group: noise = sum_i |g_i - mean|^2 / (B - 1).
  Network net(true, 1, 1);
  GradientNoise noise;
  net.trainer->gradient(Network::fill, &noise);
  const auto v = net.params.view(net.w);
  std::vector<std::vector<double>> each;
  for (Index e = 0; e < 20; ++e) {
    std::vector<double> g;
    for (Index j = 0; j < 2; ++j) {
      double y = 0;
      for (Index i = 0; i < 3; ++i) y += Network::input(e, i) * (v(i, j) * v(i, j) + v(i, j));
      for (Index i = 0; i < 3; ++i)
        g.push_back((y - Network::input(e, j + 5)) * net.scale() * Network::input(e, i) * (2 * v(i, j) + 1));
    }
    each.push_back(g);
  }
  double scatter = 0;
  for (std::size_t k = 0; k < 6; ++k) {
    double mean = 0;
    for (const auto& g : each) mean += g[k] / 20;
    for (const auto& g : each) scatter += (g[k] - mean) * (g[k] - mean);
  }
  CHECK(noise.noise == doctest::Approx(scatter / 19).epsilon(1e-9));
}

TEST_CASE("derived values: a workspace of its own derives for itself, forward and backward") {
  Network net(true, 1, 8);
  Program<double> g(20, Mode::train);
  g.finish(net.record(g));
  Workspace<double> space(g);
  space.bind({20, 0, 0, 0});
  Batch<double> batch(space);
  Network::fill(batch);
  std::fill(space.weights().begin(), space.weights().end(), 1.0 / 20);
  std::vector<double> gradient(static_cast<std::size_t>(net.params.size()), 7);
  g.forward(space, net.params.values().data());
  g.backward(space, gradient.data(), true);
  const std::vector<double> expected = net.expected();
  const Index stride = net.params.view(net.w).stride;
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 2; ++j)
      CHECK(gradient[i * stride + j] == doctest::Approx(expected[i * stride + j]).epsilon(1e-12));
  // On top of what is there.
  g.forward(space, net.params.values().data());
  g.backward(space, gradient.data(), false);
  CHECK(gradient[0] == doctest::Approx(2 * expected[0]).epsilon(1e-12));
}

namespace {

// y = x (w^2)^2: only another derived value reads w^2. Without `overwrites` the padding is the program's to clear.
Tensor<double> squared_plainly(Tensor<double> w) {
  return w.program().record({
      .name = "squared",
      .inputs = {w},
      .shape = w.shape(),
      .forward =
          [](const Call<double>& call) {
            for (Index i = call.first_part(); i < call.last_part(); ++i)
              for (Index j = 0; j < call.in(0).stride; ++j)  // the padding too, with what is no zero
                call.out().row(i)[j] = j < call.in(0).cols ? call.in(0)(i, j) * call.in(0)(i, j) : 1;
          },
      .backward =
          [](const Call<double>& call) {
            for (Index i = call.first_part(); i < call.last_part(); ++i)
              for (Index j = 0; j < call.in(0).cols; ++j)
                call.in_gradient(0)(i, j) += 2 * call.in(0)(i, j) * call.out_gradient()(i, j);
          },
      .parts = w.shape().points,
  });
}

struct Chain {
  explicit Chain(const TrainerOptions& o) {
    w = params.weight("w", 3, 2);
    params.initialize(kaiming_uniform, 4);
    trainer = std::make_unique<Trainer<double>>(params, o, [this](Program<double>& g) {
      const Tensor<double> x = g.input("x", {0, 1, 3});
      const Tensor<double> y = linear(x, squared_plainly(squared_plainly(g.param(w))), Tensor<double>{});
      return squared_error(y, g.input("y", {0, 1, 2}));
    });
  }
  Params<double> params;
  Param w;
  std::unique_ptr<Trainer<double>> trainer;
};

}  // namespace

TEST_CASE("derived values: chains, in shards and in blocks of rows, step after step") {
  for (const Index row_block : {0, 6})
    for (const int threads : {1, 3})
      for (const double clip : {0.0, 1e-3}) {
        CAPTURE(row_block);
        CAPTURE(threads);
        TrainerOptions o;
        o.batch = 20;
        o.shard = 3;
        o.row_block = row_block;
        o.threads = threads;
        o.clip_norm = clip;
        o.optimizer = Sgd{.rate = 0.1};
        Chain net(o);
        Network formula(false, 1, 20);
        for (int step = 0; step < 3; ++step) {
          // With v = w^2 the rest is the formula's: d/dw = 2 w d/dv, and its parameters are v.
          const auto w = net.params.view(net.w), v = formula.params.view(formula.w);
          for (Index i = 0; i < 3; ++i)
            for (Index j = 0; j < 2; ++j) v(i, j) = w(i, j) * w(i, j);
          const std::vector<double> expected = formula.expected();
          const std::vector<double> before(net.params.values().begin(), net.params.values().end());
          net.trainer->step(Network::fill);
          double norm = 0;
          for (Index i = 0; i < 3; ++i)
            for (Index j = 0; j < 2; ++j) {
              const Index at = i * w.stride + j;
              const double gradient = 2 * before[at] * expected[at];
              norm += gradient * gradient;
              CHECK(net.trainer->last_gradient()[at] == doctest::Approx(gradient).epsilon(1e-12));
            }
          const double scale = clip > 0 ? std::min(1.0, clip / (std::sqrt(norm) + 1e-6)) : 1;
          for (Index i = 0; i < 3; ++i)
            for (Index j = 0; j < 2; ++j) {
              const Index at = i * w.stride + j;
              CHECK(w(i, j) ==
                    doctest::Approx(before[at] - 0.1 * scale * 2 * before[at] * expected[at]).epsilon(1e-12));
            }
        }
      }
}

TEST_CASE("derived values: evaluation derives from the parameters of its moment, on all workers") {
  TrainerOptions o;
  o.batch = 20;
  o.shard = 2;
  o.threads = 3;
  o.optimizer = Sgd{.rate = 0.1};
  Chain net(o);
  for (int step = 0; step < 2; ++step) {
    const double evaluated = net.trainer->evaluate(20, Network::fill);
    CHECK(net.trainer->gradient(Network::fill) == doctest::Approx(evaluated).epsilon(1e-12));
    CHECK(net.trainer->step(Network::fill) == doctest::Approx(evaluated).epsilon(1e-12));
  }
}

TEST_CASE("derived values: blocks of rows need a workspace that shares them") {
  Network net(false, 1, 20);
  Program<double> g(20, Mode::train);
  g.finish(net.record(g));
  Workspace<double> space(g);
  space.bind({20, 0, 0, 0});
  const auto run = [](Index count, FunctionRef<void(Index)> task) {
    for (Index i = 0; i < count; ++i) task(i);
  };
  const RowBlocks blocks{2, run};
  g.forward(space, net.params.values().data(), &blocks);
  std::vector<double> gradients(static_cast<std::size_t>(2 * net.params.size()));
  CHECK_THROWS_WITH_AS(g.backward(space, gradients.data(), net.params.size(), blocks),
                       "backward over blocks of rows needs a workspace that shares its derived values; call "
                       "share_derived",
                       ValueError);
}

TEST_CASE("derived values: are no outputs, which have examples") {
  Params<double> params;
  const Param w = params.weight("w", 3, 2);
  params.freeze();
  Program<double> g(4, Mode::evaluate);
  CHECK_THROWS_AS(g.output("w", squared_plainly(g.param(w))), ShapeError);
}

TEST_CASE("derived values: depend on parameters alone") {
  Params<double> params;
  const Param w = params.weight("w", 3, 2);
  params.freeze();
  Program<double> g(4, Mode::evaluate);
  CHECK_THROWS_WITH_AS(
      g.record({.name = "mixed",
                .inputs = {g.param(w), g.input("x", {0, 1, 3})},
                .shape = {Shape::kShared, 1, 1},
                .forward = {},
                .backward = {}}),
      "mixed: the result is [shared, 1, 1] and an input [b, 1, 3]; what is shared depends on parameters alone",
      ShapeError);
}

}  // namespace test_derived
