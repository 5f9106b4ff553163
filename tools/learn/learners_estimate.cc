// Learners that give a function, not a member: the table of orbits, low-degree estimates, the network's kernel.

#include <algorithm>
#include <cmath>

#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/learners/learners.h>

#include "learn/learner.h"
#include "train/choices.h"
#include "train/models.h"
#include "learn/polynomial_sample.h"
#include "train/data_source.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::Matrix;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

// --- table
// -----------------------------------------------------------------------------------------------------------

class Table final : public Learner {
 public:
  Table(const LearnConfig& c, const hard::BooleanOrbit& target)
      : target_(target), noise_(c.base.noise), control_(c.base.control), table_(target.law(), !c.base.control) {}
  void learn(const ExampleStream& examples) override {
    examples.training([this](Block<const double> x, std::span<const double> y) { table_.add(x, y); });
  }
  void predict(Block<const double> x, double* y) const override { table_.values(x, y); }
  // Without noise, a table of all orbits.
  bool exact() const override {
    const auto orbits = hard::exact_orbit_count(target_.law());
    return !control_ && noise_ == 0 && orbits && static_cast<std::uint64_t>(table_.seen()) == *orbits;
  }
  Json details() const override {
    return {{"orbits_seen", table_.seen()},
            {"orbits", hard::orbit_count(target_.law())},
            {"unseen_mass_estimate", table_.unseen_mass()}};
  }

 private:
  const hard::BooleanOrbit& target_;
  double noise_;
  bool control_;
  hard::OrbitTable table_;
};

// --- low-degree
// ------------------------------------------------------------------------------------------------------

// The independent variables of a family's input, of one law each: bits as 1 - 2x (of a graph without loops those
// off the diagonal), generators, or all entries.
class Variables {
 public:
  explicit Variables(const Member& member) : layout_(member.input()) {
    polynomial_ = dynamic_cast<const hard::InvariantPoly*>(&member);
    const auto* graph = dynamic_cast<const hard::DegreeParity*>(&member);
    skip_diagonal_ = graph != nullptr && !graph->self_loops();
    if (polynomial_ != nullptr)
      law_ = polynomial_->law();
    else if (!layout_.bits)
      law_ = hard::Law::gauss;
  }
  const std::optional<hard::Law>& law() const { return law_; }
  Index count() const {
    if (polynomial_ != nullptr) return polynomial_->inputs().r;
    return layout_.points * layout_.channels - (skip_diagonal_ ? layout_.points : 0);
  }
  Matrix<double> operator()(const Block<const double>& x) const {
    if (polynomial_ != nullptr) return generators(*polynomial_, x);
    Matrix<double> z(x.examples, count());
    for (Index e = 0; e < x.examples; ++e)
      for (Index p = 0, i = 0; p < x.points; ++p)
        for (Index c = 0; c < x.channels; ++c) {
          if (skip_diagonal_ && p == c) continue;
          z(e, i++) = law_ ? x(e, p, c) : 1 - 2 * x(e, p, c);
        }
    return z;
  }

 private:
  const hard::InputLayout layout_;
  const hard::InvariantPoly* polynomial_ = nullptr;
  std::optional<hard::Law> law_;
  bool skip_diagonal_ = false;
};

// Products times examples that are looked at, a minute of work.
constexpr double kMostWork = 6e10;

class LowDegree final : public Learner {
 public:
  LowDegree(const LearnConfig& c, const Member& member)
      : variables_(member),
        degree_(c.max_degree),
        examples_(2.0 * static_cast<double>(c.base.samples) + static_cast<double>(c.base.test_samples)) {
    if (degree_ == 0) degree_ = affordable(static_cast<double>(c.base.samples));
  }
  void learn(const ExampleStream& examples) override {
    const double products = hard::product_count(!variables_.law(), variables_.count(), degree_);
    require(products * examples_ <= kMostWork, "--max-degree ", degree_, " has ",
            static_cast<std::int64_t>(std::min(products, 9e18)), " products of ", variables_.count(),
            " variables; with this many samples at most ", static_cast<std::int64_t>(kMostWork / examples_),
            " are allowed: take a smaller degree or fewer samples");
    learner_.emplace(variables_.law(), variables_.count(), degree_);
    examples.training(
        [this](Block<const double> x, std::span<const double> y) { learner_->add(variables_(x).view(), y); });
  }
  void predict(Block<const double> x, double* y) const override { learner_->values(variables_(x).view(), y); }
  std::optional<Index> queries() const override { return learner_->basis().size(); }
  Json details() const override {
    return {{"max_degree", degree_},
            {"variables", variables_.count()},
            {"products", learner_->basis().size()},
            {"mass", learner_->mass()},
            {"mass_of_estimation", learner_->estimation_mass()}};
  }

 private:
  // The largest degree whose estimation errors come to a twentieth of the target's variance, 1 at least.
  Index affordable(double samples) const {
    Index degree = 1;
    while (degree < 12 && 20 * hard::product_count(!variables_.law(), variables_.count(), degree + 1) <= samples)
      ++degree;
    return degree;
  }

  Variables variables_;
  Index degree_;
  double examples_;
  std::optional<hard::LowDegreeLearner> learner_;
};

// --- kernel
// ----------------------------------------------------------------------------------------------------------

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
      for (Index k = 0; k < features(); ++k) y[e] += phi[k] * result_.weights[static_cast<std::size_t>(k)];
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

std::unique_ptr<Learner> make_table(const LearnConfig& c, const Member& member) {
  return std::make_unique<Table>(c, dynamic_cast<const hard::BooleanOrbit&>(member));
}

std::unique_ptr<Learner> make_low_degree(const LearnConfig& c, const Member& member) {
  return std::make_unique<LowDegree>(c, member);
}

std::unique_ptr<Learner> make_kernel(const LearnConfig& c, const Member& member) {
  return std::make_unique<Kernel>(c, member);
}

}  // namespace tools
