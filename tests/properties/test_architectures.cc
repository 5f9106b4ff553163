// Random architectures of the library's layers: their gradients, their symmetry, the same bits for any number of
// threads, and float beside double.
#include <doctest/doctest.h>
#include <eqnn/core/trainer.h>
#include <eqnn/nn/loss.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "properties/architecture.h"
#include "properties/property.h"
#include "support/gradcheck.h"
#include "support/threads.h"

namespace test_architectures {

using namespace eqnn;
using testing::any_architecture;
using testing::Architecture;
using testing::between;
using testing::check_property;
using testing::Dense;
using testing::Inputs;
using testing::Network;

namespace {

// Weights of He et al., and biases and gains that are not their first values.
template <class T>
void draw(Params<T>& params, std::uint64_t seed) {
  params.initialize(kaiming_uniform.scaled(0.7), seed);
  Draws d({seed, Stream::user, 12, 0});
  for (const ParamInfo& info : params.list())
    for (Index j = 0; info.is_bias && j < info.slice.cols; ++j)
      params.view(info.slice)(0, j) += static_cast<T>(0.6 * d.uniform() - 0.3);
}

template <class T>
void fill(Workspace<T>& w, const Inputs& inputs) {
  inputs.fill(
      0, inputs.examples(), [&](const char* name) { return w.input(name); },
      [&](const SparseGraph& graph) { w.bind_graph("graph", graph); });
}

// The value of each example.
template <class T>
std::vector<Dense> evaluate(const Params<T>& params, const Network<T>& network, const Inputs& inputs) {
  Program<T> program(inputs.examples(), Mode::evaluate);
  program.output("y", network(program, inputs));
  program.finish();
  Workspace<T> w(program);
  w.bind({inputs.examples()});
  fill(w, inputs);
  program.forward(w, params.values().data());
  const Block<const T> y = w.output("y");
  std::vector<Dense> values;
  Index row = 0;
  for (const Dense& x : inputs.x) {
    Dense value(network.at_nodes() ? x.rows : y.points, y.channels);
    for (Index i = 0; i < value.rows; ++i, ++row)
      for (Index j = 0; j < value.cols; ++j) value(i, j) = static_cast<double>(y.row(0, row)[j]);
    values.push_back(std::move(value));
  }
  return values;
}

// max |a - b|, infinite for NaN, and max |a|, over all examples.
double difference(const std::vector<Dense>& a, const std::vector<Dense>& b) {
  double error = 0;
  for (std::size_t e = 0; e < a.size(); ++e)
    for (std::size_t i = 0; i < a[e].data.size(); ++i)
      error = reference::worse(error, std::abs(a[e].data[i] - b[e].data[i]));
  return error;
}
double largest(const std::vector<Dense>& a) {
  double size = 0;
  for (const Dense& v : a)
    for (const double x : v.data) size = std::max(size, std::abs(x));
  return size;
}

// d/dt loss(p + t v) at 0 by differences of fourth order, v random on one slice of the parameters, less <gradient,
// v>: relative to the sum of |gradient_i v_i|, to the loss and to 1.
class Slope {
 public:
  Slope(Params<double>& params, const Network<double>& network, const Inputs& inputs)
      : params_(params), program_(inputs.examples(), Mode::train), gradient_(params.size()) {
    program_.finish(testing::weighted_sum(network(program_, inputs, true), 5));
    workspace_.emplace(program_);
    workspace_->bind({inputs.examples(), 0, 0, 7});
    fill(*workspace_, inputs);
    std::fill(workspace_->weights().begin(), workspace_->weights().end(), 1.0);
    size_ = 1 + std::abs(loss());
    program_.backward(*workspace_, gradient_.data(), true);
  }

