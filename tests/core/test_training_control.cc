// What a caller steers a training by: rates, groups, accumulation, plateaus, reports.
#include <doctest/doctest.h>
#include <eqnn/core/plateau.h>
#include <eqnn/core/trainer.h>
#include <eqnn/io/training_file.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/ranks.h"
#include "support/small_training.h"
#include "support/threads.h"
#include "support/thrown.h"

namespace test_training_control {

using namespace eqnn;
using eqnn::testing::draw;
using eqnn::testing::kNames;
using eqnn::testing::kOptimizers;
using eqnn::testing::Run;

namespace {

// A gradient that does not depend on the parameters: element i of step s, zero in the padding.
template <class T>
std::vector<T> made_gradient(const Params<T>& p, int step) {
  std::vector<T> g(static_cast<std::size_t>(p.size()));
  for (const ParamInfo& info : p.list())
    for (Index i = 0; i < info.slice.rows; ++i)
      for (Index j = 0; j < info.slice.cols; ++j) {
        const Index at = info.slice.offset + i * info.slice.stride + j;
        g[static_cast<std::size_t>(at)] = static_cast<T>(static_cast<double>((7 * at + 3 * step) % 11 - 5) / 8);
      }
  return g;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::isnan(a[i] - b[i]) ? std::numeric_limits<double>::infinity()
                                                        : std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i])));
  return largest;
}

}  // namespace

