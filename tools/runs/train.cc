// `eqnn train`: one run, or the folds of a cross-validation, from flags.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/core.h>

#include "cli/json.h"
#include "cli/note.h"
#include "commands.h"
#include "data/members.h"
#include "results/run_directory.h"
#include "runs/cross_validation.h"
#include "runs/training_run.h"
#include "train/resolve.h"

namespace tools {
namespace {

// The flags that are no part of the configuration.
struct TrainFlags {
  std::string id, out, config, member, expect;
  bool resume = false, force = false, dry_run = false, print_config = false;
  std::string checkpoint_every = "0";  // 0: at every evaluation
  std::vector<std::string> tags, notes;
};

Index checkpoint_interval(const TrainFlags& flags) {
  return parse_integer("checkpoint-every", flags.checkpoint_every, 0, std::int64_t{1} << 40);
}

Labels given_labels(const TrainFlags& flags) {
  Labels labels{.tags = flags.tags};
  if (!flags.notes.empty()) labels.note = flags.notes.back();
  labels.check();
  return labels;
}

void print_dry_run(const TrainConfig& c, const Examples& examples, const Common& common) {
  const auto training = make_training(c, examples, common.thread_count());
  Json j;
  j["run_id"] = run_id(c);
  j["config"] = parse_json(config_json(c));
  j["parameters"] = training->parameters();
  j["memory_bytes"] = training->memory_bytes();
  j["flops_per_step"] = training->flops_per_step();
  if (common.json) {
    fmt::print("{}\n", to_text(j));
    return;
  }
  fmt::print(
      "{}# run id            {}\n# parameters        {}\n# memory            {:.1f} MB\n# flops a step      {:.3g} "
      "(matrix products)\n",
      config_toml(c), run_id(c), training->parameters(), static_cast<double>(training->memory_bytes()) / 1e6,
      training->flops_per_step());
}

// Takes the keys of the TOML file that are no part of the configuration; flags that are given win.
RawOptions read_config_file(TrainFlags& flags, Common& common) {
  RawOptions fields;
  const auto fill = [](std::string& flag, const std::string& value) {
    if (flag.empty()) flag = value;
  };
  for (const auto& [name, value] : read_toml(flags.config)) {
    if (name == "family") {
      fill(flags.id, value);
    } else if (name == "member") {
      fill(flags.member, value);
    } else if (name == "out") {
      fill(flags.out, value);
    } else if (name == "expect") {
      require(value == "learned" || value == "fails", "--expect is '", value, "'; allowed are learned and fails");
      fill(flags.expect, value);
    } else if (name == "tag") {
      if (flags.tags.empty()) flags.tags = parse_labels({{name, value}}).tags;
    } else if (name == "note") {
      if (flags.notes.empty()) flags.notes = {value};
    } else if (name == "checkpoint-every") {
      if (flags.checkpoint_every == "0") flags.checkpoint_every = value;
    } else if (name == "threads") {
      const auto threads = static_cast<int>(parse_integer(name, value, 1, 1024));
      if (common.threads == 0) common.threads = threads;
    } else if (name == "seed") {
      if (!common.seed_given) common.seed = parse_seed(name, value);
    } else if (name == "progress") {
      require(value == "auto" || value == "bar" || value == "plain" || value == "none", "--progress is '", value,
              "'; allowed are auto, bar, plain and none");
      if (common.progress == "auto") common.progress = value;
    } else {
      fields.push_back({name, value});
    }
  }
  return without_online(fields);
}

// The configuration of the flags, and what it trains on. --resume --out alone takes both from the run.
struct Job {
  TrainConfig config;
  Examples examples;
};

Job make_job(TrainFlags& flags, const RawOptions& given, Common& common) {
  RawOptions options;
  if (!flags.config.empty()) options = read_config_file(flags, common);
  for (const RawOption& o : without_online(given)) options.push_back(o);
  std::uint64_t seed = common.seed;
  std::string member = flags.member, family = flags.id;
  RawOptions all = options;
  if (family.empty() && last_value(options, "data").empty() && flags.resume && !flags.out.empty()) {
    const TrainConfig before = RunDirectory(flags.out).config();
    all = config_options(before);
    all.insert(all.end(), options.begin(), options.end());
    family = before.family;
    if (member.empty()) member = before.member;
    seed = 0;
  }
  require(!family.empty() || !last_value(all, "data").empty(),
          "no family is given; name one: eqnn train gnn-degree-parity (eqnn families list has them all), or a "
          "file: --data");
  all.push_back({"family", family});
  all.push_back({"member", member});
  Job job;
  job.config = resolve_config(all, seed,
                              [&](const std::string& path, const std::string& format, const DataChoices& choices) {
                                return job.examples.data = read_data(path, format, choices);
                              });
  if (!job.examples.data) job.examples.member = make_member(job.config);
  return job;
}

int train(TrainFlags flags, const RawOptions& given, Common common) {
  require(!(flags.resume && flags.force),
          "--resume and --force exclude each other: one goes on with a run, the other removes it");
  RankGroup* const ranks = rank_group();
  share_among(ranks, common);
  Job job;
  leader_first(ranks, [&] {
    job = make_job(flags, given, common);
    checkpoint_interval(flags);
    given_labels(flags);
    require(ranks == nullptr || job.config.folds == 0 || job.config.fold >= 0, "--folds is ", job.config.folds,
            ", and ", started_ranks(),
            " ranks train one run together; give --fold for one of them, or a sweep over fold for all");
  });
  const auto& [c, examples] = job;
  if (!common.quiet)
    for (const std::string& text : examples.notes(c)) note("eqnn: {}\n", one_line(text));
  if (ranks != nullptr && !ranks->leads() && (flags.print_config || flags.dry_run)) return kDone;
  if (flags.print_config) {
    fmt::print("{}", config_toml(c));
    return kDone;
  }
  if (flags.dry_run) {
    print_dry_run(c, examples, common);
    return kDone;
  }
  const RunOptions options{.out = flags.out.empty() ? concat("runs/", run_id(c)) : flags.out,
                           .named = !flags.out.empty(),
                           .resume = flags.resume,
                           .force = flags.force,
                           .checkpoint_every = checkpoint_interval(flags),
                           .expect = flags.expect,
                           .labels = given_labels(flags),
                           .silent = ranks != nullptr && !ranks->leads(),
                           .ranks = ranks};
  if (common.verbose && !common.quiet)
    std::fputs(fmt::format("# run {} in {}\n{}", run_id(c), options.out, config_toml(c)).c_str(), stderr);
  if (c.folds == 0 || c.fold >= 0) return run_training(c, examples, options, common);
  require(flags.expect.empty(), "--expect is for single runs; leave it out with --folds");
  return run_folds(c, examples, options, common);
}

}  // namespace

namespace {

// The flags of one family's training, with the values that they have there; nothing new where no family is named.
void explain_train(CommandText& text, const std::string& family, const RawOptions& given) {
  explain_family(text, family);
  if (family.empty()) return;
  const TrainConfig c = family_config(family, without_online(given), 0);
  std::erase_if(text.flags, [](const FlagText& f) { return f.group == "A file of examples"; });
  explain_config(text, c);
  text.examples = {
      concat("eqnn train ", family, " # its target, by these defaults"),
      concat("eqnn train ", family, " --control --expect learned # its control; exit 4 if it is not learned")};
}

}  // namespace

void add_train(CommandLine& line) {
  Subcommand sub =
      line.add("train", "train one network on a family's target or its control, or on a file", "Train");
  auto flags = std::make_shared<TrainFlags>();
  auto options = std::make_shared<TextFlags>();
  sub.note(
      "eqnn train ID --help shows the flags of that family, and the values that they have where they are not "
      "given: "
      "network, rate and budget are the family's own.");
  add_family_argument(sub, flags->id, false);
  sub.heading("This run");
  sub.option("-o,--out", flags->out, "run directory (default: runs/<run id>)");
  sub.takes("DIR", {"/"});
  sub.option("-c,--config", flags->config, "TOML file of flags; flags given here override it");
  sub.takes("FILE", {".toml"});
  sub.option("--member", flags->member, "member file (.json or .npz) instead of a drawn member");
  sub.takes("FILE", {".json", ".npz"});
  sub.choice("--expect", flags->expect, "exit 4 unless the run ends so", {"learned", "fails"});
  sub.option("--checkpoint-every", flags->checkpoint_every, "steps between checkpoints; 0: at every evaluation");
  sub.takes("STEPS");
  sub.list("--tag", flags->tags,
           "a word for it in run.json and the database, no part of what it is; again: several", ',');
  sub.takes("WORD");
  sub.list("--note", flags->notes, "a line about it, beside the tags; eqnn tag changes both", '\0');
  sub.takes("TEXT");
  sub.toggle("--resume", flags->resume, "go on with an interrupted run; start it where there is none");
  sub.toggle("--force", flags->force, "replace an existing run");
  sub.toggle("--dry-run", flags->dry_run, "print the configuration, parameters, memory and work, and stop");
  sub.toggle("--print-config", flags->print_config, "print the configuration as TOML, and stop");
  add_family_flags(sub, *options);
  sub.heading("Budget, samples and loss");
  options->add(sub, "online", "fresh samples every step (the default)", true);
  for (const ConfigField& f : config_fields()) {
    sub.heading(f.heading);
    options->add(sub, f.name, f.help, f.is_switch, f.values);
    if (f.name == "data") sub.takes("FILE", {"*"});
    if (f.name == "init-from") sub.takes("RUN", {"/"});
  }
  sub.example("eqnn train gnn-degree-parity --n 15 --seed 3 # the target of one member, by the family's defaults");
  sub.example("eqnn train --data MUTAG.txt --format gin --folds 10 # real graphs, cross-validated");
  sub.uses("--threads");
  sub.uses("--seed");
  sub.uses("--verbose", "the run directory and the configuration, as TOML, on stderr");
  sub.uses("--progress");
  sub.file("runs/ID/run.json", "what the run is, its tags and its note; ID is of the configuration");
  sub.file("runs/ID/metrics.jsonl", "a line an evaluation");
  sub.file("runs/ID/model.safetensors", "the trained weights");
  sub.file("runs/ID/result.json", "how it ended, once it has");
  sub.explains([flags, options](CommandText& text) { explain_train(text, flags->id, options->given()); });
  sub.runs([flags, options](const Common& common) { return train(*flags, options->given(), common); });
}

}  // namespace tools
