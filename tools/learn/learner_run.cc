#include "learn/learner_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "cli/json.h"
#include "cli/machine.h"
#include "cli/note.h"
#include "cli/progress.h"
#include "results/run_directory.h"
#include "results/schema.h"
#include "runs/training_run.h"
#include "runs/verdict.h"

namespace tools {
namespace {

using eqnn::Block;

}  // namespace

std::string learn_config_json(const LearnConfig& c) {
  Json j;
  j["family"] = c.base.family;
  Json params = Json::object();
  for (const auto& [name, value] : c.base.params) params[name] = value;
  j["params"] = params;
  if (!c.base.member.empty()) j["member"] = parse_json(c.base.member);
  j["algorithm"] = c.algorithm;
  const LearnerKind& kind = learner_of(c);
  for (const ConfigField& f : config_fields())
    if (kind.reads_field(f.name)) j[f.name] = parse_json(f.get(c.base));
  for (const LearnerFlag& f : learner_flags())
    if (const auto value = kind.reads(f.name) ? f.get(c) : std::nullopt) j[f.name] = *value;
  return to_text(j);
}

std::string learn_run_id(const LearnConfig& c) {
  const int version = learner_of(c).version_on(c.base.family);
  return content_id(concat("learn ", version > 1 ? concat(version, " ") : "", learn_config_json(c)));
}

// --- a run

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

// The hypothesis on the training or the test examples.
Evaluation evaluate(const Learner& learner, const ExampleStream& examples, bool test) {
  std::vector<double> f, y;
  const auto visit = [&](Block<const double> x, std::span<const double> targets) {
    f.resize(f.size() + targets.size());
    learner.predict(x, f.data() + f.size() - targets.size());
    y.insert(y.end(), targets.begin(), targets.end());
  };
  test ? examples.test(visit) : examples.training(visit);
  double loss = 0;
  for (std::size_t i = 0; i < y.size(); ++i) loss += (f[i] - y[i]) * (f[i] - y[i]);
  return summarize({1, f, y}, loss / static_cast<double>(y.size()));
}

// Losses and verdict: null, or not there, where there is no hypothesis.
Json quality_json(const LearnConfig& c, bool two_valued, const ExampleStream& examples, const Learner& learner) {
  Json r;
  const bool hypothesis = learner_of(c).has_hypothesis(c.base.family);
  for (const char* key : {"train_loss", "normalized_train_loss"}) r[key] = nullptr;
  if (hypothesis) {
    const Evaluation train = evaluate(learner, examples, false), test = evaluate(learner, examples, true);
    r["train_loss"] = number_json(train.loss);
    r["normalized_train_loss"] = number_json(train.normalized());
    r.update(evaluation_json(test, {.accuracy = two_valued}));
    const NoiseFloor floor = noise_floor(c.base, two_valued, test.variance);
    if (c.base.noise > 0) r["noise_floor"] = floor_json(floor);
    r["verdict"] = optional_json(
        learner_verdict(c.base, !std::isfinite(test.loss), train.normalized(), test.normalized(), floor));
  } else {
    const Json keys = evaluation_json({}, {.accuracy = two_valued});
    for (const auto& [key, value] : keys.items()) r[key] = nullptr;
    r["test_samples"] = 0;
    r["verdict"] = nullptr;
  }
  r["thresholds"] = thresholds_json(c.base);
  return r;
}

Json result_json(const LearnConfig& c, const eqnn::hard::Member& member, const ExampleStream& examples,
                 const Learner& learner) {
  Json r;
  r["run_id"] = learn_run_id(c);
  r["family"] = c.base.family;
  Json params = Json::object();
  for (const auto& [name, value] : c.base.params) params[name] = typed_json(value);
  r["params"] = params;
  r["member"] = parse_json(member.json());
  r["control"] = c.base.control;
  r["algorithm"] = c.algorithm;
  r["model"] = learner_of(c).has_network ? Json(c.base.model) : Json(nullptr);
  r["optimizer"] = nullptr;
  r["samples"] = c.base.samples;
  r["noise"] = c.base.noise;
  r["seeds"] = {{"member", c.base.member_seed}, {"init", c.base.init_seed}, {"data", c.base.data_seed}};
  r["samples_seen"] = c.base.samples;
  const auto queries = learner.queries();
  r["queries"] = queries ? Json(*queries) : Json(nullptr);
  r["recovered"] = learner.recovered();
  r["exact"] = learner.exact();
  r["learner"] = learner.details();
  if (r["learner"].contains("oracle_log")) {
    r["oracle"] = r["learner"]["oracle_log"];
    r["queries_above_tau"] = r["oracle"]["queries_above_tau"];
    r["learner"].erase("oracle_log");
  }
  r.update(quality_json(c, member.two_valued() && !c.base.control, examples, learner));
  return r;
}

std::string run_json(const LearnConfig& c, const eqnn::hard::Member& member, const Common& common) {
  const auto& input = member.input();
  Json j;
  j["format"] = kRunFormat;
  j["run_id"] = learn_run_id(c);
  j["version"] = version_text();
  j["command"] = "learn";
  j["config"] = parse_json(learn_config_json(c));
  j["member"] = parse_json(member.json());
  j["input"] = {{"name", input.name}, {"points", input.points}, {"channels", input.channels}};
  j["machine"] = parse_json(machine_json());
  j["machine"]["threads"] = common.thread_count();
  return to_text(j, 2) + "\n";
}

std::string text(const Json& v) {
  if (v.is_number_float()) return fmt::format("{:.6g}", v.get<double>());
  return v.is_string() ? v.get<std::string>() : to_text(v);
}

void print_summary(const Json& r, const std::string& out) {
  const auto line = [](const std::string& name, const std::string& what) { fmt::print("{:<22} {}\n", name, what); };
  if (r["test_samples"] == 0)
    line("verdict", "none: this learner has no hypothesis, whose loss could be judged");
  else
    print_outcome(r, "fresh");
  line("algorithm", r["algorithm"].get<std::string>());
  line("samples", text(r["samples"]));
  if (!r["queries"].is_null()) line("queries", text(r["queries"]));
  for (const auto& [key, v] : r["learner"].items()) {
    std::string name = key;
    std::replace(name.begin(), name.end(), '_', ' ');
    line(name, text(v));
  }
  if (!r["recovered"].is_null()) line("recovered", text(r["recovered"]));
  if (r["test_samples"] != 0) line("the target itself", r["exact"].get<bool>() ? "yes" : "no");
  line("time", fmt::format("{:.3f} s to learn, {:.3f} s in all", r["time"]["learn_seconds"].get<double>(),
                           r["time"]["wall_seconds"].get<double>()));
  if (!out.empty()) line("run", out);
}

}  // namespace

int run_learner(const LearnConfig& c, const eqnn::hard::Member& member, const LearnOptions& options,
                const Common& common) {
  const auto began = Clock::now();
  RunDirectory directory(options.out);
  if (!options.out.empty())
    require(!directory.exists() || options.force, options.out, " exists; --force replaces it, --out names another");
  const auto learner = learner_of(c).make(c, member);
  if (!common.quiet)
    for (const std::string& warning : member.warnings()) note("eqnn: warning: {}\n", one_line(warning));
  const ExampleStream examples(c.base, member);
  const auto learning = Clock::now();
  learner->learn(examples);
  const double learn_seconds = seconds_since(learning);
  Json r = result_json(c, member, examples, *learner);
  r["time"] = {{"wall_seconds", seconds_since(began)}, {"learn_seconds", learn_seconds}};
  r["machine"] = parse_json(machine_json());
  r["machine"]["threads"] = common.thread_count();
  if (!options.out.empty()) {
    if (directory.exists()) directory.remove();
    directory.create(run_json(c, member, common));
    directory.write_result(r);
  }
  common.json ? fmt::print("{}\n", to_text(r)) : print_summary(r, options.out);
  return check_expectation(r, options.expect, c.base.fails_from);
}

}  // namespace tools
