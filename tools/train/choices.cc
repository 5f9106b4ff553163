#include "train/choices.h"

#include <algorithm>

#include "train/models.h"

namespace tools {

const NameTable<eqnn::Activation>& activations() {
  using eqnn::Activation;
  static const NameTable<Activation> table("--activation", {{"relu", Activation::relu},
                                                            {"tanh", Activation::tanh},
                                                            {"gelu", Activation::gelu},
                                                            {"square", Activation::square}});
  return table;
}

const NameTable<eqnn::Initializer>& initializers() {
  static const NameTable<eqnn::Initializer> table("--init", {{"kaiming-uniform", eqnn::kaiming_uniform},
                                                             {"kaiming-normal", eqnn::kaiming_normal},
                                                             {"xavier-uniform", eqnn::xavier_uniform},
                                                             {"xavier-normal", eqnn::xavier_normal},
                                                             {"orthogonal", eqnn::orthogonal}});
  return table;
}

const NameTable<eqnn::Adjacency>& adjacency_forms() {
  using eqnn::Adjacency;
  static const NameTable<Adjacency> table("--adjacency", {{"raw", Adjacency::raw},
                                                          {"mean", Adjacency::mean},
                                                          {"sqrt", Adjacency::sqrt},
                                                          {"centred", Adjacency::centred}});
  return table;
}

const NameTable<Pool>& pools() {
  static const NameTable<Pool> table("--pool", {{"mean", Pool::mean}, {"sum", Pool::sum}, {"sqrt", Pool::sqrt}});
  return table;
}

const NameTable<eqnn::PointGroup>& point_groups() {
  using eqnn::PointGroup;
  static const NameTable<PointGroup> table(
      "--frame-group",
      {{"O", PointGroup::o}, {"SO", PointGroup::so}, {"E", PointGroup::e}, {"SE", PointGroup::se}});
  return table;
}

const NameTable<Norm>& norms() {
  static const NameTable<Norm> table("--norm",
                                     {{"none", Norm::none}, {"layer", Norm::layer}, {"graph", Norm::graph}});
  return table;
}

const NameTable<Loss>& losses() {
  static const NameTable<Loss> table(
      "--loss",
      {{"mse", Loss::mse}, {"abs", Loss::abs}, {"huber", Loss::huber}, {"cross-entropy", Loss::cross_entropy}});
  return table;
}

const NameTable<DataChoices::NodeLabels>& node_labels() {
  using Labels = DataChoices::NodeLabels;
  static const NameTable<Labels> table(
      "--node-labels", {{"file", Labels::file}, {"degree", Labels::degree}, {"none", Labels::none}});
  return table;
}

DataChoices data_choices(const std::string& loss, const std::string& labels) {
  using Targets = DataChoices::Targets;
  DataChoices choices;
  if (!loss.empty()) choices.targets = losses()[loss] == Loss::cross_entropy ? Targets::classes : Targets::real;
  if (!labels.empty()) choices.node_labels = node_labels()[labels];
  return choices;
}

const NameTable<Dtype>& dtypes() {
  static const NameTable<Dtype> table("--dtype", {{"f32", Dtype::f32}, {"f64", Dtype::f64}});
  return table;
}

const NameTable<eqnn::hard::Oracle::Answer>& oracle_answers() {
  using Answer = eqnn::hard::Oracle::Answer;
  static const NameTable<Answer> table(
      "--answer",
      {{"exact", Answer::exact}, {"zero", Answer::zero}, {"shrink", Answer::shrink}, {"sampled", Answer::sampled}});
  return table;
}

namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The flags of `train` that are settings of optimisers, under the names that these have for them.
struct OptimizerFlag {
  const char *setting, *field;
  double (*value)(const TrainConfig&);
};
constexpr OptimizerFlag kOptimizerFlags[] = {
    {"rate", "lr", [](const TrainConfig& c) { return c.lr; }},
    {"momentum", "momentum", [](const TrainConfig& c) { return c.momentum; }},
    {"nesterov", "nesterov", [](const TrainConfig& c) { return c.nesterov ? 1.0 : 0.0; }},
    {"weight_decay", "weight-decay", [](const TrainConfig& c) { return c.weight_decay; }},
};

OptimizerChoice optimizer_choice(const std::string& name) {
  OptimizerChoice choice;
  const std::vector<std::string> settings = eqnn::optimizer_settings(name);
  for (const OptimizerFlag& f : kOptimizerFlags)
    if (contains(settings, f.setting)) choice.fields.push_back(f.field);
  choice.make = [name, settings](const TrainConfig& c) {
    std::vector<std::pair<std::string, double>> values;
    for (const OptimizerFlag& f : kOptimizerFlags)
      if (contains(settings, f.setting)) values.emplace_back(f.setting, f.value(c));
    return eqnn::make_optimizer(name, values);
  };
  return choice;
}

}  // namespace

