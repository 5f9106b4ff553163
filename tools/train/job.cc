#include "train/job.h"

#include <algorithm>
#include <iterator>


#include "cli/json.h"
#include "data/members.h"

namespace tools {
namespace {


// A member file decides the parameters that it holds (n, ...), whatever their flags' defaults. In a TOML file
// the member itself may stand, as --print-config writes it.
void take_member(TrainConfig& c, const std::string& source, const RawOptions& options) {
  const auto& family = eqnn::hard::family(c.family);
  const auto member = source.starts_with("{") ? family.parse(source) : read_member(family, source);
  c.member = member->json();
  RawOptions parameters;
  std::copy_if(options.begin(), options.end(), std::back_inserter(parameters),
               [&](const RawOption& o) { return c.params.contains(o.name); });
  check_agrees(*member, parameters, c.params, source);
  const Json j = parse_json(c.member);
  for (auto& [name, value] : c.params) {
    std::string key = name;
    std::replace(key.begin(), key.end(), '-', '_');
    if (!j.contains(key)) continue;
    const Json& held = j.at(key);
    value = held.is_string()  ? held.get<std::string>()
            : held.is_array() ? std::to_string(held.size())
                              : to_text(held);
  }
}

// Parameters whose default is derived from others (empty text), as the member has them.
void fill_derived_parameters(TrainConfig& c) {
  const auto is_empty = [](const auto& parameter) { return parameter.second.empty(); };
  if (std::none_of(c.params.begin(), c.params.end(), is_empty)) return;
  const Json j = parse_json(make_member(c)->json());
  for (auto& [name, value] : c.params)
    if (value.empty() && j.contains(name) && j.at(name).is_number()) value = to_text(j.at(name));
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

TrainConfig family_config(const std::string& family, const std::string& member, const RawOptions& options,
                          std::uint64_t seed) {
  TrainConfig c = resolve_config(family, options, seed);
  if (!member.empty()) take_member(c, member, options);
  fill_derived_parameters(c);
  return c;
}

TrainConfig any_config(const RawOptions& options, std::uint64_t seed, const ReadData& data) {
  const std::string family = last_value(options, "family"), member = last_value(options, "member"),
                    path = last_value(options, "data"), format = last_value(options, "format");
  RawOptions fields;
  for (const RawOption& o : without_online(options))
    if (o.name != "family" && o.name != "member") fields.push_back(o);
  if (path.empty()) {
    require(!family.empty(),
            "no family is given; name one, such as gnn-degree-parity (eqnn families list has them "
            "all), or a file of examples as 'data'");
    return family_config(family, member, fields, seed);
  }
  require(family.empty() && member.empty(), "--data and a family exclude each other: train on one of them");
  return resolve_config(*data(path, format.empty() ? "gin" : format), fields, seed);
}

}  // namespace tools
