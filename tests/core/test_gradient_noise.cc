// The signal and noise of gradients that a Trainer measures.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/trained_models.h"

namespace test_gradient_noise {

using namespace eqnn;
using namespace trained;

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

}  // namespace test_gradient_noise
