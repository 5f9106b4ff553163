#include "data/members.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include <eqnn/io/files.h>

#include "cli/text.h"

namespace tools {
namespace {

using eqnn::FileError;
using eqnn::NpyArray;
using eqnn::hard::Family;
using eqnn::hard::Member;

// Equal values as equal text, so that equal configurations have one run id: 1e-2 as 0.01, --flag as true.
std::string canonical(const std::string& text, const std::string& default_value) {
  if (default_value == "true" || default_value == "false")
    return text.empty() || text == "1" ? "true" : text == "0" ? "false" : text;
  if (const auto whole = whole_number(text)) return std::to_string(*whole);
  double value = 0;
  const std::string_view digits = without_plus(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value) ? number_text(value)
                                                                                          : text;
}

// --- members in npz files: one array member.KEY for each key of the JSON document ------------------------

bool all_integers(const Json& v) {
  if (!v.is_array()) return v.is_number_integer();
  return std::all_of(v.begin(), v.end(), all_integers);
}

void flatten_numbers(const Json& v, std::vector<double>& out) {
  if (!v.is_array()) return out.push_back(v.get<double>());
  for (const Json& item : v) flatten_numbers(item, out);
}

bool is_numeric(const Json& v) {
  if (v.is_array()) return std::all_of(v.begin(), v.end(), is_numeric);
  return v.is_number();
}

// Numbers and rectangular lists of numbers become numeric arrays, everything else its JSON text in bytes.
NpyArray member_array(const Json& v) {
  if (v.is_boolean()) {
    const std::vector<std::uint8_t> bit{v.get<bool>()};
    return eqnn::npy_array<std::uint8_t>({}, bit);
  }
  std::vector<Index> shape;
  for (const Json* level = &v; level->is_array(); level = &level->at(0)) {
    shape.push_back(static_cast<Index>(level->size()));
    if (level->empty()) break;
  }
  std::size_t items = 1;
  for (Index s : shape) items *= static_cast<std::size_t>(s);
  std::vector<double> numbers;
  if (is_numeric(v)) flatten_numbers(v, numbers);
  if (!is_numeric(v) || numbers.size() != items) {
    const std::string text = to_text(v);
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    return eqnn::npy_array<std::uint8_t>({static_cast<Index>(bytes.size())}, bytes);
  }
  if (!all_integers(v)) return eqnn::npy_array<double>(shape, numbers);
  const std::vector<std::int64_t> whole(numbers.begin(), numbers.end());
  return eqnn::npy_array<std::int64_t>(shape, whole);
}

Json nested(const NpyArray& a, const std::vector<double>& values, std::size_t axis, std::size_t& next) {
  if (axis == a.shape.size()) {
    const double v = values[next++];
    return a.dtype == "<f8" ? Json(v) : Json(static_cast<std::int64_t>(v));
  }
  Json list = Json::array();
  for (Index i = 0; i < a.shape[axis]; ++i) list.push_back(nested(a, values, axis + 1, next));
  return list;
}

Json member_value(const NpyArray& a, const std::string& path) {
  const std::vector<double> values = eqnn::as_doubles(a);
  if (a.dtype == "|u1" && a.shape.empty()) return Json(values[0] != 0);
  if (a.dtype == "|u1") {
    const Json parsed = parse_json_if(std::string(values.begin(), values.end()));
    require<FileError>(!parsed.is_discarded(), path, ": a member array of bytes is not JSON text");
    return parsed;
  }
  std::size_t next = 0;
  return nested(a, values, 0, next);
}

// The member's text with d where it leaves it out. With a graph A, d is the height of B.
std::string with_channels(const Family& family, const std::string& text, Index channels) {
  if (channels == 0 || !family.has_parameter("d")) return text;
  Json j = parse_json_if(text);
  if (!j.is_object() || j.contains("d") || j.contains("A")) return text;
  j["d"] = channels;
  return to_text(j);
}

constexpr const char* kFamilyHeading = "The family's parameters";

}  // namespace

void add_family_argument(Subcommand sub, std::string& id, bool required) {
  const char* help = "family (eqnn families list)";
  required ? sub.required("ID", id, help) : sub.option("ID", id, help);
  std::vector<std::string> ids;
  for (const auto& family : eqnn::hard::families()) ids.push_back(family.id);
  sub.knows(std::move(ids));
}

void add_family_flags(Subcommand sub, TextFlags& flags) {
  struct Flag {
    std::string meaning, families;
    bool is_switch = false;
  };
  std::map<std::string, Flag> all;
  for (const auto& family : eqnn::hard::families())
    for (const auto& p : family.parameters) {
      Flag& flag = all[p.name];
      if (flag.families.empty()) flag.meaning = p.meaning;
      if (flag.meaning != p.meaning) flag.meaning = "a size or choice of the family";
      flag.families += concat(flag.families.empty() ? "" : ", ", family.id);
      flag.is_switch = p.default_value == "true" || p.default_value == "false";
    }
  sub.heading(kFamilyHeading);
  for (const auto& [name, f] : all) flags.add(sub, name, concat(f.meaning, " (", f.families, ")"), f.is_switch);
}

void explain_family(CommandText& text, const std::string& id, const std::string& more) {
  if (id.empty()) return;
  const Family& family = eqnn::hard::family(id);
  text.notes = {concat("The flags of ", family.id, "; in brackets what stands where one is not given.")};
  text.examples = {concat(text.name, " ", family.id, more)};
  std::erase_if(text.flags, [&](FlagText& flag) {
    if (flag.group != kFamilyHeading) return false;
    const auto is_flag = [&](const auto& p) { return flag.name == "--" + p.name; };
    const auto p = std::find_if(family.parameters.begin(), family.parameters.end(), is_flag);
    if (p == family.parameters.end()) return true;
    flag.help = p->meaning;
    flag.fallback = p->default_value;
    return false;
  });
}

void leave_out_implicit(const Family& family, eqnn::hard::ParameterValues& values) {
  for (const auto& p : family.parameters)
    if (const auto found = values.find(p.name);
        p.implicit && found != values.end() && found->second == p.default_value)
      values.erase(found);
}

eqnn::hard::ParameterValues family_parameters(const eqnn::hard::Family& family, const RawOptions& options) {
  eqnn::hard::ParameterValues values;
  std::string known;
  for (const auto& p : family.parameters) {
    values[p.name] = p.default_value;
    known += concat(known.empty() ? "--" : ", --", p.name);
  }
  for (const RawOption& o : options) {
    require(values.contains(o.name), "--", o.name, " is not a parameter of ", family.id, "; it has ", known);
    values[o.name] = canonical(o.value, values[o.name]);
  }
  leave_out_implicit(family, values);
  return values;
}

std::unique_ptr<Member> read_member(const Family& family, const std::string& path, Index channels) {
  if (!path.ends_with(".npz")) {
    try {
      return family.parse(with_channels(family, eqnn::read_file(path), channels));
    } catch (const FileError& e) {
      const std::string what = e.what();
      throw FileError(what.find(path) == std::string::npos ? concat(path, ": ", what) : what);
    } catch (const ValueError& e) {
      throw ValueError(concat(path, ": ", e.what()));
    }
  }
  Json j = Json::object();
  const std::string prefix = "member.";
  for (const auto& [name, array] : eqnn::read_npz(path))
    if (name.starts_with(prefix)) j[name.substr(prefix.size())] = member_value(array, path);
  require<FileError>(!j.empty(), path, ": holds no member.* arrays; eqnn families sample writes them");
  try {
    return family.parse(with_channels(family, to_text(j), channels));
  } catch (const ValueError& e) {
    throw ValueError(concat(path, ": ", e.what()));
  }
}

std::optional<std::string> held_parameter(const Json& member, const eqnn::hard::Parameter& parameter) {
  std::string key = parameter.name;
  std::replace(key.begin(), key.end(), '-', '_');
  if (!member.contains(key)) return parameter.implicit ? std::optional(parameter.default_value) : std::nullopt;
  const Json& held = member.at(key);
  return held.is_string()  ? held.get<std::string>()
         : held.is_array() ? std::to_string(held.size())  // --terms 5: so many
                           : to_text(held);
}

void check_agrees(const Member& member, const Family& family, const RawOptions& given, const std::string& path) {
  const Json document = parse_json(member.json());
  for (const RawOption& o : given) {
    const auto p = std::find_if(family.parameters.begin(), family.parameters.end(),
                                [&](const eqnn::hard::Parameter& known) { return known.name == o.name; });
    if (p == family.parameters.end()) continue;
    const auto text = held_parameter(document, *p);
    if (!text) continue;
    require(*text == canonical(o.value, p->default_value), "--", o.name, " is ", o.value, " and the member in ",
            path, " has ", *text, "; leave the flag out, or give another --member");
  }
}

eqnn::NpzArrays member_arrays(const std::string& json) {
  eqnn::NpzArrays arrays;
  const Json document = parse_json(json);
  for (const auto& [key, value] : document.items()) arrays["member." + key] = member_array(value);
  return arrays;
}

}  // namespace tools
