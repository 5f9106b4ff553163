// A table: read, split, standardised, trained until the validation part says stop, and tested once.
// docs/data-in-cpp.md explains it.
#include <eqnn/data/dataset.h>
#include <eqnn/data/readers.h>
#include <eqnn/eqnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <vector>

using namespace eqnn;

// Points of the plane, in millimetres and in metres, and in which of three rings each lies.
void write_table(const char* path) {
  std::ofstream out(path);
  out << "millimetres,metres,ring\n";
  for (std::uint64_t i = 0; i < 900; ++i) {
    Draws draw({7, Stream::user, 0, i});
    const double x = draw.normal(), y = draw.normal(), radius = std::hypot(x, y);
    out << 1000 * x << ',' << y << ',' << (radius < 0.8 ? 1 : radius < 1.5 ? 2 : 3) << '\n';
  }
}

int main() {
  write_table("table.csv");
  const Dataset table = read_csv("table.csv");
  const Split<Dataset> parts =
      standardised(table.split({.train = 0.7, .validation = 0.1, .test = 0.2}, 0), Dataset::Columns::entries);
  std::printf("%d examples of %d classes: %d to train, %d to look at, %d to test\n", int(table.size()),
              int(table.classes()), int(parts.train.size()), int(parts.validation.size()), int(parts.test.size()));

  Params<float> params;
  const Mlp<float> network(params, "mlp", {table.points(), 32, 32, table.classes()});
  params.initialize(kaiming_uniform, 0);
  Trainer<float> trainer(params, {.batch = 30, .optimizer = Adam{.rate = 3e-3}}, [&](Program<float>& g) {
    const auto logits = network(g.input("x", {.channels = table.points()}));
    g.output("logits", logits);
    return cross_entropy(logits, g.index_input("ring", {}, static_cast<std::int32_t>(table.classes())));
  });

  // The parameters of the best look; it stops after ten looks that are no better.
  double best = HUGE_VAL;
  std::vector<float> kept;
  for (int epoch = 0, since = 0; epoch < 200 && since < 10; ++epoch, ++since) {
    for (Index step = 0; step < parts.train.size() / 30; ++step)
      trainer.step(parts.train.batches("x", "ring", trainer.options()));
    const double loss = trainer.evaluate(parts.validation.size(), parts.validation.in_order("x", "ring"));
    if (loss >= best) continue;
    best = loss;
    since = 0;
    kept.assign(params.values().begin(), params.values().end());
  }
  std::copy(kept.begin(), kept.end(), params.values().begin());

  const double right = accuracy(trainer, parts.test.in_order("x", "ring"), "logits");
  std::printf("%d steps; validation loss %.4f; right on the test part: %.3f\n", int(trainer.steps_done()), best,
              right);
  return right > 0.9 ? 0 : 1;
}
