// What a user writes: a network of one's own, trained on data of one's own, saved, and used afterwards.
#include <eqnn/eqnn.h>

#include <cmath>
#include <cstdio>
#include <vector>

using namespace eqnn;

// y = head(mean over points of relu(point(x))): invariant under every permutation of the points.
struct Network {
  explicit Network(Params<float>& p) : point(p, "point", {2, 32, 32}), head(p, "head", {32, 32, 1}) {}
  Tensor<float> operator()(Tensor<float> x) const { return head(mean_points(relu(point(x)))); }
  Mlp<float> point, head;
};

int main() {
  // 1000 sets of 5 points in the plane, and the mean square of their distances from the origin.
  std::vector<float> x(1000 * 5 * 2), y(1000);
  for (std::size_t k = 0; k < x.size(); ++k) {
    x[k] = std::sin(static_cast<float>(k * k % 7919));
    y[k / 10] += x[k] * x[k] / 5;
  }

  Params<float> params;
  const Network network(params);
  params.initialize(kaiming_uniform, 0);
  Trainer<float> trainer(params, {.batch = 50}, [&](Program<float>& g) {
    return squared_error(network(g.input("x", {.points = 5, .channels = 2})), g.input("y", {}));
  });
  // Called by several threads at once, each for examples of its own: it must not write what another reads.
  const auto fill = [&](Batch<float>& batch) {
    for (Index i = batch.first; i < batch.last; ++i) {
      const std::size_t e = (batch.step * 50 + static_cast<std::size_t>(i)) % 1000;
      for (std::size_t k = 0; k < 10; ++k) batch["x"](i - batch.first, Index(k / 2), Index(k % 2)) = x[10 * e + k];
      batch["y"](i - batch.first) = y[e];
    }
  };
  for (int step = 0; step < 3000; ++step) trainer.step(fill);
  save_model("network.safetensors", params);

  Params<float> loaded;
  const Network same(loaded);
  load_model("network.safetensors", loaded);
  Program<float> program(1, Mode::evaluate);
  program.output("y", same(program.input("x", {.points = 5, .channels = 2})));
  program.finish();
  Workspace<float> workspace(program);
  workspace.bind({.examples = 1});
  for (std::size_t k = 0; k < 10; ++k) workspace.input("x")(0, Index(k / 2), Index(k % 2)) = x[k];
  program.forward(workspace, loaded.values().data());
  const float found = workspace.output("y")(0);
  std::printf("mean square distance %.3f, the network says %.3f\n", y[0], found);
  return std::abs(found - y[0]) < 0.1f ? 0 : 1;
}
