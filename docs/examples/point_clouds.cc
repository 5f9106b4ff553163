// Dumb-bells, rings and balls of 12 points, turned and moved anyhow: an EGNN tells them apart. certify() measures,
// on the trained network, that it is invariant under rotations, translations and permutations of the points.

#include <eqnn/eqnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

using namespace eqnn;
constexpr Index kPoints = 12, kShapes = 3, kTests = 90;
// Turned in three planes and shifted along all axes.
Array moved(Array x, Draws draws) {
  for (Index i = 0, k = 1; i < 3; ++i, k = (i + 1) % 3) {
    const double angle = 6.283 * draws.uniform(), shift = draws.normal();
    for (Index p = 0; p < x.rows; ++p) {
      const double u = x(p, i), v = x(p, k);
      x(p, i) = std::cos(angle) * u - std::sin(angle) * v + shift;
      x(p, k) = std::sin(angle) * u + std::cos(angle) * v;
    }
  }
  return x;
}
// Points near the ends of a segment (number mod 3 = 0), a circle (1) or a sphere (2).
Array cloud(Index number, Stream stream, std::uint64_t step) {
  Draws draws({.seed = 1, .stream = stream, .step = step, .example = static_cast<std::uint64_t>(number)});
  Array x = Array::zeros(kPoints, 3);
  for (Index p = 0; p < kPoints; ++p) {
    double square = 0;
    for (Index k = 0; k <= number % kShapes; ++k) square += std::pow(x(p, k) = draws.normal(), 2);
    for (Index k = 0; k < 3; ++k) x(p, k) = x(p, k) / std::sqrt(square) + 0.1 * draws.normal();
  }
  return moved(x, draws);
}
int main() {
  Params<double> params;
  const Egnn<double> first(params, "first", 1, 16, 16), second(params, "second", 16, 16, 16);
  const Linear<double> head(params, "head", 16, kShapes);
  params.initialize(kaiming_uniform, 1);
  Trainer<double> trainer(params, {.batch = 30, .threads = 1, .optimizer = Adam{.rate = 3e-3}}, [&](auto& g) {
    const auto x = g.input("x", {.points = kPoints, .channels = 3});
    const auto logits = head(mean_points(second(first(constant(g, {.points = kPoints}, 1), x)).h));
    g.output("logits", logits);
    return cross_entropy(logits, g.index_input("shape", {}, kShapes));
  });
  const auto fill = [](Batch<double>& b) {
    for (Index i = b.first; i < b.last; ++i) {
      const Array x = cloud(i, Stream::train, b.step);
      for (Index k = 0; k < x.rows * 3; ++k) b["x"](i - b.first, k / 3, k % 3) = x.values[k];
      b.indices("shape")(i - b.first) = static_cast<std::int32_t>(i % kShapes);
    }
  };
  for (int step = 0; step < 400; ++step) trainer.step(fill);
  const auto f = [&](const Sample& s) {
    Array y = Array::zeros(1, kShapes);
    const auto set = [&](Batch<double>& b) {
      for (Index k = 0; k < kPoints * 3; ++k) b["x"](0, k / 3, k % 3) = s.at("x").values[k];
    };
    trainer.evaluate(1, set, [&](auto& b) { std::copy_n(b.output("logits").row(0), kShapes, &y(0, 0)); });
    return y;
  };
  int right = 0;
  std::vector<Sample> inputs;
  for (Index i = 0; i < kTests; ++i) {
    inputs.push_back({{"x", cloud(i, Stream::test, 0)}});
    const Array y = f(inputs[i]);
    right += std::ranges::max_element(y.values) - y.values.begin() == i % kShapes;
  }
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(PermutationGroup::symmetric(kPoints))) {
    elements.push_back({to_string(p), [p, draws = Draws({.seed = 2, .step = elements.size()})](const Sample& s) {
                          return Sample{{"x", permute_rows(moved(s.at("x"), draws), p)}};
                        }});
  }
  const Certificate c = certify(f, inputs, elements, symmetry_tolerance<double>());
  std::printf("%d of 90 clouds told right; |f(g x) - f(x)| up to %.0e, %d g\n", right, c.error, int(c.elements));
  return right > 75 && c.pass() ? 0 : 1;
}
