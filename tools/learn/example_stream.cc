#include "learn/example_stream.h"

#include <algorithm>

#include "train/data_source.h"

namespace tools {
namespace {

using eqnn::Block;

// Examples that are handed on at a time.
constexpr Index kExamples = 256;

}  // namespace

struct ExampleStream::State {
  TrainConfig config;
  const eqnn::hard::InputLayout layout;
  eqnn::Program<double> program{kExamples, eqnn::Mode::evaluate};
  std::unique_ptr<DataSource<double>> data;

  State(const TrainConfig& c, const eqnn::hard::Member& member) : config(c), layout(member.input()) {
    config.model = "mlp";  // which reads the inputs alone
    config.loss = "mse";
    data = family_data<double>(config, member);
    program.input(layout.name, {.points = layout.points, .channels = layout.channels});
    program.input("y", {});
    program.finish();
  }

  template <class Fill>
  void go_through(Index examples, Visit visit, const Fill& fill) const {
    eqnn::Workspace<double> workspace(program);
    std::vector<double> y(kExamples);
    for (Index first = 0; first < examples; first += kExamples) {
      workspace.bind({std::min(kExamples, examples - first), first, 0, config.data_seed});
      eqnn::Batch<double> batch(workspace);
      fill(batch);
      const Block<double> x = batch[layout.name], targets = batch["y"];
      for (Index e = 0; e < x.examples; ++e) y[e] = targets(e);
      visit({x.data, x.examples, x.points, x.channels, x.stride}, {y.data(), static_cast<std::size_t>(x.examples)});
    }
  }
};

ExampleStream::ExampleStream(const TrainConfig& c, const eqnn::hard::Member& member)
    : state_(std::make_unique<State>(c, member)) {}
ExampleStream::~ExampleStream() = default;

Index ExampleStream::samples() const { return state_->config.samples; }

void ExampleStream::training(Visit visit) const {
  state_->go_through(samples(), visit, [&](eqnn::Batch<double>& b) { state_->data->training_set(b); });
}
void ExampleStream::test(Visit visit) const {
  state_->go_through(state_->config.test_samples, visit, [&](eqnn::Batch<double>& b) { state_->data->test(b, 0); });
}

}  // namespace tools
