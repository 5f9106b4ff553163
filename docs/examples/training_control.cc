// What docs/training-control.md shows, compiled and run: its blocks of code stand here word for word, which a test
// compares.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <eqnn/eqnn.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

using namespace eqnn;

struct Network {
  explicit Network(Params<float>& p) : body(p, "body", {4, 16, 16}), head(p, "head", 16, 1) {}
  Tensor<float> operator()(Tensor<float> x) const { return head(relu(body(x))); }
  Mlp<float> body;
  Linear<float> head;
};

Network make(Params<float>& params, std::uint64_t seed = 0) {
  Network network(params);
  params.initialize(kaiming_uniform, seed);
  return network;
}
Model<float> model_of(const Network& network) {
  return [network](Program<float>& g) {
    return squared_error(network(g.input("x", {.channels = 4})), g.input("y", {}));
  };
}

// y = |x|^2 / 4.
void fill(Batch<float>& batch) {
  for (Index i = batch.first; i < batch.last; ++i) {
    Draws draws({1, Stream::user, batch.step, static_cast<std::uint64_t>(i)});
    float sum = 0;
    for (Index c = 0; c < 4; ++c) {
      const auto x = static_cast<float>(draws.normal());
      batch.example("x", i)(0, 0, c) = x;
      sum += x * x;
    }
    batch.example("y", i)(0) = sum / 4;
  }
}

TEST_CASE("rates and schedules") {
  Params<float> params;
  const Network network = make(params);
  const Model<float> model = model_of(network);

  Trainer<float> trainer(
      params,
      {.optimizer = Adam{.rate = 1e-3},
       .schedule = {.warmup = 10,
                    .custom = [](std::uint64_t step) { return 1 / std::sqrt(1 + 0.01 * double(step)); }}},
      model);
  for (int step = 0; step < 100; ++step) trainer.step(fill);
  trainer.set_rate(0.5 * trainer.rate());

  CHECK(trainer.rate() == 0.5e-3);
}

TEST_CASE("frozen parameters and groups") {
  Params<float> params;
  const Network network = make(params);
  const Model<float> model = model_of(network);
  const std::vector<float> before(params.values().begin(), params.values().end());

  Trainer<float> trainer(params,
                         {.optimizer = AdamW{.rate = 1e-3},
                          .groups = {{.pattern = "*.bias", .decay = 0},
                                     {.pattern = "body.*", .rate = 0},
                                     {.pattern = "body.1.*", .rate = 0.1}}},
                         model);
  for (int step = 0; step < 10; ++step) trainer.step(fill);

  const auto changed = [&](const std::string& name) {
    const Param p = params.find(name).slice;
    return params.values()[p.offset] != before[static_cast<std::size_t>(p.offset)];
  };
  CHECK(!changed("body.0.weight"));
  CHECK(changed("body.1.weight"));
  CHECK(changed("head.weight"));
}

TEST_CASE("the gradient of one parameter") {
  Params<float> params;
  const Network network = make(params);
  Trainer<float> trainer(params, {}, model_of(network));

  trainer.gradient(fill);
  const MatrixView<const float> g = trainer.gradient_of("head.weight");  // or of network.head.weight
  double largest = 0;
  for (Index i = 0; i < g.rows; ++i)
    for (Index j = 0; j < g.cols; ++j) largest = std::max(largest, std::abs(double(g(i, j))));

  CHECK(largest > 0);
  CHECK(trainer.gradient_of(network.head.weight).data == g.data);
}

TEST_CASE("gradient accumulation") {
  Params<float> params;
  const Network network = make(params);
  Trainer<float> trainer(params, {}, model_of(network));

  for (int step = 0; step < 100; ++step) {
    for (int part = 0; part < 4; ++part) trainer.accumulate(fill);
    const double loss = trainer.apply();
    if (!std::isfinite(loss)) break;
  }

  CHECK(trainer.steps_done() == 100);
}

TEST_CASE("reports, plateaus, stopping") {
  Params<float> params;
  const Network network = make(params);
  const Model<float> model = model_of(network);

  const auto print = [](const StepReport& r) {
    if (r.step % 100 == 0) std::printf("%d: loss %.4f, |g| %.3f\n", int(r.step), r.loss, r.gradient_norm);
  };
  Trainer<float> trainer(params, {.optimizer = Adam{.rate = 1e-2}, .on_step = print}, model);
  ReduceOnPlateau plateau{.factor = 0.5, .patience = 2, .min_rate = 1e-4};
  EarlyStopping stop{.patience = 5, .min_delta = 1e-3};
  for (int epoch = 0; epoch < 40; ++epoch) {
    for (int step = 0; step < 50; ++step) trainer.step(fill);
    const double loss = trainer.evaluate(500, fill);
    trainer.set_rate(plateau(loss, trainer.rate()));
    if (stop(loss)) break;
  }

  CHECK(stop.best < 0.1);
}

TEST_CASE("stopping and going on, and another model's parameters") {
  Params<float> params;
  const Network network = make(params);
  const Model<float> model = model_of(network);
  const std::string name = "eqnn-training-control-" + std::to_string(::getpid()) + ".safetensors";
  const std::string path = (std::filesystem::temp_directory_path() / name).string();
  ReduceOnPlateau plateau;
  const TrainerOptions options{.optimizer = Adam{.rate = 1e-2}};
  Trainer<float> trainer(params, options, model);
  trainer.step(fill);

  save_training(path, trainer, {{"best", plateau.best}, {"waited", double(plateau.waited)}});

  const double next = trainer.step(fill);
  Params<float> again;
  const Network same = make(again, 7);
  Trainer<float> later(again, options, model_of(same));

  const TrainingNumbers numbers = load_training(path, later);
  plateau.best = numbers.at("best");
  plateau.waited = std::uint64_t(numbers.at("waited"));

  CHECK(later.step(fill) == next);
  CHECK(later.gradient_of("head.weight")(0, 0) == trainer.gradient_of("head.weight")(0, 0));

  Params<float> other;
  const Mlp<float> body(other, "body", {4, 16, 16});
  const Linear<float> head(other, "new_head", 16, 3);
  other.initialize(kaiming_uniform, 0);
  const LoadReport report = load_matching(path, other, "model.");
  for (const std::string& each : report.missing) std::printf("%s starts anew\n", each.c_str());

  CHECK(report.loaded.size() == 4);
  CHECK(report.missing == std::vector<std::string>{"new_head.weight", "new_head.bias"});
  CHECK(report.unused == std::vector<std::string>{"model.head.weight", "model.head.bias"});
  std::remove(path.c_str());
}
