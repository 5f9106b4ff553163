// Eight shapes of four cubes, two of them mirror images, learned under random rotations by a tensor field network;
// and the control, an EGNN, which sees distances alone. docs/steerable-features.md explains it.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <eqnn/eqnn.h>
#include "../../tests/support/clouds.h"

using namespace eqnn;
constexpr Index kShapes = 8, kCubes = 4;
const std::vector<double> kCorners[kShapes] = {
    {0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0}, {0, 0, 0, 0, 0, 1, 1, 0, 0, 1, -1, 0},  // the mirror images
    {0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0}, {0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 3},
    {0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 1, 0},
    {0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 1, 1}, {0, 0, 0, 1, 0, 0, 1, 1, 0, 2, 1, 0}};
// Example i is shape i mod 8, moved anew in every step.
void fill(Batch<float>& b, std::uint64_t seed) {
  for (Index i = b.first; i < b.last; ++i) {
    const auto motion = testing::random_motion(3, false, true, seed + 80 * b.step + static_cast<std::uint64_t>(i));
    reference::Dense cubes(kCubes, 3);
    cubes.data = kCorners[i % kShapes];
    cubes = testing::moved(cubes, motion, true);
    for (Index k = 0; k < 12; ++k) b["x"](i - b.first, k / 3, k % 3) = static_cast<float>(cubes(k / 3, k % 3));
    b.indices("label")(i - b.first) = static_cast<std::int32_t>(i % kShapes);
  }
}

struct Found {
  int right = 0;         // of 80 shapes that were not trained on
  float difference = 0;  // the largest between logits of the mirror images
};

// Trains `network`, from positions [b, 4, 3] to logits [b, 1, 8].
template <class Network>
Found learn(Params<float>& p, const Network& network) {
  p.initialize(kaiming_uniform, 1);
  Trainer<float> trainer(p, {.batch = kShapes, .threads = 1, .optimizer = Adam{.rate = 0.01}}, [&](auto& g) {
    const auto logits = network(g.input("x", {.points = kCubes, .channels = 3}));
    g.output("logits", logits);
    return cross_entropy(logits, g.index_input("label", {}, kShapes));
  });
  for (int step = 0; step < 200; ++step) trainer.step([](auto& b) { fill(b, 0); });
  Found found;
  const auto inspect = [&](Batch<float>& b) {
    const auto y = b.output("logits");
    for (Index k = 0; k < kShapes; ++k) {
      found.right += std::max_element(y.row(k), y.row(k) + kShapes) - y.row(k) == k;
      found.difference = std::max(found.difference, std::abs(y(0, 0, k) - y(1, 0, k)));
    }
  };
  trainer.evaluate(
      80, [](auto& b) { fill(b, 1'000'000); }, inspect);
  return found;
}

TEST_CASE("a tensor field network learns all eight shapes") {
  Params<float> p;
  const TensorFieldOptions o{.filter = 1, .basis = 4, .radial = 8, .cutoff = 3.5};
  const TensorFieldLayer<float> first(p, "0", {1}, {4, 4}, o), second(p, "1", {4, 4}, {4, 4}, o);
  const TensorFieldLayer<float> last(p, "2", {4, 4}, {16}, o);
  const Linear<float> head(p, "head", 16, kShapes);
  const Found found = learn(p, [&](Tensor<float> x) {
    const auto pairs = pair_geometry(x, o);
    const auto h = first({constant(x.program(), {.points = kCubes}, 1)}, pairs);
    return head(sum_points(last(second(h, pairs), pairs)[0]));
  });
  CHECK((found.right == 80 && found.difference > 1));
}

TEST_CASE("the control: distances do not tell mirror images apart") {
  Params<float> p;
  const Egnn<float> first(p, "0", 1, 16, 16), last(p, "1", 16, 16, 16);
  const Linear<float> head(p, "head", 16, kShapes);
  const Found found = learn(p, [&](Tensor<float> x) {
    return head(sum_points(last(first(constant(x.program(), {.points = kCubes}, 1), x)).h));
  });
  CHECK(found.difference < 1e-3f);
  CHECK((found.right >= 60 && found.right < 76));  // all but the mirror images: of these half, by chance
}
