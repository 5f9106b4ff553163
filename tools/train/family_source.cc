#include "train/data_source.h"

#include <algorithm>
#include <cmath>

#include "train/choices.h"
#include "train/elements.h"

namespace tools {
namespace {

using eqnn::Batch;
using eqnn::Block;
using eqnn::Counter;
using eqnn::Stream;

// An oracle averages over every input where there are no more than these.
constexpr Index kMostInputs = 65536;

template <class T>
Block<const T> read_only(const Block<T>& x) {
  return {x.data, x.examples, x.points, x.channels, x.stride};
}

template <class T>
Block<T> some_examples(const Block<T>& x, Index first, Index count) {
  return {x.row(first), count, x.points, x.channels, x.stride};
}

// Inputs and training targets of a family.
template <class T>
class FamilyData final : public DataSource<T> {
 public:
  FamilyData(const TrainConfig& c, const eqnn::hard::Member& member)
      : config_(c),
        member_(member),
        inputs_(network_inputs(member)),
        classes_(predicts_classes(c)),
        fixed_(c.samples - (c.patience > 0 ? c.samples / 10 : 0)),
        shuffle_(c.data_seed, std::max<Index>(fixed_, 1)),
        transformed_(c, [this] { return first_labels(); }),
        augment_("augment", c.augment, member.input(), member.action(), c.data_seed),
        average_("test-average", c.test_average, member.input(), member.action(), c.data_seed),
        elements_(average_.count()) {
    const Index inputs = member.input_count();
    require(c.oracle_samples != 0 || (inputs > 0 && inputs <= kMostInputs),
            "--oracle-samples is 0, all inputs, of which there are ",
            inputs > 0 ? concat(inputs) : "infinitely or too many", "; at most ", kMostInputs,
            " are averaged over: give a number of samples");
    require(!classes_ || (member.two_valued() && !c.control),
            "--loss cross-entropy needs a target of two values; this one is real: take mse");
  }

  Index fixed_examples() const override { return fixed_; }
  Index test_examples() const override { return 0; }
  Index validation_examples() const override { return config_.samples - fixed_; }

  void train(Batch<T>& b) const override {
    if (config_.samples == 0) {
      fill(b, 0, b.last - b.first, fresh(b.step, b.first), true, moved_randomly(b));
    } else {
      fill_from_set(b);
    }
    if (!classes_) transform_labels(transformed_, b);
  }
  const PhaseLabels& labels() const override { return transformed_; }
  Index oracle_inputs() const override {
    return config_.oracle_samples != 0 ? config_.oracle_samples : member_.input_count();
  }
  void oracle(Batch<T>& b) const override {
    const Index inputs = oracle_inputs();
    const bool batch = b.first >= inputs;
    fill(b, 0, b.last - b.first,
         {config_.data_seed, batch ? Stream::train : Stream::oracle, b.step,
          static_cast<std::uint64_t>(b.first - (batch ? inputs : 0))},
         true);
  }
  void test(Batch<T>& b, Index element) const override {
    fill(b, 0, b.last - b.first, {config_.data_seed, Stream::test, 0, static_cast<std::uint64_t>(b.first)}, false,
         [this, element](Index, const Block<T>& x) { average_.move(element, x); });
  }
  Index test_elements() const override { return elements_; }
  void test_augmented(Batch<T>& b) const override {
    fill(b, 0, b.last - b.first, {config_.data_seed, Stream::test, 0, static_cast<std::uint64_t>(b.first)}, false,
         moved_randomly(b));
  }
  void training_set(Batch<T>& b) const override { fixed_part(b, 0); }
  void validation(Batch<T>& b) const override { fixed_part(b, fixed_); }

 private:
  // A batch of the fixed set, in the order of its epoch.
  void fill_from_set(Batch<T>& b) const {
    const auto size = static_cast<std::uint64_t>(fixed_);
    for (Index i = 0; i < b.last - b.first; ++i) {
      const auto position =
          b.step * static_cast<std::uint64_t>(config_.batch) + static_cast<std::uint64_t>(b.first + i);
      const Index which = shuffle_(position / size, static_cast<Index>(position % size));
      fill(b, i, 1, {config_.data_seed, Stream::train, 0, static_cast<std::uint64_t>(which)}, true,
           moved_randomly(b));
    }
  }

  void fixed_part(Batch<T>& b, Index offset) const {
    fill(b, 0, b.last - b.first,
         {config_.data_seed, Stream::train, 0, static_cast<std::uint64_t>(offset + b.first)}, true);
  }

  // Of an example of a step's batch, where all are fresh.
  Counter fresh(std::uint64_t step, Index example) const {
    return {config_.data_seed, Stream::train, step / static_cast<std::uint64_t>(config_.reuse),
            static_cast<std::uint64_t>(example)};
  }

