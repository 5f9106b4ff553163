#include "train/config.h"

#include <eqnn/core/hash.h>

#include <limits>

#include "cli/json.h"
#include "data/dataset.h"
#include "train/choices.h"
#include "train/elements.h"
#include "train/models.h"
#include "train/phases.h"

namespace tools {
namespace {

// Results of another version are not comparable: a change of sampling, initialisation or arithmetic that changes
// the bits of a run raises the version of the runs that it reaches.
constexpr int kResultsVersion = 1;
// Since version 2 random elements of groups have a stream of their own (it orders the elements of a graph's group),
// and the cross entropy is taken from differences of logits.
// Since version 3 the part of a file that is set apart for --patience is drawn by class.
// Since version 4 cyclic convolutions are by fast Fourier transforms, and a group average's last layer on the mean.
// Since version 5 --stop-at-loss ends a run when all test samples say so, and not a fifth of them, or 1,000, alone.
int results_version(const TrainConfig& c) {
  if (c.stop_at_loss > 0 && c.data.empty() && c.test_samples > 1000) return 5;
  if (c.model == "cnn" || c.model == "group-mlp") return 4;
  if (!c.data.empty() && c.patience > 0) return 3;
  return c.loss == "cross-entropy" ? 2 : kResultsVersion;
}

constexpr std::int64_t kMany = std::numeric_limits<std::int64_t>::max();

std::string json_string(const std::string& s) { return to_text(Json(s)); }

ConfigField integer(const char* name, const char* help, Index TrainConfig::*field, std::int64_t low,
                    std::int64_t high = kMany) {
  return {name, help, false,
          [=](TrainConfig& c, const std::string& text) { c.*field = parse_integer(name, text, low, high); },
          [=](const TrainConfig& c) { return std::to_string(c.*field); }};
}

ConfigField number(const char* name, const char* help, double TrainConfig::*field, double low,
                   double high = 1e300) {
  return {name, help, false,
          [=](TrainConfig& c, const std::string& text) {
            const double v = parse_number(name, text);
            require(v >= low && v <= high, "--", name, " is ", text, "; allowed are numbers from ",
                    number_text(low), high < 1e300 ? " to " + number_text(high) : std::string(" on"));
            c.*field = v;
          },
          [=](const TrainConfig& c) { return number_text(c.*field); }};
}

ConfigField toggle(const char* name, const char* help, bool TrainConfig::*field) {
  return {name, help, true, [=](TrainConfig& c, const std::string& text) { c.*field = parse_switch(name, text); },
          [=](const TrainConfig& c) { return std::string(c.*field ? "true" : "false"); }};
}

ConfigField seed_field(const char* name, const char* help, std::uint64_t TrainConfig::*field) {
  return {name, help, false, [=](TrainConfig& c, const std::string& text) { c.*field = parse_seed(name, text); },
          [=](const TrainConfig& c) { return std::to_string(c.*field); }};
}

// A choice by name: `allowed` are the names of its table.
ConfigField choice(const char* name, const char* help, std::string TrainConfig::*field,
                   const std::vector<std::string>& allowed) {
  return {.name = name,
          .help = help,
          .set = [=](TrainConfig& c,
                     const std::string& text) { c.*field = allowed[place_of(text, allowed, concat("--", name))]; },
          .get = [=](const TrainConfig& c) { return json_string(c.*field); },
          .values = allowed};
}

std::vector<ConfigField> plain_fields() {
  using C = TrainConfig;
  return {
      ConfigField{"data", "a file of labelled examples instead of a family", false,
                  [](C& c, const std::string& text) { c.data = text; },
                  [](const C& c) { return json_string(c.data); }},
      choice("format", "format of --data", &C::format, dataset_formats()),
      integer("folds", "cross-validation of --data in so many stratified folds; 0: fold 0 of 10 is the test part",
              &C::folds, 0, 1000),
      integer("fold", "only this fold of --folds, from 0; -1: all", &C::fold, -1, 999),
      toggle("control", "train on the family's matched positive control instead of its target", &C::control),
      choice("model", "network", &C::model, models().names()),
      integer("depth", "hidden layers before the head", &C::depth, 1, 1000),
      integer("width", "units of a hidden layer", &C::width, 1, 1 << 16),
      integer("head-width", "units of the head's hidden layer; 0: a linear head", &C::head_width, 0, 1 << 16),
      integer("filter", "positions of a convolution after the first, which has full length; 0: all", &C::filter, 0,
              1 << 16),
      choice("activation", "activation", &C::activation, activations().names()),
      choice("init", "initial weights", &C::init, initializers().names()),
      number("init-scale", "factor of the initial weights", &C::init_scale, 0),
      choice("adjacency", "form of the adjacency", &C::adjacency, adjacency_forms().names()),
      choice("pool", "pooling over the points", &C::pool, pools().names()),
      choice("norm", "normalisation after each layer", &C::norm, norms().names()),
      number("dropout", "probability that an element is dropped after each layer", &C::dropout, 0, 0.999),
      choice("optimizer", "optimiser", &C::optimizer, optimizers().names()),
      number("lr", "learning rate", &C::lr, 0),
      number("momentum", "momentum of sgd", &C::momentum, 0),
      toggle("nesterov", "Nesterov momentum of sgd", &C::nesterov),
      number("weight-decay", "weight decay", &C::weight_decay, 0),
      choice("schedule", "learning rate schedule", &C::schedule, schedules().names()),
      integer("warmup", "steps of linear warm-up", &C::warmup, 0),
      integer("decay-every", "steps between two falls of --schedule step", &C::decay_every, 1),
      number("decay-factor", "factor of a fall of --schedule step", &C::decay_factor, 0, 1),
      integer("batch", "examples a step", &C::batch, 1, 1 << 24),
      integer("steps", "steps", &C::steps, 1, std::int64_t{1} << 40),
      integer("samples", "size of a fixed training set; 0: fresh samples every step", &C::samples, 0,
              std::int64_t{1} << 31),
      integer("test-samples", "fresh samples of the final test", &C::test_samples, 2, std::int64_t{1} << 31),
      integer("eval-every", "steps between two evaluations; 0: a twentieth of --steps", &C::eval_every, 0),
      number("stop-at-loss", "stop when the normalised test loss, on all test samples, is this low; 0: never",
             &C::stop_at_loss, 0),
      integer("patience",
              "stop after this many evaluations without a better loss on a tenth set apart (of --samples the last, "
              "of a file "
              "by class); 0: never",
              &C::patience, 0),
      number("clip-norm", "largest gradient norm; 0: no clipping", &C::clip_norm, 0),
      number("noise", "noise on training targets: flip probability (two-valued) or standard deviation", &C::noise,
             0),
      choice("loss", "training loss", &C::loss, losses().names()),
      choice("dtype", "arithmetic", &C::dtype, dtypes().names()),
      toggle("strict", "the same bits on every machine with fused multiply-add", &C::strict),
      integer("shard", "examples that one worker replays at a time", &C::shard, 1, 1 << 20),
      number("learned-below", "verdict 'learned': normalised test loss at most this", &C::learned_below, 0),
      number("fails-from", "verdicts of failure: normalised loss at least this", &C::fails_from, 0),
      number("memorised-train-below", "verdict 'memorised': normalised train loss at most this",
             &C::memorised_train_below, 0),
      seed_field("member-seed", "seed of the member of the family", &C::member_seed),
      seed_field("init-seed", "seed of the initial parameters", &C::init_seed),
      seed_field("data-seed", "seed of the data", &C::data_seed),
  };
}

// Fields of training through an oracle.
std::vector<ConfigField> oracle_fields() {
  using C = TrainConfig;
  std::vector<ConfigField> fields = {
      choice("oracle", "train on the answers of a statistical-query oracle", &C::oracle, oracles().names()),
      ConfigField{"tau", "tolerance of --oracle, relative to a query's norm", false,
                  [](C& c, const std::string& text) {
                    c.tau = parse_number("tau", text);
                    require(c.tau > 0, "--tau is ", text, "; it must be finite and above 0");
                  },
                  [](const C& c) { return number_text(c.tau); }},
      choice("answer", "how --oracle answers (default: zero)", &C::answer, oracle_answers().names()),
      integer(
          "oracle-samples",
          "inputs that --oracle averages over, fresh ones every step (default: 4096); 0: all, where there are at "
          "most 65536",
          &C::oracle_samples, 0, 1 << 24)};
  for (ConfigField& f : fields) f.written = [](const C& c) { return c.oracle != "none"; };
  fields.push_back(toggle("null-target", "train on the target 0: what an oracle that tells nothing amounts to",
                          &C::null_target));
  fields.back().written = [](const C& c) { return c.null_target; };
  return fields;
}

// Fields of training that is not correlational.
std::vector<ConfigField> label_fields() {
  using C = TrainConfig;
  std::vector<ConfigField> fields = {
      ConfigField{"label-transform",
                  "train on T(y), centred and scaled: none, square, abs, clip-square[:c], sign[:c]; tests are on y",
                  false,
                  [](C& c, const std::string& text) {
                    c.label_transform = parse_label_transform("label-transform", text).text();
                  },
                  [](const C& c) { return json_string(c.label_transform); },
                  [](const C& c) { return c.label_transform != "none"; }},
      ConfigField{
          "phases", "phases of training, TRANSFORM:STEPS:LR for each: clip-square:8000:1e-3,none:20000:1e-3", false,
          [](C& c, const std::string& text) { c.phases = text.empty() ? "" : phases_text(parse_phases(text)); },
          [](const C& c) { return json_string(c.phases); }, [](const C& c) { return !c.phases.empty(); }},
      integer("reuse", "steps in a row that train on the same fresh batch", &C::reuse, 1, 1 << 20),
      number("first-lr", "learning rate of the first step, whatever --schedule says; 0: no other", &C::first_lr,
             0)};
  fields[2].written = [](const C& c) { return c.reuse > 1; };
  fields[3].written = [](const C& c) { return c.first_lr > 0; };
  return fields;
}

// Elements of groups.
ConfigField elements(const char* name, const char* help, std::string TrainConfig::*field) {
  return {name,
          help,
          false,
          [=](TrainConfig& c, const std::string& text) { c.*field = text_of(parse_elements(name, text)); },
          [=](const TrainConfig& c) { return json_string(c.*field); },
          [=](const TrainConfig& c) { return c.*field != "none"; }};
}
std::vector<ConfigField> group_fields() {
  ConfigField frame_group =
      choice("frame-group",
             "group of a frame of points: rotations (SO), with reflections (O), either with translations (SE, E)",
             &TrainConfig::frame_group, point_groups().names());
  frame_group.written = [](const TrainConfig& c) { return models()[c.model].invariance == Invariance::frame; };
  return {
      std::move(frame_group),
      elements("augment",
               "move each training example by a random element of a group, GROUP[:K]: family, C16, D8, S5, signs, "
               "O3, ...; with :K of K of its elements, drawn once; none",
               &TrainConfig::augment),
      elements("test-average",
               "average outputs of tests over a group, GROUP[:K] as --augment has it: all of it, or K elements",
               &TrainConfig::test_average)};
}

// The rule that gives a run up: STEPS:LOSS. Throws ValueError.
TrainConfig::Hopeless parse_hopeless(const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto steps = colon == std::string::npos ? std::nullopt : whole_number(text.substr(0, colon));
  require(steps && *steps >= 1, "--stop-hopeless is '", text,
          "'; STEPS:LOSS is needed, such as 5000:0.95: stop after 5000 steps unless a test loss was below 0.95");
  const double loss = parse_number("stop-hopeless", text.substr(colon + 1));
  require(loss > 0, "--stop-hopeless is '", text, "'; the loss behind the colon must be above 0");
  return {*steps, loss};
}

// Where a run begins, and where it is given up.
std::vector<ConfigField> end_fields() {
  using C = TrainConfig;
  return {
      ConfigField{
          "init-from", "begin with the weights of this run, where names and shapes are the same; others are drawn",
          false, [](C& c, const std::string& text) { c.init_from = text; },
          [](const C& c) { return json_string(c.init_from); }, [](const C& c) { return !c.init_from.empty(); }},
      ConfigField{"stop-hopeless",
                  "STEPS:LOSS: stop at the first test from STEPS on, unless a normalised test loss was below LOSS",
                  false,
                  [](C& c, const std::string& text) {
                    if (text.empty()) return c.stop_hopeless.clear();
                    const C::Hopeless h = parse_hopeless(text);
                    c.stop_hopeless = concat(h.steps, ":", number_text(h.loss));
                  },
                  [](const C& c) { return json_string(c.stop_hopeless); },
                  [](const C& c) { return !c.stop_hopeless.empty(); }}};
}

// The heading of the fields from the first one named on, up to the next.
constexpr std::pair<std::string_view, const char*> kHeadings[] = {{"data", "A file of examples"},
                                                                  {"control", "Target"},
                                                                  {"model", "Network"},
                                                                  {"optimizer", "Optimiser"},
                                                                  {"batch", "Budget, samples and loss"},
                                                                  {"learned-below", "Verdicts"},
                                                                  {"member-seed", "Seeds"},
                                                                  {"node-labels", "A file of examples"},
                                                                  {"oracle", "Statistical-query oracle"},
                                                                  {"label-transform", "Labels and phases"},
                                                                  {"frame-group", "Network"},
                                                                  {"augment", "Symmetry from data"},
                                                                  {"init-from", "Network"},
                                                                  {"stop-hopeless", "Budget, samples and loss"}};

std::vector<ConfigField> make_fields() {
  std::vector<ConfigField> fields = plain_fields();
  ConfigField labels =
      choice("node-labels", "labels of the nodes of --data (default: file, degree where it has none)",
             &TrainConfig::node_labels, node_labels().names());
  labels.written = [](const TrainConfig& c) { return c.node_labels != "file"; };
  fields.push_back(std::move(labels));
  for (ConfigField& f : oracle_fields()) fields.push_back(std::move(f));
  for (ConfigField& f : label_fields()) fields.push_back(std::move(f));
  for (ConfigField& f : group_fields()) fields.push_back(std::move(f));
  for (ConfigField& f : end_fields()) fields.push_back(std::move(f));
  std::string heading;
  for (ConfigField& f : fields) {
    for (const auto& [first, text] : kHeadings)
      if (f.name == first) heading = text;
    f.heading = heading;
  }
  return fields;
}

bool is_written(const ConfigField& f, const TrainConfig& c) { return !f.written || f.written(c); }

Json config_object(const TrainConfig& c) {
  Json j;
  j["family"] = c.family;
  if (!c.data.empty()) j["data_hash"] = c.data_hash;
  if (!c.init_from.empty()) j["init_hash"] = c.init_hash;
  Json params = Json::object();
  for (const auto& [name, value] : c.params) params[name] = value;
  j["params"] = params;
  if (!c.member.empty()) j["member"] = parse_json(c.member);
  for (const ConfigField& f : config_fields())
    if (is_written(f, c)) j[f.name] = parse_json(f.get(c));
  return j;
}

std::string scalar_text(const Json& v) { return v.is_string() ? v.get<std::string>() : to_text(v); }

}  // namespace

TrainConfig::Hopeless TrainConfig::hopeless() const { return parse_hopeless(stop_hopeless); }

std::string flag_value(const ConfigField& field, const TrainConfig& c) {
  return scalar_text(parse_json(field.get(c)));
}

const std::vector<ConfigField>& config_fields() {
  static const std::vector<ConfigField> fields = make_fields();
  return fields;
}

namespace {

// Through an oracle nothing but its answers may depend on the target, and its answers are expectations over the
// input law of the noiseless target.
void check_oracle(const TrainConfig& c) {
  if (c.oracle == "none") {
    for (const auto& [given, name] :
         {std::pair{c.tau > 0, "tau"}, {!c.answer.empty(), "answer"}, {c.oracle_samples >= 0, "oracle-samples"}})
      require(!given, "--", name, " is given without --oracle; give --oracle csq or sq too");
    return;
  }
  require(c.tau > 0, "--oracle ", c.oracle, " needs a tolerance: give --tau, such as 0.1");
  require(c.data.empty(), "--oracle is for families, whose input law is known; with --data leave it out");
  require(c.loss == "mse", "--oracle takes --loss mse, whose gradient is correlational; this is ", c.loss);
  require(c.samples == 0, "--oracle answers with expectations and has no training set; leave out --samples (",
          c.samples, ")");
  require(c.noise == 0, "--oracle answers about the target without noise; leave out --noise (",
          number_text(c.noise), ")");
  require(c.dropout == 0, "--oracle needs a network that is one function; leave out --dropout (",
          number_text(c.dropout), ")");
  require(c.stop_at_loss == 0, "--stop-at-loss (", number_text(c.stop_at_loss),
          ") reads the target past the oracle; leave it out");
  require(c.phases.empty() && c.label_transform == "none" && c.reuse == 1,
          "--oracle answers about the target itself, fresh at each step; leave out --label-transform, --phases and "
          "--reuse");
  require(c.augment == "none", "--oracle answers about the inputs as they are; leave out --augment (", c.augment,
          ")");
}

void check_hopeless(const TrainConfig& c) {
  if (c.stop_hopeless.empty()) return;
  const auto h = c.hopeless();
  require(c.data.empty() && c.samples == 0, "--stop-hopeless is for runs on fresh samples; with --",
          c.data.empty() ? "samples" : "data", " leave it out");
  require(c.oracle == "none", "--stop-hopeless (", c.stop_hopeless,
          ") reads the target past the oracle; leave it out");
  require(h.steps < c.steps, "--stop-hopeless is ", c.stop_hopeless, " and --steps ", c.steps,
          "; it must come before the end");
  require(h.loss > c.learned_below, "--stop-hopeless is ", c.stop_hopeless, " and --learned-below ",
          number_text(c.learned_below), "; its loss must be above that");
}

void check_phases(const TrainConfig& c) {
  const std::vector<Phase> phases = phases_of(c);
  require(c.phases.empty() || c.label_transform == "none", "--label-transform is ", c.label_transform,
          " beside --phases, which name the transform of each; leave one of them out");
  for (const Phase& p : phases)
    require(c.warmup<p.steps, "--warmup is ", c.warmup, " with ", p.steps, " steps", phases.size()> 1
                ? " in a phase, at whose start it begins anew"
                : "",
            "; it must be less");
  if (!c.phases.empty()) {
    const auto steps = phases.back().first + static_cast<std::uint64_t>(phases.back().steps);
    require(c.steps == static_cast<Index>(steps), "--steps is ", c.steps, ", and the phases of --phases have ",
            steps, " together; leave out --steps");
    require(c.lr == phases.back().lr, "--lr is ", number_text(c.lr),
            ", and --phases names the rate of each phase; leave out --lr");
  }
  const bool transformed = transforms_labels(c);
  require(!transformed || c.loss != "cross-entropy",
          "a label transform is for real labels; under --loss cross-entropy they are classes: leave it out");
  require(c.patience == 0 || (c.phases.empty() && !transformed),
          "--patience watches one loss, and --phases and --label-transform have others; leave it out");
  require(c.reuse == 1 || c.samples == 0, "--reuse is ", c.reuse, ", of fresh batches; a fixed set of --samples ",
          c.samples, " is used again anyway: leave one of them out");
  require(c.first_lr == 0 || phases.front().lr > 0, "--first-lr is ", number_text(c.first_lr),
          " and the rate after it 0; give --lr above 0");
}

}  // namespace

void check_config(const TrainConfig& c) {
  require(c.learned_below < c.fails_from, "--learned-below is ", number_text(c.learned_below), " and --fails-from ",
          number_text(c.fails_from), "; a run would have both learned and failed: the first must be less");
  require(c.memorised_train_below < c.fails_from, "--memorised-train-below is ",
          number_text(c.memorised_train_below), " and --fails-from ", number_text(c.fails_from),
          "; a run would have both fitted its examples and failed to: the first must be less");
  require(!c.nesterov || (c.optimizer == "sgd" && c.momentum > 0),
          "--nesterov needs --optimizer sgd and --momentum above 0");
  require(c.momentum == 0 || c.optimizer == "sgd", "--momentum is ", number_text(c.momentum), " with --optimizer ",
          c.optimizer, "; only sgd has momentum");
  if (!c.data.empty()) {
    require(!c.control && c.samples == 0 && c.noise == 0,
            "--control, --samples and --noise are for families; with --data leave them out");
    require(c.folds != 1, "--folds is 1; it must be 2 or more, or 0");
    require(c.fold<(c.folds > 0 ? c.folds : 10), "--fold is ", c.fold, " of ", c.folds> 0 ? c.folds : 10,
            " folds, which count from 0");
  } else {
    require(c.folds == 0 && c.fold < 0,
            "--folds and --fold need --data: families have as many samples as are wanted");
  }
  require(!c.data.empty() || c.patience == 0 || c.samples >= 10,
          "--patience needs a fixed training set of at least 10: give --samples");
  check_oracle(c);
  check_hopeless(c);
  check_phases(c);
}

RawOptions config_options(const TrainConfig& c) {
  RawOptions options;
  for (const auto& [name, value] : c.params) options.push_back({name, value});
  for (const ConfigField& f : config_fields())
    if (is_written(f, c)) options.push_back({f.name, flag_value(f, c)});
  return options;
}

std::string config_json(const TrainConfig& c) { return to_text(config_object(c)); }

TrainConfig parse_config_json(std::string_view text) {
  const auto j = parse_json(text);
  TrainConfig c;
  c.family = j.at("family").get<std::string>();
  c.data_hash = j.value("data_hash", "");
  c.init_hash = j.value("init_hash", "");
  for (const auto& [name, value] : j.at("params").items()) c.params[name] = value.get<std::string>();
  if (j.contains("member")) c.member = to_text(j.at("member"));
  // What is not there was not used, or is missing.
  for (const ConfigField& f : config_fields())
    if (j.contains(f.name) || is_written(f, TrainConfig{})) f.set(c, scalar_text(j.at(f.name)));
  check_config(c);
  return c;
}

std::string config_toml(const TrainConfig& c) {
  std::string text = c.data.empty() ? concat("family = ", json_string(c.family), "\n") : "";
  for (const auto& [name, value] : c.params) {
    const bool bare = value == "true" || value == "false" ||
                      (!value.empty() && value.find_first_not_of("0123456789.e+-") == std::string::npos);
    text += concat(name, " = ", bare ? value : json_string(value), "\n");
  }
  if (!c.member.empty()) text += concat("member = ", json_string(c.member), "\n");
  for (const ConfigField& f : config_fields()) {
    if (!is_written(f, c)) continue;
    const std::string value = f.get(c);
    // A seed beyond 2^63 is no TOML integer.
    const bool large = value.find_first_not_of("0123456789") == std::string::npos && !whole_number(value);
    text += concat(f.name, " = ", large ? json_string(value) : value, "\n");
  }
  return text;
}

namespace {

std::string versioned_id(int version, std::string_view text) {
  const std::string all = concat("results ", version, " ", text);
  eqnn::Hash hash;
  hash.add(all.data(), all.size());
  return hash.text();
}

}  // namespace

std::string run_id(const TrainConfig& c) {
  Json j = config_object(c);
  if (!c.data.empty()) j.erase("data");
  j.erase("init-from");  // its weights count
  return versioned_id(results_version(c), to_text(j));
}
std::string content_id(std::string_view text) { return versioned_id(kResultsVersion, text); }

}  // namespace tools
