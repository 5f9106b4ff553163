#include "training.h"

#include <algorithm>
#include <cmath>

#include <eqnn/trainer.h>

#include "network.h"

namespace tools {
namespace {

using eqnn::Batch;
using eqnn::Block;
using eqnn::Counter;
using eqnn::Stream;

// A permutation of 0 .. size-1 as a pure function of (seed, epoch): a four-round Feistel network on the
// next even number of bits, walked until it lands below size. Resuming needs no stored order.
class Shuffle {
 public:
  Shuffle(std::uint64_t seed, Index size) : seed_(seed), size_(static_cast<std::uint64_t>(size)) {
    while ((std::uint64_t{1} << (2 * half_)) < size_) ++half_;
  }
  Index operator()(std::uint64_t epoch, Index position) const {
    auto x = static_cast<std::uint64_t>(position);
    do x = encrypt(epoch, x);
    while (x >= size_);
    return static_cast<Index>(x);
  }

 private:
  std::uint64_t encrypt(std::uint64_t epoch, std::uint64_t x) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_) - 1;
    std::uint64_t left = x >> half_, right = x & mask;
    for (std::uint32_t round = 0; round < 4; ++round) {
      const std::uint64_t mixed = left ^ (eqnn::philox({seed_, Stream::order, epoch, right}, round)[0] & mask);
      left = right;
      right = mixed;
    }
    return left << half_ | right;
  }
  std::uint64_t seed_, size_;
  int half_ = 1;
};

// Fills batches with a family's inputs and training targets.
template <class T>
class FamilyData {
 public:
  FamilyData(const TrainConfig& c, const eqnn::hard::Member& member)
      : config_(c), member_(member), fixed_(c.samples - (c.patience > 0 ? c.samples / 10 : 0)),
        shuffle_(c.data_seed, std::max<Index>(fixed_, 1)) {}

  Index fixed_examples() const { return fixed_; }

  void train(Batch<T>& b) const {
    if (config_.samples == 0) {
      fill(b, {config_.data_seed, Stream::train, b.step, static_cast<std::uint64_t>(b.first)}, true);
      return;
    }
    Block<T> x = b[member_.input().name], y = b["y"];
    for (Index i = 0; i < b.last - b.first; ++i) {
      const auto position = b.step * static_cast<std::uint64_t>(config_.batch) + static_cast<std::uint64_t>(b.first + i);
      const auto size = static_cast<std::uint64_t>(fixed_);
      const Index which = shuffle_(position / size, static_cast<Index>(position % size));
      fill(rows(x, i, 1), rows(y, i, 1), {config_.data_seed, Stream::train, 0, static_cast<std::uint64_t>(which)}, true);
    }
  }
  void test(Batch<T>& b) const { fill(b, {config_.data_seed, Stream::test, 0, static_cast<std::uint64_t>(b.first)}, false); }
  // Examples of the fixed training set from number `offset` on, with their noise.
  void training_set(Batch<T>& b, Index offset) const {
    fill(b, {config_.data_seed, Stream::train, 0, static_cast<std::uint64_t>(offset + b.first)}, true);
  }

 private:
  static Block<T> rows(Block<T> x, Index first, Index count) {
    return {x.row(first), count, x.points, x.channels, x.stride};
  }

  void fill(Batch<T>& b, const Counter& at, bool noisy) const { fill(b[member_.input().name], b["y"], at, noisy); }

  void fill(Block<T> x, Block<T> y, Counter at, bool noisy) const {
    constexpr Index group = 64;  // targets come densely packed: a few at a time, on the stack
    T targets[group];
    for (Index first = 0; first < x.examples; first += group) {
      const Index count = std::min(group, x.examples - first);
      const Block<T> part = rows(x, first, count);
      const Block<const T> read{part.data, part.examples, part.points, part.channels, part.stride};
      member_.sample(at, part);
      config_.control ? member_.controls(read, targets) : member_.targets(read, targets);
      for (Index i = 0; i < count; ++i, ++at.example) y(first + i) = noisy ? disturbed(targets[i], at) : targets[i];
    }
  }

