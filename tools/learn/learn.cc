// `eqnn learn`: a learner that is not gradient descent, on a family's samples.

#include <algorithm>

#include <fmt/core.h>

#include <eqnn/core/spelling.h>

#include "commands.h"
#include "data/members.h"
#include "learn/learner_run.h"
#include "train/resolve.h"
#include "train/training.h"

namespace tools {
namespace {

using Names = std::vector<std::string>;

struct LearnFlags {
  std::string id, algorithm, out, member, expect;
  bool force = false;
};

bool has(const Names& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string joined(const Names& list, const char* between) {
  std::string all;
  for (const std::string& s : list) all += concat(all.empty() ? "" : between, s);
  return all;
}

void choose(std::string& field, const std::string& name, const std::string& value, const Names& allowed) {
  require(has(allowed, value), "--", name, " is '", value, "'; allowed are ", joined(allowed, ", "),
          "; the nearest is ", eqnn::nearest(value, allowed));
  field = value;
}

// A flag of `learn` that belongs to some of its learners.
struct LearnerFlag {
  std::string name, help;
  Names algorithms;
  void (*set)(LearnConfig&, const std::string&);
};

const std::vector<LearnerFlag>& learner_flags() {
  static const Names with_oracle = {"growing-basis", "brute-force"};
  static const std::vector<LearnerFlag> flags = {
      {"a-min",
       "smallest coefficient of the target, right within 30 %, or auto: not told (default: the target's own)",
       {"growing-basis"},
       [](LearnConfig& c, const std::string& text) { c.a_min = text; }},
      {"damping",
       "damping of the detectors, 0: plain (default: 1, for cyclic generators 0.75)",
       {"growing-basis"},
       [](LearnConfig& c, const std::string& text) { c.damping = text; }},
      {"max-degree",
       "degree of the products looked at (default: the target's; low-degree: by the number of samples)",
       {"lasso", "brute-force", "low-degree"},
       [](LearnConfig& c, const std::string& text) { c.max_degree = parse_integer("max-degree", text, 1, 12); }},
      {"lambda",
       "weight of the penalty, or auto: by the last fifth of the sample; lasso also theory: sd(y) sqrt(2 log(p) / "
       "m)",
       {"lasso", "kernel"},
       [](LearnConfig& c, const std::string& text) {
         const bool named = text == "auto" || (text == "theory" && c.algorithm == "lasso");
         require(named || parse_number("lambda", text) > 0, "--lambda is ", text,
                 "; allowed are numbers above 0 and auto");
         c.lambda = text;
       }},
      {"kernel",
       "tangent: gradients of the network at initialisation (default), or features: its last hidden values",
       {"kernel"},
       [](LearnConfig& c, const std::string& text) {
         choose(c.kernel, "kernel", text, {"tangent", "features"});
       }},
      {"oracle", "answer the learner's queries through a statistical-query oracle: csq or sq", with_oracle,
       [](LearnConfig& c, const std::string& text) {
         choose(c.oracle, "oracle", text, {"csq", "sq"});
       }},
      {"tau", "tolerance of --oracle, relative to a query's norm", with_oracle,
       [](LearnConfig& c, const std::string& text) {
         c.tau = parse_number("tau", text);
         require(c.tau > 0, "--tau is ", text, "; it must be finite and above 0");
       }},
      {"answer", "how --oracle answers: zero (default), exact, shrink or sampled", with_oracle,
       [](LearnConfig& c, const std::string& text) {
         choose(c.answer, "answer", text, {"exact", "zero", "shrink", "sampled"});
       }}};
  return flags;
}

// The flags of `train` that a learner has too.
bool is_shared(const std::string& name) {
  static const Names shared = {"control",       "samples",    "test-samples",          "noise",
                               "learned-below", "fails-from", "memorised-train-below", "member-seed",
                               "init-seed",     "data-seed"};
  return has(shared, name) || has(network_fields(), name);
}

void check_owner(const std::string& flag, const Names& algorithms, const std::string& algorithm) {
  require(has(algorithms, algorithm), "--", flag, " is a flag of --algo ", joined(algorithms, " and "),
          "; this is ", algorithm, ": leave it out");
}

LearnConfig make_config(const LearnFlags& flags, const RawOptions& given, const Common& common) {
  require(!flags.id.empty(),
          "no family is given; name one: eqnn learn gnn-degree-parity (eqnn families list has them all)");
  LearnConfig c;
  c.base.family = flags.id;
  c.algorithm = flags.algorithm.empty() ? learners_of(flags.id).front() : flags.algorithm;
  check_algorithm(c);
  RawOptions shared;
  for (const RawOption& o : given) {
    if (has(network_fields(), o.name)) check_owner(o.name, {"kernel"}, c.algorithm);
    const auto flag = std::find_if(learner_flags().begin(), learner_flags().end(),
                                   [&](const LearnerFlag& f) { return f.name == o.name; });
    if (flag == learner_flags().end()) {
      shared.push_back(o);
      continue;
    }
    check_owner(o.name, flag->algorithms, c.algorithm);
    flag->set(c, o.value);
  }
  shared.push_back({"family", flags.id});
  shared.push_back({"member", flags.member});
  c.base = resolve_config(shared, common.seed);
  return c;
}

int learn(const LearnFlags& flags, const RawOptions& given, const Common& common) {
  LearnConfig c = make_config(flags, given, common);
  const auto member = make_member(c.base);
  const bool told = std::any_of(given.begin(), given.end(), [](const RawOption& o) { return o.name == "samples"; });
  require(!told || c.base.samples > 0, "--samples is 0; a learner needs at least 1");
  if (!told) c.base.samples = default_samples(c, *member);
  return run_learner(c, *member, {flags.out, flags.force, flags.expect}, common);
}

}  // namespace

void add_learn(CommandLine& line) {
  Subcommand sub = line.add("learn", "a learner that is not gradient descent, on a family's samples");
  auto flags = std::make_shared<LearnFlags>();
  auto options = std::make_shared<TextFlags>();
  sub.option("ID", flags->id, "family (eqnn families list)");
  sub.option(
      "--algo", flags->algorithm,
      "gf2, growing-basis, lasso, brute-force, table, low-degree or kernel (default: the family's own)");
  sub.option("-o,--out", flags->out, "run directory; nothing is written without it");
  sub.option("--member", flags->member, "member file (.json or .npz) instead of a drawn member");
  sub.choice("--expect", flags->expect, "exit 4 unless it ends so", {"learned", "fails"});
  sub.toggle("--force", flags->force, "replace an existing run");
  for (const LearnerFlag& f : learner_flags()) options->add(sub, f.name, f.help);
  add_family_flags(sub, *options);
  for (const ConfigField& f : config_fields())
    if (is_shared(f.name)) options->add(sub, f.name, f.help, f.is_switch);
  sub.runs([flags, options](const Common& common) { return learn(*flags, options->given(), common); });
}

}  // namespace tools
