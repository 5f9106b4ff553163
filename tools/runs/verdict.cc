#include "runs/verdict.h"

#include <cmath>

#include "cli/guard.h"
#include "cli/json.h"
#include "cli/note.h"
#include "train/phases.h"

namespace tools {

namespace {

// Squared error of the best predictor of flipped labels, on labels as they are; which have size 1.
double flipped_error(const std::string& loss, double q) {
  if (loss == "abs") return 0;
  return loss == "huber" ? std::pow(q / (1 - q), 2) : std::pow(2 * q, 2);
}

NoiseFloor flip_floor(const TrainConfig& c, double spread) {
  const double q = c.noise;
  if (q >= 0.5) return {.none = true};
  if (c.loss == "cross-entropy") {
    const double entropy = -q * std::log(q) - (1 - q) * std::log(1 - q);
    const double test = -std::log(1 - q) / spread, train = entropy / spread;
    return {test, train, std::max(std::log(2.0) / spread - train, 1e-9)};
  }
  const double seen = std::pow(1 - 2 * q, 2);
  return {flipped_error(c.loss, q) / spread, (1 - seen) / spread, seen};
}

}  // namespace

NoiseFloor noise_floor(const TrainConfig& c, bool flips, double spread) {
  if (c.noise == 0 || c.null_target || !(spread > 0)) return {.none = true};
  const std::vector<Phase> phases = phases_of(c);
  if (phases.back().transform.text() != "none" || (c.loss == "cross-entropy" && !flips)) return {.none = true};
  NoiseFloor floor = flips ? flip_floor(c, spread) : NoiseFloor{0, c.noise * c.noise / spread, 1};
  if (floor.none) return floor;
  if (c.samples > 0) {
    floor.train = 0;
    floor.slope = 1;
  } else if (!batch_loss_is_test_loss(c)) {  // the train_loss is the test_loss
    floor.train = floor.test;
    floor.slope = 1 - floor.test;
  }
  return floor;
}

std::optional<std::string> verdict(const TrainConfig& c, bool diverged, double train, double test,
                                   const NoiseFloor& floor) {
  if (diverged) return "diverged";
  train = floor.judged_train(train);
  test = floor.judged_test(test);
  if (!std::isfinite(test)) return std::nullopt;
  if (test <= c.learned_below) return "learned";
  if (!std::isfinite(train)) return std::nullopt;
  if (!c.null_target && train <= c.memorised_train_below && test >= c.fails_from) return "memorised";
  if (train >= c.fails_from) return "cannot-fit";
  if (test < c.fails_from) return "partly-learned";
  return "undecided";
}

std::optional<std::string> learner_verdict(const TrainConfig& c, bool diverged, double train, double test,
                                           const NoiseFloor& floor) {
  const auto word = verdict(c, diverged, train, test, floor);
  const bool partly = word == "cannot-fit" || (!word && std::isfinite(test));
  return partly && floor.judged_test(test) < c.fails_from ? "partly-learned" : word;
}

Json evaluation_json(const Evaluation& e, Shown shown) {
  Json j;
  j["test_samples"] = e.examples;
  j["test_loss"] = number_json(e.loss);
  j[shown.entropy ? "test_entropy" : "test_variance"] = number_json(e.variance);
  j["normalized_test_loss"] = number_json(e.normalized());
  if (shown.accuracy) j["test_accuracy"] = number_json(e.accuracy);
  j["correlation"] = number_json(e.correlation);
  j["correlation_low"] = number_json(e.correlation_low);
  j["correlation_high"] = number_json(e.correlation_high);
  return j;
}

Json floor_json(const NoiseFloor& floor) { return floor.none ? Json(nullptr) : Json(floor.test); }

Json thresholds_json(const TrainConfig& c) {
  return {{"learned_below", c.learned_below},
          {"fails_from", c.fails_from},
          {"memorised_train_below", c.memorised_train_below}};
}

void print_outcome(const Json& r, const std::string& kind) {
  const auto shown = [&](const char* key) {
    return r[key].is_null() ? std::string("not defined") : fmt::format("{:.4f}", r[key].get<double>());
  };
  // One setting was tried: another rate may do better.
  const std::string word = r["verdict"].is_null() ? "none" : r["verdict"].get<std::string>();
  const bool learned = word == "learned" || word == "none";
  const Colour colour = word == "learned" ? Colour::green
                        : word == "partly-learned" || word == "undecided" || word == "hopeless" || word == "none"
                            ? Colour::yellow
                            : Colour::red;
  fmt::print("verdict                {}{}\n", coloured(word, colour),
             word == "hopeless" ? ": given up by --stop-hopeless"
             : learned          ? ""
                                : " at this setting");
  fmt::print("normalised test loss   {}   ({} {} samples; 1 = no better than the best constant)\n",
             shown("normalized_test_loss"), r["test_samples"].get<long>(), kind);
  if (r.contains("noise_floor") && r["noise_floor"].is_null())
    fmt::print(
        "noise floor            none   (of labels flipped half of the time or more, or transformed; the "
        "verdict is on the loss as it is)\n");
  else if (r.contains("noise_floor"))
    fmt::print(
        "noise floor            {}   (test loss of the best predictor of such labels; the verdict is on what is "
        "above "
        "it)\n",
        shown("noise_floor"));
  fmt::print("normalised train loss  {}\n", shown("normalized_train_loss"));
  if (r.contains("test_accuracy")) fmt::print("test accuracy          {}\n", shown("test_accuracy"));
  const bool bounded = !r["correlation_low"].is_null() && !r["correlation_high"].is_null();
  fmt::print(
      "correlation            {}{}\n", shown("correlation"),
      bounded ? fmt::format("   (95 %: {} to {})", shown("correlation_low"), shown("correlation_high")) : "");
}

int check_expectation(const Json& r, const std::string& expect, double fails_from) {
  const Json &verdict = r["verdict"], &test = r["normalized_test_loss"];
  const bool has_floor = r.contains("noise_floor") && r["noise_floor"].is_number();
  const NoiseFloor floor{.test = has_floor ? r["noise_floor"].get<double>() : 0};
  const bool ended = !verdict.is_null() && verdict != "diverged" && verdict != "hopeless";
  const bool failed = ended && test.is_number() && floor.judged_test(test.get<double>()) >= fails_from;
  if (expect.empty() || (expect == "learned" ? verdict == "learned" : failed)) return kDone;
  note("eqnn: error: expected '{}', the verdict is {} (normalised test loss {}); '{}' needs {}\n", expect,
       to_text(verdict), to_text(test), expect,
       expect == "learned"
           ? "the verdict 'learned'"
           : concat("a run that did not diverge, was not given up, and has a loss of at least ", fails_from));
  return kAnsweredNo;
}

}  // namespace tools
