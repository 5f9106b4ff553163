#include "train/training.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include <eqnn/io/training_file.h>
#include <eqnn/nn/loss.h>

#include "train/choices.h"
#include "train/data_source.h"
#include "train/initial_weights.h"
#include "train/oracle_gradient.h"

namespace tools {
namespace {

using eqnn::Batch;

constexpr const char* kLog = "oracle.log";

// An oracle's log among the arrays of a checkpoint.
eqnn::NamedArray log_array(const eqnn::hard::Oracle::Log& log) {
  eqnn::NamedArray a{kLog, "F64", {3}, {}};
  const double values[3] = {static_cast<double>(log.queries), static_cast<double>(log.above_tau), log.largest};
  a.bytes.resize(sizeof values);
  std::memcpy(a.bytes.data(), values, sizeof values);
  return a;
}
eqnn::hard::Oracle::Log read_log(const eqnn::SafeTensors& file) {
  const eqnn::NamedArray& a = file.array(kLog);
  double values[3];
  require<eqnn::FileError>(a.dtype == "F64" && a.bytes.size() == sizeof values, file.path, ": array '", kLog,
                           "' is ", a.dtype, " of ", a.bytes.size(), " bytes; three F64 are needed");
  std::memcpy(values, a.bytes.data(), sizeof values);
  for (const double count : {values[0], values[1]})
    require<eqnn::FileError>(count >= 0 && count <= 0x1p53 && count == std::floor(count), file.path, ": array '",
                             kLog, "' counts ", count, " queries; a whole number is needed: the file is damaged");
  return {static_cast<Index>(values[0]), static_cast<Index>(values[1]), values[2]};
}

template <class T>
eqnn::Tensor<T> real_loss(Loss loss, eqnn::Tensor<T> f, eqnn::Tensor<T> y) {
  if (loss == Loss::abs) return absolute_error(f, y);
  if (loss == Loss::huber) return huber_error(f, y);
  return squared_error(f, y);
}

template <class T>
class TypedTraining final : public Training {
 public:
  TypedTraining(const TrainConfig& c, const NetworkInputs& inputs, std::unique_ptr<DataSource<T>> data,
                eqnn::hard::PlantedDirections planted, int threads, eqnn::Ranks* ranks)
      : config_(c),
        outputs_(inputs.outputs),
        planted_(std::move(planted)),
        data_(std::move(data)),
        network_(make_network<T>(params_, c, inputs)),
        trainer_((initialize(), params_), options(c, data_->fixed_examples(), threads, ranks),
                 [this](eqnn::Program<T>& g) {
                   const auto f = network_(g);
                   g.output("prediction", f);
                   if (outputs_ == 1) return real_loss(losses()[config_.loss], f, g.input("y", {}));
                   return cross_entropy(f, g.index_input("label", {}, static_cast<std::int32_t>(outputs_)));
                 }),
        initial_(params_.values().begin(), params_.values().end()) {
    if (oracles()[c.oracle].kind)
      oracle_.emplace(config_, *data_, params_, trainer_.options(), [this](eqnn::Program<T>& g) {
        g.input("y", {});
        return network_(g);
      });
    require_effects();
  }

