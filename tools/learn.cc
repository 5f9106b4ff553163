// `eqnn learn`: a learner that is not gradient descent, on a family's samples.

#include <algorithm>

#include <fmt/core.h>

#include <eqnn/text.h>

#include "commands.h"
#include "learner_run.h"
#include "train_job.h"
#include "training.h"

namespace tools {
namespace {

struct LearnFlags {
  std::string id, out, member, expect;
  bool force = false;
};

// A flag of `learn` that belongs to some of its learners.
struct LearnerFlag {
  const char *name, *help;
  std::vector<std::string> algorithms;  // empty: all
  void (*set)(LearnConfig&, const std::string&);
};

void choose(std::string& field, const std::string& name, const std::string& value,
            const std::vector<std::string>& allowed) {
  std::string list;
  for (const std::string& a : allowed) list += concat(list.empty() ? "" : ", ", a);
  require(std::find(allowed.begin(), allowed.end(), value) != allowed.end(), "--", name, " is '", value,
          "'; allowed are ", list, "; the nearest is ", eqnn::nearest(value, allowed));
  field = value;
}

const std::vector<LearnerFlag>& learner_flags() {
  static const std::vector<LearnerFlag> flags = {
      {"a-min",
       "smallest coefficient of the target, right within 30 %, or auto: not told (default: the target's own)",
       {"growing-basis"},
       [](LearnConfig& c, const std::string& text) { c.a_min = text; }},
      {"damping",
       "damping of the detectors, 0: plain (default: 1, for cyclic generators 0.75)",
       {"growing-basis"},
       [](LearnConfig& c, const std::string& text) { c.damping = text; }},
      {"oracle",
       "answer the learner's queries through a statistical-query oracle: csq or sq",
       {"growing-basis"},
       [](LearnConfig& c, const std::string& text) {
         choose(c.oracle, "oracle", text, {"csq", "sq"});
       }},
      {"tau",
       "tolerance of --oracle, relative to a query's norm",
       {"growing-basis"},
       [](LearnConfig& c, const std::string& text) {
         c.tau = parse_number("tau", text);
         require(c.tau > 0, "--tau is ", text, "; it must be finite and above 0");
       }},
      {"answer",
       "how --oracle answers: zero (default), exact, shrink or sampled",
       {"growing-basis"},
       [](LearnConfig& c, const std::string& text) {
         choose(c.answer, "answer", text, {"exact", "zero", "shrink", "sampled"});
       }},
  };
  return flags;
}

// The flags of `train` that a learner has too.
bool is_shared(const std::string& name) {
  static const std::vector<std::string> shared = {
      "control",     "samples",   "test-samples", "noise", "learned-below", "fails-from", "memorised-train-below",
      "member-seed", "init-seed", "data-seed"};
  return std::find(shared.begin(), shared.end(), name) != shared.end();
}

LearnConfig make_config(const LearnFlags& flags, const std::string& algorithm, const RawOptions& given,
                        const Common& common) {
  require(!flags.id.empty(),
          "no family is given; name one: eqnn learn gnn-degree-parity (eqnn families list has them all)");
  LearnConfig c;
  const auto& allowed = learners_of(flags.id);
  c.algorithm = algorithm.empty() && !allowed.empty() ? allowed.front() : algorithm;
  RawOptions shared;
  for (const RawOption& o : given) {
    const auto flag = std::find_if(learner_flags().begin(), learner_flags().end(),
                                   [&](const LearnerFlag& f) { return f.name == o.name; });
    if (flag == learner_flags().end()) {
      shared.push_back(o);
      continue;
    }
    const auto& owners = flag->algorithms;
    require(owners.empty() || std::find(owners.begin(), owners.end(), c.algorithm) != owners.end(), "--", o.name,
            " is a flag of --algo ", owners.empty() ? "" : owners.front(), "; this is ", c.algorithm,
            ": leave it out");
    flag->set(c, o.value);
  }
  c.base = family_config(flags.id, flags.member, shared, common.seed);
  return c;
}

int learn(const LearnFlags& flags, const std::string& algorithm, const RawOptions& given, const Common& common) {
  LearnConfig c = make_config(flags, algorithm, given, common);
  const auto member = make_member(c.base);
  make_learner(c, *member);  // refuses a learner that the family does not have, before anything is asked of it
  const bool told = std::any_of(given.begin(), given.end(), [](const RawOption& o) { return o.name == "samples"; });
  require(!told || c.base.samples > 0, "--samples is 0; a learner needs at least 1");
  if (!told) c.base.samples = default_samples(c, *member);
  return run_learner(c, *member, {flags.out, flags.force, flags.expect}, common);
}

}  // namespace

void add_learn(CLI::App& app, Commands& commands) {
  CLI::App* sub = app.add_subcommand("learn", "a learner that is not gradient descent, on a family's samples");
  auto flags = std::make_shared<LearnFlags>();
  auto options = std::make_shared<TextFlags>();
  auto algorithm = std::make_shared<std::string>();
  sub->add_option("ID", flags->id, "family (eqnn families list)");
  sub->add_option(
      "--algo", *algorithm,
      "gf2, growing-basis, lasso, brute-force, table, low-degree or kernel (default: the family's own)");
  sub->add_option("-o,--out", flags->out, "run directory; nothing is written without it");
  sub->add_option("--member", flags->member, "member file (.json or .npz) instead of a drawn member");
  sub->add_option("--expect", flags->expect, "exit 4 unless it ends so")
      ->check(CLI::IsMember({"learned", "fails"}));
  sub->add_flag("--force", flags->force, "replace an existing run");
  for (const LearnerFlag& f : learner_flags()) options->add(*sub, f.name, f.help);
  add_family_flags(*sub, *options);
  for (const ConfigField& f : config_fields())
    if (is_shared(f.name)) options->add(*sub, f.name, f.help, f.is_switch);
  commands.push_back({sub, [flags, algorithm, options](const Common& common) {
                        return learn(*flags, *algorithm, options->given(), common);
                      }});
}

}  // namespace tools
