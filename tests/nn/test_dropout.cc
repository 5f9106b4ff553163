// Dropout: shares, masks and their streams, threads.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/dropout.h>
#include <eqnn/nn/loss.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/gradcheck.h"
#include "support/threads.h"

namespace test_dropout {

using namespace eqnn;
using testing::EightThreads;
using testing::parameter_as_input;

namespace {

// Two dropouts of the same ones, [b, 20, 30], and the gradient of the sum of the first.
template <class T>
struct Masks {
  explicit Masks(double rate, Mode mode = Mode::train) : program(8, mode), x((params.weight("x", 160, 30))) {
    for (T& v : params.values()) v = 1;
    const auto ones = parameter_as_input(program, x, 20);
    const auto first = dropout(ones, rate);
    program.output("first", first);
    program.output("second", dropout(ones, rate));
    const Index points = 20;
    program.finish(program.record({.name = "sum",
                                   .inputs = {first},
                                   .shape = {},
                                   .forward =
                                       [](const Call<T>& call) {
                                         for (Index e = 0; e < call.examples(); ++e) call.out()(e, 0) = 0;
                                       },
                                   .backward =
                                       [=](const Call<T>& call) {
                                         const MatrixView<T> dx = call.in_gradient(0);
                                         for (Index i = 0; i < dx.rows; ++i)
                                           for (Index j = 0; j < dx.cols; ++j)
                                             dx(i, j) += call.out_gradient()(i / points, 0);
                                       }}));
  }
  std::vector<T> mask(const Span& span, const char* output = "first") {
    Workspace<T> w(program);
    w.bind(span);
    program.forward(w, params.values().data());
    if (program.training()) {
      std::fill(w.weights().begin(), w.weights().end(), T(1));
      gradient = AlignedBuffer<T>(params.size());
      program.backward(w, gradient.data(), true);
    }
    const Block<const T> y = w.output(output);
    std::vector<T> v;
    for (Index i = 0; i < y.examples * y.points; ++i) v.insert(v.end(), y.row(0, i), y.row(0, i) + y.channels);
    return v;
  }
  Params<T> params;
  Program<T> program;
  Param x;
  AlignedBuffer<T> gradient;
};

}  // namespace

TEST_CASE_TEMPLATE("dropout drops its share, scales the rest, and sends the gradient through the same mask", T,
                   float, double) {
  for (double rate : {0.1, 0.5, 0.8}) {
    Masks<T> m(rate);
    const std::vector<T> mask = m.mask({.examples = 8, .seed = 3});
    std::size_t kept = 0;
    bool scaled = true, same = true;
    for (std::size_t i = 0; i < mask.size(); ++i) {
      kept += mask[i] != 0;
      scaled = scaled && (mask[i] == 0 || mask[i] == static_cast<T>(1 / (1 - rate)));
      const auto row = static_cast<Index>(i) / 30, column = static_cast<Index>(i) % 30;
      same = same && m.gradient[m.x.offset + row * m.x.stride + column] == mask[i];
    }
    CHECK(scaled);
    CHECK(same);
    const double n = static_cast<double>(mask.size()), share = static_cast<double>(kept) / n;
    CHECK(std::abs(share - (1 - rate)) <= 5 * std::sqrt(rate * (1 - rate) / n));
  }
}

TEST_CASE("a dropout mask is a function of seed, step, example and operation") {
  Masks<float> m(0.5);
  const Span here{.examples = 8, .first = 16, .step = 5, .seed = 3};
  const auto mask = m.mask(here);
  CHECK(mask == m.mask(here));
  CHECK(mask == Masks<float>(0.5).mask(here));
  CHECK(mask != m.mask(here, "second"));
  CHECK(mask != m.mask({8, 16, 5, 4}));
  CHECK(mask != m.mask({8, 16, 6, 3}));
  CHECK(mask != m.mask({8, 24, 5, 3}));
  const auto fewer = m.mask({3, 16, 5, 3});
  CHECK(std::equal(fewer.begin(), fewer.end(), mask.begin()));
  bool different = false;  // rows of one mask
  for (std::size_t j = 0; j < 30; ++j) different = different || mask[j] != mask[30 + j];
  CHECK(different);
}

TEST_CASE("dropout is the identity in evaluation") {
  Params<float> params;
  Program<float> g(2, Mode::evaluate);
  const auto x = g.input("x", {.points = 3, .channels = 4});
  CHECK(dropout(x, 0.7).id() == x.id());
}

namespace {

// Ten features of each example through dropout to one value.
struct DropoutRun {
  explicit DropoutRun(int threads)
      : mlp(params, "mlp", {10, 24, 24, 1}),
        trainer((params.initialize(kaiming_uniform, 3), params),
                {.batch = 37, .shard = 4, .threads = threads, .seed = 11}, [this](Program<float>& g) {
                  auto x = g.input("x", {.channels = 10});
                  x = dropout(relu(mlp.layers[0](x)), 0.3);
                  x = dropout(relu(mlp.layers[1](x)), 0.3);
                  return squared_error(mlp.layers[2](x), g.input("y", {}));
                }) {}
  void steps(int count) {
    for (int i = 0; i < count; ++i)
      trainer.step([](Batch<float>& b) {
        for (Index e = 0; e < b.last - b.first; ++e) {
          Draws d({5, Stream::train, b.step, static_cast<std::uint64_t>(b.first + e)});
          b["y"](e) = 0;
          for (Index j = 0; j < 10; ++j) b["y"](e) += b["x"](e, 0, j) = static_cast<float>(d.uniform());
        }
      });
  }
  std::vector<float> values() { return {params.values().begin(), params.values().end()}; }
  Params<float> params;
  Mlp<float> mlp;
  Trainer<float> trainer;
};

}  // namespace

TEST_CASE("training with dropout gives the same bits for any number of threads, and after a resume") {
  const EightThreads eight;
  DropoutRun one(1);
  one.steps(6);
  for (int threads : {2, 3, 8}) {
    DropoutRun many(threads);
    many.steps(6);
    CHECK(many.values() == one.values());
  }
  DropoutRun before(2), after(1);
  before.steps(4);
  std::copy(before.params.values().begin(), before.params.values().end(), after.params.values().begin());
  for (std::size_t k = 0; k < 2; ++k)
    std::copy(before.trainer.moments()[k].values.begin(), before.trainer.moments()[k].values.end(),
              after.trainer.moments()[k].values.begin());
  after.trainer.set_steps_done(4);
  after.steps(2);
  CHECK(after.values() == one.values());
}

TEST_CASE("a dropout that is recorded wrongly says how") {
  Params<float> params;
  const Param four = params.vector("four", 4, 1);
  params.freeze();
  Program<float> g(3, Mode::train);
  const auto x = g.input("x", {.points = 2, .channels = 4}), a = g.param(four);
  CHECK_THROWS_WITH_AS(dropout(x, 1.0), "dropout: the rate is 1.000000; allowed are 0 up to, but not, 1",
                       ValueError);
  CHECK_THROWS_AS(dropout(x, -0.1), ValueError);
  CHECK_THROWS_AS(dropout(x, std::numeric_limits<double>::quiet_NaN()), ValueError);
  CHECK_THROWS_AS(dropout(a, 0.5), ShapeError);
  CHECK(dropout(x, 0.0).id() == x.id());
}

}  // namespace test_dropout