  double step(eqnn::GradientNoise* noise) override {
    const std::uint64_t now = trainer_.steps_done();
    if (const Phase& phase = phase_of(now); now > 0 && now == phase.first) restart(phase);
    if (!oracle_) return loss_ = trainer_.step([this](Batch<T>& b) { data_->train(b); }, noise);
    trainer_.apply_gradient(oracle_->answer(trainer_.steps_done()));
    return oracle_->loss();
  }
  Evaluation test(Index examples) override {
    if (data_->test_examples() > 0) examples = data_->test_examples();
    auto [mean, loss] = outcomes(examples, [this](Batch<T>& b) { data_->test(b, 0); });
    const Index elements = data_->test_elements();
    if (elements == 1) return summarize(mean, loss);
    for (Index element = 1; element < elements; ++element) {
      const Outcomes moved = outcomes(examples, [&](Batch<T>& b) { data_->test(b, element); }).first;
      for (std::size_t i = 0; i < mean.f.size(); ++i) mean.f[i] += moved.f[i];
    }
    for (double& f : mean.f) f /= static_cast<double>(elements);
    return summarize(mean, outputs_ > 1 ? mean_cross_entropy(mean) : mean_squared_error(mean));
  }
  Evaluation training_set() override {
    return evaluate(data_->fixed_examples(), [this](Batch<T>& b) { data_->training_set(b); });
  }
  Evaluation validation() override {
    return evaluate(data_->validation_examples(), [this](Batch<T>& b) { data_->validation(b); });
  }
  Index fixed_examples() const override { return data_->fixed_examples(); }
  std::uint64_t steps_done() const override { return trainer_.steps_done(); }
  double gradient_norm() const override { return trainer_.last_gradient_norm(); }
  double distance() const override {
    double sum = 0;
    for (std::size_t i = 0; i < initial_.size(); ++i) {
      const double d = static_cast<double>(params_.values()[i]) - static_cast<double>(initial_[i]);
      sum += d * d;
    }
    return std::sqrt(sum);
  }
  double overlap() const override {
    if (planted_.basis.rows() == 0) return std::nan("");
    const eqnn::NamedArray first = eqnn::parameter_arrays<T>(params_, params_.values(), "").front();
    const Index units = first.shape.empty() ? 0 : first.shape[0], entries = planted_.basis.cols();
    if (units == 0 || static_cast<Index>(first.bytes.size() / sizeof(T)) != units * entries) return std::nan("");
    eqnn::Matrix<double> weights(units, entries);
    for (Index i = 0; i < units * entries; ++i) {
      T value;
      std::memcpy(&value, first.bytes.data() + i * sizeof(T), sizeof(T));
      weights(i / entries, i % entries) = static_cast<double>(value);
    }
    return eqnn::hard::planted_overlap(planted_, std::as_const(weights).view());
  }
  double watched_loss() const override { return oracle_ ? oracle_->label_free_loss() : loss_; }
  std::uint64_t examples_seen(std::uint64_t steps) const override {
    const auto reuse = static_cast<std::uint64_t>(config_.reuse);
    const Index batch = oracle_ ? oracle_->examples_per_step() : trainer_.options().batch;
    return (steps + reuse - 1) / reuse * static_cast<std::uint64_t>(batch);
  }
  const PhaseLabels& labels() const override { return data_->labels(); }
  const eqnn::hard::Oracle* oracle() const override { return oracle_ ? &oracle_->oracle() : nullptr; }
  Index oracle_inputs() const override { return oracle_ ? oracle_->inputs() : 0; }
  const TakenWeights& initial() const override { return taken_; }
  Index parameters() const override { return params_.count(); }
  Index memory_bytes() const override {
    return trainer_.memory_bytes() + static_cast<Index>(initial_.size() * sizeof(T)) +
           (oracle_ ? oracle_->memory_bytes() : 0);
  }
  double flops_per_step() const override {
    return 2 * (oracle_ ? oracle_->multiply_adds() : trainer_.multiply_adds());
  }

  std::vector<eqnn::NamedArray> state() override {
    std::vector<eqnn::NamedArray> arrays = eqnn::training_arrays(trainer_);
    if (oracle_) arrays.push_back(log_array(oracle_->oracle().log()));
    return arrays;
  }
  void restore(const eqnn::SafeTensors& file, std::uint64_t steps) override {
    trainer_.set_steps_done(phase_of(steps).first);
    restart(phase_of(steps));
    eqnn::load_training_arrays(trainer_, file);
    if (oracle_) oracle_->oracle().set_log(read_log(file));
    trainer_.set_steps_done(steps);
  }
  void save_model(const std::string& path, const std::map<std::string, std::string>& metadata) override {
    eqnn::save_model(path, params_, metadata);
  }

 private:
  static eqnn::TrainerOptions options(const TrainConfig& c, Index fixed, int threads, eqnn::Ranks* ranks) {
    return {.batch = c.data.empty() ? c.batch : std::min(c.batch, fixed),
            .shard = c.shard,
            .threads = threads,
            .optimizer = optimizers()[c.optimizer].make(phase_config(c, phases_of(c)[0])),
            .schedule = tools::schedule(phase_config(c, phases_of(c)[0])),
            .clip_norm = c.clip_norm,
            .seed = c.data_seed,
            .strict = c.strict,
            .ranks = ranks};
  }

  void initialize() {
    params_.initialize(initializer(config_), config_.init_seed);
    if (config_.init_from.empty()) return;
    const eqnn::SafeTensors weights = read_weights(config_.init_from);
    require<eqnn::FileError>(weights_hash(weights) == config_.init_hash, weights.path,
                             ": its weights are no longer those of hash ", config_.init_hash,
                             " that this run begins with; put them back, or start another run");
    taken_ = take_weights(params_, weights.path);
  }

  const Phase& phase_of(std::uint64_t step) const {
    const std::vector<Phase>& phases = data_->labels().phases();
    return phases[phase_at(phases, step)];
  }
  void restart(const Phase& phase) {
    const TrainConfig c = phase_config(config_, phase);
    trainer_.restart(optimizers()[c.optimizer].make(c), tools::schedule(c));
  }

