// The Trainer: updates, determinism, shards, schedules, errors, memory.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/attention.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/gather.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>
#include <eqnn/nn/sparse_graphs.h>
#include <eqnn/so3/tensor_field.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <thread>
#include <vector>

#include "support/allocations.h"
#include "support/optimizer_golden.h"
#include "support/reference.h"

namespace test_trainer {

using namespace eqnn;
using reference::Dense;
#ifdef EQNN_TEST_COUNTS_ALLOCATIONS
using testing::allocations;
#endif

namespace {

// TBB gives a machine of two cores no third thread unless it is told to.
struct EightThreads {
  tbb::global_control control{tbb::global_control::max_allowed_parallelism, 8};
};

// A graph network on drawn data, as small as it can be.
constexpr Index kPoints = 6;

template <class T>
struct GraphNet {
  explicit GraphNet(Params<T>& p, Index width = 9)
      : l1(p, "layers.0", 1, width), l2(p, "layers.1", width, width), head(p, "head", {width, width, 1}) {}
  Tensor<T> operator()(Program<T>& g) const {
    auto x = g.input("x", {.points = kPoints, .channels = 1});
    const auto a =
        normalize_adjacency(g.input("adjacency", {.points = kPoints, .channels = kPoints}), Adjacency::centred);
    x = relu(l2(tanh(l1(x, a)), a));
    const auto f = head(mean_points(x));
    g.output("f", f);
    return squared_error(f, g.input("y", {}));
  }
  MessagePassing<T> l1, l2;
  Mlp<T> head;
};

// Example i of step s depends on (s, i) alone.
template <class T>
void draw_graphs(Batch<T>& b, std::uint64_t later = 0) {
  const Block<T> x = b["x"], a = b["adjacency"], y = b["y"];
  for (Index e = 0; e < b.last - b.first; ++e) {
    Draws d({77, Stream::train, b.step + later, static_cast<std::uint64_t>(b.first + e)});
    int edges = 0;
    for (Index i = 0; i < kPoints; ++i) {
      x(e, i) = static_cast<T>(d.uniform());
      a(e, i, i) = 0;
      for (Index j = 0; j < i; ++j) {
        const bool edge = d.below(2) == 1;
        a(e, i, j) = a(e, j, i) = static_cast<T>(edge);
        edges += edge;
      }
    }
    y(e) = static_cast<T>(edges - 7.5) / 4;
  }
}

// FNV-1a over the bytes of the parameters.
template <class T>
std::uint64_t hash(const Params<T>& p) {
  std::uint64_t h = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(p.values().data());
  for (std::size_t i = 0; i < p.values().size() * sizeof(T); ++i) h = (h ^ bytes[i]) * 0x100000001b3;
  return h;
}

template <class T>
struct Run {
  explicit Run(const TrainerOptions& o, Index width = 9)
      : net((void(0), params), width),
        trainer((params.initialize(kaiming_uniform, 3), params), o, [this](Program<T>& g) { return net(g); }) {}
  double steps(int count) {
    double loss = 0;
    for (int i = 0; i < count; ++i) loss = trainer.step([](Batch<T>& b) { draw_graphs(b); });
    return loss;
  }
  Params<T> params;
  GraphNet<T> net;
  Trainer<T> trainer;
};

// Linear regression, of which every number is known.
// f = w x + b on one example a row; x and y are functions of (step, example).
template <class T>
struct Regression {
  Regression(const TrainerOptions& o, Index features = 3)
      : linear(params, "l", features, 1), trainer((start(), params), o, [this, features](Program<T>& g) {
          const auto f = linear(g.input("x", {.channels = features}));
          g.output("f", f);
          return squared_error(f, g.input("y", {}));
        }) {}
  static double x(std::uint64_t step, Index example, Index feature) {
    return static_cast<double>((7 * example + 4 * feature + 5 * static_cast<Index>(step)) % 13 - 6) / 8;
  }
  static double y(std::uint64_t step, Index example) {
    return static_cast<double>((5 * example + 3 * static_cast<Index>(step)) % 9 - 4) / 4;
  }
  static constexpr auto fill = [](Batch<T>& b) {
    for (Index e = 0; e < b.last - b.first; ++e) {
      for (Index j = 0; j < b["x"].channels; ++j) b["x"](e, 0, j) = static_cast<T>(x(b.step, b.first + e, j));
      b["y"](e) = static_cast<T>(y(b.step, b.first + e));
    }
  };
  double output(std::uint64_t step, Index example) {
    double f = static_cast<double>(params.view(linear.bias)(0, 0));
    for (Index j = 0; j < linear.weight.rows; ++j)
      f += static_cast<double>(params.view(linear.weight)(j, 0)) * x(step, example, j);
    return f;
  }
  // L over examples 0 .. count-1 of a step, and its gradient: weights, then the bias.
  double naive(std::uint64_t step, Index count, std::vector<double>& gradient) {
    gradient.assign(static_cast<std::size_t>(linear.weight.rows) + 1, 0);
    double loss = 0;
    for (Index e = 0; e < count; ++e) {
      const double d = output(step, e) - y(step, e), unit = 1 / static_cast<double>(count);
      loss += d * d * unit;
      for (Index j = 0; j < linear.weight.rows; ++j) gradient[j] += 2 * d * x(step, e, j) * unit;
      gradient.back() += 2 * d * unit;
    }
    return loss;
  }
  std::vector<double> logical(std::span<const T> flat) const {
    std::vector<double> v;
    for (Index j = 0; j < linear.weight.rows; ++j)
      v.push_back(static_cast<double>(flat[linear.weight.offset + j * linear.weight.stride]));
    v.push_back(static_cast<double>(flat[linear.bias.offset]));
    return v;
  }
  void start() {
    for (Index j = 0; j < linear.weight.rows; ++j)
      params.view(linear.weight)(j, 0) = static_cast<T>(0.5 * static_cast<double>(j) - 0.25);
    params.view(linear.bias)(0, 0) = T(0.125);
  }
  Params<T> params;
  Linear<T> linear;
  Trainer<T> trainer;
};

double largest_difference(const std::vector<double>& a, const std::vector<double>& b, double unit) {
  double result = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    result = reference::worse(result, std::abs(a[i] - b[i]) / std::max(unit, std::abs(b[i])));
  return result;
}

template <class T>
constexpr double kRounding = sizeof(T) == 4 ? 2e-6 : 4e-15;

}  // namespace

TEST_CASE_TEMPLATE("one SGD step equals the step computed by hand", T, float, double) {
  // f = 2 x + 1 on x = 1, 3 with y = 2, 5: f = 3, 7; L = (1 + 4) / 2; dL/dw = (2 1 1 + 2 2 3) / 2 = 7,
  // dL/db = (2 1 + 2 2) / 2 = 3; with rate 1/8, w = 2 - 7/8 and b = 1 - 3/8. All of it is exact.
  Params<T> p;
  const Linear<T> linear(p, "l", 1, 1);
  p.view(linear.weight)(0, 0) = 2;
  p.view(linear.bias)(0, 0) = 1;
  Trainer<T> trainer(p, {.batch = 2, .threads = 1, .optimizer = Sgd{.rate = 0.125}},
                     [&](Program<T>& g) { return squared_error(linear(g.input("x", {})), g.input("y", {})); });
  const double loss = trainer.step([](Batch<T>& b) {
    b["x"](0) = 1;
    b["x"](1) = 3;
    b["y"](0) = 2;
    b["y"](1) = 5;
  });
  CHECK(loss == 2.5);
  CHECK(p.view(linear.weight)(0, 0) == T(1.125));
  CHECK(p.view(linear.bias)(0, 0) == T(0.625));
  CHECK(trainer.last_gradient()[linear.weight.offset] == T(7));
  CHECK(trainer.last_gradient()[linear.bias.offset] == T(3));
  CHECK(trainer.last_gradient_norm() == std::sqrt(58.0));
  CHECK(trainer.steps_done() == 1);
}

TEST_CASE_TEMPLATE("a batch that is not whole shards gives the gradient of its mean loss", T, float, double) {
  const EightThreads eight;
  struct Case {
    Index batch, shard;
  };
  for (const Case& c : {Case{13, 8}, {13, 13}, {13, 1}, {13, 100}, {1, 8}, {16, 8}, {65, 1}, {200, 3}, {129, 2}})
    for (const int threads : {1, 3}) {
      Regression<T> r({.batch = c.batch, .shard = c.shard, .threads = threads});
      r.trainer.set_steps_done(4);
      std::vector<double> gradient;
      const double loss = r.naive(4, c.batch, gradient);
      INFO("batch ", c.batch, " shard ", c.shard, " threads ", threads);
      CHECK(std::abs(r.trainer.gradient(Regression<T>::fill) - loss) <= kRounding<T> * std::max(1.0, loss));
      CHECK(largest_difference(r.logical(r.trainer.last_gradient()), gradient, 1) <= kRounding<T>);
      double squares = 0;
      for (double g : gradient) squares += g * g;
      CHECK(std::abs(r.trainer.last_gradient_norm() - std::sqrt(squares)) <= kRounding<T> * std::sqrt(squares));
      CHECK(r.trainer.steps_done() == 4);
    }
}

TEST_CASE_TEMPLATE("evaluation over examples that are not whole shards is their mean loss", T, float, double) {
  const EightThreads eight;
  for (const Index examples : {1, 7, 8, 21, 64, 600})
    for (const int threads : {1, 4}) {
      Regression<T> r({.batch = 4, .shard = 8, .threads = threads});
      std::vector<double> unused;
      const std::uint64_t before = hash(r.params);
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(examples));
      std::atomic<int> wrong{0};
      const double loss = r.trainer.evaluate(examples, Regression<T>::fill, [&](Batch<T>& b) {
        for (Index e = 0; e < b.last - b.first; ++e) {
          ++seen[b.first + e];
          const double f = r.output(0, b.first + e), d = f - Regression<T>::y(0, b.first + e);
          wrong += !(std::abs(static_cast<double>(b.output("f")(e)) - f) <= kRounding<T>);
          wrong += !(std::abs(static_cast<double>(b.losses()(e, 0)) - d * d) <= 4 * kRounding<T>);
        }
      });
      INFO("examples ", examples, " threads ", threads);
      CHECK(std::abs(loss - r.naive(0, examples, unused)) <= kRounding<T>);
      CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& n) { return n == 1; }));
      CHECK(wrong == 0);
      CHECK(hash(r.params) == before);
    }
}

