// Moments of per-example gradients against a Trainer that is asked for one example at a time, and updates by a
// gradient that is given.
#include <doctest/doctest.h>
#include <eqnn/core/gradient_moments.h>
#include <eqnn/nn/dense.h>
#include <tbb/global_control.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace test_gradient_moments {

using namespace eqnn;

namespace {

constexpr Index kFeatures = 5;

template <class T>
struct Net {
  explicit Net(Params<T>& p) : mlp(p, "net", {kFeatures, 7, 4, 1}, Activation::tanh) {}
  Tensor<T> operator()(Program<T>& g) const { return mlp(g.input("x", {.channels = kFeatures})); }
  Mlp<T> mlp;
};

template <class T>
void draw(Batch<T>& b) {
  for (Index e = 0; e < b.last - b.first; ++e) {
    Draws d({5, Stream::train, b.step, static_cast<std::uint64_t>(b.first + e)});
    for (Index j = 0; j < kFeatures; ++j) b["x"](e, 0, j) = static_cast<T>(d.normal());
  }
}

// A number that every example has of its own.
template <class T>
T weight(Index example) {
  return static_cast<T>(example * 7 % 11 - 5) / 4;
}

template <class T>
struct Setup {
  explicit Setup(int threads = 1)
      : net(params),
        moments((params.initialize(kaiming_uniform, 3), params), {.threads = threads},
                [this](Program<T>& g) { return net(g); }) {}
  void run(Index examples, std::uint64_t step) {
    moments.accumulate(
        examples, step, [](Batch<T>& b) { draw(b); },
        [](Batch<T>& b) -> GradientTerms<T> {
          const T h = b.losses()(0, 0), w = weight<T>(b.first);
          return {
              {h, w, b.first % 3 == 0 ? T(1) : T(0)}, 1 + w * w, {static_cast<double>(h), static_cast<double>(w)}};
        });
  }
  Params<T> params;
  Net<T> net;
  GradientMoments<T> moments;
};

template <class T>
bool same(std::span<const T> a, std::span<const T> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace

TEST_CASE_TEMPLATE("gradient moments: as a Trainer says example by example", T, float, double) {
  for (const Index examples : {1, 2, 15, 16, 17, 100}) {
    CAPTURE(examples);
    Setup<T> s;
    s.run(9, 4);  // nothing of it may remain
    s.run(examples, 2);
    // The loss of this trainer is the output of the one example of a step; `which` says which.
    Index which = 0;
    Trainer<T> one(s.params, {.batch = 1, .threads = 1, .optimizer = Sgd{}},
                   [&](Program<T>& g) { return s.net(g); });
    const auto size = static_cast<std::size_t>(s.params.size());
    std::vector<double> sums[3], squares(size), numbers(2);
    for (auto& v : sums) v.resize(size);
    for (which = 0; which < examples; ++which) {
      const double h = one.gradient([&](Batch<T>& b) {
        Draws d({5, Stream::train, 2, static_cast<std::uint64_t>(which)});
        for (Index j = 0; j < kFeatures; ++j) b["x"](0, 0, j) = static_cast<T>(d.normal());
      });
      const double w = static_cast<double>(weight<T>(which));
      const double factors[3] = {h, w, which % 3 == 0 ? 1.0 : 0.0};
      for (std::size_t j = 0; j < size; ++j) {
        const double g = static_cast<double>(one.last_gradient()[j]);
        for (int k = 0; k < 3; ++k) sums[k][j] += factors[k] * g;
        squares[j] += (1 + w * w) * g * g;
      }
      numbers[0] += h;
      numbers[1] += w;
    }
    const double tolerance = (std::is_same_v<T, float> ? 1e-5 : 1e-13) * static_cast<double>(examples + 1);
    double worst = 0;
    for (std::size_t j = 0; j < size; ++j) {
      for (int k = 0; k < 3; ++k)
        worst = std::max(worst, std::abs(static_cast<double>(s.moments.sum(k)[j]) - sums[k][j]));
      worst = std::max(worst, std::abs(static_cast<double>(s.moments.squares()[j]) - squares[j]));
    }
    CHECK(worst <= tolerance);
    CHECK(std::abs(s.moments.number(0) - numbers[0]) <= tolerance);
    CHECK(std::abs(s.moments.number(1) - numbers[1]) <= tolerance);
  }
}

TEST_CASE("gradient moments: the same bits for any number of threads") {
  tbb::global_control eight(tbb::global_control::max_allowed_parallelism, 8);
  Setup<float> one(1);
  one.run(203, 1);
  for (const int threads : {2, 3, 8, 64, 0}) {
    Setup<float> many(threads);
    many.run(203, 1);
    CAPTURE(threads);
    for (int k = 0; k < 3; ++k) CHECK(same(one.moments.sum(k), many.moments.sum(k)));
    CHECK(same(one.moments.squares(), many.moments.squares()));
    CHECK(one.moments.number(0) == many.moments.number(0));
  }
}

TEST_CASE("gradient moments: padding is zero, and empty sums are refused") {
  Setup<double> s;
  s.run(10, 0);
  std::vector<bool> logical(static_cast<std::size_t>(s.params.size()));
  for (const ParamInfo& info : s.params.list())
    for (Index i = 0; i < info.slice.rows; ++i)
      for (Index j = 0; j < info.slice.cols; ++j) logical[info.slice.offset + i * info.slice.stride + j] = true;
  Index nonzero = 0;
  for (std::size_t j = 0; j < logical.size(); ++j) {
    if (!logical[j]) CHECK(s.moments.squares()[j] == 0);
    nonzero += logical[j] && s.moments.squares()[j] > 0 ? 1 : 0;
  }
  CHECK(nonzero == s.params.count());
  CHECK_THROWS_AS(s.run(0, 0), ValueError);
  CHECK(s.moments.memory_bytes() > 64 * s.params.size() * 8);
  CHECK(s.moments.multiply_adds() > 0);
}

TEST_CASE("trainer: the update of a given gradient is that of step") {
  for (const TrainerOptions& options :
       {TrainerOptions{.batch = 40, .threads = 1, .optimizer = Adam{}},
        TrainerOptions{.batch = 40, .threads = 2, .optimizer = Adam{}, .clip_norm = 0.01},
        TrainerOptions{.batch = 8, .threads = 1, .optimizer = Sgd{.rate = 0.1, .momentum = 0.9}},
        TrainerOptions{.batch = 40, .threads = 1, .optimizer = SignSgd{}}}) {
    Params<float> a, b;
    const Net<float> net_a(a), net_b(b);
    a.initialize(kaiming_uniform, 1);
    b.initialize(kaiming_uniform, 1);
    Trainer<float> by_step(a, options, [&](Program<float>& g) { return net_a(g); });
    Trainer<float> by_gradient(b, options, [&](Program<float>& g) { return net_b(g); });
    for (int i = 0; i < 5; ++i) {
      by_step.step([](Batch<float>& batch) { draw(batch); });
      by_gradient.gradient([](Batch<float>& batch) { draw(batch); });
      const std::vector<float> gradient(by_gradient.last_gradient().begin(), by_gradient.last_gradient().end());
      by_gradient.apply_gradient(gradient);
      CHECK(by_gradient.steps_done() == static_cast<std::uint64_t>(i + 1));
      CHECK(same<float>(by_gradient.last_gradient(), gradient));
      CHECK(same<float>(a.values(), b.values()));
    }
    CHECK(by_step.last_gradient_norm() == by_gradient.last_gradient_norm());
    CHECK_THROWS_AS(by_gradient.apply_gradient(std::vector<float>(3)), ValueError);
  }
}

}  // namespace test_gradient_moments