  T disturbed(T target, const Counter& at) const {
    if (config_.noise == 0) return target;
    eqnn::Draws draws({at.seed, Stream::noise, at.step, at.example});
    if (member_.two_valued() && !config_.control) return draws.uniform() < config_.noise ? -target : target;
    return target + static_cast<T>(config_.noise * draws.normal());
  }

  const TrainConfig& config_;
  const eqnn::hard::Member& member_;
  Index fixed_;
  Shuffle shuffle_;
};

eqnn::Optimizer make_optimizer(const TrainConfig& c) {
  if (c.optimizer == "sgd")
    return eqnn::Sgd{.rate = c.lr, .momentum = c.momentum, .nesterov = c.nesterov, .weight_decay = c.weight_decay};
  if (c.optimizer == "adamw") return eqnn::AdamW{.rate = c.lr, .weight_decay = c.weight_decay};
  if (c.optimizer == "sign-sgd") return eqnn::SignSgd{.rate = c.lr, .weight_decay = c.weight_decay};
  return eqnn::Adam{.rate = c.lr, .weight_decay = c.weight_decay};
}

eqnn::Schedule make_schedule(const TrainConfig& c) {
  using Kind = eqnn::Schedule::Kind;
  return {.kind = c.schedule == "cosine" ? Kind::cosine : c.schedule == "step" ? Kind::step : Kind::constant,
          .steps = static_cast<std::uint64_t>(c.steps),
          .warmup = static_cast<std::uint64_t>(c.warmup),
          .every = static_cast<std::uint64_t>(c.decay_every),
          .factor = c.decay_factor};
}

// Loss, variance, accuracy and correlation of predictions f for targets y, in order.
Evaluation summarize(const std::vector<double>& f, const std::vector<double>& y, double loss) {
  const double n = static_cast<double>(f.size());
  double mean_f = 0, mean_y = 0, ff = 0, yy = 0, fy = 0, right = 0;
  for (std::size_t i = 0; i < f.size(); ++i) {
    mean_f += f[i] / n;
    mean_y += y[i] / n;
    right += (f[i] > 0 && y[i] > 0) || (f[i] < 0 && y[i] < 0) ? 1 : 0;
  }
  for (std::size_t i = 0; i < f.size(); ++i) {
    ff += (f[i] - mean_f) * (f[i] - mean_f) / n;
    yy += (y[i] - mean_y) * (y[i] - mean_y) / n;
    fy += (f[i] - mean_f) * (y[i] - mean_y) / n;
  }
  Evaluation e;
  e.examples = static_cast<Index>(f.size());
  e.loss = loss;
  e.variance = yy;
  e.accuracy = right / n;
  e.correlation = ff > 0 && yy > 0 ? std::clamp(fy / std::sqrt(ff * yy), -1.0, 1.0) : 0;
  const double z = std::atanh(std::clamp(e.correlation, -1 + 1e-15, 1 - 1e-15)), half = 1.959963984540054 / std::sqrt(std::max(1.0, n - 3));
  e.correlation_low = std::tanh(z - half);
  e.correlation_high = std::tanh(z + half);
  return e;
}

template <class T>
class TypedTraining final : public Training {
 public:
  TypedTraining(const TrainConfig& c, const eqnn::hard::Member& member, int threads)
      : config_(c), input_(member.input()), data_(config_, member), network_(params_, config_, input_),
        trainer_((params_.initialize(initializer(config_), config_.init_seed), params_), options(c, threads),
                 [this](eqnn::Program<T>& g) {
                   auto x = g.input(input_.name, {.points = input_.points, .channels = input_.channels});
                   const auto f = network_(x);
                   g.output("prediction", f);
                   return squared_error(f, g.input("y", {}));
                 }) {}

