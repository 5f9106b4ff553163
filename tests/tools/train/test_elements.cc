// --augment and --test-average: which elements, what they change and what they cannot change.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "support/sanitized.h"
#include "support/thrown.h"
#include "train/elements.h"
#include "train/resolve.h"
#include "train/training.h"

namespace test_elements {

using namespace tools;

namespace {

Evaluation trained(const RawOptions& options, std::uint64_t seed, int threads = 1) {
  const TrainConfig c = resolve_config(options, seed);
  const Examples examples = make_examples(c);
  const auto training = make_training(c, examples, threads);
  for (Index step = 0; step < c.steps; ++step) training->step(nullptr);
  return training->test(c.test_samples);
}

RawOptions with(RawOptions options, const RawOptions& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

// Mean over seeds of the loss without less that with the flag, and its standard error.
struct Gain {
  double mean = 0, error = 0;
};
Gain gain(const RawOptions& options, const RawOptions& flag, int seeds) {
  std::vector<double> d;
  for (int seed = 0; seed < seeds; ++seed) {
    const auto of = static_cast<std::uint64_t>(seed);
    d.push_back(trained(options, of).normalized() - trained(with(options, flag), of).normalized());
  }
  Gain g;
  for (const double v : d) g.mean += v / seeds;
  for (const double v : d) g.error += (v - g.mean) * (v - g.mean);
  g.error = std::sqrt(g.error / (seeds * (seeds - 1.0)));
  return g;
}

const RawOptions kShifts{
    {"family", "cnn-cyclic"}, {"n", "8"},      {"k", "1"},       {"control", "true"}, {"model", "mlp"},
    {"depth", "1"},           {"width", "32"}, {"steps", "400"}, {"batch", "16"},     {"lr", "3e-3"},
    {"test-samples", "500"}};

}  // namespace

TEST_CASE("elements: texts, and texts that are none") {
  for (const char* text : {"none", "family", "C16", "family:8", "O3:2"}) {
    CAPTURE(text);
    CHECK(text_of(parse_elements("augment", text)) == text);
  }
  for (const char* text : {"", ":3", "family:0", "family:", "family:x", "none:2", "C4:10001"}) {
    CAPTURE(text);
    CHECK(contains(message<eqnn::ValueError>([&] { parse_elements("augment", text); }), "augment"));
  }
}

TEST_CASE("elements: so many of a group, the identity first, drawn from the seed") {
  const eqnn::hard::InputLayout layout{.name = "x", .points = 12, .channels = 1};
  const auto own = eqnn::hard::InputAction::named("S12", eqnn::hard::InputAction::Moves::points);
  const auto images = [&](std::uint64_t seed) {
    const InputElements e("augment", "family:5", layout, own, seed);
    CHECK(e.count() == 5);
    std::set<std::vector<double>> seen;
    for (Index example = 0; example < 400; ++example) {
      std::vector<double> x(12);
      for (int i = 0; i < 12; ++i) x[static_cast<std::size_t>(i)] = i;
      e.move_randomly(7, example, eqnn::Block<double>{x.data(), 1, 12, 1, 1});
      seen.insert(x);
    }
    std::set<std::vector<double>> numbered;
    for (Index k = 0; k < 5; ++k) {
      std::vector<double> x(12);
      for (int i = 0; i < 12; ++i) x[static_cast<std::size_t>(i)] = i;
      e.move(k, eqnn::Block<double>{x.data(), 1, 12, 1, 1});
      numbered.insert(x);
    }
    CHECK(seen == numbered);
    CHECK(seen.size() == 5);
    std::vector<double> same(12);
    for (int i = 0; i < 12; ++i) same[static_cast<std::size_t>(i)] = i;
    CHECK(seen.contains(same));
    return seen;
  };
  // Of a small group no two are alike: of all eight none is missing.
  std::set<std::vector<double>> all;
  const eqnn::hard::InputLayout eight{.name = "x", .points = 8, .channels = 1};
  const InputElements whole("augment", "C8:8", eight, {}, 5);
  for (Index k = 0; k < 8; ++k) {
    std::vector<double> x{0, 1, 2, 3, 4, 5, 6, 7};
    whole.move(k, eqnn::Block<double>{x.data(), 1, 8, 1, 1});
    all.insert(x);
  }
  CHECK(all.size() == 8);
  CHECK_THROWS_AS(InputElements("augment", "C8:9", eight, {}, 5), eqnn::ValueError);
  CHECK(images(1) == images(1));
  CHECK(images(1) != images(2));
}

TEST_CASE("elements: what does not act, is too large, or is not seen by the network is refused in one line") {
  const auto refusal = [](const RawOptions& options) {
    return message<eqnn::ValueError>([&] {
      const TrainConfig c = resolve_config(options, 0);
      const Examples examples = make_examples(c);
      make_training(c, examples, 1);
    });
  };
  const RawOptions graphs{{"family", "gnn-degree-parity"}, {"n", "5"}, {"width", "4"}};
  CHECK(contains(refusal(with(kShifts, {{"augment", "C7"}})), "7 points; the inputs have 8"));
  CHECK(contains(refusal(with(kShifts, {{"augment", "Q7"}})), "--augment is Q7"));
  for (const char* group : {"S2000000000", "C4xC99999999999999999999", "O1000", "D9"})
    CHECK(contains(refusal(with(kShifts, {{"augment", group}})), "the inputs have 8 points"));
  CHECK(contains(refusal(with(kShifts, {{"test-average", "S8"}})), "40320"));
  CHECK(contains(refusal(with(kShifts, {{"test-average", "O1"}})), "no error"));
  CHECK(contains(refusal(with(graphs, {{"model", "mlp"}, {"augment", "signs"}})), "bits"));
  CHECK(contains(refusal(with(graphs, {{"augment", "family"}})), "would have no effect"));
  CHECK(contains(refusal(with(graphs, {{"test-average", "family"}})), "would have no effect"));
  CHECK(contains(refusal(with(kShifts, {{"model", "cnn"}, {"augment", "C8"}})), "would have no effect"));
  CHECK(contains(refusal(with(kShifts, {{"augment", "family:1"}})), "would have no effect"));
  CHECK(contains(refusal(with(graphs, {{"model", "mlp"}, {"augment", "family"}})), "no error"));
  CHECK(contains(refusal(with(graphs, {{"augment", "family"}, {"oracle", "csq"}, {"tau", "0.1"}})), "--oracle"));
}

TEST_CASE("elements: an augmented run has the same bits for any number of threads") {
  const RawOptions options = with(kShifts, {{"augment", "family"}, {"steps", "30"}, {"samples", "50"}});
  const double one = trained(options, 3, 1).loss;
  for (const int threads : {2, 3}) CHECK(trained(options, 3, threads).loss == one);
}

TEST_CASE("elements: augmentation helps on a fixed set, and not on fresh inputs of an invariant law") {
  if (kSanitized) return;  // hundreds of trainings, of which one would find what all do
  const Gain fresh = gain(kShifts, {{"augment", "family"}}, 24);
  CAPTURE(fresh.mean);
  CAPTURE(fresh.error);
  CHECK(std::abs(fresh.mean) < 4 * fresh.error);
  const Gain fixed = gain(with(kShifts, {{"samples", "60"}}), {{"augment", "family"}}, 12);
  CAPTURE(fixed.mean);
  CAPTURE(fixed.error);
  CHECK(fixed.mean > 4 * fixed.error);
}

TEST_CASE("elements: the mean over a group is no worse than the network, by the convexity of the square") {
  if (kSanitized) return;
  const Gain average = gain(kShifts, {{"test-average", "family"}}, 8);
  CAPTURE(average.mean);
  CHECK(average.mean > 0);
}

}  // namespace test_elements