const NameTable<OptimizerChoice>& optimizers() {
  static const NameTable<OptimizerChoice> table("--optimizer", [] {
    std::vector<std::pair<std::string, OptimizerChoice>> rows;
    for (const std::string& name : eqnn::optimizer_names()) rows.emplace_back(name, optimizer_choice(name));
    return rows;
  }());
  return table;
}

const NameTable<ScheduleChoice>& schedules() {
  using Kind = eqnn::Schedule::Kind;
  static const NameTable<ScheduleChoice> table("--schedule",
                                               {{"constant", {{"warmup"}, Kind::constant}},
                                                {"cosine", {{"warmup"}, Kind::cosine}},
                                                {"step", {{"warmup", "decay-every", "decay-factor"}, Kind::step}}});
  return table;
}

const NameTable<OracleChoice>& oracles() {
  using Kind = eqnn::hard::Oracle::Kind;
  static const std::vector<std::string> fields{"tau", "answer", "oracle-samples"};
  static const NameTable<OracleChoice> table(
      "--oracle", {{"none", {{}, {}}}, {"csq", {fields, Kind::csq}}, {"sq", {fields, Kind::sq}}});
  return table;
}

namespace {

// A family draws as many examples as are wanted, of a target or its control; a file has its own, in folds. A graph
// in a file is sparse, and its adjacency has one form.
struct SourceChoice {
  std::vector<std::string> fields;
};
const NameTable<SourceChoice>& sources() {
  static const NameTable<SourceChoice> table(
      "source", {{"family",
                  {{"control", "samples", "test-samples", "noise", "member-seed", "adjacency", "oracle", "tau",
                    "answer", "oracle-samples", "null-target", "reuse"}}},
                 {"file", {{"data", "format", "folds", "fold", "node-labels"}}}});
  return table;
}

// Takes from `read` what another value of the choice reads, and the chosen one does not.
template <class V>
void leave_out(std::set<std::string>& read, const NameTable<V>& table, const std::string& chosen) {
  const std::vector<std::string>& kept = table[chosen].fields;
  for (const V& value : table.values())
    for (const std::string& field : value.fields)
      if (!contains(kept, field)) read.erase(field);
}

}  // namespace

std::set<std::string> fields_read(const TrainConfig& c) {
  std::set<std::string> read;
  for (const ConfigField& f : config_fields()) read.insert(f.name);
  leave_out(read, models(), c.model);
  leave_out(read, optimizers(), c.optimizer);
  leave_out(read, schedules(), c.schedule);
  leave_out(read, oracles(), c.oracle);
  leave_out(read, sources(), c.data.empty() ? "family" : "file");
  if (c.depth == 1) read.erase("filter");  // it is that of the layers after the first
  return read;
}

std::string readers_of(const std::string& field) {
  std::string readers;
  const auto add = [&](const std::string& flag, const auto& table) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < table.names().size(); ++i)
      if (contains(table.values()[i].fields, field)) names.push_back(table.names()[i]);
    if (!names.empty()) readers += concat(readers.empty() ? "" : "; ", flag, comma_list(names));
  };
  add("--model ", models());
  if (field == "filter") readers += " from --depth 2 on";
  add("--optimizer ", optimizers());
  add("--schedule ", schedules());
  add("--oracle ", oracles());
  add("runs on a ", sources());
  return readers;
}

eqnn::Initializer initializer(const TrainConfig& c) { return initializers()[c.init].scaled(c.init_scale); }

eqnn::Schedule schedule(const TrainConfig& c) {
  return {.kind = schedules()[c.schedule].kind,
          .steps = static_cast<std::uint64_t>(c.steps),
          .warmup = static_cast<std::uint64_t>(c.warmup),
          .every = static_cast<std::uint64_t>(c.decay_every),
          .factor = c.decay_factor,
          .first = c.first_lr > 0 ? c.first_lr / c.lr : 0};
}

}  // namespace tools
