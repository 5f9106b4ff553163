// Noisy letters, to be told apart whichever way they are turned: a network of group convolutions over the quarter
// turns of an image, C_4, which has seen upright letters alone; and beside it an Mlp of the pixels, which has seen
// upright ones, or turned ones too.

#include <eqnn/eqnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

using namespace eqnn;
constexpr Index kSide = 7, kPixels = kSide * kSide, kLetters = 4, kTests = 2000;
const char* const kLetter[kLetters] = {".......|.####..|.#.....|.###...|.#.....|.#.....|.......",
                                       ".......|..####.|.#.....|.#..##.|.#...#.|..####.|.......",
                                       ".......|.####..|.#...#.|.####..|.#.....|.#.....|.......",
                                       ".......|.####..|.#...#.|.####..|.#..#..|.#...#.|......."};
// The pixel in row r and column c goes to row c, column 6 - r.
PermutationGroup quarter_turns() {
  std::vector<std::int32_t> images;
  for (Index k = 0; k < kPixels; ++k)
    images.push_back(static_cast<std::int32_t>(k % kSide * kSide + kSide - 1 - k / kSide));
  return {kPixels, {Permutation(images)}};
}
// Examples 2 k and 2 k + 1 are one image: upright, and (where `turned`) turned once, twice or thrice.
void fill(Batch<float>& b, Stream stream, bool turned) {
  static const std::vector<Permutation> elements = quarter_turns().elements();  // number 0 leaves all as it is
  for (Index i = b.first; i < b.last; ++i) {
    Draws draws({.seed = 1, .stream = stream, .step = b.step, .example = static_cast<std::uint64_t>(i / 2)});
    const Index letter = draws.below(kLetters), turn = 1 + draws.below(3);
    const Permutation& p = elements[turned && i % 2 == 1 ? turn : 0];
    for (Index k = 0; k < kPixels; ++k)
      b["x"](i - b.first, p(k)) =
          static_cast<float>((kLetter[letter][k + k / kSide] == '#') + 0.35 * draws.normal());
    b.indices("letter")(i - b.first) = static_cast<std::int32_t>(letter);
  }
}

struct Found {
  double right[2] = {};  // of the upright letters, of the turned ones
  float difference = 0;  // the largest, between logits of an image and of the same image turned
};
template <class Network>
Found learn(const char* name, Params<float>& params, bool turned, const Network& network) {
  params.initialize(kaiming_uniform, 2);
  Trainer<float> trainer(params, {.batch = 64, .threads = 1, .optimizer = Adam{.rate = 2e-3}}, [&](auto& g) {
    const auto logits = network(g.input("x", {.points = kPixels}));
    g.output("logits", logits);
    return cross_entropy(logits, g.index_input("letter", {}, kLetters));
  });
  for (int step = 0; step < 400; ++step) trainer.step([&](auto& b) { fill(b, Stream::train, turned); });
  Found f;
  const auto inspect = [&](Batch<float>& b) {
    const auto y = b.output("logits");
    for (Index i = 0; i < y.examples; ++i) {
      const auto found = std::max_element(y.row(i), y.row(i) + kLetters) - y.row(i);
      f.right[i % 2] += (found == b.indices("letter")(i)) * 2.0 / kTests;
      for (Index k = 0; k < kLetters; ++k)
        f.difference = std::max(f.difference, std::abs(y(i, 0, k) - y(i ^ 1, 0, k)));
    }
  };
  const auto test = [](Batch<float>& b) { fill(b, Stream::test, true); };
  trainer.evaluate(kTests, test, inspect);
  std::printf("%s right %.3f upright, %.3f turned; logits differ by %.0e\n", name, f.right[0], f.right[1],
              f.difference);
  return f;
}
int main() {
  Params<float> p, q, r;
  const GroupLifting<float> lifting(p, "lifting", quarter_turns(), 1, 32);
  const GroupConvolution<float> convolution(p, "convolution", quarter_turns(), 32, 32);
  const Linear<float> head(p, "head", 32, kLetters);
  const Mlp<float> mlp(q, "mlp", {kPixels, 64, 64, kLetters}), same(r, "mlp", {kPixels, 64, 64, kLetters});
  const Found c4 = learn("C_4, seen upright letters:", p, false,
                         [&](auto x) { return head(mean_points(relu(convolution(relu(lifting(x)))))); });
  const Found up = learn("Mlp, seen upright letters:", q, false, [&](auto x) { return mlp(flatten(x)); });
  const Found all = learn("Mlp, seen turned ones too:", r, true, [&](auto x) { return same(flatten(x)); });
  return c4.right[1] > 0.92 && c4.difference < 1e-4 && up.right[1] < 0.6 && all.difference > 1 ? 0 : 1;
}
