// A small network with all that training it takes, for tests of what steers a training.
#pragma once

#include <eqnn/core/trainer.h>
#include <eqnn/nn/convolution.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/dropout.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/loss.h>
#include <eqnn/nn/points.h>

#include <string>
#include <vector>

namespace eqnn::testing {

inline constexpr Index kRing = 8;

// conv, head and, read by nothing, spare. The filters of the spectral convolution are derived values.
template <class T>
struct Net {
  explicit Net(Params<T>& p, Index width = 6, double drop = 0)
      : conv(p, "conv", 1, width, Torus::cycle(kRing), ConvolutionMethod::spectral),
        head(p, "head", {width, 5, 1}),
        spare(p.vector("spare", 3, 1.5)),
        rate(drop) {}
  Tensor<T> operator()(Program<T>& g) const {
    auto x = relu(conv(g.input("x", {.points = kRing})));
    if (rate > 0) x = dropout(x, rate);
    return squared_error(head(mean_points(x)), g.input("y", {}));
  }
  CyclicConvolution<T> conv;
  Mlp<T> head;
  Param spare;
  double rate;
};

template <class T>
void draw(Batch<T>& b) {
  for (Index e = b.first; e < b.last; ++e) {
    Draws d({9, Stream::train, b.step, static_cast<std::uint64_t>(e)});
    for (Index i = 0; i < kRing; ++i) b["x"](e - b.first, i) = static_cast<T>(d.normal());
    b["y"](e - b.first) = static_cast<T>(d.normal());
  }
}

template <class T>
struct Run {
  explicit Run(const TrainerOptions& o, Index width = 6, double drop = 0)
      : net(params, width, drop), trainer(started(), o, [n = net](Program<T>& g) { return n(g); }) {}
  Params<T>& started() {
    params.initialize(kaiming_normal, 4);
    return params;
  }
  double steps(int count) {
    double loss = 0;
    for (int i = 0; i < count; ++i) loss = trainer.step(draw<T>);
    return loss;
  }
  std::vector<T> values() const { return {params.values().begin(), params.values().end()}; }
  // Parameters and moments.
  std::vector<T> state() {
    std::vector<T> all = values();
    for (const auto& m : trainer.moments()) all.insert(all.end(), m.values.begin(), m.values.end());
    return all;
  }
  std::vector<T> of(const std::string& name) const {
    const MatrixView<const T> v = params.view(params.find(name).slice);
    return {v.data, v.data + v.size()};
  }
  Params<T> params;
  Net<T> net;
  Trainer<T> trainer;
};

inline const std::vector<std::string> kNames = {"conv.weight",   "conv.bias",   "head.0.weight", "head.0.bias",
                                                "head.1.weight", "head.1.bias", "spare"};

inline const Optimizer kOptimizers[] = {Sgd{.rate = 0.03, .weight_decay = 0.1},
                                        Sgd{.rate = 0.03, .momentum = 0.9, .weight_decay = 0.1},
                                        Sgd{.rate = 0.03, .momentum = 0.9, .nesterov = true},
                                        Adam{.rate = 0.01, .weight_decay = 0.1},
                                        AdamW{.rate = 0.01, .weight_decay = 0.5},
                                        SignSgd{.rate = 0.01, .weight_decay = 0.1}};

}  // namespace eqnn::testing
