// A group of one's own: the rotations of a cube, from two quarter turns, acting on its 8 corners. Up to them the
// 256 colourings of the corners in black and white are 23. A network that is invariant under them sees one of each,
// and knows all; certify() measures the invariance. Beside it an Mlp without it.

#include <eqnn/eqnn.h>

#include <algorithm>
#include <cstdio>
#include <vector>

using namespace eqnn;
constexpr Index kCorners = 8, kColourings = 256;
// Corner x + 2 y + 4 z; quarter turns about the axes z and x.
const PermutationGroup kRotations(kCorners, {Permutation::from_cycles(kCorners, {{0, 1, 3, 2}, {4, 5, 7, 6}}),
                                             Permutation::from_cycles(kCorners, {{0, 2, 6, 4}, {1, 3, 7, 5}})});
// Corner i has the colour of bit i of a colouring's number.
Sample colouring(Index number) {
  Array x = Array::zeros(kCorners, 1);
  for (Index i = 0; i < kCorners; ++i) x(i, 0) = static_cast<double>(number >> i & 1);
  return {{"x", x}};
}
Index number_of(const Sample& s) {
  Index number = 0;
  for (Index i = 0; i < kCorners; ++i) number += static_cast<Index>(s.at("x")(i, 0)) << i;
  return number;
}
// Trains on one colouring of each class. True where the network is then invariant, and right for all colourings.
template <class Network>
bool learn(const char* name, Params<double>& params, const Network& network) {
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(kRotations))  // all 24
    elements.push_back({to_string(p), [p](const Sample& s) { return Sample{{"x", permute_rows(s.at("x"), p)}}; }});
  // A class has the number of its least colouring.
  std::vector<Sample> inputs;
  std::vector<Index> classes(kColourings, kColourings), seen;
  for (Index c = 0; c < kColourings; ++c) {
    inputs.push_back(colouring(c));
    for (const GroupElement& g : elements) classes[c] = std::min(classes[c], number_of(g.on_input(inputs[c])));
    if (classes[c] == c) seen.push_back(c);
  }
  params.initialize(kaiming_uniform, 1);
  Trainer<double> trainer(params, {.batch = std::ssize(seen), .threads = 1}, [&](Program<double>& g) {
    const auto logits = network(g.input("x", {.points = kCorners}));
    g.output("logits", logits);
    return cross_entropy(logits, g.index_input("class", {}, kColourings));
  });
  const auto fill = [&](Batch<double>& b, bool all) {
    for (Index i = b.first; i < b.last; ++i) {
      const Index c = all ? i : seen[i];
      for (Index k = 0; k < kCorners; ++k) b["x"](i - b.first, k) = static_cast<double>(c >> k & 1);
      b.indices("class")(i - b.first) = static_cast<std::int32_t>(classes[c]);
    }
  };
  for (int step = 0; step < 800; ++step) trainer.step([&](auto& b) { fill(b, false); });
  std::vector<Array> logits;
  int right = 0;
  const auto inspect = [&](Batch<double>& b) {
    for (Index i = b.first; i < b.last; ++i) {
      const double* y = b.output("logits").row(i - b.first);
      right += std::max_element(y, y + kColourings) - y == classes[i];
      logits.push_back({1, kColourings, {y, y + kColourings}});
    }
  };
  trainer.evaluate(
      kColourings, [&](auto& b) { fill(b, true); }, inspect);
  const auto f = [&](const Sample& s) { return logits[number_of(s)]; };
  const Certificate c = certify(f, inputs, elements, symmetry_tolerance<double>());
  std::printf("%s %d of 256 colourings right, %d of them seen; |f(g x) - f(x)| up to %.0e, at g = %s\n", name,
              right, int(std::ssize(seen)), c.error, c.witness_element.c_str());
  return right == kColourings && c.pass();
}

int main() {
  Params<double> p, q;
  const GroupAveragedMlp<double> averaged(p, "net", kRotations, {1, 64, 64, kColourings});
  const Mlp<double> mlp(q, "net", {kCorners, 64, 64, kColourings});
  const bool invariant = learn("invariant:", p, averaged);
  return invariant && !learn("Mlp:      ", q, [&](auto x) { return mlp(flatten(x)); }) ? 0 : 1;
}
