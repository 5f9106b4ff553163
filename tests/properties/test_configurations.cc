// Random sets of flags of `eqnn train`: each is refused, or each flag of it stands in the configuration and counts
// in the run's id; and a configuration is the same however it is written.
#include <doctest/doctest.h>
#include <eqnn/core/check.h>

#include <unistd.h>
#include <algorithm>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "properties/family_parameters.h"
#include "properties/property.h"
#include "train/choices.h"
#include "train/config.h"
#include "train/models.h"
#include "train/resolve.h"

namespace test_configurations {

using namespace tools;
using eqnn::testing::between;
using eqnn::testing::check_property;
using eqnn::testing::drawn_parameters;

namespace {

struct Flags {
  RawOptions options;
};
void showValue(const Flags& f, std::ostream& out) {
  for (const RawOption& o : f.options) out << " --" << o.name << " " << o.value;
}

// Texts that a flag may be given, most of them allowed.
std::vector<std::string> texts_of(const std::string& name) {
  static const std::map<std::string, std::vector<std::string>> texts = {
      {"model", models().names()},
      {"activation", activations().names()},
      {"init", initializers().names()},
      {"adjacency", adjacency_forms().names()},
      {"pool", pools().names()},
      {"frame-group", point_groups().names()},
      {"norm", norms().names()},
      {"optimizer", optimizers().names()},
      {"schedule", schedules().names()},
      {"loss", losses().names()},
      {"dtype", dtypes().names()},
      {"oracle", oracles().names()},
      {"answer", oracle_answers().names()},
      {"format", {"gin", "csv"}},
      {"node-labels", {"file", "degree", "none"}},
      {"init-scale", {"1", "0.5", "1e-2", "nan"}},
      {"dropout", {"0", "0.25", "0.999", "1"}},
      {"momentum", {"0", "0.9", "5e-1"}},
      {"weight-decay", {"0", "0.01", "1e-4", "-1"}},
      {"decay-factor", {"0.1", "0.5", "1", "2"}},
      {"noise", {"0", "0.1"}},
      {"label-transform", {"none", "abs", "clip-square", "clip-square:4", "sign:-1.5", "cube"}},
      {"phases", {"none:8:2e-3", "square:4:0.002,none:8:1e-2", "clip-square:9:5:1,sign:1:3:0", "abs:4", ""}},
      {"first-lr", {"0", "1.5", "100", "-1"}},
      {"lr", {"0", "2e-3", "0.002", "0.1"}},
      {"clip-norm", {"0", "1", "1.0"}},
      {"stop-at-loss", {"0", "0.01"}},
      {"tau", {"0.1", "1e-3", "0"}},
      {"fails-from", {"0.9", "0.5", "1.5"}},
      {"learned-below", {"0.05", "0.1", "0.95"}},
      {"memorised-train-below", {"0.1", "0.2", "1"}},
      {"fold", {"-1", "0", "3"}},
      {"folds", {"0", "1", "10"}},
      {"member-seed", {"0", "7", "18446744073709551615"}},
      {"init-seed", {"0", "7", "9223372036854775808"}},
      {"data-seed", {"0", "7"}},
  };
  if (const auto found = texts.find(name); found != texts.end()) return found->second;
  for (const ConfigField& f : config_fields())
    if (f.name == name && f.is_switch) return {"true", "false", "1", "yes"};
  return {"0", "1", "2", "8", "12", "1e2", "1000", "2.5", "x"};
}

// A family with its parameters, and a dozen flags at most, each once.
rc::Gen<Flags> any_flags() {
  return rc::gen::exec([] {
    Flags f;
    const auto& families = eqnn::hard::families();
    const std::string family = families[*between<std::size_t>(0, families.size() - 1)].id;
    f.options.push_back({"family", family});
    for (const auto& [name, value] : drawn_parameters(family)) f.options.push_back({name, value});
    std::set<std::string> names;
    for (int count = *between(0, 12); count > 0; --count) {
      const auto& fields = config_fields();
      // Some flags are refused beside most others: not in every set.
      const std::string name = fields[*between<std::size_t>(0, fields.size() - 1)].name;
      const bool rare = name == "data" || name == "format" || name == "fold" || name == "folds" ||
                        name == "node-labels" || name == "tau" || name == "answer" || name == "oracle-samples";
      // Those that name a file are tried by tests of the command.
      if (name == "data" || name == "init-from" || (rare && *between(0, 3) > 0) || !names.insert(name).second)
        continue;
      f.options.push_back({name, *rc::gen::elementOf(texts_of(name))});
      if (name == "oracle" && names.insert("tau").second) f.options.push_back({"tau", "0.2"});
    }
    return f;
  });
}

std::shared_ptr<const LabelledExamples> no_data(const std::string&, const std::string&, const DataChoices&) {
  throw eqnn::FileError("no file is read here");
}

// Nothing where it is refused as a usage error, which is a ValueError; other errors are the property's.
std::optional<TrainConfig> resolved(const RawOptions& options) {
  try {
    return resolve_config(options, 3, no_data);
  } catch (const eqnn::ValueError& e) {
    RC_ASSERT(!std::string(e.what()).empty());
    return std::nullopt;
  }
}

RawOptions without(const RawOptions& options, const std::string& name) {
  RawOptions kept;
  for (const RawOption& o : options)
    if (o.name != name) kept.push_back(o);
  return kept;
}

const ConfigField* field_of(const std::string& name) {
  for (const ConfigField& f : config_fields())
    if (f.name == name) return &f;
  return nullptr;
}

}  // namespace

TEST_CASE("properties of configurations: a set of flags is refused, or each flag of it counts") {
  std::set<std::string> counted;
  int refused = 0, taken = 0;
  const bool all = check_property("flags", 4000, [&] {
    const Flags given = *any_flags();
    const auto c = resolved(given.options);
    ++(c ? taken : refused);
    if (!c) return;
    const std::set<std::string> read = fields_read(*c);
    for (const RawOption& o : given.options) {
      const ConfigField* field = field_of(o.name);
      if (field == nullptr) continue;
      // It is there as it was given.
      TrainConfig as_given;
      field->set(as_given, o.value);
      if (field->get(as_given) != field->get(*c)) RC_FAIL(concat("--", o.name, " became ", field->get(*c)));
      // Without it the run is another, unless it has this value anyway; and what nothing reads, it has anyway.
      const auto other = resolved(without(given.options, o.name));
      if (!other) continue;  // another flag needs it
      const bool same = field->get(*c) == field->get(*other);
      if (same != (run_id(*c) == run_id(*other))) RC_FAIL(concat("--", o.name, " ", o.value, " and the run's id"));
      if (!same && !read.contains(o.name)) RC_FAIL(concat("--", o.name, " is not read and was taken"));
      if (!same) counted.insert(o.name);
    }
  });
  if (!all) return;
  CHECK(refused > 20);
  CHECK(taken > 20);
  CHECK(counted.size() > 30);
}

TEST_CASE("properties of configurations: the order of flags does not matter") {
  check_property("order", 4000, [] {
    const Flags given = *any_flags();
    RawOptions other;
    const eqnn::Permutation p = *eqnn::testing::permutation_of(static_cast<eqnn::Index>(given.options.size()));
    for (const std::int32_t i : p.images()) other.push_back(given.options[static_cast<std::size_t>(i)]);
    const auto a = resolved(given.options), b = resolved(other);
    RC_ASSERT(a.has_value() == b.has_value());
    if (!a) return;
    RC_ASSERT(config_json(*a) == config_json(*b));
    RC_ASSERT(run_id(*a) == run_id(*b));
  });
}

TEST_CASE("properties of configurations: of two values of a flag the later one counts") {
  int compared = 0;
  const bool all = check_property("later flags", 4000, [&] {
    const Flags given = *any_flags();
    const auto c = resolved(given.options);
    const auto index = *between<std::size_t>(0, given.options.size() - 1);
    const ConfigField* field = field_of(given.options[index].name);
    if (!c || field == nullptr) return;
    ++compared;
    RawOptions twice = given.options;
    twice.insert(twice.begin(), {field->name, given.options[index].value});
    const std::vector<std::string> texts = texts_of(field->name);
    TrainConfig scratch;
    for (const std::string& text : texts) try {
        field->set(scratch, text);
        twice.front().value = text;  // the last that is allowed
      } catch (const eqnn::ValueError&) {
      }
    const auto again = resolved(twice);
    RC_ASSERT(again.has_value());
    RC_ASSERT(run_id(*again) == run_id(*c));
  });
  if (all) CHECK(compared > 20);
}

TEST_CASE("properties of configurations: written as JSON, as TOML and as flags, and read again, it is the same") {
  const std::string path =
      (std::filesystem::temp_directory_path() / concat("eqnn-config-", getpid(), ".toml")).string();
  int compared = 0;
  const bool all = check_property("writing", 3000, [&] {
    const Flags given = *any_flags();
    const auto c = resolved(given.options);
    if (!c) return;
    ++compared;
    const std::string json = config_json(*c);
    RC_ASSERT(config_json(parse_config_json(json)) == json);
    RC_ASSERT(run_id(parse_config_json(json)) == run_id(*c));
    const std::string text = config_toml(*c);
    std::ofstream(path) << text;
    const TrainConfig read = resolve_config(read_toml(path), 99, no_data);  // its seeds are in the file
    RC_ASSERT(config_json(read) == json);
    RC_ASSERT(config_toml(read) == text);
    RC_ASSERT(run_id(read) == run_id(*c));
    RawOptions flags = config_options(*c);
    flags.push_back({"family", c->family});
    RC_ASSERT(config_json(resolve_config(flags, 99, no_data)) == json);
  });
  std::filesystem::remove(path);
  if (all) CHECK(compared > 20);
}

}  // namespace test_configurations
