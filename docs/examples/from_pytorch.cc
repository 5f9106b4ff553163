// from_pytorch.py in this library; docs/coming-from-pytorch.md has both.
#include <eqnn/eqnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>
#include <vector>

using namespace eqnn;

constexpr Index kExamples = 1200, kTrain = 1000, kPoints = 8, kBatch = 50, kEpochs = 60;

struct Network {
  explicit Network(Params<float>& p) : point(p, "point", {2, 64, 64}), head(p, "head", {64, 64, 3}) {}
  Tensor<float> operator()(Tensor<float> x) const { return head(dropout(mean_points(relu(point(x))), 0.1)); }
  Mlp<float> point, head;
};

int main() {
  // Sets of 8 points, and which third their mean square is in.
  std::vector<float> x(kExamples * kPoints * 2);
  std::vector<int> y(kExamples);
  for (Index e = 0; e < kExamples; ++e) {
    double square = 0;
    for (Index k = 16 * e; k < 16 * e + 16; ++k) {
      x[k] = static_cast<float>(std::sin(static_cast<double>(k * k % 7919)));
      square += x[k] * x[k] / 16;
    }
    y[e] = (square > 0.45) + (square > 0.55);
  }

  Params<float> params;
  const Network network(params);
  params.initialize(kaiming_uniform, 0);
  Trainer<float> trainer(params,
                         {.batch = kBatch,
                          .optimizer = AdamW{.rate = 1e-2, .weight_decay = 1e-2},
                          .schedule = {.kind = Schedule::Kind::cosine, .steps = kEpochs * kTrain / kBatch},
                          .clip_norm = 1},
                         [&](Program<float>& g) {
                           const auto logits = network(g.input("x", {.points = kPoints, .channels = 2}));
                           g.output("logits", logits);
                           return cross_entropy(logits, g.index_input("label", {}, 3));
                         });

  // Example i of a batch or of a test is example which(i) of the data.
  const auto filled = [&](Batch<float>& batch, auto which) {
    for (Index i = batch.first; i < batch.last; ++i) {
      const Index e = which(i);
      for (Index k = 0; k < 16; ++k) batch["x"](i - batch.first, k / 2, k % 2) = x[16 * e + k];
      batch.indices("label")(i - batch.first) = y[e];
    }
  };
  std::vector<Index> order(kTrain);
  std::iota(order.begin(), order.end(), Index{0});
  double loss = 0;
  for (Index epoch = 0; epoch < kEpochs; ++epoch) {
    Draws draws({.seed = 0, .stream = Stream::user, .step = static_cast<std::uint64_t>(epoch)});
    for (Index i = kTrain - 1; i > 0; --i)
      std::swap(order[i], order[draws.below(static_cast<std::uint32_t>(i + 1))]);
    for (Index first = 0; first < kTrain; first += kBatch)
      loss = trainer.step([&](Batch<float>& b) { filled(b, [&](Index i) { return order[first + i]; }); });
  }

  std::vector<char> right(kExamples - kTrain);
  const double test_loss = trainer.evaluate(
      kExamples - kTrain, [&](Batch<float>& b) { filled(b, [](Index i) { return kTrain + i; }); },
      [&](Batch<float>& b) {
        const Block<const float> logits = b.output("logits");
        for (Index i = b.first; i < b.last; ++i) {
          const float* row = logits.row(i - b.first);
          right[i] = std::max_element(row, row + 3) - row == y[kTrain + i];
        }
      });
  const double accuracy = std::accumulate(right.begin(), right.end(), 0.0) / (kExamples - kTrain);
  std::printf("last batch %.3f, test %.3f, accuracy %.3f\n", loss, test_loss, accuracy);
  save_model("from_pytorch.safetensors", params);
  return accuracy > 0.85 ? 0 : 1;
}
