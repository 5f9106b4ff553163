// Ridge regression with the kernel of a network at initialisation: its tangent kernel, or its last hidden values.

#include <eqnn/hard/learners/kernel_ridge.h>

#include <algorithm>

#include "learn/learner.h"
#include "train/choices.h"
#include "train/data_source.h"
#include "train/models.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::Matrix;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

constexpr double kMostFeatures = 1.5e8;  // numbers held: samples times features

class Kernel final : public Learner {
 public:
  Kernel(const LearnConfig& c, const Member& member)
      : config_(c.base),
        member_(member),
        inputs_(network_inputs(member)),
        network_(make_network<double>(params_, config_, inputs_)),
        tangent_(c.kernel == "tangent") {
    if (c.lambda != "auto") lambda_ = parse_number("lambda", c.lambda);
    params_.initialize(initializer(config_), config_.init_seed);
    program_.finish(network_(program_));
    workspace_ = std::make_unique<eqnn::Workspace<double>>(program_);
    workspace_->weights()[0] = 1;
    gradient_ = eqnn::AlignedBuffer<double>(params_.size());
    // The last linear layer's weight and bias come last: its gradient is its input, the last hidden values, and 1.
    const auto& list = params_.list();
    const std::size_t from = tangent_ ? 0 : list.size() - (list.back().is_bias ? 2 : 1);
    first_ = list[from].slice.offset;
    for (std::size_t i = from; i < list.size(); ++i) count_ += list[i].slice.rows * list[i].slice.cols;
  }
  void learn(const ExampleStream& examples) override {
    const Index m = examples.samples();
    require(m >= 5 && m <= hard::kMaxKernelSamples, "--samples is ", m, "; the kernel learner takes 5 to ",
            hard::kMaxKernelSamples, ", the rows of its matrix");
    require(static_cast<double>(m) * static_cast<double>(features()) <= kMostFeatures, "--samples is ", m, " with ",
            features(), " features; at most ", static_cast<Index>(kMostFeatures / static_cast<double>(features())),
            " samples of these are held: take fewer, a smaller --width, or --kernel features");
    Matrix<double> phi(m, features());
    std::vector<double> y;
    examples.training([&](Block<const double> x, std::span<const double> targets) {
      for (Index e = 0; e < x.examples; ++e)
        std::copy_n(feature(x, e), features(), phi.view().row(static_cast<Index>(y.size()) + e));
      y.insert(y.end(), targets.begin(), targets.end());
    });
    result_ = hard::kernel_ridge(phi.view(), y, lambda_);
  }
  void predict(Block<const double> x, double* y) const override {
    for (Index e = 0; e < x.examples; ++e) {
      const double* phi = feature(x, e);
      y[e] = 0;
      for (Index k = 0; k < features(); ++k) y[e] += phi[k] * result_.weights[k];
    }
  }
  Json details() const override {
    Json j = {{"kernel", tangent_ ? "tangent" : "features"}, {"features", count_}, {"lambda", result_.lambda}};
    if (!lambda_) j["validation_loss"] = result_.validation_loss;
    return j;
  }

 private:
  Index features() const { return params_.size() - first_; }
  // d output / d parameters (from first_ on) at one example; padding is 0.
  const double* feature(const Block<const double>& x, Index e) const {
    workspace_->bind({1, 0, 0, config_.data_seed});
    const Block<double> input = workspace_->input(inputs_.input.name);
    for (Index p = 0; p < x.points; ++p) std::copy_n(x.row(e, p), x.channels, input.row(0, p));
    fill_derived<double>(
        config_, member_, inputs_, [&](const std::string& name) { return workspace_->input(name); }, 0, 1);
    program_.forward(*workspace_, params_.values().data());
    program_.backward(*workspace_, gradient_.data(), true);
    return gradient_.data() + first_;
  }

  const TrainConfig config_;
  const Member& member_;
  const NetworkInputs inputs_;
  mutable eqnn::Params<double> params_;
  const Recorder<double> network_;
  const bool tangent_;
  std::optional<double> lambda_;
  eqnn::Program<double> program_{1, eqnn::Mode::train};
  std::unique_ptr<eqnn::Workspace<double>> workspace_;
  mutable eqnn::AlignedBuffer<double> gradient_;
  Index first_ = 0, count_ = 0;  // the first parameter's offset; how many there are, padding left out
  hard::RidgeResult result_;
};

}  // namespace

LearnerKind kernel_learner() {
  LearnerKind kind;
  kind.name = "kernel";
  kind.flags = {"lambda", "kernel"};
  kind.has_network = true;
  kind.default_samples = [](const LearnConfig&, const Member&) { return Index{1000}; };
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    return std::make_unique<Kernel>(c, member);
  };
  return kind;
}

}  // namespace tools