  // Of elements of a group that the network does not see training and tests would stand in the run's record, and
  // change nothing but roundings.
  void require_effects() {
    constexpr Index kExamples = 16;
    if (config_.augment == "none" && config_.test_average == "none") return;
    const Index examples = data_->test_examples() > 0 ? std::min(kExamples, data_->test_examples()) : kExamples;
    const std::vector<double> f = outcomes(examples, [&](Batch<T>& b) { data_->test(b, 0); }).first.f;
    const auto moves = [&](eqnn::Fill<T> fill) {
      const std::vector<double> moved = outcomes(examples, fill).first.f;
      double largest = 0, difference = 0;
      for (std::size_t i = 0; i < f.size(); ++i) {
        largest = std::max(largest, std::abs(f[i]));
        difference = std::max(difference, std::abs(f[i] - moved[i]));
      }
      return difference > 1e-4 * largest;
    };
    const auto unseen = [](const char* flag, const std::string& choice) {
      throw eqnn::ValueError(
          concat("--", flag, " is ", choice,
                 " and would have no effect: the outputs of this network do not change under it; "
                 "leave it out, or take a network that is not invariant, such as --model mlp"));
    };
    if (config_.augment != "none" && !moves([&](Batch<T>& b) { data_->test_augmented(b); }))
      unseen("augment", config_.augment);
    bool some = config_.test_average == "none";
    for (Index element = 1; !some && element < data_->test_elements(); ++element)
      some = moves([&](Batch<T>& b) { data_->test(b, element); });
    if (!some) unseen("test-average", config_.test_average);
  }

  Evaluation evaluate(Index examples, eqnn::Fill<T> fill) {
    const auto [o, loss] = outcomes(examples, fill);
    return summarize(o, loss);
  }

  std::pair<Outcomes, double> outcomes(Index examples, eqnn::Fill<T> fill) {
    Outcomes o{outputs_, std::vector<double>(examples * outputs_), std::vector<double>(examples)};
    double loss = trainer_.evaluate(examples, fill, [&](Batch<T>& b) {
      const auto prediction = b.output("prediction");
      for (Index i = 0; i < b.last - b.first; ++i) {
        const auto at = static_cast<std::size_t>(b.first + i);
        for (Index k = 0; k < outputs_; ++k)
          o.f[at * static_cast<std::size_t>(outputs_) + static_cast<std::size_t>(k)] =
              static_cast<double>(prediction(i, 0, k));
        o.y[at] = outputs_ > 1 ? static_cast<double>(b.indices("label")(i)) : static_cast<double>(b["y"](i));
      }
    });
    gather(o.f, examples, outputs_);
    gather(o.y, examples, 1);
    if (const Loss trained = losses()[config_.loss]; trained == Loss::abs || trained == Loss::huber)
      loss = mean_squared_error(o);
    return {std::move(o), loss};
  }

  // Each rank has evaluated examples of its own.
  void gather(std::vector<double>& values, Index examples, Index each) {
    eqnn::Ranks* const ranks = trainer_.options().ranks;
    if (ranks == nullptr) return;
    std::vector<Index> ends = trainer_.evaluated_ends(examples);
    for (Index& end : ends) end *= each * static_cast<Index>(sizeof(double));
    ranks->gather(std::as_writable_bytes(std::span(values)), ends);
  }

  const TrainConfig config_;
  const Index outputs_;
  const eqnn::hard::PlantedDirections planted_;
  std::unique_ptr<DataSource<T>> data_;
  eqnn::Params<T> params_;
  TakenWeights taken_;
  Recorder<T> network_;
  eqnn::Trainer<T> trainer_;
  const std::vector<T> initial_;  // drawn from the seed again on --resume
  std::optional<OracleGradient<T>> oracle_;
  double loss_ = 0;  // of the last step, without an oracle
};

template <class T>
std::unique_ptr<Training> typed_training(const TrainConfig& c, const Examples& examples, int threads,
                                         eqnn::Ranks* ranks) {
  NetworkInputs inputs =
      examples.member ? network_inputs(*examples.member) : network_inputs(*examples.data, c.shard);
  if (predicts_classes(c))
    inputs.outputs = examples.data ? static_cast<Index>(examples.data->class_names.size()) : 2;
  auto data = examples.member ? family_data<T>(c, *examples.member) : file_data<T>(c, *examples.data);
  eqnn::hard::PlantedDirections planted;
  if (examples.member) planted = examples.member->planted(reads_features(c, inputs));
  return std::make_unique<TypedTraining<T>>(c, inputs, std::move(data), std::move(planted), threads, ranks);
}

}  // namespace

std::unique_ptr<Training> make_training(const TrainConfig& c, const Examples& examples, int threads,
                                        eqnn::Ranks* ranks) {
  return dispatch(c.dtype, [&]<class T>() { return typed_training<T>(c, examples, threads, ranks); });
}

}  // namespace tools
