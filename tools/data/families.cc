// `eqnn families`: what the families are, their members as files, and certificates.

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <fmt/core.h>

#include <eqnn/io/files.h>
#include <eqnn/io/npz.h>

#include "cli/columns.h"
#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "commands.h"
#include "data/inputs.h"
#include "data/members.h"

namespace tools {
namespace {

using eqnn::FileError;
using eqnn::NpyArray;
using eqnn::NpzArrays;
using eqnn::hard::Family;
using eqnn::hard::Member;

// --- list, show --------------------------------------------------------------------------------------------

Json family_json(const Family& f) {
  Json parameters = Json::array();
  for (const auto& p : f.parameters)
    parameters.push_back({{"name", p.name}, {"default", p.default_value}, {"meaning", p.meaning}});
  return {{"id", f.id},           {"title", f.title},           {"theorem", f.theorem},
          {"group", f.group},     {"definition", f.definition}, {"input_law", f.input_law},
          {"control", f.control}, {"parameters", parameters}};
}

// In lines as wide as the terminal, those behind the first further in; elsewhere in one.
void print_entry(const std::string& name, const std::string& text, std::size_t indent) {
  const std::size_t columns = line_columns();
  fmt::print("{}{}", name, columns == SIZE_MAX ? text + '\n' : wrapped(text, name.size(), indent, columns));
}

void print_family(const Family& f) {
  print_entry(fmt::format("{}   ", f.id), f.title, 4);
  for (const auto& [name, text] : {std::pair("theorem", &f.theorem),
                                   {"group", &f.group},
                                   {"inputs", &f.input_law},
                                   {"definition", &f.definition},
                                   {"control", &f.control}})
    print_entry(fmt::format("  {:<12}", name), *text, 14);
  for (const auto& p : f.parameters)
    print_entry(fmt::format("  --{:<12} default {:<8} ", p.name, p.default_value), p.meaning, 14);
}

int list(const Common& common) {
  Json all = Json::array();
  for (const Family& f : eqnn::hard::families()) {
    all.push_back(family_json(f));
    if (!common.json) print_family(f);
  }
  if (common.json) fmt::print("{}\n", to_text(all));
  return kDone;
}

// One line, also with file names that are no UTF-8.
std::string json_line(const Json& j) { return to_text(j); }

struct FamilyFlags {
  std::string id, member, in, out;
  std::string count = "1", members;
  bool force = false;
  TextFlags parameters;
};

RawOptions parameters_given(const FamilyFlags& flags) {
  RawOptions given = flags.parameters.given();
  std::erase_if(given, [](const RawOption& o) { return o.name == "member-seed" || o.name == "data-seed"; });
  return given;
}

std::uint64_t member_seed(const FamilyFlags& flags, const Common& common) {
  return flags.parameters.has("member-seed") ? parse_seed("member-seed", flags.parameters.get("member-seed"))
                                             : common.seed;
}

std::uint64_t data_seed(const FamilyFlags& flags, const Common& common) {
  return flags.parameters.has("data-seed") ? parse_seed("data-seed", flags.parameters.get("data-seed"))
                                           : common.seed;
}

// The channels of an input as the flags or the given inputs have them; 0 when neither says.
Index known_channels(const Family& family, const FamilyFlags& flags) {
  if (!family.has_parameter("d")) return 0;
  if (flags.parameters.has("d")) return parse_integer("d", flags.parameters.get("d"), 1, std::int64_t{1} << 20);
  if (flags.in.empty()) return 0;
  const NpzArrays arrays = eqnn::read_npz(flags.in);
  const auto x = arrays.find("x");
  return x != arrays.end() && x->second.shape.size() == 3 ? std::max<Index>(0, x->second.shape[2]) : 0;
}

// The member of the flags: given, or drawn from the member seed.
std::unique_ptr<Member> chosen_member(const FamilyFlags& flags, const Common& common) {
  const Family& family = eqnn::hard::family(flags.id);
  const RawOptions given = parameters_given(flags);
  const auto values = family_parameters(family, given);
  if (flags.member.empty()) return family.draw(values, member_seed(flags, common));
  auto member = read_member(family, flags.member, known_channels(family, flags));
  check_agrees(*member, family, given, flags.member);
  return member;
}

void warn(const Member& member, const Common& common) {
  if (common.quiet) return;
  for (const std::string& w : member.warnings()) note("eqnn: warning: {}\n", one_line(w));
}

int show(const FamilyFlags& flags, const Common& common) {
  const Family& family = eqnn::hard::family(flags.id);
  const auto member = chosen_member(flags, common);
  warn(*member, common);
  if (common.json) {
    Json j = family_json(family);
    j["member"] = parse_json(member->json());
    Json facts = Json::object(), errors = Json::object();
    for (const auto& f : member->facts()) {
      facts[f.name] = f.value;
      if (f.error > 0) errors[f.name] = f.error;
    }
    j.update(facts);
    j["standard_errors"] = errors;
    fmt::print("{}\n", to_text(j));
    return kDone;
  }
  print_family(family);
  fmt::print("  member      {}\n", member->json());
  for (const auto& f : member->facts())
    fmt::print("  {:<28} {:<14.8g}{} {}\n", f.name, f.value, f.error > 0 ? fmt::format(" +- {:.2g}", f.error) : "",
               f.meaning);
  return kDone;
}

// --- sample, eval ------------------------------------------------------------------------------------------

// Inputs in double, a few thousand at a time.
constexpr Index kChunk = 4096;

int sample(const FamilyFlags& flags, const Common& common) {
  const Index count = parse_integer("count", flags.count, 1, std::int64_t{1} << 31);
  const auto member = chosen_member(flags, common);
  warn(*member, common);
  const auto& layout = member->input();
  const std::string member_path = fmt::format(
      "{}.member.json", flags.out.ends_with(".npz") ? flags.out.substr(0, flags.out.size() - 4) : flags.out);
  claim_output(flags.out, flags.force);
  claim_output(member_path, flags.force);
  const std::size_t size = static_cast<std::size_t>(layout.points * layout.channels);
  std::vector<std::uint8_t> bits;
  std::vector<double> reals, y;
  // What can never fit fails here, not after minutes.
  if (layout.bits)
    bits.reserve(static_cast<std::size_t>(count) * size);
  else
    reals.reserve(static_cast<std::size_t>(count) * size);
  y.reserve(static_cast<std::size_t>(count));
  for (Index first = 0; first < count; first += kChunk) {
    const Index n = std::min(kChunk, count - first);
    std::vector<double> chunk(static_cast<std::size_t>(n) * size);
    const eqnn::Block<double> x{chunk.data(), n, layout.points, layout.channels, layout.channels};
    member->sample({data_seed(flags, common), eqnn::Stream::user, 0, static_cast<std::uint64_t>(first)}, x);
    for (Index e = 0; e < n; ++e)
      y.push_back(member->value({x.row(e), layout.points, layout.channels, layout.channels}));
    if (layout.bits)
      bits.insert(bits.end(), chunk.begin(), chunk.end());
    else
      reals.insert(reals.end(), chunk.begin(), chunk.end());
  }
  const std::vector<Index> shape = file_shape(count, layout);
  NpzArrays arrays{{layout.name, layout.bits ? eqnn::npy_array<std::uint8_t>(shape, bits)
                                             : eqnn::npy_array<double>(shape, reals)},
                   {"y", eqnn::npy_array<double>({count}, y)}};
  const Json document = parse_json(member->json());
  for (auto& [name, array] : member_arrays(to_text(document))) arrays[name] = std::move(array);
  // Beside a pipe or a device there is no member. Asked before anything is written: both files are, or none.
  const bool file = !is_there(flags.out) || is_plain_file(flags.out);
  eqnn::write_npz(flags.out, arrays);
  try {
    if (file) eqnn::write_atomically(member_path, member->json() + "\n");
  } catch (const FileError&) {
    std::error_code ignored;  // what is told is why the member could not be written
    std::filesystem::remove(flags.out, ignored);
    throw;
  }
  if (common.json)
    fmt::print(
        "{}\n",
        json_line({{"out", flags.out}, {"member", file ? Json(member_path) : Json(nullptr)}, {"count", count}}));
  else if (!common.quiet && file)
    fmt::print("{} examples in {}, the member in {}\n", count, flags.out, member_path);
  return kDone;
}

std::vector<double> values_of(const Member& member, const InputArray& in) {
  std::vector<double> y;
  for (Index e = 0; e < in.examples; ++e) {
    try {
      y.push_back(member.value(in.example(e)));
    } catch (const ValueError& error) {
      throw FileError(concat("example ", e, ": ", error.what()));
    }
  }
  return y;
}

int eval(const FamilyFlags& flags, const Common& common) {
  require(!flags.member.empty(), "families eval needs --member F.json or F.npz");
  const auto member = chosen_member(flags, common);
  const InputArray in = read_inputs(flags.in, member->input());
  const std::vector<double> y = values_of(*member, in);
  claim_output(flags.out, flags.force);
  eqnn::write_npz(flags.out, {{"y", eqnn::npy_array<double>({in.examples}, y)}});
  if (common.json)
    fmt::print("{}\n", json_line({{"out", flags.out}, {"examples", in.examples}}));
  else if (!common.quiet)
    fmt::print("{} values in {}\n", in.examples, flags.out);
  return kDone;
}

// --- check -------------------------------------------------------------------------------------------------

// One check for a data file: how many of its values differ from the member's.
eqnn::hard::Check check_values(const Member& member, const std::string& path) {
  const InputArray in = read_inputs(path, member.input());
  const NpzArrays arrays = eqnn::read_npz(path);
  const auto found = arrays.find("y");
  require<FileError>(found != arrays.end() && found->second.shape == std::vector<Index>{in.examples}, path,
                     ": array 'y' with one value an example is needed");
  const std::vector<double> y = eqnn::as_doubles(found->second), expected = values_of(member, in);
  Index wrong = 0;
  for (std::size_t i = 0; i < y.size(); ++i)
    wrong += std::abs(y[i] - expected[i]) <= 1e-10 * (1 + std::abs(expected[i])) ? 0 : 1;
  return {"values that differ from the member's", static_cast<double>(wrong), 0, 0,
          fmt::format("{} examples of {}", in.examples, path)};
}

int check(const FamilyFlags& flags, const Common& common) {
  const eqnn::hard::CheckOptions options{.seed = flags.members.empty() ? data_seed(flags, common)
                                                                       : member_seed(flags, common)};
  const Family& family = eqnn::hard::family(flags.id);
  std::vector<eqnn::hard::Check> checks;
  require(flags.in.empty() || !flags.member.empty(),
          "families check --in needs --member F: whose values are to be checked?");
  if (!flags.members.empty()) {
    require(flags.member.empty(), "--members and --member exclude each other");
    checks = family.check_members(family_parameters(family, parameters_given(flags)),
                                  parse_integer("members", flags.members, 1, 4096), options);
  } else {
    const auto member = chosen_member(flags, common);
    warn(*member, common);
    if (flags.in.empty())
      checks = member->check(options);
    else
      checks = {check_values(*member, flags.in)};
  }
  const bool pass = std::all_of(checks.begin(), checks.end(), [](const auto& c) { return c.pass(); });
  Json rows = Json::array();
  for (const auto& c : checks) {
    rows.push_back({{"name", c.name},
                    {"value", c.value},
                    {"expected", c.expected},
                    {"tolerance", c.tolerance},
                    {"how", c.how},
                    {"pass", c.pass()}});
    if (!common.json)
      fmt::print("{}  {}\n      value {:.10g}, expected {:.10g}, tolerance {:.3g}; {}\n",
                 c.pass() ? "pass" : "FAIL", c.name, c.value, c.expected, c.tolerance, c.how);
  }
  if (common.json) fmt::print("{}\n", json_line({{"family", flags.id}, {"pass", pass}, {"checks", rows}}));
  return pass ? kDone : kAnsweredNo;
}

}  // namespace

void add_families(CommandLine& line) {
  Subcommand families =
      line.add("families", "the hard function families: list, show, sample, eval, check", "Functions");
  families.example("eqnn families show gnn-degree-parity --n 15 # definition, input law, exact facts");
  families.example("eqnn families sample cnn-cyclic --count 1000 --out data.npz # inputs and labels");
  families.add("list", "every family").runs(list);
  const auto add = [&](const char* name, const char* help, int (*run)(const FamilyFlags&, const Common&),
                       const char* more) {
    Subcommand sub = families.add(name, help);
    auto flags = std::make_shared<FamilyFlags>();
    add_family_argument(sub, flags->id, true);
    add_family_flags(sub, flags->parameters);
    flags->parameters.add(sub, "member-seed", "seed of the member (default: --seed)");
    flags->parameters.add(sub, "data-seed", "seed of the inputs (default: --seed)");
    sub.option("--member", flags->member, "member file, .json or .npz, instead of a drawn member");
    sub.takes("FILE", {".json", ".npz"});
    if (std::string_view(name) != "eval") sub.uses("--seed", "default of --member-seed and --data-seed");
    sub.heading("");
    sub.explains([flags, more](CommandText& text) { explain_family(text, flags->id, more); });
    sub.runs([flags, run](const Common& common) { return run(*flags, common); });
    return std::pair{sub, flags};
  };
  add("show", "definition, facts and hardness of one instance", show, "");
  {
    auto [sub, flags] =
        add("sample", "inputs and labels of a member, as npz", sample, " --count 1000 --out data.npz");
    sub.required("--count", flags->count, "examples");
    sub.required("-o,--out", flags->out, "npz; the member goes beside it, as .member.json");
    sub.takes("FILE", {".npz"});
    sub.toggle("--force", flags->force, "replace existing outputs");
  }
  {
    auto [sub, flags] = add("eval", "a member's values on given inputs", eval,
                            " --member data.member.json --in data.npz --out values.npz");
    sub.required("--in", flags->in, "npz with the inputs");
    sub.takes("FILE", {".npz"});
    sub.required("-o,--out", flags->out, "npz for the values, y (double)");
    sub.takes("FILE", {".npz"});
    sub.toggle("--force", flags->force, "replace an existing output");
  }
  {
    auto [sub, flags] =
        add("check", "certify a member, many members, or a data file; exit 4 when a check fails", check, "");
    sub.option("--members", flags->members, "draw so many members and compare their Gram matrix");
    sub.option("--in", flags->in, "npz whose y is recomputed (with --member)");
    sub.takes("FILE", {".npz"});
  }
}

}  // namespace tools