  // Of three directions the error in the middle, each at the best of four steps: a direction may run into a kink
  // (of relu or max) close by, and a gradient that is wrong is so in all directions and at all steps.
  double error(const Param& slice, std::uint64_t seed) {
    std::array<double, 3> errors{};
    for (std::size_t k = 0; k < errors.size(); ++k) errors[k] = error_along(slice, seed + k);
    std::sort(errors.begin(), errors.end());
    return errors[1];
  }
  double gradient_size(const Param& slice) const {
    double size = 0;
    for (Index i = 0; i < slice.rows * slice.stride; ++i)
      size = std::max(size, std::abs(gradient_[slice.offset + i]));
    return size;
  }

 private:
  double loss() {
    program_.forward(*workspace_, params_.values().data());
    double sum = 0;
    for (Index i = 0; i < program_.capacity(); ++i) sum += workspace_->losses()(i, 0);
    return sum;
  }
  double error_along(const Param& slice, std::uint64_t seed) {
    const MatrixView<double> p = params_.view(slice);
    const Index count = slice.rows * slice.cols;
    std::vector<double> start, direction;
    Draws d({seed, Stream::user, 13, 0});
    double slope = 0, size = size_;
    for (Index i = 0; i < count; ++i) {
      const Index r = i / slice.cols, c = i % slice.cols;
      start.push_back(p(r, c));
      direction.push_back(2 * d.uniform() - 1);
      const double term = gradient_[slice.offset + r * slice.stride + c] * direction.back();
      slope += term;
      size += std::abs(term);
    }
    const auto at = [&](double t) {
      for (Index i = 0; i < count; ++i) p(i / slice.cols, i % slice.cols) = start[i] + t * direction[i];
      return loss();
    };
    double best = std::numeric_limits<double>::infinity();
    for (const double h : {1e-4, 1e-5, 1e-6, 1e-7}) {
      const double found = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      best = std::min(best, std::abs(found - slope) / size);
      if (best < 1e-9) break;
    }
    at(0);
    return best;
  }

