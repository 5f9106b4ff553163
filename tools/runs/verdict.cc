#include "runs/verdict.h"

#include <cmath>

#include "cli/guard.h"
#include "cli/json.h"
#include "cli/note.h"

namespace tools {

std::optional<std::string> verdict(const TrainConfig& c, bool diverged, double train, double test) {
  if (diverged) return "diverged";
  if (!std::isfinite(test)) return std::nullopt;
  if (test <= c.learned_below) return "learned";
  if (!std::isfinite(train)) return std::nullopt;
  if (!c.null_target && train <= c.memorised_train_below && test >= c.fails_from) return "memorised";
  if (train >= c.fails_from) return "cannot-fit";
  if (test < c.fails_from) return "partly-learned";
  return "undecided";
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
  fmt::print("verdict                {}{}\n", word, learned ? "" : " at this setting");
  fmt::print("normalised test loss   {}   ({} {} samples; 1 = no better than the best constant)\n",
             shown("normalized_test_loss"), r["test_samples"].get<long>(), kind);
  fmt::print("normalised train loss  {}\n", shown("normalized_train_loss"));
  if (r.contains("test_accuracy")) fmt::print("test accuracy          {}\n", shown("test_accuracy"));
  const bool bounded = !r["correlation_low"].is_null() && !r["correlation_high"].is_null();
  fmt::print(
      "correlation            {}{}\n", shown("correlation"),
      bounded ? fmt::format("   (95 %: {} to {})", shown("correlation_low"), shown("correlation_high")) : "");
}

int check_expectation(const Json& r, const std::string& expect, double fails_from) {
  const Json &verdict = r["verdict"], &test = r["normalized_test_loss"];
  const bool failed = !verdict.is_null() && verdict != "diverged" && test.is_number() && test >= fails_from;
  if (expect.empty() || (expect == "learned" ? verdict == "learned" : failed)) return kDone;
  note("eqnn: error: expected '{}', the verdict is {} (normalised test loss {}); '{}' needs {}\n", expect,
       to_text(verdict), to_text(test), expect,
       expect == "learned" ? "the verdict 'learned'"
                           : concat("a run that did not diverge and a loss of at least ", fails_from));
  return kAnsweredNo;
}

}  // namespace tools
