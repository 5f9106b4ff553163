// A training that may be killed at any time: it saves all that it goes on from, every 50 steps, and begins with the
// file where there is one. Here it is left in the middle, between two files, and taken up in fresh objects and with
// another number of threads; the end has the bits of the training that nobody disturbed.

#include <eqnn/eqnn.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

using namespace eqnn;

struct Network {
  explicit Network(Params<float>& p) : point(p, "point", {2, 32, 32}), head(p, "head", {32, 32, 1}) {}
  Tensor<float> operator()(Tensor<float> x) const { return head(dropout(mean_points(relu(point(x))), 0.1)); }
  Mlp<float> point, head;
};
// Sets of 6 points, and their largest distance from the origin. What an example is depends on its step and number
// alone: so a training that goes on sees what it would have seen.
void fill(Batch<float>& b) {
  for (Index i = b.first; i < b.last; ++i) {
    Draws draws({.seed = 1, .stream = Stream::train, .step = b.step, .example = static_cast<std::uint64_t>(i)});
    const Block<float> x = b.example("x", i), y = b.example("y", i);
    y(0) = 0;
    for (Index k = 0; k < 6; ++k) {
      x(0, k, 0) = static_cast<float>(draws.normal());
      x(0, k, 1) = static_cast<float>(draws.normal());
      y(0) = std::max(y(0), std::hypot(x(0, k, 0), x(0, k, 1)));
    }
  }
}

struct End {
  std::vector<float> parameters;
  double mean_loss;
};
// Trains up to step `last`, from the file's step on where there is a file.
End train(const std::string& path, std::uint64_t last, int threads) {
  Params<float> params;
  const Network network(params);
  params.initialize(kaiming_uniform, 0);
  Trainer<float> trainer(params,
                         {.batch = 32,
                          .threads = threads,
                          .optimizer = Adam{.rate = 1e-2},
                          .schedule = {.kind = Schedule::Kind::cosine, .steps = 400}},
                         [&](Program<float>& g) {
                           return squared_error(network(g.input("x", {.points = 6, .channels = 2})),
                                                g.input("y", {}));
                         });
  double mean_loss = 1;  // of the last steps; the file keeps it too
  if (std::filesystem::exists(path)) mean_loss = load_training(path, trainer).at("mean_loss");
  std::printf("from step %3d to %d\n", int(trainer.steps_done()), int(last));
  while (trainer.steps_done() < last) {
    mean_loss += 0.05 * (trainer.step(fill) - mean_loss);
    if (trainer.steps_done() % 50 == 0) save_training(path, trainer, {{"mean_loss", mean_loss}});
  }
  const auto values = std::as_const(params).values();
  return {{values.begin(), values.end()}, mean_loss};
}

int main() {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("eqnn-checkpointed-loop-" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  const End whole = train(folder / "whole.safetensors", 400, 1);
  const End left = train(folder / "left.safetensors", 230, 1);  // as if killed: steps 200 to 229 are lost
  const End end = train(folder / "left.safetensors", 400, 2);
  std::filesystem::remove_all(folder);
  const bool same = end.parameters == whole.parameters && end.mean_loss == whole.mean_loss;
  std::printf("mean loss %.4f and %.4f: %s bits\n", whole.mean_loss, end.mean_loss, same ? "the same" : "OTHER");
  return same && left.parameters != end.parameters && end.mean_loss < 0.25 ? 0 : 1;
}