  Params<double>& params_;
  Program<double> program_;
  std::optional<Workspace<double>> workspace_;
  AlignedBuffer<double> gradient_;
  double size_ = 1;
};

// The parameters of `from`, each times 1 + size u, u uniform in [-1, 1].
void set_like(Params<double>& to, const Params<float>& from, double size, std::uint64_t seed) {
  Draws d({seed, Stream::user, 15, 0});
  for (std::size_t i = 0; i < from.list().size(); ++i) {
    const MatrixView<const float> values = from.view(from.list()[i].slice);
    const MatrixView<double> copies = to.view(to.list()[i].slice);
    for (Index r = 0; r < values.rows; ++r)
      for (Index c = 0; c < values.cols; ++c) copies(r, c) = values(r, c) * (1 + size * (2 * d.uniform() - 1));
  }
}

// What two steps leave in the parameters, and the losses.
std::vector<float> trained(const Architecture& a, const Inputs& inputs, const TrainerOptions& options) {
  Params<float> params;
  const Network<float> network(params, a);
  draw(params, a.seed);
  Trainer<float> trainer(params, options, [&](Program<float>& g) {
    const Tensor<float> y = network(g, inputs, true);
    return squared_error(y, constant(g, y.shape(), 0.25));
  });
  std::vector<float> left;
  for (int step = 0; step < 2; ++step)
    left.push_back(static_cast<float>(trainer.step([&](Batch<float>& b) {
      inputs.fill(
          b.first, b.last, [&](const char* name) { return b[name]; },
          [&](const SparseGraph& graph) { b.bind_graph("graph", graph); });
    })));
  left.insert(left.end(), params.values().begin(), params.values().end());
  left.insert(left.end(), trainer.last_gradient().begin(), trainer.last_gradient().end());
  return left;
}

}  // namespace

TEST_CASE("properties of architectures: gradients are those of central differences") {
  double largest_gradient = 0;
  const bool all = check_property("gradients", 1000, [&] {
    const Architecture a = *any_architecture();
    const Inputs inputs(a, 3, 3);
    Params<double> params;
    const Network<double> network(params, a);
    draw(params, a.seed);
    Slope slope(params, network, inputs);
    for (const ParamInfo& info : params.list()) {
      const double error = slope.error(info.slice, a.seed);
      if (!(error <= 1e-7)) RC_FAIL(concat(info.name, ": relative error ", error));
      largest_gradient = std::max(largest_gradient, slope.gradient_size(info.slice));
    }
  });
  if (all) CHECK(largest_gradient > 0.1);  // a check of zeros checks nothing
}

TEST_CASE("properties of architectures: symmetric under random elements of their group") {
  check_property("symmetry", 2000, [] {
    const Architecture a = *any_architecture();
    const Inputs inputs(a, 3, 3);
    Params<double> params;
    const Network<double> network(params, a);
    draw(params, a.seed);
    std::vector<Permutation> p;
    for (std::size_t e = 0; e < inputs.x.size(); ++e) {
      const Index n = inputs.x[e].rows;
      p.push_back(n == a.points() ? a.group().random({a.seed, Stream::user, 14, e})
                  : n == 0        ? Permutation()
                                  : PermutationGroup::symmetric(n).random({a.seed, Stream::user, 14, e}));
    }
    std::vector<Dense> expected = evaluate(params, network, inputs);
    for (std::size_t e = 0; e < expected.size(); ++e) {
      const Dense plain = expected[e];
      if (plain.rows != inputs.x[e].rows || a.head != testing::Head::none) continue;
      for (Index i = 0; i < plain.rows; ++i)
        for (Index c = 0; c < plain.cols; ++c) expected[e](p[e](i), c) = plain(i, c);
    }
    const double error = difference(evaluate(params, network, inputs.moved(p)), expected);
    if (!(error <= 1e-10 * std::max(1.0, largest(expected)))) RC_FAIL(concat("off by ", error));
  });
}

TEST_CASE("properties of architectures: the same bits for one, two and three threads") {
  const testing::EightThreads threads;
  check_property("threads", 500, [] {
    const Architecture a = *any_architecture();
    TrainerOptions options;
    options.batch = *between<Index>(1, 12);
    options.shard = *between<Index>(1, 4);
    options.clip_norm = *rc::gen::element(0.0, 0.1);
    options.seed = a.seed;
    if (*between(0, 1) == 1) options.optimizer = Sgd{.rate = 0.01};
    const Inputs inputs(a, options.batch, options.shard);
    options.threads = 1;
    const std::vector<float> one = trained(a, inputs, options);
    for (options.threads = 2; options.threads <= 3; ++options.threads) {
      const std::vector<float> more = trained(a, inputs, options);
      if (std::memcmp(one.data(), more.data(), one.size() * sizeof(float)) != 0 || one.size() != more.size())
        RC_FAIL(concat("other bits with ", options.threads, " threads"));
    }
  });
}

// Float is as good as double in which parameters and layers' values each are off by 2^-22, four roundings of float,
// at random: 16 times the largest change by three such draws is allowed.
TEST_CASE("properties of architectures: float gives what double does, up to its rounding") {
  double worst = 0;
  const bool all = check_property("float and double", 1000, [&] {
    const Architecture a = *any_architecture();
    const Inputs inputs(a, 3, 3);
    Params<float> single;
    const Network<float> in_float(single, a);
    draw(single, a.seed);
    Params<double> params;
    Network<double> in_double(params, a);
    set_like(params, single, 0, 0);
    const std::vector<Dense> expected = evaluate(params, in_double, inputs);
    double allowed = 1e-6 * std::max(1.0, largest(expected));
    for (std::uint64_t k = 0; k < 3; ++k) {
      in_double.set_jitter(0x1p-22, k);
      set_like(params, single, 0x1p-22, k);
      allowed = std::max(allowed, 16 * difference(evaluate(params, in_double, inputs), expected));
    }
    const double error = difference(evaluate(single, in_float, inputs), expected);
    worst = std::max(worst, error / allowed);
    if (!(error <= allowed)) RC_FAIL(concat("off by ", error, "; allowed are ", allowed));
  });
  if (all) CHECK(worst > 1e-3);  // the tolerance means something
}

}  // namespace test_architectures