  double step() override {
    return trainer_.step([this](Batch<T>& b) { data_.train(b); });
  }
  Evaluation test(Index examples) override {
    return evaluate(examples, [this](Batch<T>& b) { data_.test(b); });
  }
  Evaluation training_set(Index examples) override {
    return evaluate(std::min(examples, data_.fixed_examples()), [this](Batch<T>& b) { data_.training_set(b, 0); });
  }
  Evaluation validation() override {
    return evaluate(config_.samples - data_.fixed_examples(),
                    [this](Batch<T>& b) { data_.training_set(b, data_.fixed_examples()); });
  }
  std::uint64_t steps_done() const override { return trainer_.steps_done(); }
  double gradient_norm() const override { return trainer_.last_gradient_norm(); }
  Index parameters() const override { return params_.count(); }
  Index memory_bytes() const override { return trainer_.memory_bytes(); }
  double flops_per_step() const override { return 2 * trainer_.multiply_adds(); }

  std::vector<eqnn::NamedArray> state() override {
    std::vector<eqnn::NamedArray> arrays = eqnn::parameter_arrays<T>(params_, params_.values(), "model.");
    for (const auto& moment : trainer_.moments())
      for (auto& array : eqnn::parameter_arrays<T>(params_, moment.values, concat("optimizer.", moment.name, ".")))
        arrays.push_back(std::move(array));
    return arrays;
  }
  void restore(const eqnn::SafeTensors& file, std::uint64_t steps) override {
    eqnn::load_parameter_arrays<T>(params_, params_.values(), file, "model.");
    for (const auto& moment : trainer_.moments())
      eqnn::load_parameter_arrays<T>(params_, moment.values, file, concat("optimizer.", moment.name, "."));
    trainer_.set_steps_done(steps);
  }
  void save_model(const std::string& path, const std::map<std::string, std::string>& metadata) override {
    eqnn::save_model(path, params_, metadata);
  }

 private:
  static eqnn::TrainerOptions options(const TrainConfig& c, int threads) {
    return {.batch = c.batch,
            .shard = c.shard,
            .threads = threads,
            .optimizer = make_optimizer(c),
            .schedule = make_schedule(c),
            .clip_norm = c.clip_norm,
            .seed = c.data_seed,
            .strict = c.strict};
  }

  Evaluation evaluate(Index examples, eqnn::Fill<T> fill) {
    std::vector<double> f(static_cast<std::size_t>(examples)), y(f.size());
    const double loss = trainer_.evaluate(examples, fill, [&](Batch<T>& b) {
      const auto prediction = b.output("prediction");
      const auto target = b["y"];
      for (Index i = 0; i < b.last - b.first; ++i) {
        f[static_cast<std::size_t>(b.first + i)] = static_cast<double>(prediction(i));
        y[static_cast<std::size_t>(b.first + i)] = static_cast<double>(target(i));
      }
    });
    return summarize(f, y, loss);
  }

  const TrainConfig config_;
  const eqnn::hard::InputLayout input_;
  FamilyData<T> data_;
  eqnn::Params<T> params_;
  Network<T> network_;
  eqnn::Trainer<T> trainer_;
};

}  // namespace

std::unique_ptr<Training> make_training(const TrainConfig& c, const eqnn::hard::Member& member, int threads) {
  if (c.dtype == "f64") return std::make_unique<TypedTraining<double>>(c, member, threads);
  return std::make_unique<TypedTraining<float>>(c, member, threads);
}

std::unique_ptr<eqnn::hard::Member> make_member(const TrainConfig& c) {
  const auto& family = eqnn::hard::family(c.family);
  auto member = c.member.empty() ? family.draw(c.params, c.member_seed) : family.parse(c.member);
  require(c.noise <= 1 || c.control || !member->two_valued(), "--noise is ", c.noise,
          ", here the probability that a label is flipped; allowed are numbers from 0 to 1");
  return member;
}

}  // namespace tools
