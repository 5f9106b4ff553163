// What a user of data sets writes beside docs/examples/table.cc: the pieces that docs/data-in-cpp.md shows.
#include <eqnn/data/dataset.h>
#include <eqnn/data/readers.h>
#include <eqnn/eqnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <optional>
#include <vector>

using namespace eqnn;

// 200 sets of 5 points in the plane, and the mean square of their distances from the origin.
Dataset own_data() {
  std::vector<double> x(200 * 5 * 2), y(200);
  for (std::size_t k = 0; k < x.size(); ++k) {
    x[k] = std::sin(static_cast<double>(k * k % 7919));
    y[k / 10] += x[k] * x[k] / 5;
  }
  return LabelledExamples{.points = 5, .channels = 2, .x = x, .y = y};
}

struct Network {
  explicit Network(Params<float>& p) : point(p, "point", {2, 32, 32}), head(p, "head", {32, 32, 1}) {}
  Tensor<float> operator()(Tensor<float> x) const { return head(mean_points(relu(point(x)))); }
  Mlp<float> point, head;
};

// The mean square error of five folds, each of a network of its own.
double cross_validated(const Dataset& data) {
  double sum = 0;
  for (int fold = 0; fold < 5; ++fold) {
    const Split<Dataset> parts = standardised(data.fold(fold, 5, 0), Dataset::Columns::channels);
    Params<float> params;
    const Network network(params);
    params.initialize(kaiming_uniform, 0);
    Trainer<float> trainer(params, {.batch = 32}, [&](Program<float>& g) {
      return squared_error(network(g.input("x", {.points = 5, .channels = 2})), g.input("y", {}));
    });
    for (int step = 0; step < 500; ++step) trainer.step(parts.train.batches("x", "y", trainer.options()));
    sum += trainer.evaluate(parts.test.size(), parts.test.in_order("x", "y"));
  }
  return sum / 5;
}

// One class of a table against the rest: targets of one's own, made of those that were read.
Dataset one_against_the_rest(const Dataset& data, std::int32_t one) {
  LabelledExamples examples = data.all();
  examples.classes.clear();
  examples.class_names.clear();
  for (Index i = 0; i < data.size(); ++i) examples.y.push_back(data.label(i) == one ? 1 : 0);
  return examples;
}

// What a network says of every example, without a Trainer.
std::vector<float> outputs(const Dataset& data, const Network& network, const Params<float>& params) {
  Program<float> program(8, Mode::evaluate);
  program.output("f", network(program.input("x", {.points = 5, .channels = 2})));
  program.input("y", {});
  program.finish();
  Workspace<float> workspace(program);
  std::vector<float> found;
  for (Index first = 0; first < data.size(); first += 8) {
    workspace.bind({.examples = std::min<Index>(8, data.size() - first), .first = first});
    Batch<float> batch(workspace);
    data.in_order("x", "y")(batch);
    program.forward(workspace, params.values().data());
    for (Index i = batch.first; i < batch.last; ++i) found.push_back(batch.output("f")(i - batch.first));
  }
  return found;
}

int main() {
  const Dataset data = own_data();
  const double error = cross_validated(data);
  Params<float> params;
  const Network network(params);
  params.initialize(kaiming_uniform, 0);
  const auto found = outputs(data, network, params);

  std::ofstream("three.csv") << "0.5,1\n0.75,2\n-1,3\n";
  const Dataset table = read_csv("three.csv");
  const Dataset numbers = read_csv("three.csv", {.targets = DataChoices::Targets::real});
  const Dataset one = one_against_the_rest(table, 2);
  for (const std::string& note : table.all().notes) std::printf("three.csv: %s\n", note.c_str());
  bool refused = false;
  try {
    read_gin("three.csv");
  } catch (const FileError& e) {
    std::printf("%s\n", e.what());
    refused = true;
  }
  std::printf("mean square error of five folds: %.5f\n", error);
  return error < 0.01 && found.size() == 200 && table.classes() == 3 && numbers.y(2) == 3 && one.y(2) == 1 &&
                 refused
             ? 0
             : 1;
}
