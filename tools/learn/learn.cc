// `eqnn learn`: a learner that is not gradient descent, on a family's samples.

#include <fmt/ranges.h>

#include <algorithm>

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

// The learners that read a flag, by name. `reads` is LearnerKind::reads or LearnerKind::reads_field.
Names readers(const std::string& flag, bool (LearnerKind::*reads)(std::string_view) const) {
  Names names;
  for (const LearnerKind& kind : learner_kinds())
    if ((kind.*reads)(flag)) names.push_back(kind.name);
  return names;
}

// Throws ValueError for a flag of other learners, naming those.
void check_flag(const std::string& flag, const LearnerKind& kind) {
  for (const auto reads : {&LearnerKind::reads, &LearnerKind::reads_field}) {
    const Names names = readers(flag, reads);
    if (names.empty()) continue;
    require((kind.*reads)(flag), "--", flag, " is a flag of --algo ", fmt::format("{}", fmt::join(names, " and ")),
            "; this is ", kind.name, ": leave it out");
    return;
  }
}

LearnConfig make_config(const LearnFlags& flags, const RawOptions& given, const Common& common) {
  require(!flags.id.empty(),
          "no family is given; name one: eqnn learn gnn-degree-parity (eqnn families list has them all)");
  LearnConfig c;
  c.base.family = flags.id;
  c.algorithm = flags.algorithm.empty() ? learners_of(flags.id).front()->name : flags.algorithm;
  const LearnerKind& kind = learner_of(c);
  RawOptions shared;
  for (const RawOption& o : given) {
    check_flag(o.name, kind);
    const auto flag = std::find_if(learner_flags().begin(), learner_flags().end(),
                                   [&](const LearnerFlag& f) { return f.name == o.name; });
    if (flag == learner_flags().end())
      shared.push_back(o);
    else
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
  if (!told) c.base.samples = learner_of(c).default_samples(c, *member);
  return run_learner(c, *member, {flags.out, flags.force, flags.expect}, common);
}

}  // namespace

void add_learn(CommandLine& line) {
  Subcommand sub =
      line.add("learn", "a learner that is not gradient descent, on a family's samples", "Learn by other means");
  auto flags = std::make_shared<LearnFlags>();
  auto options = std::make_shared<TextFlags>();
  add_family_argument(sub, flags->id, false);
  Names names;
  for (const LearnerKind& kind : learner_kinds()) names.push_back(kind.name);
  const std::string last = names.back();
  names.pop_back();
  sub.option("--algo", flags->algorithm,
             fmt::format("{} or {} (default: the family's own)", fmt::join(names, ", "), last));
  sub.option("-o,--out", flags->out, "run directory; nothing is written without it");
  sub.option("--member", flags->member, "member file (.json or .npz) instead of a drawn member");
  sub.choice("--expect", flags->expect, "exit 4 unless it ends so", {"learned", "fails"});
  sub.toggle("--force", flags->force, "replace an existing run");
  sub.heading("Learners");
  for (const LearnerFlag& f : learner_flags()) options->add(sub, f.name, f.help);
  add_family_flags(sub, *options);
  for (const ConfigField& f : config_fields())
    if (!readers(f.name, &LearnerKind::reads_field).empty()) {
      sub.heading(f.heading);
      options->add(sub, f.name, f.help, f.is_switch, f.values);
    }
  sub.example("eqnn learn gnn-degree-parity --n 64 # elimination over GF(2), the family's own learner");
  sub.example("eqnn learn cnn-cyclic --algo lasso --samples 5000 -o runs/lasso # another one, kept as a run");
  sub.explains([flags](CommandText& text) { explain_family(text, flags->id); });
  sub.runs([flags, options](const Common& common) { return learn(*flags, options->given(), common); });
}

}  // namespace tools
