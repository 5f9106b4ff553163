// What users do wrong, each an exception that names what was wrong and the cure; none may crash, hang or stay
// silent.
#include <doctest/doctest.h>
#include <eqnn/core/plateau.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/thrown.h"

using namespace eqnn;

namespace {

// A small model and all that training it takes.
struct Small {
  Small() : mlp(params, "mlp", {3, 4, 1}) {}
  Model<double> model() const {
    return [mlp = mlp](Program<double>& g) {
      return squared_error(mlp(g.input("x", {.channels = 3})), g.input("y", {}));
    };
  }
  Params<double> params;
  Mlp<double> mlp;
};

void fill_plain(Batch<double>& b) {
  for (Index i = b.first; i < b.last; ++i) {
    for (Index c = 0; c < 3; ++c) b.example("x", i)(0, 0, c) = static_cast<double>(i + c);
    b.example("y", i)(0) = 1;
  }
}

struct Misuse {
  const char* name;
  std::function<void()> run;
  const char* says;  // part of the message: what was wrong, or the cure
};

const TrainerOptions kOptions = {.batch = 8, .shard = 4, .threads = 1};

// Runs `use` on a program of one input x of [b, 2, 3], in training.
template <class Use>
std::function<void()> recorded(Use use) {
  return [use] {
    Program<double> g(4, Mode::train);
    use(g, g.input("x", {.points = 2, .channels = 3}));
  };
}

const std::vector<Misuse> kParams = {
    {"parameters that were never set",
     [] {
       Small s;
       Trainer<double>(s.params, kOptions, s.model()).step(fill_plain);
     },
     "call Params::initialize, or load a model"},
    {"evaluation with parameters that were never set",
     [] {
       Small s;
       Trainer<double>(s.params, kOptions, s.model()).evaluate(4, fill_plain);
     },
     "call Params::initialize, or load a model"},
    {"a Trainer with another Params than its layers",
     [] {
       Small s, other;
       Trainer<double>(other.params, kOptions, s.model());
     },
     "give the one that its layers were constructed with"},
    {"layers of two Params in one model",
     [] {
       Small s, other;
       Program<double> g(4, Mode::train);
       other.mlp(s.mlp(g.input("x", {.channels = 3})));
     },
     "is of another Params than those before it"},
    {"a slice of another Params",
     [] {
       Small s, other;
       s.params.view(other.mlp.layers[0].weight);
     },
     "construct the layer with this one"},
    {"a layer after the parameters were allocated",
     [] {
       Small s;
       s.params.initialize(kaiming_uniform, 1);
       Linear<double> late(s.params, "late", 2, 2);
     },
     "parameter 'late.weight' is added after the parameters were allocated"},
    {"two layers of one name",
     [] {
       Small s;
       Linear<double> again(s.params, "mlp.0", 3, 4);
     },
     "give each layer its own name"},
    {"an empty Param", recorded([](auto& g, auto) { g.param(Param{}); }),
     "construct the layer with a Params first"},
    {"an Mlp of one width",
     [] {
       Params<double> p;
       Mlp<double>(p, "m", {3});
     },
     "at least 2 are needed: in, out"},
    {"a layer without channels",
     [] {
       Params<double> p;
       Linear<double>(p, "l", 3, 0);
     },
     "sizes start at 1"},
};

const std::vector<Misuse> kRecording = {
    {"an empty Tensor in an operation", recorded([](auto&, auto) { relu(Tensor<double>()); }),
     "an empty Tensor is used"},
    {"an empty Tensor as the loss", recorded([](auto& g, auto) { g.finish(Tensor<double>()); }),
     "the loss is an empty Tensor"},
    {"a tensor of another program", recorded([](auto& g, auto) {
       Program<double> other(4, Mode::train);
       add(g.input("z", {}), other.input("z", {}));
     }),
     "belongs to another program"},
    {"the loss of another program", recorded([](auto& g, auto) {
       Program<double> other(4, Mode::train);
       g.finish(squared_error(other.input("f", {}), other.input("y", {})));
     }),
     "the loss is of another program"},
    {"a loss of many values", recorded([](auto& g, auto x) { g.finish(x); }), "it must be [b, 1, 1]"},
    {"two inputs of one name", recorded([](auto& g, auto) { g.input("x", {}); }), "input 'x' exists already"},
    {"two outputs of one name", recorded([](auto& g, auto x) {
       g.output("f", x);
       g.output("f", x);
     }),
     "output 'f' exists already"},
    {"a weight for other channels", recorded([](auto& g, auto x) {
       Params<double> p;
       Linear<double>(p, "head", 5, 2)(x);
       static_cast<void>(g);
     }),
     "parameter 'head.weight' [shared, 5, 2]"},
    {"targets of another shape", recorded([](auto& g, auto x) { squared_error(x, g.input("y", {})); }),
     "squared_error"},
    {"labels above the classes",
     recorded([](auto& g, auto) { cross_entropy(g.input("f", {.channels = 3}), g.index_input("label", {}, 4)); }),
     "the limit must not be above the classes"},
    {"an input in the place of a weight",
     recorded([](auto& g, auto x) { g.finish(sum_points(linear(x, x, Tensor<double>()))); }),
     "the weight must be a parameter"},
    {"an operation after finish", recorded([](auto& g, auto) {
       const auto f = g.input("f", {});
       g.finish(squared_error(f, g.input("y", {})));
       relu(f);
     }),
     "recorded into a finished program"},
    {"a model that is empty",
     [] {
       Small s;
       Trainer<double>(s.params, kOptions, Model<double>());
     },
     "the model of a Trainer is empty"},
};

// A finished program with a workspace, which `use` replays.
template <class Use>
std::function<void()> replayed(Use use) {
  return [use] {
    Small s;
    s.params.initialize(kaiming_uniform, 1);
    Program<double> g(4, Mode::train);
    g.finish(s.model()(g));
    Workspace<double> w(g);
    use(s, g, w);
  };
}

const std::vector<Misuse> kReplays = {
    {"nothing bound", replayed([](auto& s, auto& g, auto& w) { g.forward(w, s.params.values().data()); }),
     "call Workspace::bind"},
    {"null parameters", replayed([](auto&, auto& g, auto& w) {
       w.bind({.examples = 4});
       g.forward(w, nullptr);
     }),
     "give Params::values().data()"},
    {"the workspace of another program", replayed([](auto& s, auto&, auto& w) {
       Program<double> other(4, Mode::train);
       other.finish(s.model()(other));
       w.bind({.examples = 4});
       other.forward(w, s.params.values().data());
     }),
     "the workspace of another program"},
    {"more examples than the capacity", replayed([](auto&, auto&, auto& w) { w.bind({.examples = 5}); }),
     "recorded for at most 4"},
    {"an input that is not there", replayed([](auto&, auto&, auto& w) { w.input("adjacency"); }),
     "there is no input 'adjacency'; this program has: "},
    {"a workspace of a program that is not finished",
     [] {
       Program<double> g(4, Mode::train);
       Workspace<double> w(g);
     },
     "call finish() first"},
    {"backward without training", replayed([](auto& s, auto&, auto&) {
       Program<double> g(4, Mode::evaluate);
       g.finish(s.model()(g));
       Workspace<double> w(g);
       w.bind({.examples = 4});
       std::vector<double> gradient(static_cast<std::size_t>(s.params.size()));
       g.forward(w, s.params.values().data());
       g.backward(w, gradient.data(), true);
     }),
     "not recorded for training"},
    {"an example's number where its place in the shard belongs", replayed([](auto& s, auto&, auto&) {
       Trainer<double> trainer(s.params, kOptions, s.model());
       trainer.step([](Batch<double>& b) {
         for (Index i = b.first; i < b.last; ++i) b["y"](i) = 1;
       });
     }),
     "i - batch.first for example i"},
    {"an example of another shard", replayed([](auto& s, auto&, auto&) {
       Trainer<double> trainer(s.params, kOptions, s.model());
       trainer.step([](Batch<double>& b) { b.example("y", 7)(0) = 1; });
     }),
     "example 7 is not of this shard; it has the examples 0 to 3"},
    {"no data callback",
     replayed([](auto& s, auto&, auto&) { Trainer<double>(s.params, kOptions, s.model()).step({}); }),
     "the data callback is empty"},
    {"an evaluation of nothing", replayed([](auto& s, auto&, auto&) {
       Trainer<double>(s.params, kOptions, s.model()).evaluate(0, fill_plain);
     }),
     "at least 1 is allowed"},
    {"more threads than there may be",
     replayed([](auto& s, auto&, auto&) { Trainer<double>(s.params, {.threads = 5000}, s.model()); }), "1 to 1024"},
};

// A Trainer of the small model with options of its own, which `use` works on.
template <class Use>
std::function<void()> steered(TrainerOptions options, Use use) {
  options.batch = 8, options.shard = 4, options.threads = 1;
  return [options, use] {
    Small s;
    s.params.initialize(kaiming_uniform, 1);
    Trainer<double> trainer(s.params, options, s.model());
    use(s, trainer);
  };
}
const auto kNothing = [](auto&, auto&) {};

const std::vector<Misuse> kControl = {
    {"a group of no parameter", steered({.groups = {{"mpl.*", 0}}}, kNothing),
     "the group 'mpl.*' matches no parameter; there are: mlp.0.weight, mlp.0.bias, mlp.1.weight, mlp.1.bias"},
    {"a group without a pattern", steered({.groups = {{}}}, kNothing), "the group '' matches no parameter"},
    {"a group that later ones undo", steered({.groups = {{"mlp.0.*", 0.1}, {"*", 1, 0}}}, kNothing),
     "the group 'mlp.0.*' decides nothing: later groups match all its parameters"},
    {"a negative rate of a group", steered({.groups = {{"*", -1}}}, kNothing),
     "the rate factor of the group '*' is -1"},
    {"a decay of a group that is no number", steered({.groups = {{"*", 1, std::nan("")}}}, kNothing),
     "the decay factor of the group '*' is nan"},
    {"a rate that is no number", steered({}, [](auto&, auto& t) { t.set_rate(std::nan("")); }),
     "the learning rate is nan"},
    {"a custom schedule that gives no number",
     steered({.schedule = {.custom = [](std::uint64_t) { return std::nan(""); }}},
             [](auto&, auto& t) { t.step(fill_plain); }),
     "the custom schedule gives nan at step 0"},
    {"a step while accumulated gradients wait",
     steered({},
             [](auto&, auto& t) {
               t.accumulate(fill_plain);
               t.step(fill_plain);
             }),
     "call apply() or discard() first"},
    {"apply without accumulate", steered({}, [](auto&, auto& t) { t.apply(); }), "call accumulate() before"},
    {"accumulation without a data callback", steered({}, [](auto&, auto& t) { t.accumulate({}); }),
     "the data callback is empty"},
    {"a step before the restart",
     steered({},
             [](auto&, auto& t) {
               t.step(fill_plain);
               t.restart(Sgd{}, {});
               t.set_steps_done(0);
               t.step(fill_plain);
             }),
     "steps_done is 0, before the restart at step 1"},
    {"the gradient of a parameter of another Params",
     steered({},
             [](auto&, auto& t) {
               Small other;
               t.gradient_of(other.mlp.layers[0].weight);
             }),
     "is of another Params"},
    {"the gradient of an empty Param", steered({}, [](auto&, auto& t) { t.gradient_of(Param{}); }),
     "an empty Param"},
    {"the gradient of a name that is not there", steered({}, [](auto&, auto& t) { t.gradient_of("mlp.0.wieght"); }),
     "among 4; the nearest is 'mlp.0.weight'"},
    {"a Trainer that was moved from",
     steered({},
             [](auto&, auto& t) {
               const Trainer<double> other = std::move(t);
               t.step(fill_plain);
             }),
     "this Trainer was moved from"},
    {"stopping without patience", [] { EarlyStopping{.patience = 0}(1.0); },
     "patience is 0; it must be at least 1"},
    {"a plateau that raises the rate", [] { ReduceOnPlateau{.factor = 10}(1.0, 1.0); }, "must be between 0 and 1"},
};

void check_all(const std::vector<Misuse>& list) {
  for (const Misuse& m : list) {
    CAPTURE(m.name);
    const std::string said = message<Error>(m.run);
    CAPTURE(said);
    CHECK(said.find(m.says) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("misuse of parameters is told") { check_all(kParams); }
TEST_CASE("misuse while recording is told") { check_all(kRecording); }
TEST_CASE("misuse of replays and trainers is told") { check_all(kReplays); }
TEST_CASE("misuse of what steers a training is told") { check_all(kControl); }

TEST_CASE(
    "what looks like misuse and is none: a plain function fills, a trainer outlives its parameters, and these "
    "move") {
  auto s = std::make_unique<Small>();
  s->params.initialize(kaiming_uniform, 1);
  Trainer<double> trainer(s->params, kOptions, s->model());
  const double first = trainer.step(fill_plain);
  Params<double> moved = std::move(s->params);
  CHECK(s->params.size() == 0);
  CHECK(trainer.step(fill_plain) != first);
  const std::vector<double> before(moved.values().begin(), moved.values().end());
  s.reset();
  trainer.step(fill_plain);
  CHECK(std::vector<double>(moved.values().begin(), moved.values().end()) != before);
  // A thousand threads where there are fewer: no more than there are, without a word on stderr.
  Small wide;
  wide.params.initialize(kaiming_uniform, 1);
  Trainer<double> many(wide.params, {.batch = 8, .shard = 1, .threads = 1000}, wide.model());
  CHECK(std::isfinite(many.step(fill_plain)));
}
