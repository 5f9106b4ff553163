// Ranks that train together: the bits of one process, whatever their number; what they send.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/convolution.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "support/ranks.h"
#include "support/threads.h"

using namespace eqnn;
using eqnn::testing::RankThreads;

namespace {

constexpr Index kRing = 12;

struct Case {
  bool spectral = false;  // filters whose gradients go a way of their own, or a dense network
  Index width = 8, batch = 48, row_block = 0;
  Optimizer optimizer = Adam{};
  double clip_norm = 0;
};

template <class T>
Model<T> model_of(Params<T>& p, const Case& c) {
  if (!c.spectral)
    return [mlp = Mlp<T>(p, "mlp", {kRing, c.width, 1})](Program<T>& g) {
      const auto f = mlp(g.input("x", {.points = 1, .channels = kRing}));
      g.output("f", f);
      return squared_error(f, g.input("y", {}));
    };
  return [conv = CyclicConvolution<T>(p, "conv", 1, c.width, Torus::cycle(kRing), ConvolutionMethod::spectral),
          head = Linear<T>(p, "head", c.width, 1)](Program<T>& g) {
    const auto f = head(mean_points(relu(conv(g.input("x", {.points = kRing, .channels = 1})))));
    g.output("f", f);
    return squared_error(f, g.input("y", {}));
  };
}

const auto draw = []<class T>(Batch<T>& b) {
  const Block<T> x = b["x"], y = b["y"];
  for (Index e = 0; e < b.last - b.first; ++e) {
    Draws d({5, Stream::train, b.step, static_cast<std::uint64_t>(b.first + e)});
    for (Index i = 0; i < kRing; ++i) (x.points > 1 ? x(e, i) : x(e, 0, i)) = static_cast<T>(d.normal());
    y(e) = static_cast<T>(d.normal());
  }
};

// All that a training leaves behind: what every rank must agree on.
template <class T>
struct Trained {
  std::vector<double> losses, outputs;
  std::vector<T> parameters, gradient;
  double noise = 0;

  friend bool operator==(const Trained&, const Trained&) = default;
};

template <class T>
Trained<T> train(const Case& c, Ranks* ranks) {
  Params<T> p;
  const Model<T> model = model_of(p, c);
  p.initialize({}, 3);
  Trainer<T> trainer(p,
                     {.batch = c.batch,
                      .shard = 4,
                      .row_block = c.row_block,
                      .threads = 2,
                      .optimizer = c.optimizer,
                      .clip_norm = c.clip_norm,
                      .ranks = ranks},
                     model);
  Trained<T> result;
  for (int step = 0; step < 6; ++step) {
    GradientNoise noise;
    result.losses.push_back(trainer.step(draw, step == 3 ? &noise : nullptr));
    if (step == 3 && c.row_block == 0) result.noise = noise.noise;
  }
  result.losses.push_back(trainer.gradient(draw));
  constexpr Index kExamples = 37;
  result.outputs.resize(kExamples);
  result.losses.push_back(trainer.evaluate(kExamples, draw, [&](Batch<T>& b) {
    for (Index e = b.first; e < b.last; ++e) result.outputs[e] = static_cast<double>(b.output("f")(e - b.first));
  }));
  if (ranks != nullptr && c.row_block == 0) {
    std::vector<Index> ends = trainer.evaluated_ends(kExamples);
    CHECK(ends.back() == kExamples);
    for (Index& end : ends) end *= static_cast<Index>(sizeof(double));
    ranks->gather(std::as_writable_bytes(std::span(result.outputs)), ends);
  }
  result.parameters.assign(p.values().begin(), p.values().end());
  result.gradient.assign(trainer.last_gradient().begin(), trainer.last_gradient().end());
  return result;
}

template <class T>
void check_same_bits(const Case& c, int size) {
  CAPTURE(size);
  const Trained<T> alone = train<T>(c, nullptr);
  std::vector<Trained<T>> each(static_cast<std::size_t>(size));
  RankThreads(size).run([&](Ranks& ranks) { each[ranks.rank()] = train<T>(c, &ranks); });
  for (const Trained<T>& one : each) CHECK(one == alone);
}

}  // namespace

TEST_CASE("ranks: the bits of one process, whatever their number, for dense and spectral networks") {
  const eqnn::testing::EightThreads eight;
  for (const int size : {1, 2, 3, 4, 5, 8}) {
    check_same_bits<float>({}, size);
    check_same_bits<double>({.batch = 45, .optimizer = Sgd{.rate = 0.05}, .clip_norm = 0.1}, size);
    check_same_bits<float>({.spectral = true}, size);
    check_same_bits<double>({.spectral = true, .width = 5, .batch = 44, .clip_norm = 0.3}, size);
  }
}

TEST_CASE("ranks: the same where rows are so large that each rank adds up a piece for all") {
  for (const int size : {3, 4, 7}) check_same_bits<float>({.width = 3000, .batch = 28}, size);
}

TEST_CASE("ranks: more of them than there are rows, and one big graph, which each trains whole") {
  check_same_bits<float>({.batch = 6}, 5);
  check_same_bits<float>({.batch = 40, .row_block = 8}, 3);
}

TEST_CASE("ranks: one message a step of small networks, three of large ones, each rank sending two rows in all") {
  const auto sent = [](const Case& c, int size) {
    RankThreads threads(size);
    threads.run([&](Ranks& ranks) {
      Params<float> p;
      const Model<float> model = model_of(p, c);
      p.initialize({}, 3);
      Trainer<float> trainer(p, {.batch = 64, .shard = 4, .threads = 1, .ranks = &ranks}, model);
      trainer.step(draw);
    });
    return std::pair(threads.messages_sent, threads.bytes_sent);
  };
  CHECK(sent({.width = 8}, 4).first == 1);
  const auto [messages, bytes] = sent({.width = 16384}, 4);
  CHECK(messages == 3);
  // A quarter of the row to each other, twice: 16384 units of 12 weights, a bias and an output weight.
  Params<float> p;
  model_of(p, Case{.width = 16384});
  CHECK(static_cast<double>(bytes) == doctest::Approx(2 * 0.25 * 4 * static_cast<double>(p.size())).epsilon(0.01));
}
