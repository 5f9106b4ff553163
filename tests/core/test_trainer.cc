// The Trainer: updates, determinism, shards, schedules, errors, memory.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "support/reference.h"
#include "support/trained_models.h"

namespace test_trainer {

using namespace eqnn;
using namespace trained;
using reference::Dense;

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