  // Of the fixed set, or of the first fresh batches.
  std::vector<double> first_labels() const {
    const eqnn::hard::InputLayout& layout = member_.input();
    eqnn::AlignedBuffer<T> memory(eqnn::padded<T>(layout.channels) * layout.points);
    const Block<T> x{memory.data(), 1, layout.points, layout.channels, eqnn::padded<T>(layout.channels)};
    std::vector<double> labels;
    const Index count = fixed_ > 0 ? std::min(fixed_, kLabelSample) : kLabelSample;
    for (Index i = 0; i < count; ++i) {
      const auto steps = static_cast<std::uint64_t>(i / config_.batch * config_.reuse);
      const Counter at = fixed_ > 0 ? Counter{config_.data_seed, Stream::train, 0, static_cast<std::uint64_t>(i)}
                                    : fresh(steps, i % config_.batch);
      T target = 0;
      member_.sample(at, x);
      config_.control ? member_.controls(read_only(x), &target) : member_.targets(read_only(x), &target);
      labels.push_back(static_cast<double>(disturbed(target, at)));
    }
    return labels;
  }

  // Of a batch of training, whose labels are those of the examples as they were drawn.
  auto moved_randomly(const Batch<T>& b) const {
    return [this, step = b.step, of = b.first](Index first, const Block<T>& x) {
      augment_.move_randomly(step, of + first, x);
    };
  }

  // Examples [first, first + count) of the batch, from the counter on; move(first, x), if given, moves those that
  // have their labels.
  void fill(Batch<T>& b, Index first, Index count, Counter at, bool training,
            eqnn::FunctionRef<void(Index first, const Block<T>& x)> move = {}) const {
    constexpr Index group = 64;  // targets come densely packed: a few at a time, on the stack
    T targets[group];
    for (const Index end = first + count; first < end;) {
      const Index part = std::min(group, end - first);
      const Block<T> x = some_examples(b[member_.input().name], first, part);
      if (at.stream == Stream::oracle && config_.oracle_samples == 0)
        member_.list_inputs(static_cast<Index>(at.example), x);
      else
        member_.sample(at, x);
      config_.control ? member_.controls(read_only(x), targets) : member_.targets(read_only(x), targets);
      if (move) move(first, x);
      const auto input = [&](const std::string& name) { return b[name]; };
      fill_derived<T>(config_, member_, inputs_, input, first, part);
      for (Index i = 0; i < part; ++i, ++at.example, ++first) {
        const T y = training ? disturbed(targets[i], at) : targets[i];
        if (classes_)
          b.indices("label")(first) = y > 0 ? 0 : 1;
        else
          b["y"](first) = y;
      }
    }
  }

  T disturbed(T target, const Counter& at) const {
    if (config_.null_target) return 0;
    if (config_.noise == 0) return target;
    eqnn::Draws draws({at.seed, Stream::noise, at.step, at.example});
    if (member_.two_valued() && !config_.control) return draws.uniform() < config_.noise ? -target : target;
    return target + static_cast<T>(config_.noise * draws.normal());
  }

  const TrainConfig& config_;
  const eqnn::hard::Member& member_;
  NetworkInputs inputs_;
  bool classes_;
  Index fixed_;
  eqnn::Shuffle shuffle_;
  PhaseLabels transformed_;
  InputElements augment_, average_;
  Index elements_;
};

}  // namespace

template <class T>
void fill_derived(const TrainConfig& c, const eqnn::hard::Member& member, const NetworkInputs& inputs,
                  eqnn::FunctionRef<Block<T>(const std::string&)> input, Index first, Index count) {
  if (reads_features(c, inputs))
    member.features(read_only(some_examples(input(inputs.input.name), first, count)),
                    some_examples(input(inputs.features->name), first, count));
  if (!reads_graph(c, inputs)) return;
  // A' is A, or its rows over d (mean) or sqrt(d) (sqrt), d the row's sum.
  const auto& a = *member.graph();
  using eqnn::Adjacency;
  const Adjacency form = adjacency_forms()[c.adjacency];
  const Block<T> out = input("graph");
  for (Index i = 0; i < a.rows(); ++i) {
    double degree = 0;
    for (Index j = 0; j < a.cols(); ++j) degree += a(i, j);
    degree = std::max(degree, 1.0);
    const double factor = form == Adjacency::mean   ? 1 / degree
                          : form == Adjacency::sqrt ? 1 / std::sqrt(degree)
                                                    : 1;
    for (Index e = first; e < first + count; ++e)
      for (Index j = 0; j < a.cols(); ++j) out(e, i, j) = static_cast<T>(a(i, j) * factor);
  }
}

template <class T>
std::unique_ptr<DataSource<T>> family_data(const TrainConfig& c, const eqnn::hard::Member& member) {
  return std::make_unique<FamilyData<T>>(c, member);
}

template void fill_derived(const TrainConfig&, const eqnn::hard::Member&, const NetworkInputs&,
                           eqnn::FunctionRef<Block<float>(const std::string&)>, Index, Index);
template void fill_derived(const TrainConfig&, const eqnn::hard::Member&, const NetworkInputs&,
                           eqnn::FunctionRef<Block<double>(const std::string&)>, Index, Index);
template std::unique_ptr<DataSource<float>> family_data(const TrainConfig&, const eqnn::hard::Member&);
template std::unique_ptr<DataSource<double>> family_data(const TrainConfig&, const eqnn::hard::Member&);

}  // namespace tools
