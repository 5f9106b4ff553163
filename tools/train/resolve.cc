#include "train/resolve.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "cli/json.h"
#include "cli/other_words.h"
#include "data/members.h"
#include "train/choices.h"
#include "train/data_source.h"
#include "train/examples.h"
#include "train/initial_weights.h"
#include "train/phases.h"

namespace tools {
namespace {

// Options that are fields of the configuration, and the others, which are parameters of some family. Throws for
// unknown names, with the nearest of the known ones.
struct SortedOptions {
  RawOptions fields, parameters;
};
SortedOptions sort_options(const RawOptions& options, std::vector<std::string> known) {
  for (const ConfigField& f : config_fields()) known.push_back(f.name);
  for (const char* flag :
       {"family", "member", "seed", "online", "out", "expect", "checkpoint-every", "threads", "progress"})
    known.push_back(flag);
  SortedOptions sorted;
  for (const RawOption& o : options) {
    const auto is_o = [&](const auto& named) { return named.name == o.name; };
    const auto has_o = [&](const auto& family) {
      return std::any_of(family.parameters.begin(), family.parameters.end(), is_o);
    };
    if (std::any_of(config_fields().begin(), config_fields().end(), is_o))
      sorted.fields.push_back(o);
    else if (std::any_of(eqnn::hard::families().begin(), eqnn::hard::families().end(), has_o))
      sorted.parameters.push_back(o);
    else
      throw ValueError(concat("'", o.name, "' is not a known key", flag_hint(o.name, known)));
  }
  return sorted;
}

void set_field(TrainConfig& c, const std::string& name, const std::string& value) {
  for (const ConfigField& f : config_fields())
    if (f.name == name) f.set(c, value);
}

// Throws for a field that was given, that nothing in this run reads, and whose value is not the one that the run
// would have without it: it would stand in the run's record and id, and change nothing.
void check_effects(const TrainConfig& c, const TrainConfig& without, const RawOptions& fields) {
  const std::set<std::string> read = fields_read(c);
  for (const RawOption& o : fields)
    for (const ConfigField& f : config_fields())
      if (f.name == o.name && !read.contains(o.name) && f.get(c) != f.get(without))
        throw ValueError(concat("--", o.name, " is ", o.value,
                                " and would have no effect in this run; it is read by ", readers_of(o.name),
                                "; leave it out"));
}

// Steps and rate are those of the phases, unless they are given: then they are checked against these.
void take_phases(TrainConfig& c, const RawOptions& fields) {
  if (c.phases.empty()) return;
  const Phase last = parse_phases(c.phases).back();
  if (last_value(fields, "steps").empty())
    c.steps = static_cast<Index>(last.first + static_cast<std::uint64_t>(last.steps));
  if (last_value(fields, "lr").empty()) c.lr = last.lr;
}

// Defaults, then fields: later ones win.
TrainConfig set_fields(TrainConfig c, const eqnn::hard::ParameterValues& defaults, const RawOptions& fields) {
  for (const auto& [name, value] : defaults) set_field(c, name, value);
  const TrainConfig without = c;
  for (const RawOption& o : fields) set_field(c, o.name, o.value);
  // What is not given is the optimiser's own: AdamW without decay would be Adam.
  if (last_value(fields, "weight-decay").empty())
    c.weight_decay = std::visit([](const auto& o) { return o.weight_decay; }, eqnn::make_optimizer(c.optimizer));
  take_phases(c, fields);
  check_config(c);
  check_effects(c, without, fields);
  if (c.oracle != "none" && c.answer.empty()) c.answer = "zero";
  if (c.oracle != "none" && c.oracle_samples < 0) c.oracle_samples = 4096;
  return c;
}

// Graphs: GIN as in Xu et al. 2019, with a linear head on the pooled values of all layers; a norm that looks at one
// graph at a time in the place of batch normalisation, unless it would leave nothing.
TrainConfig data_config(const LabelledExamples& data, const RawOptions& options, std::uint64_t seed) {
  const SortedOptions sorted = sort_options(options, {});
  require(sorted.parameters.empty(), "--", sorted.parameters.empty() ? "" : sorted.parameters[0].name,
          " is a parameter of a family; with --data leave it out");
  eqnn::hard::ParameterValues defaults{
      {"model", "mlp"}, {"loss", data.has_classes() ? "cross-entropy" : "mse"}, {"steps", "5000"}};
  if (data.has_graphs())
    defaults.insert({{"depth", "4"},
                     {"width", "32"},
                     {"head-width", "0"},
                     {"norm", data.nodes_look_alike() ? "layer" : "graph"},
                     {"pool", "sum"},
                     {"lr", "5e-3"}});
  if (data.has_graphs()) defaults["model"] = "gin";
  if (data.has_graphs()) defaults["node-labels"] = node_labels().name_of(data.labels_from);
  TrainConfig c;
  c.member_seed = c.init_seed = c.data_seed = seed;
  c.data_hash = fingerprint(data);
  return set_fields(c, defaults, sorted.fields);
}

// A member file decides the parameters that it holds (n, ...), whatever their flags' defaults. In a TOML file
// the member itself may stand, as --print-config writes it.
void take_member(TrainConfig& c, const std::string& source, const RawOptions& options) {
  const auto& family = eqnn::hard::family(c.family);
  const auto member = source.starts_with("{") ? family.parse(source) : read_member(family, source);
  c.member = member->json();
  RawOptions parameters;
  std::copy_if(options.begin(), options.end(), std::back_inserter(parameters),
               [&](const RawOption& o) { return family.has_parameter(o.name); });
  check_agrees(*member, family, parameters, source);
  const Json j = parse_json(c.member);
  for (const auto& p : family.parameters)
    if (const auto held = held_parameter(j, p)) c.params[p.name] = *held;
  leave_out_implicit(family, c.params);
}

// Parameters whose default is derived from others (empty text), as the member has them.
void fill_derived_parameters(TrainConfig& c) {
  const auto is_empty = [](const auto& parameter) { return parameter.second.empty(); };
  if (std::none_of(c.params.begin(), c.params.end(), is_empty)) return;
  const Json j = parse_json(make_member(c)->json());
  for (auto& [name, value] : c.params)
    if (value.empty() && j.contains(name) && j.at(name).is_number()) value = to_text(j.at(name));
}

void hash_weights(TrainConfig& c) {
  if (!c.init_from.empty()) c.init_hash = weights_hash(read_weights(c.init_from));
}

}  // namespace

std::string last_value(const RawOptions& options, const std::string& name) {
  std::string value;
  for (const RawOption& o : options)
    if (o.name == name) value = o.value;
  return value;
}

RawOptions without_online(const RawOptions& options) {
  RawOptions kept;
  bool online = false, samples = false;
  for (const RawOption& o : options) {
    if (o.name == "online") {
      online = parse_switch(o.name, o.value);
    } else {
      samples |= o.name == "samples" && whole_number(o.value) != 0;
      kept.push_back(o);
    }
  }
  require(!online || !samples,
          "--online and --samples exclude each other: fresh samples every step, or a fixed set");
  if (online) kept.push_back({"samples", "0"});
  return kept;
}

TrainConfig family_config(const std::string& family_id, const RawOptions& options, std::uint64_t seed) {
  const eqnn::hard::Family& family = eqnn::hard::family(family_id);
  std::vector<std::string> known;
  for (const auto& p : family.parameters) known.push_back(p.name);
  const SortedOptions sorted = sort_options(options, known);
  TrainConfig c;
  c.family = family.id;
  c.member_seed = c.init_seed = c.data_seed = seed;
  c.params = family_parameters(family, sorted.parameters);
  return set_fields(c, family.training(c.params), sorted.fields);
}

TrainConfig resolve_config(const RawOptions& options, std::uint64_t seed, const ReadData& read) {
  const std::string family = last_value(options, "family"), member = last_value(options, "member"),
                    path = last_value(options, "data"), format = last_value(options, "format");
  RawOptions fields;
  for (const RawOption& o : without_online(options))
    if (o.name != "family" && o.name != "member") fields.push_back(o);
  if (!path.empty()) {
    require(family.empty() && member.empty(), "--data and a family exclude each other: train on one of them");
    const DataChoices choices = data_choices(last_value(fields, "loss"), last_value(fields, "node-labels"));
    TrainConfig c = data_config(*read(path, format.empty() ? "gin" : format, choices), fields, seed);
    hash_weights(c);
    return c;
  }
  require(!family.empty(),
          "no family is given; name one, such as gnn-degree-parity (eqnn families list has them "
          "all), or a file of examples as 'data'");
  TrainConfig c = family_config(family, fields, seed);
  if (!member.empty()) take_member(c, member, fields);
  fill_derived_parameters(c);
  hash_weights(c);
  return c;
}

void explain_config(CommandText& text, const TrainConfig& c) {
  const std::set<std::string> read = fields_read(c);
  for (const ConfigField& field : config_fields())
    for (FlagText& flag : text.flags) {
      if (flag.name != "--" + field.name || flag.group != field.heading || field.heading == "Seeds") continue;
      if (const std::string readers = readers_of(field.name); !read.contains(field.name) && !readers.empty())
        flag.help += concat(" (", readers, ")");
      else if (!field.is_switch)
        flag.fallback = flag_value(field, c);
    }
}

std::shared_ptr<const LabelledExamples> read_data(const std::string& path, const std::string& format,
                                                  const DataChoices& choices) {
  return std::make_shared<const LabelledExamples>(read_dataset(path, format, choices));
}

}  // namespace tools