TEST_CASE_TEMPLATE("a rate that is set acts from the next step on, and moments stay", T, float, double) {
  for (const Optimizer& o : kOptimizers) {
    const double rate = optimizer_rate(o);
    // The same, said by a schedule: half the rate from step 3 on.
    Run<T> set({.batch = 8, .shard = 4, .threads = 1, .optimizer = o});
    Run<T> scheduled(
        {.batch = 8, .shard = 4, .threads = 1, .optimizer = o, .schedule = {.custom = [](std::uint64_t step) {
                                                                 return step < 3 ? 1.0 : 0.5;
                                                               }}});
    set.steps(3);
    CHECK(set.trainer.rate() == rate);
    set.trainer.set_rate(0.5 * rate);
    CHECK(set.trainer.rate() == 0.5 * rate);
    CHECK(optimizer_rate(set.trainer.options().optimizer) == 0.5 * rate);
    set.steps(4);
    scheduled.steps(7);
    CHECK(set.state() == scheduled.state());
    for (const double bad : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
      CHECK(contains(message([&] { set.trainer.set_rate(bad); }), "the learning rate is "));
    CHECK(set.trainer.rate() == 0.5 * rate);
  }
}

TEST_CASE("a custom schedule stands in the place of the kinds, with warm-up and first step as they are") {
  const Schedule named{.kind = Schedule::Kind::step, .warmup = 3, .every = 4, .factor = 0.5, .first = 2};
  const Schedule custom{
      .warmup = 3, .first = 2, .custom = [](std::uint64_t s) { return std::pow(0.5, static_cast<double>(s / 4)); }};
  for (std::uint64_t s = 0; s < 20; ++s) CHECK(custom(s) == named(s));
  Run<float> a({.batch = 4, .threads = 1, .schedule = named}), b({.batch = 4, .threads = 1, .schedule = custom});
  a.steps(12);
  b.steps(12);
  CHECK(a.state() == b.state());
  CHECK(contains(
      message([] {
        Schedule{.kind = Schedule::Kind::cosine, .steps = 5, .custom = [](std::uint64_t) { return 1.0; }}.check();
      }),
      "both a kind and a custom function"));
  // A bad factor is told before anything is updated.
  Run<float> bad(
      {.batch = 4, .threads = 1, .schedule = {.custom = [](std::uint64_t s) { return s < 2 ? 1.0 : -1.0; }}});
  bad.steps(2);
  const auto before = bad.state();
  CHECK(message([&] { bad.steps(1); }) ==
        "the custom schedule gives -1.000000 at step 2; a factor must be finite and not negative");
  bad.trainer.accumulate(draw<float>);
  CHECK(contains(message([&] { bad.trainer.apply(); }), "at step 2"));
  CHECK(bad.trainer.accumulated() == 1);
  CHECK(bad.state() == before);
  CHECK(bad.trainer.steps_done() == 2);
}

TEST_CASE("a pattern matches by stars") {
  struct Case {
    const char *name, *pattern;
    bool matches;
  };
  for (const Case& c : {Case{"head.0.bias", "head.0.bias", true},
                        {"head.0.bias", "head.0.bia", false},
                        {"head.0.bias", "*", true},
                        {"head.0.bias", "", false},
                        {"", "", true},
                        {"", "*", true},
                        {"head.0.bias", "*.bias", true},
                        {"head.0.bias", "head.*", true},
                        {"head.0.bias", "h*0*s", true},
                        {"head.0.bias", "*.*.*", true},
                        {"head.0.bias", "*.*.*.*", false},
                        {"head.0.bias", "*head.0.bias*", true},
                        {"aXbXb", "a*Xb", true},
                        {"aXbXc", "a*Xb", false},
                        {"abab", "*ab", true},
                        {"head", "head.*", false},
                        {"a*b", "a*b", true}}) {
    CAPTURE(c.name);
    CAPTURE(c.pattern);
    CHECK(matches_pattern(c.name, c.pattern) == c.matches);
  }
}

TEST_CASE_TEMPLATE("a frozen parameter keeps its bits, and its moments, under every optimiser", T, float, double) {
  for (const Optimizer& o : kOptimizers)
    for (const double clip : {0.0, 0.05}) {
      Run<T> run({.batch = 8,
                  .shard = 4,
                  .threads = 1,
                  .optimizer = o,
                  .groups = {{"*", 0}, {"head.1.*"}},
                  .clip_norm = clip});
      const Run<T> start({.batch = 8, .threads = 1});
      run.steps(5);
      for (const std::string& name : kNames) {
        CAPTURE(name);
        const bool learns = name.starts_with("head.1.");
        CHECK((run.of(name) != start.of(name)) == learns);
        const Param p = run.params.find(name).slice;
        for (const auto& m : run.trainer.moments())
          CHECK(std::any_of(m.values.begin() + p.offset, m.values.begin() + p.offset + p.rows * p.stride,
                            [](T v) { return v != 0; }) == learns);
      }
    }
}

TEST_CASE_TEMPLATE("a group's factors are those of a Trainer with that rate and decay", T, float, double) {
  for (const Optimizer& o : kOptimizers) {
    const double decay = std::visit([](const auto& v) { return v.weight_decay; }, o);
    const auto train = [&](double rate_factor, double decay_factor, const std::vector<ParameterGroup>& groups) {
      Optimizer changed = o;
      std::visit([&](auto& v) { v.rate *= rate_factor, v.weight_decay = decay * decay_factor; }, changed);
      Run<T> run({.batch = 4, .threads = 1, .optimizer = changed, .groups = groups});
      for (int step = 0; step < 6; ++step) run.trainer.apply_gradient(made_gradient(run.params, step));
      return run;
    };
    const Run<T> grouped = train(1, 1, {{"*.bias", 1, 0}, {"conv.*", 0.25, 1}, {"head.1.*", 2, 0.5}});
    const Run<T> plain = train(1, 1, {}), no_decay = train(1, 0, {}), quarter = train(0.25, 1, {}),
                 twice = train(2, 0.5, {});
    // The last of the groups that match counts: conv.bias decays.
    for (const char* name : {"head.0.weight", "spare"}) CHECK(grouped.of(name) == plain.of(name));
    CHECK(grouped.of("head.0.bias") == no_decay.of("head.0.bias"));
    for (const char* name : {"conv.weight", "conv.bias"}) CHECK(grouped.of(name) == quarter.of(name));
    for (const char* name : {"head.1.weight", "head.1.bias"}) CHECK(grouped.of(name) == twice.of(name));
    CHECK(plain.of("conv.weight") != quarter.of("conv.weight"));
    CHECK((plain.of("head.0.bias") != no_decay.of("head.0.bias")) == (decay > 0));
  }
}

TEST_CASE("groups of factor 1 change no bit, and others give the same for any number of threads") {
  const eqnn::testing::EightThreads eight;
  for (const double clip : {0.0, 0.1}) {
    // Pieces of the update lie across the borders of parameters, and are shared among threads.
    const auto train = [&](int threads, const std::vector<ParameterGroup>& groups) {
      Run<float> run({.batch = 12, .shard = 4, .threads = threads, .groups = groups, .clip_norm = clip}, 900);
      run.steps(3);
      return run.state();
    };
    const auto plain = train(1, {});
    CHECK(train(1, {{"*"}, {"head.*"}, {"*.bias", 1, 1}, {"spare"}}) == plain);
    const std::vector<ParameterGroup> groups = {{"*.weight", 0.5}, {"head.0.*", 0}, {"spare", 1, 0}};
    const auto one = train(1, groups);
    CHECK(one != plain);
    for (const int threads : {2, 8}) CHECK(train(threads, groups) == one);
  }
}

TEST_CASE("frozen parameters are no part of the gradient's norm, nor of what clipping takes") {
  TrainerOptions o{
      .batch = 8, .threads = 1, .optimizer = Sgd{.rate = 1}, .groups = {{"conv.*", 0}}, .clip_norm = 0.01};
  Run<double> run(o);
  const std::vector<double> before = run.values();
  run.steps(1);
  double squares = 0, moved = 0;
  for (const std::string& name : kNames)
    if (!name.starts_with("conv."))
      for (Index i = 0; i < run.trainer.gradient_of(name).size(); ++i)
        squares += std::pow(run.trainer.gradient_of(name).data[i], 2);
  for (std::size_t i = 0; i < before.size(); ++i) moved += std::pow(run.values()[i] - before[i], 2);
  CHECK(run.trainer.last_gradient_norm() == doctest::Approx(std::sqrt(squares)).epsilon(1e-13));
  CHECK(std::sqrt(moved) == doctest::Approx(0.01).epsilon(1e-3));
  const auto conv = run.trainer.gradient_of("conv.weight");  // computed all the same
  CHECK(std::any_of(conv.data, conv.data + conv.size(), [](double g) { return g != 0; }));
}

TEST_CASE("weight decay acts on a parameter that the loss does not read, unless it is frozen") {
  const auto spare = [](const Optimizer& o, std::vector<ParameterGroup> groups) {
    Run<double> run({.batch = 4, .threads = 1, .optimizer = o, .groups = std::move(groups)});
    run.steps(3);
    CHECK(run.trainer.gradient_of("spare")(0, 0) == 0);
    return run.of("spare")[0];
  };
  const Sgd sgd{.rate = 0.1, .weight_decay = 0.5};
  CHECK(spare(sgd, {}) == doctest::Approx(1.5 * std::pow(0.95, 3)).epsilon(1e-14));
  CHECK(spare(AdamW{.rate = 0.1, .weight_decay = 0.5}, {}) ==
        doctest::Approx(1.5 * std::pow(0.95, 3)).epsilon(1e-14));
  CHECK(spare(Adam{.rate = 0.1, .weight_decay = 0.5}, {}) < 1.3);
  CHECK(spare(Sgd{.rate = 0.1}, {}) == 1.5);
  CHECK(spare(sgd, {{"spare", 0}}) == 1.5);
  CHECK(spare(sgd, {{"spare", 1, 0}}) == 1.5);
}

TEST_CASE("a gradient from elsewhere leaves nothing behind for the next step") {
  Run<double> run({.batch = 4, .threads = 1, .optimizer = Sgd{.rate = 0.1}});
  run.trainer.apply_gradient(made_gradient(run.params, 1));
  const auto spare = run.of("spare");
  CHECK(spare[0] != 1.5);
  run.steps(2);
  CHECK(run.of("spare") == spare);
  CHECK(run.trainer.gradient_of("spare")(0, 0) == 0);
}

TEST_CASE("the gradient of one parameter is its part of the whole, in its shape") {
  Run<float> run({.batch = 4, .threads = 1});
  CHECK(run.trainer.gradient_of("head.0.weight")(0, 0) == 0);
  run.trainer.gradient(draw<float>);
  for (const ParamInfo& info : run.params.list()) {
    const MatrixView<const float> by_param = run.trainer.gradient_of(info.slice),
                                  by_name = run.trainer.gradient_of(info.name);
    CHECK(by_param.rows == info.slice.rows);
    CHECK(by_param.cols == info.slice.cols);
    CHECK(by_param.data == run.trainer.last_gradient().data() + info.slice.offset);
    CHECK(by_name.data == by_param.data);
    for (Index i = 0; i < by_param.rows; ++i)
      for (Index j = 0; j < by_param.cols; ++j)
        CHECK(by_param(i, j) == run.trainer.last_gradient()[info.slice.offset + i * info.slice.stride + j]);
  }
  CHECK(message([&] { run.trainer.gradient_of("haed.0.weight"); }) ==
        "there is no parameter 'haed.0.weight' among 7; the nearest is 'head.0.weight'");
}

TEST_CASE("k accumulated batches are one batch k times as large") {
  const eqnn::testing::EightThreads eight;
  struct Case {
    Index batch, shard, row_block;
    int parts;
    double drop, clip;
  };
  for (const Case& c : {Case{8, 4, 0, 3, 0, 0},
                        {8, 4, 0, 5, 0.25, 0},
                        {13, 4, 0, 2, 0, 0.05},
                        {1, 8, 0, 7, 0, 0},
                        {24, 4, 6, 2, 0, 0},
                        {8, 4, 0, 1, 0.25, 0}})
    for (const Optimizer& o :
         {Optimizer{Sgd{.rate = 0.1, .momentum = 0.9}}, Optimizer{Adam{.rate = 0.01, .epsilon = 1e-3}}}) {
      CAPTURE(c.batch);
      CAPTURE(c.parts);
      TrainerOptions options{.batch = c.batch,
                             .shard = c.shard,
                             .row_block = c.row_block,
                             .threads = 1,
                             .optimizer = o,
                             .clip_norm = c.clip};
      TrainerOptions whole_options = options;
      whole_options.batch = c.batch * c.parts;
      std::vector<std::vector<double>> states;
      for (const int threads : {1, 2, 8}) {
        options.threads = threads;
        Run<double> parts(options, 6, c.drop), whole(whole_options, 6, c.drop);
        for (int step = 0; step < 4; ++step) {
          double mean = 0;
          for (int i = 0; i < c.parts; ++i) {
            CHECK(parts.trainer.accumulated() == i);
            mean += parts.trainer.accumulate(draw<double>) / c.parts;
          }
          const double loss = parts.trainer.apply(), expected = whole.trainer.step(draw<double>);
          CHECK(std::abs(loss - mean) <= 1e-14 * std::max(1.0, mean));
          CHECK(std::abs(loss - expected) <= 1e-12 * std::max(1.0, expected));
          const auto g = parts.trainer.last_gradient(), h = whole.trainer.last_gradient();
          CHECK(largest_difference({g.begin(), g.end()}, {h.begin(), h.end()}) <= 1e-12);
          CHECK(parts.trainer.steps_done() == whole.trainer.steps_done());
        }
        CHECK(largest_difference(parts.values(), whole.values()) <= 1e-12);
        states.push_back(parts.state());
      }
      CHECK(states[1] == states[0]);
      CHECK(states[2] == states[0]);
    }
}

TEST_CASE("accumulation: the bits of one process on any number of ranks") {
  const auto train = [](Ranks* ranks) {
    Run<float> run({.batch = 20, .shard = 4, .threads = 1, .ranks = ranks});
    for (int step = 0; step < 3; ++step) {
      for (int i = 0; i < 3; ++i) run.trainer.accumulate(draw<float>);
      run.trainer.apply();
    }
    return run.state();
  };
  const std::vector<float> alone = train(nullptr);
  for (const int size : {2, 3}) {
    std::vector<std::vector<float>> each(static_cast<std::size_t>(size));
    eqnn::testing::RankThreads(size).run([&](Ranks& ranks) { each[ranks.rank()] = train(&ranks); });
    for (const auto& one : each) CHECK(one == alone);
  }
}

TEST_CASE(
    "accumulation: a batch that failed does not count, what is discarded leaves no trace, and nothing is lost "
    "silently") {
  Run<float> run({.batch = 8, .shard = 4, .threads = 1}), same({.batch = 8, .shard = 4, .threads = 1});
  run.trainer.accumulate(draw<float>);
  run.trainer.accumulate(draw<float>);
  run.trainer.discard();
  run.trainer.accumulate(draw<float>);
  CHECK_THROWS_AS(run.trainer.accumulate([](Batch<float>& b) {
    draw(b);
    if (b.first == 12) throw FileError("no data");
  }),
                  FileError);
  run.trainer.gradient(draw<float>);  // looks on
  run.trainer.accumulate(draw<float>);
  CHECK(run.trainer.accumulated() == 2);
  const auto before = run.state();
  const std::string waits = "2 accumulated gradients wait; call apply() or discard() first";
  CHECK(message([&] { run.trainer.step(draw<float>); }) == "step: " + waits);
  CHECK(message([&] { run.trainer.apply_gradient(run.trainer.last_gradient()); }) == "apply_gradient: " + waits);
  CHECK(message([&] { run.trainer.restart(Sgd{}, {}); }) == "restart: " + waits);
  CHECK(message([&] { run.trainer.set_steps_done(7); }) == "set_steps_done: " + waits);
  CHECK(message([&] { save_training("unwritten", run.trainer); }) == "save_training: " + waits);
  CHECK(message([&] { load_training("unread", run.trainer); }) == "load_training: " + waits);
  CHECK(run.state() == before);
  same.trainer.accumulate(draw<float>);
  same.trainer.accumulate(draw<float>);
  CHECK(run.trainer.apply() == same.trainer.apply());
  CHECK(run.state() == same.state());
  CHECK(contains(message([&] { run.trainer.apply(); }), "no accumulated gradient waits"));
}

TEST_CASE("a Trainer that is moved goes on, and the one it was moved from says so") {
  const TrainerOptions options{.batch = 8, .shard = 4, .threads = 2};
  Run<float> whole(options), run(options), other(options);
  whole.steps(9);
  run.steps(3);
  Trainer<float> moved = std::move(run.trainer);
  moved.step(draw<float>);
  moved.accumulate(draw<float>);
  other.trainer = std::move(moved);
  CHECK(other.trainer.accumulated() == 1);
  other.trainer.discard();
  for (int i = 4; i < 9; ++i) other.trainer.step(draw<float>);
  CHECK(run.values() == whole.values());
  CHECK(other.trainer.steps_done() == 9);
  const std::string says = "this Trainer was moved from; use the one that it was moved to";
  CHECK(message([&] { run.trainer.step(draw<float>); }) == says);
  CHECK(message([&] { moved.memory_bytes(); }) == says);
  std::vector<Trainer<float>> many;
  for (int i = 0; i < 3; ++i) many.push_back(std::move(i == 0 ? other.trainer : whole.trainer));
  CHECK(many[0].steps_done() == 9);
}

TEST_CASE("early stopping and plateaus follow their formulas") {
  const double nan = std::nan("");
  EarlyStopping stop{.patience = 3, .min_delta = 0.5};
  const std::vector<std::pair<double, bool>> watched = {
      {10, false},  {9.6, false}, {9.5, false}, {9.4, false}, {9.5, false}, {9.2, false}, {8.9, true},
      {nan, false}, {9, false},   {8.8, false}, {nan, false}, {8.5, false}, {8.4, true}};
  for (std::size_t i = 0; i < watched.size(); ++i) {
    CAPTURE(i);
    CHECK(stop(watched[i].first) == watched[i].second);
  }
  CHECK(stop.best == 8.8);

  ReduceOnPlateau plateau{.factor = 0.5, .patience = 2, .min_rate = 0.3};
  double rate = 1;
  const std::vector<std::pair<double, double>> rates = {{3, 1},   {3, 1},     {3, 0.5}, {2, 0.5}, {2, 0.5},
                                                        {4, 0.3}, {nan, 0.3}, {2, 0.3}, {1, 0.3}};
  for (const auto& [value, expected] : rates) CHECK((rate = plateau(value, rate)) == expected);
  CHECK(plateau(1, 0.01) == 0.01);
  CHECK(plateau(1, 0.01) == 0.01);  // below min_rate already: not raised
  CHECK(message([] { EarlyStopping{.patience = 0}(1); }) == "patience is 0; it must be at least 1");
  CHECK(contains(message([&] { EarlyStopping{.min_delta = nan}(1); }), "min_delta is nan"));
  CHECK(contains(message([] { ReduceOnPlateau{.factor = 1}(1, 1); }), "must be between 0 and 1"));
  CHECK(contains(message([] { ReduceOnPlateau{.min_rate = -1}(1, 1); }), "min_rate is -1"));
}

TEST_CASE("every update is reported after it was made") {
  std::vector<StepReport> reports;
  const Schedule schedule{.kind = Schedule::Kind::cosine, .steps = 20};
  const Run<float>* seen = nullptr;
  std::vector<float> after;
  Run<float> run({.batch = 8,
                  .shard = 4,
                  .threads = 1,
                  .optimizer = Sgd{.rate = 0.25},
                  .schedule = schedule,
                  .clip_norm = 0.1,
                  .on_step = [&](const StepReport& r) {
                    reports.push_back(r);
                    after = seen->values();
                  }});
  Run<float> silent({.batch = 8,
                     .shard = 4,
                     .threads = 1,
                     .optimizer = Sgd{.rate = 0.25},
                     .schedule = schedule,
                     .clip_norm = 0.1});
  seen = &run;
  const auto check = [&](std::uint64_t step, double loss) {
    REQUIRE(reports.size() == step + 1);
    CHECK(reports[step].step == step);
    CHECK((reports[step].loss == loss || (std::isnan(loss) && std::isnan(reports[step].loss))));
    CHECK(reports[step].gradient_norm == run.trainer.last_gradient_norm());
    CHECK(reports[step].rate == run.trainer.rate() * schedule(step));
    CHECK(after == run.values());
  };
  check(0, run.trainer.step(draw<float>));
  check(1, run.trainer.step(draw<float>));
  run.trainer.gradient(draw<float>);
  run.trainer.evaluate(8, draw<float>);
  run.trainer.set_rate(0.125);
  run.trainer.accumulate(draw<float>);
  run.trainer.accumulate(draw<float>);
  check(2, run.trainer.apply());
  run.trainer.apply_gradient(made_gradient(run.params, 1));
  check(3, std::nan(""));
  silent.steps(2);
  silent.trainer.set_rate(0.125);
  silent.trainer.accumulate(draw<float>);
  silent.trainer.accumulate(draw<float>);
  silent.trainer.apply();
  silent.trainer.apply_gradient(made_gradient(silent.params, 1));
  CHECK(silent.state() == run.state());
}

}  // namespace test_training_control