TEST_CASE("a step asks for each example once, with its number and step") {
  const EightThreads eight;
  for (const int threads : {1, 5}) {
    Regression<double> r({.batch = 150, .shard = 2, .threads = threads});
    for (std::uint64_t step = 0; step < 3; ++step) {
      std::vector<std::atomic<int>> seen(150);
      std::atomic<int> wrong{0};
      r.trainer.step([&](Batch<double>& b) {
        for (Index e = b.first; e < b.last; ++e) ++seen[e];
        wrong += b.step != step || b.last - b.first > 2 || b["x"].examples != b.last - b.first;
        Regression<double>::fill(b);
      });
      CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& n) { return n == 1; }));
      CHECK(wrong == 0);
    }
  }
}

namespace {

// From the gradient of every example by itself: the mean of each group of shards, the mean of all, and how far the
// one are from the other.
template <class T>
GradientNoise naive_noise(Regression<T>& r, std::uint64_t step, Index batch, Index shard) {
  const Index shards = (batch + shard - 1) / shard, groups = std::min<Index>(shards, 64);
  const auto size = static_cast<std::size_t>(r.linear.weight.rows) + 1;
  std::vector<std::vector<double>> sums(static_cast<std::size_t>(groups), std::vector<double>(size));
  std::vector<double> counts(static_cast<std::size_t>(groups)), total(size);
  std::size_t group = 0;
  for (Index e = 0; e < batch; ++e) {
    while (e / shard >= (static_cast<Index>(group) + 1) * shards / groups) ++group;
    ++counts[group];
    const double d = 2 * (r.output(step, e) - r.y(step, e));
    for (std::size_t j = 0; j < size; ++j) {
      const double g = j + 1 < size ? d * r.x(step, e, static_cast<Index>(j)) : d;
      sums[group][j] += g;
      total[j] += g / static_cast<double>(batch);
    }
  }
  GradientNoise result{0, 0};
  for (std::size_t g = 0; g < sums.size(); ++g)
    for (std::size_t j = 0; j < size; ++j)
      result.noise += counts[g] * std::pow(sums[g][j] / counts[g] - total[j], 2) / static_cast<double>(groups - 1);
  for (double g : total) result.signal += g * g;
  result.signal -= result.noise / static_cast<double>(batch);
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("the noise of a gradient equals that of its examples' gradients", T, float, double) {
  const EightThreads eight;
  struct Case {
    Index batch, shard;
  };
  for (const Case& c : {Case{32, 8}, {13, 4}, {13, 1}, {9, 8}, {64, 1}, {65, 1}, {200, 3}, {129, 2}})
    for (const double clip : {0.0, 0.1}) {
      std::vector<GradientNoise> found;
      for (const int threads : {1, 2, 8}) {
        Regression<T> r({.batch = c.batch, .shard = c.shard, .threads = threads, .clip_norm = clip});
        r.trainer.set_steps_done(4);
        const GradientNoise expected = naive_noise(r, 4, c.batch, c.shard);
        GradientNoise noise, stepped;
        r.trainer.gradient(Regression<T>::fill, &noise);
        r.trainer.step(Regression<T>::fill, &stepped);
        INFO("batch ", c.batch, " shard ", c.shard, " clip ", clip, " threads ", threads);
        CHECK(std::abs(noise.noise - expected.noise) <= 4 * kRounding<T> * expected.noise);
        CHECK(std::abs(noise.signal - expected.signal) <=
              4 * kRounding<T> * (std::abs(expected.signal) + expected.noise));
        CHECK(noise.ratio() == noise.signal / noise.noise);
        found.push_back(noise);
        found.push_back(stepped);
      }
      for (const GradientNoise& n : found) {
        CHECK(n.noise == found[0].noise);
        CHECK(n.signal == found[0].signal);
      }
    }
}

TEST_CASE("the estimates of signal and noise are unbiased, for groups of any sizes") {
  // f = x + 1/2 on x = 1 or -1 with y = 0: the gradients are (3, 3) and (1, -1), mu = (2, 1), tr Sigma = 1 + 4.
  for (const Index batch : {2, 13, 16}) {
    Params<double> p;
    const Linear<double> linear(p, "l", 1, 1);
    p.view(linear.weight)(0, 0) = 1;
    p.view(linear.bias)(0, 0) = 0.5;
    Trainer<double> trainer(
        p, {.batch = batch, .shard = batch == 2 ? 1 : 4, .threads = 1},
        [&](Program<double>& g) { return squared_error(linear(g.input("x", {})), g.input("y", {})); });
    const int steps = 10000;
    double signal = 0, noise = 0;
    for (int step = 0; step < steps; ++step) {
      GradientNoise n;
      trainer.set_steps_done(static_cast<std::uint64_t>(step));
      trainer.gradient(
          [](Batch<double>& b) {
            for (Index e = 0; e < b.last - b.first; ++e) {
              Draws d({5, Stream::train, b.step, static_cast<std::uint64_t>(b.first + e)});
              b["x"](e) = d.below(2) == 1 ? 1 : -1;
              b["y"](e) = 0;
            }
          },
          &n);
      signal += n.signal / steps;
      noise += n.noise / steps;
    }
    // The averages have standard deviations below 0.08 and 0.05 (the greatest: batch 2).
    INFO("batch ", batch);
    CHECK(signal == doctest::Approx(5).epsilon(0.05));
    CHECK(noise == doctest::Approx(5).epsilon(0.04));
  }
}

TEST_CASE("asking for the noise changes no bit of the training") {
  std::vector<std::uint64_t> hashes;
  for (const bool ask : {false, true}) {
    Run<float> run({.batch = 20, .shard = 3, .threads = 2});
    GradientNoise noise;
    for (int i = 0; i < 30; ++i) run.trainer.step([](Batch<float>& b) { draw_graphs(b); }, ask ? &noise : nullptr);
    hashes.push_back(hash(run.params));
    CHECK(std::isfinite(noise.ratio()) == ask);
  }
  CHECK(hashes[0] == hashes[1]);
}

TEST_CASE("the noise of one group is not a number, and that of equal examples is zero") {
  for (const TrainerOptions& o :
       {TrainerOptions{.batch = 8, .shard = 8, .threads = 1}, TrainerOptions{.batch = 1, .threads = 1},
        TrainerOptions{.batch = 12, .row_block = 3, .threads = 1}}) {
    Regression<double> r(o);
    GradientNoise noise{1, 1};
    r.trainer.gradient(Regression<double>::fill, &noise);
    CHECK(std::isnan(noise.signal));
    CHECK(std::isnan(noise.noise));
    CHECK(std::isnan(noise.ratio()));
  }
  Regression<double> r({.batch = 8, .shard = 2, .threads = 1});
  GradientNoise noise;
  r.trainer.gradient(
      [](Batch<double>& b) {
        for (Index e = 0; e < b.last - b.first; ++e) {
          for (Index j = 0; j < 3; ++j) b["x"](e, 0, j) = 1;
          b["y"](e) = 3;
        }
      },
      &noise);
  CHECK(noise.noise == 0);
  CHECK(noise.signal > 0);
}

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

TEST_CASE_TEMPLATE("restarted, a Trainer goes on as a new one with the parameters as they are", T, float, double) {
  const Schedule falling{.kind = Schedule::Kind::cosine, .steps = 25, .warmup = 3};
  for (const Optimizer& o : {Optimizer{Adam{}}, Optimizer{Sgd{.momentum = 0.9}}, Optimizer{SignSgd{}}}) {
    const TrainerOptions options{.batch = 10, .shard = 4, .threads = 1, .schedule = {.first = 5}};
    TrainerOptions others = options;
    others.optimizer = o;
    others.schedule = falling;
    Run<T> one(options), other(others);
    one.steps(15);
    std::copy(one.params.values().begin(), one.params.values().end(), other.params.values().begin());
    one.trainer.restart(o, falling);
    CHECK(one.trainer.steps_done() == 15);
    // The same graphs for both.
    for (int i = 0; i < 25; ++i) {
      one.trainer.step([](Batch<T>& b) { draw_graphs(b); });
      other.trainer.set_steps_done(static_cast<std::uint64_t>(i));
      other.trainer.step([](Batch<T>& b) { draw_graphs(b, 15); });
    }
    CHECK(hash(one.params) == hash(other.params));
    CHECK(one.trainer.moments().size() == other.trainer.moments().size());
    CHECK_THROWS_AS(one.trainer.restart(Adam{.rate = -1}, falling), ValueError);
    CHECK_THROWS_AS(one.trainer.restart(o, {.first = -1}), ValueError);
  }
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

TEST_CASE_TEMPLATE("300 steps give the same parameters for 1, 2, 3 and 8 threads", T, float, double) {
  const EightThreads eight;
  std::vector<std::uint64_t> hashes;
  std::vector<double> losses;
  for (const int threads : {1, 2, 3, 8}) {
    Run<T> run({.batch = 20, .shard = 3, .threads = threads, .optimizer = Adam{.rate = 1e-2}});
    losses.push_back(run.steps(300));
    losses.push_back(run.trainer.evaluate(50, [](Batch<T>& b) { draw_graphs(b); }));
    hashes.push_back(hash(run.params));
  }
  CHECK(std::isfinite(losses[0]));
  for (std::size_t i = 1; i < hashes.size(); ++i) {
    CHECK(hashes[i] == hashes[0]);
    CHECK(losses[2 * i] == losses[0]);
    CHECK(losses[2 * i + 1] == losses[1]);
  }
}

TEST_CASE_TEMPLATE("big batches, big models and clipping do not depend on threads either", T, float, double) {
  const EightThreads eight;
  struct Case {
    Index batch, shard, width;
    int steps;
    double clip;
  };
  // More shards than gradient rows; and enough parameters for a parallel update, with and without clipping.
  for (const Case& c : {Case{150, 2, 9, 5, 0}, Case{12, 2, 180, 3, 0}, Case{12, 2, 180, 3, 0.5}}) {
    std::vector<std::uint64_t> hashes;
    for (const int threads : {1, 2, 3, 8}) {
      Run<T> run({.batch = c.batch, .shard = c.shard, .threads = threads, .clip_norm = c.clip}, c.width);
      run.steps(c.steps);
      hashes.push_back(hash(run.params));
    }
    CHECK(std::count(hashes.begin(), hashes.end(), hashes[0]) == 4);
  }
}

TEST_CASE("more threads than shards, or than the machine has, work") {
  const tbb::global_control control(tbb::global_control::max_allowed_parallelism, 64);
  std::vector<std::uint64_t> hashes;
  for (const int threads : {0, 1, 64, 100}) {
    Run<float> run({.batch = 8, .shard = 4, .threads = threads});
    run.steps(3);
    hashes.push_back(hash(run.params));
  }
  CHECK(std::count(hashes.begin(), hashes.end(), hashes[0]) == 4);
}

TEST_CASE_TEMPLATE("a Trainer that takes over parameters, moments and step goes on as if nothing had been", T,
                   float, double) {
  for (const Optimizer& o : {Optimizer{Adam{}}, Optimizer{Sgd{.momentum = 0.9}}, Optimizer{AdamW{}}}) {
    const TrainerOptions options{.batch = 10,
                                 .shard = 4,
                                 .threads = 1,
                                 .optimizer = o,
                                 .schedule = {.kind = Schedule::Kind::cosine, .steps = 40}};
    Run<T> whole(options), first(options), second(options);
    whole.steps(40);
    first.steps(17);
    first.trainer.evaluate(9, [](Batch<T>& b) { draw_graphs(b); });  // leaves no trace
    std::copy(first.params.values().begin(), first.params.values().end(), second.params.values().begin());
    auto from = first.trainer.moments(), to = second.trainer.moments();
    for (std::size_t i = 0; i < from.size(); ++i)
      std::copy(from[i].values.begin(), from[i].values.end(), to[i].values.begin());
    second.trainer.set_steps_done(first.trainer.steps_done());
    second.steps(23);
    CHECK(second.trainer.steps_done() == 40);
    CHECK(hash(second.params) == hash(whole.params));
    CHECK(hash(first.params) != hash(whole.params));
  }
}

TEST_CASE_TEMPLATE("two Trainers on two threads give the bits that each gives alone", T, float, double) {
  const EightThreads eight;
  const auto run = [](int threads, Index width) {
    Run<T> r({.batch = 24, .shard = 3, .threads = threads}, width);
    r.steps(60);
    return hash(r.params);
  };
  const std::uint64_t a = run(2, 9), b = run(3, 17);
  std::uint64_t a2 = 0, b2 = 0;
  std::thread one([&] { a2 = run(2, 9); }), two([&] { b2 = run(3, 17); });
  one.join();
  two.join();
  CHECK(a2 == a);
  CHECK(b2 == b);
}

TEST_CASE("training lowers the loss, and padding of the parameters stays zero") {
  Run<float> run({.batch = 32, .threads = 1, .optimizer = AdamW{.rate = 1e-2}});
  const auto loss = [&] { return run.trainer.evaluate(200, [](Batch<float>& b) { draw_graphs(b); }); };
  const double before = loss();
  run.steps(400);
  CHECK(loss() < 0.5 * before);
  bool clean = true;
  for (const ParamInfo& info : run.params.list())
    for (Index i = 0; i < info.slice.rows; ++i)
      for (Index j = info.slice.cols; j < info.slice.stride; ++j)
        clean = clean && run.params.view(info.slice).row(i)[j] == 0;
  CHECK(clean);
}

#ifdef EQNN_TEST_COUNTS_ALLOCATIONS
TEST_CASE("the counter sees allocations of the program and of the library") {
  const std::int64_t start = allocations;
  const auto owned = std::make_unique<int>(3);
  CHECK(allocations > start);
  Params<float> p;
  p.weight("w", 100, 100);
  const std::int64_t before = allocations;
  p.freeze();
  CHECK(allocations > before);
}

// What other tests do not replay, all in one: values of points, products, softmax, labels, sparse graphs.
template <class T>
Tensor<T> many_operations(Program<T>& g, const Attention<T>& attention, const Gat<T>& gat,
                          const Embedding<T>& table) {
  const IndexInput index = g.index_input("index", {.points = kPoints}, kPoints);
  const auto rows = table(g, index), mask = g.input("mask", {.points = kPoints, .channels = kPoints});
  auto x = add(g.input("x", {.points = kPoints, .channels = 4}), gather_points(rows, index));
  x = attention(attention(x), softmax(product_transposed(x, rows), mask));
  x = add(sub(sigmoid(x), sin(x)), div(cos(x), exp(abs(x))));
  x = add(clamp(leaky_relu(x), -1, 1), log(sqrt(exp(x))));
  x = join_channels(std::vector<Tensor<T>>{slice_channels(x, 1, 3), dot_channels(x, rows, 1)});
  x = add(mul_channels(x, log_softmax(slice_channels(x, 0, 2))), product(transpose(transpose(mask)), x));
  const LabelWeights<T> weights{{1, 2, 3, 4, 5, 6}, slice_channels(mask, 0, 1)};
  const auto loss = add(cross_entropy(join_channels(x, slice_channels(x, 0, 2)), index, weights),
                        binary_cross_entropy(max_points(join_points(x, slice_points(x, 1, 2))),
                                             slice_channels(slice_points(mask, 0, 1), 0, 4)));
  const GraphInput graph = g.graph("graph", 20, 20);
  return add(loss, squared_error(sum_nodes(gat(g.input("nodes", graph.nodes, 4), graph), graph),
                                 constant(g, {.channels = 4}, 1)));
}

TEST_CASE_TEMPLATE("replays of all kinds of operations allocate nothing", T, float, double) {
  Params<T> p;
  const Attention<T> attention(p, "attention", 4, 2);
  const Gat<T> gat(p, "gat", 4, 4, 2);
  const Embedding<T> table(p, "table", kPoints, 4);
  p.initialize(kaiming_uniform, 1);
  Program<T> g(3, Mode::train);
  g.finish(many_operations(g, attention, gat, table));
  Workspace<T> w(g);
  AlignedBuffer<T> gradient(p.size());
  SparseGraph graph(20, 20, 3);
  const std::vector<std::pair<std::int32_t, std::int32_t>> edges = {{0, 1}, {0, 2}, {1, 1}};
  for (int k = 0; k < 2; ++k) graph.append(SparseGraph::from_edges(3, edges));
  std::fill(w.weights().begin(), w.weights().end(), T(1));
  std::int64_t before = 0;
  for (int replay = 0; replay < 2; ++replay) {
    before = allocations;
    w.bind({2});
    w.bind_graph("graph", graph);
    for (Index e = 0; e < 2; ++e)
      for (Index i = 0; i < kPoints; ++i) {
        w.index_input("index")(e, i) = static_cast<std::int32_t>((i * i + e) % kPoints);
        for (Index j = 0; j < 4; ++j) w.input("x")(e, i, j) = static_cast<T>(0.1 * static_cast<double>(i - j + e));
        for (Index j = 0; j < kPoints; ++j) w.input("mask")(e, i, j) = static_cast<T>((i + j) % 3 == 0);
      }
    g.forward(w, p.values().data());
    g.backward(w, gradient.data(), true);
  }
  CHECK(allocations == before);
  for (Index e = 0; e < 2; ++e) CHECK(std::isfinite(w.losses()(e, 0)));
  CHECK(std::all_of(gradient.begin(), gradient.end(), [](T v) { return std::isfinite(v); }));
  CHECK(std::any_of(gradient.begin(), gradient.end(), [](T v) { return v != 0; }));
}

TEST_CASE_TEMPLATE("replays of tensor field layers allocate nothing", T, float, double) {
  Params<T> p;
  const TensorFieldLayer<T> first(p, "first", {1, 1}, {4, 3, 2}, {}), last(p, "last", {4, 3, 2}, {2}, {});
  const TensorProduct<T> product(p, "product", {4, 3, 2}, 2, {1, 1});
  p.initialize(kaiming_uniform, 1);
  Program<T> g(2, Mode::train);
  const auto x = g.input("x", {.points = kPoints, .channels = 3});
  const auto pairs = pair_geometry(x);
  const auto h = first({slice_channels(x, 0, 1), to_components(x, 1)}, pairs);
  const auto y = product(h, spherical_harmonics(x, 2));
  const auto all = join_channels(std::vector<Tensor<T>>{last(h, pairs)[0], y[0], from_components(y[1], 1)});
  g.finish(squared_error(sum_points(all), constant(g, {.channels = 6}, 1)));
  Workspace<T> w(g);
  AlignedBuffer<T> gradient(p.size());
  std::fill(w.weights().begin(), w.weights().end(), T(1));
  std::int64_t before = 0;
  for (int replay = 0; replay < 2; ++replay) {
    before = allocations;
    w.bind({2});
    for (Index i = 0; i < 2 * kPoints; ++i)
      for (Index k = 0; k < 3; ++k) w.input("x")(0, i, k) = static_cast<T>((i * i + 3 * k) % 7) - 3;
    g.forward(w, p.values().data());
    g.backward(w, gradient.data(), true);
  }
  CHECK(allocations == before);
  CHECK(std::all_of(gradient.begin(), gradient.end(), [](T v) { return std::isfinite(v); }));
  CHECK(std::any_of(gradient.begin(), gradient.end(), [](T v) { return v != 0; }));
}

TEST_CASE_TEMPLATE("a step allocates nothing", T, float, double) {
  const Optimizer optimizers[] = {Sgd{}, Sgd{.momentum = 0.9}, Adam{}, AdamW{}, SignSgd{}};
  for (const Optimizer& o : optimizers)
    for (const double clip : {0.0, 0.1}) {
      Run<T> run({.batch = 21,
                  .shard = 4,
                  .threads = 1,
                  .optimizer = o,
                  .schedule = {.kind = Schedule::Kind::cosine, .steps = 100, .warmup = 3},
                  .clip_norm = clip});
      run.steps(2);
      const std::int64_t before = allocations;
      run.steps(10);
      GradientNoise noise;
      run.trainer.gradient([](Batch<T>& b) { draw_graphs(b); }, &noise);
      run.trainer.evaluate(21, [](Batch<T>& b) { draw_graphs(b); });
      const std::int64_t after = allocations;
      CHECK(after == before);
    }
}

TEST_CASE_TEMPLATE("groups, accumulation, reports and rates that are set allocate nothing", T, float, double) {
  std::int64_t reports = 0;
  Run<T> run({.batch = 21,
              .shard = 4,
              .threads = 1,
              .schedule = {.custom = [](std::uint64_t step) { return 1 / (1 + static_cast<double>(step)); }},
              .groups = {{"*.bias", 1, 0}, {"head.*", 0.5}, {"layers.0.*", 0}},
              .clip_norm = 0.1,
              .on_step = [&reports](const StepReport&) { ++reports; }});
  const auto step = [&run] {
    for (int i = 0; i < 3; ++i) run.trainer.accumulate([](Batch<T>& b) { draw_graphs(b); });
    run.trainer.set_rate(0.9 * run.trainer.rate());
    run.trainer.apply();
    run.trainer.step([](Batch<T>& b) { draw_graphs(b); });
    CHECK(run.trainer.gradient_of(run.net.l2.weight()).data != nullptr);
  };
  step();
  const std::int64_t before = allocations;
  for (int i = 0; i < 5; ++i) step();
  const std::int64_t after = allocations;
  CHECK(after == before);
  CHECK(reports == 12);
}
#endif

TEST_CASE("a Trainer counts its memory and its work") {
  Regression<float> one({.batch = 10, .shard = 2, .threads = 1}), two({.batch = 10, .shard = 2, .threads = 2});
  CHECK(one.trainer.memory_bytes() > 0);
  CHECK(two.trainer.memory_bytes() > one.trainer.memory_bytes());
  CHECK(one.trainer.multiply_adds() == 10 * 2 * 3);  // forward and the weight's gradient
}

TEST_CASE_TEMPLATE("a loss that is not finite is a result", T, float, double) {
  for (const int threads : {1, 2}) {
    Regression<T> r({.batch = 20, .shard = 4, .threads = threads});
    const auto poisoned = [](double value) {
      return [value](Batch<T>& b) {
        Regression<T>::fill(b);
        if (b.first == 8) b["x"](1, 0, 2) = static_cast<T>(value);
      };
    };
    CHECK(std::isnan(r.trainer.evaluate(20, poisoned(std::nan("")))));
    CHECK(std::isnan(r.trainer.gradient(poisoned(std::nan("")))));
    CHECK(std::isinf(r.trainer.gradient(poisoned(std::numeric_limits<double>::infinity()))));
    CHECK(std::isinf(r.trainer.gradient(poisoned(0.5 * static_cast<double>(std::numeric_limits<T>::max())))));
    CHECK(std::isfinite(r.trainer.gradient(Regression<T>::fill)));
    CHECK(std::isnan(r.trainer.step(poisoned(std::nan("")))));
    CHECK(r.trainer.steps_done() == 1);
    CHECK(std::isnan(r.trainer.step(Regression<T>::fill)));  // the parameters are NaN now
  }
}

TEST_CASE("a NaN inside a network with relu reaches the loss") {
  Run<float> run({.batch = 8, .threads = 1});
  run.params.view(run.net.l2.weight())(0, 0) = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(run.steps(1)));
}

TEST_CASE("errors of the data callback come out of step, from any thread, and change nothing") {
  const EightThreads eight;
  for (const int threads : {1, 4}) {
    Run<float> run({.batch = 40, .shard = 4, .threads = threads}),
        undisturbed({.batch = 40, .shard = 4, .threads = 1});
    for (const Index bad : {0, 20, 36}) {
      const auto failing = [bad](Batch<float>& b) {
        if (b.first == bad) throw FileError(concat("no data for example ", b.first));
        draw_graphs(b);
      };
      CHECK_THROWS_WITH_AS(run.trainer.step(failing), concat("no data for example ", bad).c_str(), FileError);
      CHECK_THROWS_AS(run.trainer.gradient(failing), FileError);
      CHECK_THROWS_AS(run.trainer.evaluate(40, failing), FileError);
      CHECK(run.trainer.steps_done() == 0);
    }
    CHECK_THROWS_WITH_AS(run.trainer.step([](Batch<float>& b) { b["z"]; }),
                         "there is no input 'z'; this program has: x, adjacency, y", ValueError);
    run.steps(5);
    undisturbed.steps(5);
    CHECK(hash(run.params) == hash(undisturbed.params));
  }
}

TEST_CASE("options that make no sense are refused with what is allowed") {
  const auto make = [](const TrainerOptions& o) { Regression<float> r(o); };
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  CHECK_THROWS_WITH_AS(make({.batch = 0}), "batch is 0; it must be at least 1", ValueError);
  CHECK_THROWS_WITH_AS(make({.batch = -3}), "batch is -3; it must be at least 1", ValueError);
  CHECK_THROWS_WITH_AS(make({.shard = 0}), "shard is 0; it must be at least 1", ValueError);
  CHECK_THROWS_WITH_AS(make({.threads = -1}), "threads is -1; allowed are 1 to 1024, or 0 for one a core",
                       ValueError);
  CHECK_THROWS_AS(make({.threads = 10000}), ValueError);
  for (const double bad : {inf, -inf, nan, -0.1}) {
    CHECK_THROWS_AS(make({.optimizer = Sgd{.rate = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = Adam{.rate = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = AdamW{.rate = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = SignSgd{.rate = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = Sgd{.momentum = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = Sgd{.weight_decay = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = AdamW{.weight_decay = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = SignSgd{.weight_decay = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = Adam{.beta1 = bad}}), ValueError);
    CHECK_THROWS_AS(make({.optimizer = Adam{.epsilon = bad}}), ValueError);
    CHECK_THROWS_AS(make({.clip_norm = bad}), ValueError);
  }
  for (const double bad : {inf, nan}) {
    CHECK_THROWS_AS(make({.schedule = {.kind = Schedule::Kind::cosine, .steps = 5, .floor = bad}}), ValueError);
    CHECK_THROWS_AS(make({.schedule = {.kind = Schedule::Kind::step, .factor = bad}}), ValueError);
  }
  CHECK_THROWS_AS(make({.optimizer = Adam{.beta2 = 1}}), ValueError);
  CHECK_THROWS_AS(make({.optimizer = Adam{.epsilon = 0}}), ValueError);
  CHECK_THROWS_WITH_AS(make({.optimizer = Sgd{.nesterov = true}}), "nesterov needs a momentum above 0", ValueError);
  CHECK_THROWS_WITH_AS(make({.schedule = {.kind = Schedule::Kind::cosine}}),
                       "a cosine schedule needs the number of steps", ValueError);
  CHECK_THROWS_AS(make({.schedule = {.kind = Schedule::Kind::step, .every = 0}}), ValueError);
  Regression<float> fine({.batch = 2});
  CHECK_THROWS_WITH_AS(fine.trainer.evaluate(0, Regression<float>::fill),
                       "evaluate: 0 examples; at least 1 is allowed", ValueError);
}

TEST_CASE("an observer is told of every operation of every replay, and changes no bit") {
  struct Tally final : ReplayObserver {
    void begins(Part part, int operation) noexcept override {
      right &= !open;
      open = true;
      ++calls[static_cast<std::size_t>(part)];
      last = operation;
    }
    void ends(Part, int operation) noexcept override {
      right &= open && operation == last;
      open = false;
    }
    std::array<int, 3> calls{};
    int last = -2;
    bool open = false, right = true;
  };
  Run<float> plain({.batch = 16, .shard = 8, .threads = 1}), observed({.batch = 16, .shard = 8, .threads = 1});
  Tally tally;
  REQUIRE(observed.trainer.workers() == 1);
  observed.trainer.observe(0, &tally);
  plain.steps(3);
  observed.steps(3);
  CHECK(hash(plain.params) == hash(observed.params));
  CHECK(tally.right);
  CHECK(!tally.open);
  const Program<float>& program = observed.trainer.program();
  int operations = 0;
  double multiply_adds = 0;
  for (int id = 0; id < program.operations(); ++id) {
    const OperationCost cost = program.operation_cost(id);
    if (program.operation_name(id).empty()) {
      CHECK(cost.forward_bytes == 0);
      continue;
    }
    ++operations;
    CHECK(cost.forward_bytes > 0);
    multiply_adds += cost.forward_multiply_adds + cost.backward_multiply_adds;
  }
  CHECK(multiply_adds * 2 == doctest::Approx(observed.trainer.multiply_adds()));
  CHECK(tally.calls[0] == 3 * 2 * operations);  // three steps of two shards
  CHECK(tally.calls[1] > 3 * 2 * operations / 2);
  CHECK(tally.calls[1] <= tally.calls[0]);
  CHECK(tally.calls[2] == 3);
  observed.trainer.observe(0, nullptr);
  observed.steps(1);
  CHECK(tally.calls[2] == 3);
  CHECK_THROWS_AS(observed.trainer.observe(1, &tally), ValueError);
}

TEST_CASE("a model whose loss is not one value an example is refused") {
  Params<float> p;
  const Linear<float> linear(p, "l", 3, 2);
  const auto model = [&](Program<float>& g) { return linear(g.input("x", {.channels = 3})); };
  CHECK_THROWS_WITH_AS((Trainer<float>(p, {}, model)),
                       "the loss has shape [b, 1, 2]; it must be [b, 1, 1]: one value an example", ShapeError);
}

}  // namespace test_trainer
