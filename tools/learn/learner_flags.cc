// The flags of `eqnn learn`: those of its learners, and those that it shares with train.

#include <fmt/ranges.h>

#include <algorithm>

#include "cli/name_table.h"
#include "learn/learner.h"

namespace tools {
namespace {

using Names = std::vector<std::string>;

bool has(const Names& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

void choose(std::string& field, const std::string& name, const std::string& value, const Names& allowed) {
  require(has(allowed, value), "--", name, " is '", value, "'; allowed are ",
          fmt::format("{}", fmt::join(allowed, ", ")), nearest_of(value, allowed));
  field = value;
}

// A number stands in run.json as such, another text as a string, none as null.
Json flag_json(const std::string& text) { return text.empty() ? Json(nullptr) : typed_json(text); }

void set_lambda(LearnConfig& c, const std::string& text) {
  const bool named = text == "auto" || (text == "theory" && c.algorithm == "lasso");
  require(named || parse_number("lambda", text) > 0, "--lambda is ", text,
          "; allowed are numbers above 0 and auto");
  c.lambda = text;
}

void set_tau(LearnConfig& c, const std::string& text) {
  c.tau = parse_number("tau", text);
  require(c.tau > 0, "--tau is ", text, "; it must be finite and above 0");
}

// What is told of an oracle where there is one.
std::optional<Json> with_oracle(const LearnConfig& c, const Json& value) {
  return c.oracle == "none" ? std::nullopt : std::optional(value);
}

}  // namespace

const std::vector<LearnerFlag>& learner_flags() {
  using Text = const std::string&;
  using Value = std::optional<Json>;
  static const std::vector<LearnerFlag> flags = {
      {"a-min",
       "smallest coefficient of the target, right within 30 %, or auto: not told (default: the target's own)",
       [](LearnConfig& c, Text text) { c.a_min = text; },
       [](const LearnConfig& c) -> Value { return flag_json(c.a_min); }},
      {"damping", "damping of all detectors alike, 0: plain (default: by the law, and of what is not tested too)",
       [](LearnConfig& c, Text text) { c.damping = text; },
       [](const LearnConfig& c) -> Value { return flag_json(c.damping); }},
      {"max-degree",
       "degree of the products looked at (default: the target's; low-degree, which is not told that: the largest "
       "whose "
       "products are at most a twentieth of the samples)",
       [](LearnConfig& c, Text text) { c.max_degree = parse_integer("max-degree", text, 1, 12); },
       [](const LearnConfig& c) -> Value { return c.max_degree; }},
      {"lambda",
       "weight of the penalty, or auto: by the last fifth of the sample; lasso also theory: sd(y) sqrt(2 log(p) / "
       "m)",
       set_lambda, [](const LearnConfig& c) -> Value { return flag_json(c.lambda); }},
      {"kernel",
       "tangent: gradients of the network at initialisation (default), or features: its last hidden values",
       [](LearnConfig& c, Text text) {
         choose(c.kernel, "kernel", text, {"tangent", "features"});
       },
       [](const LearnConfig& c) -> Value { return c.kernel; }},
      {"oracle", "answer the learner's queries through a statistical-query oracle: csq or sq",
       [](LearnConfig& c, Text text) {
         choose(c.oracle, "oracle", text, {"csq", "sq"});
       },
       [](const LearnConfig& c) { return with_oracle(c, c.oracle); }},
      {"tau", "tolerance of --oracle, relative to a query's norm", set_tau,
       [](const LearnConfig& c) { return with_oracle(c, c.tau); }},
      {"answer", "how --oracle answers: zero (default), exact, shrink or sampled",
       [](LearnConfig& c, Text text) {
         choose(c.answer, "answer", text, {"exact", "zero", "shrink", "sampled"});
       },
       [](const LearnConfig& c) { return with_oracle(c, c.answer.empty() ? "zero" : c.answer); }}};
  return flags;
}

bool LearnerKind::has_hypothesis(const std::string& family) const { return !has(without_hypothesis, family); }

bool LearnerKind::reads(std::string_view flag) const { return has(flags, flag); }

bool LearnerKind::reads_field(std::string_view field) const {
  static const Names shared = {"control",       "samples",    "test-samples",          "noise",
                               "learned-below", "fails-from", "memorised-train-below", "member-seed",
                               "init-seed",     "data-seed"};
  static const Names network = {"model", "depth",      "width",     "head-width", "filter", "activation",
                                "init",  "init-scale", "adjacency", "pool",       "norm"};
  return has(shared, field) || (has_network && has(network, field));
}

}  // namespace tools
