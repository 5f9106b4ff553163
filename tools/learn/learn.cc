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

Names names_of(const std::vector<const LearnerKind*>& kinds) {
  Names names;
  for (const LearnerKind* kind : kinds) names.push_back(kind->name);
  return names;
}

// As --help has it: "640"; empty where the learner refuses to say one.
std::string default_samples(const LearnConfig& c, const LearnerKind& kind) {
  if (c.base.samples > 0) return std::to_string(c.base.samples);
  try {
    return std::to_string(kind.default_samples(c, *make_member(c.base)));
  } catch (const ValueError&) {
    return "";
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

// What the flags of a family and an algorithm have where they are not given; the samples of a drawn member.
void explain_learn(CommandText& text, const LearnFlags& flags, const RawOptions& given) {
  explain_family(text, flags.id);
  if (flags.id.empty()) return;
  const std::vector<const LearnerKind*> kinds = learners_of(flags.id);
  const LearnConfig c = make_config(flags, given, {});
  const LearnerKind& kind = learner_of(c);
  text.notes.push_back(concat("The values are those of --algo ", kind.name, "."));
  explain_config(text, c.base);
  const auto text_or_none = [](const Json& value) {  // of none the help says what stands for it
    return value.is_string() ? value.get<std::string>() : value.is_null() || value == 0 ? "" : to_text(value);
  };
  std::erase_if(text.flags, [&](FlagText& flag) {
    const std::string name = flag.name.substr(std::min<std::size_t>(2, flag.name.size()));
    if (flag.name == "--algo") flag.values = names_of(kinds), flag.help = "", flag.fallback = kind.name;
    if (name == "samples") flag.fallback = default_samples(c, kind);
    for (const LearnerFlag& f : learner_flags())
      if (f.name == name && kind.reads(name))
        if (const auto value = f.get(c)) flag.fallback = text_or_none(*value);
    const Names of_flag = readers(name, &LearnerKind::reads), of_field = readers(name, &LearnerKind::reads_field);
    const Names& all = of_flag.empty() ? of_field : of_flag;
    if (all.empty() || std::find(all.begin(), all.end(), kind.name) != all.end()) return false;
    Names others;  // of this family
    for (const LearnerKind* k : kinds)
      if (std::find(all.begin(), all.end(), k->name) != all.end()) others.push_back(k->name);
    flag.help += fmt::format(" (--algo {})", fmt::join(others, ", "));
    flag.fallback.clear();
    return others.empty();
  });
  text.examples = {concat("eqnn learn ", flags.id, " # by ", kinds.front()->name, ", the family's own learner"),
                   concat("eqnn learn ", flags.id, " --algo low-degree -o runs/low # another one, kept as a run")};
}

}  // namespace

void add_learn(CommandLine& line) {
  Subcommand sub =
      line.add("learn", "a learner that is not gradient descent, on a family's samples", "Learn by other means");
  auto flags = std::make_shared<LearnFlags>();
  auto options = std::make_shared<TextFlags>();
  add_family_argument(sub, flags->id, false);
  sub.note(
      "eqnn learn ID --help shows that family's learners and flags, and the values that they have where they are "
      "not "
      "given; with --algo those of that learner.");
  Names names;
  for (const LearnerKind& kind : learner_kinds()) names.push_back(kind.name);
  const std::string last = names.back();
  sub.option("--algo", flags->algorithm,
             fmt::format("{} or {} (default: the family's own)",
                         fmt::join(Names(names.begin(), names.end() - 1), ", "), last));
  sub.knows(names);
  sub.option("-o,--out", flags->out, "run directory; nothing is written without it");
  sub.takes("DIR", {"/"});
  sub.option("--member", flags->member, "member file (.json or .npz) instead of a drawn member");
  sub.takes("FILE", {".json", ".npz"});
  sub.choice("--expect", flags->expect, "exit 4 unless it ends so", {"learned", "fails"});
  sub.toggle("--force", flags->force, "replace an existing run");
  sub.heading("Learners");
  for (const LearnerFlag& f : learner_flags()) options->add(sub, f.name, f.help);
  add_family_flags(sub, *options);
  for (const ConfigField& f : config_fields())
    if (!readers(f.name, &LearnerKind::reads_field).empty()) {
      sub.heading(f.heading);
      const bool samples = f.name == "samples";  // its help is train's, where 0 is fresh ones
      options->add(sub, f.name,
                   samples ? "examples that it learns from (default: the learner's own number)" : f.help,
                   f.is_switch, f.values);
    }
  sub.example("eqnn learn gnn-degree-parity --n 64 # elimination over GF(2), the family's own learner");
  sub.uses("--seed");
  sub.file("DIR/run.json", "what the run is");
  sub.file("DIR/result.json", "how it ended");
  sub.example("eqnn learn invariant-poly --algo lasso --r 20 -o runs/lasso # another one, kept as a run");
  sub.explains([flags, options](CommandText& text) { explain_learn(text, *flags, options->given()); });
  sub.runs([flags, options](const Common& common) { return learn(*flags, options->given(), common); });
}

}  // namespace tools
